"""The folder of a run: what it is told at its birth, which of its model states there are, what it needs of the disk.

config.json, canary.json    sealed at birth: what was asked for, and the texts the canary watches (perhaps none)
launch.json                 sealed at birth: how it is run, which decides nothing of the result
events.jsonl, end.json, lock, log.txt, cancel, pause    see jobfolder.py
checkpoints/step_000050/    sealed folders, see checkpoint.py
frames/step_000050/         sealed model folders: the start, and the states on the way, see frames.py
model/   head/              sealed folders, see export.py: the step that is kept
Torch-free.
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from embedlab.errors import StoreError
from embedlab.jobfolder import JobFolder
from embedlab.store import SPARE_BYTES, is_sealed, read_json, write_json
from embedlab.types import EncoderSpec, Frame, Lora, RunConfig, Stage

WEIGHT = 4  # bytes of a weight, fp32
CHECKPOINTS = 5  # at once on the disk: the two newest, up to two bests, and the one being written
MEGA = 2**20


@dataclass(frozen=True)
class Launch:
    """How a run is run. `processes` share the rows of every batch; `report_to`: trackers told of it besides."""

    processes: int = 1
    report_to: tuple[str, ...] = ()


ALONE = Launch()


def write(
    folder: Path, config: RunConfig, model_folder: Path, canary: Sequence[str] = (), launch: Launch = ALONE
) -> None:
    value = asdict(config)
    value["stages"] = [{**asdict(stage), "train": dict(stage.train)} for stage in config.stages]
    write_json(folder / "config.json", {"config": value, "model_folder": str(Path(model_folder).resolve())})
    write_json(folder / "canary.json", list(canary))
    write_json(folder / "launch.json", asdict(launch))


def read(folder: Path) -> tuple[RunConfig, Path]:
    """The config and the start model's folder. Raises StoreError where they are missing, altered or not a config."""
    value = read_json(folder, "config.json")
    try:
        fields = dict(value["config"])
        fields["encoder"] = EncoderSpec(**fields["encoder"])
        fields["stages"] = tuple(Stage(**stage) for stage in fields["stages"])
        if fields.get("lora") is not None:
            fields["lora"] = Lora(**{**fields["lora"], "targets": tuple(fields["lora"]["targets"])})
        return RunConfig(**fields), Path(value["model_folder"])
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"The settings of run {folder.name} cannot be read. Start a new run.") from error


def read_launch(folder: Path) -> Launch:
    """How the run is run. Raises StoreError where that is missing or altered."""
    value = read_json(folder, "launch.json")
    try:
        return Launch(int(value["processes"]), tuple(str(name) for name in value["report_to"]))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"The launch of run {folder.name} cannot be read. Start a new run.") from error


def read_canary(folder: Path) -> tuple[str, ...]:
    """The texts the canary was given. Raises StoreError where they are missing or altered."""
    value = read_json(folder, "canary.json")
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise StoreError(f"The canary of run {folder.name} cannot be read. Start a new run.")
    return tuple(value)


def canary_kept(events: Iterable[Mapping[str, Any]]) -> dict[int, float]:
    """Step -> share of the canary's neighbours that are still those of the start, of every look at it."""
    return {
        int(event["step"]): float(event["neighbours_kept"])
        for event in unbroken(events)
        if event.get("type") == "canary" and event.get("neighbours_kept") is not None
    }


def unbroken(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The events as if the run had never stopped: what a resumed run did again counts once, as done last."""
    kept: list[dict[str, Any]] = []
    for event in events:
        if event.get("type") == "resumed":
            since = event["step"] or -1  # from step 0 even the first look is taken again
            kept = [e for e in kept if not isinstance(e.get("step"), int) or e["step"] <= since]
        kept.append(dict(event))
    return kept


# ---- frames ----------------------------------------------------------------------------------------------------------


def frame_place(folder: Path, step: int) -> Path:
    return folder / "frames" / f"step_{step:06d}"


def frames(folder: Path) -> tuple[Frame, ...]:
    """The model states of a run that can be compared, by step: those in frames/, and the step that model/ holds."""
    job = JobFolder(folder)
    steps = {int(path.name[5:]) for path in (folder / "frames").glob("step_*") if is_sealed(path)}
    kept = _kept(folder, job)
    if kept is not None:
        steps.add(kept)
    told: dict[str, dict[int, Mapping[str, Any]]] = {"eval": {}, "canary": {}}
    for event in unbroken(job.events()):
        if event.get("type") in told:
            told[event["type"]][event["step"]] = event
    found = []
    for step in sorted(steps):
        scored, looked = told["eval"].get(step, {}), told["canary"].get(step, {})
        alarms = tuple(looked.get("alarms", ()))
        found.append(Frame(step, scored.get("score"), scored.get("selection"), alarms, step == kept))
    return tuple(found)


def frame(folder: Path, step: int) -> Path:
    """The model folder of a state of a run. Raises StoreError naming the steps there are."""
    place = frame_place(folder, step)
    if is_sealed(place):
        return place
    if step == _kept(folder, JobFolder(folder)):
        return folder / "model"
    there = ", ".join(str(found.step) for found in frames(folder)) or "none yet"
    raise StoreError(f"Run {folder.name} keeps no model state of step {step}: the steps there are: {there}.")


def _kept(folder: Path, job: JobFolder) -> int | None:
    """The step whose weights lie in model/, once a run has ended with one."""
    end = job.end()
    if end is None or end["state"] == "paused" or not is_sealed(folder / "model"):
        return None
    return end["result"].get("best_step") or None


# ---- the disk --------------------------------------------------------------------------------------------------------


def disk_needed(parameters: int, trained: int, config: RunConfig) -> int:
    """Bytes a run takes at most: checkpoints, frames and the model.

    A checkpoint holds the weights that any stage trains and twice as much of Adam's averages; a frame, like the model,
    holds all `parameters`. Of frames there are the start, config.frames on the way (or as many as there are
    evaluations), and one being written.
    """
    evaluations = -(-config.max_steps // config.eval_every)
    states = 1 + min(config.frames, evaluations) + 1 + 1  # the start, on the way, being written; and the model
    return WEIGHT * (CHECKPOINTS * 3 * trained + states * parameters)


def require_disk(folder: Path, needed: int, config: RunConfig) -> None:
    """Refuse before the first step what would not fit beside what the run holds already.

    Raises StoreError saying what is needed, what is free and what to lower.
    """
    held = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    free = shutil.disk_usage(folder).free
    if free + held < needed + SPARE_BYTES:
        raise StoreError(
            f"The disk is full: this run needs {max(needed - held, 0) / MEGA:,.0f} MB for its checkpoints, frames and "
            f"model, and {free / MEGA:,.0f} MB are free. Free some space or lower frames (now {config.frames})."
        )
