"""All target words at all layers: who the neighbours of their uses are, and means of what is read of each word."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float32, Int64

from embedlab.comparing.intervals import combined, draws_for
from embedlab.comparing.positives import of_related
from embedlab.comparing.readings import MEV_READINGS, SENSE_READINGS
from embedlab.comparing.sides import LayerPair, Pair, Sides
from embedlab.comparing.swaps import flipped
from embedlab.comparing.words import drift_of
from embedlab.comparing.wordsenses import Target, WordSenses, mev_baseline, mev_rows, word_senses
from embedlab.measure import neighbours, uncertainty
from embedlab.measure.words import MIN_USES
from embedlab.types import LayerReadings, Occurrence, Reading, Uses, freeze

LEAST_WORDS = 6  # with fewer the interval over words always holds 0
OVER_WORDS = (*MEV_READINGS, "alignment", *SENSE_READINGS)


def targets_of(items: tuple[Occurrence, ...], held_out: Bool[np.ndarray, "use"]) -> list[Target]:
    """One Target a headword, in order of first use."""
    rows_of: dict[str, list[int]] = {}
    text_of: dict[str, int] = {}
    for i, use in enumerate(items):
        rows_of.setdefault(use.word or use.surface.lower(), []).append(i)
        text_of.setdefault(use.text, len(text_of))
    found = []
    for word, rows in rows_of.items():
        names = np.array([items[i].sense or "" for i in rows])
        texts = np.array([text_of[items[i].text] for i in rows], dtype=np.int64)
        known, held = names != "", held_out[rows]
        train, test = known & ~held, known & held
        why_not = _why_not(word, names, train, test)
        found.append(Target(word, np.array(rows, dtype=np.int64), names, texts, train, test, why_not))
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
    """All target words at all layers. `related`: pairs of whole texts that mean the same (positives.related_texts).

    `intervals=False`: the same values, without intervals and p.
    """

    def __init__(
        self,
        sides: Sides,
        held_out_rows: Bool[np.ndarray, "row"],
        seed: int,
        *,
        intervals: bool = True,
        related: Int64[np.ndarray, "pair 2"] | None = None,
    ) -> None:
        self.sides, self.seed, self.intervals, self.related = sides, seed, intervals, related
        self.items = tuple(sides.before.use_items[i] for i in sides.uses)
        rows = [use.row for use in self.items]
        self.held_out = np.array([row is not None and bool(held_out_rows[row]) for row in rows], dtype=bool)
        self.targets = targets_of(self.items, self.held_out)
        shape = (len(sides.layers), len(self.items))
        self.change = np.full(shape, np.nan, dtype=np.float32)
        self.drift = np.full(shape, np.nan, dtype=np.float32)
        self.predicted = {side: np.full(shape, "", dtype=object) for side in ("before", "after")}
        self.readings: dict[str, list[LayerReadings]] = {target.word: [] for target in self.targets}
        self.p: dict[str, list[float | None]] = {target.word: [] for target in self.targets}

    def layer(self, number: int, k: int) -> dict[str, Reading]:
        """Read one layer; returns the means over the words."""
        layer = self.sides.layers[number]
        of_words = self._with_baselines(layer, [self._word(target, number, k) for target in self.targets])
        ps = _corrected([word.p for word in of_words])
        for target, word, p in zip(self.targets, of_words, ps, strict=True):
            self.readings[target.word].append(LayerReadings(layer.name, word.readings))
            self.p[target.word].append(p)
        found = mean_over_words(of_words, self.seed, self.intervals)
        if self.related is not None and len(self.related):
            found["alignment"] = of_related(self.sides, layer, self.related, self.seed, self.intervals)
        return found

    def _word(self, target: Target, number: int, k: int) -> WordSenses:
        pair = self.sides.pair("uses", self.sides.layers[number], self.sides.uses[target.rows])
        self.change[number, target.rows] = use_change(pair, k)
        moved = drift_of(pair)
        if moved is not None:
            self.drift[number, target.rows] = moved
        word = word_senses(target, pair, self.seed, self.intervals)
        if word.predicted_before is not None and word.predicted_after is not None:
            self.predicted["before"][number, target.rows] = word.predicted_before
            self.predicted["after"][number, target.rows] = word.predicted_after
        return word

    def _with_baselines(self, layer: LayerPair, of_words: list[WordSenses]) -> list[WordSenses]:
        """The words with their MEV baselines; words of equally many uses have the same one."""
        ground = self.sides.pair("background", layer, self.sides.background)
        of_size: dict[int, Reading] = {}
        found = []
        for target, word in zip(self.targets, of_words, strict=True):
            n = len(mev_rows(target, self.seed))
            if n < MIN_USES:
                baseline = replace(word.readings["mev_uncentred"], name="mev_baseline")
            else:
                if n not in of_size:
                    of_size[n] = mev_baseline(ground, n, self.seed, self.intervals)
                baseline = of_size[n]
            found.append(replace(word, readings=_ordered(word.readings | {baseline.name: baseline})))
        return found

    def word_p(self) -> dict[str, tuple[float | None, ...]]:
        """Per word and layer: p that its own uses moved no more than swapping before and after by occurrence shows.

        Corrected over the words of the layer (Benjamini-Hochberg). None for fewer than five uses, unlike widths, and
        without intervals.
        """
        return {word: tuple(values) for word, values in self.p.items()}

    def uses(self) -> Uses:
        return Uses(
            occurrences=self.items,
            held_out=freeze(self.held_out),
            change=freeze(self.change),
            drift=freeze(self.drift),
            predicted_before=tuple(tuple(row) for row in self.predicted["before"].tolist()),
            predicted_after=tuple(tuple(row) for row in self.predicted["after"].tolist()),
        )


def _ordered(readings: dict[str, Reading]) -> dict[str, Reading]:
    return {name: readings[name] for name in ("self_similarity", *OVER_WORDS)}


def _corrected(ps: list[float | None]) -> list[float | None]:
    """Benjamini-Hochberg over the words that have a p."""
    given = [i for i, p in enumerate(ps) if p is not None]
    found: list[float | None] = [None] * len(ps)
    if given:
        values = uncertainty.benjamini_hochberg(np.array([ps[i] for i in given], dtype=np.float64))
        for i, value in zip(given, values, strict=True):
            found[i] = float(value)
    return found


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


# ---------------------------------------------------------------- means over words


def mean_over_words(words: list[WordSenses], seed: int, intervals: bool) -> dict[str, Reading]:
    """The unweighted mean of each reading over the words that have it, these words being the ones asked about."""
    return {name: _mean(name, words, seed, intervals) for name in OVER_WORDS}


def _mean(name: str, words: list[WordSenses], seed: int, intervals: bool) -> Reading:
    having = [w for w in words if w.readings[name].before is not None and w.readings[name].after is not None]
    if not having:
        missing = "This corpus has no target words" + (" with senses." if name in SENSE_READINGS else ".")
        return Reading(name, note=words[0].readings[name].note if words else missing)
    given = [word.readings[name] for word in having]
    before = np.array([r.before for r in given], dtype=np.float64)
    after = np.array([r.after for r in given], dtype=np.float64)
    plain = Reading(name, float(before.mean()), float(after.mean()))
    if not intervals:
        return plain
    interval, note = _mean_interval(given, before, after, seed)
    return replace(plain, interval=interval, p=_mean_p(name, having, before, after, seed), note=note)


def _mean_interval(
    given: list[Reading], before: np.ndarray, after: np.ndarray, seed: int
) -> tuple[tuple[float, float] | None, str | None]:
    """From the words' own intervals, which vary independently; over words where some have none."""
    ends = [r.interval for r in given if r.interval is not None]
    change = (after - before).tolist()
    if len(ends) == len(given):
        if given[0].name == "mev_baseline":  # the words share the random pieces: their errors add up
            return (float(np.mean([low for low, _ in ends])), float(np.mean([high for _, high in ends]))), None
        return combined(change, ends, [1 / len(given)] * len(given)), None
    if len(given) < LEAST_WORDS:
        return None, "No interval: a word has too few uses."
    interval = uncertainty.paired_bootstrap(before, after, draws=draws_for(len(given)), seed=seed)
    return interval, "Interval over words: some have too few uses for one of their own."


def _mean_p(name: str, words: list[WordSenses], before: np.ndarray, after: np.ndarray, seed: int) -> float | None:
    """A18: McNemar over all held-out uses, Wilcoxon over words, sign flips by word or by sentence."""
    if name.endswith("_accuracy"):
        was, now = (np.concatenate([word.right[name][side] for word in words]) for side in (0, 1))
        return uncertainty.mcnemar(was, now).p
    if name == "alignment":
        parts = [word.nearer for word in words]
        return flipped(np.concatenate(parts), seed) if all(len(part) for part in parts) else None
    if len(words) < 2:
        return None
    if name.endswith("_macro_f1"):
        return uncertainty.wilcoxon_p(before, after)
    return uncertainty.sign_flip_p(before, after, permutations=1_999, seed=seed) if name in MEV_READINGS else None
