"""95 % intervals for many numbers at once, out of the tools of embedlab.measure.uncertainty (A18).

Here is only what those do not have: half-samples that serve several statistics together, and the interval of a
difference or a mean of independent figures.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Int64

DRAWS = 1000
FEWEST_DRAWS = 200
DRAW_CELLS = 2_000_000  # draws x units: many units need fewer draws, since their interval is narrow anyway
HALF_SAMPLES = 20
HALF_SAMPLE_ROWS = 4000  # enough for the spread; more rows only cost time
LEAST_ROWS = 20  # below this the half of the rows says nothing about a spectrum

Interval = tuple[float, float]


def draws_for(units: int) -> int:
    """How many bootstrap draws of so many units: 1000, fewer above 2,000 units, never below 200."""
    return min(DRAWS, max(FEWEST_DRAWS, DRAW_CELLS // max(1, units)))


def half_samples(
    n: int,
    statistics: Callable[[Int64[np.ndarray, "row"]], dict[str, float]],
    full: dict[str, float],
    seed: Sequence[int],
) -> dict[str, Interval]:
    """Intervals around the `full` values, from the spread of the statistics over samples of half of the n rows.

    A sample of m of n rows drawn without replacement differs from the full value with variance s^2 (1/m - 1/n), the
    full value from the truth with s^2 / n: the spread is scaled by sqrt(m / (n - m)). Student's t for so few samples.
    """
    from scipy.stats import t

    if n < LEAST_ROWS:
        return {}
    m = min(n // 2, HALF_SAMPLE_ROWS)
    rng = np.random.default_rng(list(seed))
    drawn = [statistics(np.sort(rng.choice(n, m, replace=False))) for _ in range(HALF_SAMPLES)]
    factor = float(t.ppf(0.975, HALF_SAMPLES - 1)) * np.sqrt(m / (n - m))
    found = {}
    for name, value in full.items():
        spread = np.std([one[name] for one in drawn], ddof=1)
        if np.isfinite(spread):
            found[name] = (float(value - factor * spread), float(value + factor * spread))
    return found


def combined(values: Sequence[float], intervals: Sequence[Interval], weights: Sequence[float]) -> Interval:
    """Interval of sum(w * value) of independent figures from their own intervals (MOVER: Zou & Donner 2008).

    low = sum - sqrt(sum of squares of the way of each to its own nearer-to-low end), high the same upwards.
    """
    total = sum(w * value for w, value in zip(weights, values, strict=True))
    down, up = 0.0, 0.0
    for w, value, (low, high) in zip(weights, values, intervals, strict=True):
        below, above = (value - low, high - value) if w >= 0 else (high - value, value - low)
        down, up = down + (w * below) ** 2, up + (w * above) ** 2
    return float(total - np.sqrt(down)), float(total + np.sqrt(up))
