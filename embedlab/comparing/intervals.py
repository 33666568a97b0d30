"""95 % intervals for many numbers at once, out of the tools of embedlab.measure.uncertainty (A18).

Here is only what those do not have: part-samples that serve several statistics together, and the interval of a
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
# Simulated: at a half, hubness and the effective rank are other numbers than at n, and their spread is too small
THREE_QUARTERS = 0.75
HEAVY_TAILS = 1.1  # few strong directions make tails heavier than Student's: coverage was 93 % without

Interval = tuple[float, float]


def draws_for(units: int) -> int:
    """How many bootstrap draws of so many units: 1000, fewer above 2,000 units, never below 200."""
    return min(DRAWS, max(FEWEST_DRAWS, DRAW_CELLS // max(1, units)))


def half_samples(
    n: int,
    statistics: Callable[[Int64[np.ndarray, "row"]], dict[str, float]],
    full: dict[str, float],
    seed: Sequence[int],
    *,
    share: float = 0.5,
    most: int = HALF_SAMPLE_ROWS,
) -> dict[str, Interval]:
    """Intervals around the `full` values, from the spread of the statistics over samples of m = share n of the rows.

    m is at most `most`. See `around` for the scaling. None for fewer than LEAST_ROWS rows.
    """
    if n < LEAST_ROWS:
        return {}
    m = min(int(share * n), most)
    rng = np.random.default_rng(list(seed))
    drawn = [statistics(np.sort(rng.choice(n, m, replace=False))) for _ in range(HALF_SAMPLES)]
    return around(full, {name: [one[name] for one in drawn] for name in full}, m, n)


def around(full: dict[str, float], drawn: dict[str, list[float]], m: int, n: int) -> dict[str, Interval]:
    """Intervals around the `full` values from those of samples of m of n rows drawn without replacement.

    Such a sample differs from the full value with variance s^2 (1/m - 1/n), the full value from the truth with s^2 / n:
    the spread is scaled by sqrt(m / (n - m)). Student's t for so few samples, and HEAVY_TAILS.
    """
    from scipy.stats import t

    found = {}
    for name, value in full.items():
        values = np.asarray(drawn[name], dtype=np.float64)
        if len(values) < 2 or not np.isfinite(values).all():
            continue
        half = float(t.ppf(0.975, len(values) - 1)) * HEAVY_TAILS * np.sqrt(m / (n - m)) * values.std(ddof=1)
        found[name] = (float(value - half), float(value + half))
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
