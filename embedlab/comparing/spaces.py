"""The readings of the space at one layer: the random pieces of A1 (one a text, the same characters in both models)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial

import numpy as np
from jaxtyping import Float, Int32, Int64

from embedlab.comparing import quick
from embedlab.comparing.intervals import THREE_QUARTERS, Interval, draws_for, half_samples
from embedlab.comparing.means import self_similarity, within_sentence
from embedlab.comparing.memo import Memo, content
from embedlab.comparing.quick import ZETA
from embedlab.comparing.readings import READINGS
from embedlab.comparing.sides import LayerPair, Pair, Sides, defined
from embedlab.comparing.swaps import cosine_influences, mean_cosine_p, swap_ps
from embedlab.errors import MeasureError
from embedlab.measure import drift, geometry, neighbours, uncertainty
from embedlab.measure.intervals import keep_zero
from embedlab.measure.rows import is_zero
from embedlab.types import Reading

PAIRWISE_ROWS = 20_000  # what looks at every pair of rows takes a sample above this, and says so
RSA_ROWS = 2_000
MANTEL_ROWS = 200  # 999 permutations of its pairs
NEAR_ROWS = 1_000  # of a half-sample whose pairs are all looked at
RSA_HALF_ROWS = 500
MEMO_BYTES = 64 * 2**20  # larger matrices are not kept
WIDER = 3  # lists of 3 k neighbours hold the k nearest of three quarters of the rows

Readings = dict[str, Reading]


class Space:
    """One matrix, and what several numbers of it share."""

    def __init__(self, rows: Float[np.ndarray, "n d"], k: int, seed: int) -> None:
        self.rows, self.k = rows, k
        self.read: dict[str, tuple[float | None, str | None]] = {}
        self.sampled = len(rows) > PAIRWISE_ROWS
        self.some = rows[uncertainty.sample_rows(len(rows), PAIRWISE_ROWS, seed)] if self.sampled else rows

    def value(self, name: str) -> tuple[float | None, str | None]:
        """(the reading, None), or (None, why it is undefined)."""
        if name not in self.read:
            self.read[name] = defined(lambda: ONE_SPACE[name](self))
        return self.read[name]

    @cached_property
    def near(self) -> Int32[np.ndarray, "m wide"]:
        """The nearest by cosine of every row with a direction, more of them than k where there are."""
        zero = is_zero(self.some)
        rows = self.some[~zero] if zero.any() else self.some
        return neighbours.nearest(rows, min(WIDER * self.k, max(self.k, len(rows) - 1)))[0]

    @cached_property
    def hubness(self) -> geometry.Hubness:
        return geometry.hubness_of(self.near[:, : self.k])

    @cached_property
    def two_nn(self) -> geometry.TwoNN:
        return geometry.two_nn_all(self.some)

    @cached_property
    def isoscore_star(self) -> float:
        """IsoScore of (1 - zeta) C + zeta C0, C0 the identity times the mean variance: scale does not matter then.

        C0 keeps the trace: sum l^2 becomes (1 - zeta)^2 sum l^2 + (1 - (1 - zeta)^2) (sum l)^2 / d, and of the
        participation ratio PR that makes 1 / PR* = (1 - zeta)^2 / PR + (1 - (1 - zeta)^2) / d.
        """
        dim, kept = self.rows.shape[1], (1 - ZETA) ** 2
        if dim < 2:
            raise MeasureError("IsoScore compares dimensions, and these vectors have only one.")
        ratio = 1 / (kept / geometry.participation_ratio(self.rows) + (1 - kept) / dim)
        return min(1.0, max(0.0, (ratio - 1) / (dim - 1)))


_SPACES: Memo[Space] = Memo(4)  # before, after and two more seeds of one layer

ONE_SPACE: Mapping[str, Callable[[Space], float]] = {
    "mean_cosine": lambda space: geometry.mean_cosine(space.rows),
    "mean_cosine_centred": lambda space: geometry.mean_cosine_centred(space.rows),
    "top_dimension_share": lambda space: geometry.top_dimension_share(space.rows),
    "isoscore": lambda space: geometry.isoscore(space.rows),
    "isoscore_star": lambda space: space.isoscore_star,
    "participation_ratio": lambda space: geometry.participation_ratio(space.rows),
    "isotropic_isoscore": lambda space: geometry.isotropic_isoscore(*space.rows.shape),
    "effective_rank": lambda space: geometry.effective_rank(space.rows),
    "two_nn": lambda space: space.two_nn.linear,
    "two_nn_mle": lambda space: space.two_nn.mle,
    "duplicates_removed": lambda space: geometry.duplicates_removed(space.some),
    "hubness_skew": lambda space: space.hubness.skew,
    "antihub_share": lambda space: space.hubness.antihub_share,
    "max_k_occurrence": lambda space: space.hubness.max_k_occurrence,
    "uniformity": lambda space: geometry.uniformity(space.some),
    "partition_isotropy_log10": lambda space: geometry.partition_isotropy_log10(space.rows),
}
TWO_SPACES = {
    "cka_debiased": drift.cka_debiased,
    "cka_linear": drift.cka_linear,
    "procrustes_distance": drift.procrustes_distance,
}
HUBS = ("hubness_skew", "antihub_share", "max_k_occurrence")
CLOSE_UP = ("two_nn", "two_nn_mle", "uniformity")
EVERY_PAIR = (*HUBS, *CLOSE_UP, "duplicates_removed")
NOTES = {
    "isoscore_star": f"Covariance shrunk by {ZETA} towards even variances (the identity times the mean variance).",
}


def space_readings(sides: Sides, layer: LayerPair, seed: int, k: int, *, intervals: bool = True) -> Readings:
    """Anisotropy, spectrum, dimension, hubness, similarity of the two spaces and within a sentence (A1-A3, A5-A13).

    `intervals=False`: the same values, without intervals and p. p by swapping (A18) at the last layer only.
    """
    pair = sides.pair("background", layer, sides.background)
    one = _space(pair.before, k, seed)
    spaces = (one, one if pair.same else _space(pair.after, k, seed))
    readings = {name: _of_each(name, spaces) for name in ONE_SPACE}
    for name, measure in TWO_SPACES.items():
        value, note = defined(partial(measure, pair.before, pair.after))
        readings[name] = Reading(name, value=value, note=note)
    readings |= _rsa(pair, seed, tested=intervals)
    if intervals:
        found = _still(readings) if pair.same else _intervals(pair, spaces, readings, seed)
        readings |= {name: _with(readings[name], interval) for name, interval in found.items()}
        readings |= _tested(pair, readings, k, seed, last=layer == sides.layers[-1])
    readings |= self_similarity(sides, layer, readings["mean_cosine"], seed, intervals)
    return readings | within_sentence(sides, layer, seed, intervals)


def _space(rows: Float[np.ndarray, "n d"], k: int, seed: int) -> Space:
    if rows.nbytes > MEMO_BYTES:
        return Space(rows, k, seed)
    return _SPACES.of((content(rows), k, seed), lambda: Space(rows, k, seed))


def _of_each(name: str, spaces: tuple[Space, Space]) -> Reading:
    """A reading of both; equal spaces are measured once, so their numbers are equal to the last bit."""
    one, two = spaces
    before, note = one.value(name)
    after, note_after = two.value(name)
    said = [note or note_after or NOTES.get(name)]
    if name in EVERY_PAIR and one.sampled:
        said.append(f"Of {PAIRWISE_ROWS:,} pieces drawn by the seed.")
    return Reading(name, before=before, after=after, note=_joined(said))


def _joined(said: list[str | None]) -> str | None:
    return " ".join(part for part in said if part) or None


def _rows(pair: Pair, limit: int, seed: int) -> Pair:
    """At most so many rows of both, drawn by the seed."""
    if len(pair.before) <= limit:
        return pair
    rows = uncertainty.sample_rows(len(pair.before), limit, seed)
    return Pair(pair.before[rows], pair.after[rows])


def _rsa(pair: Pair, seed: int, tested: bool) -> Readings:
    """RSA on at most RSA_ROWS rows and its Mantel p on at most MANTEL_ROWS, the same rows in both spaces."""
    n = len(pair.before)
    many, few = _rows(pair, RSA_ROWS, seed), _rows(pair, MANTEL_ROWS, seed)
    value, note = defined(lambda: drift.rsa_spearman_cosine(many.before, many.after))
    if note is None and len(many.before) < n:
        note = f"Of {RSA_ROWS:,} pieces drawn by the seed."
    found = {"rsa_spearman_cosine": Reading("rsa_spearman_cosine", value=value, note=note)}
    if not tested:
        return found | {"rsa_p": Reading("rsa_p", note="Not tested.")}
    p, why = defined(lambda: drift.rsa_mantel(few.before, few.after, seed=seed).p)
    if why is None:
        some = f" on {MANTEL_ROWS:,} pieces drawn by the seed" if len(few.before) < n else ""
        why = f"Mantel test{some}, one-sided, 999 permutations."
    return {name: replace(r, p=p) for name, r in found.items()} | {"rsa_p": Reading("rsa_p", value=p, note=why)}


# ---------------------------------------------------------------- intervals


def _with(given: Reading, interval: Interval) -> Reading:
    """The reading with its interval, cut to the range of the reading where it is one of the pair."""
    if given.value is None:
        return replace(given, interval=interval)
    info = READINGS[given.name]
    low = interval[0] if info.low is None else max(interval[0], info.low)
    high = interval[1] if info.high is None else min(interval[1], info.high)
    return replace(given, interval=(low, high))


def _still(readings: Readings) -> dict[str, Interval]:
    """Unchanged data: no change, with certainty."""
    found: dict[str, Interval] = {}
    for name, given in readings.items():
        if given.value is not None and READINGS[name].still is not None:
            found[name] = (given.value, given.value)
        elif given.before is not None and name != "isotropic_isoscore":
            found[name] = (0.0, 0.0)
    return found


def _intervals(pair: Pair, spaces: tuple[Space, Space], readings: Readings, seed: int) -> dict[str, Interval]:
    """Sentences with replacement for the mean cosine; part-samples without for what repeated rows would wreck."""
    full = {name: r.value for name, r in readings.items() if r.value is not None}
    full |= {n: r.after - r.before for n, r in readings.items() if r.before is not None and r.after is not None}
    found: dict[str, Interval] = {}
    if "mean_cosine" in full:
        found["mean_cosine"] = _mean_cosine_interval(pair, full["mean_cosine"], seed)

    def sampled(names: tuple[str, ...], of: Pair, numbers: quick.Sampled, number: int, share: float, most: int) -> None:
        asked = {name: full[name] for name in names if name in full}
        if asked:
            found.update(half_samples(len(of.before), numbers, asked, (seed, number), share=share, most=most))

    near = pair if len(pair.before) <= PAIRWISE_ROWS else Pair(spaces[0].some, spaces[1].some)
    ranked = _rows(pair, RSA_ROWS, seed)
    spectra = (*quick.SPECTRAL, *quick.TWO_SPACE)
    sampled(spectra, pair, partial(quick.statistics, pair), 2, THREE_QUARTERS, quick.ROWS)
    sampled(CLOSE_UP, near, quick.close_up(near), 3, 0.5, NEAR_ROWS)
    sampled(("partition_isotropy_log10",), pair, partial(quick.partitions, pair), 4, 0.5, quick.ROWS)
    sampled(("rsa_spearman_cosine",), ranked, partial(quick.rsa, ranked), 5, 0.5, RSA_HALF_ROWS)
    return found | _hub_intervals(spaces, {name: full[name] for name in HUBS if name in full}, seed)


def _mean_cosine_interval(pair: Pair, value: float, seed: int) -> Interval:
    """Sentences drawn with replacement; for many the normal interval that such draws would only repeat."""
    n = len(pair.before)
    if n <= PAIRWISE_ROWS:
        return uncertainty.bootstrap_mean_cosine(pair.before, pair.after, draws=draws_for(n), seed=seed)
    half = 1.96 * float(cosine_influences(pair).std(ddof=1) / np.sqrt(n))
    return value - half, value + half


def _hub_intervals(spaces: tuple[Space, Space], full: dict[str, float], seed: int) -> dict[str, Interval]:
    """From lists of neighbours already known: the k nearest of a sample are the first k of a longer list found in it.

    Both spaces have the same rows there, unless one has rows without a direction; then there is no interval.
    """
    one, two = spaces
    if not full or len(one.near) != len(two.near):
        return {}

    def numbers(rows: Int64[np.ndarray, "m"]) -> dict[str, float]:
        return quick.difference(*(quick.hubs_among(space.near, rows, space.k) for space in (two, one)))

    n = len(one.near)
    return half_samples(n, numbers, full, (seed, 6), share=THREE_QUARTERS, most=n)


def _tested(pair: Pair, readings: Readings, k: int, seed: int, last: bool) -> Readings:
    """p of what is tested by swapping before and after sentence by sentence, in spaces of one width."""
    if not pair.same_width:
        return {}
    cosine = readings["mean_cosine"]
    found: Readings = {}
    if cosine.before is not None and cosine.after is not None:
        p = mean_cosine_p(pair, seed)
        interval = cosine.interval and keep_zero(cosine.interval, p)
        found["mean_cosine"] = replace(cosine, p=p, interval=interval)
    if last:
        ps, note = swap_ps(pair, k, seed)
        for name, p in ps.items():
            given = readings[name]
            if given.before is not None and given.after is not None:
                found[name] = replace(given, p=p, note=_joined([given.note, note]))
    return found
