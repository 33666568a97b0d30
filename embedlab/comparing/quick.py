"""The readings of many half-samples and permutations, from a few float32 products each.

What the functions of embedlab.measure give one by one in float64 (tests hold the two together), fast enough to be done
hundreds of times: only the spread of these numbers is used, never their value.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from embedlab.comparing.sides import Pair
from embedlab.measure.geometry import Hubness, hubness_of
from embedlab.measure.rows import first_appearances

ROWS = 2000  # of a part-sample: enough for the spread
ZETA = 0.2  # of IsoScore*: the share of even variances mixed in
SPECTRAL = (
    "mean_cosine_centred",
    "top_dimension_share",
    "isoscore",
    "isoscore_star",
    "participation_ratio",
    "effective_rank",
)
NEIGHBOURLY = ("two_nn", "two_nn_mle", "hubness_skew", "antihub_share", "max_k_occurrence", "uniformity")
TWO_SPACE = ("cka_debiased", "cka_linear", "procrustes_distance")

Rows = Float32[np.ndarray, "m d"]
Numbers = dict[str, float]
Sampled = Callable[[Int64[np.ndarray, "m"]], Numbers]


def difference(after: Numbers, before: Numbers) -> Numbers:
    return {name: after[name] - before[name] for name in before}


def unit(rows: Rows) -> Rows:
    """Rows of length one; zero rows stay zero."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(length > 0, length, 1)).astype(np.float32, copy=False)


def centred(rows: Rows) -> Rows:
    return (rows - rows.mean(axis=0, dtype=np.float64)).astype(np.float32)


def statistics(pair: Pair, rows: Int64[np.ndarray, "m"]) -> Numbers:
    """A1, A5 and A7 (after - before), A11 and A12 of some rows of both spaces."""
    one, two = pair.before[rows], pair.after[rows]
    x, y = centred(one), centred(two)
    return difference(spectral(two, y), spectral(one, x)) | two_spaces(x, y)


def spectral(rows: Rows, x: Rows) -> Numbers:
    """The readings of SPECTRAL; `x` are the centred rows."""
    common = unit(rows).mean(axis=0, dtype=np.float64)
    directions = unit(x).sum(axis=0, dtype=np.float64)
    wide = len(x) < x.shape[1]  # the smaller of the two products has the same eigenvalues
    return _of_spectrum(eigenvalues(x @ x.T if wide else x.T @ x), x.shape[1]) | _of_directions(
        directions, common, len(x)
    )


def eigenvalues(product: Float32[np.ndarray, "s s"]) -> Float64[np.ndarray, "s"]:
    from scipy.linalg import eigh

    return np.asarray(eigh(product, eigvals_only=True, check_finite=False)).astype(np.float64).clip(0)


def _of_spectrum(spectrum: Float64[np.ndarray, "s"], dim: int) -> Numbers:
    singular = np.sqrt(spectrum)
    # float32: what is less is rounding
    shares = singular[singular > 1e-6 * singular.max()] if singular.max() > 0 else np.ones(1)
    shares = shares / shares.sum()
    ratio, star = _spread(spectrum.sum(), np.square(spectrum).sum(), dim)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "isoscore": float(np.float64(ratio - 1) / (dim - 1)),
            "isoscore_star": float(np.float64(star - 1) / (dim - 1)),
            "participation_ratio": ratio,
            "effective_rank": float(np.exp(-(shares * np.log(shares)).sum())),
        }


def _spread(total: float, squares: float, dim: int) -> tuple[float, float]:
    """(PR, PR of the covariance shrunk towards even variances) from sum l and sum l^2."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.float64(total) ** 2 / squares
        return float(ratio), float(1 / ((1 - ZETA) ** 2 / ratio + (1 - (1 - ZETA) ** 2) / dim))


def _of_directions(directions: Float64[np.ndarray, "d"], common: Float64[np.ndarray, "d"], n: int) -> Numbers:
    """From the sum of the centred unit rows and the mean of the unit rows."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "mean_cosine_centred": float((np.square(directions).sum() - n) / (n * (n - 1))),
            "top_dimension_share": float(np.square(common).max() / np.square(common).sum()),
        }


def two_spaces(x: Rows, y: Float32[np.ndarray, "m e"]) -> Numbers:
    """A11 and A12 of centred rows."""
    cross = x.T @ y
    n = len(x)
    square_x, square_y = np.square(x, dtype=np.float64).sum(axis=1), np.square(y, dtype=np.float64).sum(axis=1)
    products = [np.square(a.T @ b, dtype=np.float64).sum() for a, b in ((x, y), (x, x), (y, y))]
    sizes = [(square_x, square_y), (square_x, square_x), (square_y, square_y)]
    unbiased = [
        product - n / (n - 2) * (a @ b) + a.sum() * b.sum() / ((n - 1) * (n - 2))
        for product, (a, b) in zip(products, sizes, strict=True)
    ]
    with np.errstate(invalid="ignore", divide="ignore"):
        linear = products[0] / np.sqrt(products[1] * products[2])
        debiased = unbiased[0] / np.sqrt(unbiased[1] * unbiased[2])
        nuclear = _nuclear(cross) / np.sqrt(square_x.sum() * square_y.sum())
        distance = np.sqrt(max(0.0, 2 - 2 * nuclear))
    return {"cka_debiased": float(debiased), "cka_linear": float(linear), "procrustes_distance": float(distance)}


def _nuclear(cross: Float32[np.ndarray, "d e"]) -> float:
    """Sum of the singular values."""
    return float(np.linalg.svd(cross, compute_uv=False).sum(dtype=np.float64))


# ---------------------------------------------------------------- neighbours, uniformity


def close_up(pair: Pair) -> Sampled:
    """TwoNN and uniformity, after - before: rows without a direction and repeated rows are looked up once."""
    firsts = [np.isin(np.arange(len(space)), first_appearances(space)) for space in (pair.before, pair.after)]

    def numbers(rows: Int64[np.ndarray, "m"]) -> Numbers:
        found = []
        for space, first in zip((pair.before, pair.after), firsts, strict=True):
            some = space[rows]
            u, x = unit(some), centred(some[first[rows]])
            directed = u.any(axis=1)
            u = u if directed.all() else u[directed]
            linear, mle = _two_nn(x @ x.T)
            found.append({"two_nn": linear, "two_nn_mle": mle, "uniformity": _uniformity(u @ u.T)})
        return difference(found[1], found[0])

    return numbers


def of_products(cosine: Float32[np.ndarray, "m m"], product: Float32[np.ndarray, "p p"], k: int) -> Numbers:
    """The readings of NEIGHBOURLY from the cosines and the dot products (any origin) of all rows."""
    n = len(cosine)
    uniform = _uniformity(cosine)
    np.fill_diagonal(cosine, -np.inf)
    hubs = hubness_of(np.argpartition(cosine, n - k, axis=1)[:, n - k :])
    linear, mle = _two_nn(product)
    return {"two_nn": linear, "two_nn_mle": mle, "uniformity": uniform} | _hubs(hubs)


def _hubs(hubs: Hubness) -> Numbers:
    return {
        "hubness_skew": hubs.skew,
        "antihub_share": hubs.antihub_share,
        "max_k_occurrence": float(hubs.max_k_occurrence),
    }


def hubs_among(near: Int32[np.ndarray, "n wide"], rows: Int64[np.ndarray, "m"], k: int) -> Numbers:
    """Hubness of some rows: the first k of each row's longer list of neighbours that are among them."""
    inside = np.zeros(len(near), dtype=bool)
    inside[rows] = True
    lists = near[rows]
    kept = inside[lists]
    kept &= kept.cumsum(axis=1) <= k
    served = np.bincount(lists[kept], minlength=len(near))[rows].astype(np.float64)
    spread = served - served.mean()
    variance = (spread**2).mean()
    skew = float((spread**3).mean() / variance**1.5) if variance > 0 else 0.0
    return _hubs(Hubness(skew, float((served == 0).mean()), int(served.max())))


def _uniformity(cosine: Float32[np.ndarray, "m m"]) -> float:
    n = len(cosine)
    pairs = np.exp(4 * (cosine - 1)).sum(dtype=np.float64) - np.exp(4 * (np.diagonal(cosine) - 1)).sum(dtype=np.float64)
    return float(np.log(pairs / (n * (n - 1))))


def _two_nn(product: Float32[np.ndarray, "p p"]) -> tuple[float, float]:
    """A8, linear and by likelihood, from dot products; NaN where it has no value."""
    n = len(product)
    if n < 3:
        return float("nan"), float("nan")
    square = np.diagonal(product).copy()
    away = square[:, None] + square - 2 * product
    np.fill_diagonal(away, np.inf)
    nearest = np.partition(away, 1, axis=1)[:, :2].astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        log_mu = np.sort(0.5 * np.log(nearest[:, 1] / nearest[:, 0].clip(1e-12 * square.max())))
    kept = max(2, int(n * 0.9))
    x, y = log_mu[:kept], -np.log1p(-np.arange(1, kept + 1) / n)
    total = log_mu.sum()
    linear = float((x @ y) / (x @ x)) if x.any() and np.isfinite(x).all() else float("nan")
    return linear, float((n - 1) / total) if 0 < total < np.inf else float("nan")


# ---------------------------------------------------------------- partition, RSA


def partitions(pair: Pair, rows: Int64[np.ndarray, "m"]) -> Numbers:
    """A6 of some rows, after - before."""
    return {"partition_isotropy_log10": _partition(pair.after[rows]) - _partition(pair.before[rows])}


def _partition(rows: Rows) -> float:
    """From the smaller of the two Gram matrices; repeated eigenvalues do no harm to a spread."""
    from scipy.linalg import eigh

    n, dim = rows.shape
    size = float(np.linalg.norm(rows, axis=1).mean())
    if size == 0:
        return float("nan")
    r = rows / np.float32(size)
    values, vectors = eigh(r @ r.T if n < dim else r.T @ r, driver="evd", check_finite=False)
    along = vectors * np.sqrt(values.clip(0)) if n < dim else r @ vectors
    sums = np.concatenate([np.exp(along).sum(axis=0, dtype=np.float64), np.exp(-along).sum(axis=0, dtype=np.float64)])
    if n < dim:
        sums = np.append(sums, n)  # directions no row reaches
    return float(np.log10(sums.min() / sums.max()))


def rsa(pair: Pair, rows: Int64[np.ndarray, "m"]) -> Numbers:
    """A13 of some rows; equal cosines are ranked in the order of their pairs, which a spread does not notice."""
    one, two = _ranks(pair.before[rows]), _ranks(pair.after[rows])
    return {"rsa_spearman_cosine": float(one @ two)}


def _ranks(rows: Rows) -> Float64[np.ndarray, "pairs"]:
    """Centred unit vector of the ranks of the cosines of all pairs."""
    u = unit(rows)
    cosine = (u @ u.T)[np.triu_indices(len(u), 1)]
    place = np.empty(len(cosine))
    place[np.argsort(cosine)] = np.arange(len(cosine))
    place -= place.mean()
    return np.asarray(place / np.linalg.norm(place))
