"""From a run folder to everything the loop needs: model, tokenizer, examples cut into pieces."""

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from embedlab import corpus as corpora
from embedlab.encoders import files, loading
from embedlab.encoders.alignment import PieceReader
from embedlab.encoders.info import label_of
from embedlab.training import canary, evaluate, material
from embedlab.training.canary import Canary
from embedlab.training.checkpoint import Moving
from embedlab.training.division import FEWEST_SELECTION, divide
from embedlab.training.heads import Heads, open_heads
from embedlab.training.objectives import Examples, Material, Objective, objective
from embedlab.training.pieces import read_pieces
from embedlab.training.plans import stage_rates
from embedlab.training.pool import Pool
from embedlab.training.trainable import Trainable
from embedlab.training.translation import Target
from embedlab.types import Corpus, Occurrence, RunConfig


@dataclass(frozen=True)
class Bench:
    """What lies ready before the first step.

    `train`: by objective. The score is that of the last stage's objective, from the first step to the last, on
    `held_out`; on `selection` it chooses the best step (None: too few rows, the last step is kept). `start`: the folder
    the model came from, `source` the part of it that passed the checks; `moving` what of the model the plan trains.
    `notes`: what a person should know before the first step.
    """

    config: RunConfig
    pool: Pool
    model: Trainable
    start: Path
    source: files.ModelFiles
    moving: Moving
    train: dict[str, Material]
    scored: Objective
    centroids: Material
    held_out: Material
    selection: Material | None
    canary: Canary | None
    counts: dict[str, int]
    notes: tuple[str, ...]

    @property
    def parameters(self) -> int:
        """Of the encoder, which is what a frame holds."""
        return sum(p.numel() for p in self.model.encoder.parameters())


def seed_everything(seed: int) -> None:
    """Every generator from one seed, and only algorithms that give the same sum each time."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    if torch.cuda.is_available():
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)


def lay_out(
    config: RunConfig,
    model_folder: Path,
    corpus_folder: Path,
    canary_texts: Sequence[str] = (),
    pool: Pool | None = None,
) -> Bench:
    """Load and check everything. Raises UserError where corpus, model and plan do not fit together."""
    pool = pool or Pool.join()
    corpus = corpora.load(corpus_folder)
    names = list(dict.fromkeys(stage.objective for stage in config.stages))
    last = config.stages[-1].objective
    parts = divide(corpus, [stage.objective for stage in config.stages])
    classes = tuple(sorted(set(parts["labels"].train.classes))) if "labels" in parts else ()

    label = label_of(config.encoder, model_folder)
    source = files.check_folder(model_folder, label)
    reader = loading.open_tokenizer(source, label)
    target = Target.of(parts["translation"].train) if "translation" in parts else None
    learnt = {name: part.train for name, part in parts.items()}
    model, heads = _model(config, source, label, reader, learnt, target, classes)
    model.to(pool.device)
    for stage in config.stages:  # a plan that does not fit this model is refused here, not at its third stage
        stage_rates(stage, list(model.named_groups()))
    vocabulary = material.vocabulary(source, label, reader) if "mlm" in names else None
    limit = material.limit(source, config)
    cutter = material.Cutter(reader, config.encoder.pooling, limit, classes, vocabulary, target)
    train = {name: cutter.learned(name, part.train) for name, part in parts.items()}
    if "simcse" in names:
        material.require_dropout(model, train["simcse"])
    heads.fit(model, train)

    scored = parts[last]
    chooses = len(scored.selection) > 0
    watch, notes = _watch(model, reader, config, corpus, canary_texts, limit)
    notes += heads.notes
    if not chooses:
        notes.append(
            f"Fewer than {FEWEST_SELECTION} rows can be set aside to choose the best step: the last step is kept. The "
            "held-out rows only report."
        )
    if not chooses and config.patience:
        notes.append("Patience has no score to go by: the run goes on to the end of its plan.")
    return Bench(
        config=config,
        pool=pool,
        model=model,
        start=model_folder,
        source=source,
        moving=Moving.of(model, config),
        train=train,
        scored=objective(last),
        centroids=cutter.asked(last, evaluate.sample(scored.train, centroids=True)),
        held_out=cutter.asked(last, evaluate.sample(scored.held_out, centroids=False)),
        selection=cutter.asked(last, evaluate.sample(scored.selection, centroids=False)) if chooses else None,
        canary=watch,
        counts={
            "train": len(scored.train),
            "selection": len(scored.selection),
            "held_out": len(scored.held_out),
            "canary": 0 if watch is None else watch.start.texts,
            "cut": sum(one.cut for one in train.values()),
        },
        notes=tuple(notes),
    )


def _model(
    config: RunConfig,
    source: files.ModelFiles,
    label: str,
    reader: PieceReader,
    learnt: Mapping[str, Examples],
    target: Target | None,
    classes: tuple[str, ...],
) -> tuple[Trainable, Heads]:
    """The start model with the heads and adapters its plan takes."""
    encoder = loading.open_model(source, label, "cpu")
    heads = open_heads(encoder, source, label, reader, learnt, target)
    pooling, lora = config.encoder.pooling, config.lora
    model = Trainable(encoder, pooling, classes, mlm=heads.mlm, lm=heads.lm, decoder=heads.decoder, lora=lora)
    return model, heads


def _watch(
    model: Trainable, reader: PieceReader, config: RunConfig, corpus: Corpus, texts: Sequence[str], limit: int
) -> tuple[Canary | None, list[str]]:
    """The canary as the start model sees it, and what there is to say about it.

    Made before a checkpoint's weights are loaded, so that a resumed run compares with the same start.
    """
    known = (column for column in (corpus.texts, corpus.pairs, corpus.negatives) if column is not None)
    chosen, notes = canary.texts_to_watch(texts, [text for column in known for text in column if text])
    if not chosen:
        return None, notes
    whole = [Occurrence(text, 0, len(text)) for text in chosen]
    pieces = read_pieces(reader, whole, config.encoder.pooling, min(limit, canary.LONGEST))
    return Canary.of(pieces, evaluate.vectors(model, pieces)), notes
