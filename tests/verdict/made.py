"""Model states made of chosen vectors: a verdict whose truth is known, in milliseconds.

A `State` holds what a verdict reads of a survey, at one layer. `comparison` is what `compare` would say of the space of
two states, taken straight from the measures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from embedlab.measure import geometry, uncertainty
from embedlab.types import (
    Comparison,
    Corpus,
    EncoderSpec,
    LayerInfo,
    LayerReadings,
    Occurrence,
    Provenance,
    Reading,
    Uses,
    Verdict,
    WordTable,
)  # fmt: skip

LAYER = "layer 0"


@dataclass(frozen=True)
class State:
    """A model state: a vector for every distinct text of a corpus (partners after them), then the off-domain texts."""

    vectors: np.ndarray
    off: int = 0
    use_items: tuple[Occurrence, ...] = ()
    use_vectors: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), dtype=np.float32))

    @cached_property
    def texts(self) -> tuple[np.ndarray, ...]:
        return (self.vectors.astype(np.float32),)

    @cached_property
    def uses(self) -> tuple[np.ndarray, ...]:
        return (self.use_vectors.astype(np.float32),)

    @property
    def layers(self) -> tuple[LayerInfo, ...]:
        return (LayerInfo(LAYER, self.vectors.shape[1]),)

    @property
    def seen_texts(self) -> np.ndarray:
        return np.ones(len(self.vectors), dtype=bool)

    @property
    def off_domain(self) -> np.ndarray:
        return np.arange(len(self.vectors) - self.off, len(self.vectors))


def label_corpus(labels: Sequence[str], held: Sequence[bool]) -> Corpus:
    splits = tuple("test" if one else "train" for one in held)
    texts = tuple(f"text {i}" for i in range(len(labels)))
    return Corpus("a" * 64, "labels", texts, labels=tuple(labels), splits=splits)


def pair_corpus(pairs: int, held: int) -> Corpus:
    """Texts 0.., each with a partner of its own; the first `held` rows are held out. Place: texts, then partners."""
    splits = tuple("test" if i < held else "train" for i in range(pairs))
    texts, partners = (tuple(f"{kind} {i}" for i in range(pairs)) for kind in ("text", "partner"))
    return Corpus("b" * 64, "pairs", texts, pairs=partners, splits=splits)


def comparison(before: State, after: State, *, noise: dict[str, float] | None = None) -> Comparison:
    """The readings of the space that a verdict asks for, over the whole texts; two words that did not move."""
    x, y = before.texts[0], after.texts[0]
    floor = noise or {}
    cosine = Reading(
        "mean_cosine", geometry.mean_cosine(x), geometry.mean_cosine(y), noise=floor.get("mean_cosine"),
        interval=uncertainty.bootstrap_mean_cosine(x, y, draws=200),
    )  # fmt: skip
    one, two = geometry.effective_rank(x), geometry.effective_rank(y)
    interval = uncertainty.half_sample_interval(
        lambda x, y: geometry.effective_rank(y) - geometry.effective_rank(x), x, y, draws=20
    ).interval
    rank = Reading("effective_rank", one, two, interval=interval, noise=floor.get("effective_rank"))
    return bare(cosine, rank)


def bare(
    *readings: Reading, uses: Uses | None = None, senses: dict[str, tuple[LayerReadings, ...]] | None = None
) -> Comparison:
    """A comparison of one layer with just these readings."""
    still, near = np.zeros((1, 2), dtype=np.float32), np.array([[[1], [0]]], dtype=np.int32)
    ones = np.ones((1, 2, 1), dtype=np.float32)
    words = WordTable(("a", "b"), np.array([5, 5]), still, still, near, near, ones, ones, still + 1, still + 1)
    none = np.zeros((1, 0), dtype=np.float32)
    return Comparison(
        "made", EncoderSpec("before"), EncoderSpec("after"), (LayerReadings(LAYER, {r.name: r for r in readings}),),
        words, uses or Uses((), np.zeros(0, dtype=bool), none, none), senses or {},
        Verdict("NOT MEASURED", "", "", ()), Provenance("a" * 64, "made", "b", "a", 0, 10, 2, {}, "", ""),
    )  # fmt: skip
