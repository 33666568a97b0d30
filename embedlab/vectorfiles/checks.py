"""What every reader of vectors shares: the value they give, its checks, and how they say no."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from jaxtyping import Float

from embedlab.corpus.limits import MAX_BYTES, MAX_RATIO, RATIO_GRACE, quoted, shown
from embedlab.errors import UserError

LARGEST = 8 * MAX_BYTES  # of a file: GoogleNews, the largest table in common use, is 3.4 GB
MAX_DIM = 65_536
MAX_ROWS = 10_000_000
MAX_NAME = 1000  # characters of a name or a label
BLOCK = 4096  # rows looked at once
MOVED = 2**20  # numbers moved at once
SHOWN_NAMES = 3  # repeated names told

Progress = Callable[[float, str], None]  # (share done, what is being done)


class VectorError(UserError):
    """A file of vectors or labels that cannot be measured."""


@dataclass(frozen=True)
class Vectors:
    """What a file holds: a matrix, rows = points, and what each row is called where the file says so.

    `file` is its name for sentences. names[i] belongs to rows[i] and is there once; None: rows are known by their
    place. `notes`: what was chosen, repaired or left out, a sentence each.
    """

    file: str
    rows: Float[np.ndarray, "n d"]
    names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.names is not None and len(self.names) != len(self.rows):
            raise ValueError("names and rows differ in length")

    @property
    def dim(self) -> int:
        return int(self.rows.shape[1])

    def __len__(self) -> int:
        return len(self.rows)


def present(path: Path) -> str:
    """The name to call the file by. Raises VectorError when it is not there, empty or too large."""
    name = shown(path.name)
    if not path.is_file():
        raise VectorError(f"There is no file {name}: check the path.")
    size = path.stat().st_size
    if size == 0:
        raise VectorError(f"{name} is empty.")
    if size > LARGEST:
        raise VectorError(f"{name} is {size / 2**30:.0f} GB: at most {LARGEST / 2**30:.0f} GB can be measured.")
    return name


def require_size(size: float, path: Path, name: str) -> None:
    """Raises VectorError when a file says that it unpacks to far more than it is. `size` in bytes."""
    if size > max(RATIO_GRACE, MAX_RATIO * path.stat().st_size):
        raise VectorError(f"{name} would unpack to {size / 2**20:,.0f} MB: save the vectors as npy.")


def vectors(
    file: str,
    matrix: np.ndarray,
    names: Sequence[str] | None = None,
    notes: Sequence[str] = (),
    *,
    surely_names: bool = True,
) -> Vectors:
    """The checked value: float32 as it is, all else as float64; the first row of a name counts, the rest are told.

    `surely_names` False: a column that was taken for names; where most of them repeat it holds groups, and is left.
    Raises VectorError for anything but a 2-dimensional matrix of finite numbers (the first bad row is named, from 1),
    and for a name that is missing or too long.
    """
    rows = _numbers(matrix, file)
    if names is None:
        return Vectors(file, rows, notes=tuple(notes))
    for number, name in enumerate(names, 1):
        if not name or len(name) > MAX_NAME:
            what = f"a name of over {MAX_NAME:,} characters" if name else "no name"
            raise VectorError(f"{file}, row {number:,} has {what}: name it, or leave the row out.")
    first: dict[str, int] = {}
    repeated: dict[str, None] = {}
    for row, name in enumerate(names):
        if first.setdefault(name, row) != row:
            repeated[name] = None
    left = len(names) - len(first)
    if not left:
        return Vectors(file, rows, tuple(names), tuple(notes))
    if not surely_names and 2 * left > len(names):
        said = f"The texts beside the vectors repeat ({len(first):,} different ones): not taken as names."
        return Vectors(file, rows, notes=(*notes, said))
    listed = ", ".join(quoted(name) for name in list(repeated)[:SHOWN_NAMES])
    more = " and others" if len(repeated) > SHOWN_NAMES else ""
    said = f"{left:,} rows left out, whose name came before ({listed}{more}): the first row of a name counts."
    return Vectors(file, _kept(rows, np.fromiter(first.values(), np.int64)), tuple(first), (*notes, said))


def _kept(rows: Float[np.ndarray, "n d"], places: np.ndarray) -> Float[np.ndarray, "m d"]:
    """The rows at rising `places`, moved up within the same memory where that is ours: a table may be half of it."""
    if not rows.flags.writeable:
        return rows[places]
    moved = max(1, MOVED // rows.shape[1])
    for start in range(0, len(places), moved):
        block = places[start : start + moved]
        rows[start : start + len(block)] = rows[block]
    return rows[: len(places)]


def no_progress(_share: float, _what: str) -> None:
    """Where nobody looks on."""


def _numbers(matrix: np.ndarray, file: str) -> Float[np.ndarray, "n d"]:
    if matrix.dtype.kind not in "fiu":
        raise VectorError(f"{file} holds values of type {matrix.dtype}, not plain numbers: save it as float32.")
    if matrix.ndim != 2:
        raise VectorError(f"{file} has {matrix.ndim} dimensions, not 2: it needs one row for each vector.")
    rows, dim = matrix.shape
    if rows == 0 or dim == 0:
        raise VectorError(f"{file} has {rows} rows of {dim} numbers: there is nothing to measure.")
    if dim > MAX_DIM:
        raise VectorError(f"{file} has rows of {dim:,} numbers, more than {MAX_DIM:,}: are rows and columns swapped?")
    if matrix.dtype != np.float32:
        matrix = matrix.astype(np.float64)
    for start in range(0, rows, BLOCK):
        finite = np.isfinite(matrix[start : start + BLOCK]).all(axis=1)
        if not finite.all():
            not_finite(file, start + int(np.argmin(finite)) + 1)
    return matrix


def not_finite(file: str, row: int) -> NoReturn:
    raise VectorError(f"{file}, row {row:,} holds a value that is not a finite number: leave the row out.")
