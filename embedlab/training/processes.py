"""Several processes for one run: the first starts the others, as torchrun would, and takes them with it.

The first holds the lock, tells and writes; the others follow its word (pool.py). It starts them itself because torchrun
would hold the lock in its own process and not hand it on. Started by torchrun all the same, a worker takes its place.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from embedlab.jobfolder import JobFolder

FOLLOWS = "EMBEDLAB_FOLLOWS"  # set in a process that the first one started
PATIENCE_S = 20.0  # that the others get to end by themselves
SET_PARENT_DEATH_SIGNAL = 1  # prctl(2)


class Silent(JobFolder):
    """The run as a follower sees it: the first process alone tells, and hears what people ask for."""

    def emit(self, **event: Any) -> None:
        pass

    def cancel_asked(self) -> bool:
        return False

    def pause_asked(self) -> bool:
        return False


def is_follower() -> bool:
    """Whether this process is one of several, and not the first."""
    return os.environ.get("RANK", "0") != "0"


def die_with_the_first() -> None:
    """A follower that outlived the first process would wait for it for hours. Linux only; elsewhere it does wait."""
    if FOLLOWS in os.environ and sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


@contextmanager
def together(folder: Path, processes: int) -> Iterator["list[subprocess.Popen[bytes]]"]:
    """While the block runs, `processes` - 1 others work on the same run; none are started where torchrun did.

    They are gone when the block is left, however that happens: where all went well, let them `leave` first.
    """
    if processes == 1 or "RANK" in os.environ:
        yield []
        return
    before = dict(os.environ)
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())}
    shared |= {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes)}
    others: list[subprocess.Popen[bytes]] = []
    try:
        for rank in range(1, processes):
            others.append(_follower(folder, rank, before | shared))
        os.environ.update(shared, RANK="0", LOCAL_RANK="0")
        yield others
    finally:
        for other in others:
            other.kill()
            other.wait()
        os.environ.clear()
        os.environ.update(before)


def leave(others: "list[subprocess.Popen[bytes]]") -> None:
    """Wait a little until the others have ended by themselves."""
    with suppress(subprocess.TimeoutExpired):
        for other in others:
            other.wait(PATIENCE_S)


def _follower(folder: Path, rank: int, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    place = {"RANK": str(rank), "LOCAL_RANK": str(rank), FOLLOWS: "1"}
    command = [sys.executable, "-m", "embedlab.training.worker", str(folder)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment | place)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
