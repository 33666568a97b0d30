"""Say the text in the words of its partner: the task that CoVe's encoder learned from (McCann et al. 2017)."""

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
class Translation(Objective):
    """`sides` of its material: the text as the model reads it, the partner as words of its own language."""

    def hide(
        self, material: Material, rows: Int64[np.ndarray, "k"], config: RunConfig, rng: np.random.Generator
    ) -> Masked:
        """Every word of the partners is asked for, none by chance: `pieces` are the texts, `target` the words."""
        return asked(material, rows)

    def token_loss(self, model: "Trainable", masked: Masked) -> "Tensor":
        from embedlab.training import translation

        return translation.token_loss(model, masked)

    def scores(self, model: "Trainable", known: Material, sides: Sequence[Material]) -> list[Score]:
        from embedlab.training import translation

        return [translation.score(model, known, side) for side in sides]


def asked(material: Material, rows: Int64[np.ndarray, "k"]) -> Masked:
    """Texts with the words of their partners: target[j] is word place[j] of the partner of text row[j]."""
    texts, partners = material.sides[0][rows], material.sides[1][rows]
    lengths = partners.lengths
    row = np.repeat(np.arange(len(rows), dtype=np.int64), lengths)
    place = np.arange(len(row), dtype=np.int64) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return Masked(texts, row, place, np.concatenate([*partners.ids, row[:0]]).astype(np.int64))


def applies(corpus: Corpus) -> str | None:
    found = {(text, pair) for text, pair in zip(corpus.texts, corpus.pairs or (), strict=False) if pair}
    if not found:
        return "it has no column of translations: give them as the column of pairs."
    scores = {s for s, pair in zip(corpus.scores or (), corpus.pairs or (), strict=False) if pair and s is not None}
    if len(scores) > 1:
        return "its pairs have unlike scores, so not all of them are translations."
    return "at least sixteen different pairs are needed." if len(found) < FEWEST else None


def examples(corpus: Corpus, rows: Sequence[int]) -> Examples:
    pairs = corpus.pairs or ()
    rows = [i for i in rows if pairs[i]]
    return Examples(
        tuple(whole(corpus.texts[i], i) for i in rows),
        partners=tuple(whole(str(pairs[i]), i) for i in rows),
    )


TRANSLATION = Translation(
    "translation",
    "Translate: a decoder must say each text's partner word by word from the vectors of the text (CoVe alone).",
    "share of words of the translation named first",
    ("text", "pair"),
    applies,
    examples,
    by_length,
    apart=True,
    reads="tokens",
    kinds=("cove",),
)
