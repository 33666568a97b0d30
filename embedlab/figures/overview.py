"""The map of everything: all words or texts, before and after, two pictures in one frame with one scale."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float32, Int64
from plotly.subplots import make_subplots

from embedlab.comparing.overview import Overview
from embedlab.comparing.overview_columns import Column
from embedlab.figures.style import Theme, escape, finish, heading, palette, sense_colour, sense_mark, sense_shape
from embedlab.wording import bracket, count, number, trim

HEIGHT = 560
SVG_POINTS = 2_000  # above, the browser draws with WebGL: an element a point would stall it
LABELS = 45  # words written on a side, at most
LABEL_HEIGHT, LABEL_WIDTH = 0.038, 0.0165  # of the side of the frame, 330 px at the least: a line, a letter
PALE = 0.55


def overview_maps(
    overview: Overview,
    column: Column,
    names: Sequence[str],
    *,
    muted: Bool[np.ndarray, "n"] | None = None,
    weight: Float32[np.ndarray, "n"] | None = None,
    selected: Collection[int] | None = None,
    placebo: bool = False,
    theme: Theme = "light",
) -> go.Figure:
    """Before and after side by side, every item in both; customdata of a point = [its row].

    `selected` holds `overview.rows` (None: no selection); the others turn grey and small, none is hidden. `muted`:
    within noise, small and pale. `weight`: names are written where there is room, the heaviest first; none without.
    `placebo`: the state before against itself instead.
    """
    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.02)
    sides = (overview.placebo_before, overview.placebo_after) if placebo else (overview.before, overview.after)
    texts = _hover(overview, column, names)
    for panel, places in enumerate(sides, start=1):
        for group in _groups(column, muted, theme):
            _points(figure, overview, places, group, texts, selected, theme, panel)
        if weight is not None:
            _names(figure, places, names, weight, theme, panel, np.concatenate(sides))
    _frame(figure, sides, theme)
    _heads(figure, overview, theme, placebo)
    figure.update_layout(
        margin={"l": 4, "r": 4, "t": 84, "b": 8},
        showlegend=False,
        dragmode="lasso",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": palette(theme).quiet, "activecolor": palette(theme).ink},
        hovermode="closest",
    )
    items = f"{len(overview):,} {overview.what}"
    grey = column.values is not None and _any(muted)
    against = "the state before against itself (the placebo)" if placebo else "before and after"
    return finish(
        figure,
        theme,
        title=f"{items}, {escape(overview.layer_name, 40)}" + (", placebo" if placebo else ""),
        subtitle=f"Coloured by {column.name}. The axes mean nothing" + ("; small: within noise" if grey else ""),
        alt=(
            f"Two linked maps of {items} at {overview.layer_name}, {against}, coloured by {column.name}. Mean move "
            f"{number(overview.real_move)}; an unchanged space shows {number(overview.placebo_move)}."
        ),
        height=HEIGHT,
    )


def _any(muted: Bool[np.ndarray, "n"] | None) -> bool:
    return muted is not None and bool(muted.any())


def _hover(overview: Overview, column: Column, names: Sequence[str]) -> list[str]:
    said = []
    for i, name in enumerate(names):
        lines = [f"<b>{escape(name, 90)}</b>", f"change {number(float(overview.change[i]), places=2)}"]
        if column.codes is not None:
            lines.append(f"{column.name}: {escape(column.categories[column.codes[i]], 40)}")
        elif column.values is not None and column.name != "change":
            lines.append(f"{column.name} {number(float(column.values[i]), places=2)}")
        said.append("<br>".join(lines))
    return said


Group = tuple[str, Int64[np.ndarray, "m"], dict[str, Any]]


def _groups(column: Column, muted: Bool[np.ndarray, "n"] | None, theme: Theme) -> list[Group]:
    """(name, which points, marker): a trace each; numbers are one group, and those within noise another."""
    p = palette(theme)
    if column.codes is not None:
        kinds_of = enumerate(column.categories)
        groups = [(name, np.flatnonzero(column.codes == code), _kind(code, name, theme)) for code, name in kinds_of]
        return [group for group in groups if len(group[1])]
    assert column.values is not None  # a column has codes or values
    known = np.isfinite(column.values)
    grey = ~known if muted is None else ~known | muted
    shown = np.flatnonzero(~grey)
    coloured: dict[str, Any] = {
        "color": column.values[shown].astype(float).round(4).tolist(),
        "cmin": column.low,
        "cmax": column.high,
        "colorscale": [[0, p.low], [1, p.high]],
        "colorbar": _scale(column, theme),
        "symbol": "circle",
    }
    groups = [(column.name, shown, coloured)] if len(shown) else []
    if grey.any():
        name = "within noise" if _any(muted) else f"{column.name} unknown"
        groups.insert(0, (name, np.flatnonzero(grey), {"color": p.noise, "symbol": "circle", "small": True}))
    return groups


def kinds(column: Column, theme: Theme) -> list[tuple[str, str, str]]:
    """(name, colour, shape as a character) of the kinds that occur: the legend of a column of kinds."""
    assert column.codes is not None  # for columns of kinds only
    found = []
    for code in np.unique(column.codes).tolist():
        look = _kind(code, column.categories[code], theme)
        plain = "◆" if look["symbol"] == "diamond" else "•"
        mark = sense_mark(code) if look["color"] == sense_colour(code, theme) else plain
        found.append((column.categories[code], str(look["color"]), mark))
    return found


def _kind(code: int, name: str, theme: Theme) -> dict[str, Any]:
    p = palette(theme)
    plain = {"within noise": p.noise, "noise unknown": p.noise, "none given": p.noise, "other": p.noise}
    if name in plain:
        return {"color": plain[name], "symbol": "circle", "small": True}
    if name == "more than noise":
        return {"color": p.high, "symbol": "diamond"}
    return {"color": sense_colour(code, theme), "symbol": sense_shape(code)}


def _points(
    figure: go.Figure,
    overview: Overview,
    places: Float32[np.ndarray, "n 2"],
    group: Group,
    texts: Sequence[str],
    selected: Collection[int] | None,
    theme: Theme,
    panel: int,
) -> None:
    p, (name, at, marker) = palette(theme), group
    rows = overview.rows[at]
    size = 8 if len(overview) <= 800 else 6 if len(overview) <= 4_000 else 4
    small = bool(marker.get("small"))
    look = {key: value for key, value in marker.items() if key != "small"}
    if panel == 1 or "colorbar" not in look:
        look.pop("colorbar", None)
    else:
        look["showscale"] = True
    draw = go.Scatter if len(overview) <= SVG_POINTS else go.Scattergl
    figure.add_trace(
        draw(
            x=places[at, 0],
            y=places[at, 1],
            mode="markers",
            name=escape(name, 40),
            legendgroup=name,
            marker={
                "size": size - 2 if small else size,
                "opacity": PALE if small else 0.9,
                "line": {"color": p.paper, "width": 0.5},
            }
            | look,
            customdata=[[row] for row in rows.tolist()],  # as an array it would come back from a lasso as bytes
            selectedpoints=None if selected is None else np.flatnonzero(np.isin(rows, list(selected))).tolist(),
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"color": p.noise, "opacity": 0.5, "size": max(3, size - 3)}},
            text=[texts[i] for i in at],
            hovertemplate="%{text}<extra></extra>",
        ),
        row=1,
        col=panel,
    )


def _scale(column: Column, theme: Theme) -> dict[str, Any]:
    low, high = column.low, column.high
    return {
        "orientation": "h", "len": 0.2, "thickness": 8, "x": 1, "xanchor": "right", "xpad": 12, "ypad": 0, "y": 1.05,
        "yanchor": "bottom", "tickvals": [low, (low + high) / 2, high], "outlinewidth": 0,
        "ticktext": [number(low), column.name, f"{number(high)}  "],
        "tickfont": {"size": 10, "color": palette(theme).quiet},
    }  # fmt: skip


def _names(
    figure: go.Figure,
    places: Float32[np.ndarray, "n 2"],
    names: Sequence[str],
    weight: Float32[np.ndarray, "n"],
    theme: Theme,
    panel: int,
    both: Float32[np.ndarray, "m 2"],
) -> None:
    at = room_for(places, names, weight, float(np.ptp(both, axis=0).max()))
    figure.add_trace(
        go.Scatter(
            x=places[at, 0],
            y=places[at, 1],
            mode="text",
            text=[escape(trim(names[i], 18)) for i in at],
            textposition="top center",
            textfont={"size": 11, "color": palette(theme).ink},
            hoverinfo="skip",
        ),
        row=1,
        col=panel,
    )


def room_for(
    places: Float32[np.ndarray, "n 2"], names: Sequence[str], weight: Float32[np.ndarray, "n"], side: float
) -> list[int]:
    """The items whose names fit on a frame of that side without touching, the heaviest first; LABELS at most."""
    taken: list[tuple[float, float, float]] = []  # middle, and half of the width
    found: list[int] = []
    for i in np.lexsort((np.arange(len(weight)), -np.nan_to_num(weight, nan=-1.0))):
        if len(found) == LABELS:
            break
        half = 0.5 * LABEL_WIDTH * side * len(trim(names[i], 18))
        x, y = float(places[i, 0]), float(places[i, 1])
        if all(abs(y - b) > LABEL_HEIGHT * side or abs(x - a) > half + other for a, b, other in taken):
            taken.append((x, y, half))
            found.append(int(i))
    return found


def _frame(
    figure: go.Figure, sides: tuple[Float32[np.ndarray, "n 2"], Float32[np.ndarray, "n 2"]], theme: Theme
) -> None:
    """The same square of the same size on both sides."""
    both = np.concatenate(sides)
    low, high = both.min(axis=0), both.max(axis=0)
    margin = 0.05 * float((high - low).max() or 1.0)
    hidden = {"showgrid": False, "zeroline": False, "showticklabels": False, "title": None, "mirror": True}
    line = {"showline": True, "linecolor": palette(theme).line, "linewidth": 1, "constrain": "range"}
    figure.update_xaxes(range=[float(low[0]) - margin, float(high[0]) + margin], **line, **hidden)
    figure.update_yaxes(range=[float(low[1]) - margin, float(high[1]) + margin], **line, **hidden)
    figure.update_layout(yaxis={"scaleanchor": "x", "scaleratio": 1}, xaxis2={"matches": "x"}, yaxis2={"matches": "y"})


def _heads(figure: go.Figure, overview: Overview, theme: Theme, placebo: bool) -> None:
    p = palette(theme)
    if placebo:
        for panel in (1, 2):
            heading(figure, f"<b>○ before</b> {'once' if panel == 1 else 'again'}", theme, panel, yshift=2)
        return
    for name, panel, colour, trust in (
        ("○ before", 1, p.before, overview.trust_before),
        ("◆ after", 2, p.after, overview.trust_after),
    ):
        whole = trust.rows == trust.of
        said = number(trust.value) if whole else f"{number(trust.value, trust.interval)} {bracket(trust.interval)}"
        text = f"<b>{name}</b>  <span style='color:{p.quiet}'>trustworthiness {said}</span>"
        heading(figure, text, theme, panel, yshift=2, font={"size": 12, "color": colour})


def how_drawn(overview: Overview) -> str:
    """In one sentence how the map was made, and what was left out."""
    items = count(len(overview), overview.what[:-1], overview.what)
    left = (
        f" {count(overview.left_out)} without a vector in one of the models are not on it." if overview.left_out else ""
    )
    if overview.landmarks is None:
        return f"One linked UMAP of all {items}.{left}"
    return (
        f"A linked UMAP of {overview.landmarks:,} landmarks drawn by seed {overview.seed}; the other "
        f"{len(overview) - overview.landmarks:,} {overview.what} lie at the weighted median of their nearest landmarks "
        f"in the original space.{left}"
    )
