"""Plans: what is trained when, and how fast. A plan is a tuple of stages; a group not named is frozen.

The defaults are the field's. Encoder 2e-5: the rate of BERT's and sentence-transformers' recipes (2e-5 to 5e-5). Head
1e-3: it starts from nothing and must not wait for the encoder. Linear decay after a tenth of warm-up: Adam's estimates
of the second moment are worthless at first. No warm-up is named here: RunConfig holds it.
"""

from typing import Literal

from embedlab.errors import TrainingError
from embedlab.types import Schedule, Stage

Kind = Literal["full", "frozen_embeddings", "frozen_then_unfrozen"]
HEAD_RATE = 1e-3
ENCODER_RATE = 2e-5


def full(objective: str, steps: int, rate: float = ENCODER_RATE, schedule: Schedule = "linear") -> tuple[Stage, ...]:
    """Everything learns."""
    return (Stage(steps, {**_head(objective), "*": rate}, schedule, objective),)


def frozen_embeddings(
    objective: str, steps: int, rate: float = ENCODER_RATE, schedule: Schedule = "linear"
) -> tuple[Stage, ...]:
    """The token table stays as it is, to the bit; every layer above it learns."""
    return (Stage(steps, {**_head(objective), "layer.*": rate}, schedule, objective),)


def frozen_then_unfrozen(
    objective: str, steps: int, rate: float = ENCODER_RATE, schedule: Schedule = "linear"
) -> tuple[Stage, ...]:
    """The first third as `frozen_embeddings`, then everything: the layers settle before the table may follow."""
    if steps < 2:
        raise TrainingError("A plan that thaws needs at least two steps.")
    return frozen_embeddings(objective, max(1, steps // 3), rate, schedule) + full(objective, steps, rate, schedule)


PLANS = {"full": full, "frozen_embeddings": frozen_embeddings, "frozen_then_unfrozen": frozen_then_unfrozen}


def plan(kind: str, objective: str, steps: int, rate: float = ENCODER_RATE) -> tuple[Stage, ...]:
    """A plan by name. Raises TrainingError for an unknown name, no steps, or an impossible rate."""
    if kind not in PLANS:
        raise TrainingError(f"There is no plan {kind!r}: choose one of {', '.join(PLANS)}.")
    if steps < 1:
        raise TrainingError("A run needs at least one step.")
    if not 0 < rate < 1:
        raise TrainingError(f"A learning rate of {rate:g} cannot be right: the usual ones lie between 1e-6 and 1e-3.")
    return PLANS[kind](objective, steps, rate)


def _head(objective: str) -> dict[str, float]:
    """Named first: the first key that fits a group counts, so the head keeps its own rate beside a "*"."""
    return {"head": HEAD_RATE} if objective == "labels" else {}
