"""How much a change must be to be more than noise: the spread of seeds, of pairs of seeds, and of every item.

The null is that before and after are two seeds of one recipe. A reading is held against the spread of its values over
the seeds; an item (a word, a use) against its own changes between seeds, shrunk towards items as often used (empirical
Bayes, as limma does for genes: Smyth 2004), and against how far such an expectation misses, which is read from the
same changes with nothing borrowed from the one that is tested.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int, Int64

from embedlab.errors import MeasureError

LEVEL = 0.95
BIN_ITEMS = 100  # items of like count that lend each other strength; fewer would make the 95th percentile a guess
FLOOR_STEPS = 1.5  # an item that never moved may still move: its spread is that of so many steps, never less
TAIL_STEPS = 0.35  # nor falls the chance of larger misses by e over less than this part of a step


class ItemNoise(NamedTuple):
    """For every item: the change that is still noise (95 %), and the p of "no more than noise"."""

    limit: Float64[np.ndarray, "item"]
    p: Float64[np.ndarray, "item"]


# ---------------------------------------------------------------- readings


def seed_noise(values: Sequence[float]) -> float | None:
    """The largest |difference| two seeds of one recipe would show (95 %): t(.975, S - 1) sqrt(2) sd, S values given.

    Two-sample t with the variance known from S seeds (Student 1908): a difference of two of them has variance 2 s^2.
    Range [0, inf); None for fewer than two seeds. Source: A18 (the seed-to-seed null).

    >>> round(seed_noise([0.50, 0.52, 0.54]), 4)
    0.1217
    >>> seed_noise([0.5]) is None
    True
    """
    if len(values) < 2:
        return None
    from scipy.stats import t

    if all(value == values[0] for value in values):
        return 0.0  # the mean of equal numbers rounds, and seeds that agree must read so
    seeds = np.asarray(values, dtype=np.float64)
    return float(t.ppf((1 + LEVEL) / 2, len(seeds) - 1) * np.sqrt(2) * seeds.std(ddof=1))


def pair_noise(values: Sequence[float], still: float, low: float | None, high: float | None) -> float | None:
    """The value that two seeds of one recipe would show at worst (95 %), for a reading of a pair of spaces.

    `values`: of all S (S - 1) / 2 pairs of seeds; `still`: the value of a pair without change, d_p = |still - v_p|.
    Still -/+ limit, on the side of the values: limit = mean(d) + t(.975, S - 1) sd(d) sqrt((S + 1)/(S - 1)),
    the prediction interval of a pair of one of the seeds and a new one. Pairs share seeds: with d_ij = m + u_i + u_j it
    misses their mean with variance 2 var(u), while sd(d)^2 expects 2 (S - 1) / (S + 1) var(u). 2 d where there is one
    pair. Cut to [low, high]. None without values. Source: A18 (the seed-to-seed null).

    >>> round(pair_noise([0.90], 1.0, 0.0, 1.0), 6)
    0.8
    >>> round(pair_noise([0.01, 0.02, 0.03], 0.0, 0.0, 2.0), 4)
    0.0808
    """
    if len(values) == 0:
        return None
    from scipy.stats import t

    found = np.asarray(values, dtype=np.float64)
    distance = np.abs(still - found)
    if len(distance) == 1 or (distance == distance[0]).all():
        limit = float(distance[0]) * (2 if len(distance) == 1 else 1)
    else:
        seeds = round((1 + np.sqrt(1 + 8 * len(distance))) / 2)
        spread = distance.std(ddof=1) * np.sqrt((seeds + 1) / (seeds - 1))
        limit = float(distance.mean() + t.ppf((1 + LEVEL) / 2, seeds - 1) * spread)
    side = -1.0 if found.mean() < still else 1.0
    return float(np.clip(still + side * limit, -np.inf if low is None else low, np.inf if high is None else high))


# ---------------------------------------------------------------- items


def seed_pairs(seeds: int) -> list[tuple[int, int]]:
    """All pairs of seeds, in the order in which `item_noise` takes their changes.

    >>> seed_pairs(3)
    [(0, 1), (0, 2), (1, 2)]
    """
    return list(combinations(range(seeds), 2))


def item_noise(
    observed: Float[np.ndarray, "item"],
    null: Float[np.ndarray, "draw item"],
    counts: Int[np.ndarray, "item"],
    seeds: int = 0,
    step: float | Float[np.ndarray, "item"] = 0.0,
) -> ItemNoise:
    """Limit and p of every item from its changes under the null.

    `observed`, `null`: changes in [0, 1], null[d] between two states that differ by noise alone: every pair of `seeds`
    in the order of `seed_pairs`, or (seeds = 0) independent draws. `counts`: how often the item is used; items of like
    count, 100 or more, lend each other strength. `step`: the smallest change there can be (of all items, or of each),
    2 / (k + 1) for 1 - Jaccard.

    expected_w = mu_b + lambda_b (m_w - mu_b): the item's own mean, shrunk to its bin's, lambda_b = between / (between +
    within / draws). A miss is a change of the null minus the expectation from draws that share nothing with the state
    that plays "before" (seeds), or from the other draws; with none left, from the bin's mean.
    limit_w = expected_w + the 95th percentile of the bin's misses, in [0, 1].
    p_w: misses of all bins, divided by sqrt(e (1 - e) + (1.5 step)^2), e the expectation (a share that is expected near
    0 or 1 varies little); p = (1 + as large) / (1 + all), never 0 (Phipson & Smyth 2010), and above their 95th
    percentile an exponential tail with their mean excess (Knijnenburg et al. 2009, shape 0: changes are bounded, so the
    true tail is shorter), since a bin of a hundred could not tell a p of one in a thousand from one in a million.
    Source: A18; Smyth 2004.

    >>> still = item_noise(np.array([0.0, 0.0, 1.0]), np.zeros((3, 3)), np.array([9, 9, 9]), seeds=3, step=0.2)
    >>> still.limit.tolist(), bool(still.p[0] == 1), bool(still.p[2] < 0.001)
    ([0.0, 0.0, 0.0], True, True)
    """
    _check(observed, null, counts, seeds)
    if not len(observed):
        return ItemNoise(np.zeros(0), np.zeros(0))
    bins = _bins(counts)
    draws, rests = len(null), _rests(len(null), seeds)
    left = max(1, len(rests[0][1]))  # the expectation tested is shrunk as hard as those it is held against
    shrinkage = _shrinkage(null, bins, left)
    expected = _expected(null, bins, shrinkage)
    changes, expectations = [], []
    for tested, rest in rests:
        changes.append(null[tested])
        of_rest = _expected(null[rest if rest else tested], bins, shrinkage if rest else np.zeros_like(shrinkage))
        expectations.append(np.broadcast_to(of_rest, null[tested].shape))
    if draws == 1:
        expected = expectations[0][0]
    misses = np.concatenate(changes) - np.concatenate(expectations)
    limit = np.empty(len(observed))
    for b in range(len(shrinkage)):
        limit[bins == b] = expected[bins == b] + np.quantile(misses[:, bins == b], LEVEL, method="higher")
    null_scores = misses / _spread(np.concatenate(expectations), step)
    spread = _spread(expected, step)
    p = _tail_p((observed - expected) / spread, null_scores.ravel(), TAIL_STEPS * step / spread)
    return ItemNoise(limit.clip(0.0, 1.0), p)


def _check(
    observed: Float[np.ndarray, "item"],
    null: Float[np.ndarray, "draw item"],
    counts: Int[np.ndarray, "item"],
    seeds: int,
) -> None:
    if null.ndim != 2 or not len(null) or not null.shape[1] == len(observed) == len(counts):
        raise MeasureError("Noise needs at least one change of every item between two states that differ by noise.")
    if seeds and len(null) != seeds * (seeds - 1) // 2:
        raise MeasureError(f"{seeds} seeds have {seeds * (seeds - 1) // 2} pairs, and there are {len(null)} changes.")
    if not (np.isfinite(observed).all() and np.isfinite(null).all()):
        raise MeasureError("A change is not a finite number: leave out the items without one.")


def _bins(counts: Int[np.ndarray, "item"]) -> Int64[np.ndarray, "item"]:
    """The bin of every item: by quantiles of count, each of BIN_ITEMS or more; one where there are fewer."""
    order = np.argsort(-np.asarray(counts), kind="stable")
    bins = np.empty(len(counts), dtype=np.int64)
    for number, members in enumerate(np.array_split(order, max(1, len(counts) // BIN_ITEMS))):
        bins[members] = number
    return bins


def _rests(draws: int, seeds: int) -> list[tuple[list[int], list[int]]]:
    """[(draws tested, draws to expect them from)]: each seed plays "before" once, or each draw is tested once."""
    if seeds > 2:
        pairs = seed_pairs(seeds)
        return [
            (
                [d for d, pair in enumerate(pairs) if seed in pair],
                [d for d, pair in enumerate(pairs) if seed not in pair],
            )
            for seed in range(seeds)
        ]
    return [([d], [other for other in range(draws) if other != d]) for d in range(draws)]


def _shrinkage(
    null: Float[np.ndarray, "draw item"], bins: Int64[np.ndarray, "item"], draws: int
) -> Float64[np.ndarray, "bin"]:
    """lambda of every bin for a mean of so many draws; 0 where one draw cannot tell items from noise."""
    value = np.zeros(int(bins.max()) + 1)
    for b in range(len(value)):
        some = null[:, bins == b]
        if len(null) > 1 and some.shape[1] > 1:
            within = float(some.var(axis=0, ddof=1).mean())
            between = max(0.0, float(some.mean(axis=0).var(ddof=1)) - within / len(null))
            total = between + within / draws
            value[b] = between / total if total > 0 else 0.0
    return value


def _expected(
    null: Float[np.ndarray, "draw item"], bins: Int64[np.ndarray, "item"], shrinkage: Float64[np.ndarray, "bin"]
) -> Float64[np.ndarray, "item"]:
    own = null.mean(axis=0, dtype=np.float64)
    common = (np.bincount(bins, weights=own) / np.bincount(bins))[bins]
    return np.asarray(common + shrinkage[bins] * (own - common))


def _spread(
    expected: Float64[np.ndarray, "..."], step: float | Float[np.ndarray, "item"]
) -> Float64[np.ndarray, "..."]:
    share = expected.clip(0.0, 1.0)
    spread = np.sqrt(share * (1 - share) + (FLOOR_STEPS * step) ** 2)
    return np.where(spread > 0, spread, 1.0)


def _tail_p(
    scores: Float64[np.ndarray, "item"], null: Float64[np.ndarray, "null"], least: Float64[np.ndarray, "item"]
) -> Float64[np.ndarray, "item"]:
    """Share of the null at least as large; beyond its 95th percentile exp(-excess / mean excess), at least `least`."""
    ordered = np.sort(null)
    n = len(ordered)
    p = (1 + n - np.searchsorted(ordered, scores - 1e-9)) / (1 + n)
    top = max(1, n - int(round(LEVEL * n, 6)))
    begin = ordered[n - top]
    excess = np.maximum((ordered[n - top :] - begin).sum() / max(1, top - 1), np.maximum(least, 1e-9))
    tail = (1 + top) / (1 + n) * np.exp(-(scores - begin) / excess)
    return np.asarray(np.where(scores > begin + 1e-9, np.maximum(np.minimum(tail, 1.0), 1e-300), p))
