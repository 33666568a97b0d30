"""One target word at one layer: how alike its uses are, and whether its senses are told apart (A2, A4, A10, A16, A18).

The protocol: sense centroids are plain means of the uses that are not held out; held-out uses are tested; only the
senses of the same word compete.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float64, Int64

from embedlab.comparing.halves import LEAST_OF_A_SENSE, Halves
from embedlab.comparing.intervals import Interval, around, draws_for, half_samples
from embedlab.comparing.memo import Memo, content
from embedlab.comparing.positives import of_senses
from embedlab.comparing.readings import SENSE_READINGS
from embedlab.comparing.sides import Pair, reading
from embedlab.comparing.swaps import mean_cosine_p
from embedlab.errors import MeasureError
from embedlab.measure import senses, uncertainty, words
from embedlab.measure.intervals import keep_zero
from embedlab.measure.words import MIN_USES
from embedlab.types import Reading

KNN = 5
MEV_USES = 100  # of a word; more would only be compared with a larger baseline
BASELINE_DRAWS = 20
TOO_FEW = f"No interval: a sense has fewer than {LEAST_OF_A_SENSE} held-out uses."

_CLUSTERED: Memo[senses.Clustering] = Memo(512)

Readings = dict[str, Reading]
Right = tuple[Bool[np.ndarray, "use"], Bool[np.ndarray, "use"]]


@dataclass(frozen=True)
class Target:
    """The uses of one word: rows into the common uses, senses ("" where unknown), sentences, who trains, who tests."""

    word: str
    rows: Int64[np.ndarray, "use"]
    senses: np.ndarray
    texts: Int64[np.ndarray, "use"]
    train: Bool[np.ndarray, "use"]
    test: Bool[np.ndarray, "use"]
    why_not: str | None


@dataclass(frozen=True)
class WordSenses:
    """The readings of one word at one layer, and the predicted sense of every use (None where nothing predicts).

    `right`: which held-out uses are right before and after, by accuracy reading. `nearer`: what each sentence
    contributes to the change of the alignment. `p`: of "its uses moved no more than swapping would show".
    """

    readings: Readings
    predicted_before: np.ndarray | None = None
    predicted_after: np.ndarray | None = None
    right: dict[str, Right] = field(default_factory=dict)
    nearer: Float64[np.ndarray, "sentence"] = field(default_factory=lambda: np.zeros(0))
    p: float | None = None


def word_senses(target: Target, pair: Pair, seed: int, intervals: bool = True) -> WordSenses:
    """All but the MEV baseline, which needs the space around the word. `intervals=False`: values only."""
    found = {"self_similarity": _self_similarity(target, pair, seed, intervals)} | _mev(target, pair, seed, intervals)
    tested = Pair(pair.before[target.test], pair.after[target.test])
    names, texts = target.senses[target.test], target.texts[target.test]
    alignment, nearer = of_senses(tested, names, texts, seed, intervals)
    found["alignment"] = alignment
    p = _moved_together(pair, seed) if intervals else None
    if target.why_not is not None:
        found |= {name: Reading(name, note=target.why_not) for name in SENSE_READINGS}
        return WordSenses(found, nearer=nearer, p=p)
    before = _centroids(target, pair.before)
    after = before if pair.same else _centroids(target, pair.after)
    knn_before = _knn(target, pair.before)
    knn_after = knn_before if pair.same else _knn(target, pair.after)
    right: dict[str, Right] = {}
    known = sorted(set(target.senses) - {""})
    for kind, one, two in (("centroid", before[target.test], after[target.test]), ("knn", knn_before, knn_after)):
        name = f"wsd_{kind}_accuracy"
        right[name] = (one == names, two == names)
        found[name] = _accuracy(name, names, one, two, seed, intervals)
        name = f"wsd_{kind}_macro_f1"
        found[name] = _macro_f1(name, names, one, two, known, seed, intervals)
    found |= _separation(tested, names, seed, intervals)
    return WordSenses(found, before, after, right, nearer, p)


def _moved_together(pair: Pair, seed: int) -> float | None:
    """p that the uses moved together (A18: permutation by occurrence); None for few uses or unlike widths."""
    if len(pair.before) < MIN_USES or not pair.same_width:
        return None
    return 1.0 if pair.same else uncertainty.permute_occurrences_p(pair.before, pair.after, seed=seed)


def _centroids(target: Target, vectors: np.ndarray) -> np.ndarray:
    """The sense of the nearest training centroid, for every use of the word."""
    return senses.centroid_predict(vectors[target.train], target.senses[target.train], vectors)


def _knn(target: Target, vectors: np.ndarray) -> np.ndarray:
    train = vectors[target.train]
    return senses.knn_predict(train, target.senses[target.train], vectors[target.test], k=min(KNN, len(train)))


def _accuracy(name: str, truth: np.ndarray, one: np.ndarray, two: np.ndarray, seed: int, intervals: bool) -> Reading:
    plain = Reading(name, senses.accuracy(truth, one), senses.accuracy(truth, two))
    if not intervals:
        return plain
    was, now = one == truth, two == truth
    draws = draws_for(len(truth))
    interval = uncertainty.paired_bootstrap(was.astype(float), now.astype(float), draws=draws, seed=seed)
    return replace(plain, interval=interval, p=uncertainty.mcnemar(was, now).p)


def _macro_f1(
    name: str, truth: np.ndarray, one: np.ndarray, two: np.ndarray, known: list[str], seed: int, intervals: bool
) -> Reading:
    """Macro-F1 over all senses of the word; a single word has an interval and no p."""
    before, after = (senses.macro_f1(truth, guess, senses=known) for guess in (one, two))
    if not intervals:
        return Reading(name, before, after)
    draws = draws_for(len(truth))
    interval = uncertainty.bootstrap_macro_f1(truth, one, two, draws=draws, seed=seed, senses=known)
    return Reading(name, before, after, interval=interval)


def _self_similarity(target: Target, pair: Pair, seed: int, intervals: bool) -> Reading:
    """A2 of one word over all its uses; interval and p by sentence."""
    name = "self_similarity"
    if len(target.rows) < MIN_USES:
        return Reading(name, note=f"{target.word!r} has fewer than {MIN_USES} uses.")
    found = reading(name, pair, words.self_similarity)
    if found.before is None or found.after is None or not intervals:
        return found
    if pair.same:
        return replace(found, interval=(0.0, 0.0), p=1.0)
    try:
        draws = draws_for(len(target.rows))
        interval = uncertainty.bootstrap_mean_cosine(
            pair.before, pair.after, units=target.texts, draws=draws, seed=seed
        )
    except MeasureError as error:
        return replace(found, note=str(error))
    p = mean_cosine_p(pair, seed, target.texts) if pair.same_width else None
    return replace(found, interval=interval if p is None else keep_zero(interval, p), p=p)


def mev_rows(target: Target, seed: int) -> Int64[np.ndarray, "use"]:
    """Which uses the MEV is of: all, or MEV_USES drawn by the seed."""
    return uncertainty.sample_rows(len(target.rows), MEV_USES, seed)


def _mev(target: Target, pair: Pair, seed: int, intervals: bool) -> Readings:
    """A4 of one word, uncentred and centred; intervals by half-samples of its uses."""
    measures = {"mev_uncentred": words.mev_uncentred, "mev_centred": words.mev_centred}
    if len(target.rows) < MIN_USES:
        return {name: Reading(name, note=f"{target.word!r} has fewer than {MIN_USES} uses.") for name in measures}
    rows = mev_rows(target, seed)
    few = Pair(pair.before[rows], pair.after[rows])
    note = f"Of {MEV_USES} uses drawn by the seed." if len(rows) < len(target.rows) else None
    found = {name: reading(name, few, measure) for name, measure in measures.items()}
    found = {name: replace(r, note=r.note or note) for name, r in found.items()}
    full = {n: r.after - r.before for n, r in found.items() if r.before is not None and r.after is not None}
    if not intervals or not full:
        return found
    if few.same:
        return {name: replace(r, interval=(0.0, 0.0)) if name in full else r for name, r in found.items()}

    def numbers(some: Int64[np.ndarray, "m"]) -> dict[str, float]:
        return {name: measures[name](few.after[some]) - measures[name](few.before[some]) for name in full}

    try:
        ends: dict[str, Interval] = half_samples(len(rows), numbers, full, (seed, 7))
    except MeasureError:
        return found  # in some half all uses are alike
    return {name: replace(r, interval=ends.get(name)) for name, r in found.items()}


def mev_baseline(ground: Pair, n: int, seed: int, intervals: bool) -> Reading:
    """A4's null: the uncentred MEV of n random pieces, mean of BASELINE_DRAWS draws, the same pieces in both models.

    Draws of n of all N pieces share rows, so they are no more than N / n independent ones.
    """
    from scipy.stats import t

    name = "mev_baseline"

    def values(rows: np.ndarray) -> Float64[np.ndarray, "draw"]:
        drawn = [words.mev_baseline(rows, n, seed=seed * BASELINE_DRAWS + i, draws=1) for i in range(BASELINE_DRAWS)]
        return np.array(drawn)

    try:
        before = values(ground.before)
        after = before if ground.same else values(ground.after)
    except MeasureError as error:
        return Reading(name, note=str(error))
    plain = Reading(name, float(before.mean()), float(after.mean()))
    if not intervals:
        return plain
    independent = min(float(BASELINE_DRAWS), len(ground.before) / n)
    if independent < 2:
        return replace(plain, interval=(0.0, 0.0) if ground.same else None)
    change = after - before
    half = float(t.ppf(0.975, independent - 1)) * float(change.std(ddof=1)) / np.sqrt(independent)
    return replace(plain, interval=(float(change.mean() - half), float(change.mean() + half)))


def _separation(tested: Pair, names: np.ndarray, seed: int, intervals: bool) -> Readings:
    """Silhouette and clustering of the held-out uses; intervals from halves of every sense."""
    silhouette = reading("silhouette_cosine_macro", tested, lambda x: senses.silhouette_cosine_macro(x, names))
    found = {silhouette.name: silhouette} | _clustering(tested, names)
    full = {n: r.after - r.before for n, r in found.items() if r.before is not None and r.after is not None}
    if not intervals or not full:
        return found
    if tested.same:
        return {name: replace(r, interval=(0.0, 0.0)) if name in full else r for name, r in found.items()}
    halves = Halves.of(names, seed)
    if halves is None:
        return {name: replace(r, note=r.note or TOO_FEW) for name, r in found.items()}
    sides = []
    for side in (tested.before, tested.after):
        v, ari = halves.clusterings(side)
        sides.append({silhouette.name: halves.silhouettes(side), "clustering_v": v, "clustering_ari": ari})
    drawn = {n: [b - a for a, b in zip(sides[0][n], sides[1][n], strict=True)] for n in full}
    ends = around(full, drawn, halves.m, halves.n)
    return {name: replace(r, interval=ends.get(name)) for name, r in found.items()}


def _clustering(tested: Pair, names: np.ndarray) -> Readings:
    try:
        one, two = (_clustered(side, names) for side in (tested.before, tested.after))
    except MeasureError as error:
        return {name: Reading(name, note=str(error)) for name in ("clustering_v", "clustering_ari")}
    return {
        "clustering_v": Reading("clustering_v", one.v, two.v),
        "clustering_ari": Reading("clustering_ari", one.ari, two.ari),
    }


def _clustered(side: np.ndarray, names: np.ndarray) -> senses.Clustering:
    return _CLUSTERED.of((content(side), tuple(names)), lambda: senses.clustering_scores(side, names))
