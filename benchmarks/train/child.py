"""One system in a process of its own: `python -m benchmarks.train.child JOB` (JSON) prints what it measured as JSON."""

import json
import os
import sys

from benchmarks.train.clock import Clock
from benchmarks.train.work import (
    EMBEDLAB,
    EMBEDLAB_OWN,
    SENTENCE_TRANSFORMERS,
    TRANSFORMERS,
    TRANSFORMERS_GROUPED,
    Job,
    Rows,
    corpus,
    order,
)
from embedlab.types import Corpus


def run(job: Job, texts: Corpus, rows: Rows, clock: Clock) -> None:
    """Imports only what the system needs, so that its memory is its own."""
    if job.system == SENTENCE_TRANSFORMERS:
        from benchmarks.train.peers import sentence_transformers

        sentence_transformers(job, texts, rows, clock)
    elif job.system in (TRANSFORMERS, TRANSFORMERS_GROUPED):
        from benchmarks.train.peers import transformers

        transformers(job, texts, rows, clock, grouped=job.system == TRANSFORMERS_GROUPED)
    elif job.system in (EMBEDLAB, EMBEDLAB_OWN):
        from benchmarks.train.own import embedlab

        embedlab(job, texts, rows, clock, grouped=job.system == EMBEDLAB_OWN)
    else:
        from benchmarks.train.ladder import rung

        rung(job, texts, rows, clock)


def main(arguments: list[str]) -> int:
    job = Job(**json.loads(arguments[0]))
    os.environ.update(OMP_NUM_THREADS=str(job.threads), RAYON_NUM_THREADS=str(job.threads), HF_HUB_OFFLINE="1")

    import torch
    from transformers.utils import logging

    logging.set_verbosity_error()
    torch.set_num_threads(job.threads)
    texts, clock = corpus(job.task), Clock()
    rows = order(len(texts), job.steps, job.items, job.seed)
    run(job, texts, rows, clock)
    print(json.dumps(clock.result(job.warm, job.items)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
