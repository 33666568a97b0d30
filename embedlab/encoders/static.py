"""Word vectors as an encoder: word2vec, GloVe and fastText tables, one vector a word whatever the sentence. No torch.

One layer, "words", of kind static. The pieces of a text are its known words: a word is looked up as it is written,
else in lower case; a word that the table lacks is no piece, so that whoever asks for it is told, as with any encoder.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from embedlab.encoders.files import digest
from embedlab.encoders.protocol import Block, Precision, Progress, Span
from embedlab.errors import ModelError
from embedlab.occurrences import word_spans
from embedlab.types import EncoderSpec, LayerInfo, Occurrence
from embedlab.vectorfiles import Shape, VectorError, Vectors, is_word_file, look_at, read_vectors

FAMILY = "static"
LAYER = "words"
BLOCK = 4096  # occurrences given back at once


def static_file(spec: EncoderSpec) -> Path | None:
    """The file of word vectors that a spec names, or None where it names no such file."""
    path = Path(spec.source).expanduser()
    return path if is_word_file(path) and path.is_file() else None


def shape_of(path: Path) -> Shape:
    """Rows and dimensions of a table, read from its beginning. Raises ModelError."""
    try:
        return look_at(path, path.name)
    except VectorError as error:
        raise ModelError(str(error)) from error


class StaticEncoder:
    """One table in memory. See `protocol.Encoder` for what it promises.

    A span is the mean of the known words it touches, a whole text the mean of all its known words, whatever
    `spec.pooling` says: there is no special piece. `precision` changes nothing: the table is float32.
    """

    def __init__(self, spec: EncoderSpec, path: Path) -> None:
        self.spec = replace(spec, family=FAMILY)
        self.label = path.name
        self._path = path
        self.fingerprint = digest(path)
        shape = shape_of(path)
        self.layers: tuple[LayerInfo, ...] = (LayerInfo(LAYER, shape.dim, "static"),)
        self.parameters = shape.rows * shape.dim

    @cached_property
    def _table(self) -> Vectors:
        try:
            return read_vectors(self._path)
        except VectorError as error:
            raise ModelError(str(error)) from error

    @cached_property
    def _row_of(self) -> Mapping[str, int]:
        return {name: row for row, name in enumerate(self._table.names or ())}

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out or repaired when the table was read."""
        return self._table.notes

    def units(self, texts: Sequence[str]) -> list[list[Span]]:
        """Character spans of the known words of each text."""
        return [[span for span, _ in self._words(text)] for text in texts]

    def encode(
        self,
        occurrences: Sequence[Occurrence],
        *,
        layers: Sequence[int] | None = None,
        precision: Precision = "fp32",
        progress: Progress | None = None,
    ) -> Iterator[Block]:
        """See `protocol.Encoder.encode`. Raises ModelError also for a layer other than 0."""
        chosen = (0,) if layers is None else tuple(layers)
        if any(layer != 0 for layer in chosen):
            raise ModelError(f"{self.label} has one layer, number 0: {list(chosen)} asks for another.")
        rows_of: dict[str, list[int]] = {}
        for row, occurrence in enumerate(occurrences):
            rows_of.setdefault(occurrence.text, []).append(row)
        rows: list[int] = []
        vectors: list[np.ndarray] = []
        done = 0
        for text, asked in rows_of.items():
            words = self._words(text)
            rows += asked
            vectors += [self._mean(words, occurrences[row], row) for row in asked]
            if len(rows) >= BLOCK or len(rows) + done == len(occurrences):
                matrix = np.array(vectors, dtype=np.float32)
                done += len(rows)
                yield np.array(rows, dtype=np.int64), [matrix.copy() for _ in chosen]
                rows, vectors = [], []
                if progress is not None:
                    progress(done / len(occurrences), f"Reading texts with {self.label}")

    def _words(self, text: str) -> list[tuple[Span, int]]:
        """(span, row of the table) of every known word of a text."""
        found = []
        for start, end in word_spans(text):
            word = text[start:end]
            row = self._row_of.get(word, self._row_of.get(word.lower(), -1))
            if row >= 0:
                found.append(((start, end), row))
        return found

    def _mean(self, words: Sequence[tuple[Span, int]], use: Occurrence, row: int) -> Float32[np.ndarray, "d"]:
        touched = [at for (start, end), at in words if start < use.end and end > use.start]
        if not touched:
            raise ModelError(
                f"Row {row + 1}: {self.label} knows no word of what is asked there. "
                "Leave the row out, or use a table with more words."
            )
        vectors = self._table.rows[touched]
        mean = vectors[0] if len(touched) == 1 else vectors.mean(axis=0, dtype=np.float64)
        return np.asarray(mean, dtype=np.float32)
