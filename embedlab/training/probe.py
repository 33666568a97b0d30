"""What a run will cost, measured on a few of its own steps: time, memory, disk. Nothing is kept.

Meant for a process of its own: the memory it tells is the most that the process ever held.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from embedlab.training import batches, evaluate, freezing, runfolder, setup
from embedlab.training.batches import Batch
from embedlab.training.engine import Engine
from embedlab.training.loop import memory_mb
from embedlab.training.objectives import objective
from embedlab.training.plans import stage_rates
from embedlab.training.setup import Bench
from embedlab.types import RunConfig, Stage

STEPS = 3  # at least: the dearest one and two ordinary ones; of a plan with many stages one ordinary step of each


def probe(
    config: RunConfig, model_folder: Path, corpus_folder: Path, canary_texts: Sequence[str] = ()
) -> dict[str, Any]:
    """Lay out the run, take its dearest step and a few ordinary ones, evaluate once.

    step_s: an ordinary step [s], mean over the plan; eval_s: an evaluation with the canary [s]; seconds: the whole run
    without what it writes; memory_mb: at most [MiB]; tokens_per_s: real tokens; parameters of the model, trained: those
    that the plan ever moves; disk_bytes: at most; chunk_tokens: as asked, or less where memory ran out.
    Raises UserError where corpus, model and plan do not fit together, or memory ends.
    """
    setup.seed_everything(config.seed)
    bench = setup.lay_out(config, model_folder, corpus_folder, canary_texts)
    bench.model.train()
    engine = Engine(bench.model, config, bench.pool)
    engine.chunk_tokens = config.chunk_tokens
    dearest = max(range(len(config.stages)), key=lambda number: _trained(bench, config.stages[number]))
    _Stage(bench, engine, dearest).step(longest=True)
    each = max(1, (STEPS - 1) // len(config.stages))
    begin, seconds, speeds = 0, 0.0, []
    for number, stage in enumerate(config.stages):
        under_way = _Stage(bench, engine, number)
        speed = under_way.speed(each)
        speeds.append(speed)
        seconds += (stage.until_step - begin) * under_way.tokens_a_step / speed
        begin = stage.until_step
    began = time.monotonic()
    sides = [bench.held_out] if bench.selection is None else [bench.held_out, bench.selection]
    bench.scored.scores(bench.model, bench.centroids, sides)
    if bench.canary is not None:
        bench.canary.look(evaluate.vectors(bench.model, bench.canary.pieces))
    eval_s = time.monotonic() - began
    evaluations = 1 + -(-config.max_steps // config.eval_every)
    trained = bench.moving.count(bench.model)
    return {
        "step_s": round(seconds / config.max_steps, 4),
        "eval_s": round(eval_s, 3),
        "seconds": round(seconds + evaluations * eval_s, 1),
        "memory_mb": memory_mb(),
        "tokens_per_s": round(float(np.mean(speeds)), 1),
        "parameters": bench.parameters,
        "trained": trained,
        "disk_bytes": runfolder.disk_needed(bench.parameters, trained, config),
        "chunk_tokens": engine.chunk_tokens,
    }


class _Stage:
    """A stage of the plan, its groups thawed, ready for steps. The model moves: nothing of it is kept."""

    def __init__(self, bench: Bench, engine: Engine, number: int) -> None:
        config = bench.config
        self.engine, self.number, self.seed = engine, number, config.seed
        stage = config.stages[number]
        self.goal, self.material = objective(stage.objective), bench.train[stage.objective]
        chosen = freezing.apply(bench.model, stage)
        self.adam = freezing.optimiser(bench.model, chosen, config.weight_decay)
        freezing.set_rate(self.adam, 0.0)  # all the work of a step, and the model stays where it is
        epoch = self.goal.epoch(self.material, config, batches.generator(config.seed, number, 0))
        self.epoch = sorted(epoch, key=self._padded)
        self.accumulate = config.accumulate
        self.tokens_a_step = float(np.mean([self._tokens(batch) for batch in epoch])) * config.accumulate

    def _padded(self, batch: Batch) -> int:
        return int(self.material.lengths[batch].max()) * len(batch)

    def _tokens(self, batch: Batch) -> int:
        return int(self.material.lengths[batch].sum())

    def step(self, *, longest: bool = False, number: int = 0) -> int:
        """One step of the longest batch, or of ordinary ones; its real tokens."""
        middle = len(self.epoch) // 2 + number * self.accumulate
        places = [-1] * self.accumulate if longest else range(middle, middle + self.accumulate)
        rows = [self.epoch[place % len(self.epoch)] for place in places]
        _, tokens = self.engine.gradients(self.goal, self.material, rows, (self.seed, self.number, number))
        self.adam.step()
        return tokens

    def speed(self, steps: int) -> float:
        """Real tokens per second of ordinary steps."""
        began = time.monotonic()
        tokens = sum(self.step(number=number) for number in range(steps))
        return tokens / max(time.monotonic() - began, 1e-9)


def _trained(bench: Bench, stage: Stage) -> int:
    groups = bench.model.named_groups()
    chosen = stage_rates(stage, list(groups))
    return sum(parameter.numel() for group in chosen for parameter in groups[group].values())
