"""The folder of a job that runs in a process of its own: how it is started, watched, asked to stop and found dead.

    lock          held (flock) from before the worker exists until it is gone; the only proof of life
    events.jsonl  one JSON object a line, appended; a line cut by a kill is skipped by readers
    cancel        there when somebody asked the worker to stop
    pause         there when somebody asked it to save and stop, to go on later
    end.json      state, message, result: written by the worker alone, as its last act
    log.txt       what the worker printed; never shown as it stands

Lock free and no end.json = the worker died: state "failed", and it may be started again.
A process id proves nothing: a finished child that nobody waited for keeps its id, and ids are used again.
"""

import fcntl
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from embedlab.errors import JobError, UserError
from embedlab.store import now, write_json
from embedlab.types import RunState

LOCK_FD = "EMBEDLAB_LOCK_FD"  # how a started worker learns which descriptor is its lock
DIED = "The worker stopped without a word: it was killed, ran out of memory, or the machine went down."


class JobFolder:
    """One job on disk. Any number of readers; one worker at a time, which the lock makes sure of."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    # ---- the worker's side -------------------------------------------------------------------------------------

    @contextmanager
    def working(self) -> Iterator[None]:
        """Hold the lock while the block runs. Raises JobError when another worker holds it."""
        self.path.mkdir(parents=True, exist_ok=True)
        lock = _inherited_lock(self.path / "lock")
        if lock is None:
            lock = self._take_lock()
            self._forget_the_last_end()
        try:
            self.emit(type="started", at=now())
            yield
        finally:
            os.close(lock)

    def run(self, work: Callable[[], tuple[RunState, str, Mapping[str, Any]]]) -> RunState:
        """Work under the lock and write the end, whatever happens: the boundary of every worker process.

        `work` returns (state, message, result). A UserError becomes the message; anything else goes to log.txt
        and leaves one plain sentence. `BaseException`, because a tokenizer's panic is not an Exception.
        """
        with self.working():
            try:
                state, message, result = work()
            except (KeyboardInterrupt, SystemExit):
                raise
            except UserError as error:
                state, message, result = "failed", str(error), {}
            except OSError as error:
                traceback.print_exc(file=sys.stderr)
                state, message, result = "failed", f"A file could not be read or written: {error.strerror}.", {}
            except BaseException as error:
                traceback.print_exc(file=sys.stderr)
                state, message, result = "failed", f"Something we did not foresee ({type(error).__name__}).", {}
            self.finish(state, message, result)
        return state

    def emit(self, **event: Any) -> None:
        """Append one event. Infinite and NaN numbers become null: JSON has no word for them."""
        line = json.dumps(_finite(event), ensure_ascii=False, allow_nan=False).encode() + b"\n"
        with (self.path / "events.jsonl").open("ab+", buffering=0) as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # a kill cut the last line: end it, or this one would be lost with it
                    line = b"\n" + line
            file.write(line)

    def cancel_asked(self) -> bool:
        return (self.path / "cancel").exists()

    def pause_asked(self) -> bool:
        return (self.path / "pause").exists()

    def finish(self, state: RunState, message: str = "", result: Mapping[str, Any] | None = None) -> None:
        """The worker's last word."""
        write_json(
            self.path / "end.json", {"state": state, "message": message, "result": dict(result or {}), "at": now()}
        )

    # ---- the reader's side -------------------------------------------------------------------------------------

    def alive(self) -> bool:
        """Whether a worker holds the lock."""
        if not (self.path / "lock").exists():
            return False
        descriptor = os.open(self.path / "lock", os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def state(self) -> RunState:
        """queued (process started, nothing done yet), running, or how it ended; a death without an end is "failed"."""
        end = self.end()
        if end is not None:
            return end["state"]
        if self.alive():
            kinds = [event.get("type") for event in self.events()]
            launches = [i for i, kind in enumerate(kinds) if kind == "queued"]
            since = kinds[launches[-1] :] if launches else kinds
            return "running" if "started" in since else "queued"
        end = self.end()  # it may have ended between the two questions
        return end["state"] if end is not None else "failed"

    def message(self) -> str:
        """The end's one sentence; of a worker that died, that it died; else nothing."""
        if self.state() in ("queued", "running"):
            return ""
        end = self.end()
        return DIED if end is None else end["message"]

    def end(self) -> dict[str, Any] | None:
        """{"state", "message", "result", "at"}, or None while there is none."""
        try:
            value = json.loads((self.path / "end.json").read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return {"state": "failed", "message": "The end of this job cannot be read.", "result": {}, "at": ""}
        return value

    def events(self, after: int = 0) -> list[dict[str, Any]]:
        """Events from line `after` on, oldest first, each with "n" = the `after` that asks for what follows it."""
        try:
            data = (self.path / "events.jsonl").read_bytes()
        except FileNotFoundError:
            return []
        lines = data.split(b"\n")[:-1]  # what follows the last newline is still being written
        found = []
        for number, line in enumerate(lines[after:], start=after + 1):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                found.append({**event, "n": number})
        return found

    def ask_cancel(self) -> None:
        """Ask the worker to stop after its current step. Raises JobError when none is working."""
        if not self.alive():
            raise JobError("This job is not running, so there is nothing to cancel.")
        (self.path / "cancel").touch()

    def ask_pause(self) -> None:
        """Ask the worker to save and stop after its current step. Raises JobError when none is working."""
        if not self.alive():
            raise JobError("This job is not running, so there is nothing to pause.")
        (self.path / "pause").touch()

    # ---- starting ----------------------------------------------------------------------------------------------

    def _take_lock(self, patience: float = 0.5) -> int:
        """An open descriptor that holds the lock. Patient: a reader's `alive` holds it for microseconds."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            except OSError as error:
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    raise JobError("This job is already being worked on.") from error
                time.sleep(0.01)

    def _forget_the_last_end(self) -> None:
        """Only while holding the lock: a new life begins, the old end and the old wishes to stop are over."""
        (self.path / "cancel").unlink(missing_ok=True)
        (self.path / "pause").unlink(missing_ok=True)
        (self.path / "end.json").unlink(missing_ok=True)


def start_detached(arguments: Sequence[str], job: JobFolder) -> None:
    """Start `python ARGUMENTS` as the worker of `job`, in a session of its own: it outlives whoever started it.

    The lock is taken here and handed down, so there is no moment in which the job looks dead, and of fifty
    starters one starts. Output goes to log.txt: a pipe would kill the worker when its reader goes.
    Raises JobError when the job is already being worked on.
    """
    job.path.mkdir(parents=True, exist_ok=True)
    lock = job._take_lock()
    try:
        job._forget_the_last_end()
        job.emit(type="queued", at=now())
        package_root = str(Path(__file__).resolve().parent.parent)
        path = os.pathsep.join(filter(None, [package_root, os.environ.get("PYTHONPATH")]))
        with (job.path / "log.txt").open("ab") as log:
            subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(lock,),
                env={**os.environ, "PYTHONPATH": path, LOCK_FD: str(lock)},
            )
    except OSError as error:
        raise JobError(f"The worker could not be started: {error.strerror}.") from error
    finally:
        os.close(lock)  # the worker's copy keeps the lock held; when the worker goes, so does the lock


def _inherited_lock(path: Path) -> int | None:
    """The descriptor a starter handed down, if it really is this job's lock; not passed on to children of ours."""
    number = os.environ.pop(LOCK_FD, "")
    if not number.isdigit():
        return None
    try:
        ours, theirs = os.fstat(int(number)), path.stat()
    except OSError:
        return None
    if (ours.st_dev, ours.st_ino) != (theirs.st_dev, theirs.st_ino):
        return None
    os.set_inheritable(int(number), False)
    return int(number)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0.0 else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
