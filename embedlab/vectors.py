"""Every number of the house on vectors made elsewhere: what `python -m embedlab measure` prints.

Rows are points; row i of `after` is the same thing as row i of `before`. No model, no corpus and no torch is needed.
Names and form of the result are those of the JSON contract: a number that is undefined is None with a note, never NaN.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int64

from embedlab.comparing.intervals import DRAWS, Interval, half_samples
from embedlab.comparing.sides import Pair, defined
from embedlab.comparing.spaces import statistics
from embedlab.errors import MeasureError
from embedlab.measure import drift, geometry, neighbours, projection, senses
from embedlab.measure.rows import is_zero
from embedlab.measure.uncertainty import bootstrap_macro_f1, bootstrap_mean_cosine, paired_bootstrap, sample_rows
from embedlab.types import Reading
from embedlab.vectorfiles import VectorError, read_labels, read_vectors

KNN = 5  # neighbours that vote for a label (A16)
HELD_OUT = 0.25
UNIFORMITY_ROWS = 20_000  # every pair is looked at: more rows are sampled
RSA_ROWS = 3_000
MANTEL_ROWS = 400  # 999 permutations of its pairs
INTERVAL_ROWS = 50_000  # a bootstrap of more takes minutes and says what the eye sees anyway
MAX_LABELS = 1_000
CLUSTERING_WORK = 5_000_000  # rows x labels

Readings = dict[str, Reading]


class Space:
    """One matrix, and what several numbers of it share."""

    def __init__(self, rows: Float[np.ndarray, "n d"], k: int, raw_norm: bool, seed: int) -> None:
        self.rows, self.k, self.raw_norm, self.seed = rows, k, raw_norm, seed

    @cached_property
    def hubness(self) -> geometry.Hubness:
        return geometry.hubness(self.rows, self.k)

    @cached_property
    def two_nn(self) -> geometry.TwoNN:
        return geometry.two_nn_all(self.rows)

    @property
    def partition(self) -> float:
        return geometry.partition_isotropy_log10(self.rows, raw_norm=self.raw_norm)

    @property
    def uniformity(self) -> float:
        return geometry.uniformity(self.rows[sample_rows(len(self.rows), UNIFORMITY_ROWS, self.seed)])


ONE_SPACE: Mapping[str, Callable[[Space], float]] = {
    "mean_cosine": lambda space: geometry.mean_cosine(space.rows),
    "mean_cosine_centred": lambda space: geometry.mean_cosine_centred(space.rows),
    "top_dimension_share": lambda space: geometry.top_dimension_share(space.rows),
    "isoscore": lambda space: geometry.isoscore(space.rows),
    "participation_ratio": lambda space: geometry.participation_ratio(space.rows),
    "isotropic_isoscore": lambda space: geometry.isotropic_isoscore(*space.rows.shape),
    "partition_isotropy_log10": lambda space: space.partition,
    "effective_rank": lambda space: geometry.effective_rank(space.rows),
    "two_nn": lambda space: space.two_nn.linear,
    "two_nn_mle": lambda space: space.two_nn.mle,
    "duplicates_removed": lambda space: geometry.duplicates_removed(space.rows),
    "hubness_skew": lambda space: space.hubness.skew,
    "antihub_share": lambda space: space.hubness.antihub_share,
    "max_k_occurrence": lambda space: space.hubness.max_k_occurrence,
    "uniformity": lambda space: space.uniformity,
}
RESAMPLED = ("two_nn", "two_nn_mle", "hubness_skew", "antihub_share", "max_k_occurrence", "uniformity")
ROW_BY_ROW = ("knn_jaccard", "second_order_cosine", "drift_cosine", "drift_cosine_aligned")
UNCHANGED = {"cka_debiased": 1.0, "cka_linear": 1.0, "procrustes_distance": 0.0, "rsa_spearman_cosine": 1.0}


def measure_vectors(
    before: Path, after: Path | None, labels: Path | None, *, k: int = 10, raw_norm: bool = False, seed: int = 0
) -> dict[str, Any]:
    """All readings of one or two files of vectors, as plain values ready for JSON.

    {"n", "dim", "k", "readings": {name: {"before", "after"} or {"value"}, with "interval" and "note" where there are}};
    "dim_after" too where the widths differ. `interval` is the 95 % interval of after - before, or of value.
    Raises UserError for files that cannot be read or do not fit each other, and for a k larger than the candidates.
    """
    x = read_vectors(before)
    y = x if after is None else read_vectors(after)
    if len(x) != len(y):
        raise VectorError(f"The files hold {len(x):,} and {len(y):,} vectors: give the same things in the same order.")
    if not 1 <= k < len(x):
        raise VectorError(f"k is {k}, and a vector has {len(x) - 1:,} others: choose k between 1 and {len(x) - 1:,}.")
    pair = Pair(x, y)
    readings = _of_each(pair, k, raw_norm, seed)
    if after is not None:
        readings |= _of_pair(pair, k, seed)
        if not pair.same:
            readings = _with_intervals(readings, pair, k, seed)
    if labels is not None:
        names, held_out = read_labels(labels, len(x))
        readings |= _of_labels(pair, names, held_out, seed)
    result = {"n": len(x), "dim": x.shape[1], "k": k}
    if y.shape[1] != x.shape[1]:
        result["dim_after"] = y.shape[1]
    return result | {"readings": {name: _plain(reading, after is not None) for name, reading in readings.items()}}


def _plain(reading: Reading, both: bool) -> dict[str, Any]:
    """A reading as JSON has it: numbers, null where undefined, and nothing that is not there."""
    if reading.name in PAIR_NAMES:
        found: dict[str, Any] = {"value": reading.value}
    else:
        found = {"before": reading.before} | ({"after": reading.after} if both else {})
    if reading.interval is not None and both:
        found["interval"] = list(reading.interval)
    return found | ({"note": reading.note} if reading.note else {})


# ---------------------------------------------------------------- each space


def _of_each(pair: Pair, k: int, raw_norm: bool, seed: int) -> Readings:
    """The readings of both spaces; equal spaces are measured once, so their numbers are equal to the last bit."""
    spaces = [Space(rows, k, raw_norm, seed) for rows in ((pair.before,) if pair.same else (pair.before, pair.after))]
    zeros = max(int(is_zero(space.rows).sum()) for space in spaces)
    found: Readings = {}
    for name, measure in ONE_SPACE.items():
        values = [defined(lambda space=space, measure=measure: measure(space)) for space in spaces]  # type: ignore[misc]
        note = next((why for _, why in values if why), None)
        if name == "mean_cosine" and zeros and note is None:
            note = f"{zeros:,} rows are zero: they have no direction, and cosines leave them out."
        if name == "uniformity" and len(pair.before) > UNIFORMITY_ROWS and note is None:
            note = f"Of {UNIFORMITY_ROWS:,} rows drawn by the seed."
        still = (0.0, 0.0) if pair.same and values[0][0] is not None else None
        found[name] = Reading(name, values[0][0], values[-1][0], interval=still, note=note)
    return found


def _with_intervals(readings: Readings, pair: Pair, k: int, seed: int) -> Readings:
    """The same with intervals: a bootstrap by row for the mean cosine, half-samples of rows for what it would bias."""
    full: dict[str, float] = {}
    for name, reading in readings.items():
        if reading.value is not None and name in UNCHANGED:
            full[name] = reading.value
        elif reading.before is not None and reading.after is not None:
            full[name] = reading.after - reading.before
    wanted = [name for name in RESAMPLED if name in full]

    def numbers(rows: Int64[np.ndarray, "m"]) -> dict[str, float]:
        found = dict.fromkeys(full, np.nan) | statistics(pair, rows)
        one, two = (Space(side[rows], k, False, seed) for side in (pair.before, pair.after))
        for name in wanted:
            values = [defined(lambda space=space, name=name: ONE_SPACE[name](space))[0] for space in (one, two)]  # type: ignore[misc]
            if values[0] is not None and values[1] is not None:
                found[name] = values[1] - values[0]
        return found

    intervals = half_samples(len(pair.before), numbers, full, (seed, 2))
    if "mean_cosine" in full and len(pair.before) <= INTERVAL_ROWS:
        intervals["mean_cosine"] = bootstrap_mean_cosine(pair.before, pair.after, draws=DRAWS, seed=seed)
    return readings | {name: _interval(readings[name], interval) for name, interval in intervals.items()}


def _interval(reading: Reading, interval: Interval) -> Reading:
    return Reading(reading.name, reading.before, reading.after, reading.value, interval, note=reading.note)


# ---------------------------------------------------------------- the two together


def _of_pair(pair: Pair, k: int, seed: int) -> Readings:
    x, y = pair.before, pair.after
    measures: dict[str, Callable[[], float]] = {
        "alignment": lambda: geometry.alignment(*_shared(pair)),
        "cka_debiased": lambda: drift.cka_debiased(x, y),
        "cka_linear": lambda: drift.cka_linear(x, y),
        "procrustes_distance": lambda: drift.procrustes_distance(x, y),
    }
    if y.shape[1] == 2 < x.shape[1]:  # the second file is a map of the first
        measures["trustworthiness"] = lambda: projection.trustworthiness(x, y, k)
        measures["continuity"] = lambda: projection.continuity(x, y, k)
    found: Readings = {}
    for name, measure in measures.items():
        value, note = defined(measure)
        if pair.same and value is not None:
            value = UNCHANGED.get(name, 0.0)
        if name == "alignment" and note is None:
            note = "Row i before and row i after taken as the positive pair."
        found[name] = Reading(name, value=value, interval=_still(value) if pair.same else None, note=note)
    return found | _rsa(x, y, seed) | _row_by_row(pair, k, seed)


def _shared(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Both, for numbers that need the same coordinates."""
    if not pair.same_width:
        widths = f"{pair.before.shape[1]} and {pair.after.shape[1]}"
        raise MeasureError(f"The files have {widths} dimensions: no coordinates are shared. CKA does without.")
    return pair.before, pair.after


def _still(value: float | None) -> Interval | None:
    return None if value is None else (value, value)


def _rsa(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n e"], seed: int) -> Readings:
    """RSA on at most RSA_ROWS rows and its Mantel p on at most MANTEL_ROWS, the same rows in both spaces."""
    many, few = (sample_rows(len(x), limit, seed) for limit in (RSA_ROWS, MANTEL_ROWS))
    rho, why = defined(lambda: drift.rsa_spearman_cosine(x[many], y[many]))
    p, why_p = defined(lambda: drift.rsa_mantel(x[few], y[few], seed=seed).p)
    if why is None and len(many) < len(x):
        why = f"Of {RSA_ROWS:,} rows drawn by the seed."
    if why_p is None and len(few) < len(x):
        why_p = f"Mantel test on {MANTEL_ROWS:,} rows drawn by the seed."
    return {
        "rsa_spearman_cosine": Reading("rsa_spearman_cosine", value=rho, note=why),
        "rsa_p": Reading("rsa_p", value=p, note=why_p or "Mantel test, one-sided, 999 permutations."),
    }


def _row_by_row(pair: Pair, k: int, seed: int) -> Readings:
    """Means over the rows, with intervals over rows (their candidate neighbours stay as they are)."""
    x, y = pair.before, pair.after
    measures: dict[str, Callable[[], np.ndarray]] = {
        "knn_jaccard": lambda: neighbours.knn_jaccard(neighbours.nearest(x, k)[0], neighbours.nearest(y, k)[0]),
        "second_order_cosine": lambda: neighbours.second_order_cosine(x, y, k),
        "drift_cosine": lambda: drift.drift_cosine(*_shared(pair)),
        "drift_cosine_aligned": lambda: drift.drift_cosine_aligned(x, y, seed=seed),
    }
    found: Readings = {}
    for name in ROW_BY_ROW:
        try:
            values = np.asarray(measures[name](), dtype=np.float64)
        except MeasureError as error:
            found[name] = Reading(name, note=str(error))
            continue
        if np.ptp(values) == 0:  # the mean of equal numbers is that number, to the last bit
            found[name] = Reading(name, value=float(values[0]), interval=_still(float(values[0])))
            continue
        few = len(values) <= INTERVAL_ROWS
        interval = paired_bootstrap(np.zeros(len(values)), values, draws=DRAWS, seed=seed) if few else None
        found[name] = Reading(name, value=float(values.mean()), interval=interval)
    return found


PAIR_NAMES = frozenset({*UNCHANGED, *ROW_BY_ROW, "alignment", "rsa_p", "trustworthiness", "continuity"})

# ---------------------------------------------------------------- labels


def stratified(labels: np.ndarray, seed: int, share: float = HELD_OUT) -> Bool[np.ndarray, "n"]:
    """Which rows are held out: `share` of every label, at least one and never all; a label's only row stays in."""
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if len(rows) > 1:
            held_out[rng.permutation(rows)[: min(len(rows) - 1, max(1, round(share * len(rows))))]] = True
    return held_out


def _of_labels(pair: Pair, labels: np.ndarray, held_out: np.ndarray | None, seed: int) -> Readings:
    """Can the labels be told apart? Scores on held-out rows; silhouette and clustering on all of them (A16)."""
    kinds = len(np.unique(labels))
    if kinds > MAX_LABELS:
        raise VectorError(f"There are {kinds:,} different labels, more than {MAX_LABELS:,}: give groups, not names.")
    how = "the file's own split"
    if held_out is None:
        held_out, how = stratified(labels, seed), f"{HELD_OUT:.0%} of every label, drawn by the seed"
    train = ~held_out
    note = f"Tested on {int(held_out.sum()):,} held-out rows ({how}), trained on {int(train.sum()):,}."
    return (
        _scores(pair, "centroid", senses.centroid_predict, labels, train, note, seed)
        | _scores(pair, "knn", _vote, labels, train, note, seed)
        | {"silhouette_cosine_macro": _silhouette(pair, labels)}
        | _clustering(pair, labels, kinds)
    )


def _vote(rows: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    return np.asarray(senses.knn_predict(rows, labels, asked, k=min(KNN, len(rows))))


def _why_not(labels: np.ndarray, train: Bool[np.ndarray, "n"]) -> str | None:
    if len(np.unique(labels[train])) < 2:
        return "Fewer than two labels have rows to learn from."
    return "No row is held out to be tested on." if train.all() else None


def _scores(
    pair: Pair,
    kind: str,
    predict: Callable[..., np.ndarray],
    labels: np.ndarray,
    train: Bool[np.ndarray, "n"],
    note: str,
    seed: int,
) -> Readings:
    """Accuracy and macro-F1 of one way to predict; paired bootstrap over the held-out rows for the change."""
    names = [f"wsd_{kind}_accuracy", f"wsd_{kind}_macro_f1"]
    why = _why_not(labels, train)
    if why is not None:
        return {name: Reading(name, note=why) for name in names}
    truth = labels[~train]
    one, two = _each(pair, lambda rows: predict(rows[train], labels[train], rows[~train]))
    intervals: list[Interval | None] = [(0.0, 0.0), (0.0, 0.0)]
    if len(truth) > INTERVAL_ROWS:
        intervals = [None, None]
    elif not np.array_equal(one, two):
        was, now = ((guess == truth).astype(np.float64) for guess in (one, two))
        intervals = [paired_bootstrap(was, now, draws=DRAWS, seed=seed), bootstrap_macro_f1(truth, one, two, seed=seed)]
    found: Readings = {}
    for name, score, interval in zip(names, (senses.accuracy, senses.macro_f1), intervals, strict=True):
        found[name] = Reading(name, float(score(truth, one)), float(score(truth, two)), interval=interval, note=note)
    return found


def _each(pair: Pair, of: Callable[[np.ndarray], Any]) -> tuple[Any, Any]:
    """The same of both spaces; once where they are equal, so that nothing can differ."""
    one = of(pair.before)
    return one, one if pair.same else of(pair.after)


def _silhouette(pair: Pair, labels: np.ndarray) -> Reading:
    one, two = _each(pair, lambda rows: defined(lambda: senses.silhouette_cosine_macro(rows, labels)))
    still = (0.0, 0.0) if pair.same and one[0] is not None else None
    return Reading("silhouette_cosine_macro", one[0], two[0], interval=still, note=one[1] or two[1])


def _clustering(pair: Pair, labels: np.ndarray, kinds: int) -> Readings:
    names = ("clustering_v", "clustering_ari")
    if kinds * len(labels) > CLUSTERING_WORK:
        too_much = "Clustering so many rows into so many labels takes too long: give a sample."
        return {name: Reading(name, note=too_much) for name in names}
    try:
        one, two = _each(pair, lambda rows: senses.clustering_scores(rows, labels))
    except MeasureError as error:
        return {name: Reading(name, note=str(error)) for name in names}
    still, note = (0.0, 0.0) if pair.same else None, "KMeans on balanced draws, mean of 5 seeds."
    return {
        "clustering_v": Reading("clustering_v", one.v, two.v, interval=still, note=note),
        "clustering_ari": Reading("clustering_ari", one.ari, two.ari, interval=still, note=note),
    }
