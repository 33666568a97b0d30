"""Snapshots: the vectors of some occurrences at every layer, streamed to files and read back memory-mapped."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from embedlab.encoders.protocol import Encoder, Precision, Progress
from embedlab.errors import ModelError, StoreError
from embedlab.store import open_verified, read_json, require_space, sealed_folder, write_json
from embedlab.types import EncoderSpec, Occurrence, Snapshot

ITEMS = "items.parquet"
ABOUT = "snapshot.json"
COLUMNS = ("text", "start", "end", "surface", "word", "sense", "row")


def take_snapshot(
    encoder: Encoder,
    occurrences: Sequence[Occurrence],
    folder: Path,
    *,
    layers: Sequence[int] | None = None,
    precision: Precision = "fp32",
    progress: Progress | None = None,
) -> Snapshot:
    """Make the sealed folder and open it. Raises ModelError, StoreError (no room: checked before the first byte)."""
    with sealed_folder(folder, needed=bytes_needed(encoder, occurrences, layers)) as temporary:
        write_snapshot(encoder, occurrences, temporary, layers=layers, precision=precision, progress=progress)
    return open_snapshot(folder)


def bytes_needed(encoder: Encoder, occurrences: Sequence[Occurrence], layers: Sequence[int] | None = None) -> int:
    """What a snapshot takes on disk: 4 bytes a number, and the items."""
    chosen = range(len(encoder.layers)) if layers is None else layers
    width = sum(encoder.layers[layer].dim for layer in chosen if 0 <= layer < len(encoder.layers))
    return 4 * width * len(occurrences) + sum(2 * len(occurrence.text) + 64 for occurrence in occurrences)


def write_snapshot(
    encoder: Encoder,
    occurrences: Sequence[Occurrence],
    folder: Path,
    *,
    layers: Sequence[int] | None = None,
    precision: Precision = "fp32",
    progress: Progress | None = None,
) -> None:
    """Fill an empty folder, which the caller (`Store.put` or `take_snapshot`) seals.

    layer_00.npy, layer_01.npy, ... float32 [occurrence, dim], named by the layer's number in the model;
    items.parquet, row i = occurrences[i]. Raises ModelError also when a vector is not finite.
    """
    if not occurrences:
        raise ModelError("There is nothing to embed: the corpus has no such occurrences.")
    chosen = list(range(len(encoder.layers))) if layers is None else list(layers)
    if not chosen or any(not 0 <= layer < len(encoder.layers) for layer in chosen) or len(set(chosen)) < len(chosen):
        last = len(encoder.layers) - 1
        raise ModelError(f"--layers is {chosen}: name layers from 0 to {last}, each once.")
    require_space(folder, bytes_needed(encoder, occurrences, chosen))
    shape = len(occurrences)
    files = [
        np.lib.format.open_memmap(
            folder / file_name(layer), mode="w+", dtype=np.float32, shape=(shape, encoder.layers[layer].dim)
        )
        for layer in chosen
    ]
    for rows, arrays in encoder.encode(occurrences, layers=chosen, precision=precision, progress=progress):
        for file, array in zip(files, arrays, strict=True):
            if not np.isfinite(array).all():
                raise ModelError(
                    f"The model {encoder.spec.source} gives vectors that are not finite numbers: "
                    "its weights are damaged. Use another model or an earlier checkpoint."
                )
            file[rows] = array
    for file in files:
        file.flush()
    _write_items(occurrences, folder / ITEMS)
    names = [encoder.layers[layer].name for layer in chosen]
    about = {"encoder": asdict(encoder.spec), "fingerprint": encoder.fingerprint, "precision": precision}
    write_json(folder / ABOUT, {**about, "layers": chosen, "layer_names": names})


def file_name(layer: int) -> str:
    return f"layer_{layer:02}.npy"


def open_snapshot(folder: Path) -> Snapshot:
    """A snapshot from its sealed folder, memory-mapped. Raises StoreError when it is damaged or of another make."""
    about = read_json(folder, ABOUT)
    try:
        return Snapshot(
            encoder=EncoderSpec(**about["encoder"]),
            fingerprint=str(about["fingerprint"]),
            occurrences=_read_items(open_verified(folder, ITEMS)),
            layer_names=tuple(about["layer_names"]),
            layers=tuple(
                np.load(open_verified(folder, file_name(layer)), mmap_mode="r", allow_pickle=False)
                for layer in about["layers"]
            ),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{folder.name} does not hold a snapshot this version reads. Make it again.") from error


def _write_items(occurrences: Sequence[Occurrence], path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    columns = {name: [getattr(occurrence, name) for occurrence in occurrences] for name in COLUMNS}
    types = {name: pa.int64() if name in ("start", "end", "row") else pa.string() for name in COLUMNS}
    schema = pa.schema([(name, types[name]) for name in COLUMNS])
    parquet.write_table(pa.table(columns, schema=schema), path)


def _read_items(path: Path) -> tuple[Occurrence, ...]:
    from pyarrow import parquet

    columns = parquet.read_table(path).to_pydict()
    kept = ("text", "start", "end", "sense", "word", "row")  # in the order of Occurrence's fields
    return tuple(Occurrence(*values) for values in zip(*(columns[name] for name in kept), strict=True))
