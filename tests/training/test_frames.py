"""Which frames there are, what lies in them, and what a run needs of the disk."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from embedlab import jobs
from embedlab.encoders.files import check_folder
from embedlab.errors import StoreError
from embedlab.jobfolder import JobFolder
from embedlab.store import Store
from embedlab.training import checkpoint, frames, runfolder
from embedlab.training.runfolder import Launch
from embedlab.types import Corpus, EncoderSpec, Lora, RunConfig, Stage
from tests.training import tiny
from tests.training.tiny import train

NewRun = Callable[..., Path]


def plan(steps: int, **settings: Any) -> RunConfig:
    return RunConfig("", EncoderSpec(""), (Stage(steps, {"*": 1e-3}, "linear", "senses"),), **settings)


@pytest.mark.parametrize(
    ("step", "kept"),
    [
        (0, (0,)),
        (5, (0, 5)),
        (10, (0, 5, 10)),
        (15, (0, 10)),
        (20, (0, 10, 20)),
        (25, (0, 10, 20)),
        (30, (0, 20)),
        (40, (0, 20, 40)),
        (43, (0, 20, 40)),
    ],
)
def test_the_stride_doubles_by_hand(step: int, kept: tuple[int, ...]) -> None:
    """Two frames at most, an evaluation every five steps; the end of the plan at 43 is no multiple."""
    assert frames.wanted(step, plan(43, eval_every=5, frames=2)) == kept


@given(st.integers(1, 20), st.integers(0, 12), st.integers(0, 3000))
def test_frames_are_few_evenly_spread_and_never_wanted_again(every: int, most: int, step: int) -> None:
    config = plan(4000, eval_every=every, frames=most)
    now = frames.wanted(step, config)
    assert now[0] == 0
    assert len(now) <= 1 + most
    assert len({b - a for a, b in pairwise(now)}) <= 1
    assert all(number % every == 0 for number in now)
    assert len(now) - 1 >= min(step // every, (most + 1) // 2)
    after = frames.wanted(step + every, config)
    assert set(after) <= {*now, (step // every + 1) * every}, "what was taken away cannot come back"


def test_frames_of_a_run_are_models_of_their_step(
    new_run: NewRun, corpus: Corpus, store: Store, tiny_models: Callable[[str], Path]
) -> None:
    folder = new_run("frames", tiny.config(corpus, Stage(10, {"*": 1e-3}, "linear", "senses"), frames=8))
    run = train(folder, store)
    assert run.state == "done", run.message
    found = runfolder.frames(folder)
    assert [frame.step for frame in found] == [0, 4, 8, 10]
    assert [frame.kept for frame in found] == [False, False, False, True]
    events = {e["step"]: e for e in jobs.events(store, run.id) if e["type"] == "eval"}
    assert [frame.score for frame in found] == [events[frame.step]["score"] for frame in found]
    start = load_file(tiny_models("bert") / "model.safetensors")
    before = load_file(runfolder.frame(folder, 0) / "model.safetensors")
    assert all(torch.equal(before[name], start[name]) for name in start)
    saved = load_file(checkpoint.place(folder / "checkpoints", 8) / "weights.safetensors")
    eighth = load_file(runfolder.frame(folder, 8) / "model.safetensors")
    assert all(torch.equal(eighth[name], saved[f"encoder.{name}"]) for name in eighth if f"encoder.{name}" in saved)
    assert not torch.equal(eighth["embeddings.word_embeddings.weight"], before["embeddings.word_embeddings.weight"])
    assert runfolder.frame(folder, 10) == folder / "model", "the kept step lies in model/, once"
    for frame in found:
        check_folder(runfolder.frame(folder, frame.step), "a frame")
    with pytest.raises(StoreError, match=r"no model state of step 5: the steps there are: 0, 4, 8, 10\."):
        runfolder.frame(folder, 5)


def test_frames_of_lora_hold_the_adapters(new_run: NewRun, corpus: Corpus, store: Store) -> None:
    config = tiny.config(corpus, Stage(4, {"lora.*": 1e-2}, "linear", "senses"), lora=Lora(2, 4.0), eval_every=2)
    folder = new_run("lora", config)
    run = train(folder, store)
    assert run.state == "done", run.message
    first, second = (load_file(runfolder.frame(folder, step) / "model.safetensors") for step in (0, 2))
    moved = {name for name in first if not torch.equal(first[name], second[name])}
    assert moved
    assert all(".layer." in name and name.endswith("weight") and "LayerNorm" not in name for name in moved)
    weights = load_file(checkpoint.place(folder / "checkpoints", 4) / "weights.safetensors")
    assert weights.keys()
    assert all("lora" in name for name in weights), "a checkpoint does not repeat the start model"


def test_frames_while_a_run_is_under_way_and_none(new_run: NewRun, corpus: Corpus, store: Store) -> None:
    folder = new_run("none", tiny.config(corpus, frames=0))
    assert runfolder.frames(folder) == ()
    with pytest.raises(StoreError, match="the steps there are: none yet"):
        runfolder.frame(folder, 0)
    seen: list[list[int]] = []
    emit = JobFolder.emit

    def watching(job: JobFolder, **event: Any) -> None:
        emit(job, **event)
        if event["type"] == "step":
            seen.append([frame.step for frame in runfolder.frames(folder)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JobFolder, "emit", watching)
        assert train(folder, store).state == "done"
    assert seen == [[0]] * 12
    assert [(frame.step, frame.kept) for frame in runfolder.frames(folder)] == [(0, False), (12, True)]


def test_a_frame_tells_the_alarms_of_its_step(tmp_path: Path, new_run: NewRun, corpus: Corpus) -> None:
    """From the events, as the run went on: what a resumed run did again counts as done last."""
    folder = new_run("told", tiny.config(corpus))
    job = JobFolder(folder)
    for step in (0, 4):
        runfolder.frame_place(folder, step).mkdir(parents=True)
        (runfolder.frame_place(folder, step) / "manifest.json").write_text("{}")
    job.emit(type="canary", step=4, alarms=["early"])
    job.emit(type="eval", step=4, score=0.1, selection=None)
    job.emit(type="resumed", step=0)
    job.emit(type="eval", step=0, score=0.2, selection=0.3)
    job.emit(type="canary", step=4, alarms=["late"])
    job.emit(type="eval", step=4, score=0.5, selection=0.6)
    zero, four = runfolder.frames(folder)
    assert (zero.step, zero.score, zero.selection, zero.alarms, zero.kept) == (0, 0.2, 0.3, (), False)
    assert (four.step, four.score, four.selection, four.alarms, four.kept) == (4, 0.5, 0.6, ("late",), False)


# ---- the disk --------------------------------------------------------------------------------------------------------


def test_disk_needed_by_hand() -> None:
    """1,000 parameters, 100 of them trained: five checkpoints of 12 bytes each; start, 3 frames, one more, model."""
    assert runfolder.disk_needed(1000, 100, plan(100, eval_every=10, frames=3)) == 5 * 1200 + 6 * 4000
    assert runfolder.disk_needed(1000, 100, plan(15, eval_every=10, frames=3)) == 5 * 1200 + 5 * 4000
    assert runfolder.disk_needed(1000, 100, plan(15, eval_every=10, frames=0)) == 5 * 1200 + 3 * 4000


def test_no_run_holds_more_than_was_said(new_run: NewRun, corpus: Corpus, store: Store) -> None:
    """Weights alone, at every event of a run; tokenizers and states are small beside them."""
    folder = new_run("disk", tiny.config(corpus, eval_every=1, frames=2))
    job, emit = JobFolder(folder), JobFolder.emit
    most = 0

    def measuring(self: JobFolder, **event: Any) -> None:
        nonlocal most
        most = max(most, sum(path.stat().st_size for path in folder.rglob("*.safetensors")))
        emit(self, **event)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JobFolder, "emit", measuring)
        assert train(folder, store).state == "done"
    ready = next(event for event in job.events() if event["type"] == "ready")
    said = runfolder.disk_needed(ready["parameters"], ready["trained"], runfolder.read(folder)[0])
    assert 0.3 * said < most < said


def test_a_full_disk_is_said_with_what_to_lower(
    new_run: NewRun, corpus: Corpus, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = new_run("full", tiny.config(corpus))
    monkeypatch.setattr(runfolder, "SPARE_BYTES", 2**60)
    run = train(folder, store)
    assert (run.state, run.step) == ("failed", 0)
    assert "The disk is full: this run needs " in run.message
    assert "lower frames (now 8)" in run.message
    assert not (folder / "frames").exists()


def test_launch_is_read_as_it_was_written(new_run: NewRun, corpus: Corpus) -> None:
    folder = new_run("launch", tiny.config(corpus), launch=Launch(2, ("tensorboard",)))
    assert runfolder.read_launch(folder) == Launch(2, ("tensorboard",))
    assert runfolder.read_launch(new_run("plain", tiny.config(corpus))) == Launch(1, ())
    (folder / "launch.json").write_text("{}")
    with pytest.raises(StoreError, match="damaged"):
        runfolder.read_launch(folder)


def test_a_config_with_lora_is_read_as_it_was_written(new_run: NewRun, corpus: Corpus) -> None:
    config = tiny.config(corpus, lora=Lora(4, 8.0, 0.1, ("attention",)), patience=3, frames=2, isotropy=0.5)
    assert runfolder.read(new_run("config", config))[0] == config
