"""The process that trains: `python -m embedlab.training.worker RUNFOLDER`, alone or under torchrun.

It goes on from the newest checkpoint that verifies, or starts. What it has to say goes to the events; it alone
writes the end. torch is imported after the lock is taken, so that even a broken installation leaves an end.
Where the run wants several processes this one is the first, and starts the others (processes.py).
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedlab.errors import StoreError, TrainingError, UserError
from embedlab.jobfolder import JobFolder
from embedlab.training import processes, runfolder
from embedlab.training.objectives import objective
from embedlab.types import RunConfig, RunState

if TYPE_CHECKING:
    from embedlab.training.checkpoint import Progress
    from embedlab.training.loop import Ending
    from embedlab.training.pool import Pool
    from embedlab.training.setup import Bench

End = tuple[RunState, str, Mapping[str, Any]]


def main(arguments: list[str]) -> int:
    """0 when the run is done, paused or was cancelled, 1 when it failed, 2 when called wrongly."""
    if len(arguments) != 1:
        print("usage: python -m embedlab.training.worker RUNFOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    if processes.is_follower():
        processes.die_with_the_first()
        return 1 if work(processes.Silent(folder))[0] == "failed" else 0
    job = JobFolder(folder)
    return 1 if job.run(lambda: work(job)) == "failed" else 0


def work(job: JobFolder) -> End:
    """Train a run from where it stands; returns how it ended."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    config, _ = runfolder.read(job.path)
    if objective(config.stages[-1].objective).reads == "words":
        from embedlab.training import tablework

        return tablework.work(job)
    launch = runfolder.read_launch(job.path)
    with processes.together(job.path, launch.processes) as others:
        import torch

        from embedlab.training import setup
        from embedlab.training.pool import Pool

        setup.seed_everything(config.seed)  # before a GPU is used: its algorithms are chosen then
        threads = max(1, torch.get_num_threads() // (1 + len(others)))
        pool = Pool.join()
        if pool.world != launch.processes:
            raise TrainingError(f"This run is for {launch.processes} processes, and {pool.world} were started.")
        end = _train(job, pool, threads, launch.report_to)
        if end[0] != "failed":
            pool.close()
            processes.leave(others)
        return end


def _train(job: JobFolder, pool: "Pool", threads: int, report_to: Sequence[str]) -> End:
    import torch

    from embedlab.training import checkpoint, setup
    from embedlab.training.loop import Loop
    from embedlab.training.tracking import open_trackers

    config, start = runfolder.read(job.path)
    found = _usable_checkpoint(job, pool)
    if found is None:
        progress = checkpoint.Progress(chunk_tokens=config.chunk_tokens, threads=pool.decide(threads))
    else:
        progress = checkpoint.read_progress(found)
    torch.set_num_threads(progress.threads)
    with _memory_named(config):
        corpus_folder = job.path.parent.parent / "corpora" / config.corpus_id
        texts = runfolder.read_canary(job.path) if pool.main else ()  # the first process alone looks
        bench = setup.lay_out(config, start, corpus_folder, texts, pool)
    trackers = open_trackers(report_to, job.path, config) if pool.main else []
    if pool.main:
        needed = runfolder.disk_needed(bench.parameters, bench.moving.count(bench.model), config)
        runfolder.require_disk(job.path, needed, config)
    again = any(event.get("type") == "ready" for event in job.events())
    _introduce(job, bench)
    if found is not None:
        checkpoint.load_weights(found, bench.model, bench.moving)
    if again:
        job.emit(type="resumed", step=progress.step)

    with ExitStack() as stack:
        for tracker in trackers:
            stack.callback(tracker.close)
        try:
            with _memory_named(config):
                ending = Loop(job, bench, progress, found, trackers).run()
        except UserError as error:
            with suppress(StoreError, OSError):  # what was good so far is handed over all the same, if the disk allows
                _hand_over(job, bench, progress, only_best=True)
            return "failed", str(error), _result(bench, progress)
        if ending != "paused":
            _hand_over(job, bench, progress, only_best=ending == "canary")
    state, message = _ending(ending, progress, config)
    return state, message, _result(bench, progress)


def _ending(ending: "Ending", progress: "Progress", config: RunConfig) -> tuple[RunState, str]:
    """(state, message) of a run that ended well."""
    kept = f"Step {progress.best_step} is kept." if progress.best_step else "No step before it is there to keep."
    if ending == "canary":
        return "cancelled", f"Stopped by the canary at step {progress.step}. {' '.join(progress.alarms)} {kept}"
    if ending == "patience":
        return "done", (
            f"Stopped early at step {progress.step}: {config.patience} evaluations in a row brought no better selection"
            f" score. {kept}"
        )
    if ending == "done":
        return "done", ""
    return ending, f"{ending.capitalize()} after step {progress.step}."


def _usable_checkpoint(job: JobFolder, pool: "Pool") -> Path | None:
    """The newest checkpoint whose bytes are those that were written; each that is not is refused by name."""
    from embedlab.training import checkpoint

    step: int | None = None
    if pool.main:
        for folder, reason in list(checkpoint.newest(job.path / "checkpoints")):
            if reason is None:
                step = checkpoint.read_progress(folder).step
                break
            message = f"{reason} Training goes on from the one before it."
            job.emit(type="refused", checkpoint=folder.name, message=message)
            checkpoint.refuse(folder)
    step = pool.decide(step)
    return None if step is None else checkpoint.place(job.path / "checkpoints", step)


def _introduce(job: JobFolder, bench: "Bench") -> None:
    """Say what is about to be trained, on what, with how much set aside."""
    import torch

    device = bench.model.device.type
    job.emit(
        type="ready",
        device=torch.cuda.get_device_name() if device == "cuda" else device,
        processes=bench.pool.world,
        threads=torch.get_num_threads(),
        precision=bench.config.precision,
        groups=list(bench.model.named_groups()),
        parameters=bench.parameters,
        trained=bench.moving.count(bench.model),
        score_name=bench.scored.score_name,
        **bench.counts,
    )
    if bench.config.precision == "bf16" and device == "cpu" and not torch.cpu._is_avx512_bf16_supported():
        job.emit(type="note", message="This processor has no bf16 arithmetic: fp32 is faster here, and more exact.")
    for note in bench.notes:
        job.emit(type="note", message=note)
    if bench.counts["cut"]:
        job.emit(type="note", message=f"{bench.counts['cut']:,} texts are longer than the model reads and were cut.")


def _hand_over(job: JobFolder, bench: "Bench", progress: "Progress", only_best: bool = False) -> None:
    """Write model/: the weights of the best evaluated step, or the present ones where none was evaluated yet."""
    from embedlab.training import card, checkpoint, export

    if not bench.pool.main:
        return
    best = checkpoint.place(job.path / "checkpoints", progress.best_step)
    if progress.best_step and checkpoint.verify(best) is None:
        checkpoint.load_weights(best, bench.model, bench.moving)
    elif only_best or progress.step == 0:
        return
    else:
        progress.best_step = progress.step
    try:
        readme = card.card(card.facts(job.path, progress.best_step, bench.model.classes))
    except UserError as error:  # the corpus was deleted meanwhile: a model without its card is still the model
        job.emit(type="note", message=f"The model has no card: {error}")
        readme = None
    export.export(bench.model, bench.source, bench.start, job.path, readme)


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
