"""Which parameters a stage trains and how fast; the rest does not move, to the bit.

A frozen parameter asks for no gradient and is in no optimiser, so neither weight decay nor Adam's memory of an earlier
stage can move it. A new stage makes a new optimiser.
"""

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import torch
from torch import nn

from embedlab.errors import TrainingError
from embedlab.training.trainable import Trainable
from embedlab.types import RunConfig, Schedule, Stage

BETAS = (0.9, 0.999)  # Adam's own; BERT was tuned with them
CUT, RATIO = 0.1, 32  # the slanted triangle of ULMFiT (Howard & Ruder 2018): up for a tenth, down to 1/32


def rates(train: Mapping[str, float], groups: Sequence[str]) -> dict[str, float]:
    """Group -> learning rate, for the groups a stage trains, bottom to top.

    Of the keys of `train` the first that fits a group counts. Raises TrainingError for a key that fits nothing.
    """
    found = {}
    for group in groups:
        key = next((key for key in train if fnmatchcase(group, key)), None)
        if key is not None:
            found[group] = train[key]
    for key in train:
        if not any(fnmatchcase(group, key) for group in groups):
            raise TrainingError(f"This model has no group {key!r}: its groups are {', '.join(groups)}.")
    return found


def apply(model: Trainable, stage: Stage) -> dict[str, float]:
    """Freeze and thaw the model as the stage says; returns the rates by group."""
    groups = model.named_groups()
    chosen = rates(stage.train, list(groups))
    model.requires_grad_(False)
    for group in chosen:
        for parameter in groups[group].values():
            parameter.requires_grad_(True)
    return chosen


def optimiser(model: Trainable, chosen: Mapping[str, float], weight_decay: float) -> torch.optim.AdamW:
    """AdamW over the trained groups. Matrices decay; biases and norms (one dimension) do not, as in BERT's recipe."""
    groups = model.named_groups()
    parts = []
    for group, rate in chosen.items():
        for decays in (True, False):
            parameters = [p for p in groups[group].values() if (p.ndim > 1) == decays]
            if parameters:
                decay = weight_decay if decays else 0.0
                parts.append({"params": parameters, "weight_decay": decay, "lr": rate, "rate": rate})
    # fused: one pass over the memory instead of a dozen, on CPU and GPU alike
    return torch.optim.AdamW(parts, betas=BETAS, fused=True)


def set_rate(adam: torch.optim.Optimizer, share: float) -> None:
    for part in adam.param_groups:
        part["lr"] = part["rate"] * share


def share_of_rate(schedule: Schedule, step: int, steps: int, warmup: float) -> float:
    """The share of a group's rate that step `step` (from 0) of a stage of `steps` gets, in (0, 1]."""
    if schedule == "constant":
        return 1.0
    if schedule == "stlr":
        top = max(1, int(steps * CUT))
        p = (step + 1) / top if step < top else max(0.0, 1 - (step + 1 - top) / max(1, steps - top))
        return (1 + min(p, 1.0) * (RATIO - 1)) / RATIO
    rising = int(steps * warmup)
    if step < rising:
        return (step + 1) / (rising + 1)
    left = (steps - step) / (steps - rising)
    return left if schedule == "linear" else (1 - math.cos(math.pi * left)) / 2


def stage_at(config: RunConfig, step: int) -> tuple[int, int]:
    """(number, first step) of the stage that the step after `step` finished ones belongs to."""
    begin = 0
    for number, stage in enumerate(config.stages):
        if step < stage.until_step:
            return number, begin
        begin = stage.until_step
    raise ValueError("the plan is over")


def trained(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that may move now, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
