"""What a word's uses, and the tokens of one sentence, have in common (A2-A4; Ethayarajh 2019)."""

import numpy as np
from jaxtyping import Float, Float64, Int

from embedlab.errors import MeasureError
from embedlab.measure.anisotropy import mean_cosine
from embedlab.measure.rows import all_alike, blocks, checked, column_means, is_zero, norms, number, row_cosine

MIN_USES = 5  # below this a word's self-similarity is not reported (A2)


def self_similarity(X: Float[np.ndarray, "n d"]) -> float:
    """Mean cosine over all ordered pairs of different uses of one word; minus mean_cosine of the layer = adjusted.

    Range [-1/(n-1), 1]; 1 = context changes nothing, neither end is good. Zero rows are left out. Source: A2.

    >>> self_similarity(np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]))
    0.3333333333333333
    """
    return mean_cosine(X)


def intra_sentence_similarity(X: Float[np.ndarray, "n d"]) -> float:
    """Mean cosine of the tokens of one sentence with their (raw) mean: mean_i cos(x_i, mean_j x_j).

    Range [-1, 1]; neither end is good. Noise alone gives about 1/sqrt(n), since the mean holds the token itself: read
    it beside intra_sentence_null. Zero rows are left out. Source: A3.

    >>> round(intra_sentence_similarity(np.array([[1.0, 0.0], [0.0, 1.0]])), 6)
    0.707107
    """
    checked(X)
    rows = X[~is_zero(X)]
    centre = column_means(rows) if len(rows) else np.zeros(X.shape[1])
    if len(rows) < 2 or np.linalg.norm(centre) <= 1e-12 * norms(rows).max():
        raise MeasureError("The tokens of this sentence have no mean direction to compare with.")
    return number(row_cosine(rows, np.broadcast_to(centre, rows.shape)).mean())


def intra_sentence_null(
    background: Float[np.ndarray, "s d"], sizes: Int[np.ndarray, "s"], seed: int = 0
) -> Float64[np.ndarray, "s"]:
    """What intra_sentence_similarity would be for a sentence of random tokens: the null matched in size.

    background[i] is one random token of sentence i and sizes[i] its number of tokens; sentence i gets sizes[i] tokens
    of so many OTHER sentences. Declared NaN where a sentence has fewer than two tokens, more than there are other
    sentences, or drew tokens without a mean direction. Source: A3.

    >>> intra_sentence_null(np.array([[1.0, 0.0]] * 4), np.array([2, 3, 1, 9])).round(6).tolist()
    [1.0, 1.0, nan, nan]
    """
    checked(background)
    rng = np.random.default_rng(seed)
    others = len(background) - 1
    value = np.full(len(sizes), np.nan)
    for i, size in enumerate(sizes):
        if 2 <= size <= others:
            drawn = rng.choice(others, size=int(size), replace=False)
            drawn += drawn >= i  # sentence i itself is not among the others
            try:
                value[i] = intra_sentence_similarity(background[drawn])
            except MeasureError:
                continue
    return value


def _top_share(X: Float[np.ndarray, "n d"], shift: Float64[np.ndarray, "d"] | None) -> float:
    """Largest eigenvalue of the Gram matrix over its trace: s1^2 / sum s_i^2."""
    if len(X) <= X.shape[1]:
        rows = np.vstack(list(blocks(X, shift)))
        gram = rows @ rows.T
    else:
        gram = np.zeros((X.shape[1], X.shape[1]))
        for block in blocks(X, shift):
            gram += block.T @ block
    total = np.trace(gram)
    if total <= 0:
        raise MeasureError("These vectors have no variation to explain.")
    return min(1.0, number(np.linalg.eigvalsh(gram)[-1] / total))


def mev_uncentred(X: Float[np.ndarray, "n d"]) -> float:
    """Maximum explainable variance, the paper's formula: s1^2 / sum s_i^2, s the singular values of the raw rows.

    Range [1/min(n, d), 1]; 1 = one static vector explains all uses. Neither end is good. Depends on n: subtract
    mev_baseline at the same n. Source: A4.

    >>> mev_uncentred(np.array([[2.0, 0.0], [0.0, 1.0]]))
    0.8
    """
    return _top_share(checked(X), None)


def mev_centred(X: Float[np.ndarray, "n d"]) -> float:
    """The same after centring: the first principal component's share of the variance. Another number than the paper's.

    Range [1/min(n-1, d), 1]; neither end is good. Source: A4 (the variant in the paper's code).

    >>> mev_centred(np.array([[1.0, 5.0], [-1.0, 5.0]]))
    1.0
    """
    if all_alike(checked(X)):
        raise MeasureError("All rows are alike, so there is no variation to explain.")
    return _top_share(X, column_means(X))


def mev_baseline(
    background: Float[np.ndarray, "s d"], n: int, seed: int = 0, draws: int = 20, centred: bool = False
) -> float:
    """MEV of n random tokens, mean of `draws` seeded draws without replacement: subtract it from a word with n uses.

    Range as mev_uncentred (mev_centred when `centred`). Source: A4 (matched in size, since few rows score high).

    >>> round(mev_baseline(np.eye(4), 2), 12)
    0.5
    """
    checked(background)
    if not 2 <= n <= len(background):
        raise MeasureError(f"The baseline wants {n} random tokens, and there are {len(background)}: cap the uses.")
    rng = np.random.default_rng(seed)
    measure = mev_centred if centred else mev_uncentred
    return float(np.mean([measure(background[rng.choice(len(background), n, replace=False)]) for _ in range(draws)]))
