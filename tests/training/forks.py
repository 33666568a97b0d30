"""A server of workers: imports torch once, then forks a worker process for every order read from standard input.

An order is {"run": folder, "mode": null | "kill" | "error", "at": n, "where": "checkpoint" | "frame", "during": k}: in
the k-th checkpoint (or frame) of the run, before its n-th file operation, the process dies as by SIGKILL ("kill") or
the operation fails as on a full disk ("error"). With {"stop": "cancel" | "pause", "after": n} somebody asks it to stop
after n steps. The answer is {"code": exit status, "operations": file operations of that checkpoint or frame}.
"""

import builtins
import errno
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

OPERATIONS = ("open", "mkdir", "rename", "replace", "fsync", "unlink", "rmdir")  # of module os


class Faults:
    """Counts the file operations on the run folder during one checkpoint or frame and strikes before the n-th.

    A large file counts twice: before it is written, and when half of it is.
    """

    def __init__(self, run: Path, mode: str | None, at: int, where: str, during: int) -> None:
        self.run, self.mode, self.at, self.where, self.during = str(run), mode, at, where, during
        self.begun = self.count = 0
        self.watching = False

    def install(self) -> None:
        from transformers import modeling_utils

        from embedlab.training import checkpoint, frames

        for name in OPERATIONS:
            setattr(os, name, self._watched(getattr(os, name)))
        builtins.open = io.open = self._watched_open(io.open)  # type: ignore[assignment]
        checkpoint.save_file = self._watched_file(checkpoint.save_file)
        modeling_utils.safe_save_file = self._watched_file(modeling_utils.safe_save_file)
        if self.where == "checkpoint":
            checkpoint.save = self._begins(checkpoint.save)
            checkpoint.prune = self._ends(checkpoint.prune)
        else:
            frames.keep = self._ends(self._begins(frames.keep))

    def strike(self, path: Any) -> None:
        if not self.watching:
            return
        place = os.readlink(f"/proc/self/fd/{path}") if isinstance(path, int) else os.fspath(path)
        if not place.startswith(self.run):
            return
        self.count += 1
        if self.count == self.at and self.mode == "kill":
            os._exit(137)
        if self.count == self.at and self.mode == "error":
            raise OSError(errno.ENOSPC, "No space left on device")

    def _begins(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            self.begun += 1
            self.watching = self.begun == self.during
            return work(*arguments)

        return run

    def _ends(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            result = work(*arguments)
            self.watching = False
            return result

        return run

    def _watched(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def run(path: Any, *arguments: Any, **options: Any) -> Any:
            self.strike(path)
            return operation(path, *arguments, **options)

        return run

    def _watched_open(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def run(path: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            if not isinstance(path, int) and set(mode) & set("wax+"):
                self.strike(path)
            return operation(path, mode, *arguments, **options)

        return run

    def _watched_file(self, save_file: Callable[..., Any]) -> Callable[..., Any]:
        def run(tensors: Any, path: Any, *arguments: Any, **options: Any) -> None:
            self.strike(path)
            save_file(tensors, path, *arguments, **options)
            whole = Path(path).read_bytes()
            Path(path).write_bytes(whole[: len(whole) // 2])
            self.strike(path)
            Path(path).write_bytes(whole)

        return run


def stop_after(wish: str, steps: int) -> None:
    """Make the cancel or pause file, as a person would, once the worker has asked for it so many times."""
    from embedlab.jobfolder import JobFolder

    asked, looks = JobFolder.cancel_asked, iter(range(steps + 1))

    def watched(job: JobFolder) -> bool:
        if next(looks, steps) == steps:
            (job.path / wish).touch()
        return asked(job)

    JobFolder.cancel_asked = watched  # type: ignore[method-assign]


def serve() -> None:
    import torch

    from embedlab.training import card, export, loop, runfolder, setup, worker  # noqa: F401

    torch.set_num_threads(1)
    warm = False
    for line in sys.stdin:
        order = json.loads(line)
        if not warm:  # what is imported late is imported here once; no gradient is taken, so no thread is left behind
            run = Path(order["run"])
            config, start = runfolder.read(run)
            corpus = run.parent.parent / "corpora" / config.corpus_id
            setup.lay_out(config, start, corpus, runfolder.read_canary(run))
            warm = True
        report = Path(order["run"]) / "operations"
        child = os.fork()
        if child == 0:
            where = order.get("where", "checkpoint")
            faults = Faults(Path(order["run"]), order.get("mode"), order.get("at", 0), where, order.get("during", 1))
            faults.install()
            if "stop" in order:
                stop_after(order["stop"], order["after"])
            sink = os.open(Path(order["run"]) / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            code = worker.main([order["run"]])
            report.write_text(str(faults.count))
            os._exit(code)
        _, status = os.waitpid(child, 0)
        count = int(report.read_text()) if report.exists() else 0
        print(json.dumps({"code": os.waitstatus_to_exitcode(status), "operations": count}), flush=True)


if __name__ == "__main__":
    serve()
