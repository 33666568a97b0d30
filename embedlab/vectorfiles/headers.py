"""The first line `rows dimensions` of word2vec files, text and binary, and what a file may be instead."""

import re

from embedlab.vectorfiles.checks import MAX_DIM, MAX_NAME, MAX_ROWS, VectorError

HEADER = re.compile(rb"(\d{1,12})[ \t]+(\d{1,9})\s*")
NAME_BYTES = 4 * MAX_NAME
PICKLE = "is a pickle, which can run any program when opened: it is never loaded here"
# what else a file may be: its first bytes, and what to say
OTHERS = (
    (b"PK\x03\x04", "is a PyTorch file, which can run any program when opened: it is never loaded here"),
    *((bytes((0x80, protocol)), PICKLE) for protocol in range(6)),
    (b"\x1f\x8b", "is packed with gzip: unpack it first"),
    (b"\x89HDF\r\n\x1a\n", "is an HDF5 file: save the vectors as npz, with the words beside them"),
)


def refuse_others(head: bytes, name: str) -> None:
    """Raises VectorError for a file that is known by its first bytes to be no table of words."""
    for start, what in OTHERS:
        if head.startswith(start):
            raise VectorError(f"{name} {what}.")


def check_shape(rows: int, dim: int, name: str) -> None:
    """Raises VectorError for more rows or dimensions than are read anywhere, and for none."""
    if not 0 < rows <= MAX_ROWS or not 0 < dim <= MAX_DIM:
        raise VectorError(
            f"{name} says that it holds {rows:,} vectors of {dim:,} numbers: at most {MAX_ROWS:,} of {MAX_DIM:,} are "
            "read, and at least one."
        )


def too_much(rows: int, dim: int, name: str) -> VectorError:
    """The error for a header that the file is too small for."""
    return VectorError(
        f"{name} says that it holds {rows:,} vectors of {dim:,} numbers, more than so small a file can: get it again."
    )
