"""Samples of rows without replacement, for figures that a row bootstrap would wreck: spectra, neighbours (A18)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int64

from embedlab.errors import MeasureError
from embedlab.measure.intervals import Interval


class HalfSamples(NamedTuple):
    """The full-sample value, its interval, and the values of the half-samples."""

    value: float
    interval: Interval
    values: Float64[np.ndarray, "draws"]


def sample_rows(n: int, limit: int, seed: int = 0) -> Int64[np.ndarray, "m"]:
    """At most `limit` different rows of n, seeded, ascending: the same sample for both models.

    >>> sample_rows(3, 10).tolist()
    [0, 1, 2]
    """
    return np.arange(n) if n <= limit else np.sort(np.random.default_rng(seed).choice(n, limit, replace=False))


def half_samples(n: int, draws: int = 100, seed: int = 0) -> Int64[np.ndarray, "draws half"]:
    """Seeded half-samples of row numbers, without replacement, ascending: [draws, n // 2].

    >>> half_samples(6, draws=2).shape
    (2, 3)
    """
    if n < 4:
        raise MeasureError(f"Half of {n} rows is too few to measure anything on: give at least 4 rows.")
    rng = np.random.default_rng(seed)
    return np.sort([rng.choice(n, n // 2, replace=False) for _ in range(draws)], axis=1)


def half_sample_interval(
    statistic: Callable[..., float],
    *spaces: Float[np.ndarray, "n _"],
    draws: int = 100,
    seed: int = 0,
    level: float = 0.95,
) -> HalfSamples:
    """Interval of statistic(*spaces) from half-samples of rows, the same rows in every space.

    `statistic` takes the spaces and returns one number: lambda x, y: isoscore(y) - isoscore(x), or cka_debiased.
    m of n rows drawn without replacement differ from the full value with variance s^2 (1/m - 1/n), the full value from
    the truth with s^2 / n: the spread of the half-samples about their own mean (spectra and neighbours shift with n)
    is scaled by sqrt(m / (n - m)), with Student's t for so few rows and draws. (sqrt(m / n), for m drawn with
    replacement, would hold the truth 83 times of 100.) Half-samples on which the statistic is undefined are left
    out. Source: A18; Politis & Romano 1994.

    >>> half_sample_interval(lambda x: 1.0, np.ones((8, 2))).interval
    (1.0, 1.0)
    """
    from scipy.stats import t

    n = len(spaces[0])
    if any(len(space) != n for space in spaces):
        raise MeasureError("The spaces differ in rows: half-samples need the same rows in all of them.")
    full = statistic(*spaces)
    values = []
    for rows in half_samples(n, draws, seed):
        try:
            values.append(statistic(*(space[rows] for space in spaces)))
        except MeasureError:
            continue
    if len(values) < max(2, draws // 2):
        raise MeasureError("Half of the rows are too few for this number, so it has no interval.")
    found, m = np.array(values), n // 2
    if (found == full).all():
        return HalfSamples(full, (full, full), found)  # the spread of equal numbers rounds, and nothing must be nothing
    freedom = 1 / (1 / (n - 1) + 1 / (len(found) - 1))  # the spread is estimated from so many rows and so many draws
    half = float(t.ppf((1 + level) / 2, freedom)) * np.sqrt(m / (n - m)) * float(found.std(ddof=1))
    return HalfSamples(full, (float(full - half), float(full + half)), found)
