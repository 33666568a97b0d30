"""What an objective is, and what it takes: examples, material, score, division. Torch-free.

Held-out rows never become training examples, nor do rows that share a text with one, and neither do the selection rows,
which choose the best step so that the held-out ones need not.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Bool, Float32, Int64

from embedlab.errors import TrainingError
from embedlab.training import batches
from embedlab.training.objectives.masking import Masked, Vocabulary, hide
from embedlab.training.pieces import Pieces
from embedlab.types import Corpus, Occurrence, RunConfig

if TYPE_CHECKING:
    from torch import Tensor

    from embedlab.training.trainable import Trainable


@dataclass(frozen=True)
class Examples:
    """Rows an objective learns from or is scored on; row i of every column belongs to uses[i].

    labels: `classes` are the labels. senses: `classes` are the senses and `words` the headwords they belong to.
    pairs, triplets and scored: `partners[i]` is the text related to uses[i]; `negatives[i]` looks alike and is not
    (None: no such text, in pairs alone); `scores[i]` says how alike text and partner are, higher is more.
    """

    uses: tuple[Occurrence, ...]
    classes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    partners: tuple[Occurrence, ...] = ()
    negatives: tuple[Occurrence | None, ...] = ()
    scores: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.uses)

    def take(self, rows: Sequence[int]) -> "Examples":
        def some(column: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(column[i] for i in rows) if column else ()

        columns = (self.uses, self.classes, self.words, self.partners, self.negatives, self.scores)
        return Examples(*map(some, columns))


@dataclass(frozen=True)
class Material:
    """Examples cut into pieces.

    `sides`: what goes through the model for a row, in order: (text,), (text, partner), (text, partner, negative); for
    simcse the text twice. `codes` [n, c]: numbers for what the loss compares: the label, the (word, sense), or a text
    a side, equal texts having equal numbers and a missing one -1. `scores` [n] where pairs are scored.
    `vocabulary` where pieces are hidden.
    """

    examples: Examples
    sides: tuple[Pieces, ...]
    codes: Int64[np.ndarray, "n c"]
    scores: Float32[np.ndarray, "n"] | None = None
    vocabulary: Vocabulary | None = None

    def __len__(self) -> int:
        return len(self.examples)

    @cached_property
    def lengths(self) -> Int64[np.ndarray, "n"]:
        """Pieces that go through the model for each row, over all sides."""
        return np.stack([side.lengths for side in self.sides]).sum(axis=0)

    @property
    def cut(self) -> int:
        """Texts that were longer than is read."""
        return sum({id(side): side.cut for side in self.sides}.values())


@dataclass(frozen=True)
class Score:
    """`value`, higher is better; `parts`: further numbers by name.

    In [0, 1], but for scored pairs: their rank correlation lies in [-1, 1], and below 0 the order is upside down.
    """

    value: float
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Division:
    """The examples of an objective on a corpus: no text of one part is in another."""

    train: Examples
    selection: Examples
    held_out: Examples


@dataclass(frozen=True)
class Objective:
    """One thing to learn.

    `line` says it in one sentence; `needs` names the columns it takes, by their roles. `applies` gives None, or in one
    sentence the reason why a corpus cannot be used. `examples` takes the rows it can use, `epoch` deals them into
    batches. `reads`: a loss on the vectors of texts, on single pieces, or none: words, for a table. `apart`: the loss
    is a mean of terms of single rows, so a batch may be worked off in parts; otherwise rows are compared. `kinds`: of
    the lineage's models that can learn it (see lineage.kinds), () transformers alone, None all.
    """

    name: str
    line: str
    score_name: str
    needs: tuple[str, ...]
    applies: Callable[[Corpus], str | None]
    examples: Callable[[Corpus, Sequence[int]], Examples]
    epoch: Callable[[Material, RunConfig, np.random.Generator], batches.Epoch]
    apart: bool
    reads: Literal["vectors", "tokens", "words"] = "vectors"
    kinds: tuple[str, ...] | None = None

    def fits(self, kind: str | None) -> bool:
        """Whether such a model can learn it: a kind of the lineage, None for a transformer."""
        return self.kinds is None or kind in self.kinds or (kind is None and not self.kinds)

    def loss(
        self,
        model: "Trainable",
        vectors: "tuple[Tensor, ...]",
        material: Material,
        rows: Int64[np.ndarray, "k"],
        config: RunConfig,
    ) -> "Tensor":
        """The loss [nats] of a batch, a scalar; vectors[s][i] is side s of rows[i]."""
        from embedlab.training import losses

        return losses.LOSSES[self.name](model, vectors, material, rows, config)

    def hide(
        self, material: Material, rows: Int64[np.ndarray, "k"], config: RunConfig, rng: np.random.Generator
    ) -> Masked:
        """A batch with some of its pieces hidden (where `reads` is "tokens")."""
        assert material.vocabulary is not None, "material of this objective has a vocabulary"
        return hide(material.sides[0][rows], material.vocabulary, config.mask_share, rng)

    def token_loss(self, model: "Trainable", masked: Masked) -> "Tensor":
        """The SUM over the hidden pieces of the loss [nats], a scalar (where `reads` is "tokens")."""
        from embedlab.training import losses

        return losses.hidden_pieces(model, masked)

    def scores(self, model: "Trainable", known: Material, sides: Sequence[Material]) -> list[Score]:
        """The score of each side; `known` is what the training rows show, for scores that rest on them."""
        from embedlab.training import evaluate

        return evaluate.SCORES[self.name](model, known, sides)

    def split(
        self, corpus: Corpus, held_out: Bool[np.ndarray, "row"], selection: Bool[np.ndarray, "row"] | None = None
    ) -> Division:
        """What is trained on, what chooses, what is scored. Raises TrainingError when there is too little of it.

        A row set aside is so with all its texts, partner and negative among them, whichever objective trains: a row
        that shows the model any of them is not trained on. Where a negative is only one more wrong answer (pairs), a
        row keeps its pair and loses the negative: mined ones are the partners of other rows.
        """
        reason = self.applies(corpus)
        if reason is not None:
            raise TrainingError(f"This corpus cannot be used for {self.name}: {reason}")
        chooses = np.zeros(len(corpus), dtype=bool) if selection is None else selection & ~held_out
        tested = _all_texts(corpus, held_out)
        choosing = [i for i in np.flatnonzero(chooses).tolist() if not tested & self._shown(corpus, i)]
        forbidden = tested | _all_texts(corpus, chooses)
        rows = [i for i in np.flatnonzero(~held_out & ~chooses).tolist() if not forbidden & self._shown(corpus, i)]
        if corpus.negatives is not None:
            unseen = tuple(None if text in forbidden else text for text in corpus.negatives)
            train = self.examples(replace(corpus, negatives=unseen), rows)
        else:
            train = self.examples(corpus, rows)
        test = self.examples(corpus, np.flatnonzero(held_out).tolist())
        for side, what in ((train, "training"), (test, "held-out")):
            if len(side) < 2:
                raise TrainingError(
                    f"After setting rows aside, and those that share a text with them, {len(side)} {what} rows are "
                    "left: give more rows."
                )
        return Division(train, self.examples(corpus, choosing), test)

    def _shown(self, corpus: Corpus, row: int) -> set[str]:
        """The texts of a row that this objective shows to the model."""
        shown = {corpus.texts[row]}
        if "pair" in self.needs:
            shown |= _present(corpus.pairs, row)
        if "negative" in self.needs:
            shown |= _present(corpus.negatives, row)
        return shown


def _all_texts(corpus: Corpus, rows: Bool[np.ndarray, "row"]) -> set[str]:
    found: set[str] = set()
    for i in np.flatnonzero(rows).tolist():
        found |= {corpus.texts[i]} | _present(corpus.pairs, i) | _present(corpus.negatives, i)
    return found


def _present(column: Sequence[str | None] | None, row: int) -> set[str]:
    text = column[row] if column is not None else None
    return {text} if text else set()


def whole(text: str, row: int) -> Occurrence:
    """A whole text as an occurrence."""
    return Occurrence(text, 0, len(text), row=row)


def distinct(items: Iterable[tuple[Any, str]]) -> dict[Any, set[str]]:
    """key -> its distinct texts, keys that are None left out."""
    found: dict[Any, set[str]] = {}
    for key, text in items:
        if key is not None:
            found.setdefault(key, set()).add(text)
    return found


def by_length(material: Material, config: RunConfig, rng: np.random.Generator) -> batches.Epoch:
    """Rows of like length together, where no row is compared with another."""
    return batches.by_length(material.lengths, config.batch_tokens, config.batch_items, rng)


def at_random(material: Material, config: RunConfig, rng: np.random.Generator) -> batches.Epoch:
    """Rows in random company, where they are compared."""
    return batches.at_random(material.lengths, config.batch_tokens, config.batch_items, rng)
