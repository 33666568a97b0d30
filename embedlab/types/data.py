"""What is read and how it is seen: corpora, occurrences, model states, their vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32

from embedlab.types.base import require

Pooling = Literal["mean", "cls", "last"]


@dataclass(frozen=True, slots=True)
class Target:
    """The word a row of a corpus is about: characters [start, end) of its text.

    `word` is the headword ("bank" for "banks"); `sense` is its meaning here, where known.
    """

    start: int
    end: int
    word: str
    sense: str | None = None

    def __post_init__(self) -> None:
        require(0 <= self.start < self.end, f"span [{self.start}, {self.end}) is empty or negative")


@dataclass(frozen=True)
class Corpus:
    """What was uploaded. Row i of every column belongs to texts[i]; None where a row has no value.

    `id` is the sha256 of the content: the same rows always have the same id.
    `pairs[i]` is a text related to texts[i], `negatives[i]` one that looks alike and is not, `scores[i]` how alike
    texts[i] and pairs[i] are, higher is more. `splits[i]` is "train" or "test" where the person gave one.
    """

    id: str
    name: str
    texts: tuple[str, ...]
    labels: tuple[str | None, ...] | None = None
    pairs: tuple[str | None, ...] | None = None
    targets: tuple[Target | None, ...] | None = None
    splits: tuple[str | None, ...] | None = None
    negatives: tuple[str | None, ...] | None = None
    scores: tuple[float | None, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("labels", "pairs", "targets", "splits", "negatives", "scores"):
            column = getattr(self, name)
            require(column is None or len(column) == len(self.texts), f"{name} and texts differ in length")
        require(all(s is None or np.isfinite(s) for s in self.scores or ()), "a score is not a number")
        for text, target in zip(self.texts, self.targets or (), strict=False):
            require(target is None or target.end <= len(text), "a target lies outside its text")
        require(all(s in ("train", "test", None) for s in self.splits or ()), "a split is neither train nor test")

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One use of a word: characters [start, end) of `text`. A whole text is the span of all of it.

    `row` is the row of the corpus it came from, `word` its headword, where there are such.
    """

    text: str
    start: int
    end: int
    sense: str | None = None
    word: str | None = None
    row: int | None = None

    def __post_init__(self) -> None:
        require(0 <= self.start < self.end <= len(self.text), "a span is not inside its text")

    @property
    def surface(self) -> str:
        return self.text[self.start : self.end]

    @property
    def is_whole_text(self) -> bool:
        return self.start == 0 and self.end == len(self.text)


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """How to find one model state again.

    `source` is what a person writes: "builtin", a folder, a hub id, or "run:ID".
    `pooling` says how a whole text becomes one vector; spans are always the mean of their pieces.
    """

    source: str
    family: str = "transformer"
    pooling: Pooling = "mean"


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """One layer of an encoder: its name, its width, and whether context reaches it."""

    name: str
    dim: int
    kind: Literal["static", "contextual"] = "contextual"


@dataclass(frozen=True)
class Snapshot:
    """The same occurrences seen by one model state.

    `layers[l][i]` is the vector of `occurrences[i]` at layer l; layer 0 = the embedding layer.
    float32, widths may differ by layer, memory-mapped when large. `fingerprint` identifies the weights.
    """

    encoder: EncoderSpec
    fingerprint: str
    occurrences: Sequence[Occurrence]
    layer_names: tuple[str, ...]
    layers: tuple[Float32[np.ndarray, "occurrence dim"], ...]

    def __post_init__(self) -> None:
        require(len(self.layer_names) == len(self.layers), "layer_names and layers differ in length")
        for name, layer in zip(self.layer_names, self.layers, strict=True):
            require(layer.ndim == 2 and layer.dtype == np.float32, f"layer {name} is not a float32 matrix")
            require(len(layer) == len(self.occurrences), f"layer {name} and the occurrences differ in length")
            layer.flags.writeable = False
