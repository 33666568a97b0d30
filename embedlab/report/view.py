"""What the report says, as plain rows of written numbers: the template only lays them out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from embedlab.compare import moves
from embedlab.comparing.overview import Overview
from embedlab.figures import readings as said
from embedlab.figures.change import most_changed
from embedlab.figures.maps import NO_SENSE, senses_of, uses_within_noise
from embedlab.figures.style import sense_mark
from embedlab.occurrences import word_spans
from embedlab.types import FALSE_SHARE, Answer, Comparison, LinkedMap, Reading, Verdict
from embedlab.wording import MISSING, count, in_context, number, trim

LISTED = 3  # lost and gained words shown in the table of the most changed
WORD = 24  # letters of a word in a table: longer ones are cut with an ellipsis
ANSWERS = 200  # items newly right, or newly wrong, whose texts are given; the caption says of how many
CONTEXTS = 8  # contexts shown of a word; the caption says of how many
MARK = {"kept": "●", "lost": "○ −", "gained": "◉ +"}


@dataclass(frozen=True, slots=True)
class Row:
    """One reading, written. `standing` says whether it changed, `tone` which way; colour only repeats them."""

    title: str
    meaning: str
    before: str
    after: str
    difference: str
    noise: str
    p: str
    of_pair: bool
    defined: bool
    standing: str
    tone: str
    still: bool
    note: str


def sentence(line: str) -> str:
    """A line with which a page begins: its first letter a capital."""
    return line[:1].upper() + line[1:]


def reading_groups(readings: Iterable[Reading]) -> list[tuple[str, list[Row]]]:
    """(group, its readings), in the order of READINGS; those unknown to it last."""
    by_name = {reading.name: reading for reading in readings}
    return [(group, [row(by_name[name]) for name in names]) for group, names in said.grouped(list(by_name))]


def row(r: Reading) -> Row:
    """One reading, written."""
    of_pair = said.is_of_pair(r)
    return Row(
        title=said.title_of(r.name),
        meaning=said.meaning_of(r.name),
        before=number(r.before, r.interval),
        after=number(r.after, r.interval),
        difference=said.said_change(r),
        noise=said.said_noise(r),
        p=said.said_p(r.p),
        of_pair=of_pair,
        defined=r.value is not None or r.before is not None or r.after is not None,
        standing=said.said_standing(r),
        tone=said.tone(r),
        still=said.is_still(r),
        note=r.note or "",
    )


@dataclass(frozen=True, slots=True)
class Region:
    """How far the texts of one region moved, written."""

    name: str
    texts: str
    drift: Row
    kept: Row


def regions(verdict: Verdict) -> list[Region]:
    """The regions of the verdict about the space."""
    return [Region(c.region, count(c.texts), row(c.drift), row(c.kept)) for c in verdict.collateral]


@dataclass(frozen=True, slots=True)
class Asked:
    """A held-out item that one of the models gets right and the other wrong, written."""

    context: tuple[str, str, str]
    truth: str
    before: str
    after: str


def answers(listed: Sequence[Answer]) -> list[Asked]:
    """The items newly right or newly wrong: at most ANSWERS of them, the caption says of how many."""
    return [
        Asked(_asked(one), trim(one.truth, 120), _told(one.before, one.truth), _told(one.after, one.truth))
        for one in listed[:ANSWERS]
    ]


def _asked(one: Answer) -> tuple[str, str, str]:
    if one.start is None or one.end is None:
        return trim(one.text, 300), "", ""
    return in_context(one.text, one.start, one.end, 120)


def _told(what: str, truth: str) -> str:
    return f"{'✓' if what == truth else '✗'} {trim(what, 120)}"


@dataclass(frozen=True, slots=True)
class Changed:
    """One word of the ranking, written; `within`: it changed by no more than noise."""

    rank: int
    word: str
    uses: str
    change: str
    noise: str
    within: bool
    drift: str
    kept: str
    lost: str
    gained: str


def changed_rows(comparison: Comparison, layer: int, top: int) -> list[Changed]:
    """The most changed words, those above noise first, with who left and who came, nearest first."""
    words, out = comparison.words, []
    above = words.changed(layer)
    for rank, at in enumerate(most_changed(comparison, layer, top), start=1):
        found = moves(comparison, words.words[at], layer)
        by = {status: [m.word for m in found if m.status == status] for status in ("kept", "lost", "gained")}
        floor = None if words.noise is None else float(words.noise[layer, at])
        out.append(
            Changed(
                rank=rank,
                word=trim(words.words[at], WORD),
                uses=count(int(words.counts[at])),
                change=number(float(words.change[layer, at]), places=2),
                noise=number(floor, places=2),
                within=floor is not None and bool(np.isfinite(floor)) and not above[at],
                drift=number(float(words.drift[layer, at]), places=3),
                kept=str(len(by["kept"])),
                lost=_some(by["lost"]),
                gained=_some(by["gained"]),
            )
        )
    return out


def above_noise(comparison: Comparison, layer: int) -> str:
    """`14 of 40 words changed by more than noise`, or that the floor is unknown."""
    words = comparison.words
    if words.noise is None or not np.isfinite(words.noise[layer]).any():
        return "The noise floor of the words is unknown"
    above, of = int(words.changed(layer).sum()), count(len(words.words), "word")
    return f"{above:,} of {of} changed by more than noise"


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
    within: bool
    read_before: str
    read_after: str


def use_rows(comparison: Comparison, rows: Iterable[int], layer: int, senses: Sequence[str]) -> list[Use]:
    """Uses in context with the sense each model reads in them."""
    uses, out = comparison.uses, []
    within = uses_within_noise(uses, layer)
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
                within=bool(within[row]),
                read_before=_read(uses.predicted_before, layer, row, use.sense),
                read_after=_read(uses.predicted_after, layer, row, use.sense),
            )
        )
    return out


def _read(predicted: tuple[tuple[str, ...], ...], layer: int, row: int, sense: str | None) -> str:
    if not predicted or not predicted[layer][row]:
        return MISSING
    return "✓" if predicted[layer][row] == sense else f"✗ {predicted[layer][row]}"


def most_changed_uses(comparison: Comparison, rows: Sequence[int], layer: int) -> list[int]:
    """Rows of the uses: above noise first, most changed first; what has no change (too few uses) last."""
    change = np.nan_to_num(comparison.uses.change[layer], nan=-1.0)
    within = uses_within_noise(comparison.uses, layer)
    return sorted((int(r) for r in rows), key=lambda r: (within[r], -float(change[r]), r))


def map_facts(linked_map: LinkedMap) -> list[tuple[str, str]]:
    """How far a map may be trusted, as (name, written number) pairs."""
    ratio = linked_map.real_move / linked_map.placebo_move if linked_map.placebo_move > 0 else None
    times = "" if ratio is None else f" ({number(ratio, places=0 if ratio >= 10 else 1)} × placebo)"
    trust = f"{number(linked_map.trust_before)} → {number(linked_map.trust_after)}"
    if linked_map.trust_range is not None and linked_map.seeds > 1:
        low, high = linked_map.trust_range
        trust += f" ({number(low)} to {number(high)} over {linked_map.seeds} layouts)"
    return [
        ("Trustworthiness", trust),
        ("Continuity", f"{number(linked_map.continuity_before)} → {number(linked_map.continuity_after)}"),
        ("Mean move on the map", number(linked_map.real_move) + times),
        ("Placebo: move of an unchanged space", number(linked_map.placebo_move)),
    ]


def overview_facts(overview: Overview) -> list[tuple[str, str]]:
    """How far the map of everything may be trusted, as (name, written number) pairs."""
    ratio = overview.real_move / overview.placebo_move if overview.placebo_move > 0 else None
    times = "" if ratio is None else f" ({number(ratio, places=0 if ratio >= 10 else 1)} × placebo)"
    pairs = (
        ("Trustworthiness", overview.trust_before, overview.trust_after),
        ("Continuity", overview.continuity_before, overview.continuity_after),
    )
    return [
        *((name, f"{number(b.value, b.interval)} → {number(a.value, a.interval)}") for name, b, a in pairs),
        ("Mean move on the map", number(overview.real_move) + times),
        ("Placebo: move of an unchanged space", number(overview.placebo_move)),
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


def moved(comparison: Comparison, word: str, layer: int) -> str:
    """Whether the uses of a word moved, as a test over them, corrected over the words."""
    of = count(len(comparison.uses.of(word)), "use")
    by_layer = comparison.word_p.get(word)
    p = None if by_layer is None else by_layer[layer]
    if p is None:
        return f"Whether its own uses moved was not tested over {of}."
    written = said.said_p(p)
    equals = written if written.startswith("<") else f"= {written}"
    how = "moved more" if p <= FALSE_SHARE else "moved no more"
    return (
        f"Its own uses {how} than they would with before and after swapped at random, use by use: p {equals} over "
        f"{of}, corrected over the words."
    )
