"""A vector on its way through the layers, as lines: before, after, and what they are held against."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import plotly.graph_objects as go

from embedlab.figures.style import Theme, escape, finish, palette
from embedlab.wording import number

Look = Literal["before", "after", "pair", "before others", "after others"]
HEIGHT = 240


@dataclass(frozen=True)
class Line:
    """One value a layer, None where it is undefined. `look`: whose it is; "others" is what the line is held against."""

    look: Look
    values: tuple[float | None, ...]
    name: str


def through_layers(
    title: str,
    definition: str,
    lines: Sequence[Line],
    layer: int | None = None,
    theme: Theme = "light",
    *,
    cosines: bool = True,
) -> go.Figure:
    """Lines over the layers: before (circle), after (diamond), dotted without marks what they are held against.

    `cosines`: the scale ends at 1, which every line of cosines can reach. customdata = layer.
    """
    p = palette(theme)
    colours = {"before": p.before, "after": p.after, "pair": p.kept}
    figure = go.Figure()
    for line in lines:
        whose, _, others = line.look.partition(" ")
        figure.add_trace(
            go.Scatter(
                x=list(range(len(line.values))),
                y=list(line.values),
                mode="lines" if others else "lines+markers",
                line={"color": colours[whose], "width": 1.5 if others else 2, "dash": "dot" if others else "solid"},
                marker={
                    "symbol": "diamond" if whose == "after" else "circle",
                    "size": 8,
                    "color": colours[whose],
                    "line": {"color": p.paper, "width": 1},
                },
                selected={"marker": {"opacity": 1}},
                unselected={"marker": {"opacity": 1}},
                customdata=list(range(len(line.values))),
                text=[f"{escape(line.name, 60)}, layer {i}: {number(v, places=3)}" for i, v in enumerate(line.values)],
                hovertemplate="%{text}<extra></extra>",
                connectgaps=False,
            )
        )
    if layer is not None:
        figure.add_vline(x=layer, line={"color": p.quiet, "width": 1, "dash": "dot"})
    last = max((len(line.values) for line in lines), default=1) - 1
    finish(
        figure, theme, title=escape(title), subtitle=escape(definition), alt=_alt(title, lines), height=HEIGHT
    )  # fmt: skip
    figure.update_xaxes(
        title="layer", showgrid=False, dtick=max(1, -(-last // 12)), range=[-0.35, max(last, 1) + 0.35], fixedrange=True
    )
    figure.update_yaxes(nticks=5, fixedrange=True, tickformat="~g", range=_range(lines, cosines))
    figure.update_layout(showlegend=False, clickmode="event+select")
    return figure


def _range(lines: Sequence[Line], cosines: bool) -> list[float]:
    """Room for every value; a scale of cosines reaches 1 and spans at least a tenth, so that rounding is no drama."""
    known = [value for line in lines for value in line.values if value is not None]
    if not known:
        return [0.0, 1.0]
    low, high = min(known), 1.0 if cosines else max(known)
    if not cosines:
        low = min(0.0, low)
    span = max(high - low, 0.1)
    return [high - span * 1.08 if cosines else low, high + span * 0.08]


def _alt(title: str, lines: Sequence[Line]) -> str:
    parts = []
    for line in lines:
        known = [(i, value) for i, value in enumerate(line.values) if value is not None]
        if not known:
            parts.append(f"{line.name} is undefined")
            continue
        (first, start), (last, end) = known[0], known[-1]
        parts.append(f"{line.name} {number(start, places=2)} at layer {first}, {number(end, places=2)} at layer {last}")
    return f"{title} through the layers: " + "; ".join(parts) + "."
