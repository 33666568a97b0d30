"""Two surveys side by side: which layers, rows, words and uses can be compared, and what was left out."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64

from embedlab.errors import MeasureError, UserError
from embedlab.survey import Survey
from embedlab.types import Reading


@dataclass(frozen=True)
class LayerPair:
    name: str
    before: int
    after: int


@dataclass(frozen=True)
class Sides:
    """What both models have seen: rows of the background, texts, words and uses, as indices into the surveys."""

    before: Survey
    after: Survey
    layers: tuple[LayerPair, ...]
    background: Int64[np.ndarray, "row"]
    words: Int64[np.ndarray, "word"]
    uses: Int64[np.ndarray, "use"]
    whole: Bool[np.ndarray, "whole"]

    def pair(self, field: str, layer: LayerPair, rows: Int64[np.ndarray, "n"]) -> "Pair":
        """The same rows of both: `field` is word_means, background, uses or texts."""
        x = np.asarray(getattr(self.before, field)[layer.before][rows])
        y = np.asarray(getattr(self.after, field)[layer.after][rows])
        return Pair(x, y)


class Pair:
    """Two matrices with the same rows. `same`: equal bit by bit, so that no number may differ."""

    def __init__(self, before: Float32[np.ndarray, "n d"], after: Float32[np.ndarray, "n e"]) -> None:
        self.before = before
        self.same = before.shape == after.shape and bool(np.array_equal(before, after))
        self.after = before if self.same else after
        self.same_width = before.shape[1] == after.shape[1]


def side_by_side(before: Survey, after: Survey) -> Sides:
    """Raises UserError when the two surveys were not taken with the same plan."""
    if before.plan_id != after.plan_id:
        raise UserError("The two models were not read on the same texts, words and options: make the comparison again.")
    return Sides(
        before,
        after,
        pair_layers(before, after),
        np.flatnonzero(before.seen_background & after.seen_background),
        np.flatnonzero((before.seen_words > 0) & (after.seen_words > 0)),
        np.flatnonzero(before.seen_uses & after.seen_uses),
        before.seen_texts & after.seen_texts,
    )


def pair_layers(before: Survey, after: Survey) -> tuple[LayerPair, ...]:
    """Layer by layer where both have as many; else only the first and the last, which mean the same in any model."""
    count, other = len(before.layers), len(after.layers)
    if count == other:
        indices = [(i, i) for i in range(count)]
    else:
        indices = [(0, 0), (count - 1, other - 1)]
    names = [(before.layers[i].name, after.layers[j].name) for i, j in indices]
    return tuple(
        LayerPair(one if one == two else f"{one} → {two}", i, j)
        for (one, two), (i, j) in zip(names, indices, strict=True)
    )


def defined(measure: Callable[[], float]) -> tuple[float | None, str | None]:
    """(value, None), or (None, why it is undefined)."""
    try:
        value = float(measure())
    except MeasureError as error:
        return None, str(error)
    return (value, None) if np.isfinite(value) else (None, "Not defined for these data.")


def reading(name: str, pair: Pair, measure: Callable[[Float32[np.ndarray, "n d"]], float]) -> Reading:
    """A reading of each space; equal spaces are measured once, so their numbers are equal to the last bit."""
    before, note = defined(lambda: measure(pair.before))
    after, note_after = (before, note) if pair.same else defined(lambda: measure(pair.after))
    return Reading(name, before=before, after=after, note=note or note_after)
