"""Search: what lies nearest to a sentence, to a word in a sentence, or to an item of the corpus, before and after."""

import re
import shlex
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Float32

from embedlab import occurrences, survey
from embedlab.comparing.finding import Asked, Filters, Found, Index, Items, What, listed_words
from embedlab.comparing.sides import pair_named, side_by_side
from embedlab.encoders.protocol import Encoder, Precision
from embedlab.errors import CorpusError, StoreError, UserError
from embedlab.lab.base import Progress, part, quiet
from embedlab.lab.comparisons import Comparisons
from embedlab.store import is_sealed
from embedlab.surveying.plan import distinct_texts
from embedlab.types import Comparison, Corpus, Occurrence, Snapshot

LONGEST = 20_000  # characters of a question, as of a text of a corpus
BRACKETS = re.compile(r"\[([^\[\]]+)\]")
ANY = Filters()

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
    """Vectors of the same items in both states, the numbers of their layers there, and how they were made."""

    items: Items
    before: Float32[np.ndarray, "item d"]
    after: Float32[np.ndarray, "item e"]
    layers: tuple[int, int]
    precision: Precision
    unseen: int = 0


class Searches(Comparisons):
    """Questions to both states of a comparison."""

    def search(
        self,
        id: str,
        query: str = "",
        *,
        what: What = "texts",
        word: str | None = None,
        like: str | None = None,
        layer: int | None = None,
        k: int = 10,
        filters: Filters = ANY,
        desk: Desk | None = None,
        progress: Progress = quiet,
    ) -> Found:
        """The k nearest before and after, each with both its ranks and cosines, at a layer (the last by default).

        `query`: any sentence; with one word of it in [brackets] that word as it stands there. Or `like`: an item of the
        corpus (`Match.key`: a row of texts, row:start of a use, a word), which is left out of both lists. Searched are
        the texts, the uses of `word`, or the words; in uses a sentence that holds the word needs no brackets.
        Vectors come from the store where the comparison left them, else they are made once and kept there; a model is
        loaded only for what somebody typed. `desk` keeps both for the next question. Raises UserError.
        """
        desk = desk or Desk()
        found = self._compared(id, desk)
        layer = len(found.layers) - 1 if layer is None else layer
        if not 0 <= layer < len(found.layers):
            raise UserError(f"There is no layer {layer}: this comparison has layers 0 to {len(found.layers) - 1}.")
        index = self.search_index(found.id, what, word, layer, desk, part(progress, 0.0, 0.5))
        if index is None:
            return listed_words(found, _named_word(found, like or query), layer, k, filters)
        asked = _asked(index.items, query, like, word)
        if asked.key is None:
            progress(0.5, "reading the question with both states (their first question loads them)")
        made = index.find(found, layer, asked, k, filters)
        progress(1.0, "found")
        return made

    def search_index(
        self,
        id: str,
        what: What,
        word: str | None = None,
        layer: int = -1,
        desk: Desk | None = None,
        progress: Progress = quiet,
    ) -> Index | None:
        """Both spaces over what is searched, ready to be asked; None where only the lists of nearest words are kept.

        Raises UserError where the vectors are gone and the models with them.
        """
        desk = desk or Desk()
        found = self._compared(id, desk)
        if what == "uses" and not (word or "").strip():
            raise UserError("Name the word whose uses are searched.")
        named = (word or "").strip().lower() if what == "uses" else ""
        layer = layer % len(found.layers)
        key = (str(self.root), found.id, what, named, layer)
        return desk.indexes.get(key, lambda: self._index(found, what, named, layer, desk, progress))

    def _compared(self, id: str, desk: Desk) -> Comparison:
        id = self.store.find("comparisons", id).id
        return desk.comparisons.get((str(self.root), id), lambda: self.comparison(id))

    def _index(
        self, found: Comparison, what: What, word: str, layer: int, desk: Desk, progress: Progress
    ) -> Index | None:
        surveys = self._kept_surveys(found.id)
        if surveys is None and what == "words":
            return None
        progress(0.0, "opening the vectors of the corpus")
        corpus = self._corpus_of(found)
        name = found.layers[layer].name
        read = None if surveys is None else _from_surveys(surveys, corpus, what, word, name)
        if read is None:
            precision: Precision = "fp32" if surveys is None else surveys[0].precision
            read = self._embedded(found, corpus, what, word, name, precision, part(progress, 0.1, 0.9))
        progress(0.9, "indexing")
        p = found.provenance
        readers = [
            self._reader(side.source, fingerprint, at, read.precision, desk)
            for side, fingerprint, at in zip(
                (found.before, found.after), (p.before_fingerprint, p.after_fingerprint), read.layers, strict=True
            )
        ]
        return Index(read.items, read.before, read.after, readers[0], readers[1], read.unseen)

    def _kept_surveys(self, id: str) -> tuple[survey.Survey, survey.Survey] | None:
        """What both states read for a comparison; None where it came without, or it was deleted since."""
        ids = self.store.find("comparisons", id).summary.get("surveys", ())
        folders = [self.store.folder("snapshots", survey_id) for survey_id in ids]
        if len(folders) != 2 or not all(map(is_sealed, folders)):
            return None
        return survey.open_survey(folders[0]), survey.open_survey(folders[1])

    def _corpus_of(self, found: Comparison) -> Corpus:
        try:
            return self.corpus(found.provenance.corpus_id)
        except StoreError as error:
            raise UserError(
                "The corpus of this comparison is not here any more: add it again to search in its texts, or search in "
                "words."
            ) from error

    def _embedded(
        self,
        found: Comparison,
        corpus: Corpus,
        what: What,
        word: str,
        layer: str,
        precision: Precision,
        progress: Progress,
    ) -> Read:
        """What the comparison did not read, embedded by both states now and kept in the store."""
        states: list[Snapshot] = []
        for number, side in enumerate((found.before, found.after)):
            self._here(side.source)
            states.append(
                self.embed(
                    side.source, corpus.id, "texts", word=word or None, precision=precision,
                    progress=part(progress, number / 2, (number + 1) / 2),
                )
            )  # fmt: skip
        before, after = states
        at = _layers_named(before.layer_names, after.layer_names, layer)
        items = tuple(before.occurrences)
        x, y = before.layers[at[0]], after.layers[at[1]]
        if what == "uses":
            return Read(_uses(items, corpus), x, y, at, precision)
        first = np.array(list({one.text: i for i, one in reversed(list(enumerate(items)))}.values())[::-1])
        first = np.sort(first)
        return Read(_texts([items[i].text for i in first], corpus), x[first], y[first], at, precision)

    def _here(self, source: str) -> None:
        """Raises UserError, with what to do, for a model state that cannot be loaded here."""
        try:
            self.model(source)
        except UserError as error:
            raise UserError(
                f"The model {source} of this comparison is not here ({str(error).rstrip('.')}): make the comparison "
                "again with models that are, or search in words for a word."
            ) from error

    def _reader(
        self, source: str, fingerprint: str, layer: int, precision: Precision, desk: Desk
    ) -> Callable[[Occurrence], Float32[np.ndarray, "d"]]:
        """One occurrence to its vector at a layer of a model state, which is loaded when the first is asked for."""

        def load() -> Encoder:
            self._here(source)
            encoder = self.encoder(source)
            if encoder.fingerprint != fingerprint:
                raise UserError(
                    f"The model {source} is not the one that was compared, its weights changed since: compare again."
                )
            return encoder

        def read(occurrence: Occurrence) -> Float32[np.ndarray, "d"]:
            encoder = desk.encoders.get((str(self.root), source, fingerprint), load)
            (block,) = encoder.encode([occurrence], layers=[layer], precision=precision)
            vector: Float32[np.ndarray, "d"] = block[1][0][0]
            return vector

        return read


def search_command(found: Found, query: str, word: str = "") -> str:
    """The command line that finds the same."""
    words = ["python", "-m", "embedlab", "search", found.comparison_id[:12]]
    words += ["--like", found.asked.key] if found.asked.key is not None else [query]
    words += ["--in", found.what, *(["--word", word] if found.what == "uses" else [])]
    words += ["--layer", str(found.layer), "--k", str(found.k)]
    for name in ("label", "sense", "split", "contains"):
        value = getattr(found.filters, name)
        words += [f"--{name}", value] if value else []
    return shlex.join(words)


def _from_surveys(
    surveys: tuple[survey.Survey, survey.Survey], corpus: Corpus, what: What, word: str, layer: str
) -> Read | None:
    """What the comparison read itself; None for the uses of a word that it did not look at use by use."""
    old, new = surveys
    sides = side_by_side(old, new)
    pair = pair_named(old, new, layer)
    at, precision = (pair.before, pair.after), old.precision
    if what == "words":
        words = [old.words[i] for i in sides.words]
        items = Items("words", [Occurrence(one, 0, len(one), word=one) for one in words], words, corpus)
        both = sides.pair("word_means", pair, sides.words)
        return Read(items, both.before, both.after, at, precision, len(old.words) - len(words))
    if what == "uses":
        asked = [i for i, use in enumerate(old.use_items) if (use.word or "").lower() == word]
        rows = np.intersect1d(asked, sides.uses).astype(np.int64)
        if not len(rows):
            return None
        both = sides.pair("uses", pair, rows)
        return Read(
            _uses([old.use_items[i] for i in rows], corpus), both.before, both.after, at, precision, len(asked) - len(rows)
        )
    surveyed = int(old.plan_facts["surveyed"])
    texts = distinct_texts(corpus)[0][:surveyed]
    rows = np.flatnonzero(sides.whole[:surveyed])
    both = sides.pair("texts", pair, rows)
    items = _texts([texts[i] for i in rows], corpus)
    return Read(items, both.before, both.after, at, precision, surveyed - len(rows))


def _texts(texts: Sequence[str], corpus: Corpus) -> Items:
    """Distinct texts; each is known by the first row that holds it."""
    number = {text: i for i, text in enumerate(texts)}
    item_of_row = np.array([number.get(text, -1) for text in corpus.texts], dtype=np.int64)
    first = np.full(len(texts), -1, dtype=np.int64)
    for row in range(len(item_of_row) - 1, -1, -1):
        if item_of_row[row] >= 0:
            first[item_of_row[row]] = row
    found = [Occurrence(text, 0, len(text), row=int(row)) for text, row in zip(texts, first, strict=True)]
    return Items("texts", found, [str(row) for row in first], corpus, item_of_row)


def _uses(uses: Sequence[Occurrence], corpus: Corpus) -> Items:
    """Uses of a word, each known by its row and where it begins there; a repeated sentence comes with its first row."""
    return Items("uses", uses, [f"{use.row}:{use.start}" for use in uses], corpus)


def _layers_named(before: Sequence[str], after: Sequence[str], name: str) -> tuple[int, int]:
    """The layers that a comparison has under a name: of both alike, or "one → the other"."""
    return next(
        (i, j)
        for i, one in enumerate(before)
        for j, two in enumerate(after)
        if name == (one if one == two else f"{one} → {two}")
    )


def _named_word(found: Comparison, asked: str) -> str:
    """A counted word as it is spelt there. Raises UserError for whatever else somebody asks of kept lists."""
    word = asked.strip()
    if not word:
        raise UserError("Type a word of this comparison.")
    if BRACKETS.search(word) or (" " in word and found.words.row(word) is None):
        raise UserError(
            "The vectors of this comparison are not kept here, only the nearest words of each word: type a single word, "
            "or make the comparison again to search for sentences."
        )
    return word if found.words.row(word) is not None else word.lower()


def _asked(items: Items, query: str, like: str | None, word: str | None) -> Asked:
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
