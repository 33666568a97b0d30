"""A run of the real worker, in this process, on a model of the lineage that was made on the corpus it learns from."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file

from embedlab.lineage import making
from embedlab.store import Store
from embedlab.training import runfolder
from embedlab.types import Corpus, Stage
from tests.training import tiny

TABLE = "embeddings.words.weight"


def made(kind: str, folder: Path, corpus: Corpus, **sizes: Any) -> Path:
    """A small model: 16 numbers a word, unless said otherwise."""
    making.make(kind, folder, corpus.texts, **{"embedding_size": 16, "min_count": 1, **sizes})
    return folder


def run(store: Store, start: Path, corpus: Corpus, *stages: Stage, **settings: Any) -> Path:
    """The folder of a run that has ended well. Raises AssertionError where it did not."""
    torch.set_num_threads(1)
    name = f"run{len(store.entries('runs'))}"
    config = tiny.config(corpus, *stages, **{"warmup": 0.0, "eval_every": 100, **settings})
    folder = store.put("runs", name, name, {}, lambda place: runfolder.write(place, config, start, (), runfolder.ALONE))
    end = tiny.train(folder, store)
    assert end.state == "done", end.message
    return folder


def weights(folder: Path) -> dict[str, np.ndarray]:
    return dict(load_file(folder / "model.safetensors"))
