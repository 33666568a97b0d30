"""npy and npz: a matrix, and in an npz an array of texts as its names. Nothing is ever unpickled.

Every limit is checked before memory is taken: an npy is memory-mapped (a header that says more than the file holds
fails there), and what each array of an npz says of itself is compared with what its listing says.
"""

import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from embedlab.corpus.limits import MAX_ENTRIES, quoted
from embedlab.vectorfiles.checks import VectorError, Vectors, require_size, vectors

MATRICES = ("X", "vectors", "embeddings", "before")  # of several, the one that is meant
BROKEN = (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, MemoryError)
Kinds = dict[str, tuple[tuple[int, ...], np.dtype]]  # (shape, dtype) of each array of an npz


def read_npy(path: Path, name: str) -> Vectors:
    """Memory-mapped where it can be."""
    try:
        with path.open("rb") as file:
            if file.read(6) != b"\x93NUMPY":  # else numpy takes it for a pickle
                raise ValueError("no npy")
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise _not_numbers(name, "npy", error) from error
    return vectors(name, matrix)


def read_npz(path: Path, name: str) -> Vectors:
    """The only matrix of an npz, or the one called X, vectors, embeddings or before; its names, where one array of
    as many texts lies beside it.
    """
    try:
        kinds = _kinds(path, name)
        chosen = _matrix(kinds, name)
        texts = _texts(kinds, chosen)
        with np.load(path, allow_pickle=False) as arrays:
            matrix = np.asarray(arrays[chosen])
            names = [str(text) for text in arrays[texts[0]]] if len(texts) == 1 else None
    except BROKEN as error:
        raise _not_numbers(name, "npz", error) from error
    said = []
    if names is not None:
        whole = [text.encode("utf-8", "replace").decode() if not text.isascii() else text for text in names]
        odd = sum(one != other for one, other in zip(whole, names, strict=True))
        if odd:
            said.append(f"{odd:,} names hold half a character, which no file of text can: it is shown as ?.")
            names = whole
    if len(kinds) > 1:
        beside = f", names from {quoted(texts[0])}" if names is not None else ""
        said.append(f"Vectors from the array {quoted(chosen)}{beside}.")
    if len(texts) > 1:
        said.append(f"{len(texts)} arrays could be names ({', '.join(map(quoted, texts))}): none is taken.")
    return vectors(name, matrix, names, said, surely_names=False)


def table_shape(path: Path, name: str) -> tuple[int, int]:
    """(rows, dimensions) of a table of words, by the headers. Raises VectorError where no array holds the words."""
    try:
        kinds = _kinds(path, name)
        chosen = _matrix(kinds, name)
    except BROKEN as error:
        raise _not_numbers(name, "npz", error) from error
    (rows, *dims), _ = kinds[chosen]
    if len(dims) != 1 or len(_texts(kinds, chosen)) != 1:
        raise VectorError(
            f"{name} is no table of words: save the words, as an array of text, beside the matrix of their vectors."
        )
    return rows, dims[0]


def _kinds(path: Path, name: str) -> Kinds:
    """What the arrays of an npz say of themselves. Raises VectorError for an archive that is too large for its size."""
    kinds = {}
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_ENTRIES:
            raise VectorError(f"{name} holds {len(entries):,} files: save the vectors as npy.")
        require_size(sum(entry.file_size for entry in entries), path, name)
        for entry in entries:
            with archive.open(entry) as file:
                kinds[entry.filename.removesuffix(".npy")] = _says(file, entry.file_size)
    return kinds


def _texts(kinds: Kinds, chosen: str) -> list[str]:
    """The arrays of texts that are as long as the matrix."""
    return [n for n, (shape, dtype) in kinds.items() if dtype.kind == "U" and shape == kinds[chosen][0][:1]]


def _matrix(kinds: Kinds, name: str) -> str:
    """Which of the arrays is meant."""
    if len(kinds) == 1:
        return next(iter(kinds))
    if any(dtype.hasobject for _, dtype in kinds.values()):
        raise ValueError("object arrays")
    matrices = [n for n, (shape, dtype) in kinds.items() if len(shape) == 2 and dtype.kind in "fiu"]
    called = [n for n in MATRICES if n in matrices]
    if len(matrices) == 1 or called:
        return (called or matrices)[0]
    raise VectorError(
        f"{name} holds {len(matrices)} matrices of {len(kinds)} arrays: save the one to measure as an npy."
    )


def _says(file: IO[bytes], size: int) -> tuple[tuple[int, ...], np.dtype]:
    """(shape, dtype) of an array by its header. Raises ValueError when that is more than the `size` bytes there are."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize > size:
        raise ValueError("the header says more than there is")
    return shape, dtype


def _not_numbers(name: str, kind: str, error: Exception) -> VectorError:
    if "object" in str(error).lower():
        return VectorError(f"{name} holds Python objects, which are never loaded: save a matrix of numbers as float32.")
    return VectorError(f"{name} is not a readable {kind} file: save the vectors again with numpy.save.")
