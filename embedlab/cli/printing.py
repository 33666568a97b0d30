"""Where the result and the progress of a command go: a terminal, a pipe, or the events of a job."""

import json
import sys
from typing import Any

from embedlab.errors import UserError
from embedlab.jobfolder import JobFolder


class Printer:
    """Where a command's result and progress go."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.result: Any = None
        self._last = ""

    def progress(self, share: float, what: str) -> None:
        line = f"{share:4.0%} {what}"
        if line != self._last:
            end = "" if sys.stderr.isatty() else "\n"
            print(f"\r\033[K{line}" if sys.stderr.isatty() else line, end=end, file=sys.stderr, flush=True)
            self._last = line

    def done(self, value: Any, *lines: str) -> None:
        """The result: as JSON, or as lines for a person."""
        self.result = value
        if self._last and sys.stderr.isatty():
            print(file=sys.stderr)
        if self.as_json:
            print(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False))
        else:
            print("\n".join(lines))


class JobPrinter(Printer):
    """The same command as a detached job of the pages: progress as events, the result in the job's end."""

    def __init__(self, job: JobFolder) -> None:
        super().__init__(as_json=True)
        self.job = job

    def progress(self, share: float, what: str) -> None:
        self.job.emit(type="progress", share=share, what=what)
        if self.job.cancel_asked():
            raise Cancelled("Cancelled. Nothing was changed.")

    def done(self, value: Any, *lines: str) -> None:
        self.result = value


class Cancelled(UserError):
    """The person asked the job to stop."""
