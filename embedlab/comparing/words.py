"""The word table: who the neighbours of every word are, before and after, at every layer."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int32

from embedlab.comparing.intervals import draws_for
from embedlab.comparing.sides import LayerPair, Pair, Sides
from embedlab.errors import UserError
from embedlab.measure import drift, neighbours
from embedlab.measure.uncertainty import paired_bootstrap
from embedlab.types import Reading, WordTable, freeze


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


def word_layer(sides: Sides, layer: LayerPair, k: int, shown: int, seed: int) -> WordLayer:
    """Neighbours among the word means (the same candidates for both), change, drift and self-similarity."""
    pair = sides.pair("word_means", layer, sides.words)
    ids_before, cos_before = neighbours.nearest(pair.before, shown)
    ids_after, cos_after = (ids_before, cos_before) if pair.same else neighbours.nearest(pair.after, shown)
    jaccard = neighbours.knn_jaccard(ids_before[:, :k], ids_after[:, :k])
    moved = drift_of(pair)
    self_before = sides.before.self_similarity[layer.before, sides.words]
    self_after = sides.after.self_similarity[layer.after, sides.words]
    readings = {
        "knn_jaccard": _mean_reading("knn_jaccard", jaccard, seed),
        "second_order_cosine": _mean_reading(
            "second_order_cosine", neighbours.second_order_cosine(pair.before, pair.after, k), seed
        ),
        "drift_cosine": _mean_reading("drift_cosine", moved, seed)
        if moved is not None
        else Reading("drift_cosine", note=unlike_widths(pair)),
    }
    return WordLayer(
        change=(1 - jaccard).astype(np.float32),
        drift=np.full(len(jaccard), np.nan, dtype=np.float32) if moved is None else moved.astype(np.float32),
        ids_before=ids_before,
        ids_after=ids_after,
        cos_before=cos_before,
        cos_after=cos_after,
        self_before=self_before.astype(np.float32),
        self_after=self_after.astype(np.float32),
        readings=readings,
    )


def drift_of(pair: Pair) -> Float64[np.ndarray, "n"] | None:
    """A15 of every row, exactly 0 where it did not change; None for unlike widths."""
    return drift.drift_cosine(pair.before, pair.after) if pair.same_width else None


def unlike_widths(pair: Pair) -> str:
    return f"The layers have {pair.before.shape[1]} and {pair.after.shape[1]} dimensions: no coordinates are shared."


def _mean_reading(name: str, values: Float64[np.ndarray, "word"], seed: int) -> Reading:
    """The mean over the words, with an interval over words (their candidates stay as they are)."""
    mean = float(values[0]) if np.ptp(values) == 0 else float(values.mean())  # the mean of equal numbers is that number
    return Reading(
        name,
        value=mean,
        interval=paired_bootstrap(np.zeros(len(values)), values, draws=draws_for(len(values)), seed=seed),
    )


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
    )
