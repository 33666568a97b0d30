"""What is trained on: sentences of the bundled corpora joined in runs of one to five, about as long as real texts.

Real English sentences have a mean of 40 pieces and a 95th percentile of 89; the bundled ones alone are even and short.
Torch-free, so that the process that starts the others stays small.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Int64

from embedlab import corpus as corpora
from embedlab import demo
from embedlab.types import Corpus

Task = Literal["labels", "mlm", "pairs"]
TASKS: tuple[Task, ...] = ("labels", "mlm", "pairs")
Rows = Sequence[Int64[np.ndarray, "row"]]
SENTENCE_TRANSFORMERS = "sentence-transformers"
TRANSFORMERS, TRANSFORMERS_GROUPED = "transformers", "transformers, grouped by length"
EMBEDLAB, EMBEDLAB_OWN = "EmbedLab", "EmbedLab, own batches"
RUNGS = ("plain loop", "+ fused AdamW", "+ logits at hidden pieces", "+ grouped by length")

JOINED = (0.40, 0.25, 0.15, 0.10, 0.10)  # how often one, two, ... five sentences make a text
ROWS = {"labels": 1500, "mlm": 1500, "pairs": 600}  # about four tenths of them single sentences, none twice
RATE, TEMPERATURE, HIDDEN = 5e-5, 0.05, 0.15
DECAY, CLIP = 0.01, 1.0


@dataclass(frozen=True)
class Job:
    """What one process measures. `start`: the model folder."""

    system: str
    task: Task
    start: str
    seed: int = 0
    steps: int = 40
    items: int = 32
    warm: int = 3
    threads: int = 2
    precision: Literal["fp32", "bf16"] = "fp32"

    def __post_init__(self) -> None:
        if self.steps <= self.warm:
            raise ValueError("more steps are needed than warm up")


def corpus(task: Task) -> Corpus:
    """Always the same rows. A text of the labels has one topic; a question of several has the answers to all."""
    rng = np.random.default_rng(0)
    path, columns = demo.CORPORA[1 if task == "pairs" else 0]
    source = corpora.read(path, path.name, columns).corpus
    groups: dict[str, list[int]] = {}
    for row in range(len(source)):
        groups.setdefault(str(source.labels[row]) if source.labels else "", []).append(row)
    names, singles = sorted(groups), rng.permutation(len(source)).tolist()
    name_of = {row: name for name, rows in groups.items() for row in rows}
    texts: dict[str, list[int]] = {}
    while len(texts) < ROWS[task]:
        count = int(rng.choice(len(JOINED), p=JOINED)) + 1
        if count == 1 and not singles:
            continue
        chosen = [singles.pop()] if count == 1 else rng.choice(groups[rng.choice(names)], count, replace=False).tolist()
        texts.setdefault(" ".join(source.texts[i] for i in chosen), chosen)
    labels = tuple(name_of[chosen[0]] for chosen in texts.values()) if source.labels else None
    pairs = source.pairs and tuple(" ".join(str(source.pairs[i]) for i in chosen) for chosen in texts.values())
    return Corpus(f"joined-{task}", f"joined {task}", tuple(texts), labels=labels, pairs=pairs or None)


def order(rows: int, steps: int, items: int, seed: int) -> Rows:
    """The rows of every step, in random company: whole epochs one after the other, the same for every system."""
    rng = np.random.default_rng([seed, rows])
    epochs = -(-steps // (rows // items))
    return [
        batch for _ in range(epochs) for batch in rng.permutation(rows)[: rows // items * items].reshape(-1, items)
    ][:steps]
