"""What a run is told at its birth: the RunConfig, where the start model lies, the canary's texts. Torch-free.

config.json, canary.json    sealed at birth: what was asked for, and the texts the canary watches (perhaps none)
events.jsonl, end.json, lock, log.txt, cancel    see jobfolder.py
checkpoints/step_000050/   model/   head/        sealed folders, see checkpoint.py and export.py
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from embedlab.errors import StoreError
from embedlab.store import read_json, write_json
from embedlab.types import EncoderSpec, RunConfig, Stage


def write(folder: Path, config: RunConfig, model_folder: Path, canary: Sequence[str] = ()) -> None:
    value = asdict(config)
    value["stages"] = [{**asdict(stage), "train": dict(stage.train)} for stage in config.stages]
    write_json(folder / "config.json", {"config": value, "model_folder": str(Path(model_folder).resolve())})
    write_json(folder / "canary.json", list(canary))


def read(folder: Path) -> tuple[RunConfig, Path]:
    """The config and the start model's folder. Raises StoreError where they are missing, altered or not a config."""
    value = read_json(folder, "config.json")
    try:
        fields = dict(value["config"])
        fields["encoder"] = EncoderSpec(**fields["encoder"])
        fields["stages"] = tuple(Stage(**stage) for stage in fields["stages"])
        return RunConfig(**fields), Path(value["model_folder"])
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"The settings of run {folder.name} cannot be read. Start a new run.") from error


def read_canary(folder: Path) -> tuple[str, ...]:
    """The texts the canary was given. Raises StoreError where they are missing or altered."""
    value = read_json(folder, "canary.json")
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise StoreError(f"The canary of run {folder.name} cannot be read. Start a new run.")
    return tuple(value)


def unbroken(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The events as if the run had never stopped: what a resumed run did again counts once, as done last."""
    kept: list[dict[str, Any]] = []
    for event in events:
        if event.get("type") == "resumed":
            kept = [e for e in kept if not isinstance(e.get("step"), int) or e["step"] <= event["step"]]
        kept.append(dict(event))
    return kept
