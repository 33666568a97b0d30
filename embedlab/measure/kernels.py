"""The compiled loop for what numpy can only do in several passes over the memory. The only module with numba."""

from collections.abc import Callable
from functools import cache
from typing import Any, no_type_check

import numpy as np
from jaxtyping import Float, Float64

WORTHWHILE = 100_000_000  # numbers in the matrix: below this the compiler (about a second, once a process) costs more


@cache
def _compiled() -> Callable[..., int]:
    from numba import njit

    # A row's length is taken while the row before it, still in the cache, is added up: the memory never waits.
    # The compiler may reorder sums (vectors of doubles), but not assume that values are finite.
    @no_type_check  # shape checks of the tests wrap functions, and the compiler knows no wrappers
    def add_unit_rows(X: Any, shift: Any, total: Any) -> int:
        n, d = X.shape
        counted, weight = 0, 0.0
        for i in range(n + 1):
            now, before = min(i, n - 1), max(i - 1, 0)
            squared = 0.0
            for j in range(d):
                x = X[now, j] - shift[j]
                squared += x * x
                total[j] += weight * (X[before, j] - shift[j])
            weight = 1.0 / np.sqrt(squared) if squared != 0.0 else 0.0
            if i < n and squared != 0.0:
                counted += 1
        return counted

    return njit(fastmath={"reassoc", "contract", "nsz"}, error_model="numpy", nogil=True)(add_unit_rows)


def add_unit_rows(X: Float[np.ndarray, "n d"], shift: Float64[np.ndarray, "d"], total: Float64[np.ndarray, "d"]) -> int:
    """Adds the unit rows of X - shift to `total`, in place, in one pass, float64 inside; how many had a direction.

    A NaN, or an infinity, in X makes `total` not finite.

    >>> total = np.zeros(2)
    >>> add_unit_rows(np.array([[3.0, 4.0], [0.0, 0.0], [0.0, 2.0]]), np.zeros(2), total), total.round(12).tolist()
    (2, [0.6, 1.8])
    """
    return _compiled()(X, shift, total)
