"""Another state of a model folder: the same config and tokenizer, every weight a little elsewhere."""

import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file


def tuned(folder: Path, to: Path, seed: int = 1, share: float = 0.3) -> Path:
    """Each weight gets normal noise of `share` of its tensor's spread, as if it had been trained on."""
    shutil.copytree(folder, to)
    rng = np.random.default_rng(seed)
    weights = load_file(to / "model.safetensors")
    moved = {
        name: (array + share * array.std() * rng.standard_normal(array.shape)).astype(array.dtype)
        if array.dtype == np.float32
        else array
        for name, array in sorted(weights.items())
    }
    save_file(moved, to / "model.safetensors", metadata={"format": "pt"})
    return to
