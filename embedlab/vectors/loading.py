"""What `measure` is given: files of vectors, folders of `embed --out`, models with texts; and which rows are paired."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Int64

from embedlab.corpus.limits import shown
from embedlab.encoders.extract import ABOUT, open_snapshot
from embedlab.types import Occurrence
from embedlab.vectorfiles import KINDS, Progress, VectorError, Vectors, read_vectors
from embedlab.vectorfiles.checks import no_progress

Embed = Callable[[str], Float32[np.ndarray, "text d"]]
LEAST_SHARED = 3  # names two files must have in common


def load_vectors(
    source: Path, *, layer: int | None = None, embed: Embed | None = None, progress: Progress = no_progress
) -> Vectors:
    """The rows of a source: a file of vectors, a folder that `embed --out` wrote (at `layer`, by its number in the
    model; the last by default), or any other model (a folder, builtin, run:ID), whose rows `embed` makes.

    `embed` turns what was typed into one row for each text the person gave. `progress` hears the share read, of files
    of word vectors. Raises UserError.
    """
    if (source / ABOUT).is_file():
        return _snapshot(source, layer)
    if source.is_dir() or (embed is not None and not source.exists()):
        if embed is None:
            raise VectorError(
                f"{shown(source.name)} is a folder, of a model perhaps: give the texts it should embed with --texts, "
                f"a folder of embed --out, or a file ({', '.join(KINDS)})."
            )
        rows = embed(str(source))
        return Vectors(shown(source.name), rows, notes=(f"The {len(rows):,} texts as the model embeds them.",))
    return read_vectors(source, progress)


def _snapshot(folder: Path, layer: int | None) -> Vectors:
    """One layer of a folder of `embed --out`; rows are known by their text and span."""
    name = shown(folder.name)
    snapshot = open_snapshot(folder)
    numbers = sorted(int(path.stem.removeprefix("layer_")) for path in folder.glob("layer_*.npy"))
    chosen = numbers[-1] if layer is None else layer
    if chosen not in numbers:
        raise VectorError(f"{name} holds no layer {chosen}: choose one of {', '.join(map(str, numbers))}.")
    place = numbers.index(chosen)
    said = f"{snapshot.layer_names[place]} (number {chosen}) of what {shown(snapshot.encoder.source)} gave."
    return Vectors(name, snapshot.layers[place], _items(snapshot.occurrences), (said,))


def _items(occurrences: Sequence[Occurrence]) -> tuple[str, ...]:
    """A name for every item that is the same in another folder: its surface, text and span, and which repeat it is."""
    seen: Counter[str] = Counter()
    names = []
    for item in occurrences:
        text = hashlib.sha256(item.text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        name = f"{item.surface[:40]} {text} {item.start}-{item.end}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return tuple(names)


@dataclass(frozen=True)
class Matched:
    """Rows that are the same things: rows[i] of `before` (places in it: `places`) goes with row i of `after`.

    `names` of them, and `coverage` (n of before, n of after, shared, and their order), where the files have names.
    """

    before: Float[np.ndarray, "n d"]
    after: Float[np.ndarray, "n e"]
    places: Int64[np.ndarray, "n"]
    names: tuple[str, ...] | None = None
    coverage: dict[str, int | str] | None = None


def matched(before: Vectors, after: Vectors) -> Matched:
    """By name, in the order of before, where both have names; by place where neither has.

    Raises VectorError where only one has names, where unnamed files differ in length, or where next to nothing is
    shared.
    """
    if (before.names is None) != (after.names is None):
        named, other = (before, after) if before.names is not None else (after, before)
        raise VectorError(
            f"{named.file} names its rows and {other.file} does not: give both with names, or both without."
        )
    everything = np.arange(len(before))
    if before.names is None or after.names is None:
        if len(before) != len(after):
            raise VectorError(
                f"The files hold {len(before):,} and {len(after):,} vectors: give the same things in the same order, "
                "or files that name their rows."
            )
        return Matched(before.rows, after.rows, everything)
    coverage: dict[str, int | str] = {"before": len(before), "after": len(after)}
    if before.names == after.names:
        coverage |= {"shared": len(before), "order": "that of before"}
        return Matched(before.rows, after.rows, everything, before.names, coverage)
    row_of = {name: row for row, name in enumerate(after.names)}
    places = np.array([row for row, name in enumerate(before.names) if name in row_of], dtype=np.int64)
    if len(places) < LEAST_SHARED:
        raise VectorError(
            f"{before.file} and {after.file} share {len(places)} of {len(before):,} and {len(after):,} names: "
            "give files of the same things, spelled the same."
        )
    names = tuple(before.names[row] for row in places)
    coverage |= {"shared": len(places), "order": "that of before"}
    there = np.array([row_of[name] for name in names], dtype=np.int64)
    return Matched(before.rows[places], after.rows[there], places, names, coverage)
