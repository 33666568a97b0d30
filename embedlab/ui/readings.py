"""Readings on the pages: which ones, in which order, and their tables: before, after, change, noise, p, and a word."""

from collections.abc import Iterable, Mapping

from embedlab import wording
from embedlab.comparing.readings import READINGS
from embedlab.figures import readings as said
from embedlab.types import Comparison, Reading
from embedlab.ui import safe

STRIP = (
    "wsd_centroid_macro_f1",
    "mean_cosine",
    "knn_jaccard",
    "isoscore",
    "effective_rank",
    "self_similarity",
    "cka_debiased",
    "hubness_skew",
    "drift_cosine",
)  # the first three open the Compare page: the task, the space, the change


def shown(comparison: Comparison) -> list[str]:
    """The readings of the layer strip that this comparison has at any layer."""
    rows = [layer.readings for layer in comparison.layers]
    return [name for name in STRIP if any(name in row and is_defined(row[name]) for row in rows)]


def full_table(readings: Mapping[str, Reading]) -> None:
    """Every reading, in its groups, each with its meaning, the entry of the method page, and a note where it has one.

    A change within noise, or whose interval holds zero, is grey and small and says so in the last column.
    """
    body = safe.join(
        safe.fragment(
            '<tr class="group"><th colspan="7">{group}</th></tr>{rows}',
            group=group,
            rows=safe.join(_full_row(readings[name]) for name in names),
        )
        for group, names in said.grouped(list(readings))
    )
    safe.html(
        '<div class="el-scroll" tabindex="0" role="group" aria-label="Table"'
        '><table class="el-table el-readings"><tr><td></td><th class="r">before</th>'
        '<th class="r">after</th><th class="r">change [95 %]</th><th class="r">noise</th><th class="r">p</th>'
        "<td></td></tr>{body}</table></div>",
        body=body,
    )


def _full_row(reading: Reading) -> safe.Markup:
    name = safe.fragment(
        "<td>{title} <small>{meaning}{note}</small></td>",
        title=link(reading.name),
        meaning=said.meaning_of(reading.name),
        note=f" {reading.note}" if reading.note else "",
    )
    if not is_defined(reading):
        return safe.fragment(
            '<tr>{name}<td colspan="5" class="r">–</td><td class="w el-within">not defined</td></tr>', name=name
        )
    grey = said.is_still(reading)
    both = (
        safe.fragment('<td class="r" colspan="2"><small>of the pair</small></td>')
        if said.is_of_pair(reading)
        else safe.fragment(
            '<td class="r"><span class="el-before">{b}</span></td><td class="r"><span class="el-after">{a}</span></td>',
            b=wording.number(reading.before, reading.interval),
            a=wording.number(reading.after, reading.interval),
        )
    )
    return safe.fragment(
        '<tr>{name}{both}<td class="r{grey}">{change}</td><td class="r">{noise}</td><td class="r">{p}</td>'
        '<td class="w{grey}">{standing}</td></tr>',
        name=name,
        both=both,
        grey=" el-within" if grey else "",
        change=said.said_change(reading),
        noise=said.said_noise(reading),
        p=said.said_p(reading.p),
        standing=said.said_standing(reading),
    )


def link(name: str) -> safe.Markup:
    """The title of a reading; a click opens how it is measured, in a tab of its own, so that this page stays."""
    if name not in READINGS:
        return safe.fragment("{title}", title=said.title_of(name))
    return safe.fragment(
        '<a class="el-how" href="method?reading={name}" target="_blank" title="How is this measured?">{title}</a>',
        name=name,
        title=said.title_of(name),
    )


def small_table(readings: Iterable[Reading], *, meanings: bool = False) -> None:
    """Readings where there is little room: a line of numbers, and under it interval, noise, p and the word."""
    body = safe.join(_small_rows(reading, meanings) for reading in readings)
    safe.html(
        '<table class="el-table"><tr><td></td><th class="r">before</th><th class="r">after</th><th class="r">change'
        "</th></tr>{body}</table>",
        body=body,
    )


def _small_rows(reading: Reading, meanings: bool) -> safe.Markup:
    title = link(reading.name)
    meaning = f"{said.meaning_of(reading.name)} " if meanings else ""
    if not is_defined(reading):
        return safe.fragment(
            '<tr class="open"><td>{n}</td><td colspan="3" class="r">–</td></tr><tr class="more"><td colspan="4">{m}'
            "{note}</td></tr>",
            n=title,
            m=meaning,
            note=reading.note or "Not defined for these data.",
        )
    grey = " el-within" if said.is_still(reading) else ""
    places = None if reading.interval is None else wording.decimals(0.0, reading.interval)
    change = said.change_of(reading)
    written = said.said_change(reading) if change is None else wording.difference(change, reading.interval)
    return safe.fragment(
        '<tr class="open"><td>{n}</td><td class="r"><span class="el-before">{b}</span></td>'
        '<td class="r"><span class="el-after">{a}</span></td><td class="r{grey}">{c}</td></tr>'
        '<tr class="more"><td colspan="4">{facts}{word}<br>{m}{note}</td></tr>',
        n=title,
        m=meaning,
        note=reading.note or "",
        b="" if said.is_of_pair(reading) else wording.number(reading.before, reading.interval),
        a="" if said.is_of_pair(reading) else wording.number(reading.after, reading.interval),
        c=written.split(" ")[0],
        grey=grey,
        facts=facts(reading, places),
        word=safe.fragment('<span class="{g}">{w}</span>', g=grey.strip(), w=said.said_standing(reading)),
    )


def facts(reading: Reading, places: int | None = None) -> str:
    """`[.06, .12] · noise ± .03 · p .004 · `: what stands under a change."""
    parts = []
    if reading.interval is not None:
        parts.append(wording.bracket(reading.interval, places=places))
    if reading.noise is not None:
        parts.append(f"noise {said.said_noise(reading)}")
    if reading.p is not None:
        parts.append(f"p {said.said_p(reading.p)}")
    return "".join(f"{part} · " for part in parts)


def equals(p: float) -> str:
    """`= .012` or `< .001`, to stand behind a p."""
    written = said.said_p(p)
    return written if written.startswith("<") else f"= {written}"


def is_defined(reading: Reading) -> bool:
    return reading.value is not None or reading.before is not None or reading.after is not None


def of(readings: Mapping[str, Reading], names: Iterable[str]) -> list[Reading]:
    """The named readings that there are, in that order."""
    return [readings[name] for name in names if name in readings]


TERMS = (
    ("Change", "1 − Jaccard of the nearest words before and after: 0 = the same words, 1 = none in common."),
    ("Interval", "95 %, of the difference after − before, from resampling what the number rests on."),
    ("Noise", "what two seeds of the same recipe differ by, of the same reading and of the same word; more is change."),
    ("q", "p of “no more than noise”, corrected over the words of the layer (Benjamini-Hochberg)."),
    ("Neither better nor worse", "a reading without a better end describes the space; less isotropic is not worse."),
)
