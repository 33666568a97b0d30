"""Word vectors as binary, after word2vec.c: a line `rows dimensions`; then name, space, little-endian float32 numbers.

The first line is compared with the size of the file before memory is taken. The file is read through a map whose pages
are given back on the way: reading a table costs the table once.
"""

import mmap
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from embedlab.vectorfiles.checks import Progress, VectorError
from embedlab.vectorfiles.headers import HEADER, NAME_BYTES, check_shape, refuse_others, too_much

GIVEN_BACK = 2**24  # bytes of the map held at most


def shape(path: Path, name: str) -> tuple[int, int]:
    """(rows, dimensions) by the first line. Raises VectorError."""
    with path.open("rb") as file:
        rows, dim, _ = _header(file.read(64), path.stat().st_size, name)
    return rows, dim


def read(path: Path, name: str, progress: Progress) -> tuple[Float32[np.ndarray, "n d"], list[bytes]]:
    """(the rows, their names). Raises VectorError, which says the row that is wrong."""
    size = path.stat().st_size
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        count, dim, at = _header(data[:64], size, name)
        rows = np.empty((count, dim), np.float32)
        names: list[bytes] = []
        held = at
        for row in range(count):
            end = data.find(b" ", at, at + NAME_BYTES)
            if end < 0 or end + 1 + 4 * dim > size:
                raise VectorError(f"{name} breaks off or is damaged at row {row + 1:,} of {count:,}: get it again.")
            names.append(data[at:end].lstrip(b"\n"))  # word2vec.c ends a row with it, others do not
            at = end + 1 + 4 * dim
            rows[row] = np.frombuffer(data, "<f4", dim, end + 1)
            if at - held > GIVEN_BACK:
                data.madvise(mmap.MADV_DONTNEED)
                held = at
                progress(at / size, f"Reading {name}")
        if size - at > NAME_BYTES or data[at:].strip(b"\n"):
            raise VectorError(f"{name} goes on after the {count:,} vectors that it says it holds: get it again.")
    progress(1.0, f"Reading {name}")
    return rows, names


def _header(head: bytes, size: int, name: str) -> tuple[int, int, int]:
    """(rows, dimensions, where the first row begins), compared with the size of the file."""
    refuse_others(head, name)
    line, newline, _ = head.partition(b"\n")
    header = HEADER.fullmatch(line)
    if not newline or header is None:
        raise VectorError(
            f"{name} is not a word2vec binary, whose first line says how many rows and dimensions there are: "
            "give such a file, or npy."
        )
    rows, dim, begin = int(header[1]), int(header[2]), len(line) + 1
    check_shape(rows, dim, name)
    if rows * (4 * dim + 2) > size - begin:  # a name is at least a letter and the space after it
        raise too_much(rows, dim, name)
    return rows, dim, begin
