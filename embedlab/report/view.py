"""What the report says, as plain rows of written numbers: the template only lays them out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from embedlab.compare import READINGS, moves
from embedlab.figures.change import most_changed
from embedlab.figures.maps import NO_SENSE, senses_of
from embedlab.figures.style import sense_mark
from embedlab.occurrences import word_spans
from embedlab.types import Comparison, LinkedMap, Reading
from embedlab.wording import MISSING, bracket, count, difference, in_context, number, percent, trim

LISTED = 3  # lost and gained words shown in the table of the most changed
WORD = 24  # letters of a word in a table: longer ones are cut with an ellipsis
CONTEXTS = 8  # contexts shown of a word; the caption says of how many
MARK = {"kept": "●", "lost": "○ −", "gained": "◉ +"}


@dataclass(frozen=True, slots=True)
class Row:
    """One reading, written. `tone` is better, worse, moved or still: said in words beside it, never by colour alone."""

    title: str
    meaning: str
    before: str
    after: str
    difference: str
    noise: str
    of_pair: bool
    tone: str
    note: str


def reading_rows(readings: Iterable[Reading]) -> list[Row]:
    """Readings in the order of READINGS; those unknown to it last."""
    order = {name: i for i, name in enumerate(READINGS)}
    return [_row(reading) for reading in sorted(readings, key=lambda r: order.get(r.name, len(order)))]


def _row(r: Reading) -> Row:
    info = READINGS.get(r.name)
    of_pair = info.of_pair if info is not None else r.value is not None
    if of_pair:
        change = number(r.value, r.interval) + ("" if r.interval is None else f" {bracket(r.interval)}")
    else:
        change = difference(None if r.before is None or r.after is None else r.after - r.before, r.interval)
    return Row(
        title=r.name.replace("_", " ") if info is None else info.title,
        meaning="" if info is None else info.meaning,
        before=number(r.before, r.interval),
        after=number(r.after, r.interval),
        difference=change,
        noise=MISSING if r.noise is None else f"± {number(r.noise, r.interval)}",
        of_pair=of_pair,
        tone="still" if of_pair or info is None else _tone(r, info.better),
        note=r.note or "",
    )


def _tone(r: Reading, better: str) -> str:
    if r.interval is None or r.interval[0] <= 0 <= r.interval[1]:
        return "still"
    if better == "neither":
        return "moved"
    return "better" if (r.interval[0] > 0) == (better == "higher") else "worse"


@dataclass(frozen=True, slots=True)
class Changed:
    """One word of the ranking, written."""

    rank: int
    word: str
    uses: str
    change: str
    drift: str
    kept: str
    lost: str
    gained: str


def changed_rows(comparison: Comparison, layer: int, top: int) -> list[Changed]:
    """The most changed words with who left and who came, nearest first."""
    words, out = comparison.words, []
    for rank, row in enumerate(most_changed(comparison, layer, top), start=1):
        found = moves(comparison, words.words[row], layer)
        by = {status: [m.word for m in found if m.status == status] for status in ("kept", "lost", "gained")}
        out.append(
            Changed(
                rank=rank,
                word=trim(words.words[row], WORD),
                uses=count(int(words.counts[row])),
                change=number(float(words.change[layer, row]), places=2),
                drift=number(float(words.drift[layer, row]), places=3),
                kept=str(len(by["kept"])),
                lost=_some(by["lost"]),
                gained=_some(by["gained"]),
            )
        )
    return out


def _some(words: Sequence[str]) -> str:
    shown = ", ".join(trim(word, WORD) for word in words[:LISTED])
    return f"{shown} +{len(words) - LISTED}" if len(words) > LISTED else shown or MISSING


Context = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One neighbour of a word, written, with a real use of it where the texts are at hand."""

    word: str
    mark: str
    status: str
    ranks: str
    cosines: str
    context: Context | None


def neighbour_rows(comparison: Comparison, word: str, layer: int, contexts: dict[str, Context]) -> list[Neighbour]:
    """Kept, then lost, then gained, each nearest first."""
    order = {"kept": 0, "lost": 1, "gained": 2}
    listed = sorted(
        moves(comparison, word, layer), key=lambda m: (order[m.status], m.rank_before or 0, m.rank_after or 0)
    )
    return [
        Neighbour(
            trim(m.word, WORD),
            MARK[m.status],
            m.status,
            f"{_rank(comparison, m.rank_before)} → {_rank(comparison, m.rank_after)}",
            f"{number(m.similarity_before, places=2)} → {number(m.similarity_after, places=2)}",
            contexts.get(m.word),
        )
        for m in listed
    ]


def _rank(comparison: Comparison, rank: int | None) -> str:
    table = comparison.words
    kept = table.k if table.ranked_before is None else table.ranked_before.shape[2]
    return f"> {kept}" if rank is None else str(rank)


def first_contexts(texts: Iterable[str], wanted: Iterable[str]) -> dict[str, Context]:
    """The first use of every wanted word in the texts, in context. One pass, ended when all are found."""
    missing, found = set(wanted), {}
    for text in texts:
        if not missing:
            break
        for start, end in word_spans(text):
            word = text[start:end].lower()
            if word in missing:
                missing.discard(word)
                found[word] = in_context(text, start, end, 20)
    return found


def neighbours_wanted(comparison: Comparison, words: Iterable[str], layer: int) -> set[str]:
    """Every word that the neighbour tables of `words` will list."""
    return {move.word for word in words for move in moves(comparison, word, layer)}


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a word in context, written."""

    row: int
    context: Context
    sense: str
    mark: str
    held_out: bool
    change: str
    read_before: str
    read_after: str


def use_rows(comparison: Comparison, rows: Iterable[int], layer: int, senses: Sequence[str]) -> list[Use]:
    """Uses in context with the sense each model reads in them."""
    uses = comparison.uses
    out = []
    for row in rows:
        use = uses.occurrences[row]
        sense = use.sense or NO_SENSE
        out.append(
            Use(
                row=int(row),
                context=in_context(use.text, use.start, use.end, 48),
                sense=sense,
                mark=sense_mark(senses.index(sense)) if sense in senses else "",
                held_out=bool(uses.held_out[row]),
                change=number(float(uses.change[layer, row]), places=2),
                read_before=_read(uses.predicted_before, layer, row, use.sense),
                read_after=_read(uses.predicted_after, layer, row, use.sense),
            )
        )
    return out


def _read(predicted: tuple[tuple[str, ...], ...], layer: int, row: int, sense: str | None) -> str:
    if not predicted or not predicted[layer][row]:
        return MISSING
    return f"{'✓' if predicted[layer][row] == sense else '✗'} {predicted[layer][row]}"


def most_changed_uses(comparison: Comparison, rows: Sequence[int], layer: int) -> list[int]:
    """Rows of the uses, most changed first; what has no change (too few uses) last."""
    change = comparison.uses.change[layer]
    return sorted((int(r) for r in rows), key=lambda r: (-float(np.nan_to_num(change[r], nan=-1.0)), r))


def map_facts(linked_map: LinkedMap) -> list[tuple[str, str]]:
    """How far a map may be trusted, as (name, written number) pairs."""
    ratio = linked_map.real_move / linked_map.placebo_move if linked_map.placebo_move > 0 else None
    times = "" if ratio is None else f" ({number(ratio, places=0 if ratio >= 10 else 1)} × placebo)"
    return [
        ("Trustworthiness", f"{number(linked_map.trust_before)} → {number(linked_map.trust_after)}"),
        ("Continuity", f"{number(linked_map.continuity_before)} → {number(linked_map.continuity_after)}"),
        ("Mean move on the map", number(linked_map.real_move) + times),
        ("Placebo: move of an unchanged space", number(linked_map.placebo_move)),
    ]


def map_data(comparison: Comparison, linked_map: LinkedMap) -> dict[str, Any]:
    """What the page needs to answer a selection: sense and true change of every use on the map."""
    uses = comparison.uses
    names = senses_of(linked_map, uses)
    change = uses.change[linked_map.layer]
    return {
        "senses": names,
        "uses": {
            str(int(r)): [
                names.index(uses.occurrences[r].sense or NO_SENSE),
                round(float(change[r]), 4) if np.isfinite(change[r]) else None,
            ]
            for r in linked_map.rows
        },
    }


def headline(comparison: Comparison, layer: int) -> list[tuple[str, str, str]]:
    """The space in four numbers of one layer: (name, number, interval or nothing)."""
    readings, out = comparison.layers[layer].readings, []
    kept, drift, cosine = (readings.get(name) for name in ("knn_jaccard", "drift_cosine", "mean_cosine"))
    if kept is not None and kept.value is not None:
        out.append(
            (
                "neighbours kept (Jaccard)",
                number(kept.value, kept.interval),
                "" if kept.interval is None else bracket(kept.interval),
            )
        )
    if drift is not None and drift.value is not None:
        out.append(
            (
                "drift, 1 − cosine",
                number(drift.value, drift.interval),
                "" if drift.interval is None else bracket(drift.interval),
            )
        )
    if cosine is not None and cosine.before is not None and cosine.after is not None:
        text = f"{number(cosine.before, places=2)} → {number(cosine.after, places=2)}"
        out.append(("mean cosine of random pieces", text, difference(cosine.after - cosine.before, cosine.interval)))
    moved = (comparison.words.change[layer] > 0).mean() if len(comparison.words.words) else 0.0
    out.append(
        ("words with any new neighbour", percent(float(moved)), f"of {count(len(comparison.words.words), 'word')}")
    )
    return out
