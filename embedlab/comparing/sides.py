"""Two surveys side by side: which layers, rows, words and uses can be compared, and what was left out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64

from embedlab.errors import MeasureError, UserError
from embedlab.survey import Survey, Vectors
from embedlab.types import Reading

LayerChoice = int | tuple[int, int]  # a layer of a comparison by number, or one of before with one of after


@dataclass(frozen=True)
class LayerPair:
    name: str
    before: int
    after: int


@dataclass(frozen=True)
class Sides:
    """What all models have seen: rows of the background, texts, words and uses, as indices into the surveys.

    `replicates`: other seeds of the recipe that made `after`.
    """

    before: Survey
    after: Survey
    layers: tuple[LayerPair, ...]
    background: Int64[np.ndarray, "row"]
    words: Int64[np.ndarray, "word"]
    uses: Int64[np.ndarray, "use"]
    whole: Bool[np.ndarray, "whole"]
    replicates: tuple[Survey, ...] = ()

    def pair(self, field: str, layer: LayerPair, rows: Int64[np.ndarray, "n"]) -> "Pair":
        """The same rows of both: `field` is word_means, background, uses or texts."""
        return rows_of(self.before, self.after, field, layer, rows)


class Pair:
    """Two matrices with the same rows. `same`: equal bit by bit, so that no number may differ."""

    def __init__(self, before: Float32[np.ndarray, "n d"], after: Float32[np.ndarray, "n e"]) -> None:
        self.before = before
        self.same = before.shape == after.shape and bool(np.array_equal(before, after))
        self.after = before if self.same else after
        self.same_width = before.shape[1] == after.shape[1]


def rows_of(before: Vectors, after: Vectors, field: str, layer: LayerPair, rows: Int64[np.ndarray, "n"]) -> "Pair":
    """The same rows of both: `field` is word_means, uses or texts."""
    x = np.asarray(getattr(before, field)[layer.before][rows])
    return Pair(x, np.asarray(getattr(after, field)[layer.after][rows]))


def side_by_side(
    before: Survey,
    after: Survey,
    replicates: Sequence[Survey] = (),
    layers: Sequence[LayerChoice] | None = None,
) -> Sides:
    """What is common to all of them. `layers`: see `pair_layers`.

    Raises UserError for unlike plans, replicates that cannot be of the recipe, or a layer that is not there.
    """
    models = (before, after, *replicates)
    if any(model.plan_id != before.plan_id for model in models):
        raise UserError("The models were not read on the same texts, words and options: make the comparison again.")
    _check_replicates(after, replicates)
    return Sides(
        before,
        after,
        pair_layers(before, after, layers),
        np.flatnonzero(np.all([model.seen_background for model in models], axis=0)),
        np.flatnonzero(np.all([model.seen_words > 0 for model in models], axis=0)),
        np.flatnonzero(np.all([model.seen_uses for model in models], axis=0)),
        np.all([model.seen_texts for model in models], axis=0),
        tuple(replicates),
    )


def _check_replicates(after: Survey, replicates: Sequence[Survey]) -> None:
    weights = [after.fingerprint]
    for replicate in replicates:
        if replicate.layers != after.layers:
            raise UserError(
                f"The replicate {replicate.encoder.source} has other layers than {after.encoder.source}: give runs of "
                "the same recipe that differ in the seed alone."
            )
        if replicate.fingerprint in weights:
            raise UserError(
                f"The replicate {replicate.encoder.source} has the same weights as another seed, so it says nothing "
                "about noise: give runs of the same recipe with different seeds."
            )
        weights.append(replicate.fingerprint)


def pair_layers(before: Survey, after: Survey, asked: Sequence[LayerChoice] | None = None) -> tuple[LayerPair, ...]:
    """Layer by layer where both have as many; else only the first and the last, which mean the same in any model.

    `asked`: only these of them, by number; or any layer of before with any of after, as (2, 6).
    Raises UserError for a layer that is not there.
    """
    count, other = len(before.layers), len(after.layers)
    usual = [(i, i) for i in range(count)] if count == other else [(0, 0), (count - 1, other - 1)]
    chosen = [_chosen(layer, usual, count, other) for layer in asked or range(len(usual))]
    return tuple(_named(before, after, i, j) for i, j in sorted(set(chosen)))


def _chosen(layer: LayerChoice, usual: Sequence[tuple[int, int]], count: int, other: int) -> tuple[int, int]:
    if isinstance(layer, int):
        if not 0 <= layer < len(usual):
            raise UserError(f"--layers names layer {layer}, but the layers compared are 0 to {len(usual) - 1}.")
        return usual[layer]
    i, j = layer
    if not (0 <= i < count and 0 <= j < other):
        raise UserError(
            f"--layers pairs layer {i} of before with layer {j} of after, but they have the layers 0 to {count - 1} "
            f"and 0 to {other - 1}."
        )
    return i, j


def _named(before: Vectors, after: Vectors, i: int, j: int) -> LayerPair:
    one, two = before.layers[i].name, after.layers[j].name
    return LayerPair(one if one == two else f"{one} → {two}", i, j)


def pair_named(before: Vectors, after: Vectors, name: str) -> LayerPair:
    """The pair of layers that a comparison of the two has under a name; both must hold it."""
    pairs = (_named(before, after, i, j) for i in range(len(before.layers)) for j in range(len(after.layers)))
    return next(pair for pair in pairs if pair.name == name)


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
