"""The process that trains: `python -m embedlab.training.worker RUNFOLDER`.

It goes on from the newest checkpoint that verifies, or starts. What it has to say goes to the events; it alone
writes the end. torch is imported after the lock is taken, so that even a broken installation leaves an end.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedlab.errors import StoreError, TrainingError, UserError
from embedlab.jobfolder import JobFolder
from embedlab.store import require_space
from embedlab.training import runfolder
from embedlab.types import RunConfig, RunState

if TYPE_CHECKING:
    from embedlab.training.checkpoint import Progress
    from embedlab.training.setup import Bench

CHECKPOINTS_ON_DISK = 5  # two newest, up to two bests, and the one being written


def main(arguments: list[str]) -> int:
    """0 when the run is done or was cancelled, 1 when it failed, 2 when called wrongly."""
    if len(arguments) != 1:
        print("usage: python -m embedlab.training.worker RUNFOLDER", file=sys.stderr)
        return 2
    job = JobFolder(Path(arguments[0]))
    return 0 if job.run(lambda: work(job)) in ("done", "cancelled") else 1


def work(job: JobFolder) -> tuple[RunState, str, Mapping[str, Any]]:
    """Train a run from where it stands; returns how it ended."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    config, model_folder = runfolder.read(job.path)

    import torch

    from embedlab.training import checkpoint, freezing, setup
    from embedlab.training.loop import Loop

    found = _usable_checkpoint(job)
    progress = checkpoint.Progress() if found is None else checkpoint.read_progress(found)
    torch.set_num_threads(progress.threads)
    setup.seed_everything(config.seed)
    with _memory_named(config):
        corpus_folder = job.path.parent.parent / "corpora" / config.corpus_id
        bench = setup.lay_out(config, model_folder, corpus_folder, runfolder.read_canary(job.path))
    for stage in config.stages:  # a plan that does not fit this model fails here, not at its third stage
        freezing.rates(stage.train, list(bench.model.named_groups()))
    require_space(job.path, (CHECKPOINTS_ON_DISK + 1) * checkpoint.size(bench.model))
    _introduce(job, bench)
    if found is not None:
        checkpoint.load_weights(found, bench.model)
        job.emit(type="resumed", step=progress.step)

    try:
        with _memory_named(config):
            loop = Loop(job, bench, progress, found)
            state = loop.run()
    except UserError as error:
        with suppress(StoreError, OSError):  # what was good so far is handed over all the same, if the disk allows it
            _hand_over(job, bench, progress, model_folder, only_best=True)
        return "failed", str(error), _result(bench, progress)
    _hand_over(job, bench, progress, model_folder, only_best=loop.stopped_by_canary)
    message = f"Cancelled after step {progress.step}." if state == "cancelled" else ""
    if loop.stopped_by_canary:
        kept = f"Step {progress.best_step} is kept." if progress.best_step else "No step before it is there to keep."
        message = f"Stopped by the canary at step {progress.step}. {' '.join(progress.alarms)} {kept}"
    return state, message, _result(bench, progress)


def _usable_checkpoint(job: JobFolder) -> Path | None:
    """The newest checkpoint whose bytes are those that were written; each that is not is refused by name."""
    from embedlab.training import checkpoint

    for folder, reason in list(checkpoint.newest(job.path / "checkpoints")):
        if reason is None:
            return folder
        job.emit(type="refused", checkpoint=folder.name, message=f"{reason} Training goes on from the one before it.")
        checkpoint.refuse(folder)
    return None


def _introduce(job: JobFolder, bench: "Bench") -> None:
    """Say what is about to be trained, on what, with how much set aside."""
    import torch

    device = bench.model.device.type
    job.emit(
        type="ready",
        device=torch.cuda.get_device_name() if device == "cuda" else device,
        threads=torch.get_num_threads(),
        precision=bench.config.precision,
        groups=list(bench.model.named_groups()),
        score_name=bench.scored.score_name,
        **bench.counts,
    )
    if bench.config.precision == "bf16" and device == "cpu" and not torch.cpu._is_avx512_bf16_supported():
        job.emit(type="note", message="This processor has no bf16 arithmetic: fp32 is faster here, and more exact.")
    for note in bench.notes:
        job.emit(type="note", message=note)
    if bench.counts["cut"]:
        job.emit(type="note", message=f"{bench.counts['cut']:,} texts are longer than the model reads and were cut.")


def _hand_over(job: JobFolder, bench: "Bench", progress: "Progress", start: Path, only_best: bool = False) -> None:
    """Write model/: the weights of the best evaluated step, or the present ones where none was evaluated yet."""
    from embedlab.training import checkpoint, export

    best = checkpoint.place(job.path / "checkpoints", progress.best_step)
    if progress.best_step and checkpoint.verify(best) is None:
        checkpoint.load_weights(best, bench.model)
    elif only_best or progress.step == 0:
        return
    else:
        progress.best_step = progress.step
    export.export(bench.model, bench.source, start, job.path)


def _result(bench: "Bench", progress: "Progress") -> dict[str, Any]:
    """What end.json tells beside the state: `best_step` is the step whose weights lie in model/, `score` its held-out
    score, `selection` the score it was chosen by; `alarms` what the canary said last.
    """
    return {
        "step": progress.step,
        "best_step": progress.best_step,
        "score_name": bench.scored.score_name,
        "score_before": progress.score_before,
        "score": progress.best_score,
        "selection": progress.best_selection,
        "last_score": progress.score,
        "alarms": progress.alarms,
        "loss": progress.loss,
        "elapsed_s": round(progress.elapsed_s, 2),
        "tokens": progress.tokens,
        "tokens_per_s": progress.tokens_per_s,
    }


@contextmanager
def _memory_named(config: RunConfig) -> Iterator[None]:
    """Turn running out of memory into the one sentence that helps."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, MemoryError) or "out of memory" in str(error) or "can't allocate memory" in str(error):
            raise TrainingError(
                f"There is not enough memory for this run: lower batch_tokens (now {config.batch_tokens}), try again."
            ) from error
        raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
