"""Vectors and labels made elsewhere: npy, npz, csv and parquet -> a checked matrix. Nothing is ever unpickled.

Every limit is checked before memory is taken: an npy is memory-mapped (a header that says more than the file holds
fails there), an npz and a parquet say in their listing what they unpack to.
"""

import csv
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from embedlab.corpus.limits import MAX_BYTES, MAX_ENTRIES, MAX_RATIO, RATIO_GRACE, quoted, shown
from embedlab.errors import UserError

KINDS = (".npy", ".npz", ".csv", ".tsv", ".parquet")
MAX_DIM = 65_536
MAX_LABEL = 1000  # characters
BLOCK = 4096  # rows looked at once
SPLITS = ("train", "test")


class VectorError(UserError):
    """A file of vectors or labels that cannot be measured."""


def read_vectors(path: Path) -> Float[np.ndarray, "n d"]:
    """The matrix in a file, rows = points: float32 as it is (memory-mapped where it can be), all else as float64.

    Raises VectorError for a file that is missing, of another kind, damaged or too large, and for anything but a
    2-dimensional matrix of finite numbers; the first bad row is named, counting from 1.
    """
    name = _present(path)
    readers = {".npy": _npy, ".npz": _npz, ".csv": _delimited, ".tsv": _delimited, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise VectorError(f"{name} is not of a kind read here: give one of {', '.join(KINDS)}.")
    return _checked(reader(path, name), name)


def read_labels(path: Path, n: int) -> tuple[np.ndarray, Bool[np.ndarray, "n"] | None]:
    """(label of each row, which rows are held out or None): a csv of one column, or of two, label and train|test.

    A first line that makes one row too many is the header. Raises VectorError when the rows are not n, or a label is
    empty.
    """
    name = _present(path)
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        raise VectorError(f"{name} is not a csv: give the labels as one column of text, one row for each vector.")
    rows = _rows(path, name)
    if len(rows) == n + 1:
        del rows[0]
    if len(rows) != n:
        raise VectorError(f"{name} has {len(rows):,} labels and there are {n:,} vectors: each vector needs one.")
    for number, row in enumerate(rows, 1):
        if not row[0]:
            raise VectorError(f"{name} has no label for vector {number:,}: fill it in, or leave the vector out.")
        if len(row) != len(rows[0]) or len(row) > 2 or (len(row) == 2 and row[1] not in SPLITS):
            raise VectorError(
                f"{name}, vector {number:,}: a row holds a label, or a label and train or test, the same in every row."
            )
    labels = np.array([row[0] for row in rows])
    return labels, np.array([row[1] == "test" for row in rows]) if len(rows[0]) == 2 else None


def _present(path: Path) -> str:
    """The name to call the file by. Raises VectorError when it is not there, empty or too large."""
    name = shown(path.name)
    if not path.is_file():
        raise VectorError(f"There is no file {name}: check the path.")
    size = path.stat().st_size
    if size == 0:
        raise VectorError(f"{name} is empty.")
    if size > 8 * MAX_BYTES:
        raise VectorError(f"{name} is {size / 2**30:.0f} GB: at most {8 * MAX_BYTES / 2**30:.0f} GB can be measured.")
    return name


def _checked(matrix: np.ndarray, name: str) -> Float[np.ndarray, "n d"]:
    if matrix.dtype.kind not in "fiu":
        raise VectorError(f"{name} holds values of type {matrix.dtype}, not plain numbers: save it as float32.")
    if matrix.ndim != 2:
        raise VectorError(f"{name} has {matrix.ndim} dimensions, not 2: it needs one row for each vector.")
    rows, dim = matrix.shape
    if rows == 0 or dim == 0:
        raise VectorError(f"{name} has {rows} rows of {dim} numbers: there is nothing to measure.")
    if dim > MAX_DIM:
        raise VectorError(f"{name} has rows of {dim:,} numbers, more than {MAX_DIM:,}: are rows and columns swapped?")
    if matrix.dtype != np.float32:
        matrix = matrix.astype(np.float64)
    for start in range(0, rows, BLOCK):
        finite = np.isfinite(matrix[start : start + BLOCK]).all(axis=1)
        if not finite.all():
            row = start + int(np.argmin(finite)) + 1
            raise VectorError(f"{name}, row {row:,} holds a value that is not a finite number: leave the row out.")
    return matrix


def _npy(path: Path, name: str) -> np.ndarray:
    try:
        with path.open("rb") as file:
            if file.read(6) != b"\x93NUMPY":  # else numpy takes it for a pickle
                raise ValueError("no npy")
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise _not_numbers(name, "npy", error) from error


def _npz(path: Path, name: str) -> np.ndarray:
    """The only array of an npz, or the one called X, before, vectors or embeddings."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            unpacked = sum(entry.file_size for entry in entries)
        if len(entries) > MAX_ENTRIES or unpacked > max(RATIO_GRACE, MAX_RATIO * path.stat().st_size):
            raise VectorError(f"{name} would unpack to {unpacked / 2**20:,.0f} MB: save the vectors as npy.")
        with np.load(path, allow_pickle=False) as arrays:
            names = list(arrays.files)
            chosen = names if len(names) == 1 else [n for n in ("X", "vectors", "embeddings", "before") if n in names]
            if not chosen:
                raise VectorError(f"{name} holds {len(names)} arrays: save the one to measure as an npy.")
            return np.asarray(arrays[chosen[0]])
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise _not_numbers(name, "npz", error) from error


def _not_numbers(name: str, kind: str, error: Exception) -> VectorError:
    if "object" in str(error).lower():
        return VectorError(f"{name} holds Python objects, which are never loaded: save a matrix of numbers as float32.")
    return VectorError(f"{name} is not a readable {kind} file: save the vectors again with numpy.save.")


def _delimited(path: Path, name: str) -> np.ndarray:
    """Numbers with commas (or tabs) between; a first line that is not numbers is the header."""
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = file.readline(MAX_DIM * 32)
            try:
                [float(cell) for cell in first.split(delimiter)]
                skip = 0
            except ValueError:
                skip = 1
        return np.loadtxt(path, delimiter=delimiter, skiprows=skip, ndmin=2, encoding="utf-8-sig", comments=None)
    except UnicodeDecodeError as error:
        raise VectorError(f"{name} is not text in UTF-8: save the vectors as npy.") from error
    except ValueError as error:
        raise VectorError(f"{name} is not a table of numbers, equally many a row: save the vectors as npy.") from error


def _parquet(path: Path, name: str) -> np.ndarray:
    """All columns are numbers, or one column holds a list of them in every row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            groups = [file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups)]
            if sum(groups) > max(RATIO_GRACE, MAX_RATIO * path.stat().st_size):
                raise VectorError(f"{name} would unpack to {sum(groups) / 2**20:,.0f} MB: save the vectors as npy.")
            table = file.read()
        lists = [n for n in table.column_names if _is_list(table.schema.field(n).type)]
        if len(lists) == 1:
            column = table.column(lists[0]).combine_chunks()
            flat = np.asarray(pa.compute.list_flatten(column))
            lengths = np.asarray(pa.compute.list_value_length(column).fill_null(0))
            if len(lengths) == 0 or (lengths != lengths[0]).any():
                raise VectorError(f"{name}, column {quoted(lists[0])}: vectors differ in length, or some are missing.")
            return flat.reshape(len(lengths), -1)
        columns = [np.asarray(table.column(n)) for n in table.column_names]
        if not columns or any(column.dtype.kind not in "fiu" for column in columns):
            raise VectorError(f"{name} has columns that are not numbers: keep only the vectors.")
        return np.column_stack(columns)
    except (pa.ArrowException, OSError) as error:
        raise VectorError(f"{name} is not a readable parquet file: save the vectors as npy.") from error


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _rows(path: Path, name: str) -> list[list[str]]:
    """The rows of a csv, cells stripped, empty lines left out. Raises VectorError."""
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file, delimiter=delimiter) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise VectorError(f"{name} is not a csv in UTF-8: save the labels again, one a line.") from error
    if any(len(cell) > MAX_LABEL for row in rows for cell in row):
        raise VectorError(f"{name} has a label longer than {MAX_LABEL:,} characters: these are not labels.")
    return rows
