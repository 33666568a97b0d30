"""What a model card tells, from the folder of a run: settings, events, corpus and start model. Torch-free."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from embedlab import __version__
from embedlab.corpus.stored import ROWS
from embedlab.encoders.families import longest_input, width_of
from embedlab.encoders.files import check_folder
from embedlab.encoders.info import label_of
from embedlab.jobfolder import JobFolder
from embedlab.lineage.kinds import kind_of
from embedlab.store import open_verified
from embedlab.training import layout, runfolder
from embedlab.types import RunConfig

BUILTIN = "sentence-transformers/all-MiniLM-L6-v2"  # what the bundled model is called by everybody else
PACKAGES = (
    "torch", "transformers", "sentence-transformers", "accelerate", "peft", "tokenizers", "safetensors", "numpy",
)  # fmt: skip


def versions() -> dict[str, str]:
    """EmbedLab's and those of the packages that decide a result."""
    found = {"embedlab": __version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True)
class Facts:
    """What a card tells. `base` is what the person named, `base_sha256` that of its files.

    `rows`: all rows of the corpus; `counts`: train, selection, held_out rows. `scores`: name -> (before, after) on the
    held-out rows, the deciding one first. `canary`: its numbers at the start and at the kept step, None without one.
    `unit`: the vectors of texts have length 1. `longest`: pieces of a text that are read. `kind`: what the model is
    called where it is one of the lineage, "" for a transformer.
    """

    run: str
    base: str
    base_sha256: str
    config: RunConfig
    corpus_name: str
    rows: int
    counts: Mapping[str, int]
    step: int
    steps_done: int
    parameters: int
    trained: int
    scores: Mapping[str, tuple[float | None, float | None]]
    canary: tuple[Mapping[str, Any], Mapping[str, Any]] | None
    unit: bool
    dim: int
    longest: int
    classes: tuple[str, ...] = ()
    kind: str = ""
    versions: Mapping[str, str] = field(default_factory=versions)


def facts(run: Path, step: int, classes: Sequence[str] = ()) -> Facts:
    """From the folder of a run whose step `step` is handed over: its settings, events and corpus, and its start model.

    `classes`: the labels the head knows. Raises UserError where one of these is missing or damaged.
    """
    config, start = runfolder.read(run)
    events = runfolder.unbroken(JobFolder(run).events())
    ready: Mapping[str, Any] = next((e for e in reversed(events) if e.get("type") == "ready"), {})
    source = check_folder(start, label_of(config.encoder, start))
    kind = kind_of(source.config)
    corpus_name, rows = _corpus(run.parent.parent / "corpora" / config.corpus_id)
    looks = [_at(events, "canary", 0), _at(events, "canary", step)]
    done = [event["step"] for event in events if event.get("type") in ("step", "eval")]
    return Facts(
        run=run.name,
        base=BUILTIN if config.encoder.source == "builtin" else label_of(config.encoder, start),
        base_sha256=source.fingerprint(),
        config=config,
        corpus_name=corpus_name,
        rows=rows,
        counts={name: int(ready.get(name) or 0) for name in ("train", "selection", "held_out")},
        step=step,
        steps_done=max(done, default=step),
        parameters=int(ready.get("parameters") or source.parameters),
        trained=int(ready.get("trained") or 0),
        scores=_scores(_at(events, "eval", 0), _at(events, "eval", step)),
        canary=(looks[0], looks[1]) if all(looks) else None,
        unit=layout.unit(start),
        dim=width_of(source.config),
        longest=layout.most_pieces(start, longest_input(source.config)),
        classes=tuple(classes),
        kind="" if kind is None else kind.title,
    )


def _at(events: Sequence[Mapping[str, Any]], kind: str, step: int) -> Mapping[str, Any]:
    return next((e for e in reversed(events) if e.get("type") == kind and e.get("step") == step), {})


def _scores(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[float | None, float | None]]:
    """The score and its parts that were taken after; a part that was not taken before has no number there."""
    if not after:
        return {}
    found = {str(after["score_name"]): (before.get("score"), after.get("score"))}
    earlier = before.get("parts") or {}
    return found | {name: (earlier.get(name), value) for name, value in (after.get("parts") or {}).items()}


def _corpus(folder: Path) -> tuple[str, int]:
    """(name, rows), from the end of the file alone."""
    import pyarrow.parquet as pq

    said = pq.read_metadata(open_verified(folder, ROWS))
    return said.metadata[b"name"].decode(), int(said.num_rows)
