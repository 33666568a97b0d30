"""How two spaces over the same rows differ: CKA, Procrustes, RSA, cosine drift (A11-A13, A15)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from embedlab.errors import MeasureError
from embedlab.measure.rows import (
    all_alike,
    checked_pair,
    column_means,
    identical,
    is_zero,
    number,
    row_cosine,
    slices,
    unit,
)

PAIR_LIMIT = 20_000  # rows: RSA ranks n(n-1)/2 pairs, 200 million here
MANTEL_LIMIT = 5_000  # rows: every permutation walks over n^2 numbers
ROWS_A_DIMENSION = 5  # A15: rotations fitted and scored on fewer rows find likeness where there is none


class Mantel(NamedTuple):
    """RSA and its permutation p, one-sided: how often shuffled rows agree as well."""

    rho: float
    p: float


# ---------------------------------------------------------------- A11


def _cross(
    X: Float[np.ndarray, "n d"], Y: Float[np.ndarray, "n e"]
) -> tuple[Float64[np.ndarray, "d e"], Float64[np.ndarray, "n"], Float64[np.ndarray, "n"]]:
    """Xc^T Yc of the centred columns, and the squared length of every centred row of both."""
    mean_x, mean_y = column_means(X), column_means(Y)
    cross, x2, y2 = np.zeros((X.shape[1], Y.shape[1])), np.empty(len(X)), np.empty(len(Y))
    for part in slices(len(X)):
        x, y = X[part] - mean_x, Y[part] - mean_y
        cross += x.T @ y
        x2[part], y2[part] = np.einsum("ij,ij->i", x, x), np.einsum("ij,ij->i", y, y)
    return cross, x2, y2


def _hsic(X: Float[np.ndarray, "n d"], Y: Float[np.ndarray, "n e"], debiased: bool) -> float:
    """<K, L> of the centred linear kernels = ||Xc^T Yc||_F^2, or its unbiased form (diagonal left out)."""
    cross, x2, y2 = _cross(X, Y)
    value = float((cross * cross).sum())
    if debiased:
        n = len(X)
        value += -n / (n - 2) * (x2 @ y2) + x2.sum() * y2.sum() / ((n - 1) * (n - 2))
    return value


def _cka(X: Float[np.ndarray, "n d"], Y: Float[np.ndarray, "n e"], debiased: bool) -> float:
    checked_pair(X, Y, 4 if debiased else 2)
    if all_alike(X) or all_alike(Y):
        raise MeasureError("One of the spaces has all rows alike, so it has no structure to compare.")
    own_x, own_y = _hsic(X, X, debiased), _hsic(Y, Y, debiased)
    if own_x <= 0 or own_y <= 0:
        raise MeasureError("One of the spaces has no structure beyond chance, so CKA has nothing to compare.")
    if identical(X, Y):
        return 1.0
    value = number(_hsic(X, Y, debiased) / np.sqrt(own_x) / np.sqrt(own_y))
    return min(1.0, value) if debiased else min(1.0, max(0.0, value))


def cka_linear(X: Float[np.ndarray, "n d"], Y: Float[np.ndarray, "n e"]) -> float:
    """||Yc^T Xc||_F^2 / (||Xc^T Xc||_F ||Yc^T Yc||_F), columns centred, row i of X beside row i of Y.

    Range [0, 1]; 1 = the same up to rotation, scale and shift. Unrelated spaces score well above 0 unless n >> d: lead
    with cka_debiased. Source: A11; Kornblith et al. 2019.

    >>> round(cka_linear(np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [1.0], [1.0]])), 12)
    0.75
    """
    return _cka(X, Y, debiased=False)


def cka_debiased(X: Float[np.ndarray, "n d"], Y: Float[np.ndarray, "n e"]) -> float:
    """Linear CKA with the unbiased HSIC (U-centring, zero diagonal) above and below.

    Range about [-1, 1]; 1 = the same up to rotation, scale and shift, 0 = unrelated. Dominated by the strongest
    directions: show it beside the neighbours. Source: A11; Szekely & Rizzo 2014, Kornblith et al. 2019.

    >>> X = np.array([[0.0], [1.0], [2.0], [4.0], [8.0]])
    >>> round(cka_debiased(X, 3.0 - 2.0 * X), 12)
    1.0
    """
    return _cka(X, Y, debiased=True)


# ---------------------------------------------------------------- A12


def procrustes_distance(X: Float[np.ndarray, "n d"], Y: Float[np.ndarray, "n e"]) -> float:
    """sqrt(2 - 2 ||Xc^T Yc||_*), columns centred, each space divided by its Frobenius norm; reflections allowed.

    Range [0, sqrt 2]; 0 = the same up to rotation, scale and shift. A distance of 0 may come as 1e-8. Unequal widths
    are as if padded with zeros. Source: A12; Ding et al. 2021 (who square it), Schoenemann 1966.

    >>> procrustes_distance(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([[0.0, 7.0], [0.0, -7.0]]))
    0.0
    """
    checked_pair(X, Y)
    if all_alike(X) or all_alike(Y):
        raise MeasureError("One of the spaces has all rows alike, so it has no shape to compare.")
    if identical(X, Y):
        return 0.0
    cross, x2, y2 = _cross(X, Y)
    nuclear = np.linalg.svd(cross, compute_uv=False).sum() / np.sqrt(x2.sum()) / np.sqrt(y2.sum())
    return number(np.sqrt(max(0.0, 2.0 - 2.0 * nuclear)))


# ---------------------------------------------------------------- A13


def _rank_vectors(
    X: Float[np.ndarray, "n d"], Y: Float[np.ndarray, "n e"]
) -> tuple[Float64[np.ndarray, "pairs"], Float64[np.ndarray, "pairs"], int]:
    """Centred unit vectors of the ranks of all i<j cosines, one a space, over rows that are zero in neither."""
    from scipy.stats import rankdata

    checked_pair(X, Y, 3)
    kept = ~(is_zero(X) | is_zero(Y))
    n = int(kept.sum())
    if n < 3:
        raise MeasureError(f"Only {n} rows have a direction in both spaces, and RSA needs three: give more data.")
    if n > PAIR_LIMIT:
        raise MeasureError(f"RSA ranks every pair of rows and takes at most {PAIR_LIMIT} rows, not {n}: give a sample.")
    vectors = []
    for space in (X, Y):
        ranks = rankdata(_pair_cosines(unit(space[kept])).round(12))  # pairs equal to rounding tie in both spaces
        ranks -= ranks.mean()
        length = np.linalg.norm(ranks)
        if length == 0:
            raise MeasureError("All pairs are equally far apart in one of the spaces, so their order says nothing.")
        ranks /= length
        vectors.append(ranks)
    return vectors[0], vectors[1], n


def _pair_cosines(rows: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "pairs"]:
    """Cosines of the pairs i<j of unit rows, in the order of np.triu_indices, without the square matrix."""
    n, filled = len(rows), 0
    pairs = np.empty(n * (n - 1) // 2)
    for part in slices(n, 512):
        along = rows[part] @ rows[part.start :].T
        for i in range(len(along)):
            later = along[i, i + 1 :]
            pairs[filled : filled + len(later)] = later
            filled += len(later)
    return pairs


def rsa_spearman_cosine(X: Float[np.ndarray, "n d"], Y: Float[np.ndarray, "n e"]) -> float:
    """Spearman correlation of the cosine distances of all pairs i<j in X with those in Y.

    Range [-1, 1]; 1 = the same pairs are near and far. Invariant to rotation and scale, not to a shift. Rows that are
    zero in either space are left out. At most 20,000 rows: 200 million pairs, about 8 GB.
    Source: A13; Kriegeskorte et al. 2008.

    >>> rsa_spearman_cosine(np.eye(4) + np.arange(16.0).reshape(4, 4), np.eye(4) + np.arange(16.0).reshape(4, 4))
    1.0
    """
    x, y, _ = _rank_vectors(X, Y)
    return 1.0 if np.array_equal(x, y) else float(np.clip(x @ y, -1.0, 1.0))


def rsa_mantel(
    X: Float[np.ndarray, "n d"], Y: Float[np.ndarray, "n e"], permutations: int = 999, seed: int = 0
) -> Mantel:
    """RSA with its Mantel test: rows and columns of one matrix shuffled together; p = (ge + 1) / (N + 1), one-sided.

    p in (0, 1]; pairs are not independent, so the p of spearmanr would be far too small. O(permutations n^2), at most
    5,000 rows.
    Source: A13, A18; Mantel 1967.

    >>> points = np.random.default_rng(0).normal(size=(12, 4))
    >>> rsa_mantel(points, points, permutations=99)
    Mantel(rho=1.0, p=0.01)
    """
    if len(X) > MANTEL_LIMIT:
        raise MeasureError(
            f"The Mantel test shuffles all pairs and takes at most {MANTEL_LIMIT} rows, not {len(X)}: give a sample."
        )
    x, y, n = _rank_vectors(X, Y)
    rng = np.random.default_rng(seed)
    one, two = (_square(ranks, n) for ranks in (x, y))
    observed = x @ y
    as_good = 0
    for _ in range(permutations):
        order = rng.permutation(n)
        as_good += bool(np.einsum("ij,ij->", one, two[np.ix_(order, order)]) / 2 >= observed - 1e-12)
    rho = 1.0 if np.array_equal(x, y) else float(np.clip(observed, -1.0, 1.0))
    return Mantel(rho, (as_good + 1) / (permutations + 1))


def _square(pairs: Float64[np.ndarray, "pairs"], n: int) -> Float64[np.ndarray, "n n"]:
    """The symmetric matrix of the pairs i<j, zero on the diagonal."""
    square = np.zeros((n, n))
    square[np.triu_indices(n, 1)] = pairs
    return square + square.T


# ---------------------------------------------------------------- A15


def drift_cosine(X: Float[np.ndarray, "n d"], Y: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n"]:
    """1 - cos(x_i, y_i), row by row, in the coordinates both states share (one model before and after).

    Range [0, 2]; exactly 0 = the row is unchanged. A row zero in only one state has drift 1. Source: A15.

    >>> drift_cosine(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 1.0], [1.0, 1.0]])).tolist()
    [1.0, 0.0]
    """
    checked_pair(X, Y, 1, same_width=True)
    return 1.0 - row_cosine(X, Y)


def drift_cosine_aligned(
    X: Float[np.ndarray, "n d"],
    Y: Float[np.ndarray, "n e"],
    folds: int = 5,
    seed: int = 0,
    anchors: Bool[np.ndarray, "n"] | None = None,
) -> Float64[np.ndarray, "n"]:
    """1 - cos(x_i R, y_i) beyond a rotation: R and both means are fitted on the other folds, never on row i.

    Range [0, 2]; 0 = unchanged up to rotation and shift. Both spaces are centred; unequal widths are padded with zeros.
    Directions that the fitted rows do not reach stay where they are. With `anchors` (rows known to mean the same in
    both) R is fitted on these alone; the anchors are then scored on the rows of their own fit, which needs five
    anchors a dimension, or all scores would look alike. Raises MeasureError for fewer, and for fewer than two rows a
    fold. Source: A15; Schoenemann 1966.

    >>> points = np.random.default_rng(0).normal(size=(40, 3))
    >>> float(drift_cosine_aligned(points, points @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])).max().round(9))
    0.0
    """
    if folds < 2:
        raise MeasureError(f"Alignment fits on some folds and scores on another, so it needs two folds, not {folds}.")
    checked_pair(X, Y, 2 * folds if anchors is None else 2)
    width = max(X.shape[1], Y.shape[1])
    if anchors is not None and anchors.sum() < ROWS_A_DIMENSION * width:
        raise MeasureError(
            f"{int(anchors.sum())} anchors cannot fix a rotation of {width} dimensions and be scored themselves: "
            f"give {ROWS_A_DIMENSION * width}, or none for cross-fitting."
        )
    if identical(X, Y):
        return np.zeros(len(X))
    if anchors is None:
        fold, parts = np.random.default_rng(seed).permutation(len(X)) % folds, range(folds)
        used = [[other for other in parts if other != part] for part in parts]
    else:
        fold, used = np.where(anchors, 0, 1), [[0], [0]]
    sums = _fold_sums(X, Y, fold, len(used), width)
    drift = np.empty(len(X))
    for part, others in enumerate(used):
        scored = np.flatnonzero(fold == part)
        mean_x, mean_y, R = _rotation([sums[other] for other in others])
        for some in slices(len(scored)):
            rows = scored[some]
            x, y = (_padded(space[rows], width) for space in (X, Y))
            drift[rows] = 1.0 - row_cosine((x - mean_x) @ R, y - mean_y)
    return drift


class _Sums(NamedTuple):
    """Of the rows of one fold, from a common origin: how many, sums of both spaces, cross products; the origins."""

    n: int
    x: Float64[np.ndarray, "d"]
    y: Float64[np.ndarray, "d"]
    cross: Float64[np.ndarray, "d d"]
    origins: tuple[Float64[np.ndarray, "d"], Float64[np.ndarray, "d"]]


def _padded(rows: Float[np.ndarray, "n d"], width: int) -> Float64[np.ndarray, "n w"]:
    return np.pad(rows.astype(np.float64), ((0, 0), (0, width - rows.shape[1])))


def _fold_sums(
    X: Float[np.ndarray, "n d"], Y: Float[np.ndarray, "n e"], fold: Int[np.ndarray, "n"], folds: int, width: int
) -> list[_Sums]:
    """One pass over both spaces, in blocks; origins near the means keep the digits of the cross products."""
    origins = tuple(np.pad(column_means(space), (0, width - space.shape[1])) for space in (X, Y))
    n, x_sum, y_sum = np.zeros(folds, dtype=np.int64), np.zeros((folds, width)), np.zeros((folds, width))
    cross = np.zeros((folds, width, width))
    for part in slices(len(X)):
        x, y = (_padded(space[part], width) - origin for space, origin in zip((X, Y), origins, strict=True))
        for f in range(folds):
            here = fold[part] == f
            one, two = x[here], y[here]
            n[f] += len(one)
            x_sum[f] += one.sum(axis=0)
            y_sum[f] += two.sum(axis=0)
            cross[f] += one.T @ two
    return [_Sums(int(n[f]), x_sum[f], y_sum[f], cross[f], (origins[0], origins[1])) for f in range(folds)]


def _rotation(
    sums: list[_Sums],
) -> tuple[Float64[np.ndarray, "d"], Float64[np.ndarray, "d"], Float64[np.ndarray, "d d"]]:
    """Both means and the orthogonal R that carries the centred X onto the centred Y best, over some folds."""
    n = sum(one.n for one in sums)
    x, y = np.sum([one.x for one in sums], axis=0) / n, np.sum([one.y for one in sums], axis=0) / n
    cross = np.sum([one.cross for one in sums], axis=0) - n * np.outer(x, y)
    # a whisper of the identity: where the fitted rows leave R open, both states share their coordinates
    U, _, V = np.linalg.svd(cross + 1e-10 * np.linalg.norm(cross) * np.eye(len(x)))
    return x + sums[0].origins[0], y + sums[0].origins[1], U @ V
