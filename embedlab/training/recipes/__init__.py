"""Recipes: a run from few words, or from a YAML file. Torch-free, so that the screen can offer what a corpus allows."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from embedlab.errors import TrainingError
from embedlab.training.objectives import OBJECTIVES, objective
from embedlab.training.recipes.defaults import DEFAULTS, SCRATCH_RATE
from embedlab.training.recipes.files import MAX_RECIPE_BYTES, Bundled, bundled, make_plan, names, read_recipe
from embedlab.training.recipes.rules import FREE_FIELDS, PLAN_RULES, checked, read_lora, read_setting, said
from embedlab.training.recipes.words import describe, to_plain, write
from embedlab.types import Corpus, EncoderSpec, Lora, RunConfig, Stage

__all__ = [
    "DEFAULTS", "FREE_FIELDS", "MAX_RECIPE_BYTES", "Bundled", "Choice", "bundled", "checked", "choices", "config",
    "describe", "names", "read_recipe", "require", "same_recipe", "to_plain", "write",
]  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """An objective as a person sees it: what it does in one line, and why this corpus does not allow it, if so.

    `steps` and `rate` are what a run takes when a person names neither; `settings` the other defaults it has.
    """

    name: str
    line: str
    usable: bool
    why_not: str
    score_name: str
    steps: int
    rate: float
    settings: Mapping[str, Any]

    def fits(self, kind: str | None) -> bool:
        """Whether such a model can learn it: a kind of the lineage, None for a transformer."""
        return OBJECTIVES[self.name].fits(kind)


def choices(corpus: Corpus) -> list[Choice]:
    """Every objective, with what speaks against it on this corpus."""
    found = []
    for name, one in OBJECTIVES.items():
        reason = one.applies(corpus)
        settings = dict(DEFAULTS[name])
        steps, rate = settings.pop("steps"), settings.pop("rate")
        found.append(Choice(name, one.line, reason is None, reason or "", one.score_name, steps, rate, settings))
    return found


def require(corpus: Corpus, config: RunConfig) -> None:
    """Refuse a run whose corpus does not carry its objectives, before a process is started. Raises TrainingError."""
    for name in dict.fromkeys(stage.objective for stage in config.stages):
        reason = objective(name).applies(corpus)
        if reason is not None:
            raise TrainingError(f"{corpus.name} cannot be used for {name}: {reason}")


def config(
    corpus_id: str,
    encoder: EncoderSpec,
    objective_name: str | None = None,
    *,
    depth: int,
    kind: str | None = None,
    recipe: Path | str | None = None,
    **settings: Any,
) -> RunConfig:
    """The whole of a run on a model of `depth` layers; `kind`: of the lineage, None for a transformer.

    `recipe`: a file, or the name of one that comes with EmbedLab. `settings`: plan, steps, rate, schedule, layers and
    decay, and every field of RunConfig; None is as if it were not named. What is named wins over the recipe, the recipe
    over the defaults of the objective that the run ends in, and those over RunConfig's. Raises TrainingError.
    """
    given = {key: value for key, value in settings.items() if value is not None}
    unknown = sorted(given.keys() - {*PLAN_RULES, *FREE_FIELDS})
    if unknown:
        raise TrainingError(
            f"A run has no setting {said(unknown[0])}: known are {', '.join((*PLAN_RULES, *FREE_FIELDS))}."
        )
    wish = {key: given.pop(key) for key in PLAN_RULES if key in given}
    stated: dict[str, Any] = {}
    if recipe is not None:
        stages, stated = read_recipe(recipe, objective_name, depth=depth, instead=wish)
    elif objective_name is None:
        raise TrainingError(f"Which objective? Name one of {', '.join(OBJECTIVES)}, or a recipe.")
    else:
        plan = "lora" if "lora" in given else "full"
        if kind is not None and objective(objective_name).reads == "vectors":
            wish = {"rate": SCRATCH_RATE, **wish}
        stages = make_plan({"plan": plan, **wish, "objective": objective_name}, depth)
    said_of_lora = _lora(stages, stated.get("lora"), given.pop("lora", None))
    usual = {key: value for key, value in DEFAULTS[stages[-1].objective].items() if key in FREE_FIELDS}
    read = {key: read_setting(key, value) for key, value in given.items()}
    every = {**usual, **stated, **read, "lora": said_of_lora}
    return checked(RunConfig(corpus_id, encoder, stages, **every), depth)


def _lora(stages: tuple[Stage, ...], stated: Lora | None, given: Any) -> Lora | None:
    """The adapters of a run: what is named wins over the recipe; a plan that trains adapters has the usual ones."""
    if isinstance(given, Mapping) and stated is not None:
        given = {**asdict(stated), **given}
    given = read_lora(given)
    names_them = any(key.startswith("lora") for stage in stages for key in stage.train)
    found: Lora | None = given or stated or (Lora() if names_them else None)
    if given is not None and not names_them:
        raise TrainingError("The settings of lora belong to the plan lora: choose it, or leave them out.")
    return found


def same_recipe(one: RunConfig, other: RunConfig) -> bool:
    """Whether two runs differ at most in their seed and in what cannot change a result: replicates, or the same run.

    How much goes through the model at a time and how many states are kept change nothing in exact arithmetic. The
    order of a stage's groups counts, since the first name that fits a group decides its rate.
    """
    first, second = (replace(config, seed=0, chunk_tokens=0, frames=0) for config in (one, other))
    return first == second and all(
        list(a.train) == list(b.train) for a, b in zip(first.stages, second.stages, strict=True)
    )
