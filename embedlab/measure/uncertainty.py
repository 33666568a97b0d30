"""How sure: bootstraps, half-samples, permutation and exact tests, corrections for many (A18).

Units are what is resampled: sentences for means, rows without replacement for spectra and neighbours (a row bootstrap
makes duplicates, which wrecks those). p is never 0. Significance is not size: show the spread of seeds beside it.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Int64

from embedlab.errors import MeasureError
from embedlab.measure.rows import checked, checked_pair, is_zero, slices, unit

Interval = tuple[float, float]
EXACT_UPTO = 13  # units: 2^13 sign patterns are counted out, above that they are drawn
WEIGHT_CELLS = 16_000_000  # bootstrap weights held at once: 128 MB


class McNemar(NamedTuple):
    """Rows right only after (gained), only before (lost), and the exact two-sided p that both are equally likely."""

    gained: int
    lost: int
    p: float


class HalfSamples(NamedTuple):
    """The full-sample value, its interval, and the values of the half-samples."""

    value: float
    interval: Interval
    values: Float64[np.ndarray, "draws"]


def _paired(before: Float[np.ndarray, "n"], after: Float[np.ndarray, "m"]) -> Float64[np.ndarray, "n"]:
    if len(before) != len(after):
        raise MeasureError(
            f"There are {len(before)} scores before and {len(after)} after: they must be the same units."
        )
    if len(before) == 0:
        raise MeasureError("There are no scores to compare.")
    difference = after.astype(np.float64) - before
    if not np.isfinite(difference).all():
        raise MeasureError("A score is not a finite number: leave out units without a score on both sides.")
    return difference


def _percentiles(values: Float[np.ndarray, "draws"], level: float) -> Interval:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _weights(
    n: int, draws: int, rng: np.random.Generator, strata: Int[np.ndarray, "n"] | None = None
) -> Iterator[Float64[np.ndarray, "b n"]]:
    """Bootstrap weights (how often each unit was drawn), some draws at a time; strata keep their sizes."""
    strata = np.zeros(n, dtype=np.int64) if strata is None else strata
    members = [np.flatnonzero(strata == s) for s in np.unique(strata)]
    at_once = max(1, WEIGHT_CELLS // n)
    for first in range(0, draws, at_once):
        rows = min(at_once, draws - first)
        weight = np.empty((rows, n))
        for group in members:
            weight[:, group] = rng.multinomial(len(group), np.full(len(group), 1 / len(group)), size=rows)
        yield weight


# ---------------------------------------------------------------- intervals


def paired_bootstrap(
    before: Float[np.ndarray, "n"],
    after: Float[np.ndarray, "n"],
    draws: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Percentile interval of the mean difference after - before, units resampled with replacement.

    For any figure that is a mean over units (sentences, words, right/wrong answers). Source: A18; Efron 1979.

    >>> paired_bootstrap(np.zeros(5), np.ones(5))
    (1.0, 1.0)
    """
    difference = _paired(before, after)
    n = len(difference)
    rng = np.random.default_rng(seed)
    means = np.concatenate([weight @ difference for weight in _weights(n, draws, rng)]) / n
    if (difference == difference[0]).all():
        return float(difference[0]), float(difference[0])  # summing rounds, and no change must read as none
    return _percentiles(means, level)


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
    sentences. Rows that are zero in either space are left out. Two equal spaces give exactly (0, 0).
    Source: A18 for A1, A2.

    >>> rows = np.random.default_rng(0).normal(size=(20, 4))
    >>> bootstrap_mean_cosine(rows, rows.copy(), draws=50)
    (0.0, 0.0)
    """
    checked_pair(X, Y)
    kept = ~(is_zero(X) | is_zero(Y))
    if kept.sum() < 2:
        raise MeasureError("Fewer than two rows have a direction in both spaces, so there is no mean cosine.")
    rows = np.flatnonzero(kept)
    owner = np.arange(len(rows)) if units is None else np.unique(units[kept], return_inverse=True)[1]
    if owner.max() == 0:
        raise MeasureError("All rows come from one sentence, so there is nothing to resample.")
    rng = np.random.default_rng(seed)
    values = []
    for weight in _weights(int(owner.max()) + 1, draws, rng):
        w = weight[:, owner]
        size, own = w.sum(axis=1), (w * w).sum(axis=1)
        sums = [np.zeros((len(w), space.shape[1])) for space in (X, Y)]
        for part in slices(len(rows)):
            for total, space in zip(sums, (X, Y), strict=True):
                total += w[:, part] @ unit(space[rows[part]])
        before, after = (np.einsum("bd,bd->b", total, total) - own for total in sums)
        pairs = size**2 - own
        some = pairs > 0  # a draw of one row alone has no pair
        values.append((after - before)[some] / pairs[some])
    found = np.concatenate(values)
    if len(found) == 0:
        raise MeasureError("No draw held two rows, so there is no interval: ask for more draws.")
    return (0.0, 0.0) if np.array_equal(X, Y) else _percentiles(found, level)


def bootstrap_macro_f1(
    y: Any, before: Any, after: Any, draws: int = 2_000, seed: int = 0, level: float = 0.95
) -> Interval:
    """Interval of macro-F1(after) - macro-F1(before) on the same test sentences, resampled within each true sense.

    y, before, after: true and predicted senses, one a sentence. Source: A18 for A16.

    >>> bootstrap_macro_f1(["a", "b"], ["a", "a"], ["a", "a"])
    (0.0, 0.0)
    """
    truth, was, now = np.asarray(y), np.asarray(before), np.asarray(after)
    if not len(truth) == len(was) == len(now) or len(truth) == 0:
        raise MeasureError("The true senses and both predictions must be given for the same sentences.")
    names = np.unique(np.concatenate([truth, was, now]))
    true = (truth[:, None] == names).astype(np.float64)
    rng = np.random.default_rng(seed)
    differences = []
    for weight in _weights(len(truth), draws, rng, np.unique(truth, return_inverse=True)[1]):
        scores = []
        for guess in (was, now):
            said = (guess[:, None] == names).astype(np.float64)
            total = weight @ (true + said)
            scores.append((2 * (weight @ (true * said)) / np.maximum(total, 1)).mean(axis=1))
        differences.append(scores[1] - scores[0])
    return _percentiles(np.concatenate(differences), level)


def wilson(right: int, n: int, level: float = 0.95) -> Interval:
    """Wilson score interval of a share, right of n. Range [0, 1]. Source: A18; Wilson 1927.

    >>> tuple(round(end, 3) for end in wilson(8, 10))
    (0.49, 0.943)
    """
    from scipy.stats import norm

    if not 0 <= right <= n or n == 0:
        raise MeasureError(f"{right} right answers of {n} is no share.")
    z, p = float(norm.ppf((1 + level) / 2)), right / n
    middle, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low, high = (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)
    return max(0.0, float(low)), min(1.0, float(high))


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
    finite_population: bool = False,
) -> HalfSamples:
    """Interval of statistic(*spaces) from half-samples of rows, the same rows in every space.

    `statistic` takes the spaces and returns one number: lambda x, y: isoscore(y) - isoscore(x), or cka_debiased. The
    spread of the half-samples about their mean, times sqrt(m/n), is laid around the full value; the mean is taken out
    because spectra and neighbours shift with n. Half-samples on which the statistic is undefined are left out.
    `finite_population` divides by sqrt(1 - m/n) as well: halves without replacement vary that much too little.
    Source: A18 (m out of n; Politis & Romano 1994).

    >>> half_sample_interval(lambda x: 1.0, np.ones((8, 2))).interval
    (1.0, 1.0)
    """
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
    found, share = np.array(values), (n // 2) / n
    scale = np.sqrt(share) / (np.sqrt(1 - share) if finite_population else 1.0)
    low, high = _percentiles(found - found.mean(), level)
    return HalfSamples(full, (float(full + scale * low), float(full + scale * high)), found)


# ---------------------------------------------------------------- tests


def permutation_p(observed: float, null: Float[np.ndarray, "draws"]) -> float:
    """(ge + 1) / (N + 1): share of the null at least as large as what was observed; never 0. Source: A18.

    >>> permutation_p(2.0, np.array([0.0, 1.0, 2.0]))
    0.5
    """
    if len(null) == 0:
        raise MeasureError("A permutation test needs at least one permutation.")
    return float(((null >= observed - 1e-12 * abs(observed)).sum() + 1) / (len(null) + 1))


def sign_flip_p(
    before: Float[np.ndarray, "n"], after: Float[np.ndarray, "n"], permutations: int = 9_999, seed: int = 0
) -> float:
    """Two-sided p that the mean paired difference is 0: signs flipped in all 2^n ways (n <= 13), else at random.

    Range (0, 1]; 1 where nothing differs. Source: A18; Fisher 1935.

    >>> sign_flip_p(np.zeros(3), np.array([1.0, 2.0, 3.0]))
    0.25
    """
    difference = _paired(before, after)
    n, observed = len(difference), abs(difference.sum())
    if n <= EXACT_UPTO:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float((np.abs(signs @ difference) >= observed * (1 - 1e-12)).mean())
    rng = np.random.default_rng(seed)
    null = np.empty(permutations)
    at_once = max(1, WEIGHT_CELLS // n)
    for first in range(0, permutations, at_once):
        rows = min(at_once, permutations - first)
        null[first : first + rows] = np.abs((2.0 * rng.integers(0, 2, size=(rows, n)) - 1.0) @ difference)
    return permutation_p(observed, null)


def wilcoxon_p(before: Float[np.ndarray, "n"], after: Float[np.ndarray, "n"]) -> float:
    """Two-sided signed-rank p over units (words, sentences), exact for few without ties. 1 where nothing differs.

    Range (0, 1]. Source: A18; Wilcoxon 1945.

    >>> wilcoxon_p(np.zeros(5), np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    0.0625
    """
    from scipy.stats import wilcoxon

    difference = _paired(before, after)
    return 1.0 if not difference.any() else float(wilcoxon(difference).pvalue)


def mcnemar(correct_before: Bool[np.ndarray, "n"], correct_after: Bool[np.ndarray, "n"]) -> McNemar:
    """Exact McNemar test on the same sentences: of those only one model gets right, is it a fair coin?

    p range (0, 1]; 1 where no answer changed. Source: A18; McNemar 1947.

    >>> mcnemar(np.array([True, False, False, False]), np.array([False, True, True, True]))
    McNemar(gained=3, lost=1, p=0.625)
    """
    from scipy.stats import binomtest

    if len(correct_before) != len(correct_after):
        raise MeasureError("Right and wrong answers must be given for the same sentences before and after.")
    gained, lost = int((~correct_before & correct_after).sum()), int((correct_before & ~correct_after).sum())
    p = float(binomtest(gained, gained + lost, 0.5).pvalue) if gained + lost else 1.0
    return McNemar(gained, lost, p)


def swap_p(
    statistic: Callable[[np.ndarray], float],
    X: Float[np.ndarray, "n d"],
    Y: Float[np.ndarray, "n d"],
    permutations: int = 199,
    seed: int = 0,
) -> float:
    """Two-sided p of statistic(Y) - statistic(X): each row's before and after swapped by a coin, all recomputed.

    For figures of a whole space (IsoScore, effective rank, TwoNN, hubness). Range (0, 1]. Source: A18.

    >>> rows = np.random.default_rng(0).normal(size=(10, 3))
    >>> swap_p(lambda x: float(x.var()), rows, rows, permutations=9)
    1.0
    """
    checked_pair(X, Y, same_width=True)
    rng = np.random.default_rng(seed)
    observed = abs(statistic(Y) - statistic(X))
    null = np.empty(permutations)
    for i in range(permutations):
        swap = rng.integers(0, 2, size=len(X), dtype=np.int8).astype(bool)[:, None]
        null[i] = abs(statistic(np.where(swap, X, Y)) - statistic(np.where(swap, Y, X)))
    return permutation_p(observed, null)


def label_permutation_p(
    statistic: Callable[[np.ndarray, np.ndarray], float],
    X: Float[np.ndarray, "n d"],
    y: Any,
    permutations: int = 199,
    seed: int = 0,
) -> float:
    """One-sided p that the senses matter: statistic(X, y) against shuffled senses of the same word. Range (0, 1].

    For silhouette and clustering. Source: A18.

    >>> label_permutation_p(lambda x, y: 0.0, np.eye(4), [0, 0, 1, 1], permutations=9)
    1.0
    """
    labels = np.asarray(y)
    checked(X)
    rng = np.random.default_rng(seed)
    null = np.array([statistic(X, rng.permutation(labels)) for _ in range(permutations)], dtype=np.float64)
    return permutation_p(statistic(X, labels), null)


# ---------------------------------------------------------------- many at once


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
