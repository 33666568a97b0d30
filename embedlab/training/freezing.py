"""Which parameters a stage trains and how fast; the rest does not move, to the bit.

A frozen parameter asks for no gradient and is in no optimiser, so neither weight decay nor Adam's memory of an earlier
stage can move it. A new stage makes a new optimiser.
"""

from collections.abc import Mapping

import torch
from torch import nn

from embedlab.training.plans import stage_rates
from embedlab.training.trainable import Trainable
from embedlab.types import RunConfig, Stage

BETAS = (0.9, 0.999)  # Adam's own; BERT was tuned with them


def apply(model: Trainable, stage: Stage) -> dict[str, float]:
    """Freeze and thaw the model as the stage says; returns the rates by group. Raises TrainingError (stage_rates)."""
    groups = model.named_groups()
    chosen = stage_rates(stage, list(groups))
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
