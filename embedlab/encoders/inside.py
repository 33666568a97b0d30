"""One sentence inside one model state: what each step of the model made of every piece. Arrays only, no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float32, Float64

from embedlab.errors import ModelError
from embedlab.occurrences import word_spans
from embedlab.types import LayerInfo, Occurrence, freeze
from embedlab.types.base import require

ROUNDING = 1e-6  # share of a vector's length that rounding may leave between two equal ones
SUMS = 1e-4  # how far a row of attention may be from 1, in float32


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of the text: its name and number in the vocabulary, its characters [start, end); none if special."""

    name: str
    id: int
    start: int
    end: int

    @property
    def special(self) -> bool:
        return self.start == self.end


@dataclass(frozen=True, slots=True)
class Near:
    """A piece of the vocabulary and the cosine of its row with the row that asked."""

    name: str
    cosine: float


@dataclass(frozen=True)
class Inside:
    """One text as one model state sees it, step by step. Row i of every array is pieces[i], special ones included.

    `rows`: the raw row of each piece in the model's table, before position and normalisation; `near`: the entries of
    the table nearest to it, itself left out, best first. `positions`: what is added for the place. `states[l]`: the
    vectors of layer l, 0 = what the first layer reads. `attention[l]`: what block l + 1 (from `states[l]` to
    `states[l + 1]`) reads from where: entry [head, i, j] is the share of piece j in what piece i reads; rows sum to 1.
    Where a step does not exist its array is None or empty, and `without_...` is the sentence that says why.
    """

    source: str
    text: str
    pieces: tuple[Piece, ...]
    layers: tuple[LayerInfo, ...]
    states: tuple[Float32[np.ndarray, "piece dim"], ...]
    rows: Float32[np.ndarray, "piece width"] | None = None
    near: tuple[tuple[Near, ...], ...] = ()
    positions: Float32[np.ndarray, "piece width"] | None = None
    attention: tuple[Float32[np.ndarray, "head piece piece"], ...] = ()
    without_table: str = ""
    without_positions: str = ""
    without_attention: str = ""

    def __post_init__(self) -> None:
        count = len(self.pieces)
        require(count > 0, "a text without pieces")
        require(all(0 <= p.start <= p.end <= len(self.text) for p in self.pieces), "a piece lies outside its text")
        require(len(self.layers) == len(self.states) > 0, "layers and states differ in number")
        for layer, state in zip(self.layers, self.states, strict=True):
            require(state.shape == (count, layer.dim), f"{layer.name} has another shape than its layer says")
        for array in (self.rows, self.positions):
            require(array is None or (array.ndim == 2 and len(array) == count), "rows and pieces differ in number")
        require(len(self.near) == (0 if self.rows is None else count), "neighbours and rows differ in number")
        require(len(self.attention) in (0, len(self.layers) - 1), "not every block has its attention")
        for weights in self.attention:
            require(weights.ndim == 3 and weights.shape[1:] == (count, count), "attention is not between the pieces")
            require(bool((np.abs(weights.sum(axis=2) - 1) < SUMS).all()), "a row of attention does not sum to 1")
        said = (self.rows is None, self.without_table), (self.positions is None, self.without_positions)
        for missing, why in (*said, (not self.attention, self.without_attention)):
            require(missing == bool(why), "a step is missing without its reason, or has one in vain")
        known = (*self.states, *self.attention, *(x for x in (self.rows, self.positions) if x is not None))
        for array in known:
            require(bool(np.isfinite(array).all()), "a number is not finite")
            freeze(array)

    @property
    def own(self) -> list[int]:
        """The pieces of the text itself, without the special ones around it."""
        return [i for i, piece in enumerate(self.pieces) if not piece.special]

    @property
    def unread(self) -> tuple[str, ...]:
        """Words of the text that no piece touches: a table of words leaves out those it does not know."""
        return tuple(self.text[start:end] for start, end in word_spans(self.text) if not self.touching(start, end))

    def touching(self, start: int, end: int) -> list[int]:
        """The pieces that overlap characters [start, end)."""
        return [i for i, piece in enumerate(self.pieces) if piece.start < end and piece.end > start]

    def surface(self, piece: int) -> str:
        """The characters of a piece as they stand in the text; of a special piece its name."""
        one = self.pieces[piece]
        return one.name if one.special else self.text[one.start : one.end]

    def cut_as(self, other: "Inside") -> bool:
        """Whether the other state cuts the same text into the same pieces with the same numbers."""
        return self.text == other.text and self.pieces == other.pieces


@dataclass(frozen=True)
class Path:
    """One piece on its way through the layers; entry l is layer l, None where it is undefined.

    `norm`: Euclidean length. `to_start`: cosine with its vector at layer 0 (same width only). `to_previous`: cosine
    with its vector one layer below. `to_sentence`: cosine with the mean of the text's own pieces at that layer, itself
    included (intra-sentence similarity of one piece, Ethayarajh 2019). `to_other`: cosine with the same characters at
    the same layer of another model state, which means something only where one state was trained from the other.
    """

    norm: tuple[float, ...]
    to_start: tuple[float | None, ...]
    to_previous: tuple[float | None, ...]
    to_sentence: tuple[float | None, ...]
    to_other: tuple[float | None, ...]


@dataclass(frozen=True)
class SameWord:
    """One word in two sentences, layer by layer. None where a vector has no length.

    `cosine`: between the two vectors of the word (mean of its pieces); `others`: mean cosine between the word in one
    sentence and every other word of the other sentence, both ways: how alike any two words are there. `same`: whether
    the two vectors are equal but for rounding (1e-6 of their length). `sentences`, `same_sentences`: the same of the
    means of all pieces of the texts: where they are equal, the order of the words left no trace. `same_rows`: whether
    the word has the same rows of the raw table in both; None where there is no table.
    """

    word: str
    first: Occurrence
    second: Occurrence
    layers: tuple[LayerInfo, ...]
    cosine: tuple[float | None, ...]
    same: tuple[bool, ...]
    others: tuple[float | None, ...]
    sentences: tuple[float | None, ...]
    same_sentences: tuple[bool, ...]
    same_rows: bool | None


def path(seen: Inside, piece: int, other: Inside | None = None) -> Path:
    """How the vector of a piece goes through the layers; see `Path`. `other`: another state that read the same text."""
    states = [state.astype(np.float64) for state in seen.states]
    own = seen.own or list(range(len(seen.pieces)))
    there = [] if other is None else _counterpart(seen, piece, other)
    to_other: list[float | None] = []
    for layer, state in enumerate(states):
        if other is None or not there or layer >= len(other.states):
            to_other.append(None)
        else:
            to_other.append(cosine(state[piece], _mean(other, layer, there)))
    return Path(
        norm=tuple(float(np.linalg.norm(state[piece])) for state in states),
        to_start=tuple(cosine(state[piece], states[0][piece]) for state in states),
        to_previous=(None, *(cosine(above[piece], below[piece]) for below, above in pairwise(states))),
        to_sentence=tuple(cosine(state[piece], state[own].mean(axis=0)) for state in states),
        to_other=tuple(to_other),
    )


def _counterpart(seen: Inside, piece: int, other: Inside) -> list[int]:
    """The pieces of the other state that stand for the same characters; of a special piece only the very same one."""
    if seen.cut_as(other):
        return [piece]
    one = seen.pieces[piece]
    return [] if one.special or seen.text != other.text else other.touching(one.start, one.end)


def word_in_both(first: Inside, second: Inside, word: str) -> SameWord:
    """The first use of a word in each of two sentences read by one model state.

    Raises ModelError where a sentence does not hold the word or the model read nothing of it.
    """
    require(first.layers == second.layers, "the sentences were read by different models")
    uses = [_use(seen, word, place) for seen, place in ((first, "first"), (second, "second"))]
    places = [seen.touching(use.start, use.end) for seen, use in zip((first, second), uses, strict=True)]
    for use, at in zip(uses, places, strict=True):
        if not at:
            raise ModelError(f"{first.source} knows nothing of the word {use.surface!r}: choose another word.")
    both, means, others = [], [], []
    for layer in range(len(first.layers)):
        vectors = [_mean(seen, layer, at) for seen, at in zip((first, second), places, strict=True)]
        both.append((cosine(*vectors), _equal(*vectors)))
        whole = [_mean(seen, layer, list(range(len(seen.pieces)))) for seen in (first, second)]
        means.append((cosine(*whole), _equal(*whole)))
        others.append(_to_others(vectors, (first, second), places, layer))
    ids = [[seen.pieces[i].id for i in at] for seen, at in zip((first, second), places, strict=True)]
    return SameWord(
        word,
        uses[0],
        uses[1],
        first.layers,
        cosine=tuple(value for value, _ in both),
        same=tuple(equal for _, equal in both),
        others=tuple(others),
        sentences=tuple(value for value, _ in means),
        same_sentences=tuple(equal for _, equal in means),
        same_rows=None if first.rows is None else ids[0] == ids[1],
    )


def _use(seen: Inside, word: str, place: str) -> Occurrence:
    for start, end in word_spans(seen.text):
        if seen.text[start:end].casefold() == word.casefold():
            return Occurrence(seen.text, start, end, word=word)
    raise ModelError(f"The {place} sentence does not hold the word {word!r}: choose a word that is in both.")


def _to_others(
    vectors: Sequence[Float64[np.ndarray, "d"]], seen: Sequence[Inside], places: Sequence[list[int]], layer: int
) -> float | None:
    """Mean cosine of the word in one sentence with each other word of the other sentence, both ways."""
    found = []
    for vector, there, word in ((vectors[0], seen[1], places[1]), (vectors[1], seen[0], places[0])):
        for start, end in word_spans(there.text):
            at = there.touching(start, end)
            value = cosine(vector, _mean(there, layer, at)) if at and not set(at) & set(word) else None
            if value is not None:
                found.append(value)
    return float(np.mean(found)) if found else None


def shared_words(first: str, second: str) -> list[str]:
    """Words that stand in both texts, whatever their case, in the order of the first."""
    there = {second[start:end].casefold() for start, end in word_spans(second)}
    return list(dict.fromkeys(w for s, e in word_spans(first) if (w := first[s:e].casefold()) in there))


def attention_change(before: Inside, after: Inside) -> Float64[np.ndarray, "block head"] | None:
    """How much each head reads from elsewhere after than before: 0 = nothing changed, 1 = all of it elsewhere.

    Mean over the pieces of the total variation ½ Σ_j |a_ij - b_ij| of their rows. None where the states cut the text
    differently or do not have the same heads.
    """
    shapes = [[block.shape for block in seen.attention] for seen in (before, after)]
    if not before.attention or not before.cut_as(after) or shapes[0] != shapes[1]:
        return None
    pairs = zip(before.attention, after.attention, strict=True)
    changes = [np.abs(a.astype(np.float64) - b).sum(axis=2).mean(axis=1) / 2 for a, b in pairs]
    heads = max(len(change) for change in changes)
    return np.array([np.pad(change, (0, heads - len(change))) for change in changes])


def cosine(a: Float64[np.ndarray, "n"], b: Float64[np.ndarray, "m"]) -> float | None:
    """Cosine of two vectors in [-1, 1]; None where they differ in width or one has no length.

    Of a vector with itself exactly 1.
    """
    if a.shape != b.shape:
        return None
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    if lengths == 0:
        return None
    return 1.0 if np.array_equal(a, b) else float(np.clip(a @ b / lengths, -1, 1))


def _equal(a: Float64[np.ndarray, "n"], b: Float64[np.ndarray, "n"]) -> bool:
    return bool(np.linalg.norm(a - b) <= ROUNDING * max(np.linalg.norm(a), np.linalg.norm(b)))


def _mean(seen: Inside, layer: int, at: list[int]) -> Float64[np.ndarray, "d"]:
    """In double precision, so that the same vectors in another order have the same mean."""
    return np.asarray(seen.states[layer][at].mean(axis=0, dtype=np.float64))
