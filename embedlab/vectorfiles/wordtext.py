"""Word vectors as text: `name number number ...`, one a line, after a first line `rows dimensions` or without one.

So word2vec and fastText (.vec) write, with the first line, and GloVe without; a name may hold spaces. Also gzipped. The
text is read block by block into one matrix, which is made no larger than the file can fill.
"""

import gzip
import os
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float32

from embedlab.corpus.limits import MAX_RATIO, RATIO_GRACE
from embedlab.vectorfiles.checks import LARGEST, MAX_DIM, MAX_ROWS, Progress, VectorError, not_finite
from embedlab.vectorfiles.headers import HEADER, NAME_BYTES, check_shape, refuse_others, too_much

NUMBER_BYTES = 32  # the longest that a number is written as
BLOCK_NUMBERS = 2**20  # turned from text at once
MOST_EMPTY = 10_000  # lines, which cost time and say nothing
COUNTED = 2**22  # bytes in which lines are counted at once
MARK = b"\xef\xbb\xbf"  # of UTF-8, before the first word where a text editor saved the file


def read(path: Path, name: str, progress: Progress) -> tuple[Float32[np.ndarray, "n d"], list[bytes]]:
    """(the rows, their names). Raises VectorError, which says the line or row that is wrong."""
    with _opened(path, name) as (file, packed):
        return _rows(file, path, name, progress, packed)


def shape(path: Path, name: str) -> tuple[int, int]:
    """(rows, dimensions) by the first line, else by counting the lines. Raises VectorError."""
    with _opened(path, name) as (file, _):
        _, stated, dim = _first_line(file, path, name)
        if stated is not None:
            return stated, dim
        return 1 + sum(1 for line in _lines(file, dim, name, 1) if line.strip()), dim


@contextmanager
def _opened(path: Path, name: str) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """(the text, unpacked on the way where it is gzipped; the file on disk, whose place says how far it is read)."""
    if path.suffix.lower() != ".gz":
        with path.open("rb") as file:
            yield file, file
        return
    try:
        with path.open("rb") as raw, gzip.GzipFile(fileobj=raw) as file:
            yield _Unpacking(file, raw, name), raw  # type: ignore[misc]
    except (OSError, EOFError, zlib.error) as error:
        raise VectorError(f"{name} is damaged or not really a gzip archive: pack it again.") from error


class _Unpacking:
    """Lines of a gzip archive, which may not grow out of proportion (a bomb does)."""

    def __init__(self, file: gzip.GzipFile, raw: IO[bytes], name: str) -> None:
        self.file, self.raw, self.name = file, raw, name
        self.size, self.checked = 0, 0

    def readline(self, limit: int) -> bytes:
        line = self.file.readline(limit)
        self.size += len(line)
        if self.size > self.checked + RATIO_GRACE // 10:
            self.checked = self.size
            if self.size > LARGEST or self.size > max(RATIO_GRACE, MAX_RATIO * self.raw.tell()):
                raise VectorError(f"{self.name} unpacks to far more than it is, as an attack would: unpack it first.")
        return line


class _Matrix:
    """Rows that come block by block, in one piece of memory from the start where their number is known."""

    def __init__(self, expected: int, dim: int) -> None:
        self.rows = np.empty((expected, dim), np.float32)
        self.count = 0

    def add(self, block: Float32[np.ndarray, "m d"]) -> None:
        end = self.count + len(block)
        if end > len(self.rows):
            self._resize(max(end, len(self.rows) + len(self.rows) // 4))
        self.rows[self.count : end] = block
        self.count = end

    def done(self) -> Float32[np.ndarray, "n d"]:
        self._resize(self.count)
        return self.rows

    def _resize(self, rows: int) -> None:
        if rows != len(self.rows):
            self.rows.resize((rows, self.rows.shape[1]), refcheck=False)  # in place: a copy would double the table


def _rows(
    file: IO[bytes], path: Path, name: str, progress: Progress, packed: IO[bytes]
) -> tuple[Float32[np.ndarray, "n d"], list[bytes]]:
    first, stated, dim = _first_line(file, path, name)
    size = path.stat().st_size
    names: list[bytes] = []
    matrix = _Matrix(_expected(path, stated, dim), dim)
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
            matrix.add(_parsed(waiting, dim, name, len(names)))
            waiting = []
            progress(min(1.0, packed.tell() / size), f"Reading {name}")
        if len(names) > MAX_ROWS:
            raise VectorError(f"{name} has more than {MAX_ROWS:,} rows: keep the first of them.")
    if waiting:
        matrix.add(_parsed(waiting, dim, name, len(names)))
    if stated is not None and stated != len(names):
        raise VectorError(f"{name} says that it holds {stated:,} vectors and holds {len(names):,}: get it again.")
    progress(1.0, f"Reading {name}")
    return matrix.done(), names


def _expected(path: Path, stated: int | None, dim: int) -> int:
    """How many rows to make room for: never more than the bytes of the file can be; 0 where only reading tells."""
    if path.suffix.lower() == ".gz":
        return 0
    if stated is not None:
        return stated
    lines = 1
    with path.open("rb") as file:
        while block := file.read(COUNTED):
            lines += block.count(b"\n")
    return min(lines, path.stat().st_size // (2 * dim + 1) + 1)


def _with(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _first_line(file: IO[bytes], path: Path, name: str) -> tuple[bytes, int | None, int]:
    """(the line, the rows it states or None where it is a row itself, dimensions)."""
    line = file.readline(MAX_DIM * NUMBER_BYTES).removeprefix(MARK)
    refuse_others(line, name)
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
    check_shape(rows, dim, name)
    # a row is at least one letter, and a space and a digit for each number, and the end of the line
    if path.suffix.lower() != ".gz" and rows * (2 * dim + 2) > os.path.getsize(path) - len(line) + 1:
        raise too_much(rows, dim, name)
    return line, rows, dim


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _lines(file: IO[bytes], dim: int, name: str, before: int) -> Iterator[bytes]:
    """The lines that follow line number `before`."""
    limit = NAME_BYTES + NUMBER_BYTES * dim
    number, empty = before, 0
    while line := file.readline(limit):
        number += 1
        empty += line.isspace()
        if empty > MOST_EMPTY:
            raise VectorError(f"{name} has more than {MOST_EMPTY:,} empty lines: take them out.")
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
