"""The method page: find a reading, read in one line what it says, unfold how it is measured."""

from collections.abc import Sequence

import streamlit as st

from embedlab.comparing.method import BETTER, METHOD_OF, METHODS, NOTATION, Method, bounds
from embedlab.comparing.readings import READINGS, ReadingInfo
from embedlab.ui import safe

ENTRIES = {method.key: method for method in METHODS}
KEY = "measured"


def chosen() -> tuple[ReadingInfo | None, Method | None]:
    """(the reading, the entry) a person asked for, kept in the address bar as reading= or entry=."""
    _seed()
    name = st.selectbox(
        "Find a reading or an entry",
        [*READINGS, *ENTRIES],
        index=None,
        format_func=label,
        key=KEY,
        placeholder="All of them; type a word to search",
    )
    for parameter, known in (("reading", READINGS), ("entry", ENTRIES)):
        if name is not None and name in known:
            st.query_params[parameter] = name
        else:
            st.query_params.pop(parameter, None)
    if name is None:
        return None, None
    return READINGS.get(name), METHOD_OF.get(name) or ENTRIES[name]


def _seed() -> None:
    """A link opens what it names. Written by us, because a bound selectbox would write its label."""
    if KEY in st.session_state:
        return
    entries = {key.lower(): key for key in ENTRIES}
    linked = st.query_params.get("reading", "")
    asked = linked if linked in READINGS else entries.get(st.query_params.get("entry", "").lower())
    if asked is not None:
        st.session_state[KEY] = asked


def label(name: str) -> str:
    """`Mean cosine · mean_cosine`, `A5 · Evenness of the spectrum`."""
    return f"{READINGS[name].title} · {name}" if name in READINGS else ENTRIES[name].heading


def glossary(lit: str | None) -> None:
    """Every reading in one line; `lit` comes first."""
    infos = sorted(READINGS.values(), key=lambda info: info.name != lit)
    safe.html(
        '<div class="el-scroll" tabindex="0" role="group" aria-label="Table"'
        ' style="max-height:82vh"><table class="el-table"><tr><th>all readings</th><th '
        'class="r">entry</th></tr>{rows}</table></div>',
        rows=safe.join(_row(info) for info in infos),
    )


def _row(info: ReadingInfo) -> safe.Markup:
    return safe.fragment(
        "<tr><td><b>{title}</b><div>{meaning}</div><small>{name} · {range} · {better}</small></td>"
        '<td class="r">{entry}</td></tr>',
        title=info.title,
        meaning=info.meaning,
        name=info.name,
        range=bounds(info),
        better=BETTER[info.better],
        entry=info.source,
    )


def card(info: ReadingInfo) -> None:
    """The reading that was asked for, above its entry."""
    safe.html(
        '<div class="el-card el-note"><div class="el-line">{title}</div><div class="el-quiet">{meaning}<br><b>{name}'
        "</b> · {range} · {better}</div></div>",
        title=info.title,
        meaning=info.meaning,
        name=info.name,
        range=bounds(info),
        better=BETTER[info.better],
    )


def entries(first: Method | None) -> None:
    """All entries folded, in order; the one that was asked for first and open."""
    ordered = sorted(METHODS, key=lambda method: method is not first)
    safe.html("{entries}", entries=safe.join(_entry(method, method is first) for method in ordered))


def notation() -> None:
    """What the signs in the formulas stand for."""
    rows = (safe.fragment("<tr><td><b>{sign}</b></td><td>{meaning}</td></tr>", sign=s, meaning=m) for s, m in NOTATION)
    safe.html(
        '<details style="border-top:1px solid var(--line);padding:.5rem 0"><summary style="cursor:pointer">Notation'
        '</summary><table class="el-table">{rows}</table></details>',
        rows=safe.join(rows),
    )


def _entry(method: Method, is_open: bool) -> safe.Markup:
    body = safe.join(
        (
            safe.fragment('<p style="margin:.6rem 0">{question}</p>', question=method.question),
            _formula(method.formula),
            _said("Readings", ", ".join(method.readings)) if method.readings else safe.Markup(""),
            _said("Measured on", method.rows),
            _said("What chance gives", method.null),
            _said("Interval and test", method.interval),
            _listed("Limits and traps", method.limits),
            _said("Checked against", method.checked),
            _listed("Sources", method.source),
        )
    )
    return safe.fragment(
        '<details open style="border-top:1px solid var(--line);padding:.5rem 0"><summary style="cursor:pointer;'
        'font-weight:600">{heading}</summary>{body}</details>'
        if is_open
        else '<details style="border-top:1px solid var(--line);padding:.5rem 0"><summary style="cursor:pointer">'
        "{heading}</summary>{body}</details>",
        heading=method.heading,
        body=body,
    )


def _formula(lines: Sequence[str]) -> safe.Markup:
    """Lines that are too long go on below, indented."""
    rows = (safe.fragment('<div style="padding-left:4ch;text-indent:-4ch">{line}</div>', line=line) for line in lines)
    return safe.fragment(
        '<pre style="white-space:pre-wrap;background:var(--panel);border:1px solid var(--line);border-radius:8px;'
        'padding:.6rem .8rem;margin:.4rem 0 .7rem;font-size:.8rem;line-height:1.5;color:var(--ink)">{rows}</pre>',
        rows=safe.join(rows),
    )


def _said(name: str, text: str) -> safe.Markup:
    return safe.fragment('<div class="el-quiet"><p><b>{name}.</b> {text}</p></div>', name=name, text=text)


def _listed(name: str, points: Sequence[str]) -> safe.Markup:
    return safe.fragment(
        '<div class="el-quiet" style="margin-bottom:.5rem"><b>{name}</b><ul class="el-why" style="margin-top:.2rem">'
        "{points}</ul></div>",
        name=name,
        points=safe.join(safe.fragment("<li>{point}</li>", point=point) for point in points),
    )
