"""EmbedLab's side: the step of a run, on the same rows as the peers or on batches dealt by the objective itself."""

from pathlib import Path

import torch
from torch import nn

from benchmarks.train.clock import Clock
from benchmarks.train.work import CLIP, DECAY, HIDDEN, RATE, TEMPERATURE, Job, Rows
from embedlab.encoders import files, loading
from embedlab.training import batches, freezing
from embedlab.training.engine import Engine
from embedlab.training.material import Cutter, vocabulary
from embedlab.training.mlm import open_head
from embedlab.training.objectives import Material, objective
from embedlab.training.pool import Pool
from embedlab.training.trainable import Trainable
from embedlab.types import Corpus, EncoderSpec, RunConfig, Stage

LONGEST = 256  # pieces: what sentence-transformers reads with this model; no text of the corpus is longer


def settings(job: Job) -> RunConfig:
    """The batch is capped by rows, as the peers' is."""
    return RunConfig(
        "bench",
        EncoderSpec("builtin"),
        (Stage(job.steps, {"*": RATE}, "constant", job.task),),
        seed=job.seed,
        batch_tokens=10**9,
        batch_items=job.items,
        precision=job.precision,
        weight_decay=DECAY,
        max_grad_norm=CLIP,
        temperature=TEMPERATURE,
        mask_share=HIDDEN,
        longest=LONGEST,
    )


def open_start(job: Job, corpus: Corpus, device: str = "cpu") -> tuple[Trainable, Material]:
    """The start model and the corpus cut into pieces, as a run of EmbedLab has them."""
    source = files.check_folder(Path(job.start))
    reader = loading.open_tokenizer(source, "start")
    goal = objective(job.task)
    examples = goal.examples(corpus, range(len(corpus)))
    classes = tuple(sorted(set(examples.classes)))
    encoder = loading.open_model(source, "start", device)
    head = open_head(source, encoder)[0] if job.task == "mlm" else None
    model = Trainable(encoder, "mean", classes, mlm=head).to(device)
    words = vocabulary(source, "start", reader) if job.task == "mlm" else None
    return model, Cutter(reader, "mean", LONGEST, classes, words).learned(job.task, examples)


def embedlab(job: Job, corpus: Corpus, rows: Rows, clock: Clock, grouped: bool = False) -> None:
    """The step of a run. `grouped`: the objective deals the batches itself, as it does in a run."""
    config, goal, pool = settings(job), objective(job.task), Pool(torch.device("cpu"))
    model, material = open_start(job, corpus)
    chosen = freezing.apply(model, config.stages[0])
    adam = freezing.optimiser(model, chosen, config.weight_decay)
    engine = Engine(model, config, pool)
    at = batches.walk(lambda epoch: goal.epoch(material, config, batches.generator(job.seed, 0, epoch)))
    dealt = (at(step) for step in range(job.steps)) if grouped else iter(rows)
    model.train()
    clock.start()
    for step, batch in enumerate(dealt):
        loss, tokens = engine.gradients(goal, material, [batch], (job.seed, 0, step))
        nn.utils.clip_grad_norm_([p for part in adam.param_groups for p in part["params"]], config.max_grad_norm)
        adam.step()
        clock.seen(loss, tokens)
        clock.tick()
