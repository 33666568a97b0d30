"""Word vectors as word2vec, GloVe and fastText write them: a name and its numbers a row, as text or as binary.

Text (.txt, .vec, also gzipped): `name number number ...`, one a line, after a first line `rows dimensions` or, as
GloVe writes it, without one; a name may hold spaces. Binary (.bin, after word2vec.c): the first line, then name, space
and float32 numbers, little-endian, a row. The first line is compared with the size of the file before memory is taken,
and text is read block by block, whatever it promises.
"""

import gzip
import mmap
import re
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float32

from embedlab.corpus.limits import MAX_RATIO, RATIO_GRACE
from embedlab.vectorfiles.checks import LARGEST, MAX_DIM, MAX_NAME, MAX_ROWS, VectorError, Vectors, not_finite, vectors

TEXT_ENDINGS = (".txt", ".vec")
ENDINGS = (*TEXT_ENDINGS, ".bin", *(f"{ending}.gz" for ending in TEXT_ENDINGS))
HEADER = re.compile(rb"(\d{1,12})[ \t]+(\d{1,9})\s*")
NAME_BYTES = 4 * MAX_NAME
NUMBER_BYTES = 32  # the longest that a number is written as
BLOCK_NUMBERS = 2**20  # turned from text at once
FASTTEXT = (793712314).to_bytes(4, "little")
# what a .bin may be besides word2vec: first bytes, and what to say
OTHERS = (
    (FASTTEXT, "is a fastText model: give the .vec file that comes with it"),
    (b"PK\x03\x04", "is a PyTorch file, which can run any program when opened: it is never loaded here"),
    (b"\x80", "is a pickle, which can run any program when opened: it is never loaded here"),
    (b"\x1f\x8b", "is packed with gzip: unpack it first"),
)


@dataclass(frozen=True)
class Shape:
    """What a file of word vectors holds, by its first line, or by counting its lines. `binary`: how it is written."""

    rows: int
    dim: int
    binary: bool


def is_word_file(path: Path) -> bool:
    """Whether a path ends as files of word vectors do."""
    return path.name.lower().endswith(ENDINGS)


def read_words(path: Path, name: str) -> Vectors:
    """The table of a file, by its ending. Raises VectorError, which says the line or row that is wrong."""
    if path.suffix.lower() == ".bin":
        rows, names = _binary(path, name)
    else:
        with _opened(path, name) as file:
            rows, names = _text(file, path, name)
    texts = [word.decode("utf-8", "replace") for word in names]
    odd = sum("�" in text for text in texts)
    said = [f"{odd:,} names are not UTF-8: what could not be read in them is shown as �."] if odd else []
    return vectors(name, rows, texts, said)


def look_at(path: Path, name: str) -> Shape:
    """How many rows and dimensions a file says it has, without reading them. Raises VectorError."""
    if path.suffix.lower() == ".bin":
        with path.open("rb") as file:
            rows, dim, _ = _binary_header(file.read(64), path.stat().st_size, name)
        return Shape(rows, dim, True)
    with _opened(path, name) as file:
        _, stated, dim = _first_line(file, path, name)
        if stated is not None:
            return Shape(stated, dim, False)
        return Shape(1 + sum(1 for line in _lines(file, dim, name, 1) if line.strip()), dim, False)


# ---------------------------------------------------------------- text


@contextmanager
def _opened(path: Path, name: str) -> Iterator[IO[bytes]]:
    """The text, unpacked on the way where it is gzipped."""
    if path.suffix.lower() != ".gz":
        with path.open("rb") as file:
            yield file
        return
    try:
        with path.open("rb") as raw, gzip.GzipFile(fileobj=raw) as file:
            yield _Unpacking(file, raw, name)  # type: ignore[misc]
    except (OSError, EOFError, zlib.error) as error:
        raise VectorError(f"{name} is damaged or not really a gzip archive: pack it again.") from error


class _Unpacking:
    """Lines of a gzip archive, which may not grow out of proportion (a bomb does)."""

    def __init__(self, file: gzip.GzipFile, raw: IO[bytes], name: str) -> None:
        self.file, self.raw, self.name, self.size = file, raw, name, 0

    def readline(self, limit: int) -> bytes:
        line = self.file.readline(limit)
        self.size += len(line)
        if self.size > LARGEST or self.size > max(RATIO_GRACE, MAX_RATIO * self.raw.tell()):
            raise VectorError(f"{self.name} unpacks to far more than it is, as an attack would: unpack it first.")
        return line


def _text(file: IO[bytes], path: Path, name: str) -> tuple[Float32[np.ndarray, "n d"], list[bytes]]:
    first, stated, dim = _first_line(file, path, name)
    names: list[bytes] = []
    parts: list[np.ndarray] = []
    waiting: list[bytes] = []
    most = max(1, BLOCK_NUMBERS // dim)
    at = 0 if stated is None else 1  # lines behind
    for line in _with(first if stated is None else b"", _lines(file, dim, name, 1)):
        at += 1
        word, numbers = _split(line, dim)
        if word is None:
            if line.strip():
                raise VectorError(f"{name}, line {at:,} has not a name and {dim:,} numbers as the others: mend it.")
            continue
        names.append(word)
        waiting.append(numbers)
        if len(waiting) == most:
            parts.append(_parsed(waiting, dim, name, len(names)))
            waiting = []
        if len(names) > MAX_ROWS:
            raise VectorError(f"{name} has more than {MAX_ROWS:,} rows: keep the first of them.")
    if waiting:
        parts.append(_parsed(waiting, dim, name, len(names)))
    if stated is not None and stated != len(names):
        raise VectorError(f"{name} says that it holds {stated:,} vectors and holds {len(names):,}: get it again.")
    return np.concatenate(parts) if parts else np.zeros((0, dim), np.float32), names


def _with(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _first_line(file: IO[bytes], path: Path, name: str) -> tuple[bytes, int | None, int]:
    """(the line, the rows it states or None where it is a row itself, dimensions)."""
    line = file.readline(MAX_DIM * NUMBER_BYTES)
    header = HEADER.fullmatch(line)
    if header is None:
        fields = line.split()
        dim = 0
        while dim < len(fields) - 1 and _is_number(fields[-1 - dim]):
            dim += 1
        if not 0 < dim <= MAX_DIM:
            raise VectorError(f"{name} is no table of word vectors: a line is a name and its numbers, apart by spaces.")
        return line, None, dim
    rows, dim = int(header[1]), int(header[2])
    _check_shape(rows, dim, name)
    # a row is at least one letter, and a space and a digit for each number, and the end of the line
    if path.suffix.lower() != ".gz" and rows * (2 * dim + 2) > path.stat().st_size - len(line) + 1:
        raise _too_much(rows, dim, name)
    return line, rows, dim


def _check_shape(rows: int, dim: int, name: str) -> None:
    if not 0 < rows <= MAX_ROWS or not 0 < dim <= MAX_DIM:
        raise VectorError(
            f"{name} says that it holds {rows:,} vectors of {dim:,} numbers: at most {MAX_ROWS:,} of {MAX_DIM:,} are "
            "read, and at least one."
        )


def _too_much(rows: int, dim: int, name: str) -> VectorError:
    return VectorError(
        f"{name} says that it holds {rows:,} vectors of {dim:,} numbers, more than so small a file can: get it again."
    )


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _lines(file: IO[bytes], dim: int, name: str, before: int) -> Iterator[bytes]:
    """The lines that follow line number `before`."""
    limit = NAME_BYTES + NUMBER_BYTES * dim
    number = before
    while line := file.readline(limit):
        number += 1
        if len(line) == limit and not line.endswith(b"\n"):
            raise VectorError(f"{name}, line {number:,} is longer than a name and {dim:,} numbers can be: mend it.")
        yield line


def _split(line: bytes, dim: int) -> tuple[bytes | None, bytes]:
    """(name, its numbers apart by single spaces), or (None, b"") where there are not so many."""
    line = line.strip(b"\r\n ")
    if line.count(b" ") == dim and b"\t" not in line:  # nearly always
        word, _, numbers = line.partition(b" ")
        return word, numbers
    fields = line.split()
    if len(fields) <= dim:
        return None, b""
    return b" ".join(fields[:-dim]), b" ".join(fields[-dim:])


def _parsed(lines: list[bytes], dim: int, name: str, until: int) -> Float32[np.ndarray, "m d"]:
    """The numbers of some rows, the last of which is row `until`. Raises VectorError naming the row."""
    block = _floats(b" ".join(lines))
    if block is None or block.size != len(lines) * dim:
        for row, line in enumerate(lines, until - len(lines) + 1):
            values = _floats(line)
            if values is None or values.size != dim:
                raise VectorError(f"{name}, row {row:,} holds something that is not a number: mend it.")
        raise VectorError(f"{name} is no table of word vectors: a line is a name and its numbers, apart by spaces.")
    rows = block.reshape(len(lines), dim)
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        not_finite(name, until - len(lines) + 1 + int(np.argmin(finite)))
    return rows


def _floats(text: bytes) -> Float32[np.ndarray, "m"] | None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # numpy warns, and stops reading, at what is no number
        try:
            return np.fromstring(text.decode("latin-1"), dtype=np.float32, sep=" ")
        except (DeprecationWarning, ValueError, RuntimeWarning):
            return None


# ---------------------------------------------------------------- binary


def _binary_header(head: bytes, size: int, name: str) -> tuple[int, int, int]:
    """(rows, dimensions, where the first row begins), compared with the size of the file."""
    for start, what in OTHERS:
        if head.startswith(start):
            raise VectorError(f"{name} {what}.")
    line, newline, _ = head.partition(b"\n")
    header = HEADER.fullmatch(line)
    if not newline or header is None:
        raise VectorError(
            f"{name} is not a word2vec binary, whose first line says how many rows and dimensions there are: "
            "give such a file, or npy."
        )
    rows, dim, begin = int(header[1]), int(header[2]), len(line) + 1
    _check_shape(rows, dim, name)
    if rows * (4 * dim + 2) > size - begin:  # a name is at least a letter and the space after it
        raise _too_much(rows, dim, name)
    return rows, dim, begin


def _binary(path: Path, name: str) -> tuple[Float32[np.ndarray, "n d"], list[bytes]]:
    size = path.stat().st_size
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        count, dim, at = _binary_header(data[:64], size, name)
        rows = np.empty((count, dim), np.float32)
        names: list[bytes] = []
        for row in range(count):
            while data[at : at + 1] == b"\n":  # word2vec.c ends a row with it, others do not
                at += 1
            end = data.find(b" ", at, at + NAME_BYTES)
            if end < 0 or end + 1 + 4 * dim > size:
                raise VectorError(f"{name} breaks off or is damaged at row {row + 1:,} of {count:,}: get it again.")
            names.append(data[at:end])
            at = end + 1 + 4 * dim
            rows[row] = np.frombuffer(data, "<f4", dim, end + 1)
        if data[at:].strip(b"\n"):
            raise VectorError(f"{name} goes on after the {count:,} vectors that it says it holds: get it again.")
    return rows, names
