"""Plans: what is trained when, and how fast. A plan is a tuple of stages; a group not named is frozen. Torch-free.

The defaults are the field's. Encoder 2e-5: the rate of BERT's and sentence-transformers' recipes (2e-5 to 5e-5). Head
1e-3: it starts from nothing and must not wait for the encoder. The head of masked language modelling 1e-4: what BERT
was pretrained with. Adapters ten times the rate of the weights: Hu et al. 2021 take 1e-4 to 5e-4. Linear decay after a
tenth of warm-up: Adam's estimates of the second moment are worthless at first. No warm-up is named here: RunConfig
holds it. A layer down learns slower by 2.6 where the rates are discriminative, as in ULMFiT (Howard & Ruder 2018).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import get_args

from embedlab.errors import TrainingError
from embedlab.training.schedules import share_of_rate
from embedlab.types import RunConfig, Schedule, Stage

HEAD_RATE = 1e-3
MLM_HEAD_RATE = 1e-4
ENCODER_RATE = 2e-5
ADAPTER_FACTOR = 10.0  # adapters' rate over that of the weights
DECAY = 2.6
# group -> the objective it is there for
HEADS: Mapping[str, str] = {"mlm_head": "mlm", "lm_head": "lm", "decoder": "translation", "head": "labels"}
HEAD_RATES: Mapping[str, float] = {"labels": HEAD_RATE, "mlm": MLM_HEAD_RATE}  # at least; others as the model does
THAW_STEPS = 5  # a thawing stage has at least so many, or several layers thaw at once

PLANS: Mapping[str, str] = {
    "full": "Everything learns from the first step.",
    "frozen_embeddings": "The token table stays as it is, to the bit; every layer above it learns.",
    "frozen_then_unfrozen": "The table is frozen for the first third of the steps, then everything learns.",
    "top_layers": "Only the top layers learn.",
    "gradual_unfreezing": "The layers thaw one by one from the top, each slower than the one above it (ULMFiT).",
    "discriminative": "Everything learns, each layer slower than the one above it.",
    "lora": "The weights stay as they are; small adapters beside them learn (LoRA).",
}


@dataclass(frozen=True)
class Span:
    """One group in one stage, trained from after step `begin` to step `end`. `rates`: first, peak and last."""

    stage: int
    group: str
    begin: int
    end: int
    rates: tuple[float, float, float]
    objective: str


def plan(
    kind: str,
    objective: str,
    steps: int,
    rate: float = ENCODER_RATE,
    *,
    depth: int,
    schedule: Schedule = "linear",
    layers: int | None = None,
    decay: float = DECAY,
) -> tuple[Stage, ...]:
    """A plan by name. `depth`: how many layers the model has; `layers`: how many of them top_layers trains.

    Of a table of words, which has none, only the head learns while the table is frozen.
    Raises TrainingError for an unknown name, no steps, an impossible rate, decay or number of layers, and for a plan
    that would train nothing.
    """
    if kind not in PLANS:
        raise TrainingError(f"There is no plan {kind!r}: choose one of {', '.join(PLANS)}.")
    if schedule not in get_args(Schedule):
        raise TrainingError(f"There is no schedule {schedule!r}: choose one of {', '.join(get_args(Schedule))}.")
    if steps < 1:
        raise TrainingError("A run needs at least one step.")
    if not 0 < rate < 1:
        raise TrainingError(f"A learning rate of {rate:g} cannot be right: the usual ones lie between 1e-6 and 1e-3.")
    if not 1 <= decay <= 100:
        raise TrainingError(f"A decay of {decay:g} a layer cannot be right: 2.6 is usual, 1 is none.")
    if (layers is not None) != (kind == "top_layers"):
        said = "needs the number of layers" if layers is None else "takes no number of layers: top_layers does"
        raise TrainingError(f"The plan {kind} {said}.")
    if depth == 0:
        _require_something_to_train(kind, objective)
    train = _rates(objective, rate, depth, decay)
    match kind:
        case "full":
            return (Stage(steps, {**_heads(objective, rate), "*": rate}, schedule, objective),)
        case "frozen_embeddings":
            return (Stage(steps, _above(objective, rate, depth), schedule, objective),)
        case "frozen_then_unfrozen":
            return _frozen_then_unfrozen(objective, steps, rate, depth, schedule)
        case "top_layers":
            return (Stage(steps, _top(objective, rate, depth, layers or 0), schedule, objective),)
        case "gradual_unfreezing":
            return _gradual(train, objective, steps, depth, schedule)
        case "discriminative":
            return (Stage(steps, train, schedule, objective),)
        case _:
            return (Stage(steps, {**_heads(objective, rate), "lora.*": rate}, schedule, objective),)


def _heads(objective: str, rate: float) -> dict[str, float]:
    """Named first: the first key that fits a group counts, so a head keeps its own rate beside a "*"."""
    return {group: max(rate, HEAD_RATES.get(name, rate)) for group, name in HEADS.items() if name == objective}


def _rates(objective: str, rate: float, depth: int, decay: float) -> dict[str, float]:
    """Top down: the head at its own rate, the top layer at `rate`, each group below at 1 / decay of the one above."""
    below = [*(f"layer.{i}" for i in reversed(range(depth))), "embeddings"]
    return {**_heads(objective, rate), **{group: rate / decay**down for down, group in enumerate(below)}}


def _above(objective: str, rate: float, depth: int) -> dict[str, float]:
    """All but the table."""
    return {**_heads(objective, rate), **({"layer.*": rate} if depth else {})}


def _require_something_to_train(kind: str, objective: str) -> None:
    """Of a table of words, which has no layers. Raises TrainingError."""
    if kind in ("top_layers", "lora"):
        raise TrainingError(f"A table of words has no layers, and the plan {kind} is about them: choose full.")
    if kind in ("frozen_embeddings", "frozen_then_unfrozen") and not _heads(objective, 1.0):
        raise TrainingError(
            f"A table of words has no layers, and {objective} has no head, so nothing would learn while the table is "
            "frozen: choose full."
        )


def _frozen_then_unfrozen(objective: str, steps: int, rate: float, depth: int, schedule: Schedule) -> tuple[Stage, ...]:
    """The layers settle before the table may follow."""
    if steps < 2:
        raise TrainingError("A plan that thaws needs at least two steps.")
    return (
        Stage(max(1, steps // 3), _above(objective, rate, depth), schedule, objective),
        Stage(steps, {**_heads(objective, rate), "*": rate}, schedule, objective),
    )


def _top(objective: str, rate: float, depth: int, layers: int) -> dict[str, float]:
    if not 1 <= layers <= depth:
        raise TrainingError(f"This model has {depth} layers: top_layers takes 1 to {depth} of them, not {layers}.")
    return {**_heads(objective, rate), **{f"layer.{i}": rate for i in reversed(range(depth - layers, depth))}}


def _gradual(
    train: Mapping[str, float], objective: str, steps: int, depth: int, schedule: Schedule
) -> tuple[Stage, ...]:
    """The head alone (or, without one, the top layer), then one group more a stage, top down, the table last.

    The first half of the steps is for thawing, in equal parts; the second for all together. Where the steps are few
    for the depth, several groups thaw at once. The paper gives each thaw an epoch and the end as long as it takes.
    """
    if steps < 2:
        raise TrainingError("A plan that thaws needs at least two steps.")
    names = list(train)
    whole = len(names)
    thaws = max(1, min(whole - 1, steps // 2 // THAW_STEPS))
    opened = [1 + i * (whole - 1) // thaws for i in range(thaws)]
    ends = [max(i + 1, steps // 2 * (i + 1) // thaws) for i in range(thaws)]
    stages = [
        Stage(end, {name: train[name] for name in names[:count]}, schedule, objective)
        for end, count in zip(ends, opened, strict=True)
    ]
    return (*stages, Stage(steps, train, schedule, objective))


# ---- which groups a stage trains ---------------------------------------------------------------------------------


def groups(depth: int, config: RunConfig) -> tuple[str, ...]:
    """The groups of a model of `depth` layers in this run, bottom to top (see Trainable.named_groups)."""
    learnt = {stage.objective for stage in config.stages}
    layers = range(depth)
    return (
        "embeddings",
        *(f"layer.{i}" for i in layers),
        *(f"lora.{i}" for i in layers if config.lora is not None),
        *(head for head, objective in HEADS.items() if objective in learnt),
    )


def rates(train: Mapping[str, float], groups: Sequence[str]) -> dict[str, float]:
    """Group -> learning rate, for the groups that `train` names, bottom to top.

    Of its keys the first that fits a group counts. Raises TrainingError for a key that fits nothing.
    """
    found = {}
    for group in groups:
        key = next((key for key in train if fnmatchcase(group, key)), None)
        if key is not None:
            found[group] = train[key]
    for key in train:
        if not any(fnmatchcase(group, key) for group in groups):
            raise TrainingError(f"There is no group {key!r} to train: there are {', '.join(groups)}.")
    return found


def stage_rates(stage: Stage, groups: Sequence[str]) -> dict[str, float]:
    """The `rates` of a stage. The head of another objective has nobody to teach it, so nothing fits it."""
    return rates(stage.train, [group for group in groups if HEADS.get(group, stage.objective) == stage.objective])


def timeline(config: RunConfig, depth: int) -> list[Span]:
    """Which group trains when, at which rate: by stage, groups bottom to top. Raises TrainingError as `rates` does."""
    spans = []
    every = groups(depth, config)
    bounds = [0, *(stage.until_step for stage in config.stages)]
    for number, (stage, (begin, end)) in enumerate(zip(config.stages, pairwise(bounds), strict=True)):
        first, last = (share_of_rate(stage.schedule, step, end - begin, config.warmup) for step in (0, end - begin - 1))
        for group, rate in stage_rates(stage, every).items():
            spans.append(Span(number, group, begin, end, (rate * first, rate, rate * last), stage.objective))
    return spans
