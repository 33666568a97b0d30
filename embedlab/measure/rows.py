"""What all measures share: refusing what has no value, walking over rows in float64 blocks, unit rows."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from embedlab.errors import MeasureError

BLOCK = 4096  # rows turned to float64 at once: 12 MB at 384 dimensions, so that a million rows never double in memory
TINY, HUGE = 1e-280, 1e280  # squared lengths outside have lost digits, or overflowed


def checked(X: Float[np.ndarray, "n d"], least: int = 2) -> Float[np.ndarray, "n d"]:
    """X itself. Raises MeasureError for fewer than `least` rows, no columns, or a value that is not a finite number."""
    if len(X) < least:
        raise MeasureError(f"This number needs at least {least} rows, and there are {len(X)}: give more data.")
    if X.shape[1] == 0:
        raise MeasureError("The vectors have no dimensions: nothing can be measured on them.")
    for start in range(0, len(X), BLOCK):
        finite = np.isfinite(X[start : start + BLOCK]).all(axis=1)
        if not finite.all():
            row = start + int(np.argmin(finite))
            raise MeasureError(f"Row {row + 1} holds a value that is not a finite number: the vectors are damaged.")
    return X


def checked_pair(
    X: Float[np.ndarray, "n d"], Y: Float[np.ndarray, "m e"], least: int = 2, same_width: bool = False
) -> None:
    """Raises MeasureError unless both matrices are sound and row i of one belongs to row i of the other."""
    if len(X) != len(Y):
        raise MeasureError(f"One space has {len(X)} rows and the other {len(Y)}: they must be the same rows in order.")
    if same_width and X.shape[1] != Y.shape[1]:
        raise MeasureError(
            f"The spaces have {X.shape[1]} and {Y.shape[1]} dimensions: this number needs shared coordinates. "
            "Use CKA, Procrustes or the neighbours."
        )
    checked(X, least)
    checked(Y, least)


def number(value: Any, why: str = "the values are too large or all alike") -> float:
    """A finite Python float, or MeasureError with the reason: no measure returns NaN."""
    if not math.isfinite(value):
        raise MeasureError(f"This number is not defined for the data: {why}.")
    return float(value)


def slices(n: int, size: int = BLOCK) -> Iterator[slice]:
    """Consecutive slices that cover n rows."""
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def blocks(
    X: Float[np.ndarray, "n d"], shift: Float64[np.ndarray, "d"] | None = None, size: int = BLOCK
) -> Iterator[Float64[np.ndarray, "b d"]]:
    """Consecutive rows as float64, minus `shift` where given."""
    for part in slices(len(X), size):
        block = X[part].astype(np.float64, copy=False)
        yield block if shift is None else block - shift


def column_means(X: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "d"]:
    """The mean row in float64: a float32 sum over a large offset would lose the digits that matter."""
    return X.mean(axis=0, dtype=np.float64)


def lengths(block: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "n"]:
    """Euclidean length of every row, also where its square leaves the range of float64."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        squared = np.einsum("ij,ij->i", block, block)
        odd = (squared < TINY) | (squared > HUGE)
        value = np.sqrt(squared)
        if odd.any():
            largest = np.abs(block[odd]).max(axis=1)
            scaled = block[odd] / np.where(largest > 0, largest, 1.0)[:, None]
            value[odd] = largest * np.sqrt(np.einsum("ij,ij->i", scaled, scaled))
    return value


def norms(X: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n"]:
    """Euclidean length of every row, float64."""
    parts = [lengths(block) for block in blocks(X)]
    return np.concatenate(parts) if parts else np.zeros(0)


def is_zero(X: Float[np.ndarray, "n d"]) -> Bool[np.ndarray, "n"]:
    """Which rows have no direction."""
    value = np.empty(len(X), dtype=bool)
    for part in slices(len(X)):
        value[part] = (X[part] == 0).all(axis=1)
    return value


def all_alike(X: Float[np.ndarray, "n d"]) -> bool:
    """Whether every row is the first one."""
    return all((X[part] == X[0]).all() for part in slices(len(X)))


def identical(X: Float[np.ndarray, "n d"], Y: Float[np.ndarray, "m e"]) -> bool:
    """Whether two matrices hold the same numbers."""
    return X.shape == Y.shape and all(np.array_equal(X[part], Y[part]) for part in slices(len(X)))


def unit(X: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n d"]:
    """Rows divided by their length, a float64 copy (give it blocks); zero rows stay zero."""
    length = norms(X)
    return X / np.where(length > 0, length, 1.0)[:, None]


def with_direction(X: Float[np.ndarray, "n d"], least: int = 2) -> Float[np.ndarray, "m d"]:
    """The rows that have a direction, as they are. Raises MeasureError where fewer than `least` have one."""
    zero = is_zero(checked(X, least))
    rows = X[~zero] if zero.any() else X
    if len(rows) < least:
        raise MeasureError(f"Only {len(rows)} rows are not zero, and a cosine needs a direction: give more data.")
    return rows


def row_cosine(A: Float[np.ndarray, "n d"], B: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n"]:
    """Cosine of row i of A with row i of B: exactly 1 where they are bit-identical, 0 where one of them is zero."""
    value = np.empty(len(A))
    for part in slices(len(A)):
        a, b = A[part].astype(np.float64, copy=False), B[part].astype(np.float64, copy=False)
        one, two = lengths(a), lengths(b)
        some = (one > 0) & (two > 0)
        cosine = np.zeros(len(a))
        np.einsum("ij,ij->i", a / np.where(some, one, 1.0)[:, None], b / np.where(some, two, 1.0)[:, None], out=cosine)
        cosine = np.where(some, cosine, 0.0)
        value[part] = np.where((a == b).all(axis=1), 1.0, cosine.clip(-1.0, 1.0))
    return value


def places_among(ids: Int64[np.ndarray, "n"], wanted: Int64[np.ndarray, "m"]) -> Int64[np.ndarray, "p"]:
    """Where the wanted numbers stand in `ids`, which increase; increasing, each once, those not there left out.

    >>> places_among(np.array([2, 5, 9]), np.array([9, 4, 2, 2])).tolist()
    [0, 2]
    """
    if (np.diff(wanted) <= 0).any():
        wanted = np.unique(wanted)  # by a hash table, which takes ten times as long as the search
    places = np.searchsorted(ids, wanted)
    here = places < len(ids)
    here[here] = ids[places[here]] == wanted[here]
    return places[here]


def first_appearances(X: Float[np.ndarray, "n d"]) -> Int64[np.ndarray, "m"]:
    """Numbers of the rows that repeat no earlier row exactly, ascending (0 and -0 are the same).

    Rows are told apart by a 64-bit sum of their bits, in blocks; rows that share a sum are compared in full.
    """
    rng = np.random.default_rng(0)
    odd = rng.integers(0, 2**63, size=X.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    key = np.empty(len(X), dtype=np.uint64)
    for part in slices(len(X)):
        bits = np.ascontiguousarray(X[part] + X.dtype.type(0)).view(f"u{X.itemsize}")
        key[part] = np.einsum("ij,j->i", bits.astype(np.uint64), odd)
    order = np.argsort(key, kind="stable")
    first = np.ones(len(X), dtype=bool)
    starts = np.flatnonzero(np.r_[True, key[order][1:] != key[order][:-1]])
    sizes = np.diff(np.r_[starts, len(X)])
    for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
        rows = order[start : start + size]
        if all_alike(X[rows]):
            first[rows[1:]] = False
        else:  # different rows with one sum: by their bytes
            keys = np.ascontiguousarray(X[rows] + X.dtype.type(0)).view(np.dtype((np.void, X.shape[1] * X.itemsize)))
            first[rows] = False
            first[rows[np.unique(keys.ravel(), return_index=True)[1]]] = True
    return np.flatnonzero(first)
