"""A server of workers: imports torch once, then forks a worker process for every order read from standard input.

An order is {"run": folder, "mode": null | "kill" | "error", "at": n, "during": k}: in the k-th checkpoint of the run,
before its n-th file operation, the process dies as by SIGKILL ("kill") or the operation fails as on a full disk
("error"). With {"cancel_after": n} somebody asks it to stop after n steps. The answer is {"code": exit status,
"operations": file operations of that checkpoint}.
"""

import errno
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

OPERATIONS = ("open", "mkdir", "rename", "replace", "fsync", "unlink", "rmdir")  # of module os


class Faults:
    """Counts the file operations of one checkpoint and strikes before the n-th."""

    def __init__(self, mode: str | None, at: int, during: int) -> None:
        self.mode, self.at, self.during = mode, at, during
        self.checkpoints = self.count = 0
        self.watching = False

    def install(self) -> None:
        from embedlab.training import checkpoint

        for name in OPERATIONS:
            setattr(os, name, self._watched(getattr(os, name)))
        checkpoint.save_file = self._watched_file(checkpoint.save_file)
        save, prune = checkpoint.save, checkpoint.prune

        def watched_save(*arguments: Any) -> Any:
            self.checkpoints += 1
            self.watching = self.checkpoints == self.during
            return save(*arguments)

        def watched_prune(*arguments: Any) -> None:
            prune(*arguments)
            self.watching = False

        checkpoint.save, checkpoint.prune = watched_save, watched_prune

    def strike(self) -> None:
        if not self.watching:
            return
        self.count += 1
        if self.count == self.at and self.mode == "kill":
            os._exit(137)
        if self.count == self.at and self.mode == "error":
            raise OSError(errno.ENOSPC, "No space left on device")

    def _watched(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            self.strike()
            return operation(*arguments, **options)

        return run

    def _watched_file(self, save_file: Callable[..., Any]) -> Callable[..., Any]:
        """Before a large file, and again with half of it written."""

        def run(tensors: Any, path: Path) -> None:
            self.strike()
            save_file(tensors, path)
            whole = path.read_bytes()
            path.write_bytes(whole[: len(whole) // 2])
            self.strike()
            path.write_bytes(whole)

        return run


def cancel_after(steps: int) -> None:
    """Make the cancel file, as a person would, once the worker has asked for it so many times."""
    from embedlab.jobfolder import JobFolder

    asked, looks = JobFolder.cancel_asked, iter(range(steps + 1))

    def watched(job: JobFolder) -> bool:
        if next(looks, steps) == steps:
            (job.path / "cancel").touch()
        return asked(job)

    JobFolder.cancel_asked = watched  # type: ignore[method-assign]


def serve() -> None:
    import torch

    from embedlab.training import export, loop, runfolder, setup, worker  # noqa: F401

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
            faults = Faults(order.get("mode"), order.get("at", 0), order.get("during", 1))
            faults.install()
            if "cancel_after" in order:
                cancel_after(order["cancel_after"])
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
