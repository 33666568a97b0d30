"""What goes through a model together, and which rows of its output are wanted. No torch.

Texts of exactly the same number of pieces share a pass, so there is no padding and no mask. A text longer than the
model is read in windows that overlap by half; each piece is taken from the window in which it is most central.
The batches follow from the set of texts alone, never from their order or from what is asked of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float32, Int64

from embedlab.encoders.alignment import PieceReader, Pieces
from embedlab.errors import ModelError
from embedlab.types import Occurrence, Pooling

CHUNK_TEXTS = 4096  # cut into pieces at once: enough for full batches, little enough to bound the memory
CHUNK_CHARACTERS = 2**20


@dataclass(frozen=True)
class Gather:
    """Sums over `flat[i, :]` (rows of the [text x piece, dim] output) go to the rows `into` of the block."""

    flat: Int64[np.ndarray, "m count"]
    into: Int64[np.ndarray, "m"]


@dataclass(frozen=True)
class Pass:
    """One call of the model: ids of equal-length rows, and what is taken from its output; no row of a block twice."""

    ids: Int64[np.ndarray, "text piece"]
    gathers: tuple[Gather, ...]


@dataclass(frozen=True)
class Block:
    """All occurrences of some texts. `rows`: indices into the occurrences; `counts`: how many pieces each averages."""

    rows: Int64[np.ndarray, "row"]
    counts: Float32[np.ndarray, "row"]
    passes: tuple[Pass, ...]
    pieces: int  # that go through the model, special ones included


@dataclass(frozen=True)
class Window:
    """Pieces [begin, begin + room) of a text are read together; those in [own, until) are taken from here."""

    begin: int
    own: int
    until: int


@dataclass(frozen=True)
class _Asked:
    """One text and what is asked of it: ranges of pieces [first, last), special pieces counted as in `windows`."""

    pieces: Pieces
    rows: Int64[np.ndarray, "row"]
    first: Int64[np.ndarray, "row"]
    last: Int64[np.ndarray, "row"]


def windows(pieces: int, room: int, before: int, after: int) -> list[Window]:
    """How a text of so many pieces is read by a model with room for `room` of them besides its special ones.

    Places run from -before (the first special piece) to pieces + after. Every place has exactly one owner.
    """
    if pieces <= room:
        return [Window(0, -before, pieces + after)]
    step = max(1, room // 2)
    begins = [*range(0, pieces - room, step), pieces - room]
    # the middle between the centres of two neighbours
    borders = [(left + right + room + 1) // 2 for left, right in pairwise(begins)]
    owns = [-before, *borders]
    untils = [*borders, pieces + after]
    return [Window(*window) for window in zip(begins, owns, untils, strict=True)]


def chunks(occurrences: Sequence[Occurrence]) -> Iterator[dict[str, list[int]]]:
    """Text -> rows that ask about it, in groups of texts of about the same length, shortest first."""
    asked: dict[str, list[int]] = {}
    for row, occurrence in enumerate(occurrences):
        asked.setdefault(occurrence.text, []).append(row)
    group: dict[str, list[int]] = {}
    size = 0
    for text in sorted(asked, key=lambda text: (len(text), text)):
        if group and (len(group) == CHUNK_TEXTS or size + len(text) > CHUNK_CHARACTERS):
            yield group
            group, size = {}, 0
        group[text] = asked[text]
        size += len(text)
    if group:
        yield group


def blocks(
    asked: dict[str, list[int]],
    occurrences: Sequence[Occurrence],
    reader: PieceReader,
    *,
    longest: int,
    budget: int,
    pooling: Pooling,
) -> Iterator[Block]:
    """The work for one chunk. `longest`: pieces the model reads at once; `budget`: pieces that share a pass.

    Raises ModelError, naming the row, for a span that touches no piece.
    """
    room = longest - len(reader.prefix) - len(reader.suffix)
    by_length: dict[int, list[_Asked]] = {}
    for (_text, rows), pieces in zip(asked.items(), reader.read(list(asked)), strict=True):
        by_length.setdefault(len(pieces), []).append(_ask(pieces, rows, occurrences, reader, pooling))
    for length, items in sorted(by_length.items()):
        if length > room:
            yield from (_long(item, reader, room) for item in items)
            continue
        total = length + len(reader.prefix) + len(reader.suffix)
        share = max(1, budget // total)
        for begin in range(0, len(items), share):
            yield _short(items[begin : begin + share], reader)


def _ask(
    pieces: Pieces, rows: list[int], occurrences: Sequence[Occurrence], reader: PieceReader, pooling: Pooling
) -> _Asked:
    asked = [occurrences[row] for row in rows]
    spans = np.array([(use.start, use.end) for use in asked], dtype=np.int64)
    if len(pieces):
        first, last = pieces.touched(spans[:, 0], spans[:, 1])
    else:
        first, last = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
    if (first >= last).any():
        index = int(np.argmax(first >= last))
        place = asked[index].row if asked[index].row is not None else rows[index]
        raise ModelError(
            f"Row {int(place or 0) + 1}: the model's tokenizer keeps no character of the span "
            f"[{spans[index, 0]}, {spans[index, 1]}). Remove the row or mend its span."
        )
    whole = np.array([use.is_whole_text for use in asked])
    begin, end = -len(reader.prefix), len(pieces) + len(reader.suffix)
    low, high = {"mean": (begin, end), "cls": (begin, begin + 1), "last": (end - 1, end)}[pooling]
    return _Asked(pieces, np.array(rows, dtype=np.int64), np.where(whole, low, first), np.where(whole, high, last))


def _ids(pieces: Pieces, reader: PieceReader, begin: int, end: int) -> Int64[np.ndarray, "piece"]:
    return np.array([*reader.prefix, *pieces.ids[begin:end], *reader.suffix], dtype=np.int64)


def _short(items: list[_Asked], reader: PieceReader) -> Block:
    """Texts of one length, in one pass."""
    ids = np.stack([_ids(item.pieces, reader, 0, len(item.pieces)) for item in items])
    begins = np.repeat(np.arange(len(items)) * ids.shape[1] + len(reader.prefix), [len(item.rows) for item in items])
    first = np.concatenate([item.first for item in items]) + begins
    last = np.concatenate([item.last for item in items]) + begins
    gathers = _gathers(first, last, np.arange(len(first)))
    rows = np.concatenate([item.rows for item in items])
    return Block(rows, (last - first).astype(np.float32), (Pass(ids, gathers),), ids.size)


def _long(item: _Asked, reader: PieceReader, room: int) -> Block:
    """One text in several windows, a pass each: a span across a border is summed from both sides."""
    passes = []
    before = len(reader.prefix)
    for window in windows(len(item.pieces), room, before, len(reader.suffix)):
        first, last = np.maximum(item.first, window.own), np.minimum(item.last, window.until)
        into = np.flatnonzero(first < last)
        shift = before - window.begin
        ids = _ids(item.pieces, reader, window.begin, window.begin + room)[None]
        passes.append(Pass(ids, _gathers(first[into] + shift, last[into] + shift, into)))
    counts = (item.last - item.first).astype(np.float32)
    return Block(item.rows, counts, tuple(passes), sum(one.ids.size for one in passes))


def _gathers(
    first: Int64[np.ndarray, "m"], last: Int64[np.ndarray, "m"], into: Int64[np.ndarray, "m"]
) -> tuple[Gather, ...]:
    """One gather for each number of pieces, so that a mean depends on its own pieces alone."""
    counts = last - first
    found = []
    for count in np.unique(counts):
        chosen = np.flatnonzero(counts == count)
        found.append(Gather(first[chosen, None] + np.arange(count), into[chosen]))
    return tuple(found)
