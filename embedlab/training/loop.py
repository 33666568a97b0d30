"""The loop: batches, gradients, clip, step; now and then a look at the canary, the scores, a checkpoint and a frame.

Everything that decides the result is a function of the config and the step, or lies in the checkpoint. What a kill
can take is the time since the last checkpoint, never the result. Of several processes the first one looks, tells,
writes and decides when to stop; all of them take the same steps.
"""

import math
import resource
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from embedlab.errors import MeasureError, TrainingError
from embedlab.jobfolder import JobFolder
from embedlab.training import batches, checkpoint, evaluate, frames, freezing, schedules
from embedlab.training.checkpoint import Progress
from embedlab.training.engine import Engine
from embedlab.training.objectives import objective
from embedlab.training.setup import Bench
from embedlab.training.tracking import Tracker

RECENT = 20  # steps that the speed is averaged over
MOST_EVENTS = 2000  # steps reported: a curve needs no more points, and the file stays small
CHECKPOINT_S = 120.0  # between two evaluations a checkpoint at least this often
TRACKED = ("step", "eval", "canary")  # events that trackers are told of

Ending = Literal["done", "cancelled", "paused", "canary", "patience"]


class Loop:
    """One run under way. `run` goes on from `progress.step` to the end of the plan, or until asked to stop."""

    def __init__(
        self,
        job: JobFolder,
        bench: Bench,
        progress: Progress,
        resumed: Path | None = None,
        trackers: Sequence[Tracker] = (),
    ) -> None:
        self.job, self.bench, self.progress, self.trackers = job, bench, progress, trackers
        self.config, self.model, self.pool = bench.config, bench.model, bench.pool
        self.engine = Engine(bench.model, bench.config, bench.pool)
        self.engine.chunk_tokens = progress.chunk_tokens
        self.checkpoints = job.path / "checkpoints"
        self.stage = -1
        self.recent: deque[tuple[int, float]] = deque(maxlen=RECENT)
        self.eval_s = 0.0
        self.started = time.monotonic() - progress.elapsed_s
        self.saved_at, self.saved_step = time.monotonic(), progress.step
        self.resumed = resumed

    def run(self) -> Ending:
        """Train, and say how it ended: the plan is over, a person asked to stop or pause, the canary was alarmed, or
        patience ran out. Raises TrainingError or StoreError with the last checkpoint kept.
        """
        self.model.train()
        if self.progress.step == 0:
            self._evaluate()
            self.progress.score_before = self.progress.score
        if self._is_looked_at(self.progress.step):
            self._frame()  # on resuming: a kill may have come between the checkpoint and its frame
        while True:
            word = self.pool.decide(self._word())
            if word == "save":
                self._save()
            elif word != "go":
                if word in ("cancelled", "paused"):
                    self._save()
                return word
            self._enter_stage()
            began = time.monotonic()
            loss, norm, tokens = self._step()
            self.progress.step += 1
            self.progress.tokens += tokens
            self.recent.append((tokens, time.monotonic() - began))
            self.progress.loss = round(loss, 6)
            self.progress.elapsed_s = time.monotonic() - self.started
            self._report(norm)
            if self._is_looked_at(self.progress.step):
                self._look_and_save()

    def _word(self) -> Any:
        """What is to be done next: "go", "save", or how the run ends."""
        config, progress = self.config, self.progress
        if self._alarmed:
            return "canary"
        if progress.step == config.max_steps:
            return "done"
        if config.patience and progress.stale >= config.patience:
            return "patience"
        if self.job.cancel_asked():
            return "cancelled"
        if self.job.pause_asked():
            return "paused"
        return "save" if time.monotonic() - self.saved_at > CHECKPOINT_S else "go"

    @property
    def _alarmed(self) -> bool:
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
        if self.resumed is not None and self.progress.step > begin:
            checkpoint.load_optimiser(self.resumed, self.model, self.adam)
        self.resumed = None
        self.material = self.bench.train[self.plan.objective]
        self.goal = goal = objective(self.plan.objective)
        self.batch_at = batches.walk(
            lambda epoch: goal.epoch(self.material, self.config, batches.generator(self.config.seed, number, epoch))
        )
        frozen = [group for group in self.model.named_groups() if group not in chosen]
        until = self.plan.until_step
        self._tell(
            type="stage", stage=number, step=begin, until=until, objective=goal.name, train=chosen, frozen=frozen
        )

    def _step(self) -> tuple[float, float, int]:
        """(loss [nats], gradient norm before clipping, real tokens). Raises before a bad number reaches a weight."""
        step, taken = self.progress.step, self.config.accumulate
        first = (step - self.begin) * taken
        rows = [self.batch_at(number) for number in range(first, first + taken)]
        self.rate = schedules.share_of_rate(
            self.plan.schedule, step - self.begin, self.plan.until_step - self.begin, self.config.warmup
        )
        freezing.set_rate(self.adam, self.rate)
        loss, tokens = self.engine.gradients(self.goal, self.material, rows, (self.config.seed, self.stage, step))
        self._say_if_halved()
        self._require_finite(loss, "loss")
        trained = [p for part in self.adam.param_groups for p in part["params"]]
        norm = float(torch.nn.utils.clip_grad_norm_(trained, self.config.max_grad_norm))
        self._require_finite(norm, "gradient")
        self.adam.step()
        return loss, norm, tokens

    def _require_finite(self, value: float, what: str) -> None:
        if value - value != 0.0:
            raise TrainingError(
                f"The {what} was no longer a number at step {self.progress.step + 1}: training stopped at once and the "
                f"weights of step {self.saved_step} are kept. Start again with a lower learning rate."
            )

    def _say_if_halved(self) -> None:
        tokens = self.engine.chunk_tokens
        if tokens == self.progress.chunk_tokens:
            return
        self.progress.chunk_tokens = tokens
        step = self.progress.step + 1
        message = (
            f"Memory ran out at step {step}: from here on {tokens} tokens go through the model at a time. What is "
            f"learned is the same; next time, set chunk_tokens to {tokens} or lower batch_tokens."
        )
        self._tell(type="note", step=step, chunk_tokens=tokens, message=message)

    # ---- between steps -----------------------------------------------------------------------------------------

    def _tell(self, **event: Any) -> None:
        self.job.emit(**event)
        if event["type"] in TRACKED:
            for tracker in [tracker for tracker in self.trackers if not tracker.problem]:
                tracker.log(event)
                if tracker.problem:
                    self.job.emit(type="note", step=self.progress.step, message=tracker.problem)

    def _report(self, norm: float) -> None:
        step, total = self.progress.step, self.config.max_steps
        if step % max(1, total // MOST_EVENTS) and step != total:
            return
        tokens, seconds = (sum(column) for column in zip(*self.recent, strict=True))
        self.progress.tokens_per_s = round(tokens / max(seconds, 1e-9), 1)
        left = total - step
        evaluations = left // self.config.eval_every + 1
        self._tell(
            type="step",
            step=step,
            loss=self.progress.loss,
            rate=self.rate * max(part["rate"] for part in self.adam.param_groups),
            grad_norm=round(norm, 5),
            tokens_per_s=self.progress.tokens_per_s,
            elapsed_s=round(self.progress.elapsed_s, 2),
            eta_s=round(left * seconds / len(self.recent) + evaluations * self.eval_s, 1),
            memory_mb=memory_mb(),
        )

    def _is_looked_at(self, step: int) -> bool:
        return step % self.config.eval_every == 0 or step == self.config.max_steps

    def _look_and_save(self) -> None:
        began = time.monotonic()
        self._evaluate()
        self._save()
        self._frame()
        self.eval_s = time.monotonic() - began

    def _evaluate(self) -> None:
        """Look at the canary and score. The selection rows choose the step that is kept; the held-out rows only report.

        The latest step whose selection score lies within one standard error of the best is kept (Breiman et al. 1984):
        few rows choose, and the end of the plan is what the person asked for.
        """
        bench, progress = self.bench, self.progress
        if not self.pool.main:
            return
        self._watch()
        sides = [bench.held_out] if bench.selection is None else [bench.held_out, bench.selection]
        held_out, *chooses = bench.scored.scores(self.model, bench.centroids, sides)
        selection = chooses[0].value if chooses else None
        progress.score = held_out.value
        if progress.step > 0 and self._good_enough(selection) and not self._alarmed:
            progress.best_step, progress.best_score, progress.best_selection = progress.step, held_out.value, selection
        self._tell(
            type="eval",
            step=progress.step,
            score=held_out.value,
            selection=selection,
            score_name=bench.scored.score_name,
            parts=dict(held_out.parts),
            best_step=progress.best_step,
        )

    def _good_enough(self, selection: float | None) -> bool:
        """Whether a selection score is within one standard error of the best of the run, which it may be itself.

        The error is that of a share of n rows; it bounds that of a mean of numbers in [0, 1].
        """
        progress = self.progress
        if selection is None or self.bench.selection is None:
            return True
        better = progress.top_selection is None or selection > progress.top_selection
        progress.stale = 0 if better else progress.stale + 1
        top = progress.top_selection = selection if better else progress.top_selection
        assert top is not None
        return selection >= top - math.sqrt(max(0.0, top * (1 - top)) / len(self.bench.selection.examples))

    def _watch(self) -> None:
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
        self._tell(type="canary", step=self.progress.step, **look.event())

    def _save(self) -> None:
        if self.saved_step != self.progress.step and self.pool.main:
            checkpoint.save(self.checkpoints, self.model, self.bench.moving, self.adam, self.progress)
            checkpoint.prune(self.checkpoints)
            self._tell(type="checkpoint", step=self.progress.step)
        self.saved_at, self.saved_step = time.monotonic(), self.progress.step

    def _frame(self) -> None:
        bench, step = self.bench, self.progress.step
        if self.pool.main and frames.keep(self.job.path, self.model, bench.source, bench.start, step, self.config):
            self._tell(type="frame", step=step)


def memory_mb() -> float:
    """The most this process has held so far: on the GPU where it trains on one, else in main memory."""
    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_allocated() / 2**20, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, 1)
