"""A corpus on disk: rows.parquet (and refused.json) of a sealed folder, under the hash of its content."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from embedlab.corpus.reading import Refusal
from embedlab.errors import StoreError
from embedlab.store import open_verified, read_json, require_space, write_json
from embedlab.types import Corpus, Target

ROWS = "rows.parquet"
REFUSED = "refused.json"


def save(corpus: Corpus, folder: Path) -> None:
    """Write rows.parquet into a folder that is about to be sealed. Raises StoreError when it does not fit."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    require_space(folder, 2 * sum(map(len, corpus.texts)))
    columns: dict[str, Any] = {"text": pa.array(corpus.texts, pa.string())}
    for name, values in (("label", corpus.labels), ("pair", corpus.pairs), ("split", corpus.splits)):
        if values is not None:
            columns[name] = pa.array(values, pa.string())
    if corpus.negatives is not None:
        columns["negative"] = pa.array(corpus.negatives, pa.string())
    if corpus.scores is not None:
        columns["score"] = pa.array(corpus.scores, pa.float64())
    if corpus.targets is not None:
        for name, kind in (("start", pa.int32()), ("end", pa.int32()), ("word", pa.string()), ("sense", pa.string())):
            columns[name] = pa.array([t and getattr(t, name) for t in corpus.targets], kind)
    table = pa.table(columns).replace_schema_metadata({"id": corpus.id, "name": corpus.name})
    try:
        pq.write_table(table, folder / ROWS, compression="zstd")
    except OSError as error:
        raise StoreError(f"Could not write the corpus: {error.strerror}. Nothing was changed.") from error


def load(folder: Path) -> Corpus:
    """The corpus of a sealed folder. Raises StoreError when it is missing or damaged."""
    import pyarrow.parquet as pq

    table = pq.read_table(open_verified(folder, ROWS))
    metadata = table.schema.metadata

    def column(name: str) -> tuple[Any, ...] | None:
        return tuple(table.column(name).to_pylist()) if name in table.column_names else None

    targets = None
    starts, ends, words, senses = (column(name) for name in ("start", "end", "word", "sense"))
    if starts is not None and ends is not None and words is not None and senses is not None:
        rows = zip(starts, ends, words, senses, strict=True)
        targets = tuple(None if start is None else Target(start, end, word, sense) for start, end, word, sense in rows)
    return Corpus(
        id=metadata[b"id"].decode(),
        name=metadata[b"name"].decode(),
        texts=column("text") or (),
        labels=column("label"),
        pairs=column("pair"),
        targets=targets,
        splits=column("split"),
        negatives=column("negative"),
        scores=column("score"),
    )


def save_refusals(refused: Sequence[Refusal], folder: Path) -> None:
    """Write refused.json beside the rows."""
    write_json(folder / REFUSED, [[refusal.row, refusal.reason] for refusal in refused])


def load_refusals(folder: Path) -> tuple[Refusal, ...]:
    """The refused rows of a sealed folder, in file order. Raises StoreError when they are missing or damaged."""
    try:
        return tuple(Refusal(int(row), str(reason)) for row, reason in read_json(folder, REFUSED))
    except (json.JSONDecodeError, TypeError, ValueError) as error:
        raise StoreError(f"{folder.name}/{REFUSED} is damaged. Make it again.") from error
