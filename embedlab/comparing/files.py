"""A comparison as files: everything the pages and the report need, and nothing that needs a model.

comparison.json: readings, verdict, provenance (embedlab.comparing.records). items.parquet: every word at every layer.
uses.parquet, uses_by_layer.parquet: the uses of the target words. answers.parquet: held-out items newly right and newly
wrong. ranked_*.npy: neighbour lists. maps.*: linked maps.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embedlab.comparing.records import FORMAT, from_json, to_json
from embedlab.errors import StoreError
from embedlab.store import is_sealed, open_verified, read_json, write_json
from embedlab.types import Answer, Comparison, LinkedMap, Occurrence, Uses, Verdict, WordTable, freeze

if TYPE_CHECKING:
    import pyarrow as pa  # a quarter of a second that a page without tables need not pay

RANKED = ("ranked_before", "ranked_after", "ranked_similarity_before", "ranked_similarity_after")
NEAREST = ("neighbours_before", "neighbours_after", "similarity_before", "similarity_after")
PER_WORD = ("change", "drift", "self_similarity_before", "self_similarity_after")
ANSWER = ("text", "start", "end", "truth", "before", "after")
PLACES = ("rows", "before", "after", "placebo_before", "placebo_after")  # the arrays of a linked map


# -- a whole comparison ----------------------------------------------------------------------------------------------


def save(comparison: Comparison, folder: Path, maps: Iterable[LinkedMap] = ()) -> None:
    """Write into a folder that the store seals."""
    import pyarrow.parquet as pq

    words = comparison.words
    lists = _lists(words)
    for name, array in lists.items():
        np.save(folder / f"{name}.npy", array)
    pq.write_table(items_table(comparison), folder / "items.parquet", compression="zstd")
    pq.write_table(_uses_table(comparison.uses), folder / "uses.parquet", compression="zstd")
    pq.write_table(_uses_by_layer(comparison), folder / "uses_by_layer.parquet", compression="zstd")
    pq.write_table(_answers_table(comparison.verdict), folder / "answers.parquet", compression="zstd")
    save_maps(list(maps), folder)
    write_json(folder / "comparison.json", to_json(comparison))


def _lists(words: WordTable) -> dict[str, np.ndarray]:
    """The neighbour lists to keep; the k nearest are the beginning of the ranked ones, so they are kept once."""
    nearest = {ranked: getattr(words, name) for ranked, name in zip(RANKED, NEAREST, strict=True)}
    if words.ranked_before is None:
        return nearest
    lists = {name: getattr(words, name) for name in RANKED}
    if not all(np.array_equal(lists[name][:, :, : words.k], nearest[name]) for name in RANKED):
        raise ValueError("the k nearest are not the beginning of the ranked lists")
    return lists


def items_table(comparison: Comparison) -> "pa.Table":
    """Every word at every layer with its change, the change that is noise, q, and whether it counts as changed.

    `noise` and `q` are null where the comparison has no floor, NaN for a word that has none.
    """
    import pyarrow as pa

    words = comparison.words
    layers, count = words.change.shape
    kept = np.stack([_kept(words.neighbours_before[i], words.neighbours_after[i]) for i in range(layers)])
    columns = {
        "layer": np.repeat(np.arange(layers, dtype=np.int32), count),
        "layer_name": pa.array(np.repeat(comparison.layer_names, count).tolist(), pa.string()),
        "word": pa.array(list(words.words) * layers, pa.string()),
        "count": np.tile(words.counts, layers),
        **{name: getattr(words, name).ravel() for name in PER_WORD},
        "kept": kept.ravel(),
        "lost": (words.k - kept).ravel(),
        "gained": (words.k - kept).ravel(),
        "noise": _floats(words.noise, layers * count),
        "q": _floats(words.q, layers * count),
        "changed": pa.array(np.concatenate([words.changed(layer) for layer in range(layers)]), pa.bool_()),
    }
    return pa.table(columns)


def _floats(array: np.ndarray | None, length: int) -> "pa.Array":
    import pyarrow as pa

    return pa.nulls(length, pa.float32()) if array is None else pa.array(array.ravel(), pa.float32())


def _read_floats(column: "pa.ChunkedArray", shape: tuple[int, int]) -> np.ndarray | None:
    """The array of a column; None where all of it is null."""
    if column.null_count == len(column):
        return None
    return freeze(np.array(column, dtype=np.float32).reshape(shape))


def _kept(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (before[:, :, None] == after[:, None, :]).any(axis=2).sum(axis=1).astype(np.int32)


def _uses_table(uses: Uses) -> "pa.Table":
    import pyarrow as pa

    names = ("text", "start", "end", "surface", "word", "sense", "row")
    kinds = (pa.string(), pa.int64(), pa.int64(), pa.string(), pa.string(), pa.string(), pa.int64())
    columns = {
        name: pa.array([getattr(use, name) for use in uses.occurrences], kind)
        for name, kind in zip(names, kinds, strict=True)
    }
    return pa.table({**columns, "held_out": pa.array(uses.held_out, pa.bool_())})


def _uses_by_layer(comparison: Comparison) -> "pa.Table":
    import pyarrow as pa

    uses, layers = comparison.uses, len(comparison.layers)
    count = len(uses.occurrences)
    predicted = {
        "predicted_before": uses.predicted_before or ((("",) * count,) * layers),
        "predicted_after": uses.predicted_after or ((("",) * count,) * layers),
    }
    return pa.table(
        {
            "layer": np.repeat(np.arange(layers, dtype=np.int32), count),
            "use": np.tile(np.arange(count, dtype=np.int64), layers),
            "change": uses.change.ravel(),
            "drift": uses.drift.ravel(),
            "noise": _floats(uses.noise, layers * count),
            **{n: pa.array([sense for row in rows for sense in row], pa.string()) for n, rows in predicted.items()},
        }
    )


def _answers_table(verdict: Verdict) -> "pa.Table":
    import pyarrow as pa

    answers = [*verdict.won, *verdict.lost]
    kinds = {"start": pa.int64(), "end": pa.int64()}
    columns = {
        name: pa.array([getattr(answer, name) for answer in answers], kinds.get(name, pa.string())) for name in ANSWER
    }
    outcome = ["won"] * len(verdict.won) + ["lost"] * len(verdict.lost)
    return pa.table({"outcome": pa.array(outcome, pa.string()), **columns})


def _open_answers(folder: Path) -> tuple[tuple[Answer, ...], tuple[Answer, ...]]:
    """(won, lost)."""
    import pyarrow.parquet as pq

    rows = pq.read_table(open_verified(folder, "answers.parquet")).to_pylist()
    outcomes = [row.pop("outcome") for row in rows]
    pairs = list(zip(outcomes, (Answer(**row) for row in rows), strict=True))
    won, lost = (tuple(answer for said, answer in pairs if said == outcome) for outcome in ("won", "lost"))
    return won, lost


def open_comparison(folder: Path) -> Comparison:
    """The comparison that was saved, equal to it in every number.

    Raises StoreError when there is none, when its bytes changed, or when another version wrote it.
    """
    if not is_sealed(folder):
        raise StoreError(f"There is no comparison {folder.name} in this workspace.")
    about = read_json(folder, "comparison.json")
    try:
        if about["format"] != FORMAT:
            raise StoreError(
                f"The comparison {folder.name} has format {about['format']}, and this version reads {FORMAT}: "
                "make it again."
            )
        layers = len(about["layers"])
        words, uses = _open_words(folder, layers, about["words"]["k"]), _open_uses(folder, layers)
        return from_json(about, words, uses, *_open_answers(folder))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"The comparison {folder.name} is not of a kind this version reads. Make it again.") from error


def _load(folder: Path, name: str) -> np.ndarray:
    path = open_verified(folder, name)
    return freeze(np.load(path, mmap_mode="r" if path.stat().st_size > 2**16 else None, allow_pickle=False))


def _open_words(folder: Path, layers: int, k: int) -> WordTable:
    import pyarrow.parquet as pq

    items = pq.read_table(open_verified(folder, "items.parquet"))
    count = items.num_rows // layers
    lists = {name: _load(folder, f"{name}.npy") for name in RANKED}
    longer = lists["ranked_before"].shape[2] > k
    return WordTable(
        words=tuple(items["word"][:count].to_pylist()),
        counts=freeze(np.array(items["count"][:count], dtype=np.int64)),
        **{name: freeze(np.array(items[name], dtype=np.float32).reshape(layers, count)) for name in PER_WORD},
        **{name: lists[ranked][:, :, :k] for name, ranked in zip(NEAREST, RANKED, strict=True)},
        **(lists if longer else {}),
        noise=_read_floats(items["noise"], (layers, count)),
        q=_read_floats(items["q"], (layers, count)),
    )


def _open_uses(folder: Path, layers: int) -> Uses:
    import pyarrow.parquet as pq

    rows = pq.read_table(open_verified(folder, "uses.parquet"))
    names = ("text", "start", "end", "sense", "word", "row")
    values = zip(*(rows[name].to_pylist() for name in names), strict=True)
    by_layer = pq.read_table(open_verified(folder, "uses_by_layer.parquet"))
    shape = (layers, rows.num_rows)

    def senses(name: str) -> tuple[tuple[str, ...], ...]:
        flat = by_layer[name].to_pylist()
        return tuple(tuple(flat[i * shape[1] : (i + 1) * shape[1]]) for i in range(layers))

    return Uses(
        occurrences=tuple(Occurrence(**dict(zip(names, value, strict=True))) for value in values),
        held_out=freeze(np.array(rows["held_out"], dtype=bool)),
        change=freeze(np.array(by_layer["change"], dtype=np.float32).reshape(shape)),
        drift=freeze(np.array(by_layer["drift"], dtype=np.float32).reshape(shape)),
        noise=_read_floats(by_layer["noise"], shape),
        predicted_before=senses("predicted_before"),
        predicted_after=senses("predicted_after"),
    )


# -- linked maps -----------------------------------------------------------------------------------------------------


def save_maps(maps: Sequence[LinkedMap], folder: Path) -> None:
    """Write maps.npz and maps.json into a folder that is about to be sealed."""
    arrays: dict[str, np.ndarray] = {}
    about = []
    for number, drawn in enumerate(maps):
        values = {name: getattr(drawn, name) for name in LinkedMap.__dataclass_fields__}
        arrays |= {f"{name}_{number}": values.pop(name) for name in PLACES}
        about.append(values)
    np.savez(folder / "maps.npz", **arrays)  # type: ignore[arg-type]
    write_json(folder / "maps.json", about)


def open_maps(folder: Path) -> dict[tuple[str, int], LinkedMap]:
    """The linked maps kept with a comparison, by (word, layer)."""
    maps = {}
    with np.load(open_verified(folder, "maps.npz"), allow_pickle=False) as arrays:
        for number, values in enumerate(json.loads(open_verified(folder, "maps.json").read_bytes())):
            low_high = values.pop("trust_range")
            values["trust_range"] = None if low_high is None else (low_high[0], low_high[1])
            places = {name: freeze(arrays[f"{name}_{number}"]) for name in PLACES}
            maps[values["word"], values["layer"]] = LinkedMap(**values, **places)
    return maps
