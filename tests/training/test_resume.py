"""Whatever happens to a worker, its run ends with the same bits as one that was left alone."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from embedlab import jobs
from embedlab.jobfolder import JobFolder
from embedlab.store import Store, manifest, sha256
from embedlab.training import checkpoint, runfolder
from embedlab.types import Corpus, Lora, RunConfig, Stage
from tests.training import tiny

Fork = Callable[..., dict[str, int]]
# two stages, so that a new optimiser and thawed groups are part of what is resumed; dropout is on
SHORT = (Stage(1, {"layer.*": 1e-3}, "linear", "senses"), Stage(4, {"*": 1e-3}, "cosine", "senses"))


def result(run: Path) -> dict[str, str]:
    """What the end of a run is made of: the model, the frames, the weights and Adam's memory of its last checkpoint."""
    last = max((run / "checkpoints").glob("step_*"))
    files = [run / "model" / "model.safetensors", last / "weights.safetensors", last / "optimiser.safetensors"]
    files += sorted((run / "frames").glob("*/model.safetensors"))
    return {f"{path.parent.name}/{path.name}": sha256(path) for path in files}


@pytest.mark.slow
@pytest.mark.parametrize("where", ["checkpoint", "frame"])
@pytest.mark.parametrize("mode", ["kill", "error"])
def test_a_crash_before_any_file_operation_changes_nothing(
    mode: str, where: str, fork: Fork, new_run: Callable[..., Path], corpus: Corpus
) -> None:
    """In the second checkpoint, and in the frame after it, which takes the place of the one before."""
    config = tiny.config(corpus, *SHORT, eval_every=2, frames=1)
    during = {"checkpoint": 2, "frame": 3}[where]  # the first frame is the start
    straight = new_run("straight", config)
    answer = fork(straight, where=where, during=during)
    assert answer["code"] == 0
    assert answer["operations"] >= 15, "the injector sees too little"
    wanted = result(straight)
    assert {"step_000000/model.safetensors", "step_000004/model.safetensors"} < set(wanted)
    for n in range(1, answer["operations"] + 1):
        run = new_run(f"{mode}-{n}", config)
        struck = fork(run, mode=mode, at=n, where=where, during=during)
        assert struck["code"] in ((137,) if mode == "kill" else (0, 1)), f"operation {n}"
        survived = JobFolder(run).state() == "done"  # some failed operations need not stop a run
        before = run / "checkpoints" / "step_000002"
        assert survived or checkpoint.verify(before) is None, f"operation {n} harmed the checkpoint before"
        newer = run / "checkpoints" / "step_000004"
        assert not newer.exists() or checkpoint.verify(newer) is None, f"operation {n} left half a checkpoint"
        for frame in (run / "frames").glob("step_*"):
            assert checkpoint_of_a_model(frame), f"operation {n} left half a frame"
        if not survived:
            assert fork(run)["code"] == 0, f"operation {n}"
        assert result(run) == wanted, f"operation {n}"
        assert [frame.step for frame in runfolder.frames(run)] == [0, 4]
        shutil.rmtree(run)


def checkpoint_of_a_model(folder: Path) -> bool:
    """Whether every file of a sealed folder is the one that was written."""
    return all(sha256(folder / name) == entry["sha256"] for name, entry in manifest(folder)["files"].items())


def kill_at_random(config: RunConfig, times: int, seed: int, new_run: Callable[..., Path], fork: Fork) -> None:
    """The real worker, killed `times` times as by the system, ends as one that was left alone."""
    straight, killed = new_run("straight", config), new_run("killed", config)
    assert fork(straight)["code"] == 0
    moments = random.Random(seed)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    deaths = 0
    while deaths < times:
        worker = subprocess.Popen(
            [sys.executable, "-m", "embedlab.training.worker", str(killed)], env=environment, stderr=subprocess.DEVNULL
        )
        wanted = min(_last_step(killed) + moments.randrange(1, 6), config.max_steps - 1)
        deadline = time.monotonic() + 60
        while _last_step(killed) < wanted and worker.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(moments.random() * 0.1)  # in a step, an evaluation, a checkpoint or a frame
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        if JobFolder(killed).end() is not None:  # it was faster
            break
        deaths += 1
        assert JobFolder(killed).state() == "failed"
        assert "Resume it" in jobs.look(Store(killed.parent.parent), "killed").message
    assert JobFolder(killed).state() == "done" or fork(killed)["code"] == 0
    assert result(killed) == result(straight)


def _last_step(run: Path) -> int:
    return max((event["step"] for event in JobFolder(run).events() if event["type"] == "step"), default=0)


def test_kills_of_the_real_worker_at_random_moments(new_run: Callable[..., Path], corpus: Corpus, fork: Fork) -> None:
    kill_at_random(tiny.config(corpus), 2, 3, new_run, fork)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_twenty_kills_of_the_real_worker(new_run: Callable[..., Path], corpus: Corpus, fork: Fork) -> None:
    config = tiny.config(corpus, Stage(120, {"*": 1e-3}, "linear", "senses"), eval_every=3, frames=5)
    kill_at_random(config, 20, 0, new_run, fork)


EVERYTHING = {"*": 1e-3}
VARIANTS: dict[str, tuple[tuple[Stage, ...], dict[str, Any]]] = {
    "plain": (SHORT, {}),
    "accumulate": (SHORT, {"accumulate": 2}),
    "chunks": (SHORT, {"chunk_tokens": 64}),
    "bf16": (SHORT, {"precision": "bf16"}),
    "isotropy": (SHORT, {"isotropy": 0.1}),
    "frozen": ((Stage(4, {"layer.1": 1e-3}, "linear", "pairs"),), {}),
    "lora": ((Stage(4, {"lora.*": 1e-2}, "linear", "senses"),), {"lora": Lora(2, 4.0, 0.1)}),
    "labels": ((Stage(4, {"head": 1e-2, **EVERYTHING}, "linear", "labels"),), {"accumulate": 2}),
    "mlm": (
        (Stage(2, {"mlm_head": 1e-2}, "linear", "mlm"), Stage(4, {"mlm_head": 1e-2, **EVERYTHING}, "linear", "mlm")),
        {"chunk_tokens": 128},
    ),
    "simcse": ((Stage(4, EVERYTHING, "linear", "simcse"),), {}),
}


@pytest.mark.parametrize("stop", ["cancel", "pause"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_step_is_a_place_to_stop_at(
    variant: str, stop: str, new_run: Callable[..., Path], corpus: Corpus, fork: Fork
) -> None:
    """Stopped and resumed again and again, at the checkpoint each stop leaves."""
    stages, settings = VARIANTS[variant]
    config = tiny.config(corpus, *stages, eval_every=3, frames=1, **settings)
    straight, stopped = new_run("straight", config), new_run("stopped", config)
    assert fork(straight)["code"] == 0
    for _ in range(6):
        assert fork(stopped, stop=stop, after=1)["code"] == 0, (stopped / "log.txt").read_text()[-2000:]
        if JobFolder(stopped).state() == "done":
            break
        assert JobFolder(stopped).state() == {"cancel": "cancelled", "pause": "paused"}[stop]
        assert (stopped / "model").exists() == (stop == "cancel"), "a paused run hands nothing over"
    assert JobFolder(stopped).state() == "done"
    assert result(stopped) == result(straight)
    assert runfolder.frames(stopped) == runfolder.frames(straight)


def test_patience_runs_out_at_the_same_step(new_run: Callable[..., Path], large_corpus: Corpus, fork: Fork) -> None:
    """A rate far too high: the first evaluation is the best. Stopped between the evaluations all the same."""
    stage = Stage(40, {"*": 3e-2}, "constant", "senses")
    config = tiny.config(large_corpus, stage, eval_every=2, patience=3)
    straight, stopped = new_run("straight", config), new_run("stopped", config)
    assert fork(straight)["code"] == 0
    for after in (3, 2, 1, 1):
        assert fork(stopped, stop="pause", after=after)["code"] == 0
    if JobFolder(stopped).state() == "paused":
        assert fork(stopped)["code"] == 0
    ends = [JobFolder(run).end() or {} for run in (straight, stopped)]
    assert ends[0]["message"] == ends[1]["message"]
    assert ends[0]["message"].startswith("Stopped early at step ")
    assert ends[0]["result"]["step"] == ends[1]["result"]["step"] < 40
    assert result(stopped) == result(straight)


FILES = [*checkpoint.FILES, "manifest.json"]


@pytest.fixture
def finished(new_run: Callable[..., Path], corpus: Corpus, fork: Fork) -> Path:
    """A run as if it had been killed after its last checkpoint."""
    run = new_run("finished", tiny.config(corpus, *SHORT, eval_every=2))
    assert fork(run)["code"] == 0
    (run / "end.json").unlink()
    return run


@pytest.mark.parametrize("harm", ["missing", "flipped"])
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_checkpoint_is_refused_by_name_and_the_one_before_is_used(
    name: str, harm: str, finished: Path, fork: Fork
) -> None:
    wanted = result(finished)
    shutil.rmtree(finished / "model")
    path = finished / "checkpoints" / "step_000004" / name
    if harm == "missing":
        path.unlink()
    else:
        damaged = bytearray(path.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        path.write_bytes(damaged)
    assert fork(finished)["code"] == 0
    events = JobFolder(finished).events()
    (refused,) = [event for event in events if event["type"] == "refused"]
    assert refused["checkpoint"] == "step_000004"
    said = refused["message"]
    assert "step_000004" in said
    assert name in said or "manifest" in said or name == "manifest.json"
    assert ("missing" if harm == "missing" and name != "manifest.json" else "") in said
    assert [event["step"] for event in events if event["type"] == "resumed"] == [2]
    assert result(finished) == wanted


def test_no_flipped_bit_goes_unseen(finished: Path) -> None:
    folder, bits = finished / "checkpoints" / "step_000004", random.Random(0)
    for name in checkpoint.FILES:
        path = folder / name
        whole = path.read_bytes()
        for _ in range(50):
            flipped = bytearray(whole)
            flipped[bits.randrange(len(whole))] ^= 1 << bits.randrange(8)
            path.write_bytes(flipped)
            assert checkpoint.verify(folder) is not None
        path.write_bytes(whole)
        assert checkpoint.verify(folder) is None


def test_another_start_model_is_refused(
    store: Store, corpus: Corpus, fork: Fork, tiny_models: Callable[[str], Path], tmp_path: Path
) -> None:
    """Where a checkpoint holds a part of the weights, the rest has to be that of the start."""
    start = tmp_path / "start"
    shutil.copytree(tiny_models("bert"), start)
    config = tiny.config(corpus, Stage(4, {"layer.1": 1e-3}, "linear", "senses"), eval_every=2)
    run = store.put("runs", "moved", "moved", {}, lambda folder: runfolder.write(folder, config, start))
    assert fork(run, stop="pause", after=3)["code"] == 0
    tiny.model(start, seed=7)
    assert fork(run)["code"] == 1
    assert JobFolder(run).message().startswith("The start model is no longer the one of step_000003")
