"""Trainings and tasks as the screen starts them: in processes of their own."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from embedlab import jobs
from embedlab.errors import JobError, StoreError
from embedlab.jobfolder import JobFolder
from embedlab.store import Store
from embedlab.training import runfolder
from embedlab.types import Run, RunConfig, RunState, Stage
from tests.training import tiny


@pytest.fixture(scope="module")
def start_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.model(tmp_path_factory.mktemp("model"))


def wait(store: Store, id: str, until: Callable[[Run], bool]) -> Run:
    deadline = time.monotonic() + 120
    while True:
        run = jobs.look(store, id)
        if until(run):
            return run
        assert time.monotonic() < deadline, run
        time.sleep(0.02)


def test_a_training_is_started_watched_cancelled_and_resumed(tmp_path: Path, start_model: Path) -> None:
    store = Store(tmp_path / "workspace")
    corpus = tiny.add_corpus(store)
    config = tiny.config(corpus, Stage(4000, {"*": 1e-3}, "linear", "senses"), eval_every=5)
    id = jobs.start(store, config, model_folder=start_model)
    assert jobs.look(store, id).state in ("queued", "running")
    with pytest.raises(JobError, match="already"):
        jobs.resume(store, id)
    with pytest.raises(JobError, match="has no model: it is not done yet"):
        jobs.model_folder(store, id)
    running = wait(store, id, lambda run: run.step >= 6)
    assert running.state == "running"
    assert running.loss is not None
    assert running.eta_s is not None
    assert running.score_before is not None
    assert running.config == config
    jobs.cancel(store, id)
    cancelled = wait(store, id, lambda run: run.state not in ("queued", "running"))
    assert cancelled.state == "cancelled", cancelled.message
    assert jobs.model_folder(store, id).is_dir()
    seen = len(jobs.events(store, id))
    jobs.resume(store, id)
    resumed = wait(store, id, lambda run: run.step > cancelled.step + 2)
    assert resumed.state == "running"
    assert any(event["type"] == "resumed" for event in jobs.events(store, id, after=seen))
    jobs.cancel(store, id)
    wait(store, id, lambda run: run.state == "cancelled")
    assert [run.id for run in jobs.runs(store)] == [id]


def test_replicates_are_finished_runs_of_the_recipe_one_a_seed(tmp_path: Path, start_model: Path) -> None:
    store = Store(tmp_path / "workspace")
    corpus = tiny.add_corpus(store)
    config = tiny.config(corpus, Stage(3, {"*": 1e-3}, "linear", "senses"))

    def ended(id: str, state: RunState = "done", **changes: Any) -> str:
        def fill(folder: Path) -> None:
            runfolder.write(folder, replace(config, **changes), start_model)

        job = JobFolder(store.put("runs", id, id, {}, fill))
        with job.working():
            job.finish(state, "", {"step": 3})
        return id

    first = ended("first")
    assert jobs.replicates(store, first) == []
    ended("first-again")  # the same seed: the same model, no other state of the recipe
    five, two = ended("five", seed=5), ended("two", seed=2)
    ended("other-rate", seed=3, stages=(Stage(3, {"*": 2e-3}, "linear", "senses"),))
    ended("other-canary", seed=3, canary="")
    stopped = ended("stopped", "cancelled", seed=4)
    ended("failed", "failed", seed=6)
    assert jobs.replicates(store, first) == [two, five]
    assert jobs.replicates(store, five) in (["first", two], ["first-again", two])
    assert jobs.replicates(store, stopped) == []
    with pytest.raises(StoreError):
        jobs.replicates(store, "nothing")


def test_the_canary_goes_with_the_run(tmp_path: Path, start_model: Path) -> None:
    store = Store(tmp_path / "workspace")
    config = tiny.config(tiny.add_corpus(store), Stage(2, {"*": 1e-3}, "linear", "senses"), eval_every=1)
    id = jobs.start(store, config, model_folder=start_model, canary=tiny.CANARY)
    assert runfolder.read_canary(store.folder("runs", id)) == tiny.CANARY
    assert wait(store, id, lambda run: run.state not in ("queued", "running")).state == "done"
    events = jobs.events(store, id)
    assert [event["step"] for event in events if event["type"] == "canary"] == [0, 1, 2]


def test_what_cannot_be_started_is_refused_in_words(tmp_path: Path, start_model: Path) -> None:
    store = Store(tmp_path / "workspace")
    corpus = tiny.add_corpus(store)
    with pytest.raises(JobError, match="no corpus"):
        jobs.start(
            store, RunConfig("0" * 64, tiny.EncoderSpec("tiny"), (Stage(1, {"*": 1.0}),)), model_folder=start_model
        )
    with pytest.raises(JobError, match="start model tiny is not there"):
        jobs.start(store, tiny.config(corpus), model_folder=tmp_path / "nowhere")
    for wrong in ("", "../x", "abc"):
        with pytest.raises(StoreError):
            jobs.look(store, wrong)
        with pytest.raises(StoreError):
            jobs.task(store, wrong)
    assert jobs.runs(store) == []


def test_a_task_is_a_command_of_ours_and_its_failure_is_found(tmp_path: Path) -> None:
    store = Store(tmp_path / "workspace")
    id = jobs.start_task(store, ["no-such-command"], name="a wrong one")
    deadline = time.monotonic() + 60
    while jobs.task(store, id).state in ("queued", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    task = jobs.task(store, id)
    assert (task.state, task.name) == ("failed", "a wrong one")
    assert task.message
    assert [each.id for each in jobs.tasks(store)] == [id]


def test_jobs_reaches_no_torch() -> None:
    code = "import sys, embedlab.jobs; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
