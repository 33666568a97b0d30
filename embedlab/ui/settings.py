"""Every setting of a training in one panel, and the run they make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, LiteralString, get_args

import streamlit as st

from embedlab.errors import UserError
from embedlab.training.plans import DECAY, PLANS
from embedlab.types import Lora, RunConfig, Schedule
from embedlab.ui import draft, safe, state

AS_IS = "recipe"  # the plan that takes the stages as the recipe has them
PLAN_NAMES = {
    AS_IS: "As in the recipe",
    "full": "Whole model",
    "frozen_embeddings": "Embeddings frozen",
    "frozen_then_unfrozen": "Frozen, then thawed",
    "top_layers": "Top layers only",
    "gradual_unfreezing": "Thawed layer by layer",
    "discriminative": "Slower further down",
    "lora": "LoRA adapters",
}
TARGETS = ("attention", "feed_forward")
TRACKERS = ("tensorboard", "mlflow")
WORDS = {
    "feed_forward": "feed-forward",
    "tell": "tell me",
    "stop": "stop, keep the best before it",
    "tensorboard": "TensorBoard",
    "mlflow": "MLflow",
    "stlr": "slanted triangle",
    "bundled": "the bundled sentences",
    "": "none",
}


@dataclass(frozen=True)
class Field:
    """One widget: a whole number or a number between bounds, one choice, or several."""

    name: str
    label: LiteralString
    kind: Literal["whole", "number", "choice", "several"]
    low: float = 0
    high: float = 0
    step: float = 1
    format: LiteralString = "%d"
    options: tuple[str, ...] = ()
    help: LiteralString | None = None

    def fits(self, value: object) -> bool:
        """Whether a value kept earlier can still stand in this widget."""
        if self.kind == "several":
            return isinstance(value, list) and set(value) <= set(self.options)
        if self.kind == "choice":
            return value in self.options
        kinds = int if self.kind == "whole" else int | float
        return isinstance(value, kinds) and not isinstance(value, bool) and self.low <= value <= self.high


def whole(
    name: str, label: LiteralString, low: int, high: int, step: int = 1, help: LiteralString | None = None
) -> Field:
    return Field(name, label, "whole", low, high, step, "%d", (), help)


def real(
    name: str, label: LiteralString, low: float, high: float, step: float, format: LiteralString = "%.2f",
    help: LiteralString | None = None,
) -> Field:  # fmt: skip
    return Field(name, label, "number", low, high, step, format, (), help)


def one_of(name: str, label: LiteralString, options: Sequence[str], help: LiteralString | None = None) -> Field:
    return Field(name, label, "choice", options=tuple(options), help=help)


FALLING = ("gradual_unfreezing", "discriminative")  # plans whose rates fall from layer to layer
STAGES = ("plan", "objective", "steps", "rate", "schedule", "layers", "decay")  # what decides the stages of a run
LORA = ("lora_rank", "lora_alpha", "lora_dropout", "lora_targets")
BESIDE = ("seeds", "processes", "report_to")  # not of a run, but of how it is started
GROUPS: tuple[tuple[LiteralString, tuple[Field, ...]], ...] = (
    ("Plan", (
        one_of("plan", "What may move", (AS_IS, *PLANS)),
        one_of("objective", "Learn from", ()),
        whole("steps", "Steps", 1, 1_000_000, 50),
        real("rate", "Learning rate of the encoder (peak)", 1e-7, 1e-1, 1e-5, "%.1e",
             "Adapters of LoRA usually take ten times the rate of the weights."),
        one_of("schedule", "Schedule", get_args(Schedule)),
        whole("layers", "Layers from the top (plan: top layers only)", 1, 200),
        real("decay", "A layer down is slower by (plan: slower further down)", 1.0, 100.0, 0.1, "%.1f"),
        real("warmup", "Warm-up, share of a stage", 0.0, 0.9, 0.05),
        real("weight_decay", "Weight decay", 0.0, 1.0, 0.01, "%.3f"),
        real("max_grad_norm", "Gradients are clipped to this norm", 0.01, 100.0, 0.1),
    )),
    ("LoRA and loss", (
        whole("lora_rank", "Rank", 1, 1024, 4),
        real("lora_alpha", "Alpha", 0.1, 4096.0, 4.0, "%.1f", "The adapter is scaled by alpha / rank."),
        real("lora_dropout", "Dropout", 0.0, 0.9, 0.05),
        Field("lora_targets", "Targets", "several", options=TARGETS),
        real("temperature", "Temperature of the contrast", 0.001, 1.0, 0.01, "%.3f"),
        real("isotropy", "Isotropy, weight in the loss (0: none)", 0.0, 10.0, 0.05),
        real("mask_share", "Pieces hidden by masked language modelling", 0.01, 0.9, 0.05),
    )),
    ("Batches", (
        whole("batch_items", "Examples a batch, at most", 2, 100_000, 8),
        whole("batch_tokens", "Padded tokens a batch, at most", 64, 10_000_000, 512),
        whole("accumulate", "Batches a step (accumulation)", 1, 10_000),
        whole("chunk_tokens", "Tokens through the model at a time (0: the whole batch)", 0, 10_000_000, 512,
              "Smaller needs less memory and gives the same gradients."),
        whole("longest", "Pieces of a text that are read", 8, 100_000, 64),
        one_of("precision", "Precision", ("fp32", "bf16")),
        whole("seed", "Seed (the first, where there are several)", 0, 2**31 - 100),
        whole("processes", "Processes (GPUs) of a run", 1, 64),
    )),
    ("Watching", (
        whole("eval_every", "Measure the held-out score every … steps", 1, 1_000_000, 10),
        whole("patience", "Stop after … evaluations without a better score (0: never)", 0, 10_000),
        whole("frames", "Model states kept along the way, at most", 0, 1_000),
        one_of("canary", "Canary: texts far from the task", ("bundled", "")),
        one_of("on_alarm", "When the canary alarms", ("tell", "stop")),
        Field("report_to", "Report to", "several", options=TRACKERS, help="Needs the package of that name."),
    )),
)  # fmt: skip


OTHERS = tuple(  # settings that are RunConfig's by their own name
    field.name for _, group in GROUPS for field in group if field.name not in (*STAGES, *LORA, *BESIDE)
)


def fields(objectives: Sequence[str], corpora: Sequence[str]) -> dict[str, Field]:
    """Every field by name, with what this workspace offers as objectives and canaries."""
    offered = {"objective": tuple(objectives), "canary": ("bundled", "", *corpora)}
    return {
        field.name: replace(field, options=offered[field.name]) if field.name in offered else field
        for _, group in GROUPS
        for field in group
    }


# ---- from a recipe to values, from values to a run -------------------------------------------------------------------


def values_of(config: RunConfig, plan: str) -> dict[str, Any]:
    """What the panel shows of a recipe's run. `plan`: the plan its stages are of, or AS_IS."""
    lora = config.lora or Lora()
    return {
        **{name: getattr(config, name) for name in OTHERS},
        "plan": plan if plan in PLANS else AS_IS,
        "objective": config.stages[-1].objective,
        "steps": config.max_steps,
        "rate": encoder_rate(config),
        "schedule": config.stages[-1].schedule,
        "layers": max(1, sum(key.startswith("layer.") for key in config.stages[-1].train))
        if plan == "top_layers"
        else 2,
        "decay": DECAY,
        "lora_rank": lora.rank,
        "lora_alpha": float(lora.alpha),
        "lora_dropout": float(lora.dropout),
        "lora_targets": list(lora.targets),
        "processes": 1,
        "report_to": [],
    }


def encoder_rate(config: RunConfig) -> float:
    """The highest rate of any stage that is not a head's."""
    rates = [rate for stage in config.stages for key, rate in stage.train.items() if "head" not in key]
    return max(rates, default=max(rate for stage in config.stages for rate in stage.train.values()))


def config_of(values: Mapping[str, Any], base: RunConfig, usual: Mapping[str, Any], recipe: str | Path) -> RunConfig:
    """The run that the values ask for. What decides the stages is the recipe's own until one of it was changed.

    `base`: the run of `recipe` as it is, `usual`: its values_of. Raises UserError.
    """
    lab, plain = state.lab(), {name: values[name] for name in OTHERS}
    own_stages = values["plan"] == AS_IS or all(values[name] == usual[name] for name in STAGES)
    adapted = base.lora is not None if own_stages else values["plan"] == "lora"
    if adapted:
        if not values["lora_targets"]:
            raise UserError("LoRA needs at least one target: attention, feed-forward, or both.")
        plain["lora"] = Lora(
            values["lora_rank"], values["lora_alpha"], values["lora_dropout"], tuple(values["lora_targets"])
        )
    if own_stages:
        return lab.run_config(base.encoder.source, base.corpus_id, recipe=recipe, **plain)
    asked = {name: values[name] for name in ("plan", "steps", "rate", "schedule")}
    if values["plan"] == "top_layers":
        asked["layers"] = values["layers"]
    if values["plan"] in FALLING:
        asked["decay"] = values["decay"]
    return lab.run_config(base.encoder.source, base.corpus_id, values["objective"], **asked, **plain)


def changed(values: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """What was set otherwise than the recipe has it, without what is not of a run."""
    return {name: value for name, value in values.items() if name not in BESIDE and value != usual[name]}


# ---- the panel -------------------------------------------------------------------------------------------------------


def panel(known: Mapping[str, Field], names: Mapping[str, str]) -> dict[str, Any]:
    """Draw every field, four columns; returns the values by name. `names`: corpora by id, for the canary."""
    values: dict[str, Any] = {}
    for column, (heading, group) in zip(st.columns(len(GROUPS), gap="medium"), GROUPS, strict=True):
        with column:
            safe.html('<div class="el-eyebrow">{heading}</div>', heading=heading)
            for field in group:
                values[field.name] = _draw(known[field.name], names, values.get("plan", ""))
    return values


def _draw(field: Field, names: Mapping[str, str], plan: str) -> Any:
    needed = {"layers": ("top_layers",), "decay": FALLING, **dict.fromkeys(LORA, ("lora", AS_IS))}
    fixed = (plan == AS_IS and field.name in STAGES and field.name != "plan") or (
        field.name in needed and plan not in needed[field.name]
    )
    key, say = draft.key(field.name), lambda value: _say(value, names)
    if field.kind == "choice":
        return st.selectbox(field.label, field.options, format_func=say, key=key, help=field.help, disabled=fixed)
    if field.kind == "several":
        return list(
            st.multiselect(field.label, field.options, format_func=say, key=key, help=field.help, disabled=fixed)
        )
    cast = int if field.kind == "whole" else float
    return st.number_input(
        field.label, cast(field.low), cast(field.high), step=cast(field.step), format=field.format, key=key,
        help=field.help, disabled=fixed,
    )  # fmt: skip


def _say(value: str, names: Mapping[str, str]) -> str:
    return names.get(value) or PLAN_NAMES.get(value) or WORDS.get(value, value)
