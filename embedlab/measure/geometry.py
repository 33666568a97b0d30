"""The shape of one cloud of vectors: anisotropy, spectrum, intrinsic dimension, hubness, uniformity (A1, A5-A10)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int

from embedlab.errors import MeasureError
from embedlab.measure.neighbours import nearest, two_nearest_distances
from embedlab.measure.rows import (
    blocks,
    checked,
    checked_pair,
    column_means,
    distinct,
    is_zero,
    norms,
    number,
    row_cosine,
    slices,
    unit_nonzero,
)

ALIKE = "all rows are alike, so there is no spread to measure"


class TwoNN(NamedTuple):
    """Intrinsic dimension by both estimators, and how many exact duplicates were left out."""

    linear: float
    mle: float
    duplicates_removed: int


class Hubness(NamedTuple):
    """How unevenly rows serve as neighbours: skewness, share of rows that serve none, most served by one."""

    skew: float
    antihub_share: float
    max_k_occurrence: int


# ---------------------------------------------------------------- A1, A10: cosines


def _unit_sum(
    X: Float[np.ndarray, "n d"], shift: Float64[np.ndarray, "d"] | None = None
) -> tuple[Float64[np.ndarray, "d"], int]:
    """Sum of the unit rows of X - shift, and how many rows had a direction."""
    total, counted = np.zeros(X.shape[1]), 0
    for block in blocks(X, shift):
        length = np.sqrt(np.einsum("ij,ij->i", block, block))
        weight = np.divide(1.0, length, out=np.zeros(len(block)), where=length > 0)
        total += weight @ block
        counted += int((length > 0).sum())
    return total, counted


def _mean_of_pairs(total: Float64[np.ndarray, "d"], counted: int) -> float:
    if counted < 2:
        raise MeasureError(f"Only {counted} rows have a direction, and a cosine needs two: give more data.")
    return number((total @ total - counted) / (counted * (counted - 1)))


def mean_cosine(X: Float[np.ndarray, "n d"]) -> float:
    """Anisotropy: mean cosine over all ordered pairs of different rows, (||sum x^||^2 - n) / (n (n-1)).

    Range [-1/(n-1), 1]; 0 is a cloud without a common direction, neither end is good as such. Zero rows are left out.
    Source: A1; Ethayarajh 2019 (his baseline, here exact over all pairs).

    >>> mean_cosine(np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]]))
    0.3333333333333333
    """
    return _mean_of_pairs(*_unit_sum(checked(X)))


def mean_cosine_centred(X: Float[np.ndarray, "n d"]) -> float:
    """Mean cosine after the mean row is subtracted: near 0 whenever one common direction was all there was.

    Range [-1/(n-1), 1]; neither end is good. Rows equal to the mean are left out. Source: A1.

    >>> mean_cosine_centred(np.array([[9.0, 1.0], [9.0, -1.0]]))
    -1.0
    """
    return _mean_of_pairs(*_unit_sum(checked(X), column_means(X)))


def top_dimension_share(X: Float[np.ndarray, "n d"]) -> float:
    """Share of the largest coordinate in the mean unit vector m: max_j m_j^2 / sum m^2.

    Range [1/d, 1]; high means that a few rogue dimensions make the whole anisotropy. Not invariant to rotation.
    Source: A1; Timkey & van Schijndel 2021.

    >>> top_dimension_share(np.array([[3.0, 4.0], [3.0, 4.0]]))
    0.64
    """
    total, counted = _unit_sum(checked(X, 1))
    squares = total**2
    if counted == 0 or squares.sum() < 1e-24 * counted**2:
        raise MeasureError("The mean direction of these rows is zero, so no dimension has a share in it.")
    return number(squares.max() / squares.sum())


def uniformity(X: Float[np.ndarray, "n d"], t: float = 2.0) -> float:
    """log mean over pairs i<j of exp(-t ||x_i^ - x_j^||^2), unit rows: how evenly they fill the sphere.

    Range [-4t, 0]; lower is more even, 0 is a single point. Do not compare across dimensions. O(n^2 d): sample above
    20,000 rows. Zero rows are left out. Source: A10; Wang & Isola 2020.

    >>> uniformity(np.array([[1.0, 0.0], [0.0, 1.0]]))
    -4.0
    """
    rows = unit_nonzero(X)
    n, total = len(rows), 0.0
    for part in slices(n, 1024):
        later = rows[part.start :]  # each unordered pair once: the block against itself and what follows
        kernel = np.exp(2.0 * t * (rows[part] @ later.T - 1.0))
        total += np.triu(kernel, 1).sum()
    return number(np.log(total / (n * (n - 1) / 2)))


def alignment(X: Float[np.ndarray, "n d"], Y: Float[np.ndarray, "n d"]) -> float:
    """Mean squared distance of positive pairs on the unit sphere, = 2 - 2 mean cos(x_i, y_i).

    Range [0, 4]; lower is better for pairs that mean the same. Pairs with a zero row are left out.
    Source: A10; Wang & Isola 2020 (alpha = 2).

    >>> alignment(np.array([[1.0, 0.0]]), np.array([[0.0, 5.0]]))
    2.0
    """
    checked_pair(X, Y, 1, same_width=True)
    kept = ~(is_zero(X) | is_zero(Y))
    if not kept.any():
        raise MeasureError("Every pair holds a zero row, so there is no cosine to average.")
    return number(2.0 - 2.0 * row_cosine(X[kept], Y[kept]).mean())


# ---------------------------------------------------------------- A5, A7: the spectrum


def covariance(X: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "d d"]:
    """Sample covariance (n-1) of the columns, float64, in two passes over blocks of rows.

    >>> covariance(np.array([[1.0, 0.0], [-1.0, 0.0]])).tolist()
    [[2.0, 0.0], [0.0, 0.0]]
    """
    scatter = np.zeros((X.shape[1], X.shape[1]))
    for block in blocks(X, column_means(X)):
        scatter += block.T @ block
    return scatter / (len(X) - 1)


def _spread(C: Float64[np.ndarray, "d d"]) -> float:
    """(sum l)^2 / sum l^2 without an eigendecomposition: sum l = tr C, sum l^2 = ||C||_F^2."""
    if not C.any():
        raise MeasureError(f"This number is not defined for the data: {ALIKE}.")
    C = C / np.abs(C).max()  # squares of tiny variances must not vanish
    return number(np.trace(C) ** 2 / (C * C).sum())


def _varies(X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """X itself. Raises MeasureError where all its rows are the same (their covariance would be rounding noise)."""
    if (checked(X) == X[0]).all():
        raise MeasureError(f"This number is not defined for the data: {ALIKE}.")
    return X


def participation_ratio(X: Float[np.ndarray, "n d"]) -> float:
    """How many directions share the variance: (sum l)^2 / sum l^2, l the eigenvalues of the covariance.

    Range [1, min(n-1, d)]; high is more even, neither end is good as such. Source: A5, A7.

    >>> round(participation_ratio(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])), 12)
    2.0
    """
    return _spread(covariance(_varies(X)))


def isoscore(X: Float[np.ndarray, "n d"]) -> float:
    """IsoScore = (PR - 1) / (d - 1): how evenly the variance uses the dimensions. Rows are points.

    Range [0, 1]; 1 = all directions alike, neither end is good as such. Blind to the mean: read it beside mean_cosine.
    Grows with n, perfect isotropy gives about n/(n+d): compare at equal n. Source: A5; Rudman et al. 2022.

    >>> isoscore(np.array([[1.0, 0.0], [-1.0, 0.0]]))
    0.0
    """
    return _iso(covariance(_varies(X)))


def isoscore_star(X: Float[np.ndarray, "n d"], zeta: float, C0: Float[np.ndarray, "d d"] | None = None) -> float:
    """IsoScore of (1 - zeta) cov(X) + zeta C0: shrinkage for few rows. C0 = identity unless given.

    Range [0, 1]; zeta = 0 gives isoscore. With the identity it depends on the scale of the vectors.
    Source: A5; Rudman & Eickhoff 2024 (I-STAR).

    >>> round(isoscore_star(np.array([[1.0, 0.0], [-1.0, 0.0]]), zeta=0.5), 6)
    0.6
    """
    if not 0.0 <= zeta <= 1.0:
        raise MeasureError(f"zeta is a share between 0 and 1, not {zeta}.")
    target = np.eye(X.shape[1]) if C0 is None else C0
    return _iso((1 - zeta) * covariance(checked(X)) + zeta * target)


def _iso(C: Float64[np.ndarray, "d d"]) -> float:
    d = len(C)
    if d < 2:
        raise MeasureError("IsoScore compares dimensions, and these vectors have only one.")
    return min(1.0, max(0.0, (_spread(C) - 1.0) / (d - 1)))


def isotropic_isoscore(n: int, d: int) -> float:
    """What a perfectly isotropic sample of n points in d dimensions scores: about n / (n + d).

    Range (0, 1); the value to read IsoScore against, not a measure of the data. Source: A5 (measured).

    >>> isotropic_isoscore(384, 384)
    0.5
    """
    if n < 1 or d < 1:
        raise MeasureError(f"There is no sample of {n} points in {d} dimensions.")
    return n / (n + d)


def _singular_values(X: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "r"]:
    """Singular values of the centred X, descending, float64.

    The roots of the scatter's eigenvalues where they keep their digits; else (fewer points than dimensions, empty
    directions) a QR over blocks, whose small triangle has the same singular values and squares nothing.
    """
    n, d = X.shape
    if n > d:
        squared = np.linalg.eigvalsh(covariance(X) * (n - 1))[::-1]
        if squared[-1] > 1e-9 * squared[0]:
            return np.sqrt(squared)
    R = np.zeros((0, d))
    for block in blocks(X, column_means(X)):
        R = np.asarray(np.linalg.qr(np.vstack([R, block]), mode="r"))
    return np.linalg.svd(R, compute_uv=False)


def effective_rank(X: Float[np.ndarray, "n d"]) -> float:
    """exp(entropy of s / sum s), s the singular values (not squared) of the centred rows; s < 1e-12 s1 is dropped.

    Range [1, min(n-1, d)]; high is more even, neither end is good as such. Source: A7; Roy & Vetterli 2007.

    >>> round(effective_rank(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])), 12)
    2.0
    """
    s = _singular_values(_varies(X))
    p = s[s >= 1e-12 * s[0]]
    p = p / p.sum()
    return number(np.exp(-(p * np.log(p)).sum()))


# ---------------------------------------------------------------- A6


def partition_isotropy_log10(X: Float[np.ndarray, "n d"], raw_norm: bool = False) -> float:
    """log10 of min_c Z(c) / max_c Z(c), Z(c) = sum_i exp(c.x_i), c over plus and minus the eigenvectors of X^T X.

    Range (-inf, 0]; 0 = isotropic. Vectors are divided by their mean norm first, unless raw_norm: the value depends on
    the scale. Undefined (MeasureError) where eigenvalues repeat. Optional: A1 and A5 say more.
    Source: A6; Mu & Viswanath 2018, both signs.

    >>> round(partition_isotropy_log10(np.array([[2.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), raw_norm=True), 6)
    -0.643156
    """
    from scipy.special import logsumexp

    checked(X)
    scale = 1.0 if raw_norm else float(norms(X).mean())
    if scale == 0.0:
        raise MeasureError("All rows are zero, so there is no direction to compare.")
    gram = np.zeros((X.shape[1], X.shape[1]))
    for block in blocks(X):
        gram += block.T @ block
    values, C = np.linalg.eigh(gram / scale**2)
    top = values[-1]
    # eigenvectors of eigenvalue 0 see every row as 0, so a repeated 0 does no harm; any other repeat leaves c open
    if (np.diff(values[values > 1e-9 * top]) < 1e-10 * top).any():
        raise MeasureError("Two directions have the same strength, so the partition function has no definite value.")
    log_z = np.full(2 * len(C), -np.inf)
    for block in blocks(X):
        along = block @ C / scale
        log_z = np.logaddexp(log_z, logsumexp(np.hstack([along, -along]), axis=0))
    return number((log_z.min() - log_z.max()) / np.log(10.0))


# ---------------------------------------------------------------- A8


def two_nn_all(X: Float[np.ndarray, "n d"]) -> TwoNN:
    """Intrinsic dimension from mu = r2/r1, Euclidean on the vectors as they are, exact duplicates left out first.

    linear: slope through the origin of -log(1 - i/N) on log mu, largest 10 % of mu dropped. mle: (N-1) / sum log mu.
    Range > 0; neither end is good. Low by a third at true dimension 32: compare at equal n, never with repeated rows.
    Source: A8; Facco et al. 2017.

    >>> two_nn_all(np.array([[0.0], [1.0], [3.0], [3.0], [7.0]])).duplicates_removed
    1
    """
    rows = distinct(checked(X))
    removed = len(X) - len(rows)
    if len(rows) < 3:
        raise MeasureError(f"Only {len(rows)} rows are different, and two neighbours each need three: give more data.")
    r = two_nearest_distances(rows)
    log_mu = np.sort(np.log(r[:, 1]) - np.log(r[:, 0]))
    n = len(log_mu)
    kept = max(2, int(n * 0.9))
    x, y = log_mu[:kept], -np.log1p(-np.arange(1, kept + 1) / n)
    why = "every row is as far from its second neighbour as from its first"
    if not x.any():
        raise MeasureError(f"This number is not defined for the data: {why}.")
    return TwoNN(number((x @ y) / (x @ x), why), number((n - 1) / log_mu.sum(), why), removed)


def two_nn(X: Float[np.ndarray, "n d"]) -> float:
    """Intrinsic dimension, linear TwoNN: see two_nn_all.

    >>> round(two_nn(np.array([[0.0], [1.0], [3.0], [7.0], [12.0]])), 6)
    1.837324
    """
    return two_nn_all(X).linear


def two_nn_mle(X: Float[np.ndarray, "n d"]) -> float:
    """Intrinsic dimension, maximum likelihood TwoNN: see two_nn_all.

    >>> round(two_nn_mle(np.array([[0.0], [1.0], [3.0], [7.0], [12.0]])), 6)
    1.329719
    """
    return two_nn_all(X).mle


def duplicates_removed(X: Float[np.ndarray, "n d"]) -> int:
    """How many rows repeat an earlier row exactly. Range [0, n-1]. Source: A8.

    >>> duplicates_removed(np.array([[1.0], [1.0], [2.0]]))
    1
    """
    return len(X) - len(distinct(checked(X, 1)))


# ---------------------------------------------------------------- A9


def hubness_of(ids: Int[np.ndarray, "n k"]) -> Hubness:
    """Hubness from neighbours already known: N_k(i) = how often i is among another row's k nearest.

    >>> hubness_of(np.array([[1], [0], [1], [1]])).max_k_occurrence
    3
    """
    n = len(ids)
    served = np.bincount(ids.ravel(), minlength=n).astype(np.float64)
    if len(served) != n or served.sum() != ids.size:
        raise ValueError("the neighbours are not rows of the same space")
    spread = served - served.mean()
    variance = (spread**2).mean()
    skew = (spread**3).mean() / variance**1.5 if variance > 0 else 0.0  # all serve alike: no hubs at all
    return Hubness(float(skew), float((served == 0).mean()), int(served.max()))


def hubness(X: Float[np.ndarray, "n d"], k: int = 10) -> Hubness:
    """Skewness g1 of N_k by cosine, the share of antihubs (N_k = 0) and the largest N_k.

    skew range (-inf, inf), 0 = nobody is a hub; lower is better for search. Self excluded by index, ties by index.
    Zero rows are left out. Source: A9; Radovanovic et al. 2010.

    >>> hubness(np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), k=1)
    Hubness(skew=0.0, antihub_share=0.0, max_k_occurrence=1)
    """
    zero = is_zero(checked(X))
    return hubness_of(nearest(X[~zero] if zero.any() else X, k)[0])
