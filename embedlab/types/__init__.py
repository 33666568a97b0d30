"""The nouns of EmbedLab. Frozen, validated at birth, arrays read-only; numpy and jaxtyping only.

A value that exists is right: constructors raise ValueError (a slip of ours) when fields disagree.
What a person got wrong is refused earlier, as a UserError, by the module that read it.
"""

from embedlab.types.base import Array, freeze
from embedlab.types.comparison import (
    FALSE_SHARE,
    Answer,
    Collateral,
    Comparison,
    Expectation,
    LayerReadings,
    LinkedMap,
    NoiseFloor,
    Provenance,
    Reading,
    Region,
    SpaceFinding,
    TaskVerdict,
    Uses,
    Verdict,
    WordTable,
)
from embedlab.types.data import Corpus, EncoderSpec, LayerInfo, Occurrence, Pooling, Snapshot, Target
from embedlab.types.training import Frame, Lora, Run, RunConfig, RunState, Schedule, Stage

__all__ = [
    "FALSE_SHARE",
    "Answer",
    "Array",
    "Collateral",
    "Comparison",
    "Corpus",
    "EncoderSpec",
    "Expectation",
    "Frame",
    "LayerInfo",
    "LayerReadings",
    "LinkedMap",
    "Lora",
    "NoiseFloor",
    "Occurrence",
    "Pooling",
    "Provenance",
    "Reading",
    "Region",
    "Run",
    "RunConfig",
    "RunState",
    "Schedule",
    "Snapshot",
    "SpaceFinding",
    "Stage",
    "Target",
    "TaskVerdict",
    "Uses",
    "Verdict",
    "WordTable",
    "freeze",
]
