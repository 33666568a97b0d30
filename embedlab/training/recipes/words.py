"""A run in words and as a file."""

from dataclasses import MISSING, asdict, fields
from itertools import groupby
from typing import Any

import yaml

from embedlab.training.plans import HEADS
from embedlab.training.recipes.defaults import DEFAULTS
from embedlab.training.recipes.files import Dumper
from embedlab.training.recipes.rules import FREE_FIELDS
from embedlab.types import RunConfig, Stage
from embedlab.wording import one_line

# what a person would not tell two recipes apart by
UNTOLD = ("seed", "canary", "on_alarm", "eval_every", "chunk_tokens", "frames", "lora", "patience")


def to_plain(config: RunConfig) -> dict[str, Any]:
    """A run as plain values: what JSON and YAML can hold, and what a recipe file can be made from."""
    plain = {**asdict(config), "stages": [{**asdict(stage), "train": dict(stage.train)} for stage in config.stages]}
    if config.lora is not None:
        plain["lora"] = {**asdict(config.lora), "targets": list(config.lora.targets)}
    return plain


def write(config: RunConfig) -> str:
    """The run as a recipe file, every setting said: read again it gives the same run on any corpus and model."""
    plain = to_plain(config)
    kept = {key: plain[key] for key in ("stages", *FREE_FIELDS)}
    text: str = yaml.dump(kept, Dumper=Dumper, sort_keys=False, width=120, default_flow_style=None)
    return f"# {one_line(describe(config))}\n{text}"


def describe(config: RunConfig) -> str:
    """What tells a run from others, in one line: what learns what for how long, and settings other than usual."""
    parts = []
    begin = 0
    for name, same in groupby(config.stages, key=lambda stage: stage.objective):
        stages = list(same)
        steps = stages[-1].until_step - begin
        begin = stages[-1].until_step
        step = "step" if steps == 1 else "steps"
        parts.append(f"{name}, {_trained(stages, config)}, {steps:,} {step}, {_schedules(stages)}")
    return "; ".join([", then ".join(parts), *_unusual(config)])


def _trained(stages: list[Stage], config: RunConfig) -> str:
    """Which groups learn at which rate; of several stages the first and the last."""
    each = list(dict.fromkeys(_groups(stage, config) for stage in stages))
    if len(each) == 1:
        return each[0]
    return f"{each[0]}, then {each[1]}" if len(each) == 2 else f"{len(stages)} stages from {each[0]} to {each[-1]}"


def _groups(stage: Stage, config: RunConfig) -> str:
    body = {key: rate for key, rate in stage.train.items() if key not in HEADS}
    if not body:
        return "the head"
    highest, lowest = max(body.values()), min(body.values())
    rate = _rate(highest) if highest == lowest else f"{_rate(highest)} to {_rate(lowest)}"
    rank = "" if config.lora is None else f" of rank {config.lora.rank}"
    whole = {"*": "everything", "layer.*": "all layers", "lora.*": f"LoRA{rank}"}
    named = [whole.get(key, key) for key in body]
    said = " and ".join(named) if len(named) < 3 else f"{len(named)} groups"
    return f"{said} at {rate}"


def _rate(rate: float) -> str:
    """As the field writes it: 2e-5, 1.6e-7."""
    digits, exponent = f"{rate:.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(exponent)}"


def _schedules(stages: list[Stage]) -> str:
    return " and ".join(dict.fromkeys(stage.schedule for stage in stages))


def _unusual(config: RunConfig) -> list[str]:
    usual = {f.name: f.default for f in fields(RunConfig) if f.default is not MISSING}
    usual |= DEFAULTS.get(config.stages[-1].objective, {})
    found = []
    for name in FREE_FIELDS:
        value = getattr(config, name)
        if name not in UNTOLD and value != usual[name]:
            found.append(f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}")
    return found
