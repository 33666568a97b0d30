"""What a run can learn: three objectives in one dict. Torch-free, so that the screen can ask what applies.

Each takes its examples from a corpus, makes the batches of an epoch, and knows its loss and its score; the last two
reach torch only when called. Held-out rows never become training examples, nor do rows that share a text with one, and
neither do the selection rows, which choose the best step so that the held-out ones need not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Int64

from embedlab.errors import TrainingError
from embedlab.training import batches
from embedlab.training.pieces import Pieces
from embedlab.types import Corpus, Occurrence, RunConfig

if TYPE_CHECKING:
    from torch import Tensor

    from embedlab.training.trainable import Trainable


@dataclass(frozen=True)
class Examples:
    """Rows an objective learns from or is scored on.

    labels: `classes` are the labels. senses: `classes` are the senses and `words` the headwords they belong to.
    pairs: `partners[i]` is the text related to uses[i].
    """

    uses: tuple[Occurrence, ...]
    classes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    partners: tuple[Occurrence, ...] = ()

    def __len__(self) -> int:
        return len(self.uses)

    def take(self, rows: Sequence[int]) -> "Examples":
        def some(column: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(column[i] for i in rows) if column else ()

        return Examples(some(self.uses), some(self.classes), some(self.words), some(self.partners))


@dataclass(frozen=True)
class Material:
    """Examples cut into pieces. `codes` [n, 1 or 2]: a number for what the loss compares (see `_codes`)."""

    examples: Examples
    pieces: Pieces
    partner_pieces: Pieces | None
    codes: Int64[np.ndarray, "n c"]

    def __len__(self) -> int:
        return len(self.examples)

    @cached_property
    def lengths(self) -> Int64[np.ndarray, "n"]:
        partners = 0 if self.partner_pieces is None else self.partner_pieces.lengths
        return self.pieces.lengths + partners


@dataclass(frozen=True)
class Score:
    """`value` in [0, 1], higher is better; `parts`: further numbers by name."""

    value: float
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Objective:
    """One thing to learn. `applies` gives None, or the reason why a corpus cannot be used."""

    name: str
    line: str
    score_name: str
    applies: Callable[[Corpus], str | None]
    examples: Callable[[Corpus, Sequence[int]], Examples]
    epoch: Callable[[Material, RunConfig, np.random.Generator], batches.Epoch]
    loss: Callable[["Trainable", Material, batches.Batch, RunConfig], "Tensor"]
    scores: Callable[["Trainable", Material, Sequence[Material]], list[Score]]

    def split(
        self, corpus: Corpus, held_out: Bool[np.ndarray, "row"], selection: Bool[np.ndarray, "row"] | None = None
    ) -> "Division":
        """What is trained on, what chooses, what is scored. Raises TrainingError when there is too little of it."""
        reason = self.applies(corpus)
        if reason is not None:
            raise TrainingError(f"This corpus cannot be used for {self.name}: {reason}")
        chooses = np.zeros(len(corpus), dtype=bool) if selection is None else selection & ~held_out
        tested = _texts(self, corpus, held_out)
        choosing = [i for i in np.flatnonzero(chooses).tolist() if not tested & _texts_of(self, corpus, i)]
        forbidden = tested | _texts(self, corpus, chooses)
        rows = [i for i in np.flatnonzero(~held_out & ~chooses).tolist() if not forbidden & _texts_of(self, corpus, i)]
        train, test = self.examples(corpus, rows), self.examples(corpus, np.flatnonzero(held_out).tolist())
        for side, what in ((train, "training"), (test, "held-out")):
            if len(side) < 2:
                raise TrainingError(f"After setting rows aside, {len(side)} {what} rows are left: give more rows.")
        return Division(train, self.examples(corpus, choosing), test)


@dataclass(frozen=True)
class Division:
    """The examples of an objective on a corpus: no text of one part is in another."""

    train: Examples
    selection: Examples
    held_out: Examples


def _texts(objective: Objective, corpus: Corpus, rows: Bool[np.ndarray, "row"]) -> set[str]:
    return {text for i in np.flatnonzero(rows).tolist() for text in _texts_of(objective, corpus, i)}


def _texts_of(objective: Objective, corpus: Corpus, row: int) -> set[str]:
    """The texts a row shows to the model."""
    partner = corpus.pairs[row] if objective.name == "pairs" and corpus.pairs is not None else None
    return {corpus.texts[row]} | ({partner} if partner else set())


def _whole(corpus: Corpus, row: int) -> Occurrence:
    return Occurrence(corpus.texts[row], 0, len(corpus.texts[row]), row=row)


# ---- labels ----------------------------------------------------------------------------------------------------------


def _labels_apply(corpus: Corpus) -> str | None:
    found = _distinct(zip(corpus.labels or (), corpus.texts, strict=False))
    if not found:
        return "it has no label column."
    if sum(len(texts) > 1 for texts in found.values()) < 2:
        return "at least two labels with two different texts each are needed."
    return None


def _labels_examples(corpus: Corpus, rows: Sequence[int]) -> Examples:
    labels = corpus.labels or ()
    rows = [i for i in rows if labels[i] is not None]
    return Examples(tuple(_whole(corpus, i) for i in rows), classes=tuple(str(labels[i]) for i in rows))


def _labels_epoch(material: Material, config: RunConfig, rng: np.random.Generator) -> batches.Epoch:
    return batches.by_length(material.lengths, config.batch_tokens, config.batch_items, rng)


# ---- pairs -----------------------------------------------------------------------------------------------------------


def _pairs_apply(corpus: Corpus) -> str | None:
    found = {(text, pair) for text, pair in zip(corpus.texts, corpus.pairs or (), strict=False) if pair}
    if not found:
        return "it has no column of related texts."
    return "at least eight different pairs are needed." if len(found) < 8 else None


def _pairs_examples(corpus: Corpus, rows: Sequence[int]) -> Examples:
    pairs = corpus.pairs or ()
    rows = [i for i in rows if pairs[i]]
    partners = tuple(Occurrence(str(pairs[i]), 0, len(str(pairs[i])), row=i) for i in rows)
    return Examples(tuple(_whole(corpus, i) for i in rows), partners=partners)


def _pairs_epoch(material: Material, config: RunConfig, rng: np.random.Generator) -> batches.Epoch:
    return batches.at_random(material.lengths, config.batch_tokens, config.batch_items, rng)


# ---- senses ----------------------------------------------------------------------------------------------------------


def _senses_apply(corpus: Corpus) -> str | None:
    marked = [(t, text) for t, text in zip(corpus.targets or (), corpus.texts, strict=False) if t and t.sense]
    if not marked:
        return "it has no target words with senses."
    found = _distinct(((t.word, str(t.sense)), text) for t, text in marked)
    words = [word for (word, _), texts in found.items() if len(texts) >= 3]
    if not any(words.count(word) >= 2 for word in set(words)):
        return "at least one word needs two senses with three different texts each."
    return None


def _senses_examples(corpus: Corpus, rows: Sequence[int]) -> Examples:
    uses = []
    for i in rows:
        target = (corpus.targets or ())[i]
        if target is not None and target.sense:
            uses.append(Occurrence(corpus.texts[i], target.start, target.end, target.sense, target.word, i))
    return Examples(tuple(uses), tuple(str(use.sense) for use in uses), tuple(str(use.word) for use in uses))


def _senses_epoch(material: Material, config: RunConfig, rng: np.random.Generator) -> batches.Epoch:
    examples = material.examples
    lengths = material.lengths
    epoch = batches.by_sense(examples.words, examples.classes, lengths, config.batch_tokens, config.batch_items, rng)
    if not epoch:
        raise TrainingError("No word keeps two senses with two training rows each: give more rows or fewer held out.")
    return epoch


def _distinct(items: Any) -> dict[Any, set[str]]:
    """key -> its distinct texts, keys that are None left out."""
    found: dict[Any, set[str]] = {}
    for key, text in items:
        if key is not None:
            found.setdefault(key, set()).add(text)
    return found


# ---- what needs torch ------------------------------------------------------------------------------------------------


def _loss(name: str) -> Callable[["Trainable", Material, batches.Batch, RunConfig], "Tensor"]:
    def loss(model: "Trainable", material: Material, rows: batches.Batch, config: RunConfig) -> "Tensor":
        from embedlab.training import losses

        return losses.LOSSES[name](model, material, rows, config.temperature)

    return loss


def _scores(name: str) -> Callable[["Trainable", Material, Sequence[Material]], list[Score]]:
    def scores(model: "Trainable", train: Material, sides: Sequence[Material]) -> list[Score]:
        from embedlab.training import evaluate

        return evaluate.SCORES[name](model, train, sides)

    return scores


OBJECTIVES: dict[str, Objective] = {
    "labels": Objective(
        "labels",
        "Tell labels apart: texts with the same label move together, through a classifier on their mean vector.",
        "macro-F1 of the nearest label centroid",
        _labels_apply,
        _labels_examples,
        _labels_epoch,
        _loss("labels"),
        _scores("labels"),
    ),
    "pairs": Objective(
        "pairs",
        "Bring related texts together: of all partners in a batch, each text must find its own.",
        "mean reciprocal rank of the right partner",
        _pairs_apply,
        _pairs_examples,
        _pairs_epoch,
        _loss("pairs"),
        _scores("pairs"),
    ),
    "senses": Objective(
        "senses",
        "Separate the senses of a word: uses of one sense move together, other senses and other words apart.",
        "macro-F1 of the nearest sense centroid, mean over words",
        _senses_apply,
        _senses_examples,
        _senses_epoch,
        _loss("senses"),
        _scores("senses"),
    ),
}


def objective(name: str) -> Objective:
    """An objective by name. Raises TrainingError naming those there are."""
    if name not in OBJECTIVES:
        raise TrainingError(f"There is no objective {name!r}: choose one of {', '.join(OBJECTIVES)}.")
    return OBJECTIVES[name]
