"""How true a map is point by point, and the clusters that the space itself has."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int64

from embedlab.errors import MeasureError
from embedlab.measure.neighbours import DECIMALS
from embedlab.measure.rows import checked, checked_pair, slices, unit

STARTS = 4  # of the clustering; the best of them counts
ROUNDS = 100
MOST_CLUSTERS = 6  # tried where nobody says how many there are
LEAST_SILHOUETTE = 0.1  # below it the uses are one cloud, and cutting it would invent clusters


def neighbour_agreement(
    X: Float[np.ndarray, "n d"], E: Float[np.ndarray, "n 2"], k: int = 12
) -> Float64[np.ndarray, "n"]:
    """|true & shown| / k of every point: which share of its k nearest on the map E (euclidean) is nearest in X (cosine).

    Range [0, 1]; higher is truer; a map by chance has about k / (n - 1). Ties go by index, the point itself is left
    out. n^2 d operations: for maps, up to some thousand points. Raises MeasureError for k outside 1..n-1. The share
    that A14 takes of two spaces, taken of a space and its picture; point by point what trustworthiness (A17) averages.

    >>> neighbour_agreement(np.array([[1.0, 0], [1, 0.1], [0, 1], [0.1, 1]]), np.array([[0.0, 0], [0, 1], [5, 5], [5, 6]]), k=1).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """  # noqa: E501
    checked_pair(X, E)
    n = len(X)
    if not 1 <= k < n:
        raise MeasureError(f"k is {k}, and every point has {n - 1} others: choose k between 1 and that.")
    rows, shown = unit(X), E.astype(np.float64)
    found = np.empty(n)
    for part in slices(n, 512):
        near = _nearest((rows[part] @ rows.T).round(DECIMALS), part, k)
        away = np.square(shown[part, None, :] - shown[None, :, :]).sum(axis=2)
        seen = _nearest(-away, part, k)
        found[part] = [len(np.intersect1d(a, b)) / k for a, b in zip(near, seen, strict=True)]
    return found


def _nearest(likeness: Float64[np.ndarray, "b n"], part: slice, k: int) -> Int64[np.ndarray, "b k"]:
    likeness[np.arange(len(likeness)), np.arange(part.start, part.stop)] = -np.inf
    return np.argsort(-likeness, axis=1, kind="stable")[:, :k]


class Clusters(NamedTuple):
    """A cluster a row, the largest first, and the mean cosine silhouette (None for a single cluster)."""

    of: Int64[np.ndarray, "n"]
    many: int
    silhouette: float | None


def clusters(X: Float[np.ndarray, "n d"], count: int | None = None, seed: int = 0) -> Clusters:
    """Spherical k-means of the rows: each belongs to the centroid of highest cosine, centroids are mean directions.

    `count`: how many; None: that of 2..MOST_CLUSTERS with the highest mean cosine silhouette, or one where none reaches
    LEAST_SILHOUETTE. The best of STARTS seeded starts (k-means++), numbered by falling size. Source: Dhillon & Modha
    2001 for the algorithm, Rousseeuw 1987 for the choice. Raises MeasureError for more clusters than rows.

    >>> clusters(np.array([[1.0, 0], [1, 0.1], [1, 0.2], [0, 1], [0.1, 1]]), seed=0).of.tolist()
    [0, 0, 0, 1, 1]
    """
    rows = unit(checked(X, 1))
    if count is not None:
        if not 1 <= count <= len(rows):
            raise MeasureError(f"There are {len(rows)} rows, which cannot be {count} clusters: ask for fewer.")
        return _clustered(rows, count, seed)
    tried = [_clustered(rows, many, seed) for many in range(2, min(MOST_CLUSTERS, len(rows) - 1) + 1)]
    best = max(tried, key=lambda found: found.silhouette or -1.0, default=None)
    if best is None or best.silhouette is None or best.silhouette < LEAST_SILHOUETTE:
        return _clustered(rows, 1, seed)
    return best


def _clustered(rows: Float64[np.ndarray, "n d"], count: int, seed: int) -> Clusters:
    if count == 1:
        return Clusters(np.zeros(len(rows), dtype=np.int64), 1, None)
    started = [_lloyd(rows, count, np.random.default_rng([seed, count, start])) for start in range(STARTS)]
    of, _ = max(started, key=lambda found: found[1])
    names, of, sizes = np.unique(of, return_inverse=True, return_counts=True)
    first = [int(np.flatnonzero(of == name)[0]) for name in range(len(names))]
    order = np.lexsort((np.array(first), -sizes))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    of = place[of]
    return Clusters(of, len(names), _silhouette(rows, of) if len(names) > 1 else None)


def _lloyd(
    rows: Float64[np.ndarray, "n d"], count: int, random: np.random.Generator
) -> tuple[Int64[np.ndarray, "n"], float]:
    """(cluster of each row, mean cosine with its centroid); an empty cluster takes the row that fits its own worst."""
    chosen = [int(random.integers(len(rows)))]
    away = np.ones(len(rows))
    for _ in range(count - 1):
        away = np.minimum(away, (1.0 - rows @ rows[chosen[-1]]).clip(0.0))
        total = away.sum()
        chosen.append(int(random.choice(len(rows), p=away / total) if total > 0 else random.integers(len(rows))))
    centroids = rows[chosen]
    of = np.full(len(rows), -1)
    for _ in range(ROUNDS):
        along = rows @ centroids.T
        nearest = along.argmax(axis=1)
        fits = along[np.arange(len(rows)), nearest]
        for empty in np.setdiff1d(np.arange(count), nearest):
            worst = int(fits.argmin())
            nearest[worst], fits[worst] = empty, np.inf
        if (nearest == of).all():
            break
        of = nearest
        sums = np.zeros_like(centroids)
        np.add.at(sums, of, rows)
        centroids = unit(sums)
    return of.astype(np.int64), float((rows * centroids[of]).sum(axis=1).mean())


def _silhouette(rows: Float64[np.ndarray, "n d"], of: Int64[np.ndarray, "n"]) -> float:
    """Mean over rows of (b - a) / max(a, b) in cosine distance; 0 for a cluster of one."""
    size = np.bincount(of)
    sums = np.zeros((len(size), rows.shape[1]))
    np.add.at(sums, of, rows)
    along, each = rows @ sums.T, np.arange(len(rows))
    own = (size[of] - along[each, of]) / np.maximum(size[of] - 1, 1)
    other = 1.0 - along / size
    other[each, of] = np.inf
    a, b = own.round(12).clip(0), other.min(axis=1).round(12).clip(0)
    largest = np.maximum(a, b)
    value = np.divide(b - a, largest, out=np.zeros(len(rows)), where=(largest > 0) & (size[of] > 1))
    return float(value.mean())
