"""A map of everything: one linked layout of many rows, before and after, and how true it is, at a cost linear in n.

Up to `EXACT_ROWS` rows the linked map itself (A17). Above, a landmark layout: the linked map of a fixed sample of rows,
and every other row among the places of its nearest landmarks, nearest in the ORIGINAL space.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Int64

from embedlab.errors import MeasureError
from embedlab.measure.neighbours import DECIMALS, knn_jaccard, nearest
from embedlab.measure.projection import linked_layout, placebo_layout
from embedlab.measure.rows import checked_pair, identical, is_zero, slices, unit

EXACT_ROWS = 10_000  # above, UMAP takes minutes, and more than linearly so
LANDMARKS = 4_000
PLACED_BY = 5  # landmarks that place a row: with 15 trustworthiness fell from .85 to .81 on words of a corpus
SETTLING = 12  # rounds towards the median; the steps after them are below a thousandth of the map
TRUST_ALL = 2_000  # rows up to which every one is asked how true the map is around it
TRUST_ROWS = 400  # of more rows, so many are asked, each against all
TRUST_K = 12
QUERIES = 65_536  # rows placed at once

Progress = Callable[[float, str], None]


def _quiet(_share: float, _what: str) -> None:
    """The progress of nobody watching."""


class Cost(NamedTuple):
    """How long a map takes [s], of two slow cores, and how much of it is asking how true it is.

    placebo, nearest: how far the layout is, as a share of its own time, when these are begun.
    """

    seconds: float
    trust: float
    placebo: float
    nearest: float


def cost(n: int, d: int, exact: int = EXACT_ROWS) -> Cost:
    """What `landmark_layout` and `sampled_trust` of n rows in d dimensions took where they were measured.

    >>> cost(1_000_000, 32).seconds < 6 * cost(100_000, 32).seconds
    True
    """
    laid = n if n <= exact else LANDMARKS
    umap, placebo = 8.0 + 0.003 * laid, 0.002 * laid
    find, ask = n * (4e-5 + 4e-7 * d), n * (4e-5 + 2e-7 * d)
    layout = umap + placebo + find
    return Cost(layout + ask, ask / (layout + ask), umap / layout, (umap + placebo) / layout)


class Layout(NamedTuple):
    """Two states in one frame. `landmarks`: the rows that UMAP laid out, None where it laid out all of them.

    change[i] = 1 - Jaccard of the k nearest landmarks of row i before and after (A14 with the landmarks as candidates:
    A14 itself where every row is one). placebo: the state before against itself, laid out in the same way.
    """

    before: Float32[np.ndarray, "n 2"]
    after: Float32[np.ndarray, "n 2"]
    placebo: tuple[Float32[np.ndarray, "n 2"], Float32[np.ndarray, "n 2"]]
    change: Float32[np.ndarray, "n"]
    landmarks: Int64[np.ndarray, "m"] | None


def landmark_layout(
    before: Float[np.ndarray, "n d"],
    after: Float[np.ndarray, "n e"],
    *,
    k: int = 10,
    seed: int = 0,
    exact: int = EXACT_ROWS,
    landmarks: int = LANDMARKS,
    progress: Progress = _quiet,
) -> Layout:
    """One frame for both states: `linked_layout` of all rows up to `exact`, else of a seeded sample of `landmarks`.

    Every other row lies at the weighted geometric median (`weighted_median`) of the places of its PLACED_BY nearest
    landmarks, weights exp(-(d - d1) / (mean d - d1)) with d = 1 - cosine in the state shown. Equal states get equal
    places. Work: UMAP of the landmarks, then n x landmarks x d. Raises MeasureError for fewer than five rows, a row
    without direction, or a k not below the rows laid out. Source: A17; landmarks after de Silva & Tenenbaum (2004).

    >>> rows = np.random.default_rng(0).normal(size=(60, 4))
    >>> made = landmark_layout(rows, rows.copy(), k=5, exact=20, landmarks=20)
    >>> len(made.landmarks), bool((made.before == made.after).all()), float(made.change.max())
    (20, True, 0.0)
    """
    checked_pair(before, after, 5)
    if is_zero(before).any() or is_zero(after).any():
        raise MeasureError("A row without direction has no place on a map by cosine: leave rows of zeros out.")
    n = len(before)
    chosen = None if n <= exact else np.sort(np.random.default_rng(seed).choice(n, min(landmarks, n), replace=False))
    old, new = (before, after) if chosen is None else (before[chosen], after[chosen])
    if not 1 <= k < len(old):
        raise MeasureError(f"k is {k}, and {len(old):,} rows are laid out: choose a k between 1 and that.")
    progress(0.0, f"laying out {len(old):,} of {n:,}")
    maps = linked_layout([old, new], seed=seed)
    begun = cost(n, before.shape[1], exact)
    progress(begun.placebo, "laying out the placebo, before against itself")
    placebo = placebo_layout(old, seed=seed)
    near: list[tuple[Int[np.ndarray, "n j"], Float32[np.ndarray, "n j"]]] = []
    each = (1.0 - begun.nearest) / 2
    for start, side, space, known in (
        (begun.nearest, "before", before, old),
        (begun.nearest + each, "after", after, new),
    ):
        if near and identical(before, after):
            near.append(near[0])
            continue

        def told(share: float, start: float = start, side: str = side) -> None:
            progress(start + each * share, f"nearest in the original space, {side}")

        near.append(nearest(known, k) if chosen is None else _nearest_landmarks(space, known, chosen, k, told))
    change = (1.0 - knn_jaccard(near[0][0], near[1][0])).astype(np.float32)
    progress(1.0, "laid out")
    if chosen is None:
        return Layout(maps[0], maps[1], placebo, change, None)
    shown = ((maps[0], near[0]), (maps[1], near[1]), (placebo[0], near[0]), (placebo[1], near[0]))
    at = [_placed(places, chosen, *found) for places, found in shown]
    return Layout(at[0], at[1], (at[2], at[3]), change, chosen)


def _nearest_landmarks(
    X: Float[np.ndarray, "n d"],
    known: Float[np.ndarray, "m d"],
    marks: Int64[np.ndarray, "m"],
    k: int,
    told: Callable[[float], None],
) -> tuple[Int[np.ndarray, "n j"], Float32[np.ndarray, "n j"]]:
    """The landmarks nearest to every row, by number, with their cosines; a landmark does not find itself."""
    number = np.full(len(X), -1)
    number[marks] = np.arange(len(marks))
    most = min(max(k, PLACED_BY), len(marks) - 1)
    ids, cosine = np.empty((len(X), most), dtype=np.int32), np.empty((len(X), most), dtype=np.float32)
    for part in slices(len(X), QUERIES):
        told(part.start / len(X))
        ids[part], cosine[part] = nearest(known, most, X[part], number[part])
    return ids, cosine


def _placed(
    places: Float32[np.ndarray, "m 2"],
    marks: Int64[np.ndarray, "m"],
    ids: Int[np.ndarray, "n j"],
    cosine: Float32[np.ndarray, "n j"],
) -> Float32[np.ndarray, "n 2"]:
    """Landmarks at their own places, every other row among those of its nearest."""
    at = np.empty((len(ids), 2), dtype=np.float32)
    for part in slices(len(ids), QUERIES):
        away = 1.0 - cosine[part, :PLACED_BY].astype(np.float64)
        beyond = away - away[:, :1]
        scale = beyond.mean(axis=1, keepdims=True)
        weight = np.exp(-beyond / np.where(scale > 0, scale, 1.0))
        at[part] = weighted_median(places[ids[part, :PLACED_BY]].astype(np.float64), weight)
    at[marks] = places
    return at


def weighted_median(
    points: Float64[np.ndarray, "n j 2"], weight: Float64[np.ndarray, "n j"]
) -> Float64[np.ndarray, "n 2"]:
    """For every row the place with the least weighted sum of distances to its points: the geometric median.

    Where the nearest landmarks lie in two parts of the map it lies in one of them, and not in the void between, as a
    mean does. Weiszfeld's iteration from the weighted mean, SETTLING rounds. Source: Weiszfeld (1937).

    >>> weighted_median(np.array([[[0.0, 0.0], [0.0, 0.0], [9.0, 0.0]]]), np.ones((1, 3))).round(2).tolist()
    [[0.0, 0.0]]
    """
    share = weight / weight.sum(axis=1, keepdims=True)
    at = np.einsum("nj,njc->nc", share, points)
    extent = np.ptp(points, axis=1).max(axis=1)[:, None]
    least = np.where(extent > 0, 1e-4 * extent, 1.0)  # a point that is reached would divide by nothing
    for _ in range(SETTLING):
        away = points - at[:, None]
        pull = weight / np.maximum(np.sqrt(away[..., 0] ** 2 + away[..., 1] ** 2), least)
        at = np.einsum("nj,njc->nc", pull / pull.sum(axis=1, keepdims=True), points)
    return at


# ---------------------------------------------------------------- how true it is, from a sample of its rows


class Sampled(NamedTuple):
    """A mean over `rows` sampled rows of `of`, with its 95 % interval; no width where every row was asked."""

    value: float
    interval: tuple[float, float]
    rows: int
    of: int


def sampled_trust(
    X: Float[np.ndarray, "n d"],
    E: Float[np.ndarray, "n 2"],
    *,
    k: int = TRUST_K,
    rows: int = TRUST_ROWS,
    everyone: int = TRUST_ALL,
    seed: int = 0,
) -> tuple[Sampled, Sampled]:
    """`trustworthiness` and `continuity` of a map, each from `rows` seeded rows ranked among ALL rows.

    Up to `everyone` rows no sample is taken.

    The mean of what each row adds to the number of A17, so no bias; the interval is the normal one of a mean without
    replacement. All rows give A17 itself. Range [0, 1]; higher is truer, a random map has about .5. Cosine for X;
    rows x n x d operations. Raises MeasureError for k not below n/2. Source: A17; Venna & Kaski 2001.

    >>> angle = np.random.default_rng(0).random(40)
    >>> arc = np.column_stack([np.cos(angle), np.sin(angle)])
    >>> [(found.value, found.rows) for found in sampled_trust(arc, arc, rows=30, everyone=30)]
    [(1.0, 30), (1.0, 30)]
    """
    checked_pair(X, E, 5)
    n = len(X)
    if not 1 <= k < n / 2:
        raise MeasureError(f"k is {k}, and this score needs k below half of the {n} rows: choose a smaller k.")
    asked = (
        np.arange(n)
        if n <= max(rows, everyone)
        else np.sort(np.random.default_rng(seed).choice(n, rows, replace=False))
    )
    on_map, in_space = _nearest_places(E, asked, k), nearest(X, k, np.asarray(X[asked]), asked)[0]
    intruding = _excess(_directions(X), asked, on_map, n, k)
    missing = _excess(_places(E), asked, in_space, n, k)
    return _mean(intruding, n, k), _mean(missing, n, k)


Scored = Callable[[Int64[np.ndarray, "m"], slice], Float64[np.ndarray, "m b"]]  # nearness of asked rows to a block


def _directions(X: Float[np.ndarray, "n d"]) -> Scored:
    return lambda asked, part: (unit(np.asarray(X[asked])) @ unit(X[part]).T).round(DECIMALS)


def _places(E: Float[np.ndarray, "n 2"]) -> Scored:
    x, y = (np.ascontiguousarray(column, dtype=np.float64) for column in E.T)

    def nearness(asked: Int64[np.ndarray, "m"], part: slice) -> Float64[np.ndarray, "m b"]:
        away = (x[asked][:, None] - x[part]) ** 2
        away += (y[asked][:, None] - y[part]) ** 2
        return np.negative(away, out=away)

    return nearness


def _nearest_places(E: Float[np.ndarray, "n 2"], asked: Int64[np.ndarray, "m"], k: int) -> Int64[np.ndarray, "m k"]:
    """The k rows nearest on the map, self excluded by index, ties by index."""
    n, nearness = len(E), _places(E)
    found = np.empty((len(asked), k), dtype=np.int64)
    for i, row in enumerate(asked):
        near = nearness(asked[i : i + 1], slice(0, n))[0]
        near[row] = -np.inf
        some = np.flatnonzero(near >= np.partition(near, n - k)[n - k])
        found[i] = some[np.lexsort((some, -near[some]))][:k]
    return found


def _excess(
    nearness: Scored, asked: Int64[np.ndarray, "m"], ids: Int[np.ndarray, "m k"], n: int, k: int
) -> Float64[np.ndarray, "m"]:
    """Per asked row, how far beyond rank k the rows `ids` lie by `nearness`, summed; all rows are seen once."""
    own = np.empty(ids.shape)
    for i, row in enumerate(asked):
        for j, other in enumerate(ids[i]):
            own[i, j] = nearness(np.array([row]), slice(int(other), int(other) + 1))[0, 0]
    least, nearer = own.min(axis=1, keepdims=True), np.zeros(ids.shape, dtype=np.int64)
    for part in slices(n):
        near = nearness(asked, part)
        here = np.arange(part.start, part.stop)
        near[asked[:, None] == here] = -np.inf  # oneself is no neighbour
        row, column = np.nonzero(near >= least)  # few, where the map is true: the others beat none
        found, at = near[row, column], here[column]
        for j in range(k):
            beats = (found > own[row, j]) | ((found == own[row, j]) & (at < ids[row, j]))
            nearer[:, j] += np.bincount(row[beats], minlength=len(asked))
    return np.asarray((nearer + 1 - k).clip(0).sum(axis=1), dtype=np.float64)


def _mean(excess: Float64[np.ndarray, "m"], n: int, k: int) -> Sampled:
    score = 1.0 - 2.0 * excess / (k * (2.0 * n - 3.0 * k - 1.0))
    m, value = len(score), float(score.mean())
    spread = 1.96 * float(score.std(ddof=1)) * math.sqrt((1.0 - m / n) / m) if m > 1 else 0.0
    return Sampled(value, (max(0.0, value - spread), min(1.0, value + spread)), m, n)
