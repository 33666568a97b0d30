"""A workspace with runs that no worker trains: what they tell is written by the test, who holds their locks."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from embedlab import encoders
from embedlab.jobfolder import JobFolder
from embedlab.lab import Lab
from embedlab.store import seal, write_json
from embedlab.training import runfolder
from embedlab.types import EncoderSpec, RunConfig
from tests.pages.conftest import fill, html


def well(app: AppTest) -> None:
    """No exception, and nothing that did not work."""
    assert not app.exception
    assert "That did not work" not in html(app), html(app)
    assert "Our mistake" not in html(app)


class Bench:
    """Runs on the made corpus, alive as long as `locks` are held, or ended as the test says."""

    def __init__(self, root: Path, locks: ExitStack, payload: str = "") -> None:
        fill(root, payload)
        self.lab, self.locks = Lab(root), locks
        self.config: RunConfig = self.lab.run_config("builtin", self.lab.corpora()[0].id, "senses", steps=100)

    def run(self, id: str, *, alive: bool = True, **changes: Any) -> JobFolder:
        start = encoders.local_folder(EncoderSpec("builtin"))

        def write(folder: Path) -> None:
            runfolder.write(folder, replace(self.config, **changes), start)

        job = JobFolder(self.lab.store.put("runs", id, id, {}, write))
        if alive:
            self.locks.enter_context(job.working())
        else:
            with job.working():
                job.finish("done", "", {"step": 100, "score": 0.9, "score_before": 0.8})
        return job

    def finished(self, id: str, scores: dict[int, float], kept: dict[int, float], **changes: Any) -> JobFolder:
        """A run that is done: step -> held-out score, step -> canary neighbours kept; the last step is the kept one."""
        job = self.run(id, alive=False, **changes)
        best = max(scores)
        for step, score in scores.items():
            if step:
                job.emit(type="step", step=step, loss=2 / step, memory_mb=1000 + step, tokens_per_s=500.0)
            if step in kept:
                look(job, step, [], kept[step])
            so_far = best if step else 0
            job.emit(type="eval", step=step, score=score, selection=score, score_name="macro-F1", best_step=so_far)
        model(job.path / "model")
        result = {"step": best, "best_step": best, "score": scores[best], "score_before": scores[0]}
        job.finish("done", "", result)
        return job

    def state(self, job: JobFolder, step: int) -> None:
        """A model state that the run kept along the way."""
        model(runfolder.frame_place(job.path, step))

    def task(self, id: str, name: str, *, alive: bool = True) -> JobFolder:
        """A task that is at work, or ended badly."""
        folder = self.lab.root / "jobs" / id
        folder.mkdir(parents=True)
        write_json(folder / "task.json", {"name": name, "arguments": [], "created": "now"})
        job = JobFolder(folder)
        if alive:
            self.locks.enter_context(job.working())
        return job


def model(folder: Path) -> None:
    """A sealed folder where a model would lie."""
    folder.mkdir(parents=True)
    (folder / "weights").write_bytes(b"w" * 5000)
    seal(folder)


def look(job: JobFolder, step: int, alarms: list[str], kept: float = 0.6) -> None:
    numbers = {"texts": 80, "mean_cosine": 0.05 + step / 300, "effective_rank": 61 - step / 3, "neighbours_kept": kept}
    job.emit(type="canary", step=step, **numbers, alarms=alarms)


def evaluated(job: JobFolder, step: int, alarms: list[str], best: int) -> None:
    look(job, step, alarms)
    job.emit(type="eval", step=step, score=0.8, selection=0.7, score_name="macro-F1", best_step=best)
