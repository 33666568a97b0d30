"""The rungs below EmbedLab: a plain torch loop over padded batches, with one thing after the other done better."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn
from transformers import AutoTokenizer

from benchmarks.train import peers
from benchmarks.train.clock import Clock
from benchmarks.train.work import CLIP, DECAY, RATE, RUNGS, Job, Rows
from embedlab.training import batches
from embedlab.training.pool import Pool
from embedlab.types import Corpus


def rung(job: Job, corpus: Corpus, rows: Rows, clock: Clock) -> None:
    """The rung named by the job, with all that is below it."""
    done = RUNGS.index(job.system)
    plain(job, corpus, rows, clock, fused=done >= 1, hidden_only=done >= 2, grouped=done >= 3)


def by_length(job: Job, lengths: Sequence[int]) -> Iterator[np.ndarray]:
    """Rows of like length together."""
    epoch = 0
    while True:
        rng = batches.generator(job.seed, 0, epoch)
        yield from (b for b in batches.by_length(np.array(lengths), 10**9, job.items, rng) if len(b) == job.items)
        epoch += 1


def plain(job: Job, corpus: Corpus, rows: Rows, clock: Clock, *, fused: bool, hidden_only: bool, grouped: bool) -> None:
    """A loop over padded batches: what everybody writes, and what can be done about it."""
    torch.manual_seed(job.seed)
    tokenizer = AutoTokenizer.from_pretrained(job.start, local_files_only=True)
    every, pad = peers.features(job, corpus, tokenizer), peers.collator(job, tokenizer)
    model = peers.module(job, corpus)
    if hidden_only and job.task == "mlm":
        model = peers.HiddenOnly(model)
    lengths = [sum(len(v) for v in row.values() if isinstance(v, list)) for row in every]
    dealt = by_length(job, lengths) if grouped else iter(rows)
    parts = [
        {"params": [p for p in model.parameters() if (p.ndim > 1) == decays], "weight_decay": DECAY if decays else 0.0}
        for decays in (True, False)
    ]
    adam = torch.optim.AdamW(parts, lr=RATE, fused=fused, foreach=False)
    model.train()
    clock.start()
    for _ in range(job.steps):
        batch = pad([every[i] for i in next(dealt)])
        with Pool(torch.device("cpu")).autocast(job.precision):
            loss = model(**batch)["loss"]
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        adam.step()
        clock.seen(float(loss.detach()), peers.real_tokens(batch))
        clock.tick()
