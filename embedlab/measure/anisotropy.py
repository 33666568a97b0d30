"""Do vectors share a direction, and how evenly do they fill the sphere? A1 and A10, from cosines alone."""

import numpy as np
from jaxtyping import Float, Float64

from embedlab.errors import MeasureError
from embedlab.measure import kernels
from embedlab.measure.rows import (
    blocks,
    checked,
    checked_pair,
    column_means,
    is_zero,
    lengths,
    number,
    row_cosine,
    slices,
    unit,
    with_direction,
)

CACHED = 128  # rows worked on at once where every block is read twice: 390 kB at 384 dimensions, within a core's cache
PAIR_BLOCK = 2048  # rows on either side of a block of pairs


def _unit_sum(
    X: Float[np.ndarray, "n d"], shift: Float64[np.ndarray, "d"] | None = None
) -> tuple[Float64[np.ndarray, "d"], int]:
    """Sum of the unit rows of X - shift, and how many rows had a direction; reads X once."""
    total, counted = np.zeros(X.shape[1]), 0
    if X.dtype == np.float32 and X.size >= kernels.WORTHWHILE:
        counted = kernels.add_unit_rows(np.asarray(X), np.zeros_like(total) if shift is None else shift, total)
    else:
        for block in blocks(X, shift, CACHED):
            length = lengths(block)
            usable = (length > 1e-300) & np.isfinite(length)
            if not usable.all():  # zero, beyond the range of a reciprocal, or damaged
                if not np.isfinite(block).all():
                    checked(X)  # says which row
                block = block[length > 0] / np.abs(block[length > 0]).max(axis=1, keepdims=True)
                length = lengths(block)
            total += (1.0 / length) @ block
            counted += len(length)
    if not np.isfinite(total).all():
        checked(X)
    return total, counted


def _mean_of_pairs(total: Float64[np.ndarray, "d"], counted: int) -> float:
    if counted < 2:
        raise MeasureError(f"Only {counted} rows have a direction, and a cosine needs two: give more data.")
    return number((total @ total - counted) / (counted * (counted - 1)))


def _enough(X: Float[np.ndarray, "n d"], least: int = 2) -> Float[np.ndarray, "n d"]:
    """X itself, refused for its shape alone: whether its values are finite is seen on the one pass over them."""
    return X if len(X) >= least and X.shape[1] else checked(X, least)


def mean_cosine(X: Float[np.ndarray, "n d"]) -> float:
    """Anisotropy: mean cosine over all ordered pairs of different rows, (||sum x^||^2 - n) / (n (n-1)).

    Range [-1/(n-1), 1]; 0 is a cloud without a common direction, neither end is good as such. Zero rows are left out.
    O(nd), one pass over the memory, no copy. Source: A1; Ethayarajh 2019 (his baseline, here exact over all pairs).

    >>> mean_cosine(np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]]))
    0.3333333333333333
    """
    return _mean_of_pairs(*_unit_sum(_enough(X)))


def mean_cosine_centred(X: Float[np.ndarray, "n d"]) -> float:
    """Mean cosine after the mean row is subtracted: near 0 whenever one common direction was all there was.

    Range [-1/(n-1), 1]; neither end is good. Rows equal to the mean are left out. O(nd), two passes. Source: A1.

    >>> mean_cosine_centred(np.array([[9.0, 1.0], [9.0, -1.0]]))
    -1.0
    """
    return _mean_of_pairs(*_unit_sum(X, _means(_enough(X))))


def _means(X: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "d"]:
    means = column_means(X)
    if not np.isfinite(means).all():
        checked(X)
    return means


def top_dimension_share(X: Float[np.ndarray, "n d"]) -> float:
    """Share of the largest coordinate in the mean unit vector m: max_j m_j^2 / sum m^2.

    Range [1/d, 1]; high means that a few rogue dimensions make the whole anisotropy. Not invariant to rotation.
    O(nd), one pass. Source: A1; Timkey & van Schijndel 2021.

    >>> top_dimension_share(np.array([[3.0, 4.0], [3.0, 4.0]]))
    0.64
    """
    total, counted = _unit_sum(_enough(X, 1))
    squares = total**2
    if counted == 0 or squares.sum() < 1e-24 * counted**2:
        raise MeasureError("The mean direction of these rows is zero, so no dimension has a share in it.")
    return number(squares.max() / squares.sum())


def uniformity(X: Float[np.ndarray, "n d"], t: float = 2.0) -> float:
    """log mean over pairs i<j of exp(-t ||x_i^ - x_j^||^2), unit rows: how evenly they fill the sphere.

    Range [-4t, 0]; lower is more even, 0 is a single point. Do not compare across dimensions. Zero rows are left out.
    Every pair is looked at, n^2 d operations in blocks of constant memory: above 20,000 rows give a sample.
    Source: A10; Wang & Isola 2020.

    >>> uniformity(np.array([[1.0, 0.0], [0.0, 1.0]]))
    -4.0
    """
    rows = with_direction(X)
    n, total = len(rows), 0.0
    for part in slices(n, PAIR_BLOCK):
        some = unit(rows[part])
        for other in slices(n, PAIR_BLOCK):
            if other.start < part.start:
                continue  # each unordered pair once
            later = some if other.start == part.start else unit(rows[other])
            kernel = np.exp(2.0 * t * (some @ later.T - 1.0))
            total += float((np.triu(kernel, 1) if other.start == part.start else kernel).sum())
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
    return number(2.0 - 2.0 * row_cosine(X, Y)[kept].mean())
