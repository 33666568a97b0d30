"""csv and parquet: columns of numbers, or one column of lists; a column of texts names the rows. And labels."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from embedlab.corpus.limits import quoted
from embedlab.vectorfiles.checks import BLOCK, MAX_DIM, MAX_NAME, VectorError, Vectors, present, require_size, vectors

SPLITS = ("train", "test")
NAMES = ("name", "word", "item", "token", "id", "__index_level_0__")  # of several columns of texts, the one meant
PANDAS_INDEX = "__index_level_"


def read_delimited(path: Path, name: str) -> Vectors:
    """Numbers with commas (or tabs) between; a first line that is not numbers is the header, a first column that is
    not numbers names the rows.
    """
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [line for line in (file.readline(MAX_DIM * 32) for _ in range(2)) if line]
        heads = list(csv.reader(lines, delimiter=delimiter))
        named = bool(heads) and len(heads[-1]) > 1 and not _are_numbers(heads[-1][:1])
        skip = 0 if heads and _are_numbers(heads[0][1:] if named else heads[0]) else 1
        if not named:
            return vectors(
                name,
                np.loadtxt(path, delimiter=delimiter, skiprows=skip, ndmin=2, encoding="utf-8-sig", comments=None),
            )
        parts, names = [], []
        for block in _blocks(path, delimiter, skip):
            names += [row[0].strip() for row in block]
            parts.append(np.array([row[1:] for row in block], dtype=np.float64))
        return vectors(name, np.concatenate(parts), names, surely_names=False)
    except UnicodeDecodeError as error:
        raise VectorError(f"{name} is not text in UTF-8: save the vectors as npy.") from error
    except (ValueError, csv.Error) as error:
        if isinstance(error, VectorError):
            raise
        raise VectorError(f"{name} is not a table of numbers, equally many a row: save the vectors as npy.") from error


def _are_numbers(cells: list[str]) -> bool:
    try:
        [float(cell) for cell in cells]
    except ValueError:
        return False
    return True


def _blocks(path: Path, delimiter: str, skip: int) -> Iterator[list[list[str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = (row for row in csv.reader(file, delimiter=delimiter) if row)
        for _ in range(skip):
            next(rows, None)
        block: list[list[str]] = []
        for row in rows:
            block.append(row)
            if len(block) == BLOCK:
                yield block
                block = []
        if block:
            yield block


def read_parquet(path: Path, name: str) -> Vectors:
    """All columns are numbers, or one column holds a list of them in every row; a column of texts names the rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
            require_size(sum(group.total_byte_size for group in groups), path, name)
            # what repeats is stored once: the numbers themselves may be many more than their bytes
            cells = sum(group.column(i).num_values for group in groups for i in range(group.num_columns))
            require_size(4 * cells, path, name)
            table = file.read()
        texts = [n for n in table.column_names if _is_text(table.schema.field(n).type)]
        chosen = texts[0] if len(texts) == 1 else next((n for n in NAMES if n in texts), None)
        names = None if chosen is None else [text or "" for text in table.column(chosen).to_pylist()]
        said = [f"Names from the column {quoted(chosen)}."] if chosen is not None else []
        if len(texts) > 1 and chosen is None:
            said.append(f"None of the {len(texts)} columns of texts is called name or word: rows go by their place.")
        return vectors(name, _matrix(table, texts, name), names, said, surely_names=False)
    except (pa.ArrowException, OSError) as error:
        raise VectorError(f"{name} is not a readable parquet file: save the vectors as npy.") from error


def _matrix(table: Any, texts: list[str], name: str) -> np.ndarray:
    """The column of lists as a matrix, or all columns of numbers side by side."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lists = [n for n in table.column_names if _is_list(table.schema.field(n).type)]
    if len(lists) == 1:
        column = table.column(lists[0]).combine_chunks()
        flat = pc.list_flatten(column)
        lengths = np.asarray(pc.list_value_length(column).fill_null(0))
        if len(lengths) == 0 or (lengths != lengths[0]).any() or flat.null_count:
            raise VectorError(f"{name}, column {quoted(lists[0])}: vectors differ in length, or some are missing.")
        return np.asarray(flat).reshape(len(lengths), -1)
    kept = [n for n in table.column_names if n not in texts and not n.startswith(PANDAS_INDEX)]
    numbers = [np.asarray(table.column(n)) for n in kept if pa.types.is_primitive(table.schema.field(n).type)]
    if not numbers or len(numbers) < len(kept) or any(column.dtype.kind not in "fiu" for column in numbers):
        raise VectorError(f"{name} has columns that are not numbers: keep only the vectors, and one column of names.")
    return np.column_stack(numbers)


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


# ---------------------------------------------------------------- labels


def read_labels(path: Path, n: int) -> tuple[np.ndarray, Bool[np.ndarray, "n"] | None]:
    """(label of each row, which rows are held out or None): a csv of one column, or of two, label and train|test.

    A first line that makes one row too many is the header. Raises VectorError when the rows are not n, or a label is
    empty.
    """
    name = present(path)
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


def _rows(path: Path, name: str) -> list[list[str]]:
    """The rows of a csv, cells stripped, empty lines left out. Raises VectorError."""
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file, delimiter=delimiter) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise VectorError(f"{name} is not a csv in UTF-8: save the labels again, one a line.") from error
    if any(len(cell) > MAX_NAME for row in rows for cell in row):
        raise VectorError(f"{name} has a label longer than {MAX_NAME:,} characters: these are not labels.")
    return rows
