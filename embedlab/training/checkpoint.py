"""Everything a run needs to go on as if it had never stopped, in one sealed folder per checkpoint.

    weights.safetensors    every parameter
    optimiser.safetensors  Adam's two averages and its count, for the parameters now trained
    random.safetensors     the states of torch's generators
    state.json             step, best step and scores, clock, threads; numpy's and Python's random states

The place in the data and in the schedule follows from the step, so it needs no saving. Nothing is pickled.
"""

import random
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from embedlab.errors import StoreError
from embedlab.store import open_verified, read_json, sealed_folder, write_json
from embedlab.training.freezing import trained
from embedlab.training.trainable import Trainable

KEEP = 2  # the newest, and one before it for the day the newest is damaged; the best besides


@dataclass
class Progress:
    """How far a run is.

    `best_step`: the evaluated step that is kept: the latest whose score on the selection rows is within one standard
    error of `top_selection`, the best of them (the last one where there are no such rows), 0 while there is none after
    step 0; `best_selection` its score, `best_score` the held-out score there.
    `alarms`: what the canary said at the last evaluation.
    """

    step: int = 0
    elapsed_s: float = 0.0
    tokens: int = 0
    score_before: float | None = None
    score: float | None = None
    best_step: int = 0
    best_score: float | None = None
    best_selection: float | None = None
    top_selection: float | None = None
    alarms: list[str] = field(default_factory=list)
    loss: float | None = None
    tokens_per_s: float | None = None
    threads: int = field(default_factory=torch.get_num_threads)  # another number of threads sums in another order


def place(checkpoints: Path, step: int) -> Path:
    return checkpoints / f"step_{step:06d}"


def size(model: Trainable) -> int:
    """Bytes of one checkpoint: four a parameter, and eight more for each that is trained."""
    return sum(4 * p.numel() * (3 if p.requires_grad else 1) for p in model.parameters())


def save(checkpoints: Path, model: Trainable, adam: torch.optim.Optimizer, progress: Progress) -> Path:
    """Write a checkpoint, whole or not at all. Raises StoreError when the disk is full; earlier ones stay."""
    destination = place(checkpoints, progress.step)
    memory = {}
    for name, parameter in trained(model).items():
        for key, value in adam.state.get(parameter, {}).items():
            memory[f"{key}/{name}"] = torch.as_tensor(value).detach().cpu().contiguous()
    with sealed_folder(destination, needed=size(model)) as folder:
        weights = {name: p.detach().cpu().contiguous() for name, p in model.named_parameters()}
        save_tensors(weights, folder / "weights.safetensors")
        save_tensors(memory, folder / "optimiser.safetensors")
        save_tensors(_torch_random(), folder / "random.safetensors")
        write_json(folder / "state.json", {**asdict(progress), "random": _other_random()})
    return destination


def save_tensors(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """A safetensors file in a folder that is about to be sealed. Raises StoreError when it cannot be written."""
    try:
        save_file(dict(tensors), path)
    except SafetensorError as error:  # how the library reports a full disk
        raise StoreError(f"Could not write {path.name}: the disk is full or failing. Nothing was changed.") from error


def newest(checkpoints: Path) -> Iterator[tuple[Path, StoreError | None]]:
    """Checkpoints from the newest on, each with the reason why it cannot be used, or None."""
    for folder in _in_place(checkpoints):
        yield folder, verify(folder)


def verify(folder: Path) -> StoreError | None:
    """Why a checkpoint cannot be used: missing, unfinished or damaged. None when it can."""
    try:
        for name in ("weights.safetensors", "optimiser.safetensors", "random.safetensors", "state.json"):
            open_verified(folder, name)
        read_json(folder, "state.json")["step"]
    except (StoreError, KeyError, ValueError, TypeError) as error:
        return error if isinstance(error, StoreError) else StoreError(f"{folder.name} holds a state that is none.")
    return None


def read_progress(folder: Path) -> Progress:
    state = read_json(folder, "state.json")
    return Progress(**{key: value for key, value in state.items() if key != "random"})


def load_weights(folder: Path, model: Trainable) -> None:
    """Put a checkpoint's weights into a model of the same shape. Raises StoreError when they do not fit."""
    weights = load_file(open_verified(folder, "weights.safetensors"))
    parameters = dict(model.named_parameters())
    if {name: p.shape for name, p in parameters.items()} != {name: w.shape for name, w in weights.items()}:
        raise StoreError(f"{folder.name} belongs to another model. Start a new run.")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(weights[name])


def load_optimiser(folder: Path, model: Trainable, adam: torch.optim.Optimizer) -> None:
    """Give the optimiser its memory back."""
    memory = load_file(open_verified(folder, "optimiser.safetensors"))
    parameters = trained(model)
    for key, value in memory.items():
        kind, name = key.split("/", 1)
        parameter = parameters[name]
        # a copy of its own: what load_file gives may lie in the file, unaligned
        adam.state[parameter][kind] = value.clone().to(parameter.device)


def load_random(folder: Path) -> None:
    """Set every generator as it was."""
    states = load_file(open_verified(folder, "random.safetensors"))
    torch.set_rng_state(states["cpu"].clone())
    for i in range(torch.cuda.device_count()):
        if f"cuda.{i}" in states:
            torch.cuda.set_rng_state(states[f"cuda.{i}"].clone(), i)
    other = read_json(folder, "state.json")["random"]
    version, inner, gauss = other["python"]
    random.setstate((version, tuple(inner), gauss))
    kind, keys, position, has_gauss, cached = other["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), position, has_gauss, cached))  # noqa: NPY002


def prune(checkpoints: Path) -> None:
    """Keep the newest two and what each of them calls the best; each of the others goes by rename first.

    Both bests: should the newest turn out damaged, the one before it still finds the weights it would hand over.
    """
    folders = _in_place(checkpoints)
    keep = set(folders[:KEEP])
    for folder in folders[:KEEP]:
        try:
            keep.add(place(checkpoints, read_progress(folder).best_step))
        except (StoreError, ValueError, TypeError):
            continue
    for leftover in [*checkpoints.glob(".tmp-*"), *checkpoints.glob(".trash-*")]:
        shutil.rmtree(leftover, ignore_errors=True)
    for folder in set(folders) - keep:
        trash = Path(tempfile.mkdtemp(dir=checkpoints, prefix=".trash-"))
        folder.rename(trash / folder.name)
        shutil.rmtree(trash, ignore_errors=True)


def refuse(folder: Path) -> None:
    """Out of the way, not away: a checkpoint of a newer version is refused too, and is worth keeping."""
    aside = folder.with_name(f"refused_{folder.name}")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)


def _in_place(checkpoints: Path) -> list[Path]:
    """The checkpoints there are, newest first."""
    return sorted(checkpoints.glob("step_*"), key=lambda folder: int(folder.name[5:]), reverse=True)


def _torch_random() -> dict[str, torch.Tensor]:
    states = {"cpu": torch.get_rng_state()}
    for i in range(torch.cuda.device_count()):
        states[f"cuda.{i}"] = torch.cuda.get_rng_state(i)
    return states


def _other_random() -> dict[str, Any]:
    kind, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002
    python = random.getstate()
    return {
        "numpy": [kind, np.asarray(keys).tolist(), int(position), int(has_gauss), float(cached)],
        "python": [python[0], list(python[1]), python[2]],
    }
