"""What is known of every item on a map of everything: what may colour it, and the same as a table."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Int16

from embedlab.comparing.overview import MOST_LABELS, OTHER, Overview
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
    elif corpus is not None:
        found += _of_texts(overview, corpus)
    return tuple(column for column in found if column.values is not None or len(_used(column)) > 1)


def change_meaning(overview: Overview) -> str:
    """What the change of an item on this map is."""
    if overview.what == "words":
        return f"1 - Jaccard of the {overview.k} nearest words before and after, in the original space"
    among = "texts" if overview.landmarks is None else f"of {overview.landmarks:,} landmark texts"
    return f"1 - Jaccard of the {overview.k} nearest {among} before and after, in the original space"


def _said_of_texts(corpus: Corpus) -> list[tuple[str, str, list[str | None]]]:
    """(name, meaning, one value a row) of what the corpus says of its texts, where it does."""
    said: list[tuple[str, str, list[str | None]]] = [
        ("label", "the label of the text", list(corpus.labels or ())),
        ("word", "the word the text is about", [None if t is None else t.word for t in corpus.targets or ()]),
        ("sense", "the meaning of that word here", [None if t is None else t.sense for t in corpus.targets or ()]),
        ("split", "train or test, as the corpus says", list(corpus.splits or ())),
    ]
    return [(name, meaning, values) for name, meaning, values in said if any(values)]


def _of_texts(overview: Overview, corpus: Corpus) -> list[Column]:
    found = []
    for name, meaning, values in _said_of_texts(corpus):
        codes, categories = _coded([values[row] for row in overview.rows])
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


def _used(column: Column) -> list[int]:
    return [] if column.codes is None else np.unique(column.codes).tolist()


def names_of(overview: Overview, comparison: Comparison, corpus: Corpus | None) -> Sequence[str]:
    """The word, or the text, of every item."""
    if overview.what == "words":
        return [comparison.words.words[row] for row in overview.rows]
    return [""] * len(overview) if corpus is None else [corpus.texts[row] for row in overview.rows]


def items_frame(
    overview: Overview, comparison: Comparison, corpus: Corpus | None, chosen: Collection[int] | None = None
) -> "pd.DataFrame":
    """The items (only those whose row is `chosen`), the most changed first: name, change, noise, places on the map."""
    import pandas as pd

    at = np.arange(len(overview)) if chosen is None else np.flatnonzero(np.isin(overview.rows, list(chosen)))
    at = at[np.lexsort((overview.rows[at], -overview.change[at]))]
    rows, words, layer = overview.rows[at], comparison.words, overview.layer
    names = names_of(overview, comparison, corpus)
    data: dict[str, object] = {overview.what[:-1]: [names[int(i)] for i in at]}
    data |= {"row": rows} if overview.what == "texts" else {"uses": words.counts[rows]}
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
        data |= {name: [value[row] for row in rows] for name, _, value in _said_of_texts(corpus)}
    for side, places in (("before", overview.before), ("after", overview.after)):
        data |= {f"x_{side}": places[at, 0], f"y_{side}": places[at, 1]}
    return pd.DataFrame(data)
