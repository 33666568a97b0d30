"""What is asked of an encoder for one chunk of texts, and where each answer belongs."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int64

from embedlab.surveying.plan import SurveyPlan, words_of
from embedlab.types import Occurrence


@dataclass
class TextItems:
    """The items of one text, as indices into the occurrences of its chunk."""

    text: int  # index into plan.texts
    whole: int
    pieces: list[int] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    word_ids: list[int] = field(default_factory=list)
    halves: list[bool] = field(default_factory=list)  # which of `words` are every other use of their word
    background: int = -1
    uses: list[int] = field(default_factory=list)
    use_ids: list[int] = field(default_factory=list)


@dataclass
class Chunk:
    """`occurrences` to encode; `text_of[i]` is the position in `texts` of occurrence i."""

    occurrences: list[Occurrence]
    text_of: Int64[np.ndarray, "occurrence"]
    texts: list[TextItems]


class ChunkBuilder:
    """Turns texts into occurrences. A span asked twice (a word that is one piece) is encoded once.

    Spans that touch no piece of this encoder are left out and counted in `unseen` by kind.
    """

    def __init__(self, plan: SurveyPlan) -> None:
        self.plan = plan
        self.word_ids = {word: i for i, word in enumerate(plan.words)}
        self.met = np.zeros(len(plan.words), dtype=np.int64)  # uses passed so far, in text order, seen or not
        self.uses_of: dict[str, list[int]] = {}
        for i, use in enumerate(plan.uses):
            self.uses_of.setdefault(use.text, []).append(i)
        self.unseen = {"texts": 0, "words": 0, "background": 0, "uses": 0}

    def build(self, first: int, units: Sequence[Sequence[tuple[int, int]]]) -> Chunk:
        """The chunk of the texts from `first`, whose pieces are `units`."""
        chunk = Chunk([], np.zeros(0, dtype=np.int64), [])
        owner: list[int] = []
        for number, spans in enumerate(units, start=first):
            pieces = [(start, end) for start, end in spans if end > start]
            if not pieces:
                self._left_out(number)
                continue
            self._add(chunk, number, pieces)
            owner += [len(chunk.texts) - 1] * (len(chunk.occurrences) - len(owner))
        chunk.text_of = np.array(owner, dtype=np.int64)
        return chunk

    def _left_out(self, number: int) -> None:
        text = self.plan.texts[number]
        self.unseen["texts"] += 1
        self.unseen["uses"] += len(self.uses_of.get(text, ()))
        if number < self.plan.surveyed:
            passed = [self.word_ids[word] for word, _, _ in words_of(text) if word in self.word_ids]
            np.add.at(self.met, passed, 1)  # so that both models halve the uses of a word alike
            self.unseen["words"] += len(passed)
            self.unseen["background"] += int(self.plan.background[number, 0] >= 0)

    def _add(self, chunk: Chunk, number: int, pieces: list[tuple[int, int]]) -> None:
        text = self.plan.texts[number]
        items = TextItems(number, whole=len(chunk.occurrences))
        chunk.occurrences.append(Occurrence(text, 0, len(text)))
        chunk.texts.append(items)
        if number >= self.plan.surveyed:
            return
        place: dict[tuple[int, int], int] = {}

        def ask(span: tuple[int, int]) -> int:
            if span not in place:
                place[span] = len(chunk.occurrences)
                chunk.occurrences.append(Occurrence(text, *span, word=text[slice(*span)]))
            return place[span]

        touched = _Touched(pieces)
        items.pieces = [ask(span) for span in pieces]
        for word, start, end in words_of(text):
            identity = self.word_ids.get(word)
            if identity is None:
                continue
            first_half = self.met[identity] % 2 == 0
            self.met[identity] += 1
            if touched(start, end):
                items.words.append(ask((start, end)))
                items.word_ids.append(identity)
                items.halves.append(bool(first_half))
            else:
                self.unseen["words"] += 1
        start, end = (int(x) for x in self.plan.background[number])
        if start >= 0 and touched(start, end):
            items.background = ask((start, end))
        elif start >= 0:
            self.unseen["background"] += 1
        for use_id in self.uses_of.get(text, ()):
            use = self.plan.uses[use_id]
            if touched(use.start, use.end):
                items.uses.append(ask((use.start, use.end)))
                items.use_ids.append(use_id)
            else:
                self.unseen["uses"] += 1


class _Touched:
    """Whether a span overlaps any piece of a text."""

    def __init__(self, pieces: Sequence[tuple[int, int]]) -> None:
        ordered = sorted(pieces)
        self.starts = [start for start, _ in ordered]
        self.reach = np.maximum.accumulate([end for _, end in ordered])

    def __call__(self, start: int, end: int) -> bool:
        before_end = bisect_left(self.starts, end)
        return before_end > 0 and bool(self.reach[before_end - 1] > start)
