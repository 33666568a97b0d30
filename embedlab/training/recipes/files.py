"""Recipes as YAML files: those of people, and those that come with EmbedLab. Two forms, and any setting besides:

    plan: gradual_unfreezing        stages:
    objective: labels                 - {plan: full, objective: mlm, steps: 200}
    steps: 300                        - {until_step: 500, train: {"layer.*": 5e-5}, objective: senses}
    rate: 5e-5                      batch_tokens: 2048
    schedule: cosine

A stage is a plan, which may become several stages of this model, or names its groups and the step it ends at.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import yaml

from embedlab.errors import TrainingError
from embedlab.training import plans
from embedlab.training.objectives import objective
from embedlab.training.recipes.defaults import DEFAULTS
from embedlab.training.recipes.rules import FREE_FIELDS, PLAN_RULES, read_setting, read_stage, said
from embedlab.types import Stage

MAX_RECIPE_BYTES = 100_000
BUNDLED = Path(__file__).parent
HEADINGS = ("title", "line", "kinds")  # what a recipe says of itself
STAGE_FIELDS = ("until_step", "train", "schedule", "objective")
FLOAT = re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+\Z")  # 5e-5, which YAML 1.1 takes for a word


class Loader(yaml.SafeLoader):
    """YAML as people write numbers, without aliases: a recipe needs none, and they can make a small file endless."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("no aliases")
        return super().compose_node(parent, index)


class Dumper(yaml.SafeDumper):
    """Quotes the words that Loader would take for numbers."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


for each in (Loader, Dumper):
    each.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+0123456789"))


@dataclass(frozen=True)
class Bundled:
    """A recipe that comes with EmbedLab. `objective`: what it ends in; `plan`: "" where it has stages of its own.

    `kinds`: the models of the lineage it is for (see lineage.kinds); none: for transformers.
    """

    name: str
    title: str
    line: str
    objective: str
    plan: str
    kinds: tuple[str, ...] = ()

    def fits(self, kind: str | None) -> bool:
        """Whether it is for models of this kind; None: a transformer."""
        return kind in self.kinds if kind is not None else not self.kinds


def names() -> tuple[str, ...]:
    """Of the recipes that come with EmbedLab."""
    return tuple(sorted(path.stem for path in BUNDLED.glob("*.yaml")))


@cache
def bundled() -> list[Bundled]:
    """The recipes that come with EmbedLab, as a person chooses among them."""
    found = []
    for name in names():
        value = parse(BUNDLED / f"{name}.yaml")
        last = value["stages"][-1] if "stages" in value else value
        plan = "" if "stages" in value else value["plan"]
        kinds = tuple(value.get("kinds", ()))
        found.append(Bundled(name, value["title"], value["line"], last["objective"], plan, kinds))
    return found


def place(recipe: Path | str) -> Path:
    """The file of a recipe: the name of one that comes with EmbedLab, or a path."""
    return BUNDLED / f"{recipe}.yaml" if isinstance(recipe, str) and recipe in names() else Path(recipe)


def parse(path: Path) -> dict[str, Any]:
    """The mapping in a recipe file, its keys known. Raises TrainingError."""
    try:
        if path.stat().st_size > MAX_RECIPE_BYTES:
            raise TrainingError(f"The recipe {path.name} is over {MAX_RECIPE_BYTES // 1000} kB: that is no recipe.")
        value = Loader(path.read_text("utf-8")).get_single_data()
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(
            f"The recipe {path.name} cannot be read: give a text file, or one of {', '.join(names())}."
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: an impossible date, a NUL
        mark = getattr(error, "problem_mark", None)
        where = f" near line {mark.line + 1}" if mark is not None else ""
        raise TrainingError(f"The recipe {path.name} is not valid YAML{where}.") from error
    if not isinstance(value, dict) or not value.keys() & {"stages", "plan", "objective"}:
        raise TrainingError(f"The recipe {path.name} has neither a list of stages nor a plan.")
    known = ("stages", "objective", *HEADINGS, *FREE_FIELDS) if "stages" in value else (
        "objective", *PLAN_RULES, *HEADINGS, *FREE_FIELDS
    )  # fmt: skip
    _refuse_unknown(value, known, f"The recipe {path.name}")
    if "stages" in value and (not isinstance(value["stages"], list) or not value["stages"]):
        raise TrainingError(f"The recipe {path.name} has no list of stages.")
    return value


def read_recipe(
    recipe: Path | str, objective_name: str | None = None, *, depth: int, instead: Mapping[str, Any] | None = None
) -> tuple[tuple[Stage, ...], dict[str, Any]]:
    """(stages, other settings) of a recipe for a model of `depth` layers.

    `objective_name` is for what names none; `instead`: plan, steps, rate and their like, which a recipe of one plan
    takes instead of its own. Raises TrainingError, naming the file and the stage.
    """
    path = place(recipe)
    value = parse(path)
    where = f"The recipe {path.name}"
    default = value.get("objective", objective_name)
    if "stages" not in value:
        own = {key: value[key] for key in PLAN_RULES if key in value}
        stages = _stages({"plan": "full", **own, **(instead or {}), "objective": default}, 0, depth, where)
    elif instead:
        raise TrainingError(f"{where} says its stages itself: leave out {' and '.join(instead)}.")
    else:
        stages = ()
        for number, entry in enumerate(value["stages"], 1):
            at = f"Stage {number} of the recipe {path.name}"
            if not isinstance(entry, dict):
                raise TrainingError(f"{at} is a mapping of its settings, not {said(entry)}.")
            begin = stages[-1].until_step if stages else 0
            stages += _stages({"objective": default, **entry}, begin, depth, at)
    learnt = dict.fromkeys(stage.objective for stage in stages)
    if objective_name is not None and objective_name not in learnt:
        raise TrainingError(f"{where} is for {' and '.join(learnt)}, not {objective_name}: choose another one.")
    settings = {}
    for key in FREE_FIELDS:
        if key in value:
            settings[key] = _located(lambda key=key: read_setting(key, value[key]), where)
    return stages, settings


def make_plan(wish: Mapping[str, Any], depth: int) -> tuple[Stage, ...]:
    """Stages from plan, objective, and any of steps, rate, schedule, layers, decay. Raises TrainingError."""
    goal = objective(wish["objective"]).name
    read: dict[str, Any] = {key: rule.read(key, wish[key]) for key, rule in PLAN_RULES.items() if key in wish}
    default = DEFAULTS[goal]
    kind, steps = read.pop("plan"), read.pop("steps", default["steps"])
    rate = read.pop("rate", default["rate"] * (plans.ADAPTER_FACTOR if kind == "lora" else 1))
    return plans.plan(kind, goal, steps, rate, depth=depth, **read)


def _stages(entry: Mapping[str, Any], begin: int, depth: int, where: str) -> tuple[Stage, ...]:
    """What an entry becomes, from step `begin` on."""
    if entry["objective"] is None:
        raise TrainingError(f"{where} names no objective: add one, such as objective: labels.")
    if not isinstance(entry["objective"], str):
        raise TrainingError(f"{where} is not right: objective is a name, not {said(entry['objective'])}.")
    if "plan" in entry:
        _refuse_unknown(entry, ("objective", *PLAN_RULES), where)
        made = _located(lambda: make_plan(entry, depth), where)
        return tuple(Stage(s.until_step + begin, s.train, s.schedule, s.objective) for s in made)
    _refuse_unknown(entry, STAGE_FIELDS, where)
    for key in ("until_step", "train"):
        if key not in entry:
            raise TrainingError(f"{where} has no {key}: give until_step and train, or a plan.")
    stage: Stage = _located(lambda: read_stage({"schedule": "linear", **entry}), where)
    if stage.until_step <= begin:
        raise TrainingError(f"{where} ends at step {stage.until_step}, but begins at step {begin}.")
    return (stage,)


def _refuse_unknown(value: Mapping[Any, Any], known: tuple[str, ...], where: str) -> None:
    unknown = [key for key in value if key not in known]
    if unknown:
        raise TrainingError(f"{where} has an unknown setting {said(unknown[0])}: known are {', '.join(known)}.")


def _located(read: Any, where: str) -> Any:
    try:
        return read()
    except TrainingError as error:
        _again(f"{where} is not right: {error}", error)


def _again(message: str, error: TrainingError) -> NoReturn:
    raise TrainingError(message) from error
