"""How sure are shares of right answers and macro-F1? Wilson, McNemar, bootstrap and swap test (A18 for A16)."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from embedlab.errors import MeasureError
from embedlab.measure.intervals import Interval, about, keep_zero, student
from embedlab.measure.significance import permutation_p


class McNemar(NamedTuple):
    """Rows right only after (gained), only before (lost), and the exact two-sided p that both are equally likely."""

    gained: int
    lost: int
    p: float


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


class _Table(NamedTuple):
    """The test sentences as counts of (truth, answer before, answer after): nothing else decides macro-F1."""

    truth: Int64[np.ndarray, "cell"]
    before: Int64[np.ndarray, "cell"]
    after: Int64[np.ndarray, "cell"]
    counts: Int64[np.ndarray, "cell"]
    senses: int

    def differences(self, counts: Any) -> Float64[np.ndarray, "draws"]:
        """Macro-F1 after minus before for each row of counts, [draws, cell]."""
        names = np.arange(self.senses)
        weights = np.asarray(counts, dtype=np.float64)
        true = (self.truth[:, None] == names).astype(np.float64)
        scores = []
        for answer in (self.before, self.after):
            said = (answer[:, None] == names).astype(np.float64)
            total = weights @ (true + said)
            scores.append((2 * (weights @ (true * said)) / np.where(total > 0, total, 1.0)).mean(axis=1))
        return scores[1] - scores[0]


def _table(y: Any, before: Any, after: Any, senses: Any) -> _Table:
    truth, was, now = np.asarray(y), np.asarray(before), np.asarray(after)
    if not len(truth) == len(was) == len(now) or len(truth) == 0:
        raise MeasureError("The true senses and both predictions must be given for the same sentences.")
    met = np.concatenate([truth, was, now])
    names = np.unique(met if senses is None else np.concatenate([met, np.asarray(senses)]))
    if senses is not None and len(names) != len(np.unique(np.asarray(senses))):
        raise MeasureError("An answer is none of the senses that were given: give all senses of the word.")
    coded = np.column_stack([np.searchsorted(names, labels) for labels in (truth, was, now)])
    cells, counts = np.unique(coded, axis=0, return_counts=True)
    return _Table(cells[:, 0], cells[:, 1], cells[:, 2], counts, len(names))


def bootstrap_macro_f1(
    y: Any, before: Any, after: Any, draws: int = 10_000, seed: int = 0, level: float = 0.95, senses: Any = None
) -> Interval:
    """Interval of macro-F1(after) - macro-F1(before) on the same test sentences, resampled within each true sense.

    y, before, after: true and predicted senses, one a sentence; `senses`: all senses of the word, as in macro_f1.
    Drawn are counts of (truth, before, after), which is the same as drawing sentences. Percentiles, widened as the
    senses' sizes and shares of the variance ask; 0 stays inside where macro_f1_swap_p does not reject.
    Source: A18 for A16; Hesterberg 2015, Satterthwaite 1946.

    >>> bootstrap_macro_f1(["a", "b"], ["a", "a"], ["a", "a"])
    (0.0, 0.0)
    """
    table = _table(y, before, after, senses)
    if (table.before == table.after).all():
        return 0.0, 0.0
    rng = np.random.default_rng(seed)
    drawn = np.empty((draws, len(table.counts)), dtype=np.int64)
    for sense in np.unique(table.truth):
        here = table.truth == sense
        size = table.counts[here].sum()
        drawn[:, here] = rng.multinomial(size, table.counts[here] / size, size=draws)
    value = float(table.differences(table.counts[None, :])[0])
    interval = about(value, table.differences(drawn), _stratified_widening(table, level), level)
    return interval if interval[0] <= 0.0 <= interval[1] else keep_zero(interval, _swap_p(table, 9_999, rng), level)


def _stratified_widening(table: _Table, level: float) -> float:
    """The factor of intervals.widening for strata: each sense's variance, by jackknife, with its own n / (n-1).

    Degrees of freedom after Satterthwaite. A sense with a single sentence shows no variance and has no say.
    """
    exact, plain, freedom = 0.0, 0.0, 0.0
    for sense in np.unique(table.truth):
        here = np.flatnonzero(table.truth == sense)
        times, n = table.counts[here], int(table.counts[here].sum())
        if n < 2:
            continue
        without = np.tile(table.counts.astype(np.float64), (len(here), 1))
        without[np.arange(len(here)), here] -= 1.0
        without[:, here] *= n / (n - 1)  # the sense keeps its weight
        values = table.differences(without)
        variance = (n - 1) / n * float(times @ (values - times @ values / n) ** 2)
        exact, plain, freedom = exact + variance, plain + variance * (n - 1) / n, freedom + variance**2 / (n - 1)
    if freedom == 0.0:
        return 1.0
    return student(exact**2 / freedom, level) * float(np.sqrt(exact / plain))


def macro_f1_swap_p(
    y: Any, before: Any, after: Any, permutations: int = 9_999, seed: int = 0, senses: Any = None
) -> float:
    """Two-sided p that macro-F1 is the same: each sentence's answers before and after swapped by a fair coin.

    Range (0, 1]; 1 where no answer changed. Source: A18 (paired permutation).

    >>> macro_f1_swap_p(["a", "b"], ["a", "a"], ["a", "a"])
    1.0
    """
    return _swap_p(_table(y, before, after, senses), permutations, np.random.default_rng(seed))


def _swap_p(table: _Table, permutations: int, rng: np.random.Generator) -> float:
    """Sentences with the same truth and the same two answers are alike: how many keep their order is binomial."""
    low, high = np.minimum(table.before, table.after), np.maximum(table.before, table.after)
    pairs, of = np.unique(np.column_stack([table.truth, low, high]), axis=0, return_inverse=True)
    size = np.bincount(of.ravel(), weights=table.counts).astype(np.int64)
    truth, one, two = pairs.T
    kept = rng.binomial(size, 0.5, size=(permutations, len(size)))
    both = _Table(np.r_[truth, truth], np.r_[one, two], np.r_[two, one], np.r_[size, size], table.senses)
    observed = abs(float(table.differences(table.counts[None, :])[0]))
    return permutation_p(observed - 1e-12, np.abs(both.differences(np.hstack([kept, size - kept]))))
