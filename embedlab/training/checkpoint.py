"""Everything a run needs to go on as if it had never stopped, in one sealed folder per checkpoint.

    weights.safetensors    every parameter that some stage of the plan trains; the others lie in the start model
    optimiser.safetensors  Adam's two averages and its count, for the parameters now trained
    state.json             step, best step and scores, clock, threads; what the start model has to be

The place in the data and in the schedule, dropout and masks follow from the config and the step (engine.py), so no
random state needs saving, in however many processes. Nothing is pickled.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from embedlab.errors import StoreError
from embedlab.store import manifest, open_verified, read_json, sealed_folder, write_json
from embedlab.training.freezing import trained
from embedlab.training.plans import stage_rates
from embedlab.training.trainable import Trainable
from embedlab.types import RunConfig

KEEP = 2  # the newest, and one before it for the day the newest is damaged; the best besides
FILES = ("weights.safetensors", "optimiser.safetensors", "state.json")


@dataclass
class Progress:
    """How far a run is.

    `best_step`: the evaluated step that is kept: the latest whose score on the selection rows is within one standard
    error of `top_selection`, the best of them (the last one where there are no such rows), 0 while there is none after
    step 0; `best_selection` its score, `best_score` the held-out score there.
    `stale`: evaluations since one was better than all before it. `alarms`: what the canary said at the last evaluation.
    `chunk_tokens`: as the config says, or less since memory ran out.
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
    stale: int = 0
    alarms: list[str] = field(default_factory=list)
    loss: float | None = None
    tokens_per_s: float | None = None
    chunk_tokens: int = 0
    threads: int = field(default_factory=torch.get_num_threads)  # another number of threads sums in another order


@dataclass(frozen=True)
class Moving:
    """What of a model a run moves: the names of the parameters that any stage trains, and the sha256 of the rest."""

    names: frozenset[str]
    rest: str

    @classmethod
    def of(cls, model: Trainable, config: RunConfig) -> "Moving":
        """From the start model. Raises TrainingError where a stage names a group that the model has not."""
        groups = model.named_groups()
        chosen = {group for stage in config.stages for group in stage_rates(stage, list(groups))}
        names = frozenset(name for group in chosen for name in groups[group])
        rest = hashlib.sha256()
        for name, parameter in sorted(model.named_parameters()):
            if name not in names:
                rest.update(name.encode())
                rest.update(parameter.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        return cls(names, rest.hexdigest())

    def parameters(self, model: Trainable) -> dict[str, torch.nn.Parameter]:
        return {name: parameter for name, parameter in model.named_parameters() if name in self.names}

    def count(self, model: Trainable) -> int:
        return sum(parameter.numel() for parameter in self.parameters(model).values())


def place(checkpoints: Path, step: int) -> Path:
    return checkpoints / f"step_{step:06d}"


def save(checkpoints: Path, model: Trainable, moving: Moving, adam: torch.optim.Optimizer, progress: Progress) -> Path:
    """Write a checkpoint, whole or not at all. Raises StoreError when the disk is full; earlier ones stay."""
    destination = place(checkpoints, progress.step)
    memory = {}
    for name, parameter in trained(model).items():
        for key, value in adam.state.get(parameter, {}).items():
            memory[f"{key}/{name}"] = torch.as_tensor(value).detach().cpu().contiguous()
    weights = {name: p.detach().cpu().contiguous() for name, p in moving.parameters(model).items()}
    size = sum(tensor.nbytes for tensors in (memory, weights) for tensor in tensors.values())
    with sealed_folder(destination, needed=size) as folder:
        save_tensors(weights, folder / "weights.safetensors")
        save_tensors(memory, folder / "optimiser.safetensors")
        write_json(folder / "state.json", {**asdict(progress), "rest": moving.rest})
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
    """Why a checkpoint cannot be used: missing, unfinished, damaged or of another version. None when it can."""
    try:
        for name in {*FILES, *manifest(folder)["files"]}:
            open_verified(folder, name)
        read_progress(folder)
    except StoreError as error:
        return error
    return None


def read_progress(folder: Path) -> Progress:
    """Raises StoreError where the state is damaged, or is that of another version."""
    state = read_json(folder, "state.json")
    try:
        return Progress(**{key: value for key, value in state.items() if key != "rest"})
    except (AttributeError, TypeError) as error:
        raise StoreError(f"{folder.name}/state.json was not written by this version of EmbedLab.") from error


def load_weights(folder: Path, model: Trainable, moving: Moving) -> None:
    """Put a checkpoint's weights into the start model. Raises StoreError when they do not belong together."""
    weights = load_file(open_verified(folder, "weights.safetensors"))
    parameters = moving.parameters(model)
    if {name: p.shape for name, p in parameters.items()} != {name: w.shape for name, w in weights.items()}:
        raise StoreError(f"{folder.name} belongs to another model. Start a new run.")
    if read_json(folder, "state.json")["rest"] != moving.rest:
        raise StoreError(f"The start model is no longer the one of {folder.name}: put it back, or start a new run.")
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


def prune(checkpoints: Path) -> None:
    """Keep the newest two and what each of them calls the best; each of the others goes by rename first.

    Both bests: should the newest turn out damaged, the one before it still finds the weights it would hand over.
    """
    folders = _in_place(checkpoints)
    keep = set(folders[:KEEP])
    for folder in folders[:KEEP]:
        try:
            keep.add(place(checkpoints, read_progress(folder).best_step))
        except StoreError:
            continue
    sweep(checkpoints, set(folders) - keep)


def sweep(parent: Path, folders: set[Path]) -> None:
    """Take folders of `parent` away, each by rename first, and whatever a kill left half written or half gone."""
    for leftover in [*parent.glob(".tmp-*"), *parent.glob(".trash-*")]:
        shutil.rmtree(leftover, ignore_errors=True)
    for folder in sorted(folders):
        trash = Path(tempfile.mkdtemp(dir=parent, prefix=".trash-"))
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
