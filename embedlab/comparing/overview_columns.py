"""What is known of every item on a map of everything: what may colour it, and the same as a table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Int16, Int64

from embedlab.comparing.overview import MOST_LABELS, OTHER, Overview
from embedlab.measure.rows import places_among
from embedlab.types import Comparison, Corpus

if TYPE_CHECKING:
    import pandas as pd  # a quarter of a second that a map without a table need not pay

ABOVE, WITHIN, UNKNOWN = "more than noise", "within noise", "noise unknown"
NONE = "none given"


@dataclass(frozen=True)
class Column:
    """One value an item: `codes` into `categories`, or `values` between `low` and `high` (NaN unknown)."""

    name: str
    meaning: str
    codes: Int16[np.ndarray, "n"] | None = None
    categories: tuple[str, ...] = ()
    values: Float32[np.ndarray, "n"] | None = None
    low: float = 0.0
    high: float = 1.0


def columns(overview: Overview, comparison: Comparison, corpus: Corpus | None) -> tuple[Column, ...]:
    """What may colour the items, the change first; a column that says nothing is left out."""
    found = [Column("change", change_meaning(overview), values=overview.change)]
    if np.isfinite(overview.drift).any():
        found.append(_numbers("drift", "1 - cosine of the item before and after", overview.drift))
    words, layer = comparison.words, overview.layer
    if overview.what == "words":
        rows = overview.rows
        if words.noise is not None and np.isfinite(words.noise[layer, rows]).any():
            noise = words.noise[layer, rows]
            said = "the change of this word that two seeds, or two halves of its uses, would show"
            found.append(Column("noise", said, values=noise))
            standing = np.where(np.isfinite(noise), np.where(words.changed(layer)[rows], 0, 1), 2)
            meaning = "whether it changed by more than noise: above its floor, and q at most .05"
            found.append(_kinds("against noise", meaning, standing, (ABOVE, WITHIN, UNKNOWN)))
        counts = np.log10(np.maximum(words.counts[rows], 1)).astype(np.float32)
        found.append(
            _numbers("uses, log10", "how often the word is used in distinct texts: 0 = 1, 1 = 10, 2 = 100", counts)
        )
        meaning = "the label of most of the texts that hold the word"
        found.append(_kinds("label", meaning, overview.labels, overview.label_names))
    elif overview.what == "texts" and corpus is not None:
        found += _of_texts(overview, corpus)
    return (found[0], *(column for column in found[1:] if _tells(column)))


def change_meaning(overview: Overview) -> str:
    """What the change of an item on this map is."""
    if overview.what == "words":
        return f"1 - Jaccard of the {overview.k} nearest words before and after, in the original space"
    what = overview.what
    among = what if overview.landmarks is None else f"of {overview.landmarks:,} landmark {what}"
    return f"1 - Jaccard of the {overview.k} nearest {among} before and after, in the original space"


def _said_of_texts(corpus: Corpus) -> list[tuple[str, str, Callable[[int], str | None]]]:
    """(name, meaning, what it is of a row) of what the corpus says of its texts, where it does."""
    labels, targets, splits = corpus.labels or (), corpus.targets or (), corpus.splits or ()

    def word(row: int) -> str | None:
        target = targets[row]
        return None if target is None else target.word

    def sense(row: int) -> str | None:
        target = targets[row]
        return None if target is None else target.sense

    said: list[tuple[str, str, Callable[[int], str | None], int]] = [
        ("label", "the label of the text", lambda row: labels[row], len(labels)),
        ("word", "the word the text is about", word, len(targets)),
        ("sense", "the meaning of that word here", sense, len(targets)),
        ("split", "train or test, as the corpus says", lambda row: splits[row], len(splits)),
    ]
    return [(name, meaning, of) for name, meaning, of, rows in said if any(map(of, range(rows)))]


def _of_texts(overview: Overview, corpus: Corpus) -> list[Column]:
    found = []
    for name, meaning, of in _said_of_texts(corpus):
        codes, categories = _coded([of(row) for row in overview.rows.tolist()])
        found.append(_kinds(name, meaning, codes, categories))
    return found


def _coded(values: Sequence[str | None]) -> tuple[Int16[np.ndarray, "n"], tuple[str, ...]]:
    names, codes = np.unique(np.array([value or "" for value in values], dtype=object).astype(str), return_inverse=True)
    sizes = np.where(names == "", -1, np.bincount(codes, minlength=len(names)))
    order = np.lexsort((names, -sizes))
    ranked = [str(names[i]) for i in order if names[i]]
    place = np.empty(len(names), dtype=np.int64)
    place[order] = np.arange(len(names))
    coded = np.where(names[codes] == "", -1, np.minimum(place[codes], MOST_LABELS - 1))
    kept = tuple(ranked) if len(ranked) <= MOST_LABELS else (*ranked[: MOST_LABELS - 1], OTHER)
    return coded.astype(np.int16), kept


def _kinds(name: str, meaning: str, codes: np.ndarray, categories: tuple[str, ...]) -> Column:
    """Codes of -1 become a last kind of their own."""
    if (codes < 0).any():
        codes, categories = np.where(codes < 0, len(categories), codes), (*categories, NONE)
    return Column(name, meaning, codes=codes.astype(np.int16), categories=categories)


def _numbers(name: str, meaning: str, values: Float32[np.ndarray, "n"]) -> Column:
    """A scale from nothing to the largest value that is there."""
    return Column(name, meaning, values=values, high=max(float(np.nanmax(values)), 1e-6))


def _tells(column: Column) -> bool:
    """Whether it sets any item apart."""
    if column.codes is not None:
        return len(np.unique(column.codes)) > 1
    assert column.values is not None  # a column has codes or values
    return bool(np.nanmin(column.values) < np.nanmax(column.values))


def names_of(
    overview: Overview, comparison: Comparison, corpus: Corpus | None, names: Sequence[str] | None = None
) -> Sequence[str]:
    """The word, or the text, of every item; of rows their `names`, where their files have any, or their number."""
    if overview.what == "words":
        return [comparison.words.words[row] for row in overview.rows]
    if overview.what == "rows":
        return [unnamed(row) if names is None else names[row - 1] for row in overview.rows.tolist()]
    return [""] * len(overview) if corpus is None else [corpus.texts[row] for row in overview.rows]


def unnamed(row: int) -> str:
    """What a row is called that has no name in its file."""
    return f"row {row}"


def ranked(
    overview: Overview, chosen: Int64[np.ndarray, "m"] | None = None, most: int | None = None
) -> Int64[np.ndarray, "n"]:
    """The items, or those whose rows are `chosen`, as places in the map, the most changed first; at most `most`."""
    at = np.arange(len(overview)) if chosen is None else places_of(overview, chosen)
    change = overview.change[at]
    if most is not None and most < len(at):
        enough = change >= np.partition(change, len(at) - most)[len(at) - most]
        at, change = at[enough], change[enough]
    return at[np.lexsort((at, -change))][:most]


def places_of(overview: Overview, rows: Int64[np.ndarray, "m"]) -> Int64[np.ndarray, "n"]:
    """Where the items with these rows stand in the map, increasing; rows that are not on it are left out."""
    return places_among(overview.rows, rows)


def items_frame(
    overview: Overview,
    comparison: Comparison,
    corpus: Corpus | None,
    at: Int64[np.ndarray, "n"],
    names: Sequence[str],
) -> "pd.DataFrame":
    """The items at some places of the map, in that order: name, change, noise, places on the map.

    `names` of all items, as `names_of` gives them.
    """
    import pandas as pd

    rows, words, layer = overview.rows[at], comparison.words, overview.layer
    data: dict[str, object] = {}
    if overview.what != "rows" or names[0] != unnamed(int(overview.rows[0])):
        data[overview.what[:-1]] = [names[i] for i in at.tolist()]
    if overview.what == "words":
        data["uses"] = words.counts[rows]
    else:
        data["number" if overview.what == "rows" else "row"] = rows
    data["change"] = overview.change[at]
    if overview.what == "words":
        blank = np.full(len(at), np.nan, dtype=np.float32)
        data["noise"] = blank if words.noise is None else words.noise[layer, rows]
        data["q"] = blank if words.q is None else words.q[layer, rows]
        data["changed"] = words.changed(layer)[rows]
    data["drift"] = overview.drift[at]
    if overview.what == "words" and overview.label_names:
        data["label"] = [overview.label_names[code] if code >= 0 else None for code in overview.labels[at]]
    elif overview.what == "texts" and corpus is not None:
        data |= {name: [of(row) for row in rows.tolist()] for name, _, of in _said_of_texts(corpus)}
    for side, places in (("before", overview.before), ("after", overview.after)):
        data |= {f"x_{side}": places[at, 0], f"y_{side}": places[at, 1]}
    return pd.DataFrame(data)
