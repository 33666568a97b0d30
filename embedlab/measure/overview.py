"""A map of everything: one linked layout of many rows, before and after, and how true it is, at a cost linear in n.

Up to `EXACT_ROWS` rows the linked map itself (A17). Above, a landmark layout: the linked map of a fixed sample of rows,
and every other row at the weighted mean of the places of its nearest landmarks, nearest in the ORIGINAL space.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Int64

from embedlab.errors import MeasureError
from embedlab.measure.neighbours import knn_jaccard, nearest
from embedlab.measure.projection import linked_layout, placebo_layout
from embedlab.measure.rows import checked_pair, slices, unit

EXACT_ROWS = 10_000  # above, UMAP would take minutes and its time grow faster than n
LANDMARKS = 4_000
NEAREST_LANDMARKS = 8  # that place a row; more pull everything to the middle of the map
TRUST_ROWS = 400  # asked how true the map is around them, each against all rows
TRUST_K = 12
TRUST_BLOCK = 16  # of those rows at once: their cosines with a million rows take 64 MB

Progress = Callable[[float, str], None]


def _quiet(_share: float, _what: str) -> None:
    """The progress of nobody watching."""


class Layout(NamedTuple):
    """Two states in one frame. `landmarks`: the rows that UMAP laid out, None where it laid out all of them.

    change[i] = 1 - Jaccard of the k nearest landmarks of row i before and after (A14 with the landmarks as
    candidates; A14 itself where all rows are landmarks).
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

    The placebo is `before` laid out against itself in the same way. Rows that are bit-identical before and after get
    identical places where all are. Work: UMAP of the landmarks, then n x landmarks x d. Raises MeasureError for fewer
    than five rows, or k not below the landmarks. Source: A17; landmark MDS (de Silva & Tenenbaum 2004) for the idea.

    >>> rows = np.random.default_rng(0).normal(size=(60, 4))
    >>> made = landmark_layout(rows, rows.copy(), k=5, exact=20, landmarks=20)
    >>> len(made.landmarks), bool((made.before == made.after).all()), float(made.change.max())
    (20, True, 0.0)
    """
    checked_pair(before, after, 5)
    n = len(before)
    chosen = None if n <= exact else np.sort(np.random.default_rng(seed).choice(n, min(landmarks, n), replace=False))
    marks = np.arange(n) if chosen is None else chosen
    if not 1 <= k < len(marks):
        raise MeasureError(f"k is {k}, and {len(marks):,} rows are laid out: choose a k between 1 and that.")
    old, new = before[marks], after[marks]
    progress(0.0, f"laying out {len(marks):,} rows")
    maps = linked_layout([old, new], seed=seed)
    progress(0.4, "laying out the placebo: before against itself")
    placebo = placebo_layout(old, seed=seed)
    progress(0.8, "finding the nearest rows in the original space")
    if chosen is None:
        change = 1.0 - knn_jaccard(nearest(old, k)[0], nearest(new, k)[0])
        progress(1.0, "laid out")
        return Layout(maps[0], maps[1], placebo, change.astype(np.float32), None)
    near_before = _near(before, marks, k, lambda share: progress(0.8 + 0.1 * share, "placing the other rows, before"))
    near_after = _near(after, marks, k, lambda share: progress(0.9 + 0.1 * share, "placing the other rows, after"))
    change = 1.0 - knn_jaccard(near_before[0], near_after[0])
    return Layout(
        _place(maps[0], marks, *near_before),
        _place(maps[1], marks, *near_after),
        (_place(placebo[0], marks, *near_before), _place(placebo[1], marks, *near_before)),
        change.astype(np.float32),
        chosen,
    )


Near = tuple[Int[np.ndarray, "n k"], Float32[np.ndarray, "n k"]]  # landmarks by number, and their cosines


def _near(X: Float[np.ndarray, "n d"], marks: Int64[np.ndarray, "m"], k: int, told: Callable[[float], None]) -> Near:
    """The k landmarks nearest to every row, none its own; for k below the landmarks."""
    number = np.full(len(X), -1)
    number[marks] = np.arange(len(marks))
    most = max(k, min(NEAREST_LANDMARKS, len(marks) - 1))
    ids, cosine = np.empty((len(X), most), dtype=np.int32), np.empty((len(X), most), dtype=np.float32)
    known = np.asarray(X[marks])
    for part in slices(len(X), 65_536):
        told(part.start / len(X))
        ids[part], cosine[part] = nearest(known, most, X[part], number[part])
    return ids[:, :k] if k < most else ids, cosine


def _place(
    places: Float32[np.ndarray, "m 2"],
    marks: Int64[np.ndarray, "m"],
    ids: Int[np.ndarray, "n k"],
    cosine: Float32[np.ndarray, "n k"],
) -> Float32[np.ndarray, "n 2"]:
    raise NotImplementedError
