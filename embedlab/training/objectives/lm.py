"""Raw text: say the next word, and where a model reads both ways the word before (Howard & Ruder 2018; ELMo).

Nothing is hidden: every word but the last is asked which one follows it, and a model that reads from the right too asks
every word but the first which one stands before it. Each text starts from a zero state: none is carried from one text
into the next, as programs for running text do, so a run that goes on after a break has no state to find again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int64

from embedlab.training.objectives.base import Examples, Material, Objective, Score, by_length, whole
from embedlab.training.objectives.masking import Masked
from embedlab.types import Corpus, RunConfig

if TYPE_CHECKING:
    from torch import Tensor

    from embedlab.training.trainable import Trainable

FEWEST = 16


@dataclass(frozen=True)
class LanguageModel(Objective):
    """Of its material only the pieces are used."""

    def hide(
        self, material: Material, rows: Int64[np.ndarray, "k"], config: RunConfig, rng: np.random.Generator
    ) -> Masked:
        """Every neighbour is asked for, none by chance."""
        return asked(material, rows)

    def token_loss(self, model: "Trainable", masked: Masked) -> "Tensor":
        from embedlab.training import lm

        return lm.token_loss(model, masked)

    def scores(self, model: "Trainable", known: Material, sides: Sequence[Material]) -> list[Score]:
        from embedlab.training import lm

        return [lm.score(model, known, side) for side in sides]


def asked(material: Material, rows: Int64[np.ndarray, "k"]) -> Masked:
    """Some texts with what follows in them: target[j] is the piece after piece place[j] of text row[j]."""
    texts = material.sides[0][rows]
    counts = np.maximum(texts.lengths - 1, 0)
    row = np.repeat(np.arange(len(rows), dtype=np.int64), counts)
    place = np.arange(len(row), dtype=np.int64) - np.repeat(np.cumsum(counts) - counts, counts)
    return Masked(texts, row, place, np.concatenate([row[:0], *(ids[1:] for ids in texts.ids)]).astype(np.int64))


def applies(corpus: Corpus) -> str | None:
    if len({text for text in corpus.texts if _has_neighbours(text)}) < FEWEST:
        return "at least sixteen different texts of two words or more are needed."
    return None


def examples(corpus: Corpus, rows: Sequence[int]) -> Examples:
    return Examples(tuple(whole(corpus.texts[i], i) for i in rows if _has_neighbours(corpus.texts[i])))


def _has_neighbours(text: str) -> bool:
    return len(text.split(maxsplit=2)) > 1


LM = LanguageModel(
    "lm",
    "Learn the language of the texts word by word: say the next one, and the one before (AWD-LSTM and ELMo alone).",
    "share of words named first",
    ("text",),
    applies,
    examples,
    by_length,
    apart=True,
    reads="tokens",
    kinds=("awd-lstm", "elmo"),
)
