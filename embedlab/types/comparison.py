"""What changed: readings, words, uses, maps, the verdict, and the comparison that holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64

from embedlab.types.base import require
from embedlab.types.data import EncoderSpec, Occurrence

TaskVerdict = Literal["HELPED", "HARMED", "NO EVIDENCE", "NOT MEASURED"]
SpaceFinding = Literal["COLLAPSE", "FORGETTING", "COLLATERAL"]
Region = Literal["seen in training", "unseen in domain", "in domain", "off domain"]

FALSE_SHARE = 0.05  # of the items called changed, how many may be so by noise alone


@dataclass(frozen=True, slots=True)
class Reading:
    """One number (docs/method.md). A reading of one space has before and after; a reading of the pair has value.

    `interval` is the 95 % interval of after - before (or of value). `noise`, where the recipe was trained with several
    seeds: for before and after the largest |after - before| that two of the seeds would show (95 %), for the pair the
    value that two of them would show at worst. `p`: of the test that A18 names for it, never 0.
    None with a `note` where it is undefined for the data; never NaN.
    """

    name: str
    before: float | None = None
    after: float | None = None
    value: float | None = None
    interval: tuple[float, float] | None = None
    noise: float | None = None
    p: float | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        numbers = (self.before, self.after, self.value, self.noise, self.p, *(self.interval or ()))
        require(all(x is None or np.isfinite(x) for x in numbers), f"reading {self.name} is not finite")
        require(self.p is None or 0 < self.p <= 1, f"the p of reading {self.name} is not in (0, 1]")


@dataclass(frozen=True, slots=True)
class Answer:
    """A held-out item that one of the models gets right and the other wrong: what was asked, and what each said.

    `text` with the characters [start, end) it is about (None: all of it); `truth`, `before`, `after` in words.
    """

    text: str
    truth: str
    before: str
    after: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Collateral:
    """How far the texts of one region moved: mean drift of whole texts (A15) and neighbours kept (A14) within it."""

    region: Region
    texts: int
    drift: Reading
    kept: Reading


@dataclass(frozen=True)
class Verdict:
    """Did it help? For the task on held-out data, and for the space; `why` follows from stated rules, in order.

    `scores`: every held-out score of the task, the deciding one first; `won` and `lost` its items newly right and
    newly wrong. `findings`: what is wrong with the space, none when nothing is; `collateral` by region.
    """

    task: TaskVerdict
    task_line: str
    space_line: str
    why: tuple[str, ...]
    scores: tuple[Reading, ...] = ()
    won: tuple[Answer, ...] = ()
    lost: tuple[Answer, ...] = ()
    findings: tuple[SpaceFinding, ...] = ()
    collateral: tuple[Collateral, ...] = ()


@dataclass(frozen=True, slots=True)
class Expectation:
    """One statement a person wrote down, and whether it holds in each model; `detail` the numbers behind it."""

    statement: str
    before: bool | None
    after: bool
    detail: str


@dataclass(frozen=True)
class NoiseFloor:
    """Against what a change is held: other seeds of the recipe, or two halves of the occurrences in one model.

    kind "seeds": `replicates` are the other model states of the recipe. "control": none were given, the floor of an
    item is what two halves of its own uses differ by, and `line` says what stays unknown.
    """

    kind: Literal["seeds", "control"]
    line: str
    replicates: tuple[EncoderSpec, ...] = ()


@dataclass(frozen=True)
class WordTable:
    """Every counted word of the corpus at every layer, before and after: the items of a comparison.

    change[l, v] = 1 - Jaccard of the k nearest words (A14); drift[l, v] = 1 - cosine of before and after (A15).
    neighbours_*[l, v] are the k nearest, as rows of `words`, nearest first; similarity_* their cosines.
    self_similarity_*[l, v] is NaN for words of fewer than five uses (A2); drift is NaN between layers of unlike width.
    ranked_*: the same lists but longer, so that a neighbour that left the k nearest can be told its new rank.
    noise[l, v]: the change of this word that is noise (95 %: see NoiseFloor); q[l, v]: p of "no more than noise",
    corrected over the words of the layer (Benjamini-Hochberg). Both NaN where the floor is unknown.
    """

    words: tuple[str, ...]
    counts: Int64[np.ndarray, "word"]
    change: Float32[np.ndarray, "layer word"]
    drift: Float32[np.ndarray, "layer word"]
    neighbours_before: Int32[np.ndarray, "layer word k"]
    neighbours_after: Int32[np.ndarray, "layer word k"]
    similarity_before: Float32[np.ndarray, "layer word k"]
    similarity_after: Float32[np.ndarray, "layer word k"]
    self_similarity_before: Float32[np.ndarray, "layer word"]
    self_similarity_after: Float32[np.ndarray, "layer word"]
    ranked_before: Int32[np.ndarray, "layer word shown"] | None = None
    ranked_after: Int32[np.ndarray, "layer word shown"] | None = None
    ranked_similarity_before: Float32[np.ndarray, "layer word shown"] | None = None
    ranked_similarity_after: Float32[np.ndarray, "layer word shown"] | None = None
    noise: Float32[np.ndarray, "layer word"] | None = None
    q: Float32[np.ndarray, "layer word"] | None = None

    def __post_init__(self) -> None:
        layers, words = self.change.shape
        for name in ("noise", "q"):
            array = getattr(self, name)
            require(array is None or array.shape == (layers, words), f"{name} has another shape than change")
        require(words == len(self.words) == len(self.counts), "words, counts and change differ in length")
        for name in ("drift", "self_similarity_before", "self_similarity_after"):
            require(getattr(self, name).shape == (layers, words), f"{name} has another shape than change")
        for name in ("neighbours_before", "neighbours_after", "similarity_before", "similarity_after"):
            require(getattr(self, name).shape == (layers, words, self.k), f"{name} has another shape")
        ranked = (self.ranked_before, self.ranked_after, self.ranked_similarity_before, self.ranked_similarity_after)
        given = [array for array in ranked if array is not None]
        require(len(given) in (0, 4), "the ranked lists come together or not at all")
        for array in given:
            fits = array.shape[:2] == (layers, words) and array.shape == given[0].shape and array.shape[2] >= self.k
            require(fits, "a ranked list has another shape")

    @property
    def k(self) -> int:
        return int(self.neighbours_before.shape[2])

    def changed(self, layer: int) -> Bool[np.ndarray, "word"]:
        """Which words changed by more than noise at a layer; none where the floor is unknown."""
        if self.noise is None or self.q is None:
            return np.zeros(len(self.words), dtype=bool)
        return np.asarray((self.change[layer] > self.noise[layer]) & (self.q[layer] <= FALSE_SHARE))

    def row(self, word: str) -> int | None:
        """The row of a word, or None where it was not counted."""
        return self._rows.get(word)

    @property
    def _rows(self) -> dict[str, int]:
        rows = self.__dict__.get("_row_of")
        if rows is None:
            rows = {word: i for i, word in enumerate(self.words)}
            self.__dict__["_row_of"] = rows
        return rows


@dataclass(frozen=True)
class Uses:
    """The uses of the target words, row by row: what the Senses page shows and what the sense readings rest on.

    change[l, i] = 1 - Jaccard of the nearest uses of the same word (NaN below three uses); drift[l, i] = 1 - cosine of
    before and after (NaN between layers of unlike width).
    noise[l, i]: the change of this use that is noise (see NoiseFloor), NaN where unknown.
    predicted_*[l, i]: the sense whose training centroid is nearest ("" where unknown); held_out[i]: never trained on.
    """

    occurrences: tuple[Occurrence, ...]
    held_out: np.ndarray[Any, np.dtype[np.bool_]]
    change: Float32[np.ndarray, "layer use"]
    drift: Float32[np.ndarray, "layer use"]
    predicted_before: tuple[tuple[str, ...], ...] = ()
    predicted_after: tuple[tuple[str, ...], ...] = ()
    noise: Float32[np.ndarray, "layer use"] | None = None

    def __post_init__(self) -> None:
        n = len(self.occurrences)
        require(self.noise is None or self.noise.shape == self.change.shape, "noise has another shape than change")
        require(len(self.held_out) == n, "held_out and the uses differ in length")
        require(self.change.shape == self.drift.shape == (len(self.change), n), "change or drift has another shape")

    def of(self, word: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Rows of the uses of one word."""
        return np.array([i for i, use in enumerate(self.occurrences) if use.word == word], dtype=np.int64)


@dataclass(frozen=True)
class LinkedMap:
    """One linked layout of the uses of a word at one layer: before and after share one frame.

    A picture, not a measurement: `trust_*` says how true it is, `placebo_*` what an unchanged space would show: the
    state before laid out against itself.
    `trust_range`: least and most trustworthiness, both sides, over `seeds` layouts (A17).
    """

    word: str
    layer: int
    rows: Int64[np.ndarray, "use"]
    before: Float32[np.ndarray, "use 2"]
    after: Float32[np.ndarray, "use 2"]
    placebo_before: Float32[np.ndarray, "use 2"]
    placebo_after: Float32[np.ndarray, "use 2"]
    trust_before: float | None
    trust_after: float | None
    continuity_before: float | None
    continuity_after: float | None
    placebo_move: float
    real_move: float
    seed: int = 0
    seeds: int = 1
    trust_range: tuple[float, float] | None = None


@dataclass(frozen=True)
class LayerReadings:
    name: str
    readings: Mapping[str, Reading]


@dataclass(frozen=True)
class Provenance:
    """Enough to make the comparison again."""

    corpus_id: str
    corpus_name: str
    before_fingerprint: str
    after_fingerprint: str
    seed: int
    k: int
    min_count: int
    versions: Mapping[str, str]
    command: str
    created: str
    coverage: Mapping[str, int | float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """What changed between two model states on the same occurrences, layer by layer.

    `sense_readings[word]` holds, per layer, the readings of one target word (A2, A4, A16); `word_p[word]` the p, per
    layer, that the word's own uses moved no more than swapping before and after would (A18), corrected over words.
    """

    id: str
    before: EncoderSpec
    after: EncoderSpec
    layers: tuple[LayerReadings, ...]
    words: WordTable
    uses: Uses
    sense_readings: Mapping[str, tuple[LayerReadings, ...]]
    verdict: Verdict
    provenance: Provenance
    noise: NoiseFloor = NoiseFloor("control", "Not compared with other seeds.")
    word_p: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    expectations: tuple[Expectation, ...] = ()

    @property
    def layer_names(self) -> tuple[str, ...]:
        return tuple(layer.name for layer in self.layers)
