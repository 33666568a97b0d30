"""The loop: batch, loss, clip, step; every so many steps a look at the canary, the scores and a checkpoint.

Everything that decides the result is a function of the config and the step, or lies in the checkpoint. What a kill
can take is the time since the last checkpoint, never the result.
"""

import math
import resource
import time
from collections import deque
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from embedlab.errors import MeasureError, TrainingError
from embedlab.jobfolder import JobFolder
from embedlab.training import batches, checkpoint, evaluate, freezing
from embedlab.training.checkpoint import Progress
from embedlab.training.objectives import objective
from embedlab.training.setup import Bench
from embedlab.types import RunState

RECENT = 20  # steps that the speed is averaged over
MOST_EVENTS = 2000  # steps reported: a curve needs no more points, and the file stays small
CHECKPOINT_S = 120.0  # between two evaluations a checkpoint at least this often


class Loop:
    """One run under way. `run` goes on from `progress.step` to the end of the plan, or until asked to stop."""

    def __init__(self, job: JobFolder, bench: Bench, progress: Progress, resumed: Path | None = None) -> None:
        self.job, self.bench, self.progress = job, bench, progress
        self.config, self.model = bench.config, bench.model
        self.checkpoints = job.path / "checkpoints"
        self.stage = -1
        self.recent: deque[tuple[int, float]] = deque(maxlen=RECENT)
        self.eval_s = 0.0
        self.started = time.monotonic() - progress.elapsed_s
        self.saved_at, self.saved_step = time.monotonic(), progress.step
        self.resumed = resumed

    def run(self) -> RunState:
        """Train. Returns "done" or "cancelled" (asked to, or by the canary); raises TrainingError or StoreError with
        the last checkpoint kept.
        """
        self.model.train()
        if self.progress.step == 0:
            self._evaluate()
            self.progress.score_before = self.progress.score
        while self.progress.step < self.config.max_steps:
            if self.stopped_by_canary:
                return "cancelled"
            if self.job.cancel_asked():
                self._save()
                return "cancelled"
            self._enter_stage()
            began = time.monotonic()
            loss, norm, tokens = self._step()
            self.progress.step += 1
            self.progress.tokens += tokens
            self.recent.append((tokens, time.monotonic() - began))
            self.progress.loss = round(loss, 6)
            self.progress.elapsed_s = time.monotonic() - self.started
            self._report(norm)
            self._rest()
        return "cancelled" if self.stopped_by_canary else "done"

    @property
    def stopped_by_canary(self) -> bool:
        """Whether the last evaluation ends the run: it had an alarm, and that is what was asked for."""
        return self.config.on_alarm == "stop" and bool(self.progress.alarms)

    # ---- one step ----------------------------------------------------------------------------------------------

    def _enter_stage(self) -> None:
        """At the border of a stage: freeze, thaw, a new optimiser (on resuming inside one: its memory), new batches."""
        number, begin = freezing.stage_at(self.config, self.progress.step)
        if number == self.stage:
            return
        self.stage, self.begin = number, begin
        self.plan = self.config.stages[number]
        chosen = freezing.apply(self.model, self.plan)
        self.adam = freezing.optimiser(self.model, chosen, self.config.weight_decay)
        if self.resumed is not None:
            if self.progress.step > begin:
                checkpoint.load_optimiser(self.resumed, self.model, self.adam)
            checkpoint.load_random(self.resumed)
            self.resumed = None
        self.material = self.bench.train[self.plan.objective]
        self.goal = goal = objective(self.plan.objective)
        self.batch_at = batches.walk(
            lambda epoch: goal.epoch(self.material, self.config, batches.generator(self.config.seed, number, epoch))
        )
        frozen = [group for group in self.model.named_groups() if group not in chosen]
        until = self.plan.until_step
        self.job.emit(
            type="stage", stage=number, step=begin, until=until, objective=goal.name, train=chosen, frozen=frozen
        )

    def _step(self) -> tuple[float, float, int]:
        """(loss [nats], gradient norm before clipping, real tokens). Raises before a bad number reaches a weight."""
        step = self.progress.step
        rows = self.batch_at(step - self.begin)
        share = freezing.share_of_rate(
            self.plan.schedule, step - self.begin, self.plan.until_step - self.begin, self.config.warmup
        )
        freezing.set_rate(self.adam, share)
        self.rate = share
        with self._precision():
            loss = self.goal.loss(self.model, self.material, rows, self.config)
        value = float(loss.detach())
        self._require_finite(value, "loss")
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        norm = float(self._clip())
        self._require_finite(norm, "gradient")
        self.adam.step()
        return value, norm, int(self.material.lengths[rows].sum())

    def _precision(self) -> Any:
        if self.config.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.model.device.type, dtype=torch.bfloat16)  # bf16 has fp32's range: no loss scaling

    def _clip(self) -> Tensor:
        return torch.nn.utils.clip_grad_norm_(
            [p for part in self.adam.param_groups for p in part["params"]], self.config.max_grad_norm
        )

    def _require_finite(self, value: float, what: str) -> None:
        if value - value != 0.0:
            raise TrainingError(
                f"The {what} was no longer a number at step {self.progress.step + 1}: training stopped at once and the "
                f"weights of step {self.saved_step} are kept. Start again with a lower learning rate."
            )

    # ---- between steps -----------------------------------------------------------------------------------------

    def _report(self, norm: float) -> None:
        step, total = self.progress.step, self.config.max_steps
        if step % max(1, total // MOST_EVENTS) and step != total:
            return
        tokens, seconds = (sum(column) for column in zip(*self.recent, strict=True))
        self.progress.tokens_per_s = round(tokens / max(seconds, 1e-9), 1)
        left = total - step
        evaluations = left // self.config.eval_every + 1
        self.job.emit(
            type="step",
            step=step,
            loss=self.progress.loss,
            rate=self.rate * max(self.plan.train.values()),
            grad_norm=round(norm, 5),
            tokens_per_s=self.progress.tokens_per_s,
            elapsed_s=round(self.progress.elapsed_s, 2),
            eta_s=round(left * seconds / len(self.recent) + evaluations * self.eval_s, 1),
            memory_mb=_memory_mb(),
        )

    def _rest(self) -> None:
        """After a step: look, score and save where it is time."""
        step = self.progress.step
        if step % self.config.eval_every == 0 or step == self.config.max_steps:
            began = time.monotonic()
            self._evaluate()
            self._save()
            self.eval_s = time.monotonic() - began
        elif time.monotonic() - self.saved_at > CHECKPOINT_S:
            self._save()

    def _evaluate(self) -> None:
        """Look at the canary and score. The selection rows choose the step that is kept; the held-out rows only report.

        The latest step whose selection score lies within one standard error of the best is kept (Breiman et al. 1984):
        few rows choose, and the end of the plan is what the person asked for.
        """
        bench, progress = self.bench, self.progress
        self._look()
        sides = [bench.held_out] if bench.selection is None else [bench.held_out, bench.selection]
        held_out, *chooses = bench.scored.scores(self.model, bench.centroids, sides)
        selection = chooses[0].value if chooses else None
        progress.score = held_out.value
        if progress.step > 0 and self._good_enough(selection) and not self.stopped_by_canary:
            progress.best_step, progress.best_score, progress.best_selection = progress.step, held_out.value, selection
        self.job.emit(
            type="eval",
            step=progress.step,
            score=held_out.value,
            selection=selection,
            score_name=bench.scored.score_name,
            parts=dict(held_out.parts),
            best_step=progress.best_step,
        )

    def _good_enough(self, selection: float | None) -> bool:
        """Whether a selection score is within one standard error of the best of the run, which it may be itself."""
        if selection is None or self.bench.selection is None:
            return True
        top = self.progress.top_selection = max(selection, self.progress.top_selection or 0.0)
        return selection >= top - math.sqrt(top * (1 - top) / len(self.bench.selection.examples))

    def _look(self) -> None:
        """What has become of the canary; its alarms decide with the scores which step is kept."""
        canary = self.bench.canary
        if canary is None:
            return
        try:
            look = canary.look(evaluate.vectors(self.model, canary.pieces))
        except MeasureError as error:
            raise TrainingError(
                f"The vectors of the model were no longer numbers at step {self.progress.step}: training stopped and "
                f"the weights of step {self.saved_step} are kept. Start again with a lower learning rate."
            ) from error
        self.progress.alarms = list(look.alarms)
        self.job.emit(type="canary", step=self.progress.step, **look.event())

    def _save(self) -> None:
        if self.saved_step == self.progress.step:
            return
        checkpoint.save(self.checkpoints, self.model, self.adam, self.progress)
        checkpoint.prune(self.checkpoints)
        self.saved_at, self.saved_step = time.monotonic(), self.progress.step
        self.job.emit(type="checkpoint", step=self.progress.step)


def _memory_mb() -> float:
    """The most this process has held so far: on the GPU where it trains on one, else in main memory."""
    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_allocated() / 2**20, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, 1)
