"""Two files of vectors on the items they share: all of them, as they are kept in the workspace beside a comparison."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from embedlab.corpus.limits import shown
from embedlab.errors import StoreError
from embedlab.store import open_verified, read_json, write_json
from embedlab.types import freeze
from embedlab.vectorfiles import VectorError, Vectors
from embedlab.vectors.loading import load_vectors, matched

BLOCK = 65_536  # rows turned to float32, and written, at once
SIDES = ("before", "after")

Progress = Callable[[float, str], None]


def _quiet(_share: float, _what: str) -> None:
    """The progress of nobody watching."""


@dataclass(frozen=True)
class Both:
    """Row i of `before` and row i of `after` are the same thing, called `names[i]`; None: known by its place.

    `sources`: the files. `rows`: how many each holds. `notes`: what was chosen or left out in reading each.
    """

    before: Float[np.ndarray, "n d"]
    after: Float[np.ndarray, "n e"]
    names: tuple[str, ...] | None
    sources: tuple[str, str]
    rows: tuple[int, int]
    notes: tuple[tuple[str, ...], tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.before)

    def name(self, row: int) -> str:
        """What a row is called; without names by its number, counted from 1."""
        return str(row + 1) if self.names is None else self.names[row]

    @property
    def bytes_needed(self) -> int:
        """What `save_both` writes, but for the names."""
        return 4 * len(self) * (self.before.shape[1] + self.after.shape[1])


def read_both(before: Path, after: Path, *, layer: int | None = None, progress: Progress = _quiet) -> Both:
    """Two files (or folders of `embed --out`, at `layer`); memory-mapped where the files can be.

    Raises UserError for files that cannot be read or share too little.
    """
    read: list[Vectors] = []
    for i, path in enumerate((before, after)):

        def told(share: float, what: str, i: int = i) -> None:
            progress((i + share) / 2, what)

        told(0.0, f"reading {shown(path.name)}")
        read.append(load_vectors(path, layer=layer, progress=told))
    pair = matched(*read)
    first, second = read
    return Both(
        pair.before, pair.after, pair.names, (str(before), str(after)), (len(first), len(second)),
        (first.notes, second.notes),
    )  # fmt: skip


def float32(rows: Float[np.ndarray, "n d"], source: str, first: int = 0) -> Float32[np.ndarray, "n d"]:
    """The rows as float32, themselves where they are. Raises VectorError for a row that is too large for that."""
    with np.errstate(over="ignore"):
        vectors = np.ascontiguousarray(rows, dtype=np.float32)
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        row = first + int(np.argmin(finite)) + 1
        raise VectorError(
            f"{shown(Path(source).name)}, row {row:,} of those both files have is too large for float32: scale the "
            "vectors."
        )
    return vectors


def save_both(both: Both, folder: Path, progress: Progress = _quiet) -> None:
    """Write into a folder that the store seals, a block at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for i, (side, rows) in enumerate(zip(SIDES, (both.before, both.after), strict=True)):
        kept = np.lib.format.open_memmap(folder / f"{side}.npy", "w+", np.float32, rows.shape)
        for start in range(0, len(rows), BLOCK):
            progress((i + start / len(rows)) / 2, "keeping the vectors")
            kept[start : start + BLOCK] = float32(rows[start : start + BLOCK], both.sources[i], start)
        kept.flush()
    if both.names is not None:
        pq.write_table(pa.table({"name": list(both.names)}), folder / "names.parquet")
    about = {"named": both.names is not None, "sources": both.sources, "rows": both.rows, "notes": both.notes}
    write_json(folder / "both.json", about)


def open_both(folder: Path) -> Both:
    """What `save_both` wrote, memory-mapped. Raises StoreError when it is missing, damaged or of another make."""
    about = read_json(folder, "both.json")
    try:
        before, after = (
            freeze(np.load(open_verified(folder, f"{side}.npy"), mmap_mode="r", allow_pickle=False)) for side in SIDES
        )
        names = open_names(folder)
        one, two = about["notes"]
        return Both(
            before, after, names, tuple(about["sources"]), tuple(about["rows"]), (tuple(one), tuple(two))
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"The vectors {folder.name} are not of a kind this version reads. Compare again.") from error


def open_names(folder: Path) -> tuple[str, ...] | None:
    """The names alone, without a look at the vectors; None where rows are known by their place. Raises StoreError."""
    import pyarrow.parquet as pq

    if not read_json(folder, "both.json")["named"]:
        return None
    return tuple(pq.read_table(open_verified(folder, "names.parquet"))["name"].to_pylist())
