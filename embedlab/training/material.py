"""From examples to material: texts cut into the pieces a model reads, and numbers for what a loss compares."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from embedlab.encoders import files, loading
from embedlab.encoders.alignment import PieceReader
from embedlab.encoders.families import longest_input
from embedlab.errors import TrainingError
from embedlab.training import translation
from embedlab.training.objectives import Examples, Material, Vocabulary, simcse
from embedlab.training.pieces import Pieces, read_pieces
from embedlab.training.trainable import Trainable
from embedlab.training.translation import Target
from embedlab.types import Occurrence, Pooling, RunConfig

FEWEST_PIECES = 8  # of a text that a step must have room for


@dataclass(frozen=True)
class Cutter:
    """Cuts the examples of every objective alike: with one tokenizer, one limit of pieces, one pooling.

    `classes`: the labels in the order of the head. `vocabulary`: where pieces are hidden. `target`: the language that
    partners are cut in where they are translations.
    """

    reader: PieceReader
    pooling: Pooling
    limit: int
    classes: tuple[str, ...] = ()
    vocabulary: Vocabulary | None = None
    target: Target | None = None

    def learned(self, name: str, examples: Examples) -> Material:
        """What an objective learns from. Raises TrainingError for a row that it cannot read."""
        if name == "translation":
            assert self.target is not None, "translations have a language"
            return translation.learned(examples, self._read(examples.uses), self.target, self.limit)
        sides = self._sides(examples)
        if name == "labels":
            number = {c: i for i, c in enumerate(self.classes)}
            codes = [[number.get(c, -1)] for c in examples.classes]
        elif name == "senses":
            codes = _numbered([(key,) for key in zip(examples.words, examples.classes, strict=True)])
        else:
            columns = [column for column in (examples.uses, examples.partners, examples.negatives) if column]
            texts = [[use and use.text for use in row] for row in zip(*columns, strict=True)]
            codes = _numbered(texts)
        if name == "mlm":
            self._require_something_to_hide(examples, sides[0])
        return Material(
            examples,
            sides * 2 if name == "simcse" else sides,
            np.array(codes, dtype=np.int64),
            np.array(examples.scores, dtype=np.float32) if examples.scores else None,
            self.vocabulary if name == "mlm" else None,
        )

    def asked(self, name: str, examples: Examples) -> Material:
        """What the score of an objective asks: as `learned`, but for simcse, which is asked for the other half."""
        return self.learned("pairs", simcse.asked(examples)) if name == "simcse" else self.learned(name, examples)

    def _sides(self, examples: Examples) -> tuple[Pieces, ...]:
        sides = [self._read(examples.uses)]
        if examples.partners:
            sides.append(self._read(examples.partners))
        if examples.negatives:
            # in the place of a missing one stands the first letter of the text, which the loss masks out
            instead = (
                hard or replace(use, text=use.text.strip()[0], start=0, end=1, sense=None, word=None)
                for hard, use in zip(examples.negatives, examples.uses, strict=True)
            )
            sides.append(self._read(tuple(instead)))
        return tuple(sides)

    def _read(self, uses: Sequence[Occurrence]) -> Pieces:
        return read_pieces(self.reader, uses, self.pooling, self.limit)

    def _require_something_to_hide(self, examples: Examples, pieces: Pieces) -> None:
        special = len(self.reader.prefix) + len(self.reader.suffix)
        empty = np.flatnonzero(pieces.lengths <= special)
        if len(empty):
            row = examples.uses[int(empty[0])].row
            raise TrainingError(
                f"Row {(row if row is not None else int(empty[0])) + 1} has no characters this model can read, so "
                "nothing of it can be hidden: remove it."
            )


def _numbered(rows: Iterable[Iterable[Any]]) -> list[list[int]]:
    """The same number for the same thing, -1 for None."""
    numbers: dict[Any, int] = {}
    return [[-1 if key is None else numbers.setdefault(key, len(numbers)) for key in row] for row in rows]


def limit(source: files.ModelFiles, config: RunConfig) -> int:
    """How many pieces of a text are read: what the model has places for, what is asked for, what one step may hold."""
    found = min(longest_input(source.config), config.longest, config.batch_tokens)
    if found < FEWEST_PIECES:
        raise TrainingError(
            f"With longest {config.longest} and batch_tokens {config.batch_tokens} no sentence can be read: "
            f"use {FEWEST_PIECES} or more, better 256."
        )
    return found


def vocabulary(source: files.ModelFiles, label: str, reader: PieceReader) -> Vocabulary:
    """What hiding pieces takes. Raises TrainingError for a model that has no mask."""
    from transformers import AutoTokenizer

    with loading.staged(source, label) as folder:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if tokenizer.mask_token_id is None:
        raise TrainingError(
            f"The tokenizer of {label} has no mask, so no piece can be hidden: for mlm choose a model of BERT's kind."
        )
    special = tuple(sorted(int(i) for i in tokenizer.all_special_ids))
    before, after = len(reader.prefix), len(reader.suffix)
    return Vocabulary(int(tokenizer.mask_token_id), len(tokenizer), special, before, after)


def require_dropout(model: Trainable, material: Material) -> None:
    """SimCSE tells two views of a text apart by dropout alone. Raises TrainingError where a model has none."""
    rows = np.zeros(1, dtype=np.int64)
    was = model.training
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        model.train()
        one, other = model.vectors(material.sides[0][rows]), model.vectors(material.sides[1][rows])
    model.train(was)
    if torch.equal(one, other):
        raise TrainingError(
            "This model has no dropout, so the two views of a text that simcse compares are the same: choose mlm, or a "
            "model with dropout in its config.json (hidden_dropout_prob, 0.1 in BERT)."
        )
