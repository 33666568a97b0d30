"""The ground floor of the Lab: its workspace, and the small things every floor uses."""

import hashlib
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from embedlab import jobs
from embedlab.store import Store

Progress = Callable[[float, str], None]


class Workspace:
    """One folder that keeps everything, and the long work under way in it."""

    def __init__(self, root: Path | str = "workspace") -> None:
        self.root = Path(root)
        self.store = Store(self.root)

    def tasks(self) -> list[jobs.Task]:
        """Long work in processes of its own, newest first."""
        return jobs.tasks(self.store)

    def task(self, id: str) -> jobs.Task:
        return jobs.task(self.store, id)

    def cancel_task(self, id: str) -> None:
        """Ask it to stop at its next sign of progress; nothing is kept. Raises JobError where it is not at work."""
        jobs.cancel_task(self.store, id)

    def _start_task(self, arguments: list[str], name: str) -> str:
        """Run a command of ours in the background; returns the task's id."""
        return jobs.start_task(self.store, [*arguments, "--workspace", str(self.root.resolve())], name)


def quiet(_share: float, _what: str) -> None:
    """The progress of nobody watching."""


def part(progress: Progress, start: float, end: float) -> Progress:
    """The progress of one part of a longer job."""
    return lambda share, what: progress(start + (end - start) * share, what)


def digest(key: object) -> str:
    """sha256 of plain values: the same question has the same id."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


def command_line(action: str, **options: Any) -> str:
    """The command line that does the same."""
    words = ["python", "-m", "embedlab", action]
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is None:
            continue
        if name == "word":
            words += [part for word in value for part in (flag, word)]
        elif name == "layers":
            words += [flag, ",".join(f"{one[0]}:{one[1]}" if isinstance(one, tuple) else str(one) for one in value)]
        elif name == "replicates":
            words += [flag, ",".join(value)]
        else:
            words += [flag, str(value)]
    return shlex.join(words)
