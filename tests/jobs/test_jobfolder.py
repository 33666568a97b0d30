import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from embedlab.errors import JobError, UserError
from embedlab.jobfolder import JobFolder, start_detached

WORK = """
import sys, time
from pathlib import Path
from embedlab.jobfolder import JobFolder
job = JobFolder(Path(sys.argv[1]))
def work():
    job.emit(type="pid", pid=__import__("os").getpid())
    while not (job.path / "go").exists() and not job.cancel_asked():
        time.sleep(0.005)
    return ("cancelled" if job.cancel_asked() else "done"), "", {"answer": 42}
job.run(work)
"""


def start(job: JobFolder) -> None:
    start_detached(["-c", WORK, str(job.path)], job)


def until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    return JobFolder(tmp_path / "job")


def test_a_job_from_queued_to_done(job: JobFolder) -> None:
    start(job)
    assert job.state() in ("queued", "running")
    until(lambda: job.state() == "running")
    assert job.alive()
    (job.path / "go").touch()
    until(lambda: job.state() == "done")
    until(lambda: not job.alive())
    end = job.end()
    assert end is not None
    assert end["result"] == {"answer": 42}
    assert job.message() == ""


def test_a_cancelled_job_says_so_and_may_begin_again(job: JobFolder) -> None:
    start(job)
    until(lambda: job.state() == "running")
    job.ask_cancel()
    until(lambda: job.state() == "cancelled")
    until(lambda: not job.alive())
    with pytest.raises(JobError, match="not running"):
        job.ask_cancel()
    start(job)
    assert job.state() in ("queued", "running"), "the old end is forgotten, and so is the old wish to stop"
    (job.path / "go").touch()
    until(lambda: job.state() == "done")


def test_a_wish_to_pause_is_forgotten_by_the_next_life(job: JobFolder) -> None:
    with pytest.raises(JobError, match="not running, so there is nothing to pause"):
        job.ask_pause()
    with job.working():
        assert not job.pause_asked()
        job.ask_pause()
        assert job.pause_asked()
        assert not job.cancel_asked()
        job.finish("paused", "Paused after step 3.")
    assert (job.state(), job.message()) == ("paused", "Paused after step 3.")
    with job.working():
        assert not job.pause_asked()
        assert job.state() == "running"


def test_a_killed_worker_is_found_dead_although_its_parent_never_waited(job: JobFolder) -> None:
    start(job)
    until(lambda: any(event["type"] == "pid" for event in job.events()))
    pid = next(event["pid"] for event in job.events() if event["type"] == "pid")
    os.kill(pid, signal.SIGKILL)
    until(lambda: not job.alive())
    assert job.state() == "failed"
    assert "without a word" in job.message()
    os.kill(pid, 0)  # a zombie's pid still answers: it proves nothing


def test_of_fifty_starters_one_starts(job: JobFolder) -> None:
    refused: list[str] = []
    gate = threading.Barrier(50)

    def one() -> None:
        gate.wait()
        try:
            start(job)
        except JobError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=one) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 49
    until(lambda: job.state() == "running")
    (job.path / "go").touch()
    until(lambda: not job.alive())
    assert len([event for event in job.events() if event["type"] == "pid"]) == 1
    assert job.state() == "done"


def test_readers_do_not_keep_a_worker_from_its_lock(job: JobFolder) -> None:
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            job.alive()

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(20):
            with job.working():
                assert job.alive()
    finally:
        stop.set()
        for reader in readers:
            reader.join()


def test_a_second_worker_started_by_hand_is_refused(job: JobFolder) -> None:
    with job.working(), pytest.raises(JobError, match="already"), JobFolder(job.path).working():
        pass
    assert job.state() == "failed", "no end was written"


def test_a_line_cut_by_a_kill_costs_only_itself(job: JobFolder) -> None:
    with job.working():
        job.emit(type="step", step=1, loss=float("nan"))
    with (job.path / "events.jsonl").open("ab") as file:
        file.write(b'{"type": "step", "ste')
    assert [event["type"] for event in job.events()] == ["started", "step"]
    job.emit(type="step", step=2, text="ä line")
    events = job.events()
    assert [event.get("step") for event in events] == [None, 1, 2]
    assert events[1]["loss"] is None
    assert job.events(after=events[1]["n"]) == events[2:]
    assert job.events(after=events[-1]["n"]) == []


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (UserError("Row 3 is empty: fill it."), "Row 3 is empty: fill it."),
        (OSError(28, "No space left on device"), "A file could not be read or written: No space left on device."),
        (ZeroDivisionError("secret"), "Something we did not foresee (ZeroDivisionError)."),
        (BaseException("secret"), "Something we did not foresee (BaseException)."),
    ],
)
def test_every_failure_leaves_one_sentence(job: JobFolder, error: BaseException, message: str) -> None:
    def work() -> tuple[str, str, dict[str, int]]:
        raise error

    assert job.run(work) == "failed"  # type: ignore[arg-type]
    assert (job.state(), job.message()) == ("failed", message)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
def test_an_interrupt_is_no_end(job: JobFolder, error: BaseException) -> None:
    def work() -> tuple[str, str, dict[str, int]]:
        raise error

    with pytest.raises(type(error)):
        job.run(work)  # type: ignore[arg-type]
    assert job.end() is None
    assert not job.alive()


def test_an_end_that_cannot_be_read_is_a_failure(job: JobFolder) -> None:
    with job.working():
        job.finish("done")
    (job.path / "end.json").write_text("{")
    assert job.state() == "failed"


def test_the_worker_outlives_its_starter_and_its_output_is_kept(tmp_path: Path) -> None:
    job = JobFolder(tmp_path / "job")
    starter = (
        "import sys; from pathlib import Path; from embedlab.jobfolder import JobFolder, start_detached; "
        "start_detached(['-c', sys.argv[2], sys.argv[1]], JobFolder(Path(sys.argv[1])))"
    )
    work = WORK.replace("def work():", "def work():\n    print('hello from below', flush=True)")
    subprocess.run([sys.executable, "-c", starter, str(job.path), work], check=True)
    until(lambda: job.state() == "running")
    (job.path / "go").touch()
    until(lambda: job.state() == "done")
    assert (job.path / "log.txt").read_text() == "hello from below\n"
    assert json.loads((job.path / "end.json").read_text())["state"] == "done"
