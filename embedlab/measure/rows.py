"""What all measures share: refusing what has no value, walking over rows in float64 blocks, unit rows."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64

from embedlab.errors import MeasureError

BLOCK = 4096  # rows turned to float64 at once: 12 MB at 384 dimensions, so that a million rows never double in memory


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
    X: Float[np.ndarray, "n d"], shift: Float64[np.ndarray, "d"] | None = None
) -> Iterator[Float64[np.ndarray, "b d"]]:
    """Consecutive rows as float64, minus `shift` where given."""
    for part in slices(len(X)):
        block = X[part].astype(np.float64, copy=False)
        yield block if shift is None else block - shift


def column_means(X: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "d"]:
    """The mean row in float64: a float32 sum over a large offset would lose the digits that matter."""
    return X.mean(axis=0, dtype=np.float64)


def norms(X: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n"]:
    """Euclidean length of every row, float64."""
    parts = [np.sqrt(np.einsum("ij,ij->i", block, block)) for block in blocks(X)]
    return np.concatenate(parts) if parts else np.zeros(0)


def is_zero(X: Float[np.ndarray, "n d"]) -> Bool[np.ndarray, "n"]:
    """Which rows have no direction."""
    return (X == 0).all(axis=1)


def unit(X: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n d"]:
    """Rows divided by their length, float64; zero rows stay zero."""
    length = norms(X)
    return X / np.where(length > 0, length, 1.0)[:, None]


def unit_nonzero(X: Float[np.ndarray, "n d"], least: int = 2) -> Float64[np.ndarray, "m d"]:
    """Unit rows of the rows that have a direction. Raises MeasureError where fewer than `least` have one."""
    rows = unit(checked(X, least))
    zero = is_zero(rows)
    rows = rows[~zero] if zero.any() else rows
    if len(rows) < least:
        raise MeasureError(f"Only {len(rows)} rows are not zero, and a cosine needs a direction: give more data.")
    return rows


def row_cosine(A: Float[np.ndarray, "n d"], B: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n"]:
    """Cosine of row i of A with row i of B: exactly 1 where they are bit-identical, 0 where one of them is zero."""
    value = np.empty(len(A))
    for part in slices(len(A)):
        a, b = A[part].astype(np.float64), B[part].astype(np.float64)
        dot, length = np.einsum("ij,ij->i", a, b), np.sqrt(np.einsum("ij,ij->i", a, a)) * np.linalg.norm(b, axis=1)
        cosine = np.divide(dot, length, out=np.zeros(len(a)), where=length > 0)
        value[part] = np.where((a == b).all(axis=1), 1.0, cosine.clip(-1.0, 1.0))
    return value


def distinct(X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "m d"]:
    """The different rows of X, in the order of their first appearance (0 and -0 are the same)."""
    keys = np.ascontiguousarray(X + 0.0).view(np.dtype((np.void, X.shape[1] * X.itemsize))).ravel()
    first = np.unique(keys, return_index=True)[1]
    return X[np.sort(first)]
