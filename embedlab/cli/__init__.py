"""The command line: the same lab without a screen, with the same names as the methods of Lab.

Standard output carries the result (with --json: one JSON value and nothing else), standard error the progress.
Exit code 0 only when it did what was asked; 1 when an expectation failed; 2 with one sentence for bad input; 130 when
interrupted.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from embedlab.cli.printing import Cancelled, JobPrinter, Printer
from embedlab.cli.words import parser
from embedlab.errors import UserError
from embedlab.jobfolder import JobFolder
from embedlab.lab import Lab
from embedlab.types import RunState

__all__ = ["main", "parser"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = parser().parse_args(arguments)
    show = Printer(options.json)
    try:
        if options.job is not None:
            return _as_job(options, JobFolder(Path(options.job)))
        code: int | None = options.run(Lab(options.workspace), options, show)
    except UserError as error:
        print(f"embedlab: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("embedlab: interrupted; what was finished is kept.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0
    return code or 0


def _as_job(options: argparse.Namespace, job: JobFolder) -> int:
    show = JobPrinter(job)

    def work() -> tuple[RunState, str, dict[str, Any]]:
        try:
            options.run(Lab(options.workspace), options, show)
        except Cancelled as cancelled:
            return "cancelled", str(cancelled), {}
        return "done", "", show.result

    return 0 if job.run(work) == "done" else 2
