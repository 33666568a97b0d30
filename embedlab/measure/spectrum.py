"""How the variance of a cloud is spread over directions: participation ratio, IsoScore, effective rank (A5-A7)."""

import numpy as np
from jaxtyping import Float, Float64

from embedlab.errors import MeasureError
from embedlab.measure.rows import all_alike, blocks, checked, column_means, norms, number

ALIKE = "all rows are alike, so there is no spread to measure"


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
    if all_alike(checked(X)):
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


def isoscore_star(X: Float[np.ndarray, "n d"], zeta: float, C0: Float[np.ndarray, "_ _"] | None = None) -> float:
    """IsoScore of (1 - zeta) cov(X) + zeta C0: shrinkage for few rows. C0: the covariance of a larger sample, or None.

    Range [0, 1]; zeta = 0 gives isoscore. Without C0 it is the identity, and the value depends on the scale of X.
    Source: A5; Rudman & Eickhoff 2024 (I-STAR).

    >>> round(isoscore_star(np.array([[1.0, 0.0], [-1.0, 0.0]]), zeta=0.5), 6)
    0.6
    """
    if not 0.0 <= zeta <= 1.0:
        raise MeasureError(f"zeta is a share between 0 and 1, not {zeta}.")
    d = checked(X).shape[1]
    target = np.eye(d) if C0 is None else C0.astype(np.float64)
    if target.shape != (d, d) or not np.isfinite(target).all() or not np.allclose(target, target.T):
        raise MeasureError(f"C0 is no covariance of vectors with {d} dimensions: give a symmetric matrix of that size.")
    return _iso((1 - zeta) * covariance(X) + zeta * target)


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
    for block in blocks(X, size=1024):
        along = block @ C / scale
        log_z = np.logaddexp(log_z, logsumexp(np.hstack([along, -along]), axis=0))
    return number((log_z.min() - log_z.max()) / np.log(10.0))
