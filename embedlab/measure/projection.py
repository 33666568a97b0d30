"""Pictures of spaces, and how true they are: the linked map, its placebo, trustworthiness and continuity (A17).

A map is a picture: change is measured in the original space, never here. The only module with UMAP.
"""

import threading
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64

from embedlab.errors import MeasureError
from embedlab.measure.neighbours import knn_jaccard, nearest
from embedlab.measure.rows import checked, checked_pair, is_zero, slices, unit

LEAST_LAYOUTS = 5  # A17: one seed says nothing of the others
Metric = Literal["cosine", "euclidean"]
LEAST_ROWS = 5
SPECTRAL_LEAST = 20  # points of the union; below this the eigensolver has no room and the start is two principal axes

_UMAP = threading.Lock()  # two threads inside numba's workqueue layer abort the process


def linked_layout(
    states: Sequence[Float[np.ndarray, "n _"]], seed: int = 0, weight: float = 3.0, k: int = 15
) -> list[Float32[np.ndarray, "n 2"]]:
    """One layout of the same rows in several states, in one frame: a point moves as far as its neighbours changed.

    The fuzzy neighbour graph of each state (cosine, exact neighbours), links between the copies of a row in successive
    states weighted `weight` x the Jaccard of its true neighbours, one seeded UMAP layout of the union. States that are
    bit-identical to the one before share its coordinates: no change reads as no move. k (self included, as UMAP
    counts) is cut to n for small n. Raises MeasureError for fewer than five rows. Source: the linked
    map, measured against joint and aligned fits (McInnes et al. 2018 for UMAP).

    >>> rows = np.random.default_rng(0).normal(size=(12, 4))
    >>> before, after = linked_layout([rows, rows.copy()])
    >>> bool((before == after).all()), before.shape
    (True, (12, 2))
    """
    if not states:
        raise MeasureError("A map needs at least one state of the space.")
    for state in states:
        checked_pair(states[0], state, LEAST_ROWS)
    place = [0]  # which layout each state shows
    for earlier, state in pairwise(states):
        place.append(place[-1] + (not np.array_equal(earlier, state)))
    different = [states[place.index(p)] for p in range(place[-1] + 1)]
    maps = _layout(different, seed, weight, k)
    return [maps[p].copy() for p in place]


def _layout(
    states: Sequence[Float[np.ndarray, "n _"]], seed: int, weight: float, k: int
) -> list[Float32[np.ndarray, "n 2"]]:
    import scipy.sparse as sparse
    from sklearn.utils import check_random_state

    n = len(states[0])
    near = min(k, n) - 1
    found = [nearest(state, near) for state in states]
    with _UMAP, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from umap.umap_ import find_ab_params, simplicial_set_embedding

        random = check_random_state(seed)
        grid: list[list[Any]] = [[None] * len(states) for _ in states]
        for i, (ids, cosine) in enumerate(found):
            grid[i][i] = _fuzzy_graph(states[i], ids, cosine, random)
            if i:
                link = sparse.diags(weight * knn_jaccard(found[i - 1][0], ids))
                grid[i - 1][i] = grid[i][i - 1] = link
        data = _union(states)
        a, b = find_ab_params(1.0, 0.1)
        points = simplicial_set_embedding(
            data,
            sparse.bmat(grid, format="coo"),
            n_components=2,
            initial_alpha=1.0,
            a=a,
            b=b,
            gamma=1.0,
            negative_sample_rate=5,
            n_epochs=None,
            init="spectral" if len(data) >= SPECTRAL_LEAST else _principal_axes(data, random),
            random_state=random,
            metric="euclidean",
            metric_kwds={},
            densmap=False,
            densmap_kwds={},
            output_dens=False,
        )[0]
    if not np.isfinite(points).all():
        raise MeasureError("These vectors could not be laid out as a map: they are too much alike.")
    return [np.ascontiguousarray(part, dtype=np.float32) for part in np.split(points, len(states))]


def _fuzzy_graph(
    state: Float[np.ndarray, "n d"], ids: np.ndarray, cosine: Float32[np.ndarray, "n k"], random: Any
) -> Any:
    """UMAP's fuzzy simplicial set from exact neighbours; UMAP counts the point itself as its first neighbour."""
    from umap.umap_ import fuzzy_simplicial_set

    itself = np.arange(len(ids), dtype=np.int32)[:, None]
    distance = np.hstack([np.zeros_like(itself, dtype=np.float32), (1.0 - cosine).clip(0.0)])
    return fuzzy_simplicial_set(
        state,
        ids.shape[1] + 1,
        random,
        "cosine",
        knn_indices=np.hstack([itself, ids]),
        knn_dists=distance.astype(np.float32),
    )[0]


def _union(states: Sequence[Float[np.ndarray, "n _"]]) -> Float32[np.ndarray, "m d"]:
    """Unit rows of all states, narrower ones padded: only places the parts of a graph that falls apart."""
    width = max(state.shape[1] for state in states)
    rows = [np.pad(unit(state), ((0, 0), (0, width - state.shape[1]))) for state in states]
    return np.vstack(rows).astype(np.float32)


def _principal_axes(data: Float32[np.ndarray, "m d"], random: Any) -> Float32[np.ndarray, "m 2"]:
    """The start for tiny maps: two principal axes, and a little noise so that no two points coincide."""
    centred = data - data.mean(axis=0)
    U, s, _ = np.linalg.svd(centred, full_matrices=False)
    axes = np.zeros((len(data), 2))
    axes[:, : min(2, len(s))] = (U * s)[:, :2]
    largest = np.abs(axes).max()
    scaled = 10.0 * axes / largest if largest > 0 else axes
    return (scaled + random.normal(scale=1e-2, size=scaled.shape)).astype(np.float32)


def moves(before: Float[np.ndarray, "n 2"], after: Float[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n"]:
    """How far each point moved between two maps of one frame; 1 = as far as two random points of it lie apart (rms).

    Range [0, inf). A reading of the picture, for comparing with its placebo: not a measurement of the space.

    >>> moves(np.array([[0.0, 0.0], [2.0, 0.0]]), np.array([[0.0, 0.0], [2.0, 1.0]])).round(3).tolist()
    [0.0, 0.649]
    """
    both = np.vstack([before, after]).astype(np.float64)
    apart = np.sqrt(2.0 * both.var(axis=0).sum())  # E ||p - q||^2 = 2 (E ||p||^2 - ||E p||^2)
    distance = np.linalg.norm(after.astype(np.float64) - before, axis=1)
    return distance / apart if apart > 0 else distance


def placebo_layout(
    X: Float[np.ndarray, "n d"], seed: int = 0, weight: float = 3.0, k: int = 15
) -> tuple[Float32[np.ndarray, "n 2"], Float32[np.ndarray, "n 2"]]:
    """The linked map of a space with itself: what a map shows where nothing changed. Costs as much as the map.

    Unlike `linked_layout`, which gives equal states equal places, both copies are laid out.

    >>> one, other = placebo_layout(np.random.default_rng(0).normal(size=(40, 8)))
    >>> bool((one == other).all()), float(moves(one, other).mean()) < 0.1
    (False, True)
    """
    before, after = _layout([checked(X, LEAST_ROWS)] * 2, seed, weight, k)
    return before, after


# ---------------------------------------------------------------- A17


def _nearest_first(rows: Float64[np.ndarray, "n d"], part: slice) -> Int64[np.ndarray, "b n"]:
    """All rows by distance from some rows, the row itself first by decree, ties by index.

    Euclidean; on unit rows that is the order of the cosine.
    """
    from scipy.spatial.distance import cdist

    away = cdist(rows[part], rows, "sqeuclidean")
    away[np.arange(len(away)), np.arange(part.start, part.stop)] = -1.0
    return np.argsort(away, axis=1, kind="stable")


def _spaces(
    E: Float[np.ndarray, "n 2"], X: Float[np.ndarray, "n d"], metric: Metric
) -> tuple[Float64[np.ndarray, "n 2"], Float64[np.ndarray, "n e"]]:
    """The map and the space as float64, the space on the unit sphere where cosines decide."""
    checked_pair(E, X, 3)
    if metric == "euclidean":
        return E.astype(np.float64), X.astype(np.float64)
    # a zero row points along an axis of its own: cosine 0 with every row that has a direction
    return E.astype(np.float64), np.hstack([unit(X), is_zero(X)[:, None]])


def _intruders(seen: Float64[np.ndarray, "n d"], true: Float64[np.ndarray, "n e"], k: int) -> float:
    """1 - scaled sum over neighbours in `seen` of how far beyond rank k they are in `true`."""
    n = len(seen)
    if not 1 <= k < n / 2:
        raise MeasureError(f"k is {k}, and this score needs k below half of the {n} rows: choose a smaller k.")
    excess = 0.0
    for part in slices(n, 256):
        close, order = _nearest_first(seen, part)[:, 1 : k + 1], _nearest_first(true, part)
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.broadcast_to(np.arange(n), order.shape), axis=1)
        excess += (np.take_along_axis(rank, close, axis=1) - k).clip(0).sum()
    return float(1.0 - 2.0 * excess / (n * k * (2.0 * n - 3.0 * k - 1.0)))


def trustworthiness(
    X: Float[np.ndarray, "n d"], E: Float[np.ndarray, "n 2"], k: int = 12, metric: Metric = "cosine"
) -> float:
    """1 - 2 / (nk (2n-3k-1)) x sum over map neighbours j of i of (rank of j in X - k): are map neighbours true ones?

    Range [0, 1]; higher is truer, a random map has about .5. `metric` is X's, the one the map was made with; k < n/2.
    Source: A17; Venna & Kaski 2001.

    >>> grid = np.array([[x, y] for x in range(4) for y in range(3)], dtype=float)
    >>> trustworthiness(grid, grid, k=3, metric="euclidean")
    1.0
    """
    return _intruders(*_spaces(E, X, metric), k)


def continuity(
    X: Float[np.ndarray, "n d"], E: Float[np.ndarray, "n 2"], k: int = 12, metric: Metric = "cosine"
) -> float:
    """The roles swapped: are true neighbours also neighbours on the map?

    Range [0, 1]; higher is truer, a random map scores about .5. k < n/2. Source: A17; Venna & Kaski 2001.

    >>> grid = np.array([[x, y] for x in range(4) for y in range(3)], dtype=float)
    >>> continuity(grid, grid, k=3, metric="euclidean")
    1.0
    """
    return _intruders(*_spaces(E, X, metric)[::-1], k)


class Trust(NamedTuple):
    """Least and most trustworthiness and continuity over states and layouts."""

    trustworthiness: tuple[float, float]
    continuity: tuple[float, float]
    layouts: int


def trustworthiness_over_seeds(
    states: Sequence[Float[np.ndarray, "n _"]],
    layouts: Sequence[Sequence[Float[np.ndarray, "n 2"]]],
    k: int = 12,
    metric: Metric = "cosine",
) -> Trust:
    """trustworthiness and continuity of every state on every layout: (min, max) of each, over five seeds or more.

    layouts[s][i] is the map of states[i] by seed s, as linked_layout(states, seed=s) gives them. Range [0, 1]; a wide
    range means that the map is mostly chance. Raises MeasureError for fewer than five layouts. Source: A17.

    >>> grid = np.array([[x, y] for x in range(4) for y in range(3)], dtype=float)
    >>> trustworthiness_over_seeds([grid], [[grid]] * 5, k=3, metric="euclidean")
    Trust(trustworthiness=(1.0, 1.0), continuity=(1.0, 1.0), layouts=5)
    """
    if len(layouts) < LEAST_LAYOUTS:
        raise MeasureError(f"A range over seeds needs {LEAST_LAYOUTS} layouts, not {len(layouts)}: lay out more.")
    pairs = [pair for maps in layouts for pair in zip(states, maps, strict=True)]
    true, near = ([score(state, map_, k, metric) for state, map_ in pairs] for score in (trustworthiness, continuity))
    return Trust((min(true), max(true)), (min(near), max(near)), len(layouts))
