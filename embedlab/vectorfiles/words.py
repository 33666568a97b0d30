"""Word vectors as word2vec, GloVe and fastText write them: a name and its numbers a row, as text or as binary.

What a file is, is decided here: by its ending, and for .bin by its first bytes, which tell a word2vec binary from a
fastText model. The readers are next door: wordtext.py, wordbinary.py, fasttext.py; npz in arrays.py.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embedlab.vectorfiles import arrays, fasttext, wordbinary, wordtext
from embedlab.vectorfiles.checks import Progress, Vectors, no_progress, vectors

TEXT_ENDINGS = (".txt", ".vec")
ARRAYS = ".npz"
ENDINGS = (*TEXT_ENDINGS, ".bin", *(f"{ending}.gz" for ending in TEXT_ENDINGS), ARRAYS)


@dataclass(frozen=True)
class Shape:
    """What a file of word vectors holds, by its first line, or by counting its lines. `binary`: how it is written."""

    rows: int
    dim: int
    binary: bool


def is_word_file(path: Path) -> bool:
    """Whether a path ends as files of word vectors do."""
    return path.name.lower().endswith(ENDINGS)


def read_words(path: Path, name: str, progress: Progress = no_progress) -> Vectors:
    """The table of a file, by its ending. Raises VectorError, which says the line or row that is wrong."""
    said: list[str] = []
    rows: np.ndarray
    if path.suffix.lower() == ARRAYS:
        return arrays.read_npz(path, name)
    if path.suffix.lower() != ".bin":
        rows, names = wordtext.read(path, name, progress)
    elif fasttext.is_fasttext(path):
        rows, names, said = fasttext.read(path, name, progress)
    else:
        rows, names = wordbinary.read(path, name, progress)
    texts = [word.decode("utf-8", "replace") for word in names]
    odd = sum("�" in text for text in texts)
    if odd:
        said.append(f"{odd:,} names are not UTF-8: what could not be read in them is shown as �.")
    return vectors(name, rows, texts, said)


def look_at(path: Path, name: str) -> Shape:
    """How many rows and dimensions a file says it has, without reading them. Raises VectorError."""
    if path.suffix.lower() == ARRAYS:
        return Shape(*arrays.table_shape(path, name), True)
    if path.suffix.lower() != ".bin":
        return Shape(*wordtext.shape(path, name), False)
    if fasttext.is_fasttext(path):
        return Shape(*fasttext.shape(path, name), True)
    return Shape(*wordbinary.shape(path, name), True)
