"""The uses of the target words: who their neighbours are, and whether a model tells their senses apart (A16).

The protocol: sense centroids are plain means of the uses that are not held out; held-out uses are tested; only the
senses of the same word compete.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Int64

from embedlab.comparing.intervals import combined, draws_for
from embedlab.comparing.readings import SENSE_READINGS
from embedlab.comparing.sides import Pair, Sides, reading
from embedlab.comparing.words import drift_of
from embedlab.measure import neighbours, senses, uncertainty
from embedlab.measure.words import MIN_USES, self_similarity
from embedlab.types import LayerReadings, Occurrence, Reading, Uses, freeze

KNN = 5


@dataclass(frozen=True)
class Target:
    """The uses of one word: rows into the common uses, their senses ("" where unknown), who trains, who tests."""

    word: str
    rows: Int64[np.ndarray, "use"]
    senses: np.ndarray
    train: Bool[np.ndarray, "use"]
    test: Bool[np.ndarray, "use"]
    why_not: str | None


@dataclass(frozen=True)
class WordSenses:
    """The readings of one word at one layer, and the predicted sense of every use (None where nothing predicts)."""

    readings: dict[str, Reading]
    predicted_before: np.ndarray | None = None
    predicted_after: np.ndarray | None = None


def targets_of(items: tuple[Occurrence, ...], held_out: Bool[np.ndarray, "use"]) -> list[Target]:
    """One Target a headword, in order of first use."""
    rows_of: dict[str, list[int]] = {}
    for i, use in enumerate(items):
        rows_of.setdefault(use.word or use.surface.lower(), []).append(i)
    found = []
    for word, rows in rows_of.items():
        names = np.array([items[i].sense or "" for i in rows])
        known, held = names != "", held_out[rows]
        train, test = known & ~held, known & held
        why_not = _why_not(word, names, train, test)
        found.append(Target(word, np.array(rows, dtype=np.int64), names, train, test, why_not))
    return found


def _why_not(word: str, names: np.ndarray, train: np.ndarray, test: np.ndarray) -> str | None:
    """Why the senses of a word cannot be scored, or None."""
    if not (names != "").any():
        return f"The uses of {word!r} have no senses in this corpus."
    if len(set(names[train])) < 2:
        return f"Fewer than two senses of {word!r} have uses outside the held-out split."
    if not test.any():
        return f"No use of {word!r} with a sense is held out."
    return None


class SenseSurvey:
    """All target words at all layers."""

    def __init__(self, sides: Sides, held_out_rows: Bool[np.ndarray, "row"], seed: int) -> None:
        self.sides, self.seed = sides, seed
        self.items = tuple(sides.before.use_items[i] for i in sides.uses)
        rows = [use.row for use in self.items]
        self.held_out = np.array([row is not None and bool(held_out_rows[row]) for row in rows], dtype=bool)
        self.targets = targets_of(self.items, self.held_out)
        shape = (len(sides.layers), len(self.items))
        self.change = np.full(shape, np.nan, dtype=np.float32)
        self.drift = np.full(shape, np.nan, dtype=np.float32)
        self.predicted = {side: np.full(shape, "", dtype=object) for side in ("before", "after")}
        self.readings: dict[str, list[LayerReadings]] = {target.word: [] for target in self.targets}

    def layer(self, number: int, k: int) -> dict[str, Reading]:
        """Read one layer; returns the means over the words."""
        layer = self.sides.layers[number]
        of_words = []
        for target in self.targets:
            pair = self.sides.pair("uses", layer, self.sides.uses[target.rows])
            self.change[number, target.rows] = use_change(pair, k)
            moved = drift_of(pair)
            if moved is not None:
                self.drift[number, target.rows] = moved
            word = word_senses(target, pair, self.seed)
            alike = _self_similarity(target, pair, self.seed)
            self.readings[target.word].append(LayerReadings(layer.name, {alike.name: alike} | word.readings))
            if word.predicted_before is not None and word.predicted_after is not None:
                self.predicted["before"][number, target.rows] = word.predicted_before
                self.predicted["after"][number, target.rows] = word.predicted_after
            of_words.append(word)
        return mean_over_words(of_words)

    def uses(self) -> Uses:
        return Uses(
            occurrences=self.items,
            held_out=freeze(self.held_out),
            change=freeze(self.change),
            drift=freeze(self.drift),
            predicted_before=tuple(tuple(row) for row in self.predicted["before"].tolist()),
            predicted_after=tuple(tuple(row) for row in self.predicted["after"].tolist()),
        )


def use_change(pair: Pair, k: int) -> Float32[np.ndarray, "use"]:
    """1 - Jaccard of the nearest uses of the same word; NaN below three uses.

    k is at most half of the others: were all others neighbours, nothing could change.
    """
    n = len(pair.before)
    k = min(k, (n - 1) // 2)
    if k < 1:
        return np.full(n, np.nan, dtype=np.float32)
    before = neighbours.nearest(pair.before, k)[0]
    jaccard = neighbours.knn_jaccard(before, before if pair.same else neighbours.nearest(pair.after, k)[0])
    return (1 - jaccard).astype(np.float32)


def word_senses(target: Target, pair: Pair, seed: int) -> WordSenses:
    """A16 of one word at one layer, with paired intervals over its held-out uses."""
    if target.why_not is not None:
        return WordSenses({name: Reading(name, note=target.why_not) for name in SENSE_READINGS})
    truth, known = target.senses[target.test], sorted(set(target.senses) - {""})
    before = _centroids(target, pair.before)
    after = before if pair.same else _centroids(target, pair.after)
    knn_before = _knn(target, pair.before)
    knn_after = knn_before if pair.same else _knn(target, pair.after)
    found = {}
    for kind, one, two in (
        ("centroid", before[target.test], after[target.test]),
        ("knn", knn_before, knn_after),
    ):
        found[f"wsd_{kind}_accuracy"] = _accuracy(f"wsd_{kind}_accuracy", truth, one, two, seed)
        found[f"wsd_{kind}_macro_f1"] = _macro_f1(f"wsd_{kind}_macro_f1", truth, one, two, known, seed)
    tested = Pair(pair.before[target.test], pair.after[target.test])
    silhouette = reading("silhouette_cosine_macro", tested, lambda x: senses.silhouette_cosine_macro(x, truth))
    if tested.same and silhouette.before is not None:
        silhouette = replace(silhouette, interval=(0.0, 0.0))
    return WordSenses(found | {silhouette.name: silhouette}, before, after)


def _centroids(target: Target, vectors: Float32[np.ndarray, "use d"]) -> np.ndarray:
    """The sense of the nearest training centroid, for every use of the word."""
    return senses.centroid_predict(vectors[target.train], target.senses[target.train], vectors)


def _knn(target: Target, vectors: Float32[np.ndarray, "use d"]) -> np.ndarray:
    train = vectors[target.train]
    return senses.knn_predict(train, target.senses[target.train], vectors[target.test], k=min(KNN, len(train)))


def _accuracy(name: str, truth: np.ndarray, one: np.ndarray, two: np.ndarray, seed: int) -> Reading:
    right = ((one == truth).astype(float), (two == truth).astype(float))
    interval = uncertainty.paired_bootstrap(*right, draws=draws_for(len(truth)), seed=seed)
    return Reading(name, senses.accuracy(truth, one), senses.accuracy(truth, two), interval=interval)


def _macro_f1(name: str, truth: np.ndarray, one: np.ndarray, two: np.ndarray, known: list[str], seed: int) -> Reading:
    """Macro-F1 over all senses of the word. The bootstrap averages over the senses met in the test: rescaled to all."""
    met = len({*truth, *one, *two}) / len(known)
    low, high = uncertainty.bootstrap_macro_f1(truth, one, two, draws=draws_for(len(truth)), seed=seed)
    before, after = (senses.macro_f1(truth, guess, senses=known) for guess in (one, two))
    return Reading(name, before, after, interval=(low * met, high * met))


def _self_similarity(target: Target, pair: Pair, seed: int) -> Reading:
    """A2 of one word over all its uses; interval by sentence."""
    if len(target.rows) < MIN_USES:
        return Reading("self_similarity", note=f"{target.word!r} has fewer than {MIN_USES} uses.")
    found = reading("self_similarity", pair, self_similarity)
    if found.before is None or found.after is None:
        return found
    interval = (0.0, 0.0)
    if not pair.same:
        draws = draws_for(len(target.rows))
        interval = uncertainty.bootstrap_mean_cosine(pair.before, pair.after, draws=draws, seed=seed)
    return replace(found, interval=interval)


def mean_over_words(words: list[WordSenses]) -> dict[str, Reading]:
    """The unweighted mean of each sense reading over the words that have it; words vary independently."""
    found = {}
    for name in SENSE_READINGS:
        given = [word.readings[name] for word in words]
        pairs = [(r, r.before, r.after) for r in given if r.before is not None and r.after is not None]
        if not pairs:
            note = given[0].note if given else "This corpus has no target words with senses."
            found[name] = Reading(name, note=note)
            continue
        before, after = float(np.mean([b for _, b, _ in pairs])), float(np.mean([a for _, _, a in pairs]))
        intervals = [r.interval for r, _, _ in pairs if r.interval is not None]
        interval = None
        if len(intervals) == len(pairs):
            interval = combined([a - b for _, b, a in pairs], intervals, [1 / len(pairs)] * len(pairs))
        found[name] = Reading(name, before, after, interval=interval)
    return found
