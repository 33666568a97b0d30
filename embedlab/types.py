"""The nouns of EmbedLab. Frozen, validated at birth, arrays read-only; numpy and jaxtyping only.

A value that exists is right: constructors raise ValueError (a slip of ours) when fields disagree.
What a person got wrong is refused earlier, as a UserError, by the module that read it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64

Schedule = Literal["constant", "linear", "cosine", "stlr"]
RunState = Literal["queued", "running", "paused", "done", "cancelled", "failed"]
TaskVerdict = Literal["HELPED", "HARMED", "NO EVIDENCE", "NOT MEASURED"]
SpaceFinding = Literal["COLLAPSE", "FORGETTING", "COLLATERAL"]
Region = Literal["seen in training", "unseen in domain", "in domain", "off domain"]
Pooling = Literal["mean", "cls", "last"]

FALSE_SHARE = 0.05  # of the items called changed, how many may be so by noise alone


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


Array = TypeVar("Array", bound=np.ndarray[Any, Any])


def freeze(array: Array) -> Array:
    """The same array, refusing writes from now on."""
    array.flags.writeable = False
    return array


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
        _require(0 <= self.start < self.end, f"span [{self.start}, {self.end}) is empty or negative")


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
            _require(column is None or len(column) == len(self.texts), f"{name} and texts differ in length")
        _require(all(s is None or np.isfinite(s) for s in self.scores or ()), "a score is not a number")
        for text, target in zip(self.texts, self.targets or (), strict=False):
            _require(target is None or target.end <= len(text), "a target lies outside its text")
        _require(all(s in ("train", "test", None) for s in self.splits or ()), "a split is neither train nor test")

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
        _require(0 <= self.start < self.end <= len(self.text), "a span is not inside its text")

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

    layers[l][i] is the vector of occurrences[i] at layer l; layer 0 = the embedding layer.
    float32, widths may differ by layer, memory-mapped when large. `fingerprint` identifies the weights.
    """

    encoder: EncoderSpec
    fingerprint: str
    occurrences: Sequence[Occurrence]
    layer_names: tuple[str, ...]
    layers: tuple[Float32[np.ndarray, "occurrence dim"], ...]

    def __post_init__(self) -> None:
        _require(len(self.layer_names) == len(self.layers), "layer_names and layers differ in length")
        for name, layer in zip(self.layer_names, self.layers, strict=True):
            _require(layer.ndim == 2 and layer.dtype == np.float32, f"layer {name} is not a float32 matrix")
            _require(len(layer) == len(self.occurrences), f"layer {name} and the occurrences differ in length")
            layer.flags.writeable = False


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
        _require(self.until_step > 0, "a stage ends after step 0")
        _require(bool(self.train), "a stage trains at least one group")
        _require(all(rate > 0 for rate in self.train.values()), "a learning rate is positive")


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
        _require(self.rank >= 1, "the rank of LoRA is 1 or more")
        _require(self.alpha > 0, "the alpha of LoRA is positive")
        _require(0 <= self.dropout < 1, "the dropout of LoRA lies in [0, 1)")
        known = {"attention", "feed_forward"}
        _require(bool(self.targets) and set(self.targets) <= known, f"targets of LoRA are some of {sorted(known)}")


@dataclass(frozen=True)
class RunConfig:
    """What a person asked for: everything that decides the result of a run.

    `batch_tokens` is the budget of padded tokens of a batch; `batch_items` caps its examples; a step takes `accumulate`
    batches. `chunk_tokens`: how many padded tokens go through the model at a time (0: the whole batch); the gradients
    are the same, the memory is not. `longest`: pieces of a text that are read.
    `precision` is "fp32" or "bf16". `max_steps` follows from the last stage.
    `patience`: evaluations without a better selection score after which the run ends (0: never).
    `isotropy`: weight of the uniformity of the batch's vectors in the loss (0: none). `mask_share`: pieces that masked
    language modelling hides. `frames`: at most so many model states along the way are kept besides the start.
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
        _require(bool(self.stages), "a plan has at least one stage")
        steps = [stage.until_step for stage in self.stages]
        _require(steps == sorted(set(steps)), "stages end at growing steps")

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
        _require(all(x is None or np.isfinite(x) for x in numbers), f"reading {self.name} is not finite")
        _require(self.p is None or 0 < self.p <= 1, f"the p of reading {self.name} is not in (0, 1]")


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
            _require(array is None or array.shape == (layers, words), f"{name} has another shape than change")
        _require(words == len(self.words) == len(self.counts), "words, counts and change differ in length")
        for name in ("drift", "self_similarity_before", "self_similarity_after"):
            _require(getattr(self, name).shape == (layers, words), f"{name} has another shape than change")
        for name in ("neighbours_before", "neighbours_after", "similarity_before", "similarity_after"):
            _require(getattr(self, name).shape == (layers, words, self.k), f"{name} has another shape")
        ranked = (self.ranked_before, self.ranked_after, self.ranked_similarity_before, self.ranked_similarity_after)
        given = [array for array in ranked if array is not None]
        _require(len(given) in (0, 4), "the ranked lists come together or not at all")
        for array in given:
            fits = array.shape[:2] == (layers, words) and array.shape == given[0].shape and array.shape[2] >= self.k
            _require(fits, "a ranked list has another shape")

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
        _require(self.noise is None or self.noise.shape == self.change.shape, "noise has another shape than change")
        _require(len(self.held_out) == n, "held_out and the uses differ in length")
        _require(self.change.shape == self.drift.shape == (len(self.change), n), "change or drift has another shape")

    def of(self, word: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Rows of the uses of one word."""
        return np.array([i for i, use in enumerate(self.occurrences) if use.word == word], dtype=np.int64)


@dataclass(frozen=True)
class LinkedMap:
    """One linked layout of the uses of a word at one layer: before and after share one frame.

    A picture, not a measurement: `trust_*` says how true it is, `placebo_move` what an unchanged space would show.
    `trust_range`: least and most trustworthiness, both sides, over `seeds` layouts (A17).
    """

    word: str
    layer: int
    rows: Int64[np.ndarray, "use"]
    before: Float32[np.ndarray, "use 2"]
    after: Float32[np.ndarray, "use 2"]
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
