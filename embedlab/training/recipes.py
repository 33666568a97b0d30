"""Recipes: a run from few words, or from a YAML file. Torch-free, so that the screen can offer what a corpus allows.

A recipe file holds the stages and, where wished, any other field of RunConfig but the corpus and the model:

    stages:
      - {until_step: 100, train: {"layer.*": 5.0e-5}, schedule: linear, objective: senses}
      - {until_step: 300, train: {"*": 2.0e-5}, schedule: linear, objective: senses}
    batch_tokens: 2048
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from embedlab.errors import TrainingError
from embedlab.training import plans
from embedlab.training.objectives import OBJECTIVES, objective
from embedlab.types import Corpus, EncoderSpec, RunConfig, Stage

MAX_RECIPE_BYTES = 100_000
DEFAULTS: Mapping[str, Mapping[str, Any]] = {  # steps and rate when a person names neither
    "labels": {"steps": 200, "rate": 5e-5},
    "pairs": {"steps": 200, "rate": 2e-5},
    "senses": {"steps": 200, "rate": 5e-5},
}
FREE_FIELDS = tuple(f.name for f in fields(RunConfig) if f.name not in ("corpus_id", "encoder", "stages"))


@dataclass(frozen=True)
class Choice:
    """An objective as a person sees it: what it does in one line, and why this corpus does not allow it, if so.

    `steps` and `rate` are what a run takes when a person names neither.
    """

    name: str
    line: str
    usable: bool
    why_not: str
    score_name: str
    steps: int
    rate: float


def choices(corpus: Corpus) -> list[Choice]:
    """Every objective, with what speaks against it on this corpus."""
    reasons = {name: one.applies(corpus) for name, one in OBJECTIVES.items()}
    return [
        Choice(name, one.line, reasons[name] is None, reasons[name] or "", one.score_name, **DEFAULTS[name])
        for name, one in OBJECTIVES.items()
    ]


def require(corpus: Corpus, config: RunConfig) -> None:
    """Refuse a run whose corpus does not carry its objectives, before a process is started. Raises TrainingError."""
    for name in dict.fromkeys(stage.objective for stage in config.stages):
        reason = objective(name).applies(corpus)
        if reason is not None:
            raise TrainingError(f"{corpus.name} cannot be used for {name}: {reason}")


def config(
    corpus_id: str,
    encoder: EncoderSpec,
    objective_name: str,
    *,
    plan: str = "full",
    recipe: Path | None = None,
    steps: int | None = None,
    rate: float | None = None,
    **settings: Any,
) -> RunConfig:
    """The whole of a run. A recipe file decides its stages; steps and rate then may not be given as well."""
    if recipe is not None:
        if steps is not None or rate is not None:
            raise TrainingError("A recipe file already says steps and rates: leave out --steps and --rate.")
        stages, stated = read_recipe(recipe, objective_name)
        return _checked(corpus_id, encoder, stages, {**settings, **stated})
    default = DEFAULTS[objective(objective_name).name]
    stages = plans.plan(
        plan,
        objective_name,
        default["steps"] if steps is None else steps,
        default["rate"] if rate is None else rate,
    )
    return _checked(corpus_id, encoder, stages, settings)


def read_recipe(path: Path, objective_name: str) -> tuple[tuple[Stage, ...], dict[str, Any]]:
    """(stages, other settings) of a YAML file; `objective_name` is for stages that name none. Raises TrainingError."""
    import yaml

    try:
        if path.stat().st_size > MAX_RECIPE_BYTES:
            raise TrainingError(f"The recipe {path.name} is over {MAX_RECIPE_BYTES // 1000} kB: that is no recipe.")
        value = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(
            f"The recipe {path.name} cannot be read: is the path right, and is it a text file?"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" near line {mark.line + 1}" if mark is not None else ""
        raise TrainingError(f"The recipe {path.name} is not valid YAML{where}.") from error
    if not isinstance(value, dict) or not isinstance(value.get("stages"), list):
        raise TrainingError(f"The recipe {path.name} has no list of stages.")
    unknown = sorted(set(value) - {"stages", *FREE_FIELDS})
    if unknown:
        raise TrainingError(
            f"The recipe {path.name} has an unknown setting {unknown[0]!r}: known are {', '.join(FREE_FIELDS)}."
        )
    stages = []
    for number, stage in enumerate(value["stages"], 1):
        try:
            stages.append(Stage(**{"objective": objective_name, **stage}))
        except (TypeError, ValueError) as error:
            raise TrainingError(f"Stage {number} of the recipe {path.name} is not right: {error}.") from error
    return tuple(stages), {key: item for key, item in value.items() if key != "stages"}


def to_plain(config: RunConfig) -> dict[str, Any]:
    """A run as plain values: what JSON and YAML can hold, and what a recipe file can be made from."""
    return {**asdict(config), "stages": [{**asdict(stage), "train": dict(stage.train)} for stage in config.stages]}


def same_recipe(one: RunConfig, other: RunConfig) -> bool:
    """Whether two runs differ in their seed at most: replicates, or the same run twice.

    The order of a stage's groups counts, since the first name that fits a group decides its rate.
    """
    first, second = (replace(config, seed=0) for config in (one, other))
    return first == second and all(
        list(a.train) == list(b.train) for a, b in zip(first.stages, second.stages, strict=True)
    )


def _checked(corpus_id: str, encoder: EncoderSpec, stages: tuple[Stage, ...], settings: Mapping[str, Any]) -> RunConfig:
    for stage in stages:
        objective(stage.objective)  # raises for a name there is not
    try:
        made = RunConfig(corpus_id, encoder, stages, **settings)
    except (TypeError, ValueError) as error:
        raise TrainingError(f"This run is not right: {error}.") from error
    for name, allowed in (("precision", ("fp32", "bf16")), ("on_alarm", ("tell", "stop"))):
        if getattr(made, name) not in allowed:
            raise TrainingError(f"{name} is one of {', '.join(allowed)}, not {getattr(made, name)!r}.")
    if made.batch_tokens < 64 or made.batch_items < 2 or made.eval_every < 1:
        raise TrainingError(
            "A run needs batch_tokens of 64 or more, batch_items of 2 or more and eval_every of 1 or more."
        )
    return made
