"""The model states of a verdict at one layer: before, after, and the other seeds of the recipe of after."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32, Int64

from embedlab.comparing.sides import pair_named
from embedlab.corpus import held_out
from embedlab.survey import Survey
from embedlab.surveying.plan import distinct_texts
from embedlab.types import Comparison, Corpus


@dataclass(frozen=True)
class States:
    """What the last layer of a comparison gives of every model state. `place[text]` is its row among whole texts."""

    comparison: Comparison
    before: Survey
    after: Survey
    corpus: Corpus
    replicates: tuple[Survey, ...] = ()

    @cached_property
    def layers(self) -> tuple[int, int]:
        """The last compared layer, as a number in each of the two surveys."""
        pair = pair_named(self.before, self.after, self.comparison.layer_names[-1])
        return pair.before, pair.after

    @property
    def seed(self) -> int:
        return self.comparison.provenance.seed

    @property
    def trained(self) -> tuple[Survey, ...]:
        """The seeds of the recipe: after, then its replicates."""
        return (self.after, *self.replicates)

    @cached_property
    def place(self) -> dict[str, int]:
        return {text: row for row, text in enumerate(distinct_texts(self.corpus)[0])}

    @cached_property
    def held_out(self) -> Bool[np.ndarray, "row"]:
        return held_out(self.corpus)

    @cached_property
    def seen(self) -> Bool[np.ndarray, "whole"]:
        """Which whole texts every model state has a vector of."""
        return np.logical_and.reduce([state.seen_texts for state in (self.before, *self.trained)])

    def whole(self, state: Survey) -> Float32[np.ndarray, "whole d"]:
        """Vectors of all whole texts at the last compared layer; may be mapped from a file."""
        return state.texts[self.layers[0] if state is self.before else self.layers[1]]

    def texts(self, state: Survey, rows: Int64[np.ndarray, "n"]) -> Float32[np.ndarray, "n d"]:
        """Those of some, in the given order."""
        return np.asarray(self.whole(state)[rows])

    def each_text(self, rows: Int64[np.ndarray, "n"]) -> list[Float32[np.ndarray, "n d"]]:
        """`texts` of before, after and every replicate; after is the very array of before where the two are equal."""
        one, two = self.texts(self.before, rows), self.texts(self.after, rows)
        same = one.shape == two.shape and np.array_equal(one, two)
        return [one, one if same else two, *(self.texts(state, rows) for state in self.replicates)]
