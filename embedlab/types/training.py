"""What is trained: the plan, everything that decides the result, and how a run stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from embedlab.types.base import require
from embedlab.types.data import EncoderSpec

Schedule = Literal["constant", "linear", "cosine", "stlr"]
RunState = Literal["queued", "running", "paused", "done", "cancelled", "failed"]


@dataclass(frozen=True)
class Stage:
    """One part of a plan: until `until_step`, the named groups train at their rates; all others are frozen.

    Keys of `train` are group names of the model, bottom to top, or shell patterns over them ("layer.*", "*").
    """

    until_step: int
    train: Mapping[str, float]
    schedule: Schedule = "linear"
    objective: str = "labels"

    def __post_init__(self) -> None:
        require(self.until_step > 0, "a stage ends after step 0")
        require(bool(self.train), "a stage trains at least one group")
        require(all(rate > 0 for rate in self.train.values()), "a learning rate is positive")


@dataclass(frozen=True)
class Lora:
    """Low-rank adapters instead of the weights themselves (Hu et al. 2021): W + alpha / rank * B A.

    `targets`: which linear maps of a layer get one, of "attention" (query, key, value, output) and "feed_forward".
    """

    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.0
    targets: tuple[str, ...] = ("attention", "feed_forward")

    def __post_init__(self) -> None:
        require(self.rank >= 1, "the rank of LoRA is 1 or more")
        require(self.alpha > 0, "the alpha of LoRA is positive")
        require(0 <= self.dropout < 1, "the dropout of LoRA lies in [0, 1)")
        known = {"attention", "feed_forward"}
        require(bool(self.targets) and set(self.targets) <= known, f"targets of LoRA are some of {sorted(known)}")


@dataclass(frozen=True)
class RunConfig:
    """What a person asked for: everything that decides the result of a run.

    `batch_tokens` is the budget of padded tokens of a batch; `batch_items` caps its examples; a step takes `accumulate`
    batches. `chunk_tokens`: how many padded tokens go through the model at a time (0: the whole batch); the gradients
    are the same, the memory is not. `longest`: pieces of a text that are read.
    `precision` is "fp32" or "bf16". `max_steps` follows from the last stage.
    `patience`: evaluations without a better selection score after which the run ends (0: never).
    `isotropy`: weight of the uniformity of the batch's vectors in the loss (0: none). `mask_share`: pieces that masked
    language modelling hides. `frames`: at most so many model states along the way are kept besides the start and the
    step that is kept (0: no others).
    `canary`: texts far from the task, embedded at every evaluation: "bundled", a corpus id, or "" for none;
    `on_alarm`: what a canary alarm does besides being told: nothing, or end the run with the best step kept.
    Runs that differ in `seed` alone are replicates of one recipe: their spread is the noise floor.
    """

    corpus_id: str
    encoder: EncoderSpec
    stages: tuple[Stage, ...]
    seed: int = 0
    batch_tokens: int = 2048
    batch_items: int = 32
    eval_every: int = 50
    precision: Literal["fp32", "bf16"] = "fp32"
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    warmup: float = 0.1
    temperature: float = 0.05
    canary: str = "bundled"
    on_alarm: Literal["tell", "stop"] = "tell"
    lora: Lora | None = None
    accumulate: int = 1
    chunk_tokens: int = 0
    longest: int = 512
    patience: int = 0
    isotropy: float = 0.0
    mask_share: float = 0.15
    frames: int = 8

    def __post_init__(self) -> None:
        require(bool(self.stages), "a plan has at least one stage")
        steps = [stage.until_step for stage in self.stages]
        require(steps == sorted(set(steps)), "stages end at growing steps")

    @property
    def max_steps(self) -> int:
        return self.stages[-1].until_step


@dataclass(frozen=True)
class Run:
    """How a run stands. `loss` in nats; `score` the held-out score (name in `score_name`), higher is better.

    `best_step`: the step whose weights are kept, once one is.
    """

    id: str
    config: RunConfig
    state: RunState
    step: int = 0
    loss: float | None = None
    elapsed_s: float = 0.0
    eta_s: float | None = None
    tokens_per_s: float | None = None
    score_name: str | None = None
    score_before: float | None = None
    score: float | None = None
    message: str = ""
    created: str = ""
    best_step: int | None = None


@dataclass(frozen=True)
class Frame:
    """A model state of a run that can be compared: `run:ID@STEP`. Step 0 is the start; `kept`: what run:ID means."""

    step: int
    score: float | None = None
    selection: float | None = None
    alarms: tuple[str, ...] = ()
    kept: bool = False
