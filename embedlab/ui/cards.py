"""Cards drawn in our own HTML: the verdict, the space, readings before and after."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import plotly.graph_objects as go
import streamlit as st

from embedlab import figures, wording
from embedlab.types import Comparison, Reading, Verdict
from embedlab.ui import readings, safe

QUIET = {"displayModeBar": False}
# as in .streamlit/config.toml
FONT = '"Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, system-ui, sans-serif'
BADGE = {"HELPED": "el-helped", "HARMED": "el-harmed"}


def answer(comparison: Comparison, layer: int, names: Sequence[str]) -> None:
    """The two answers, side by side and equally high: the task, then the space with the named readings of the layer."""
    safe.html(
        '<div class="el-two">{task}{space}</div>',
        task=_task(comparison.verdict),
        space=_space(comparison, layer, names),
    )


def _task(verdict: Verdict) -> safe.Markup:
    """Did it help the task: the word largest, then the number, then the reasons in order."""
    return safe.fragment(
        '<div class="el-card"><div class="el-eyebrow">The task, on held-out data</div>'
        '<div class="el-line"><span class="el-badge {kind}">{word}</span>{line}</div><ul '
        'class="el-why">{why}</ul></div>',
        kind=BADGE.get(verdict.task, ""),
        word=verdict.task,
        line=verdict.task_line[:1].upper() + verdict.task_line[1:],
        why=safe.join(safe.fragment("<li>{reason}</li>", reason=reason) for reason in verdict.why),
    )


def _space(comparison: Comparison, layer: int, names: Sequence[str]) -> safe.Markup:
    """What became of the space: one line, and readings at the layer the page is at."""
    here = comparison.layers[layer].readings
    return safe.fragment(
        '<div class="el-card"><div class="el-eyebrow">The space</div><div class="el-line el-second">{line}</div>'
        '<div class="el-eyebrow" style="margin:.9rem 0 .4rem">At layer {layer}</div><div '
        'class="el-facts">{facts}</div></div>',
        layer=layer,
        line=comparison.verdict.space_line,
        facts=safe.join(fact(here[name], readings.title(name)) for name in names if name in here),
    )


def fact(reading: Reading, label: str) -> safe.Markup:
    """One reading in small: its value, or before → after, with its name under it."""
    if reading.value is not None:
        return safe.fragment("<div><b>{v}</b><span>{label}</span></div>", v=wording.number(reading.value), label=label)
    return safe.fragment(
        '<div><b><span class="el-before" style="font-size:1em">{b}</span> → <span class="el-after" '
        'style="font-size:1em">{a}'
        "</span></b><span>{label}</span></div>",
        b=wording.number(reading.before),
        a=wording.number(reading.after),
        label=label,
    )


def readings_table(rows: Iterable[tuple[str, str, Reading]]) -> None:
    """(name, one-line meaning, reading): before, after, change with its 95 % interval; a note where it is undefined."""
    body = safe.join(_row(name, meaning, reading) for name, meaning, reading in rows)
    safe.html(
        '<table class="el-table"><tr><th></th><th class="r">before</th><th class="r">after</th><th class="r">change '
        "[95 %]</th></tr>{body}</table>",
        body=body,
    )


def _row(name: str, meaning: str, reading: Reading) -> safe.Markup:
    if reading.value is None and reading.before is None and reading.after is None:
        return safe.fragment(
            '<tr class="open"><td>{n}</td><td colspan="3" class="r">–</td></tr><tr class="more"><td colspan="4">{m} '
            "{note}</td></tr>",
            n=name,
            m=meaning,
            note=reading.note or "Not defined for these data.",
        )
    if reading.value is not None:
        change = wording.number(reading.value, reading.interval)
    elif reading.before is not None and reading.after is not None:
        change = wording.difference(reading.after - reading.before, reading.interval).split(" ")[0]
    else:
        change = wording.MISSING
    return safe.fragment(
        '<tr class="open"><td>{n}</td><td class="r"><span class="el-before">{b}</span></td>'
        '<td class="r"><span class="el-after">{a}</span></td><td class="r">{c}</td></tr>'
        '<tr class="more"><td colspan="3">{m}{note}</td><td class="r">{i}</td></tr>',
        n=name,
        m=meaning,
        note=f" {reading.note}" if reading.note else "",
        b=wording.number(reading.before) if reading.value is None else "",
        a=wording.number(reading.after) if reading.value is None else "",
        c=change,
        i="" if reading.interval is None else wording.bracket(reading.interval),
    )


def dressed(figure: go.Figure) -> go.Figure:
    """The figure in the type of the page around it."""
    figure.update_layout(font_family=FONT, hoverlabel_font_family=FONT)
    return figure


def chart(figure: go.Figure, key: str) -> None:
    """A figure that is only looked at."""
    st.plotly_chart(dressed(figure), key=key, theme=None, config=QUIET, alt=figures.alt_text(figure))


def clickable(figure: go.Figure, key: str, on_select: Callable[[], None] | Literal["rerun"]) -> Mapping[str, Any]:
    """A figure whose points can be clicked; returns the event, as st.plotly_chart does."""
    event: Mapping[str, Any] = st.plotly_chart(
        dressed(figure),
        key=key,
        theme=None,
        on_select=on_select,
        selection_mode="points",
        config=QUIET,
        alt=figures.alt_text(figure),
    )
    return event


def custom(point: Mapping[str, Any]) -> Any:
    """The first of a clicked point's customdata, which plotly hands over as a value or as a list."""
    data = point["customdata"]
    return data[0] if isinstance(data, list) else data
