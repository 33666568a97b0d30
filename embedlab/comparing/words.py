"""The word table: who the neighbours of every word are, before and after, at every layer."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from embedlab.comparing.intervals import draws_for
from embedlab.comparing.sides import LayerPair, Pair, Sides
from embedlab.errors import UserError
from embedlab.measure import drift, neighbours
from embedlab.measure.uncertainty import paired_bootstrap
from embedlab.survey import Survey
from embedlab.types import Reading, WordTable, freeze

ROWS_PER_DIMENSION = 5  # words below which a rotation is not fitted: it would fit noise (A15)


class Near(NamedTuple):
    """The nearest words of every word in one model, nearest first, and their cosines."""

    ids: Int32[np.ndarray, "word shown"]
    cos: Float32[np.ndarray, "word shown"]


class WordNoise(NamedTuple):
    """The change of every word that is noise, and q, corrected over the words; NaN where unknown."""

    limit: Float32[np.ndarray, "word"]
    q: Float32[np.ndarray, "word"]


@dataclass(frozen=True)
class WordLayer:
    """One layer of the word table, and the readings that are means over its words."""

    change: Float32[np.ndarray, "word"]
    drift: Float32[np.ndarray, "word"]
    ids_before: Int32[np.ndarray, "word shown"]
    ids_after: Int32[np.ndarray, "word shown"]
    cos_before: Float32[np.ndarray, "word shown"]
    cos_after: Float32[np.ndarray, "word shown"]
    self_before: Float32[np.ndarray, "word"]
    self_after: Float32[np.ndarray, "word"]
    readings: dict[str, Reading]
    noise: WordNoise | None = None


def check_k(sides: Sides, k: int) -> None:
    """Raises UserError when a word has no k other words to be near to."""
    count, least = len(sides.words), sides.before.plan_facts["min_count"]
    if k < 1:
        raise UserError(f"--k is {k}: give 1 or more neighbours.")
    if k > count - 1:
        raise UserError(
            f"--k is {k}, but only {count} words of this corpus are used {least} times or more, so a word has at most "
            f"{max(0, count - 1)} neighbours: choose a smaller --k, a smaller --min-count or a larger corpus."
        )


def near_words(model: Survey, layer: int, words: Int64[np.ndarray, "word"], shown: int) -> Near:
    """The nearest word means of every word in one model; the candidates are the words compared."""
    return Near(*neighbours.nearest(np.asarray(model.word_means[layer][words]), shown))


def near_both(sides: Sides, layer: LayerPair, shown: int) -> tuple[Near, Near]:
    """Before and after; searched once where they are equal."""
    before = near_words(sides.before, layer.before, sides.words, shown)
    if sides.pair("word_means", layer, sides.words).same:
        return before, before
    return before, near_words(sides.after, layer.after, sides.words, shown)


def word_layer(
    sides: Sides, layer: LayerPair, k: int, seed: int, near: tuple[Near, Near], *, intervals: bool = True
) -> WordLayer:
    """Change, drift and self-similarity of every word, and their means; `near` as found by `near_both`."""
    pair = sides.pair("word_means", layer, sides.words)
    one, two = near
    ids = one.ids[:, :k], two.ids[:, :k]
    jaccard = neighbours.knn_jaccard(*ids)
    moved = drift_of(pair)
    aligned, why = _aligned(pair, seed)
    mean = partial(_mean_reading, seed=seed, intervals=intervals)
    second_order = neighbours.second_order_cosine(pair.before, pair.after, k, found=ids)
    readings = [
        mean("knn_jaccard", jaccard),
        mean("second_order_cosine", second_order),
        mean("drift_cosine", moved, unlike_widths(pair)),
        mean("drift_cosine_aligned", aligned, why),
    ]
    return WordLayer(
        change=(1 - jaccard).astype(np.float32),
        drift=np.full(len(jaccard), np.nan, dtype=np.float32) if moved is None else moved.astype(np.float32),
        ids_before=one.ids,
        ids_after=two.ids,
        cos_before=one.cos,
        cos_after=two.cos,
        self_before=sides.before.self_similarity[layer.before, sides.words].astype(np.float32),
        self_after=sides.after.self_similarity[layer.after, sides.words].astype(np.float32),
        readings={reading.name: reading for reading in readings},
    )


def _aligned(pair: Pair, seed: int) -> tuple[Float64[np.ndarray, "word"] | None, str]:
    """A15 beyond a rotation, fitted on other words than it is scored on; or None and why."""
    n, width = len(pair.before), max(pair.before.shape[1], pair.after.shape[1])
    if n < ROWS_PER_DIMENSION * width:
        need = ROWS_PER_DIMENSION * width
        return None, f"A rotation in {width} dimensions is fitted on {need:,} words or more, and there are {n:,}."
    return drift.drift_cosine_aligned(pair.before, pair.after, seed=seed), ""


def drift_of(pair: Pair) -> Float64[np.ndarray, "n"] | None:
    """A15 of every row, exactly 0 where it did not change; None for unlike widths."""
    return drift.drift_cosine(pair.before, pair.after) if pair.same_width else None


def unlike_widths(pair: Pair) -> str:
    return f"The layers have {pair.before.shape[1]} and {pair.after.shape[1]} dimensions: no coordinates are shared."


def _mean_reading(
    name: str, values: Float64[np.ndarray, "word"] | None, why: str = "", *, seed: int, intervals: bool
) -> Reading:
    """The mean over the words, with an interval over words (their candidates stay as they are); undefined: why."""
    if values is None:
        return Reading(name, note=why)
    mean = float(values[0]) if np.ptp(values) == 0 else float(values.mean())  # the mean of equal numbers is that number
    if not intervals:
        return Reading(name, value=mean)
    draws = draws_for(len(values))
    return Reading(name, value=mean, interval=paired_bootstrap(np.zeros(len(values)), values, draws=draws, seed=seed))


def word_table(sides: Sides, layers: list[WordLayer], k: int) -> WordTable:
    """The table of all layers."""
    words = tuple(sides.before.words[i] for i in sides.words)

    def stack(name: str) -> np.ndarray:
        return freeze(np.stack([getattr(layer, name) for layer in layers]))

    lists = {name: stack(name) for name in ("ids_before", "ids_after", "cos_before", "cos_after")}
    longer = lists["ids_before"].shape[2] > k
    ranked = (
        {
            "ranked_before": lists["ids_before"],
            "ranked_after": lists["ids_after"],
            "ranked_similarity_before": lists["cos_before"],
            "ranked_similarity_after": lists["cos_after"],
        }
        if longer
        else {}
    )
    return WordTable(
        words=words,
        counts=freeze(sides.before.counts[sides.words].copy()),
        change=stack("change"),
        drift=stack("drift"),
        neighbours_before=lists["ids_before"][:, :, :k],
        neighbours_after=lists["ids_after"][:, :, :k],
        similarity_before=lists["cos_before"][:, :, :k],
        similarity_after=lists["cos_after"][:, :, :k],
        self_similarity_before=stack("self_before"),
        self_similarity_after=stack("self_after"),
        **ranked,
        **_noise(layers),
    )


def _noise(layers: list[WordLayer]) -> dict[str, Float32[np.ndarray, "layer word"]]:
    """noise and q of all layers, or nothing where no layer has a floor."""
    if all(layer.noise is None for layer in layers):
        return {}
    unknown = np.full(len(layers[0].change), np.nan, dtype=np.float32)
    noise = [layer.noise or WordNoise(unknown, unknown) for layer in layers]
    return {"noise": freeze(np.stack([one.limit for one in noise])), "q": freeze(np.stack([one.q for one in noise]))}
