"""Start, look, pause, cancel, resume, delete: trainings and other long work, in processes of their own. No torch.

A training is a folder of the store (runs/<id>), started by module name. A task is any command of ours
(`python -m embedlab ARGS --job FOLDER`) in jobs/<id>.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedlab.errors import JobError, StoreError
from embedlab.jobfolder import DIED, JobFolder, start_detached
from embedlab.store import Store, is_sealed, now, read_json, require_space, write_json
from embedlab.training import runfolder
from embedlab.training.recipes import same_recipe
from embedlab.training.runfolder import Launch
from embedlab.types import Frame, Run, RunConfig, RunState

WORKER = "embedlab.training.worker"
LIVE = ("queued", "running")


@dataclass(frozen=True)
class Task:
    """How a piece of long work stands: `share` done in 0..1, `what` it is doing now."""

    id: str
    name: str
    state: RunState
    share: float
    what: str
    message: str
    result: dict[str, Any]
    created: str = ""


# ---- trainings -------------------------------------------------------------------------------------------------------


def start(
    store: Store,
    config: RunConfig,
    *,
    model_folder: Path,
    canary: Sequence[str] = (),
    name: str = "",
    launch: Launch = runfolder.ALONE,
) -> str:
    """Write the run and start its worker; returns the run's id. `canary`: the texts that config.canary names.

    Raises JobError where the corpus or the model is not there, StoreError when the disk is full.
    """
    if not is_sealed(store.folder("corpora", config.corpus_id)):
        raise JobError(f"There is no corpus {config.corpus_id[:12]} in this workspace to train on.")
    if not model_folder.is_dir():
        raise JobError(f"The start model {config.encoder.source} is not there.")
    id = secrets.token_hex(6)
    require_space(store.root, 4 * sum(path.stat().st_size for path in model_folder.glob("*.safetensors")))
    goal = config.stages[-1].objective
    source, steps = config.encoder.source, config.max_steps
    summary = {"source": source, "corpus_id": config.corpus_id, "objective": goal, "steps": steps}
    title = name or f"{goal}, {steps} steps"
    store.put("runs", id, title, summary, lambda folder: runfolder.write(folder, config, model_folder, canary, launch))
    _launch(store, id)
    return id


def look(store: Store, id: str) -> Run:
    """How a run stands now. Raises StoreError for an id that is none of this workspace's."""
    folder, job = _run(store, id)
    config, _ = runfolder.read(folder)
    state, end = job.state(), job.end()
    now_known = dict(end["result"]) if end is not None and end["result"] else _so_far(job)
    died = state == "failed" and end is None
    return Run(
        id=id,
        config=config,
        state=state,
        step=int(now_known.get("step", 0)),
        loss=now_known.get("loss"),
        elapsed_s=float(now_known.get("elapsed_s", 0.0)),
        eta_s=now_known.get("eta_s") if state == "running" else None,
        tokens_per_s=now_known.get("tokens_per_s"),
        score_name=now_known.get("score_name"),
        score_before=now_known.get("score_before"),
        score=now_known.get("score"),
        message=f"{DIED} Resume it: it goes on from its last checkpoint." if died else job.message(),
        created=_created(folder),
        best_step=now_known.get("best_step") or None,
    )


def _so_far(job: JobFolder) -> dict[str, Any]:
    """What the events of a run that has not ended say; an ended run's end says it at once."""
    events = runfolder.unbroken(job.events())
    steps = [event for event in events if event.get("type") == "step"]
    scores = [event for event in events if event.get("type") == "eval"]
    known = dict(steps[-1]) if steps else {}
    if scores:
        known["score_name"] = scores[-1]["score_name"]
        known["score_before"] = scores[0]["score"] if scores[0]["step"] == 0 else None
        known["score"] = scores[-1]["score"] if len(scores) > 1 else None
        known["best_step"] = scores[-1].get("best_step")
    return known


def runs(store: Store) -> list[Run]:
    """Every run, newest first."""
    return [look(store, entry.id) for entry in store.entries("runs")]


def events(store: Store, id: str, after: int = 0) -> list[dict[str, Any]]:
    """What a run told, from event `after` on; the "n" of the last one is the next `after`."""
    return _run(store, id)[1].events(after)


def cancel(store: Store, id: str) -> None:
    """Ask a run to stop after its current step; what it learned so far is kept."""
    _run(store, id)[1].ask_cancel()


def pause(store: Store, id: str) -> None:
    """Ask a run to save and stop after its current step; `resume` goes on as if it had never stopped."""
    _run(store, id)[1].ask_pause()


def delete(store: Store, id: str) -> None:
    """Take a run and all it keeps out of the workspace. Raises JobError while it is alive."""
    if _run(store, id)[1].state() in LIVE:
        raise JobError(f"Run {id} is still going: stop it first, then delete it.")
    store.remove("runs", id)


def frames(store: Store, id: str) -> tuple[Frame, ...]:
    """The model states of a run that can be compared, by step."""
    return runfolder.frames(_run(store, id)[0])


def frame_folder(store: Store, id: str, step: int) -> Path:
    """The folder of a model state of a run. Raises StoreError naming the steps there are."""
    return runfolder.frame(_run(store, id)[0], step)


def resume(store: Store, id: str) -> None:
    """Go on with a run that died, failed, was paused or was cancelled by a person, from its newest good checkpoint."""
    folder, job = _run(store, id)
    if job.state() == "done":
        raise JobError("This run is finished: there is nothing to resume. Start a new one with more steps.")
    config, end = runfolder.read(folder)[0], job.end()
    if config.on_alarm == "stop" and end is not None and end["state"] == "cancelled" and end["result"].get("alarms"):
        raise JobError(
            "The canary stopped this run, as it was asked to: start a new one with a lower rate or fewer steps, or one "
            "that only tells."
        )
    _launch(store, id)


def replicates(store: Store, id: str) -> list[str]:
    """Finished runs of the same recipe with other seeds, by seed: the states whose spread is the noise floor.

    One run a seed, the newest: two of one seed are the same model and would make the spread look small. None for a run
    that was not finished itself, since where it was stopped is then part of its recipe.
    """
    asked = look(store, id)
    if asked.state != "done":
        return []
    by_seed: dict[int, str] = {}
    for run in runs(store):
        seed = run.config.seed
        if run.state == "done" and seed != asked.config.seed and same_recipe(run.config, asked.config):
            by_seed.setdefault(seed, run.id)
    return [by_seed[seed] for seed in sorted(by_seed)]


def model_folder(store: Store, id: str) -> Path:
    """The folder of the model a run made (its best step). Raises JobError while there is none."""
    folder, job = _run(store, id)
    model = folder / "model"
    unfinished = (*LIVE, "paused")
    if job.state() in unfinished or not is_sealed(model):
        ended = "it ended before a step was measured that can be kept"
        reason = "it is not done yet" if job.state() in unfinished else ended
        raise JobError(f"Run {id} has no model: {reason}. Wait until it is done, or start another.")
    return model


def _launch(store: Store, id: str) -> None:
    folder, job = _run(store, id)
    start_detached(["-m", WORKER, str(folder.resolve())], job)


def _run(store: Store, id: str) -> tuple[Path, JobFolder]:
    folder = store.folder("runs", id)
    if not is_sealed(folder):
        raise StoreError(f"There is no run {id!r} in this workspace.")
    return folder, JobFolder(folder)


def _created(folder: Path) -> str:
    return str(read_json(folder, "entry.json")["created"])


# ---- tasks -----------------------------------------------------------------------------------------------------------


def start_task(store: Store, arguments: Sequence[str], name: str = "") -> str:
    """Run `python -m embedlab ARGUMENTS --job FOLDER` detached; returns the task's id.

    The command holds the lock with `JobFolder(FOLDER).run`, tells its progress with
    emit(type="progress", share=, what=) and ends with a result.
    """
    id = secrets.token_hex(6)
    folder = store.root / "jobs" / id
    require_space(store.root, 0)
    folder.mkdir(parents=True)
    title = name or " ".join(arguments[:1])
    write_json(folder / "task.json", {"name": title, "arguments": list(arguments), "created": now()})
    start_detached(["-m", "embedlab", *arguments, "--job", str(folder.resolve())], JobFolder(folder))
    return id


def task(store: Store, id: str) -> Task:
    """How a task stands. Raises StoreError for an id that is none of this workspace's."""
    if not id or not all(c in "0123456789abcdef" for c in id):
        raise StoreError(f"{id!r} is not an id of this workspace.")
    folder = store.root / "jobs" / id
    try:
        about = json.loads((folder / "task.json").read_bytes())
        name, created = str(about["name"]), str(about["created"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"There is no task {id!r} in this workspace.") from error
    job = JobFolder(folder)
    state, end = job.state(), job.end()
    progress = [event for event in job.events() if event.get("type") == "progress"]
    last = progress[-1] if progress else {}
    share = 1.0 if state == "done" else float(last.get("share") or 0.0)
    message = "" if state in LIVE else f"{DIED} Start it again." if end is None else end["message"]
    return Task(id, name, state, share, str(last.get("what", "")), message, end["result"] if end else {}, created)


def cancel_task(store: Store, id: str) -> None:
    """Ask a task to stop at its next sign of progress. Raises JobError when it is not running."""
    JobFolder(store.root / "jobs" / task(store, id).id).ask_cancel()


def tasks(store: Store) -> list[Task]:
    """Every task, newest first; folders that hold none are left out."""
    found = []
    for folder in (store.root / "jobs").glob("*"):
        if (folder / "task.json").is_file():
            found.append(task(store, folder.name))
    return sorted(found, key=lambda t: t.created, reverse=True)
