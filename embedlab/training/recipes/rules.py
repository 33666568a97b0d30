"""What each setting of a run may be, and one sentence for each that is not right."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any, get_args

from embedlab.errors import TrainingError
from embedlab.training import plans
from embedlab.training.objectives import OBJECTIVES, objective
from embedlab.types import Lora, RunConfig, Schedule, Stage

MOST_STEPS = 10_000_000
SHOWN = 40  # characters of a wrong value that are said back


@dataclass(frozen=True)
class Whole:
    """A whole number between two bounds; 0 besides, where that means none."""

    low: int
    high: int
    or_none: bool = False

    def read(self, name: str, value: object) -> int:
        fits = isinstance(value, int) and not isinstance(value, bool)
        if not fits or not (self.low <= value <= self.high or (self.or_none and value == 0)):  # type: ignore[operator]
            none = "0 (none) or " if self.or_none else ""
            raise TrainingError(
                f"{name} is {none}a whole number from {self.low:,} to {self.high:,}, not {said(value)}."
            )
        return value  # type: ignore[return-value]


@dataclass(frozen=True)
class Number:
    """A number between two bounds. `open_low`, `open_high`: the bound itself is too low or too high."""

    low: float
    high: float
    open_low: bool = False
    open_high: bool = False

    def read(self, name: str, value: object) -> float:
        number = math.nan
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = float(value)
        high_enough = self.low < number if self.open_low else self.low <= number
        low_enough = number < self.high if self.open_high else number <= self.high
        if not (high_enough and low_enough):
            low = f"above {self.low:g}" if self.open_low else f"of at least {self.low:g}"
            high = f"below {self.high:g}" if self.open_high else f"at most {self.high:g}"
            raise TrainingError(f"{name} is a number {low} and {high}, not {said(value)}.")
        return number


@dataclass(frozen=True)
class Word:
    """One of several words, or any short text where none are given."""

    known: tuple[str, ...] = ()
    longest: int = 200

    def read(self, name: str, value: object) -> str:
        if self.known and value not in self.known:
            raise TrainingError(f"{name} is one of {', '.join(self.known)}, not {said(value)}.")
        if not isinstance(value, str) or len(value) > self.longest:
            raise TrainingError(f"{name} is a text of at most {self.longest} characters, not {said(value)}.")
        return value


RULES: Mapping[str, Whole | Number | Word] = {
    "seed": Whole(0, 2**32 - 1),
    "batch_tokens": Whole(64, 100_000_000),
    "batch_items": Whole(2, 1_000_000),
    "eval_every": Whole(1, MOST_STEPS),
    "precision": Word(("fp32", "bf16")),
    "weight_decay": Number(0, 1),
    "max_grad_norm": Number(0, 1e6, open_low=True),
    "warmup": Number(0, 1, open_high=True),
    "temperature": Number(0, 100, open_low=True),
    "canary": Word(),
    "on_alarm": Word(("tell", "stop")),
    "accumulate": Whole(1, 100_000),
    "chunk_tokens": Whole(64, 100_000_000, or_none=True),
    "longest": Whole(4, 1_000_000),
    "patience": Whole(1, 1_000_000, or_none=True),
    "isotropy": Number(0, 100),
    "mask_share": Number(0, 1, open_low=True, open_high=True),
    "frames": Whole(1, 100_000, or_none=True),
}
LORA_RULES: Mapping[str, Whole | Number] = {
    "rank": Whole(1, 4096),
    "alpha": Number(0, 1e6, open_low=True),
    "dropout": Number(0, 1, open_high=True),
}
TARGETS = ("attention", "feed_forward")
PLAN_RULES: Mapping[str, Whole | Number | Word] = {  # what makes stages; the rest is plans.plan's to judge
    "plan": Word(tuple(plans.PLANS)),
    "steps": Whole(1, MOST_STEPS),
    "rate": Number(0, 1, open_low=True, open_high=True),
    "schedule": Word(get_args(Schedule)),
    "layers": Whole(1, 10_000),
    "decay": Number(1, 100),
}
FREE_FIELDS = tuple(f.name for f in fields(RunConfig) if f.name not in ("corpus_id", "encoder", "stages"))


def said(value: object) -> str:
    """A wrong value in a sentence, short; of a list or a mapping only what it is."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def read_setting(name: str, value: object) -> Any:
    """One of FREE_FIELDS as RunConfig takes it. Raises TrainingError."""
    return read_lora(value) if name == "lora" else RULES[name].read(name, value)


def read_lora(value: object) -> Lora | None:
    """From a mapping, as a recipe has it, or as it is. Raises TrainingError."""
    if value is None or isinstance(value, Lora):
        return value
    if not isinstance(value, Mapping):
        raise TrainingError(f"lora is a mapping of rank, alpha, dropout and targets, not {said(value)}.")
    made: dict[str, Any] = {}
    for key, item in value.items():
        if key == "targets":
            listed = tuple(item) if isinstance(item, list | tuple) else (item,)
            wrong = [one for one in listed if one not in TARGETS] if listed else [item]
            if wrong:
                raise TrainingError(f"targets of lora are some of {', '.join(TARGETS)}, not {said(wrong[0])}.")
            made[key] = listed
        elif key in LORA_RULES:
            made[key] = LORA_RULES[key].read(f"{key} of lora", item)
        else:
            raise TrainingError(f"lora has no setting {said(key)}: known are {', '.join((*LORA_RULES, 'targets'))}.")
    return Lora(**made)


def read_stage(value: Mapping[str, Any]) -> Stage:
    """A stage with everything said: until_step, train, schedule, objective. Raises TrainingError."""
    train = value["train"]
    if not isinstance(train, Mapping) or not train or not all(isinstance(key, str) for key in train):
        raise TrainingError(f"train is a mapping of groups to learning rates, not {said(train)}.")
    rate = Number(0, 1, open_low=True, open_high=True)
    return Stage(
        Whole(1, MOST_STEPS).read("until_step", value["until_step"]),
        {group: rate.read(f"the learning rate of {said(group)}", item) for group, item in train.items()},
        Word(get_args(Schedule)).read("schedule", value["schedule"]),  # type: ignore[arg-type]
        Word(tuple(OBJECTIVES)).read("objective", value["objective"]),
    )


def checked(config: RunConfig, depth: int | None = None) -> RunConfig:
    """The config itself. `depth`: layers of the model, where its groups are to be checked too.

    Raises TrainingError for a setting that is not right, and for settings that do not fit together.
    """
    for name in FREE_FIELDS:
        read_setting(name, getattr(config, name))
    for stage in config.stages:
        objective(stage.objective)
        read_stage(vars(stage))
    if len(config.stages) > 1 and any(OBJECTIVES[stage.objective].reads == "words" for stage in config.stages):
        raise TrainingError("Word vectors are trained by a run of their own: give it this one stage.")
    named = [key for stage in config.stages for key in stage.train]
    if config.lora is not None and not any(fnmatchcase("lora.0", key) for key in named):
        raise TrainingError("This plan trains no adapters: choose the plan lora, or leave the settings of lora out.")
    if config.isotropy > 0 and all(OBJECTIVES[stage.objective].reads != "vectors" for stage in config.stages):
        raise TrainingError("isotropy is about the vectors of a batch, and this objective has none: set it to 0.")
    if depth is not None:
        plans.timeline(config, depth)
    return config
