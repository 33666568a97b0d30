"""From a run folder to everything the loop needs: model, tokenizer, examples cut into pieces."""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from embedlab import corpus as corpora
from embedlab.encoders import files, loading
from embedlab.encoders.alignment import PieceReader
from embedlab.encoders.families import longest_input
from embedlab.encoders.info import label_of
from embedlab.errors import TrainingError
from embedlab.training import canary, evaluate
from embedlab.training.canary import Canary
from embedlab.training.division import FEWEST_SELECTION, divide
from embedlab.training.objectives import Examples, Material, Objective, objective
from embedlab.training.pieces import Pieces, read_pieces
from embedlab.training.trainable import Trainable
from embedlab.types import Corpus, Occurrence, Pooling, RunConfig

LONGEST = 512  # pieces a training text may have: attention is quadratic, and the objectives are about sentences


@dataclass(frozen=True)
class Bench:
    """What lies ready before the first step.

    `train`: by objective. The score is that of the last stage's objective, from the first step to the last, on
    `held_out`; on `selection` it chooses the best step (None: too few rows, the last step is kept). `source`: the
    checked folder the model came from. `notes`: what a person should know before the first step.
    """

    config: RunConfig
    model: Trainable
    source: files.ModelFiles
    train: dict[str, Material]
    scored: Objective
    centroids: Material
    held_out: Material
    selection: Material | None
    canary: Canary | None
    counts: dict[str, int]
    notes: tuple[str, ...]


def seed_everything(seed: int) -> None:
    """Every generator from one seed, and only algorithms that give the same sum each time."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    if torch.cuda.is_available():
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)


def lay_out(config: RunConfig, model_folder: Path, corpus_folder: Path, canary_texts: Sequence[str] = ()) -> Bench:
    """Load and check everything. Raises UserError where corpus, model and plan do not fit together."""
    corpus = corpora.load(corpus_folder)
    last = config.stages[-1].objective
    parts = divide(corpus, [stage.objective for stage in config.stages])
    classes = sorted(set(parts["labels"].train.classes)) if "labels" in parts else []

    label = label_of(config.encoder, model_folder)
    source = files.check_folder(model_folder, label)
    reader = loading.open_tokenizer(source, label)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = Trainable(loading.open_model(source, label, device), config.encoder.pooling, classes).to(device)
    model.named_groups()  # a kind that cannot be trained is refused here
    limit = _limit(source, config)

    def material(name: str, examples: Examples) -> Material:
        return prepare(name, examples, classes, reader, config.encoder.pooling, limit)

    train = {name: material(name, part.train) for name, part in parts.items()}
    scored = parts[last]
    chooses = len(scored.selection) > 0
    watch, notes = _watch(model, reader, config, corpus, canary_texts, limit)
    if not chooses:
        notes.append(
            f"Fewer than {FEWEST_SELECTION} rows can be set aside to choose the best step: the last step is kept. The "
            "held-out rows only report."
        )
    return Bench(
        config=config,
        model=model,
        source=source,
        train=train,
        scored=objective(last),
        centroids=material(last, evaluate.sample(scored.train, centroids=True)),
        held_out=material(last, evaluate.sample(scored.held_out, centroids=False)),
        selection=material(last, evaluate.sample(scored.selection, centroids=False)) if chooses else None,
        canary=watch,
        counts={
            "train": len(scored.train),
            "selection": len(scored.selection),
            "held_out": len(scored.held_out),
            "canary": 0 if watch is None else watch.start.texts,
            "cut": sum(m.pieces.cut for m in train.values()),
        },
        notes=tuple(notes),
    )


def _watch(
    model: Trainable, reader: PieceReader, config: RunConfig, corpus: Corpus, texts: Sequence[str], limit: int
) -> tuple[Canary | None, list[str]]:
    """The canary as the start model sees it, and what there is to say about it.

    Made before a checkpoint's weights are loaded, so that a resumed run compares with the same start.
    """
    chosen, notes = canary.texts_to_watch(texts, [*corpus.texts, *(pair for pair in corpus.pairs or () if pair)])
    if not chosen:
        return None, notes
    whole = [Occurrence(text, 0, len(text)) for text in chosen]
    pieces = read_pieces(reader, whole, config.encoder.pooling, min(limit, canary.LONGEST))
    return Canary.of(pieces, evaluate.vectors(model, pieces)), notes


def prepare(
    name: str, examples: Examples, classes: list[str], reader: PieceReader, pooling: Pooling, limit: int
) -> Material:
    """Examples cut into pieces, with a number for what the loss compares: label, (word, sense), or text."""
    pieces = read_pieces(reader, examples.uses, pooling, limit)
    partner_pieces: Pieces | None = None
    if name == "labels":
        number = {c: i for i, c in enumerate(classes)}
        rows = [[number.get(c, -1)] for c in examples.classes]
    elif name == "senses":
        numbers: dict[Any, int] = {}
        keys = zip(examples.words, examples.classes, strict=True)
        rows = [[numbers.setdefault(key, len(numbers))] for key in keys]
    else:
        partner_pieces = read_pieces(reader, examples.partners, pooling, limit)
        numbers = {}
        pairs = zip(examples.uses, examples.partners, strict=True)
        rows = [[numbers.setdefault(use.text, len(numbers)) for use in pair] for pair in pairs]
    return Material(examples, pieces, partner_pieces, np.array(rows, dtype=np.int64))


def _limit(source: files.ModelFiles, config: RunConfig) -> int:
    """How many pieces of a text are read: what the model has places for, what one step may hold, at most LONGEST."""
    limit = min(longest_input(source.config), LONGEST, config.batch_tokens)
    if limit < 8:
        raise TrainingError(f"batch_tokens of {config.batch_tokens} holds no sentence: use 256 or more.")
    return limit
