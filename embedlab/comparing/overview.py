"""A map of everything in a comparison: all its words, all its texts, or all rows of its two files, in one frame.

A picture that goes with a comparison, made from the same surveys and kept beside it; what it says of change, drift and
noise is measured in the original space.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Float, Float32, Int16, Int64

from embedlab.comparing.sides import pair_named
from embedlab.errors import StoreError, UserError
from embedlab.measure import overview as layouts
from embedlab.measure import projection
from embedlab.measure.overview import Sampled
from embedlab.measure.rows import identical, is_zero, row_cosine
from embedlab.store import open_verified, read_json, write_json
from embedlab.survey import Survey
from embedlab.surveying.plan import distinct_texts, words_of
from embedlab.types import Comparison, Corpus, freeze

What = Literal["words", "texts", "rows"]  # rows: of two files of vectors, compared one by one or not
WHATS: tuple[What, ...] = get_args(What)
LEAST = 8  # items; a map of fewer is a list
VERSION = 1  # of what an overview holds; raise it when the same question would give other numbers
ARRAYS = ("rows", "before", "after", "placebo_before", "placebo_after", "change", "drift", "labels")
MOST_LABELS = 20  # told apart; the rarer ones are "other"
OTHER = "other"

Progress = Callable[[float, str], None]


def _quiet(_share: float, _what: str) -> None:
    """The progress of nobody watching."""


class Items(NamedTuple):
    """What is laid out: the rows of the items, their vectors, and how many have none in one of the models."""

    rows: Int64[np.ndarray, "n"]
    before: Float[np.ndarray, "n d"]
    after: Float[np.ndarray, "n e"]
    left_out: int


@dataclass(frozen=True)
class Overview:
    """Every word, text or row of a comparison at one layer, on one linked map.

    rows: of the comparison's word table; of the corpus where a text first stands; of rows their number, from 1;
    increasing. change and drift: of words those of the table (A14, A15). Of texts and rows change is 1 - Jaccard of the
    k nearest, or of the k nearest landmarks where not all were laid out; drift is 1 - cosine before and after, NaN
    between unlike widths.
    labels: of each word the place in `label_names` of the label of most of its texts; -1: none, and for the others.
    landmarks: how many items UMAP laid out; the others were placed among them. None: all. left_out: items without a
    vector in one of the models. trust_*, continuity_*: of a sample of items against all (A17).
    """

    comparison_id: str
    what: What
    layer: int
    layer_name: str
    k: int
    seed: int
    rows: Int64[np.ndarray, "n"]
    before: Float32[np.ndarray, "n 2"]
    after: Float32[np.ndarray, "n 2"]
    placebo_before: Float32[np.ndarray, "n 2"]
    placebo_after: Float32[np.ndarray, "n 2"]
    change: Float32[np.ndarray, "n"]
    drift: Float32[np.ndarray, "n"]
    labels: Int16[np.ndarray, "n"]
    label_names: tuple[str, ...]
    landmarks: int | None
    left_out: int
    trust_before: Sampled
    trust_after: Sampled
    continuity_before: Sampled
    continuity_after: Sampled
    real_move: float
    placebo_move: float

    def __len__(self) -> int:
        return len(self.rows)


def make_overview(
    before: Survey,
    after: Survey,
    comparison: Comparison,
    corpus: Corpus | None,
    what: What,
    layer: int,
    *,
    seed: int = 0,
    exact: int = layouts.EXACT_ROWS,
    landmarks: int = layouts.LANDMARKS,
    progress: Progress = _quiet,
) -> Overview:
    """Lay out all words, or all texts of `corpus`. Raises UserError for too few items or an unknown layer."""
    items = _items(before, after, comparison, corpus, what, layer)
    made = _laid_out(items, comparison, what, layer, seed, exact, landmarks, progress)
    if what != "words":
        return made
    rows = made.rows
    labels, names = word_labels(corpus, [comparison.words.words[row] for row in rows])
    change, drift = comparison.words.change[layer, rows], comparison.words.drift[layer, rows]
    return replace(made, change=freeze(change), drift=freeze(drift), labels=freeze(labels), label_names=names)


def make_rows(
    before: Float[np.ndarray, "n d"],
    after: Float[np.ndarray, "n e"],
    comparison: Comparison,
    *,
    seed: int = 0,
    exact: int = layouts.EXACT_ROWS,
    landmarks: int = layouts.LANDMARKS,
    progress: Progress = _quiet,
) -> Overview:
    """Lay out all rows that two files share, whether they were compared one by one or not. Raises UserError."""
    items = _sound(np.arange(1, len(before) + 1), before, after, len(before))
    return _laid_out(items, comparison, "rows", 0, seed, exact, landmarks, progress)


def _laid_out(
    items: Items,
    comparison: Comparison,
    what: What,
    layer: int,
    seed: int,
    exact: int,
    landmarks: int,
    progress: Progress,
) -> Overview:
    """The map of some items with what is measured of them on the way; no labels."""
    rows, old, new = items.rows, items.before, items.after
    if len(rows) < LEAST:
        raise UserError(f"A map of everything needs {LEAST} {what} and there are {len(rows)}: take a larger corpus.")
    k = min(comparison.words.k, len(rows) - 1)
    trust = layouts.cost(len(rows), old.shape[1], exact).trust
    laid = layouts.landmark_layout(
        old,
        new,
        k=k,
        seed=seed,
        exact=exact,
        landmarks=landmarks,
        progress=lambda share, said: progress(share * (1 - trust), said),
    )
    drift = 1.0 - row_cosine(old, new) if old.shape[1] == new.shape[1] else np.full(len(rows), np.nan)
    near = min(layouts.TRUST_K, (len(rows) - 1) // 2)
    progress(1 - trust, "asking how true the map is, before")
    true_before = layouts.sampled_trust(old, laid.before, k=near, seed=seed)
    progress(1 - trust / 2, "asking how true the map is, after")
    same = np.array_equal(laid.before, laid.after) and identical(old, new)
    true_after = true_before if same else layouts.sampled_trust(new, laid.after, k=near, seed=seed)
    progress(1.0, "drawn")
    return Overview(
        comparison_id=comparison.id,
        what=what,
        layer=layer,
        layer_name=comparison.layers[layer].name,
        k=k,
        seed=seed,
        rows=freeze(rows),
        before=freeze(laid.before),
        after=freeze(laid.after),
        placebo_before=freeze(laid.placebo[0]),
        placebo_after=freeze(laid.placebo[1]),
        change=freeze(laid.change.astype(np.float32)),
        drift=freeze(drift.astype(np.float32)),
        labels=freeze(np.full(len(rows), -1, dtype=np.int16)),
        label_names=(),
        landmarks=None if laid.landmarks is None else len(laid.landmarks),
        left_out=items.left_out,
        trust_before=true_before[0],
        trust_after=true_after[0],
        continuity_before=true_before[1],
        continuity_after=true_after[1],
        real_move=float(projection.moves(laid.before, laid.after).mean()),
        placebo_move=float(projection.moves(*laid.placebo).mean()),
    )


def word_labels(corpus: Corpus | None, words: Sequence[str]) -> tuple[Int16[np.ndarray, "n"], tuple[str, ...]]:
    """(the label of most texts that hold each word, as a place in the names, -1 for none; the names, frequent first).

    Ties go to the more frequent label; above MOST_LABELS the rarer ones are one.
    """
    codes = np.full(len(words), -1, dtype=np.int16)
    if corpus is None or corpus.labels is None:
        return codes, ()
    counted = Counter(label for label in corpus.labels if label is not None)
    ranked = sorted(counted, key=lambda label: (-counted[label], label))
    names = tuple(ranked) if len(ranked) <= MOST_LABELS else (*ranked[: MOST_LABELS - 1], OTHER)
    code = {label: min(i, MOST_LABELS - 1) for i, label in enumerate(ranked)}
    item = {word: i for i, word in enumerate(words)}
    tally = np.zeros((len(words), len(names)), dtype=np.int32)
    for text, label in zip(corpus.texts, corpus.labels, strict=True):
        if label is not None:
            for word in {word for word, _, _ in words_of(text)}:
                if word in item:
                    tally[item[word], code[label]] += 1
    some = tally.any(axis=1)
    codes[some] = tally[some].argmax(axis=1)
    return codes, names


def _items(
    before: Survey, after: Survey, comparison: Comparison, corpus: Corpus | None, what: What, layer: int
) -> Items:
    """The words or texts that have a direction in both models."""
    if not 0 <= layer < len(comparison.layers):
        raise UserError(f"There is no layer {layer}: the comparison has layers 0 to {len(comparison.layers) - 1}.")
    pair = pair_named(before, after, comparison.layers[layer].name)
    if what == "words":
        place = {word: i for i, word in enumerate(before.words)}
        rows = np.arange(len(comparison.words.words))
        wanted = np.array([place[word] for word in comparison.words.words], dtype=np.int64)
        old, new = before.word_means[pair.before][wanted], after.word_means[pair.after][wanted]
        total = len(before.words)
    else:
        rows, wanted = _texts(before, after, corpus)
        whole = (
            slice(0, len(wanted)) if len(wanted) and wanted[-1] == len(wanted) - 1 else wanted
        )  # no copy of a mapping
        old, new = before.texts[pair.before][whole], after.texts[pair.after][whole]
        total = int(before.plan_facts["surveyed"])
    return _sound(rows, np.asarray(old), np.asarray(new), total)


def _sound(rows: Int64[np.ndarray, "n"], old: np.ndarray, new: np.ndarray, total: int) -> Items:
    """Those of `total` items that have a direction in both."""
    sound = ~(is_zero(old) | is_zero(new))
    if not sound.all():
        rows, old, new = rows[sound], old[sound], new[sound]
    return Items(rows, old, new, total - len(rows))


def _texts(
    before: Survey, after: Survey, corpus: Corpus | None
) -> tuple[Int64[np.ndarray, "n"], Int64[np.ndarray, "n"]]:
    """(row of the corpus where it first stands, row of the survey) of every text that both models have seen."""
    surveyed = int(before.plan_facts["surveyed"])
    if corpus is None or surveyed == 0:
        raise UserError("There are no texts to draw: this comparison was made without a corpus. Draw its words.")
    own, count = distinct_texts(corpus)
    if count != surveyed or len(own) > len(before.seen_texts):
        raise StoreError("The corpus is not the one that was compared: make the comparison again.")
    first: dict[str, int] = {}
    for row, text in enumerate(corpus.texts):
        first.setdefault(text, row)
    seen = np.flatnonzero((before.seen_texts & after.seen_texts)[:surveyed])
    rows = np.fromiter(first.values(), dtype=np.int64, count=surveyed)
    return rows[seen], seen


# -- files -----------------------------------------------------------------------------------------------------------


def save_overview(overview: Overview, folder: Path) -> None:
    """Write into a folder that the store seals."""
    about = {}
    for name in Overview.__dataclass_fields__:
        value = getattr(overview, name)
        if name in ARRAYS:
            np.save(folder / f"{name}.npy", value)
        else:
            about[name] = value._asdict() if isinstance(value, Sampled) else value
    write_json(folder / "overview.json", about)


def open_overview(folder: Path) -> Overview:
    """The overview that was saved. Raises StoreError when it is missing, damaged or of another make."""
    about = read_json(folder, "overview.json")
    try:
        about["label_names"] = tuple(about["label_names"])
        for name, value in about.items():
            if isinstance(value, dict):
                low, high = value.pop("interval")
                about[name] = Sampled(**value, interval=(low, high))
        arrays = {name: freeze(np.load(open_verified(folder, f"{name}.npy"), allow_pickle=False)) for name in ARRAYS}
        return Overview(**about, **arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"The map {folder.name} is not of a kind this version reads. Make it again.") from error


def placebo_of(overview: Overview) -> float | None:
    """How many times farther the points moved than on the placebo; None where the placebo stood still."""
    return overview.real_move / overview.placebo_move if overview.placebo_move > 0 else None
