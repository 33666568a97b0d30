"""Did it change at all? Permutation and rank tests of before against after; p is never 0 (A18)."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Float, Float64

from embedlab.errors import MeasureError
from embedlab.measure.rows import checked, checked_pair

EXACT_UPTO = 13  # units: 2^13 sign patterns are counted out, above that they are drawn
SIGN_CELLS = 4_000_000  # signs held at once: 32 MB
RANKS = 1e-9  # sums of ranks are halves: nearer than this they are equal
ROUNDING = 1e-14  # cosines nearer than this are equal: a statistic counts as reached


def paired_differences(before: Float[np.ndarray, "n"], after: Float[np.ndarray, "m"]) -> Float64[np.ndarray, "n"]:
    """after - before of the same units, float64. Raises MeasureError for none, unlike lengths, or what is not finite.

    >>> paired_differences(np.zeros(2), np.ones(2)).tolist()
    [1.0, 1.0]
    """
    if len(before) != len(after):
        raise MeasureError(
            f"There are {len(before)} scores before and {len(after)} after: they must be the same units."
        )
    if len(before) == 0:
        raise MeasureError("There are no scores to compare.")
    difference = after.astype(np.float64) - before
    if not np.isfinite(difference).all():
        raise MeasureError("A score is not a finite number: leave out units without a score on both sides.")
    return difference


def permutation_p(observed: float, null: Float[np.ndarray, "draws"]) -> float:
    """(ge + 1) / (N + 1): share of the null at least as large as what was observed; never 0. Source: A18.

    >>> permutation_p(2.0, np.array([0.0, 1.0, 2.0]))
    0.5
    """
    if len(null) == 0:
        raise MeasureError("A permutation test needs at least one permutation.")
    return float(((null >= observed - 1e-12 * abs(observed)).sum() + 1) / (len(null) + 1))


def _signs(n: int, draws: int, rng: np.random.Generator) -> Iterator[Float64[np.ndarray, "b n"]]:
    """Random signs for n units, some draws at a time."""
    at_once = max(1, SIGN_CELLS // n)
    for first in range(0, draws, at_once):
        yield 2.0 * rng.integers(0, 2, size=(min(at_once, draws - first), n), dtype=np.int8) - 1.0


def _all_signs(n: int) -> Float64[np.ndarray, "patterns n"]:
    """All 2^n patterns of signs, the one without a flip first."""
    return 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)


def sign_flip_p(
    before: Float[np.ndarray, "n"], after: Float[np.ndarray, "n"], permutations: int = 9_999, seed: int = 0
) -> float:
    """Two-sided p that the mean paired difference is 0: signs flipped in all 2^n ways (n <= 13), else at random.

    Units that do not differ have no sign and are not counted in n. Range (0, 1]; 1 where nothing differs.
    Source: A18; Fisher 1935.

    >>> sign_flip_p(np.zeros(3), np.array([1.0, 2.0, 3.0]))
    0.25
    """
    difference = paired_differences(before, after)
    difference = difference[difference != 0]
    if len(difference) == 0:
        return 1.0
    observed = abs(difference.sum())
    if len(difference) <= EXACT_UPTO:
        sums = np.abs(_all_signs(len(difference)) @ difference)
        return float((sums >= observed * (1 - 1e-12)).mean())
    signs = _signs(len(difference), permutations, np.random.default_rng(seed))
    return permutation_p(observed, np.abs(np.concatenate([some @ difference for some in signs])))


def permute_occurrences_p(
    before: Float[np.ndarray, "n d"], after: Float[np.ndarray, "n d"], permutations: int = 999, seed: int = 0
) -> float:
    """p that a word's uses moved together: 1 - cosine of the mean before and the mean after, its uses swapped by coin.

    Row i of both is the same use. Each swap exchanges before and after of one use, in all 2^n ways (n <= 13), else
    `permutations` random ones with p = (ge + 1) / (N + 1). With h the half differences and c the mean of all, the
    swapped means are c - s.h/n and c + s.h/n, s the signs. Range (0, 1]; 1 where nothing moved; at least 2 / 2^n.
    Correct over words with benjamini_hochberg. Source: A18 (per-word change).

    >>> rows = np.random.default_rng(0).normal(size=(8, 3))
    >>> permute_occurrences_p(rows, rows.copy()), permute_occurrences_p(rows, rows + np.array([9.0, 0.0, 0.0]))
    (1.0, 0.0078125)
    """
    checked_pair(before, after, 1, same_width=True)
    n = len(before)
    one, two = before.astype(np.float64), after.astype(np.float64)
    half, centre = (two - one) / (2 * n), (one + two).mean(axis=0) / 2

    def apart(signs: Float64[np.ndarray, "b n"]) -> Float64[np.ndarray, "b"]:
        moved = signs @ half
        along, away, middle = moved @ centre, np.einsum("bd,bd->b", moved, moved), centre @ centre
        lengths = np.sqrt((middle + away - 2 * along).clip(0) * (middle + away + 2 * along).clip(0))
        return 1.0 - np.divide(middle - away, lengths, out=np.zeros(len(signs)), where=lengths > 0)

    observed = float(apart(np.ones((1, n)))[0]) - ROUNDING
    if n <= EXACT_UPTO:
        return float((apart(_all_signs(n)) >= observed).mean())
    null = np.concatenate([apart(some) for some in _signs(n, permutations, np.random.default_rng(seed))])
    return permutation_p(observed, null)


def wilcoxon_p(before: Float[np.ndarray, "n"], after: Float[np.ndarray, "n"]) -> float:
    """Two-sided signed-rank p over units (words, sentences), exact for few. 1 where nothing differs.

    Units without a difference are left out, tied ones share their rank; up to 13 units all 2^n signs are counted out
    (which scipy does too, but thousands of times slower), above that scipy's choice. Range (0, 1]. Source: A18;
    Wilcoxon 1945.

    >>> wilcoxon_p(np.zeros(5), np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    0.0625
    """
    from scipy.stats import rankdata, wilcoxon

    difference = paired_differences(before, after)
    some = difference[difference != 0]
    if not len(some):
        return 1.0
    if len(some) > EXACT_UPTO:
        return float(wilcoxon(some).pvalue)
    ranks = rankdata(np.abs(some))
    null = np.abs(_all_signs(len(some)) @ ranks)
    return float((null >= abs(np.sign(some) @ ranks) - RANKS).mean())


def swap_p(
    statistic: Callable[[np.ndarray], float],
    X: Float[np.ndarray, "n d"],
    Y: Float[np.ndarray, "n d"],
    permutations: int = 199,
    seed: int = 0,
) -> float:
    """Two-sided p of statistic(Y) - statistic(X): each row's before and after swapped by a coin, all recomputed.

    For figures of a whole space (IsoScore, effective rank, TwoNN, hubness). Range (0, 1]. Source: A18.

    >>> rows = np.random.default_rng(0).normal(size=(10, 3))
    >>> swap_p(lambda x: float(x.var()), rows, rows, permutations=9)
    1.0
    """
    checked_pair(X, Y, same_width=True)
    rng = np.random.default_rng(seed)
    observed = abs(statistic(Y) - statistic(X))
    null = np.empty(permutations)
    for i in range(permutations):
        swap = rng.integers(0, 2, size=len(X), dtype=np.int8).astype(bool)[:, None]
        null[i] = abs(statistic(np.where(swap, X, Y)) - statistic(np.where(swap, Y, X)))
    return permutation_p(observed, null)


def label_permutation_p(
    statistic: Callable[[np.ndarray, np.ndarray], float],
    X: Float[np.ndarray, "n d"],
    y: Any,
    permutations: int = 199,
    seed: int = 0,
) -> float:
    """One-sided p that the senses matter: statistic(X, y) against shuffled senses of the same word. Range (0, 1].

    For silhouette and clustering. Source: A18.

    >>> label_permutation_p(lambda x, y: 0.0, np.eye(4), [0, 0, 1, 1], permutations=9)
    1.0
    """
    labels = np.asarray(y)
    checked(X)
    rng = np.random.default_rng(seed)
    null = np.array([statistic(X, rng.permutation(labels)) for _ in range(permutations)], dtype=np.float64)
    return permutation_p(statistic(X, labels), null)
