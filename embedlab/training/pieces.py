"""Occurrences as a model reads them: the ids of the pieces, and which of them become the vector.

Cut by the same reader as the measurements, so that training works on the vectors that are later compared. Done once
before the first step: a step only stacks arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int32, Int64

from embedlab.errors import TrainingError
from embedlab.types import Occurrence, Pooling

if TYPE_CHECKING:
    from embedlab.encoders import alignment
    from embedlab.encoders.alignment import PieceReader

CHUNK = 2048  # texts a tokenizer call: enough to keep its threads busy, little enough to bound its memory


@dataclass(frozen=True)
class Pieces:
    """ids[i]: the pieces of occurrence i, special ones included; its vector is the mean over [first[i], last[i])."""

    ids: tuple[Int32[np.ndarray, "piece"], ...]
    first: Int64[np.ndarray, "n"]
    last: Int64[np.ndarray, "n"]
    cut: int  # how many texts were longer than is read

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def lengths(self) -> Int64[np.ndarray, "n"]:
        return np.array([len(ids) for ids in self.ids], dtype=np.int64)

    def __getitem__(self, rows: Int64[np.ndarray, "k"]) -> "Pieces":
        return Pieces(tuple(self.ids[i] for i in rows), self.first[rows], self.last[rows], self.cut)


def read_pieces(reader: "PieceReader", occurrences: Sequence[Occurrence], pooling: Pooling, limit: int) -> Pieces:
    """Cut texts into pieces, at most `limit` each with the special ones.

    A whole text longer than that is read from its beginning (as sentence-transformers does); a use of a word is read
    with as much of its surroundings as fits.
    Raises TrainingError when a span touches no piece (only white space, or characters the model drops).
    """
    room = limit - len(reader.prefix) - len(reader.suffix)
    ids = []
    places = np.empty((len(occurrences), 2), dtype=np.int64)
    cut = 0
    for begin in range(0, len(occurrences), CHUNK):
        some = occurrences[begin : begin + CHUNK]
        for i, (use, body) in enumerate(zip(some, reader.read([use.text for use in some]), strict=True), start=begin):
            window, low, high = 0, 0, len(body)
            if not use.is_whole_text:
                low, high = _touched(use, body)
                window = max(0, min((low + high - room) // 2, len(body) - room))
            kept = body.ids[window : window + room]
            ids.append(np.array([*reader.prefix, *kept, *reader.suffix], dtype=np.int32))
            if use.is_whole_text:
                places[i] = _pooled(pooling, len(ids[-1]))
            else:
                places[i] = np.clip([low - window, high - window], 0, room) + len(reader.prefix)
            cut += len(body) > room
    return Pieces(tuple(ids), places[:, 0], places[:, 1], cut)


def _touched(use: Occurrence, body: "alignment.Pieces") -> tuple[int, int]:
    """Which pieces of the text overlap the characters of the use, as a range."""
    low, high = body.touched(np.array([use.start]), np.array([use.end])) if len(body) else ([0], [0])
    if low[0] >= high[0]:
        row = "" if use.row is None else f" of row {use.row + 1}"
        raise TrainingError(f"The target{row} has no characters this model can read. Remove the row or mend its span.")
    return int(low[0]), int(high[0])


def _pooled(pooling: Pooling, length: int) -> tuple[int, int]:
    """Which pieces stand for a whole text: all with the special ones, the first, or the last."""
    return {"mean": (0, length), "cls": (0, 1), "last": (length - 1, length)}[pooling]
