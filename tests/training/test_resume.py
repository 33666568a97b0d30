"""Whatever happens to a worker, its run ends with the same bits as one that was left alone."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from embedlab import jobs
from embedlab.errors import StoreError
from embedlab.jobfolder import JobFolder
from embedlab.store import Store, open_verified, sha256
from embedlab.training import checkpoint
from embedlab.types import Corpus, Stage
from tests.training import tiny

Fork = Callable[..., dict[str, int]]
# two stages, so that a new optimiser and thawed groups are part of what is resumed; dropout is on
SHORT = (Stage(1, {"layer.*": 1e-3}, "linear", "senses"), Stage(4, {"*": 1e-3}, "cosine", "senses"))


def result(run: Path) -> dict[str, str]:
    """What the end of a run is made of: the model, and the weights and Adam's memory of its last checkpoint."""
    last = max((run / "checkpoints").glob("step_*"))
    files = [run / "model" / "model.safetensors", last / "weights.safetensors", last / "optimiser.safetensors"]
    return {f"{path.parent.name}/{path.name}": sha256(path) for path in files}


@pytest.mark.parametrize("mode", ["kill", "error"])
def test_a_crash_before_any_file_operation_of_a_checkpoint_changes_nothing(
    mode: str, fork: Fork, new_run: Callable[..., Path], corpus: Corpus
) -> None:
    config = tiny.config(corpus, *SHORT, eval_every=2)
    straight = new_run("straight", config)
    answer = fork(straight, during=2)
    assert answer["code"] == 0
    assert answer["operations"] >= 20, "the injector sees too little"
    wanted = result(straight)
    for n in range(1, answer["operations"] + 1):
        run = new_run(f"{mode}-{n}", config)
        struck = fork(run, mode=mode, at=n, during=2)
        assert struck["code"] in ((137,) if mode == "kill" else (0, 1)), f"operation {n}"
        survived = JobFolder(run).state() == "done"  # some failed operations need not stop a run
        before = run / "checkpoints" / "step_000002"
        assert survived or checkpoint.verify(before) is None, f"operation {n} harmed the checkpoint before"
        newer = run / "checkpoints" / "step_000004"
        assert not newer.exists() or checkpoint.verify(newer) is None, f"operation {n} left half a checkpoint"
        if not survived:
            assert fork(run)["code"] == 0, f"operation {n}"
        assert result(run) == wanted, f"operation {n}"


def test_kills_of_the_real_worker_at_random_moments(new_run: Callable[..., Path], corpus: Corpus, fork: Fork) -> None:
    config = tiny.config(corpus)
    straight, killed = new_run("straight", config), new_run("killed", config)
    assert fork(straight)["code"] == 0
    moments = random.Random(3)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for _ in range(2):
        worker = subprocess.Popen(
            [sys.executable, "-m", "embedlab.training.worker", str(killed)], env=environment, stderr=subprocess.DEVNULL
        )
        wanted = moments.randrange(1, 6) + _last_step(killed)
        deadline = time.monotonic() + 60
        while _last_step(killed) < wanted and worker.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        assert JobFolder(killed).state() == "failed"
        assert "Resume it" in jobs.look(Store(killed.parent.parent), "killed").message
    assert fork(killed)["code"] == 0
    assert result(killed) == result(straight)


def _last_step(run: Path) -> int:
    return max((event["step"] for event in JobFolder(run).events() if event["type"] == "step"), default=0)


def test_every_step_is_a_place_to_stop_at(new_run: Callable[..., Path], corpus: Corpus, fork: Fork) -> None:
    """Cancelled and resumed again and again, at the checkpoint each cancel leaves."""
    config = tiny.config(corpus, *SHORT, eval_every=3)
    straight, stopped = new_run("straight", config), new_run("stopped", config)
    assert fork(straight)["code"] == 0
    for _ in range(6):
        assert fork(stopped, cancel_after=1)["code"] == 0
        if JobFolder(stopped).state() == "done":
            break
        assert JobFolder(stopped).state() == "cancelled"
    assert JobFolder(stopped).state() == "done"
    assert result(stopped) == result(straight)


def test_a_damaged_checkpoint_is_refused_by_name(new_run: Callable[..., Path], corpus: Corpus, fork: Fork) -> None:
    config = tiny.config(corpus, *SHORT, eval_every=2)
    straight, run = new_run("straight", config), new_run("damaged", config)
    assert fork(straight)["code"] == 0
    assert fork(run)["code"] == 0
    wanted = result(straight)
    (run / "end.json").unlink()  # as if it had been killed after its last checkpoint
    newest = run / "checkpoints" / "step_000004"
    damaged = bytearray((newest / "optimiser.safetensors").read_bytes())
    damaged[-5] ^= 1
    (newest / "optimiser.safetensors").write_bytes(damaged)
    assert fork(run)["code"] == 0
    events = JobFolder(run).events()
    refused = [event for event in events if event["type"] == "refused"]
    assert len(refused) == 1
    assert refused[0]["checkpoint"] == "step_000004"
    assert "damaged" in refused[0]["message"]
    assert [event["step"] for event in events if event["type"] == "resumed"] == [2]
    assert result(run) == wanted


@pytest.mark.parametrize("name", ["weights.safetensors", "optimiser.safetensors", "random.safetensors", "state.json"])
def test_no_flipped_bit_goes_unseen(name: str, new_run: Callable[..., Path], corpus: Corpus, fork: Fork) -> None:
    run = new_run("run", tiny.config(corpus, Stage(1, {"*": 1e-3}, "linear", "senses")))
    assert fork(run)["code"] == 0
    path = run / "checkpoints" / "step_000001" / name
    whole, bits = path.read_bytes(), random.Random(0)
    for _ in range(50):
        flipped = bytearray(whole)
        flipped[bits.randrange(len(whole))] ^= 1 << bits.randrange(8)
        path.write_bytes(flipped)
        assert checkpoint.verify(path.parent) is not None
    path.write_bytes(whole)
    assert checkpoint.verify(path.parent) is None
    with pytest.raises(StoreError, match="missing"):
        open_verified(path.parent, "nothing.json")
    assert json.loads((path.parent / "state.json").read_text())["step"] == 1
