"""One question to two spaces: what lies nearest before and after, kept, lost or gained, each with both its ranks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64

from embedlab.comparing.moves import Status, moves
from embedlab.corpus import held_out
from embedlab.errors import UserError
from embedlab.measure.neighbours import Ready
from embedlab.types import Comparison, Corpus, Occurrence

What = Literal["texts", "uses", "words"]
DEPTH = 1000  # ranks that are known of what left the list, or was far away before; further down is "beyond"


@dataclass(frozen=True, slots=True)
class Filters:
    """What may be found. None or "": anything. `split`: test is what was held out, as everywhere; train the rest.

    Of several rows with one text any may pass. Words have none of these but `contains`.
    """

    label: str | None = None
    sense: str | None = None
    split: Literal["train", "test"] | None = None
    contains: str = ""

    def __bool__(self) -> bool:
        return self != Filters()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: `text`, of it the characters [start, end) (all of it: a whole text), in words of a person `said`.

    `key`: the item of the corpus it is, which is left out of both lists; None for what somebody typed.
    """

    text: str
    start: int
    end: int
    said: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """One thing found: characters [start, end) of `text`. Ranks count from 1; None where further down than was looked.

    `key` names it again: a row for a text (rows count from 0), row:start for a use, the word for a word. `rows`: all
    rows with this text. Label, sense and split are those of its rows, with commas where they differ.
    """

    key: str
    text: str
    start: int
    end: int
    rank_before: int | None
    rank_after: int | None
    cosine_before: float | None
    cosine_after: float | None
    status: Status
    rows: tuple[int, ...] = ()
    label: str = ""
    sense: str = ""
    split: str = ""


@dataclass(frozen=True)
class Found:
    """Both lists as one: kept and lost by their rank before, then the gained by their rank after.

    `candidates`: what was looked through, out of `of` (filters leave out the others, `unseen` no model could read);
    `depth`: how far down ranks are known. `half`: found in vectors in half precision, so that near ties may be turned.
    """

    comparison_id: str
    what: What
    layer: int
    layer_name: str
    k: int
    asked: Asked
    candidates: int
    of: int
    depth: int
    matches: tuple[Match, ...]
    filters: Filters = field(default_factory=Filters)
    unseen: int = 0
    half: bool = False

    @property
    def before(self) -> tuple[Match, ...]:
        """The k nearest before, nearest first."""
        return _listed(self, "rank_before", "gained")

    @property
    def after(self) -> tuple[Match, ...]:
        """The k nearest after, nearest first."""
        return _listed(self, "rank_after", "lost")

    def count(self, status: Status) -> int:
        return sum(match.status == status for match in self.matches)


def _listed(found: Found, rank: str, absent: Status) -> tuple[Match, ...]:
    shown = [match for match in found.matches if match.status != absent]
    return tuple(sorted(shown, key=lambda match: getattr(match, rank)))


@dataclass(frozen=True)
class Items:
    """What can be found: `occurrences[i]` is known as `keys[i]` and stands in `rows_of(i)` of the corpus.

    `first[r]`: the item of row r where every row has one (texts), else -1; None where an item is of one row (uses).
    """

    what: What
    occurrences: Sequence[Occurrence]
    keys: Sequence[str]
    corpus: Corpus
    item_of_row: Int64[np.ndarray, "row"] | None = None

    def rows_of(self, item: int) -> tuple[int, ...]:
        """All rows that hold an item; none for words."""
        if self.item_of_row is not None:
            return tuple(np.flatnonzero(self.item_of_row == item).tolist())
        row = self.occurrences[item].row
        return () if row is None else (row,)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """key -> item; a use is also known by its row alone, the first use of the row."""
        known = {key: i for i, key in enumerate(self.keys)}
        if self.what == "uses":
            for i, key in reversed(list(enumerate(self.keys))):
                known[key.partition(":")[0]] = i
        return known

    @cached_property
    def held(self) -> Bool[np.ndarray, "row"]:
        return held_out(self.corpus)

    @cached_property
    def choices(self) -> dict[str, tuple[str, ...]]:
        """What the filters can be set to: the labels, senses and splits of what can be found, in alphabetical order."""
        rows = np.flatnonzero(self._rows(np.ones(len(self.occurrences), dtype=bool)))
        labels = {self.corpus.labels[row] for row in rows} if self.corpus.labels is not None else set()
        splits = {"test" if held else "train" for held in self.held[rows]} if len(rows) else set()
        return {
            "label": tuple(sorted(label for label in labels if label is not None)),
            "sense": tuple(sorted({sense for sense in self._senses() if sense is not None})),
            "split": tuple(sorted(splits)),
        }

    def passing(self, filters: Filters) -> Bool[np.ndarray, "item"]:
        """Which items the filters let through. Raises UserError for a filter that these items do not have."""
        if self.what == "words" and filters != Filters(contains=filters.contains):
            raise UserError("Words have no label, sense or split: filter by what they hold, or search in texts.")
        passed = np.ones(len(self.occurrences), dtype=bool)
        if filters.contains:
            needle = filters.contains.lower()
            passed &= [needle in self._shown(one).lower() for one in self.occurrences]
        if filters.sense is not None:
            passed &= self._any(np.array([sense == filters.sense for sense in self._senses()], dtype=bool))
        if filters.label is not None:
            labels = self.corpus.labels or (None,) * len(self.corpus)
            passed &= self._any_row(np.array([label == filters.label for label in labels], dtype=bool))
        if filters.split is not None:
            passed &= self._any_row(self.held if filters.split == "test" else ~self.held)
        return passed

    def _shown(self, one: Occurrence) -> str:
        return one.surface if self.what == "words" else one.text

    def _senses(self) -> list[str | None]:
        """Of every use, or of every row where the items are texts."""
        if self.what == "uses":
            return [one.sense for one in self.occurrences]
        if self.what == "words" or self.corpus.targets is None:
            return []
        return [None if target is None else target.sense for target in self.corpus.targets]

    def _any(self, holds: Bool[np.ndarray, "m"]) -> Bool[np.ndarray, "item"]:
        """A condition on uses or on rows, as one on items."""
        if self.what == "uses":
            return holds
        return self._any_row(holds) if len(holds) else np.zeros(len(self.occurrences), dtype=bool)

    def _any_row(self, holds: Bool[np.ndarray, "row"]) -> Bool[np.ndarray, "item"]:
        if self.item_of_row is None:
            rows = np.array([one.row for one in self.occurrences], dtype=np.int64)
            return np.asarray(holds[rows])
        passed = np.zeros(len(self.occurrences), dtype=bool)
        passed[self.item_of_row[holds & (self.item_of_row >= 0)]] = True
        return passed

    def _rows(self, items: Bool[np.ndarray, "item"]) -> Bool[np.ndarray, "row"]:
        """Which rows hold any of the items."""
        chosen = np.zeros(len(self.corpus), dtype=bool)
        if self.item_of_row is not None:
            known = self.item_of_row >= 0
            chosen[known] = items[self.item_of_row[known]]
        elif self.what == "uses":
            rows = np.array([one.row for one in self.occurrences], dtype=np.int64)
            chosen[rows[items]] = True
        return chosen

    def about(self, item: int) -> dict[str, str | tuple[int, ...]]:
        """Rows, label, sense and split of an item, in words."""
        rows = self.rows_of(item)
        labels = [] if self.corpus.labels is None else [self.corpus.labels[row] for row in rows]
        senses = [self.occurrences[item].sense]
        if self.what == "texts":
            every = self._senses()
            senses = [every[row] for row in rows] if every else []
        splits = ["test" if self.held[row] else "train" for row in rows]
        return {"rows": rows, "label": _joined(labels), "sense": _joined(senses), "split": _joined(splits)}


def _joined(values: Sequence[str | None]) -> str:
    return ", ".join(dict.fromkeys(value for value in values if value))


class Index:
    """Two spaces over the same items, ready to be asked: row i of both is item i.

    `encode_before`, `encode_after`: one occurrence to its vector in either space (they may load a model).
    `unseen`: items that one of the models could not read, which are left out. `half`: rows in half precision.
    """

    def __init__(
        self,
        items: Items,
        before: Float32[np.ndarray, "item d"],
        after: Float32[np.ndarray, "item e"],
        encode_before: Callable[[Occurrence], Float32[np.ndarray, "d"]],
        encode_after: Callable[[Occurrence], Float32[np.ndarray, "e"]],
        unseen: int = 0,
        half: bool = False,
    ) -> None:
        self.items, self.unseen, self.half = items, unseen, half
        self.encoders = encode_before, encode_after
        self.sides = Ready(before), Ready(after)
        self._narrowed: tuple[Filters, Int64[np.ndarray, passing], tuple[Ready, Ready]] | None = None

    def vectors(self, asked: Asked) -> tuple[Float[np.ndarray, "d"], Float[np.ndarray, "e"]]:
        """The question in either space: the item's own rows, or what the models make of a text that was typed."""
        if asked.key is not None:
            item = self.items.numbers[asked.key]
            return self.sides[0].rows[item], self.sides[1].rows[item]
        occurrence = Occurrence(asked.text, asked.start, asked.end)
        return self.encoders[0](occurrence), self.encoders[1](occurrence)

    def find(self, comparison: Comparison, layer: int, asked: Asked, k: int, filters: Filters) -> Found:
        """Both lists, at a layer of the comparison. Raises UserError where filters leave nothing, or k < 1."""
        ids, sides = self._passing(filters)
        itself = -1 if asked.key is None else self.items.numbers[asked.key]
        place = int(np.searchsorted(ids, itself)) if itself in ids else -1
        candidates = len(ids) - (place >= 0)
        if candidates < 1:
            raise UserError("Nothing passes these filters: set one of them back.")
        if k < 1:
            raise UserError(f"k is {k}: list at least one.")
        k = min(k, candidates)
        depth = min(candidates, max(k, DEPTH))
        queries = self.vectors(asked)
        listed = [side.nearest(query, depth, place) for side, query in zip(sides, queries, strict=True)]
        ranks = [{int(i): rank for rank, i in enumerate(found, 1)} for found, _ in listed]
        near = np.array(list(dict.fromkeys((*listed[0][0][:k].tolist(), *listed[1][0][:k].tolist()))), dtype=np.int64)
        cosines = [side.cosines(query, near) for side, query in zip(sides, queries, strict=True)]
        made = [
            self._match(int(ids[i]), ranks[0].get(int(i)), ranks[1].get(int(i)), k, float(one), float(two))
            for i, one, two in zip(near, *cosines, strict=True)
        ]
        lost_or_kept = sorted((m for m in made if m.status != "gained"), key=lambda match: match.rank_before or 0)
        gained = sorted((m for m in made if m.status == "gained"), key=lambda match: match.rank_after or 0)
        return Found(
            comparison.id, self.items.what, layer, comparison.layers[layer].name, k, asked, candidates,
            len(self.items.occurrences) - (itself >= 0), depth, (*lost_or_kept, *gained), filters, self.unseen,
            self.half,
        )  # fmt: skip

    def _match(self, item: int, before: int | None, after: int | None, k: int, one: float, two: float) -> Match:
        was, is_now = before is not None and before <= k, after is not None and after <= k
        status: Status = "kept" if was and is_now else "lost" if was else "gained"
        occurrence = self.items.occurrences[item]
        place = (occurrence.text, occurrence.start, occurrence.end)
        about = self.items.about(item)
        return Match(self.items.keys[item], *place, before, after, one, two, status, **about)  # type: ignore[arg-type]

    def _passing(self, filters: Filters) -> tuple[Int64[np.ndarray, "passing"], tuple[Ready, Ready]]:
        """The items that pass, and both spaces over them alone; those of the last filters are kept."""
        if not filters:
            return np.arange(len(self.items.occurrences)), self.sides
        if self._narrowed is None or self._narrowed[0] != filters:
            ids = np.flatnonzero(self.items.passing(filters))
            if not len(ids):
                raise UserError("Nothing passes these filters: set one of them back.")
            self._narrowed = filters, ids, (Ready(self.sides[0].rows[ids]), Ready(self.sides[1].rows[ids]))
        return self._narrowed[1:]


def listed_words(comparison: Comparison, word: str, layer: int, k: int, filters: Filters) -> Found:
    """The nearest words of a word out of the lists that every comparison keeps: no vectors needed, 30 deep at most.

    Raises UserError for a word that was not counted, and for filters: a list that was cut cannot be searched further.
    """
    if filters:
        raise UserError(
            "The vectors of this comparison are not kept here, only the nearest words of each: take the filters back."
        )
    ranked = comparison.words.ranked_before
    depth = comparison.words.k if ranked is None else ranked.shape[2]
    if not 1 <= k <= depth:
        raise UserError(f"k is {k}, and {depth} nearest words of each word are kept here: list 1 to {depth}.")
    found = tuple(
        Match(
            move.word, move.word, 0, len(move.word), move.rank_before, move.rank_after, move.similarity_before,
            move.similarity_after, move.status,
        )
        for move in moves(comparison, word, layer, k)
    )  # fmt: skip
    asked = Asked(word, 0, len(word), f"the word “{word}”", word)
    others = len(comparison.words.words) - 1
    name = comparison.layers[layer].name
    return Found(comparison.id, "words", layer, name, k, asked, others, others, depth, found)
