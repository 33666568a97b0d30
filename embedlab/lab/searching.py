"""What a search rests on: vectors of the same items in both states, the question as it was meant, what is kept."""

import re
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Float32

from embedlab import occurrences
from embedlab.comparing.finding import Asked, Index, Items, What
from embedlab.comparing.sides import pair_named, rows_of
from embedlab.encoders.protocol import Encoder, Precision
from embedlab.errors import CorpusError, UserError
from embedlab.survey import Vectors
from embedlab.surveying.plan import distinct_texts
from embedlab.types import Comparison, Corpus, Occurrence

LONGEST = 20_000  # characters of a question, as of a text of a corpus
BRACKETS = re.compile(r"\[([^\[\]]+)\]")

T = TypeVar("T")


class Kept(Generic[T]):
    """The last few things made, by what was asked. Made one at a time: two visitors never load one model twice."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = RLock()
        self._things: OrderedDict[Hashable, T] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._things

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        with self._lock:
            if key not in self._things:
                self._things[key] = make()
            self._things.move_to_end(key)
            while len(self._things) > self.most:
                self._things.popitem(last=False)
            return self._things[key]


class Desk:
    """What the next question needs again. A page keeps one for its process, a command makes its own."""

    def __init__(self) -> None:
        self.comparisons: Kept[Comparison] = Kept(4)
        self.encoders: Kept[Encoder] = Kept(4)
        self.indexes: Kept[Index | None] = Kept(8)


@dataclass(frozen=True)
class Read:
    """Vectors of the same items in both states, the names of their layers there, and how they were made."""

    items: Items
    before: Float32[np.ndarray, "item d"]
    after: Float32[np.ndarray, "item e"]
    layers: tuple[str, str]
    precision: Precision
    unseen: int = 0
    half: bool = False


def from_vectors(old: Vectors, new: Vectors, corpus: Corpus, what: What, word: str, layer: str) -> Read | None:
    """What the comparison read itself; None for the uses of a word that it did not look at use by use."""
    pair = pair_named(old, new, layer)
    at, precision = (old.layer_names[pair.before], new.layer_names[pair.after]), old.precision
    if what == "words":
        rows = np.flatnonzero((old.seen_words > 0) & (new.seen_words > 0))
        words = [old.words[i] for i in rows]
        items = Items("words", [Occurrence(one, 0, len(one), word=one) for one in words], words, corpus)
        both = rows_of(old, new, "word_means", pair, rows)
        return Read(items, both.before, both.after, at, precision, len(old.words) - len(words), old.half)
    if what == "uses":
        asked = [i for i, use in enumerate(old.use_items) if (use.word or "").lower() == word]
        rows = np.intersect1d(asked, np.flatnonzero(old.seen_uses & new.seen_uses)).astype(np.int64)
        if not len(rows):
            return None
        both = rows_of(old, new, "uses", pair, rows)
        return Read(
            use_items([old.use_items[i] for i in rows], corpus), both.before, both.after, at, precision,
            len(asked) - len(rows), old.half,
        )  # fmt: skip
    surveyed = int(old.plan_facts["surveyed"])
    texts = distinct_texts(corpus)[0][:surveyed]
    rows = np.flatnonzero((old.seen_texts & new.seen_texts)[:surveyed])
    both = rows_of(old, new, "texts", pair, rows)
    items = text_items([texts[i] for i in rows], corpus)
    return Read(items, both.before, both.after, at, precision, surveyed - len(rows), old.half)


def text_items(texts: Sequence[str], corpus: Corpus) -> Items:
    """Distinct texts; each is known by the first row that holds it."""
    number = {text: i for i, text in enumerate(texts)}
    item_of_row = np.array([number.get(text, -1) for text in corpus.texts], dtype=np.int64)
    first = np.full(len(texts), -1, dtype=np.int64)
    for row in range(len(item_of_row) - 1, -1, -1):
        if item_of_row[row] >= 0:
            first[item_of_row[row]] = row
    found = [Occurrence(text, 0, len(text), row=int(row)) for text, row in zip(texts, first, strict=True)]
    return Items("texts", found, [str(row) for row in first], corpus, item_of_row)


def use_items(uses: Sequence[Occurrence], corpus: Corpus) -> Items:
    """Uses of a word, each known by its row and where it begins there; a repeated sentence comes with its first row."""
    return Items("uses", uses, [f"{use.row}:{use.start}" for use in uses], corpus)


def layers_named(name: str) -> tuple[str, str]:
    """What before and after call a layer of a comparison: both alike, or "one → the other"."""
    one, _, other = name.partition(" → ")
    return one, other or one


def named_word(found: Comparison, asked: str) -> str:
    """A counted word as it is spelt there. Raises UserError for whatever else somebody asks of kept lists."""
    word = asked.strip()
    if not word:
        raise UserError("Type a word of this comparison.")
    if BRACKETS.search(word) or (" " in word and found.words.row(word) is None):
        raise UserError(
            "The vectors of this comparison are not kept here, only the nearest words of each word: type a "
            "single word, or make the comparison again to search for sentences."
        )
    return word if found.words.row(word) is not None else word.lower()


def asked_of(items: Items, query: str, like: str | None, word: str | None) -> Asked:
    """What is asked: an item, a word in a sentence, or a sentence. Raises UserError."""
    if like is not None:
        return _item(items, like.strip())
    text = query.strip()
    if not text:
        raise UserError("Type a sentence, or choose an item to search for.")
    if len(text) > LONGEST:
        raise UserError(f"The question has {len(text):,} characters: give at most {LONGEST:,}.")
    if items.what == "words" and not BRACKETS.search(text) and (text in items.numbers or text.lower() in items.numbers):
        return _item(items, text)
    marked = list(BRACKETS.finditer(text))
    if len(marked) > 1:
        raise UserError("More than one word stands in brackets: mark the one that is searched for.")
    if marked:
        start, surface = marked[0].start(), marked[0][1]
        text = text[:start] + surface + text[marked[0].end() :]
        return Asked(text, start, start + len(surface), f"“{surface}” in this sentence")
    if items.what == "uses":
        try:
            use = occurrences.uses_of(Corpus("", "", (text,)), word or "")[0]
        except CorpusError as error:
            raise UserError(
                f"The sentence does not hold “{word}”: write one that does, or mark another word of it in [brackets]."
            ) from error
        return Asked(text, use.start, use.end, f"“{use.surface}” in this sentence")
    return Asked(text, 0, len(text), "this sentence")


def _item(items: Items, like: str) -> Asked:
    named = like if like in items.numbers else like.lower()
    number = items.numbers.get(named)
    if number is None:
        kind = {"texts": "row", "uses": "use", "words": "word"}[items.what]
        what = "a word of this comparison" if items.what == "words" else "one by its row, counted from 0"
        raise UserError(f"There is no {kind} {like[:60]!r} in what is searched: name {what}.")
    one, key = items.occurrences[number], items.keys[number]
    said = {"texts": f"row {key}", "uses": f"“{one.surface}” in row {one.row}", "words": f"the word “{one.surface}”"}
    return Asked(one.text, one.start, one.end, said[items.what], key)
