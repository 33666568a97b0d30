"""Word vectors as word2vec files, text or binary, by the letter of what gensim writes; our reader gives the same back.

Both begin with a line `rows dimensions`. Text: `name number number ...` a line, each number in nine digits, which is
enough to read the same float32 again. Binary: name, space and float32 numbers, little-endian, and no line ends.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from embedlab.corpus.limits import quoted
from embedlab.store import atomic_write
from embedlab.vectorfiles.checks import MAX_DIM, MAX_NAME, MAX_ROWS, VectorError, not_finite
from embedlab.vectorfiles.words import TEXT_ENDINGS


def write_words(words: Sequence[str], vectors: Float32[np.ndarray, "word d"], path: Path, *, binary: bool) -> None:
    """Write one file, whole or not at all.

    Raises VectorError for words that such a file cannot hold (white space or control characters in them, empty, too
    long, twice there), for numbers that are not finite, for a path that ends otherwise than readers expect, and where
    there is a file already; StoreError when the disk is full.
    """
    endings = (".bin",) if binary else TEXT_ENDINGS
    if not path.name.lower().endswith(endings):
        kind = "binary" if binary else "text"
        raise VectorError(f"A word2vec {kind} file ends in {' or '.join(endings)}: name it so.")
    if path.exists():
        raise VectorError(f"There is a file {path.name} already: give another name, or take it away first.")
    check_table(words, vectors, path.name)
    _check_words(words)
    rows, dim = vectors.shape
    lines = _binary(words, vectors) if binary else _text(words, vectors)
    atomic_write(path, b"".join([f"{rows} {dim}\n".encode(), *lines]))


def check_table(words: Sequence[str], vectors: Float32[np.ndarray, "word d"], name: str) -> None:
    """Raises VectorError for a table that no file of vectors can hold: empty, too large, or not of finite numbers."""
    if vectors.ndim != 2 or len(words) != len(vectors):
        raise ValueError("one row of numbers a word")
    rows, dim = vectors.shape
    if not 0 < rows <= MAX_ROWS or not 0 < dim <= MAX_DIM:
        raise VectorError(f"A table of {rows:,} words of {dim:,} numbers cannot be written: it needs at least one.")
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        not_finite(name, int(np.argmin(finite)) + 1)


def _check_words(words: Sequence[str]) -> None:
    bad = [word for word in words if not _fits(word)]
    if bad:
        raise VectorError(
            f"{len(bad):,} of {len(words):,} words cannot stand in a word2vec file (empty, over {MAX_NAME:,} "
            f"characters, or with white space or control characters; the first is {quoted(bad[0])}): leave them out, "
            "or choose the projector's format."
        )
    if len(set(words)) < len(words):
        raise VectorError(f"{len(words) - len(set(words)):,} words stand in the table twice: keep one row of each.")


def _fits(word: str) -> bool:
    if not 0 < len(word) <= MAX_NAME or any(c.isspace() or ord(c) < 32 or 127 <= ord(c) < 160 for c in word):
        return False
    return not any(0xD800 <= ord(c) < 0xE000 for c in word)  # half a character: no bytes stand for it


def _text(words: Sequence[str], vectors: Float32[np.ndarray, "word d"]) -> Iterator[bytes]:
    row = " ".join(["%s", *["%.9g"] * vectors.shape[1]]) + "\n"
    for word, vector in zip(words, vectors, strict=True):
        yield (row % (word, *vector.tolist())).encode()


def _binary(words: Sequence[str], vectors: Float32[np.ndarray, "word d"]) -> Iterator[bytes]:
    for word, vector in zip(words, vectors, strict=True):
        yield word.encode() + b" " + vector.astype("<f4").tobytes()
