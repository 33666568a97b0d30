"""Many tests at once: p values corrected for their number (A18)."""

import numpy as np
from jaxtyping import Float, Float64

from embedlab.errors import MeasureError


def _p_values(p: Float[np.ndarray, "n"]) -> Float64[np.ndarray, "n"]:
    values = p.astype(np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise MeasureError("A p value lies between 0 and 1.")
    return values


def benjamini_hochberg(p: Float[np.ndarray, "n"]) -> Float64[np.ndarray, "n"]:
    """Adjusted p: calling those below q true leaves an expected share q of false ones. Source: A18; BH 1995.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    values, n = _p_values(p), len(p)
    order = np.argsort(values, kind="stable")[::-1]
    adjusted = np.empty(n)
    adjusted[order] = np.minimum.accumulate(values[order] * n / np.arange(n, 0, -1)).clip(max=1.0)
    return adjusted


def holm(p: Float[np.ndarray, "n"]) -> Float64[np.ndarray, "n"]:
    """Adjusted p: calling those below a true makes any false call with probability at most a. Source: A18; Holm 1979.

    >>> holm(np.array([0.001, 0.012, 0.03])).round(3).tolist()
    [0.003, 0.024, 0.03]
    """
    values, n = _p_values(p), len(p)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty(n)
    adjusted[order] = np.maximum.accumulate(values[order] * np.arange(n, 0, -1)).clip(max=1.0)
    return adjusted
