"""What stands in a run's config.json: the RunConfig and where the start model lies. Torch-free.

config.json    sealed at birth: what was asked for
events.jsonl, end.json, lock, log.txt, cancel    see jobfolder.py
checkpoints/step_000050/   model/   head/        sealed folders, see checkpoint.py and export.py
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from embedlab.errors import StoreError
from embedlab.store import read_json, write_json
from embedlab.types import EncoderSpec, RunConfig, Stage


def write(folder: Path, config: RunConfig, model_folder: Path) -> None:
    value = asdict(config)
    value["stages"] = [{**asdict(stage), "train": dict(stage.train)} for stage in config.stages]
    write_json(folder / "config.json", {"config": value, "model_folder": str(Path(model_folder).resolve())})


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


def unbroken(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The events as if the run had never stopped: what a resumed run did again counts once, as done last."""
    kept: list[dict[str, Any]] = []
    for event in events:
        if event.get("type") == "resumed":
            kept = [e for e in kept if not isinstance(e.get("step"), int) or e["step"] <= event["step"]]
        kept.append(dict(event))
    return kept
