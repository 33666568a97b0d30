"""Word vectors as files that others read: word2vec (text, binary), GloVe, fastText (.bin), npz. We read the same back.

word2vec begins with a line `rows dimensions`. Text: `name number number ...` a line, each number in nine digits, which
is enough to read the same float32 again; GloVe is the same without the first line, fastText's .vec with it. Binary:
name, space and float32 numbers, little-endian, and no line ends. All by the letter of what gensim writes.
"""

import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from embedlab.corpus.limits import quoted
from embedlab.store import atomic_write
from embedlab.vectorfiles.checks import MAX_DIM, MAX_NAME, MAX_ROWS, VectorError, not_finite
from embedlab.vectorfiles.fasttext import HEADER, MAGIC, MATRIX, SIZES
from embedlab.vectorfiles.headers import HEADER as FIRST_LINE
from embedlab.vectorfiles.words import ARRAYS, TEXT_ENDINGS


def write_words(words: Sequence[str], vectors: Float32[np.ndarray, "word d"], path: Path, *, binary: bool) -> None:
    """Write one file, whole or not at all.

    Raises VectorError for words that such a file cannot hold (white space or control characters in them, empty, too
    long, twice there), for numbers that are not finite, for a path that ends otherwise than readers expect, and where
    there is a file already; StoreError when the disk is full.
    """
    _check(words, vectors, path, f"word2vec {'binary' if binary else 'text'}", (".bin",) if binary else TEXT_ENDINGS)
    rows, dim = vectors.shape
    lines = _binary(words, vectors) if binary else _text(words, vectors)
    atomic_write(path, b"".join([f"{rows} {dim}\n".encode(), *lines]))


def write_glove(words: Sequence[str], vectors: Float32[np.ndarray, "word d"], path: Path) -> None:
    """As `write_words`, in GloVe's format: text without a first line of sizes."""
    _check(words, vectors, path, "GloVe", TEXT_ENDINGS)
    lines = list(_text(words, vectors))
    if FIRST_LINE.fullmatch(lines[0]):
        raise VectorError(
            f"The first row of {path.name} would be taken for the sizes of the table: put another word first, or "
            "choose the format of word2vec."
        )
    atomic_write(path, b"".join(lines))


def write_fasttext(words: Sequence[str], vectors: Float32[np.ndarray, "word d"], path: Path) -> None:
    """As `write_words`, as a fastText model without n-grams: its words have these vectors, and no other word has one.

    Nothing is known of its training: counts are 1, the output matrix is zero.
    """
    _check(words, vectors, path, "fastText", (".bin",))
    rows, dim = vectors.shape
    settings = (dim, 5, 5, 1, 5, 1, 2, 2, 0, 0, 0, 100)  # window, epochs, ... as fastText's skip-gram has them
    entry = (1).to_bytes(8, "little") + b"\0"
    parts = [HEADER.pack(MAGIC, 12, *settings, 1e-4), SIZES.pack(rows, rows, 0, rows, -1)]
    parts += [word.encode() + b"\0" + entry for word in words]
    parts += [MATRIX.pack(False, rows, dim), vectors.astype("<f4").tobytes()]
    parts += [MATRIX.pack(False, rows, dim), bytes(4 * rows * dim)]
    atomic_write(path, b"".join(parts))


def write_npz(words: Sequence[str], vectors: Float32[np.ndarray, "word d"], path: Path) -> None:
    """As `write_words`, as the arrays `words` and `vectors` of an npz, which numpy.load opens without pickle."""
    _check(words, vectors, path, "table of words as an npz", (ARRAYS,))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, array in (("words", np.array(words, dtype=np.str_)), ("vectors", vectors)):
            packed = io.BytesIO()
            np.lib.format.write_array(packed, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), packed.getvalue())  # its date is fixed: the same bytes
    atomic_write(path, out.getvalue())


def _check(
    words: Sequence[str], vectors: Float32[np.ndarray, "word d"], path: Path, kind: str, endings: tuple[str, ...]
) -> None:
    if not path.name.lower().endswith(endings):
        raise VectorError(f"A {kind} file ends in {' or '.join(endings)}: name it so.")
    if path.exists():
        raise VectorError(f"There is a file {path.name} already: give another name, or take it away first.")
    check_table(words, vectors, path.name)
    _check_words(words)


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
