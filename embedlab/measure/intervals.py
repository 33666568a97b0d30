"""How far could the truth be? Bootstrap intervals of means and of mean cosines, wide enough for few units (A18)."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Float64, Int

from embedlab.errors import MeasureError
from embedlab.measure.rows import checked_pair, identical, is_zero, slices, unit
from embedlab.measure.significance import paired_differences, sign_flip_p

Interval = tuple[float, float]
WEIGHT_CELLS = 4_000_000  # bootstrap draws held at once: 32 MB
FEW_VALUES = 64  # different scores up to which counts of each are drawn, not units
SIGNS_DECIDE_UPTO = 200  # units that differ: above that no coin is needed to know a mean from 0
SIGN_FLIPS = 4_999


def student(degrees: float, level: float = 0.95) -> float:
    """Student's quantile over the normal's: what a spread that is itself estimated costs. Range (1, inf).

    >>> round(student(9.0), 3)
    1.154
    """
    from scipy.stats import t

    return float(t.ppf((1 + level) / 2, degrees)) / _z(level)


def _z(level: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf((1 + level) / 2))


def widening(n: int, level: float = 0.95) -> float:
    """By how much percentiles of n resampled units are too near their middle: sqrt(n / (n-1)) t(n-1) / z.

    Resampling has the variance with n where the estimate needs n - 1, and its percentiles are the normal's where the
    spread itself is estimated. Range (1, inf). Source: Hesterberg 2015 (who widens the percentiles' level alike).

    >>> round(widening(10), 3), round(widening(1000), 3)
    (1.217, 1.002)
    """
    return float(np.sqrt(n / (n - 1))) * student(float(n - 1), level)


def about(
    value: float, found: Float[np.ndarray, "draws"], factor: float, level: float = 0.95, bias: bool = False
) -> Interval:
    """value plus `factor` times the percentiles of the found values about value, or about their own mean (bias).

    >>> about(1.0, np.array([0.0, 1.0, 2.0]), 2.0, level=1.0)
    (-1.0, 3.0)
    """
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2]) - (found.mean() if bias else value)
    return float(value + factor * min(low, 0.0)), float(value + factor * max(high, 0.0))


def keep_zero(interval: Interval, p: float, level: float = 0.95) -> Interval:
    """The interval, stretched to hold 0 where the exact test of "no change" does not reject.

    A handful of answers that all changed one way leaves 0 outside any percentile, and yet a fair coin does as much.

    >>> keep_zero((0.1, 0.3), p=0.125), keep_zero((0.1, 0.3), p=0.01)
    ((0.0, 0.3), (0.1, 0.3))
    """
    return interval if p <= 1 - level + 1e-12 else (min(0.0, interval[0]), max(0.0, interval[1]))


def _weights(n: int, draws: int, rng: np.random.Generator) -> Iterator[Float64[np.ndarray, "b n"]]:
    """How often each of n units is drawn when n are drawn with replacement, some draws at a time."""
    at_once = max(1, WEIGHT_CELLS // n)
    for first in range(0, draws, at_once):
        rows = min(at_once, draws - first)
        drawn = rng.integers(0, n, size=(rows, n)) + n * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def _bootstrap_means(
    difference: Float64[np.ndarray, "n"], draws: int, rng: np.random.Generator
) -> Float64[np.ndarray, "draws"]:
    """Means of n differences drawn with replacement; where few values occur, how often each is drawn is enough."""
    n = len(difference)
    values, first, counts = np.unique(difference, return_index=True, return_counts=True)
    if len(values) <= min(FEW_VALUES, n // 4):
        order = np.lexsort((first, np.abs(values)))  # the same for -difference: swapping the models mirrors all
        return rng.multinomial(n, counts[order] / n, size=draws) @ values[order] / n
    at_once = max(1, WEIGHT_CELLS // n)
    parts = [min(at_once, draws - start) for start in range(0, draws, at_once)]
    return np.concatenate([difference[rng.integers(0, n, size=(rows, n))].mean(axis=1) for rows in parts])


def paired_bootstrap(
    before: Float[np.ndarray, "n"],
    after: Float[np.ndarray, "n"],
    draws: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
    plain: bool = False,
) -> Interval:
    """Interval of the mean difference after - before, units resampled with replacement.

    For any figure that is a mean over units (sentences, words, right/wrong answers). Percentiles, widened for few
    units and never inside Student's interval; 0 is kept where the sign-flip test does not reject, so that fewer than
    six units never leave it out.
    `plain`: the percentiles as they are, too narrow for few units. Source: A18; Efron 1979, Hesterberg 2015.

    >>> paired_bootstrap(np.zeros(6), np.ones(6)), paired_bootstrap(np.zeros(5), np.ones(5))
    ((1.0, 1.0), (0.0, 1.0))
    """
    difference = paired_differences(before, after)
    n, mean = len(difference), float(difference.mean())
    if (difference == difference[0]).all():
        interval = (float(difference[0]), float(difference[0]))  # summing rounds, and no change must read as none
    else:
        means = _bootstrap_means(difference, draws, np.random.default_rng(seed))
        interval = about(mean, means, 1.0 if plain else widening(n, level), level)
        if not plain:  # the tails of a few resampled units are too light: never narrower than Student's interval
            half = student(n - 1.0, level) * _z(level) * float(difference.std(ddof=1)) / float(np.sqrt(n))
            interval = (min(interval[0], mean - half), max(interval[1], mean + half))
    differ = int(np.count_nonzero(difference))
    if plain or interval[0] <= 0.0 <= interval[1] or differ > SIGNS_DECIDE_UPTO:
        return interval
    return keep_zero(interval, sign_flip_p(before, after, SIGN_FLIPS, seed), level)


def bootstrap_mean_cosine(
    X: Float[np.ndarray, "n d"],
    Y: Float[np.ndarray, "n e"],
    units: Int[np.ndarray, "n"] | None = None,
    draws: int = 1_000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Interval of mean_cosine(Y) - mean_cosine(X): the same sentences resampled in both, all pairs of every draw.

    With weights w a draw's value is (||sum w x^||^2 - sum w^2) / ((sum w)^2 - sum w^2): pairs i = j are left out by
    index, so a sentence drawn twice is not compared with itself. units[i] is the sentence of row i where rows share
    sentences. Rows that are zero in either space are left out. Percentiles about the draws' mean, widened for few
    sentences. Two equal spaces give exactly (0, 0). O(draws n d). Source: A18 for A1, A2.

    >>> rows = np.random.default_rng(0).normal(size=(20, 4))
    >>> bootstrap_mean_cosine(rows, rows.copy(), draws=50)
    (0.0, 0.0)
    """
    checked_pair(X, Y)
    rows = np.flatnonzero(~(is_zero(X) | is_zero(Y)))
    if len(rows) < 2:
        raise MeasureError("Fewer than two rows have a direction in both spaces, so there is no mean cosine.")
    owner = np.arange(len(rows)) if units is None else np.unique(units[rows], return_inverse=True)[1]
    count = int(owner.max()) + 1
    if count == 1:
        raise MeasureError("All rows come from one sentence, so there is nothing to resample.")
    if identical(X, Y):
        return 0.0, 0.0
    weights = _weights(count, draws, np.random.default_rng(seed))
    found = np.concatenate([_weighted_differences(X, Y, rows, weight[:, owner]) for weight in weights])
    if len(found) == 0:
        raise MeasureError("No draw held two rows, so there is no interval: ask for more draws.")
    value = float(_weighted_differences(X, Y, rows, np.ones((1, len(rows))))[0])
    return about(value, found, widening(count, level), level, bias=True)


def _weighted_differences(
    X: Float[np.ndarray, "n d"], Y: Float[np.ndarray, "n e"], rows: Int[np.ndarray, "m"], w: Float64[np.ndarray, "b m"]
) -> Float64[np.ndarray, "c"]:
    """Mean cosine of Y minus that of X for each row of weights; a draw of one row alone has no pair and is left out."""
    size, own = w.sum(axis=1), (w * w).sum(axis=1)
    sums = [np.zeros((len(w), space.shape[1])) for space in (X, Y)]
    for part in slices(len(rows)):
        for total, space in zip(sums, (X, Y), strict=True):
            total += w[:, part] @ unit(space[rows[part]])
    before, after = (np.einsum("bd,bd->b", total, total) - own for total in sums)
    pairs = size**2 - own
    some = pairs > 0
    return (after - before)[some] / pairs[some]
