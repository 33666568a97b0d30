"""A comparison as tables and files for other tools: pandas frames, CSV that no spreadsheet runs, parquet, JSON."""

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32

from embedlab.compare import to_json
from embedlab.types import Comparison, LayerReadings, Reading

if TYPE_CHECKING:
    import pandas as pd

FloatTable = Float32[np.ndarray, "layer item"]
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json(comparison: Comparison) -> bytes:
    """comparison.json: layers with their readings, verdict, provenance. UTF-8, no NaN."""
    return (json.dumps(to_json(comparison), ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def tables(comparison: Comparison) -> "dict[str, pd.DataFrame]":
    """Everything of a comparison as frames; every row says its layer.

    readings: one reading a row (word is null for the space). items: one word a row with change, its noise and q (NaN
    where the floor is unknown), whether it changed by more than noise, drift and kept.
    neighbours: one neighbour a row, side before or after. uses: one use of a target word a row. answers: one held-out
    item a row that one of the models gets right and the other wrong.
    """
    return {
        "readings": _readings(comparison),
        "items": _items(comparison),
        "neighbours": _neighbours(comparison),
        "uses": _uses(comparison),
        "answers": _answers(comparison),
    }


def csv_bytes(frame: "pd.DataFrame") -> bytes:
    """UTF-8 CSV; a text that a spreadsheet would run as a formula gets a `'` before it."""
    safe = frame.copy()
    safe.columns = [guarded(str(name)) for name in frame.columns]
    for at, dtype in enumerate(frame.dtypes):
        if dtype.kind not in "biufM":
            cells = [guarded(cell) if isinstance(cell, str) else cell for cell in frame.iloc[:, at]]
            safe.isetitem(at, np.array(cells, dtype=object))
    # every text quoted: pandas leaves a bare CR unquoted, and a reader would end the row there
    return bytes(safe.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC).encode())


def guarded(text: str) -> str:
    """The text, with `'` before it where it begins with = + - @ TAB or CR."""
    return f"'{text}" if text.startswith(FORMULA) else text


def parquet_bytes(frame: "pd.DataFrame") -> bytes:
    """One frame as parquet, zstd, as it is: nothing there is run."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def _readings(comparison: Comparison) -> "pd.DataFrame":
    import pandas as pd

    rows = [
        _reading_row(None, i, layer, r) for i, layer in enumerate(comparison.layers) for r in layer.readings.values()
    ]
    for word, layers in comparison.sense_readings.items():
        rows += [_reading_row(word, i, layer, r) for i, layer in enumerate(layers) for r in layer.readings.values()]
    names = ("layer", "layer_name", "word", "reading", "before", "after", "value", "low", "high", "noise", "p", "note")
    frame = pd.DataFrame(rows, columns=list(names))
    numbers = ["before", "after", "value", "low", "high", "noise", "p"]
    return frame.astype(dict.fromkeys(numbers, "float64"))


def _reading_row(word: str | None, index: int, layer: LayerReadings, r: Reading) -> tuple[Any, ...]:
    low, high = r.interval if r.interval is not None else (None, None)
    return (index, layer.name, word, r.name, r.before, r.after, r.value, low, high, r.noise, r.p, r.note)


def _items(comparison: Comparison) -> "pd.DataFrame":
    import pandas as pd

    words = comparison.words
    layers, count = words.change.shape
    pairs = zip(words.neighbours_before, words.neighbours_after, strict=True)
    kept = np.stack([(b[:, :, None] == a[:, None, :]).any(axis=2).sum(axis=1) for b, a in pairs])
    return pd.DataFrame(
        {
            "layer": np.repeat(np.arange(layers), count),
            "layer_name": np.repeat(np.array(comparison.layer_names, dtype=object), count),
            "word": list(words.words) * layers,
            "uses": np.tile(words.counts, layers),
            "change": words.change.ravel(),
            "noise": _or_nan(words.noise, words.change),
            "q": _or_nan(words.q, words.change),
            "changed": np.concatenate([words.changed(layer) for layer in range(layers)]),
            "drift": words.drift.ravel(),
            "kept": kept.ravel(),
            "lost": words.k - kept.ravel(),
            "gained": words.k - kept.ravel(),
            "self_similarity_before": words.self_similarity_before.ravel(),
            "self_similarity_after": words.self_similarity_after.ravel(),
        }
    )


def _or_nan(table: FloatTable | None, like: FloatTable) -> Float32[np.ndarray, "layer_item"]:
    """A table row after row, or as many NaN where it is unknown."""
    return np.asarray(np.full(like.size, np.nan, dtype=np.float32) if table is None else table.ravel())


def _neighbours(comparison: Comparison) -> "pd.DataFrame":
    import pandas as pd

    words = comparison.words
    names = np.array([*words.words, None], dtype=object)  # row -1, no neighbour, reads null
    layers, count, k = words.neighbours_before.shape
    parts = []
    for side, ids, similarity in (
        ("before", words.neighbours_before, words.similarity_before),
        ("after", words.neighbours_after, words.similarity_after),
    ):
        parts.append(
            pd.DataFrame(
                {
                    "layer": np.repeat(np.arange(layers), count * k),
                    "word": np.tile(np.repeat(names[:-1], k), layers),
                    "side": side,
                    "rank": np.tile(np.arange(1, k + 1), layers * count),
                    "neighbour": names[ids.ravel()],
                    "cosine": similarity.ravel(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _uses(comparison: Comparison) -> "pd.DataFrame":
    import pandas as pd

    uses, layers = comparison.uses, len(comparison.layers)
    listed = list(uses.occurrences)
    blank = (("",) * len(listed),) * layers
    columns = {
        name: [getattr(use, name) for use in listed] * layers
        for name in ("word", "sense", "text", "start", "end", "row")
    }
    return pd.DataFrame(
        {
            "layer": np.repeat(np.arange(layers), len(listed)),
            **columns,
            "held_out": np.tile(uses.held_out, layers),
            "change": uses.change.ravel(),
            "noise": _or_nan(uses.noise, uses.change),
            "drift": uses.drift.ravel(),
            "predicted_before": [sense for row in uses.predicted_before or blank for sense in row],
            "predicted_after": [sense for row in uses.predicted_after or blank for sense in row],
        }
    )


def _answers(comparison: Comparison) -> "pd.DataFrame":
    import pandas as pd

    listed = [("right", one) for one in comparison.verdict.won] + [("wrong", one) for one in comparison.verdict.lost]
    names = ("text", "start", "end", "truth", "before", "after")
    data: dict[str, Any] = {"newly": [newly for newly, _ in listed]}
    data |= {name: [getattr(one, name) for _, one in listed] for name in names}
    return pd.DataFrame(data).astype({"start": "Int64", "end": "Int64"})
