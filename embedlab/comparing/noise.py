"""The noise floor of a comparison: other seeds of the recipe, or without them two halves of every word's own uses."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from embedlab.comparing.readings import READINGS
from embedlab.comparing.senses import SenseSurvey
from embedlab.comparing.sides import LayerPair, Pair, Sides
from embedlab.comparing.spaces import space_readings
from embedlab.comparing.words import Near, WordLayer, WordNoise, near_words, word_layer
from embedlab.errors import MeasureError
from embedlab.measure import neighbours
from embedlab.measure.noise import item_noise, pair_noise, seed_noise, seed_pairs
from embedlab.measure.uncertainty import benjamini_hochberg
from embedlab.survey import Survey
from embedlab.types import FALSE_SHARE, LayerReadings, NoiseFloor, Reading, Uses, freeze

FALSE_PERCENT = round(100 * FALSE_SHARE)


def noise_floor(sides: Sides) -> NoiseFloor:
    """What a change is held against, in a line for the person who reads the comparison."""
    if not sides.replicates:
        return NoiseFloor(
            "control",
            "No other seed of the recipe was given, so noise is what two halves of a word's own uses differ by in one "
            "and the same model: a word counts as changed only above that (95 %), and of the words called changed "
            f"about {FALSE_PERCENT} % may be so by chance. Unknown is whether another seed of the recipe would change "
            "as much: the readings and the uses of the target words have no noise floor.",
        )
    seeds = (sides.after, *sides.replicates)
    names = ", ".join(seed.encoder.source for seed in seeds)
    rough = " Two seeds tell this roughly: a third makes it surer." if len(seeds) == 2 else ""
    return NoiseFloor(
        "seeds",
        f"Noise is the spread of {len(seeds)} seeds of the recipe ({names}): a reading counts as changed only beyond "
        "what two seeds would differ by (95 %), a word or a use only beyond what it changes between seeds, and of the "
        f"words called changed about {FALSE_PERCENT} % may be so by chance.{rough}",
        tuple(seed.encoder for seed in sides.replicates),
    )


# -- readings --------------------------------------------------------------------------------------------------------


def reading_noise(given: Reading, pairs: list[Reading], seeds: int) -> Reading:
    """The reading with its noise: `pairs` are the same reading between every pair of seeds (`seed_pairs`).

    None stays where the reading, or one of those of the seeds, is undefined.
    """
    info = READINGS.get(given.name)
    if given.value is not None:
        values = [pair.value for pair in pairs if pair.value is not None]
        if info is None or info.still is None or len(values) < len(pairs):
            return given
        low, high = (None if end is None else float(end) for end in (info.low, info.high))
        return replace(given, noise=pair_noise(values, info.still, low, high))
    if given.before is None or given.after is None:
        return given
    of_seed: dict[int, float] = {}
    for (one, two), pair in zip(seed_pairs(seeds), pairs, strict=True):
        for seed, value in ((one, pair.before), (two, pair.after)):
            if value is not None:
                of_seed.setdefault(seed, value)
    if len(of_seed) < seeds:
        return given
    return replace(given, noise=seed_noise([of_seed[seed] for seed in range(seeds)]))


def _with_noise(given: dict[str, Reading], pairs: list[dict[str, Reading]], seeds: int) -> dict[str, Reading]:
    return {
        name: reading_noise(reading, [pair[name] for pair in pairs], seeds)
        if all(name in pair for pair in pairs)
        else reading
        for name, reading in given.items()
    }


# -- seeds -----------------------------------------------------------------------------------------------------------


class SeedFloor:
    """What every pair of seeds of the recipe differs by, read layer by layer without intervals."""

    def __init__(
        self,
        sides: Sides,
        held_out_rows: Bool[np.ndarray, "row"],
        related: Int64[np.ndarray, "pair 2"],
        k: int,
        seed: int,
    ) -> None:
        self.sides, self.k, self.seed = sides, k, seed
        self.seeds: tuple[Survey, ...] = (sides.after, *sides.replicates)
        alike = tuple(LayerPair(layer.name, layer.after, layer.after) for layer in sides.layers)
        self.pairs = [
            replace(sides, before=self.seeds[i], after=self.seeds[j], layers=alike, replicates=())
            for i, j in seed_pairs(len(self.seeds))
        ]
        self.senses = [SenseSurvey(pair, held_out_rows, seed, intervals=False, related=related) for pair in self.pairs]

    def layer(
        self, number: int, near_after: Near, found: dict[str, Reading], words: WordLayer
    ) -> tuple[dict[str, Reading], WordLayer]:
        """The readings of a layer with their noise, and its words with theirs.

        `near_after`: the neighbours in the compared seed, found already; the others are searched once each.
        """
        near = [near_after]
        for seed in self.sides.replicates:
            near.append(near_words(seed, self.sides.layers[number].after, self.sides.words, self.k))
        readings, changes = [], []
        for (i, j), pair, senses in zip(seed_pairs(len(self.seeds)), self.pairs, self.senses, strict=True):
            layer = pair.layers[number]
            between = word_layer(pair, layer, self.k, self.seed, (near[i], near[j]), intervals=False)
            of_pair = space_readings(pair, layer, self.seed, self.k, intervals=False)
            readings.append(of_pair | between.readings | senses.layer(number, self.k))
            changes.append(between.change)
        counts = self.sides.before.counts[self.sides.words]
        noise = word_noise(words.change, np.stack(changes), counts, self.k, len(self.seeds))
        return _with_noise(found, readings, len(self.seeds)), replace(words, noise=noise)

    def sense_readings(self, given: dict[str, list[LayerReadings]]) -> dict[str, tuple[LayerReadings, ...]]:
        """The readings of every target word with their noise, once all layers are read."""
        noisy = {}
        for word, layers in given.items():
            of_seeds = [[dict(pair.readings[word][n].readings) for pair in self.senses] for n in range(len(layers))]
            noisy[word] = tuple(
                LayerReadings(layer.name, _with_noise(dict(layer.readings), pairs, len(self.seeds)))
                for layer, pairs in zip(layers, of_seeds, strict=True)
            )
        return noisy

    def uses(self, given: Uses) -> Uses:
        """The uses with the noise of each: what its nearest uses of the same word change by between seeds."""
        if not given.occurrences:
            return given
        changes = np.stack([senses.uses().change for senses in self.senses])
        names = np.array([use.word or use.surface.lower() for use in given.occurrences])
        _, owner, sizes = np.unique(names, return_inverse=True, return_counts=True)
        counts = sizes[owner]
        step = 2 / (np.clip(np.minimum(self.k, (counts - 1) // 2), 1, None) + 1)
        noise = np.full(given.change.shape, np.nan, dtype=np.float32)
        for layer, change in enumerate(given.change):
            rows = np.flatnonzero(np.isfinite(change) & np.isfinite(changes[:, layer]).all(axis=0))
            if len(rows):
                null = changes[:, layer][:, rows].astype(np.float64)
                found = item_noise(change[rows].astype(np.float64), null, counts[rows], len(self.seeds), step[rows])
                noise[layer, rows] = found.limit
        return replace(given, noise=freeze(noise))


def word_noise(
    change: Float32[np.ndarray, "word"],
    null: Float32[np.ndarray, "draw word"],
    counts: Int64[np.ndarray, "word"],
    k: int,
    seeds: int = 0,
) -> WordNoise:
    """The noise of every word and its q over the words of the layer; NaN where a draw has none."""
    limit, q = np.full((2, len(change)), np.nan, dtype=np.float32)
    rows = np.flatnonzero(np.isfinite(null).all(axis=0))
    if len(rows):
        x, draws = change[rows].astype(np.float64), null[:, rows].astype(np.float64)
        found = item_noise(x, draws, counts[rows], seeds, 2 / (k + 1))
        limit[rows], q[rows] = found.limit, benjamini_hochberg(found.p)
    return WordNoise(limit, q)


# -- without other seeds ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ControlFloor:
    """The neighbours of each word's mean over half of its uses against those over the other half, in one model."""

    sides: Sides
    k: int

    def layer(self, number: int, words: WordLayer) -> WordLayer:
        """The words with their noise: one draw from the model before, one from the model after."""
        sides, layer = self.sides, self.sides.layers[number]
        models = [(sides.before, layer.before), (sides.after, layer.after)]
        enough = np.all([_halved(model, sides.words) for model, _ in models], axis=0)
        rows = sides.words[enough]
        if len(rows) < self.k + 1:
            return words  # too few words have two halves to be neighbours: the floor stays unknown
        halves = [_halves(model, at, rows) for model, at in models]
        same = all(Pair(one, two).same for one, two in zip(*halves, strict=True))
        null = np.full((1 if same else 2, len(sides.words)), np.nan)
        for draw, (one, two) in enumerate(halves[: len(null)]):
            try:
                lists = [neighbours.nearest(half, self.k)[0] for half in (one, two)]
            except MeasureError:
                return words
            null[draw, enough] = 1 - neighbours.knn_jaccard(*lists)
        return replace(words, noise=word_noise(words.change, null, sides.before.counts[sides.words], self.k))


def _halved(model: Survey, words: Int64[np.ndarray, "word"]) -> Bool[np.ndarray, "word"]:
    """Which words have uses in both halves."""
    return np.asarray((model.half_uses[words] > 0) & (model.half_uses[words] < model.seen_words[words]))


def _halves(
    model: Survey, layer: int, rows: Int64[np.ndarray, "n"]
) -> tuple[Float64[np.ndarray, "n d"], Float64[np.ndarray, "n d"]]:
    """The means over every other use, and over the others, which are what is left of all."""
    first = np.asarray(model.half_means[layer][rows], dtype=np.float64)
    total = np.asarray(model.word_means[layer][rows], dtype=np.float64) * model.seen_words[rows, None]
    uses = model.half_uses[rows, None]
    return first, (total - first * uses) / (model.seen_words[rows, None] - uses)
