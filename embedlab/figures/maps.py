"""The linked map: the uses of a word before and after, two pictures in one frame with one scale."""

from collections.abc import Collection
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool
from plotly.subplots import make_subplots

from embedlab.figures.style import Theme, escape, finish, heading, palette, sense_colour, sense_shape
from embedlab.types import LinkedMap, Uses
from embedlab.wording import count, in_context, number

ColourBy = Literal["sense", "change", "predicted"]
PALE = 0.45  # opacity of what changed by no more than noise
NO_SENSE = "sense not given"
HEIGHT = 470


def linked_maps(
    linked_map: LinkedMap,
    uses: Uses,
    *,
    colour_by: ColourBy = "sense",
    selected: Collection[int] | None = None,
    theme: Theme = "light",
    layer_name: str | None = None,
) -> go.Figure:
    """Before and after side by side: the same frame, the same scale, no axes to read anything into.

    `selected` holds rows of `uses` (None: no selection); the others turn grey and small, none is hidden. customdata of
    every point = [row of uses, change in the true space], on both sides. `colour_by`: the sense (colour and shape), the
    change in the true space (one hue), or whether the nearest sense centroid is the right one (filled or crossed).
    Uses within noise, where that is known, are small and pale, and their hover says so.
    `layer_name`: what the comparison calls the layer, where it compares only some.
    """
    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.03)
    _points(figure, linked_map, uses, colour_by, selected, theme)
    _frame(figure, linked_map)
    _heads(figure, linked_map, theme)
    figure.update_layout(
        margin={"l": 4, "r": 4, "t": 112, "b": 8},
        legend={
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.075,
            "yanchor": "bottom",
            "yref": "paper",
            "itemclick": False,
            "itemdoubleclick": False,
            "itemsizing": "constant",
        },
        dragmode="lasso",
        hovermode="closest",
    )
    where = escape(layer_name, 40) if layer_name is not None else f"layer {linked_map.layer}"
    senses, uses_shown = senses_of(linked_map, uses), count(len(linked_map.rows), "use")
    return finish(
        figure,
        theme,
        title=f"{uses_shown} of “{escape(linked_map.word, 40)}”, {where}",
        subtitle="What did not change stays put; the axes mean nothing"
        + (
            "; small and pale: within noise" if uses_within_noise(uses, linked_map.layer)[linked_map.rows].any() else ""
        ),
        alt=(
            f"Two linked maps of {uses_shown} of {linked_map.word} at {layer_name or where}, "
            f"before and after, in {count(len(senses), 'sense')} ({', '.join(senses)}). "
            f"Mean move {number(linked_map.real_move)}; an unchanged space shows {number(linked_map.placebo_move)}."
        ),
        height=HEIGHT + 40,
    )


def senses_of(linked_map: LinkedMap, uses: Uses) -> list[str]:
    """The senses of a map's uses, the most frequent first: their order decides colour and shape everywhere."""
    names = [uses.occurrences[row].sense or NO_SENSE for row in linked_map.rows]
    return sorted(set(names), key=lambda name: (name == NO_SENSE, -names.count(name), name))


def hover_text(uses: Uses, row: int, layer: int) -> str:
    """One use in its context, for the hover of a point: trimmed, escaped, with sense and true change."""
    use = uses.occurrences[row]
    left, keyword, right = in_context(use.text, use.start, use.end, 46)
    lines = [f"{_keep_space(left)}<b>{escape(keyword, 40)}</b>{_keep_space(right)}"]
    facts = [escape(use.sense or NO_SENSE, 40), f"change {number(float(uses.change[layer, row]), places=2)}"]
    if uses.noise is not None and np.isfinite(uses.noise[layer, row]):
        side = "within" if uses_within_noise(uses, layer)[row] else "above"
        facts.append(f"{side} its noise of {number(float(uses.noise[layer, row]), places=2)}")
    if uses.held_out[row]:
        facts.append("held out")
    lines.append(" · ".join(facts))
    for name, predicted in (("before", uses.predicted_before), ("after", uses.predicted_after)):
        if predicted and predicted[layer][row]:
            right_sense = "✓" if predicted[layer][row] == use.sense else "✗"
            lines.append(f"read {name} as {escape(predicted[layer][row], 40)} {right_sense}")
    return "<br>".join(lines)


def uses_within_noise(uses: Uses, layer: int) -> Bool[np.ndarray, "use"]:
    """Which uses changed by no more than noise; none where the floor is unknown."""
    if uses.noise is None:
        return np.zeros(len(uses.occurrences), dtype=bool)
    return np.asarray(uses.change[layer] <= uses.noise[layer])


def _keep_space(text: str) -> str:
    """Escaped, with the space between context and keyword that trimming would take."""
    return (" " if text[:1] == " " else "") + escape(text) + (" " if text[-1:] == " " else "")


def _points(
    figure: go.Figure,
    linked_map: LinkedMap,
    uses: Uses,
    colour_by: ColourBy,
    selected: Collection[int] | None,
    theme: Theme,
) -> None:
    p, layer = palette(theme), linked_map.layer
    chosen = None if selected is None else set(selected)
    within = uses_within_noise(uses, layer)
    size = 9 if len(linked_map.rows) <= 400 else 7 if len(linked_map.rows) <= 1500 else 5
    texts = {int(row): hover_text(uses, int(row), layer) for row in linked_map.rows}
    for column, (side, xy) in enumerate((("before", linked_map.before), ("after", linked_map.after)), start=1):
        for name, members, marker in _groups(linked_map, uses, colour_by, side, theme):
            rows = [int(linked_map.rows[i]) for i in members]
            points = None if chosen is None else [at for at, row in enumerate(rows) if row in chosen]
            figure.add_trace(
                go.Scatter(
                    x=xy[members, 0],
                    y=xy[members, 1],
                    mode="markers",
                    name=escape(name, 40),
                    legendgroup=name,
                    showlegend=column == 1,
                    marker={
                        "size": [size - 2 if within[row] else size for row in rows],
                        "line": {"color": p.paper, "width": 0.8},
                        "opacity": [PALE if within[row] else 0.92 for row in rows],
                    }
                    | marker,
                    customdata=[[row, round(float(uses.change[layer, row]), 4)] for row in rows],
                    selectedpoints=points,
                    selected={"marker": {"opacity": 1}},
                    unselected={"marker": {"color": p.noise, "opacity": 0.7, "size": max(3, size - 3)}},
                    text=[texts[row] for row in rows],
                    hovertemplate="%{text}<extra></extra>",
                ),
                row=1,
                col=column,
            )


def _groups(
    linked_map: LinkedMap, uses: Uses, colour_by: ColourBy, side: str, theme: Theme
) -> list[tuple[str, np.ndarray[Any, np.dtype[np.int64]], dict[str, Any]]]:
    """(legend name, indices into the map, marker) of every group: a trace each, with its own shape and name."""
    p, layer = palette(theme), linked_map.layer
    names = senses_of(linked_map, uses)
    own = np.array([names.index(uses.occurrences[row].sense or NO_SENSE) for row in linked_map.rows], dtype=np.int64)
    groups: list[tuple[str, np.ndarray[Any, np.dtype[np.int64]], dict[str, Any]]] = []
    predicted = uses.predicted_before if side == "before" else uses.predicted_after
    if colour_by == "predicted" and predicted:
        right = np.array([predicted[layer][row] == uses.occurrences[row].sense for row in linked_map.rows])
        return [
            ("read as its own sense", np.flatnonzero(right), {"color": p.kept, "symbol": "circle"}),
            ("read as another sense", np.flatnonzero(~right), {"color": p.lost, "symbol": "x"}),
        ]
    for i, name in enumerate(names):
        members = np.flatnonzero(own == i)
        marker: dict[str, Any] = {
            "symbol": sense_shape(i),
            "color": p.noise if name == NO_SENSE else sense_colour(i, theme),
        }
        if colour_by == "change":
            change = uses.change[layer, linked_map.rows[members]]
            marker |= {"color": change.tolist(), "cmin": 0, "cmax": 1, "colorscale": [[0, p.low], [1, p.high]]}
            marker |= {"showscale": side == "after" and i == 0, "colorbar": _scale(theme)}
        groups.append((name, members, marker))
    return groups


def _scale(theme: Theme) -> dict[str, Any]:
    return {
        "orientation": "h",
        "len": 0.22,
        "thickness": 8,
        "x": 1,
        "xanchor": "right",
        "xpad": 0,
        "ypad": 0,
        "y": 1.06,
        "yanchor": "bottom",
        "tickvals": [0, 0.5, 1],
        "ticktext": ["0", "change .5", "1"],
        "outlinewidth": 0,
        "tickfont": {"size": 10, "color": palette(theme).quiet},
    }


def _frame(figure: go.Figure, linked_map: LinkedMap) -> None:
    """The same square of the same size on both sides; a rectangle of grid lines would invite reading the axes."""
    both = np.concatenate([linked_map.before, linked_map.after])
    low, high = both.min(axis=0), both.max(axis=0)
    margin = 0.06 * float((high - low).max() or 1.0)
    x_range = [float(low[0]) - margin, float(high[0]) + margin]
    y_range = [float(low[1]) - margin, float(high[1]) + margin]
    hidden = {"showgrid": False, "zeroline": False, "showticklabels": False, "title": None, "mirror": True}
    figure.update_xaxes(range=x_range, constrain="range", showline=True, **hidden)
    figure.update_yaxes(range=y_range, constrain="range", showline=True, **hidden)
    figure.update_layout(yaxis={"scaleanchor": "x", "scaleratio": 1}, xaxis2={"matches": "x"}, yaxis2={"matches": "y"})


def _heads(figure: go.Figure, linked_map: LinkedMap, theme: Theme) -> None:
    p = palette(theme)
    figure.update_xaxes(linecolor=p.line, linewidth=1)
    figure.update_yaxes(linecolor=p.line, linewidth=1)
    sides = (
        ("○ before", 1, p.before, linked_map.trust_before, linked_map.continuity_before),
        ("◆ after", 2, p.after, linked_map.trust_after, linked_map.continuity_after),
    )
    for name, panel, colour, trust, continuity in sides:
        facts = [
            f"{label} {number(value)}"
            for label, value in (("trust", trust), ("continuity", continuity))
            if value is not None
        ]
        text = f"<b>{name}</b>  <span style='color:{p.quiet}'>{' · '.join(facts)}</span>"
        heading(figure, text, theme, panel, yshift=2, font={"size": 12, "color": colour})
