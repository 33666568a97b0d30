"""The layer strip: every reading of the comparison, layer by layer, before and after."""

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from embedlab.comparing.readings import READINGS
from embedlab.figures.readings import meaning_of, said_change, said_noise, said_p, standing, title_of
from embedlab.figures.style import Theme, escape, faded, finish, heading, note, palette, wrap
from embedlab.types import Comparison, LayerReadings, Reading
from embedlab.wording import number

DEFINITION = "definition"  # the name of the annotations that a narrow page leaves out: they need about 300 px a panel
ROW_HEIGHT = 226
HEAD = 74  # title and subtitle of the figure, px
FOOT = 40


def layer_strip(
    comparison: Comparison,
    names: Sequence[str],
    layer: int | None = None,
    theme: Theme = "light",
    *,
    columns: int = 3,
) -> go.Figure:
    """Small multiples, one a reading: before (circle) and after (diamond) over the layers.

    The coloured band is the 95 % interval of the difference, laid on the line of before; the grey band beside it what
    two seeds of the recipe differ by. A reading of the pair is one line with its own interval, and the grey band holds
    the values that two seeds give. `layer` is marked; customdata = layer.
    """
    names = [name for name in names if any(name in row.readings for row in comparison.layers)]
    columns = max(1, min(columns, len(names)))
    rows = max(1, -(-len(names) // columns))
    height = HEAD + 52 + FOOT + rows * ROW_HEIGHT - 104
    plot = height - HEAD - 52 - FOOT
    figure = make_subplots(
        rows=rows,
        cols=columns,
        horizontal_spacing=0.055 if columns > 1 else 0.0,
        vertical_spacing=104 / plot if rows > 1 else 0.0,
    )
    for i, name in enumerate(names):
        panel = _Panel(figure, i // columns + 1, i % columns + 1, theme)
        series = [row.readings.get(name) for row in comparison.layers]
        _draw(panel, name, comparison.layers, series)
        _head(panel, name)
        if layer is not None:
            panel.figure.add_vline(
                x=layer,
                line={"color": palette(theme).quiet, "width": 1, "dash": "dot"},
                row=panel.row,
                col=panel.column,
            )
    _axes(figure, comparison, theme)
    finish(
        figure,
        theme,
        title="The readings through the layers",
        subtitle="○ before  ◆ after · coloured band: 95 % interval of the difference · grey band, dashed: noise, "
        "what two seeds differ by",
        alt=_alt(comparison, names, layer),
        height=height,
    )
    figure.update_layout(
        showlegend=False,
        margin={"t": HEAD + 52, "b": FOOT, "l": 8, "r": 12},
        clickmode="event+select",
        hovermode="closest",
    )
    return figure


class _Panel:
    """One cell of the grid: where it is and how to add to it."""

    def __init__(self, figure: go.Figure, row: int, column: int, theme: Theme) -> None:
        self.figure, self.row, self.column, self.theme = figure, row, column, theme

    def add(self, trace: go.Scatter) -> None:
        self.figure.add_trace(trace, row=self.row, col=self.column)

    @property
    def index(self) -> int:
        """Which panel of the figure it is, counted from 1."""
        return len(self.figure._grid_ref[0]) * (self.row - 1) + self.column


def _draw(panel: _Panel, name: str, layers: Sequence[LayerReadings], series: Sequence[Reading | None]) -> None:
    p = palette(panel.theme)
    known = [r for r in series if r is not None and not (r.before is None and r.after is None and r.value is None)]
    if not known:
        why = next((r.note for r in series if r is not None and r.note), "Not measured here.")
        panel.add(
            go.Scatter(x=[0], y=[0], mode="markers", marker={"opacity": 0}, hoverinfo="skip")
        )  # keeps its axes there
        panel.figure.update_yaxes(visible=False, row=panel.row, col=panel.column)
        heading(panel.figure, wrap(why, 44, 3), panel.theme, panel.index, y=0.5, yshift=0, yanchor="middle")
        return
    hover = [_hover(name, row.name, reading) for row, reading in zip(layers, series, strict=True)]
    if any(r.value is not None for r in known):
        values = [None if r is None else r.value for r in series]
        still = READINGS[name].still if name in READINGS else None
        if still is not None:
            _noise(panel, [None if r is None or r.noise is None else _sorted(r.noise, still) for r in series])
        _band(panel, [None if r is None or r.value is None else r.interval for r in series], p.kept, 0.16)
        _line(panel, values, hover, p.kept, "circle", dash="solid")
        return
    _noise(panel, [_around(r, None if r is None or r.noise is None else (-r.noise, r.noise)) for r in series])
    _band(panel, [_around(r, None if r is None else r.interval) for r in series], p.after, 0.16)
    _line(panel, [None if r is None else r.before for r in series], hover, p.before, "circle", dash="solid")
    _line(panel, [None if r is None else r.after for r in series], hover, p.after, "diamond", dash="solid")


def _around(reading: Reading | None, offsets: tuple[float, float] | None) -> tuple[float, float] | None:
    """Offsets laid on the value of before."""
    if reading is None or reading.before is None or offsets is None:
        return None
    return (reading.before + offsets[0], reading.before + offsets[1])


def _sorted(a: float, b: float) -> tuple[float, float]:
    return (a, b) if a <= b else (b, a)


def _noise(panel: _Panel, edges: Sequence[tuple[float, float] | None]) -> None:
    """The band of noise: grey, with dashed edges, so that it is not only its colour that tells it from the interval."""
    p = palette(panel.theme)
    _band(panel, edges, p.noise, 0.35)
    for side in (0, 1):
        panel.add(
            go.Scatter(
                x=list(range(len(edges))),
                y=[None if edge is None else edge[side] for edge in edges],
                mode="lines",
                line={"color": p.noise, "width": 1, "dash": "dash"},
                hoverinfo="skip",
            )
        )


def _line(panel: _Panel, values: Sequence[float | None], hover: list[str], colour: str, shape: str, dash: str) -> None:
    paper = palette(panel.theme).paper
    panel.add(
        go.Scatter(
            x=list(range(len(values))),
            y=list(values),
            mode="lines+markers",
            line={"color": colour, "width": 2, "dash": dash},
            marker={"symbol": shape, "size": 8, "color": colour, "line": {"color": paper, "width": 1}},
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
            customdata=list(range(len(values))),
            text=hover,
            hovertemplate="%{text}<extra></extra>",
        )
    )


def _band(panel: _Panel, edges: Sequence[tuple[float, float] | None], colour: str, share: float) -> None:
    """A filled band between the edges; each unbroken stretch of layers is one polygon."""
    stretch: list[tuple[int, float, float]] = []
    for x, edge in [*enumerate(edges), (len(edges), None)]:
        if edge is not None:
            stretch.append((x, *edge))
            continue
        if stretch:
            if len(stretch) == 1:  # a single layer: a band needs some width to be seen
                only, low, high = stretch[0]
                outline = [(only - 0.12, low), (only + 0.12, low), (only + 0.12, high), (only - 0.12, high)]
            else:
                outline = [(float(i), low) for i, low, _ in stretch]
                outline += [(float(i), high) for i, _, high in reversed(stretch)]
            panel.add(
                go.Scatter(
                    x=[point[0] for point in outline],
                    y=[point[1] for point in outline],
                    fill="toself",
                    fillcolor=faded(colour, share),
                    line={"width": 0},
                    mode="lines",
                    hoverinfo="skip",
                )
            )
        stretch = []


def _hover(name: str, layer: str, reading: Reading | None) -> str:
    head = f"<b>{escape(title_of(name))}</b> · {escape(layer, 40)}"
    if reading is None:
        return head
    if reading.value is not None:
        lines = [said_change(reading)]
    else:
        lines = [
            f"{number(reading.before, reading.interval)} → {number(reading.after, reading.interval)}",
            f"difference {said_change(reading)}",
        ]
    if reading.noise is not None:
        lines.append(f"noise of two seeds {said_noise(reading)}")
    if reading.p is not None:
        lines.append(f"p {said_p(reading.p)}")
    lines.append(standing(reading))
    if reading.note:
        lines.append(wrap(reading.note, 60, 4))
    return "<br>".join(line for line in [head, *lines] if line)


def _head(panel: _Panel, name: str) -> None:
    """The name and the definition of a reading above its panel."""
    font = {"size": 13, "color": palette(panel.theme).ink, "weight": 600}
    heading(panel.figure, escape(title_of(name)), panel.theme, panel.index, yshift=46, font=font)
    meaning = wrap(meaning_of(name), 52, 3)
    heading(panel.figure, meaning, panel.theme, panel.index, yshift=47, yanchor="top", name=DEFINITION)


def _axes(figure: go.Figure, comparison: Comparison, theme: Theme) -> None:
    count = len(comparison.layers)
    step = max(1, -(-count // 13))
    ticks = list(range(0, count, step))
    figure.update_xaxes(
        showgrid=False,
        tickvals=ticks,
        ticktext=[str(i) for i in ticks],
        range=[-0.35, max(count - 1, 1) + 0.35],
        fixedrange=True,
    )
    figure.update_yaxes(nticks=4, fixedrange=True, tickformat="~g")
    note(
        figure,
        "layer (0 = the embedding layer)",
        theme,
        xref="paper",
        yref="paper",
        x=0,
        y=0,
        xanchor="left",
        yanchor="top",
        yshift=-22,
    )


def _alt(comparison: Comparison, names: Sequence[str], layer: int | None) -> str:
    at = len(comparison.layers) - 1 if layer is None else layer
    parts = []
    for name in names:
        reading = comparison.layers[at].readings.get(name)
        if reading is None:
            continue
        if reading.value is not None:
            parts.append(f"{title_of(name)} {number(reading.value, reading.interval)}")
        elif reading.before is not None and reading.after is not None:
            parts.append(
                f"{title_of(name)} {number(reading.before, reading.interval)}"
                f" to {number(reading.after, reading.interval)}, {standing(reading)}"
            )
    where = comparison.layers[at].name
    return f"Readings over {len(comparison.layers)} layers, before and after. At {where}: " + "; ".join(parts) + "."
