"""Attention: what each piece of a sentence reads from where, before and after, and which heads changed."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float64
from plotly.subplots import make_subplots

from embedlab.encoders.inside import Inside
from embedlab.figures.style import Theme, escape, finish, heading, palette
from embedlab.wording import decimals, number, signed

CELL = 26  # px a piece, where there is room
TALLEST = 620  # px of a map
LETTER = 6.2  # px of a letter of the labels
LONGEST = 14  # letters of a label
MEAN = "mean of the heads"


def attention_maps(
    before: Inside, after: Inside, layer: int, head: int | None, piece: int | None = None, theme: Theme = "light"
) -> go.Figure:
    """Maps of one head (None: the mean of all) between layer - 1 and `layer`: before, after, after minus before.

    Row i, column j: the share of piece j in what piece i reads, in [0, 1]; rows sum to 1. Before and after have one
    scale. The difference stands there where both cut the sentence alike. `piece`: the row that is framed, of before.
    """
    sides = [(name, seen) for name, seen in (("before", before), ("after", after)) if has_head(seen, layer, head)]
    maps = [weights_of(seen, layer, head) for _, seen in sides]
    alike = len(maps) == 2 and before.cut_as(after)  # a mean over unlike numbers of heads is a share all the same
    count = len(maps) + alike
    figure = make_subplots(rows=1, cols=max(count, 1), horizontal_spacing=0.08)
    labels = [[escape(seen.surface(i), LONGEST) for i in range(len(seen.pieces))] for _, seen in sides]
    top = max((float(each.max()) for each in maps if each.size), default=1.0)
    for column, ((name, _), weights, said) in enumerate(zip(sides, maps, labels, strict=True), 1):
        hover = _hover(said, weights, name)
        figure.add_trace(
            go.Heatmap(z=weights, coloraxis="coloraxis", text=hover, hoverinfo="text", xgap=1, ygap=1), 1, column
        )
    if alike:
        change = maps[1] - maps[0]
        hover = _hover(labels[0], change, "after − before")
        figure.add_trace(
            go.Heatmap(z=change, coloraxis="coloraxis2", text=hover, hoverinfo="text", xgap=1, ygap=1), 1, 3
        )
        labels.append(labels[0])
    room = max((min(LONGEST, len(text)) for said in labels for text in said), default=1) * LETTER + 20
    tallest = max((len(said) for said in labels), default=1)
    plot = min(TALLEST, max(200, CELL * tallest))
    heads = [name for name, _ in sides] + (["after − before"] if alike else [])
    for panel, (name, said) in enumerate(zip(heads, labels, strict=True), 1):
        _axes(figure, panel, said)
        heading(figure, name, theme, panel, yshift=room, font={"size": 13, "color": _ink(name, theme), "weight": 600})
        if piece is not None and (name != "after" or alike):
            _frame(figure, panel, piece, len(said), theme)
    finish(
        figure,
        theme,
        title=f"Attention into layer {layer}, {_said_head(head)}",
        subtitle="row: the piece that reads · column: the piece it reads from · each row sums to 1",
        alt=_alt(before, after, layer, head, piece),
        height=int(64 + room + 26 + plot + 58),
    )
    _scales(figure, top, alike, theme)
    figure.update_layout(margin={"t": int(64 + room + 26), "b": 58, "l": 8, "r": 16})
    return figure


def has_head(seen: Inside, layer: int, head: int | None) -> bool:
    """Whether there is such a block with such a head."""
    return 1 <= layer <= len(seen.attention) and (head is None or head < len(seen.attention[layer - 1]))


def weights_of(seen: Inside, layer: int, head: int | None) -> Float64[np.ndarray, "piece piece"]:
    """The attention of one head, or the mean over the heads, from layer - 1 into `layer`."""
    block = seen.attention[layer - 1].astype(np.float64)
    chosen: Float64[np.ndarray, "piece piece"] = block.mean(axis=0) if head is None else block[head]
    return chosen


def _hover(labels: list[str], values: Float64[np.ndarray, "piece piece"], what: str) -> list[list[str]]:
    is_change = what == "after − before"
    return [
        [
            f"{reader} ← {read}<br>{what} " + (signed(value, places=3) if is_change else number(float(value), places=3))
            for read, value in zip(labels, row, strict=True)
        ]
        for reader, row in zip(labels, values, strict=True)
    ]


def _axes(figure: go.Figure, panel: int, labels: list[str]) -> None:
    places = list(range(len(labels)))
    look = {"showgrid": False, "fixedrange": True, "tickvals": places, "ticktext": labels}
    look |= {"tickfont": {"size": 11 if len(labels) <= 40 else 9}, "ticklabelstandoff": 4}
    figure.update_xaxes(**look, side="top", tickangle=-90, range=[-0.5, len(labels) - 0.5], row=1, col=panel)
    figure.update_yaxes(**look, range=[len(labels) - 0.5, -0.5], row=1, col=panel)


def _frame(figure: go.Figure, panel: int, piece: int, count: int, theme: Theme) -> None:
    line = {"color": palette(theme).ink, "width": 1.5}
    edges = {"x0": -0.5, "x1": count - 0.5, "y0": piece - 0.5, "y1": piece + 0.5}
    figure.add_shape(type="rect", line=line, **edges, row=1, col=panel)


def _ink(name: str, theme: Theme) -> str:
    p = palette(theme)
    return {"before": p.before, "after": p.after}.get(name, p.ink)


def _scales(figure: go.Figure, top: float, alike: bool, theme: Theme) -> None:
    """One hue for the shares; for the difference the colours of before and after around the grey of zero."""
    p = palette(theme)
    shares, change = [trace for trace in figure.data if trace.coloraxis == "coloraxis"], None
    if alike:
        change = float(np.abs(figure.data[-1].z).max()) or 0.05
    last = "" if len(shares) == 1 else "2"
    end = figure.layout[f"xaxis{last}"].domain[1] if shares else 1.0
    bar = {"orientation": "h", "thickness": 9, "y": 0, "yanchor": "top", "ypad": 14, "outlinewidth": 0, "nticks": 4}
    bar |= {"tickfont": {"size": 11, "color": p.quiet}, "xanchor": "left", "xpad": 0}
    figure.update_layout(
        coloraxis={
            "colorscale": [[0, p.panel], [0.02, p.low], [1, p.high]],
            "cmin": 0,
            "cmax": top,
            "colorbar": {**bar, "x": 0, "len": end, "tickformat": ".2~f"},
        }
    )
    if change is not None:
        begin, stop = figure.layout.xaxis3.domain
        ends = (-change, 0.0, change)
        bar |= {"x": begin, "len": stop - begin, "tickvals": ends, "ticklabelposition": "outside"}
        bar["ticktext"] = [signed(end, places=max(2, decimals(change))) if end else "0" for end in ends]
        figure.update_layout(
            coloraxis2={
                "colorscale": [[0, p.before], [0.5, p.panel], [1, p.after]],
                "cmin": -change,
                "cmax": change,
                "colorbar": bar,
            }
        )


def head_changes(
    change: Float64[np.ndarray, "block head"], layer: int, head: int | None, theme: Theme = "light"
) -> go.Figure:
    """How much each head of each layer reads from elsewhere after: one square a head; customdata = [layer, head].

    The colour is the mean total variation between the rows of before and after, in [0, 1]; the square that the maps
    show is framed (a whole row where they show the mean).
    """
    p = palette(theme)
    blocks, heads = change.shape
    places = [(block, at) for block in range(blocks) for at in range(heads)]
    values = [float(change[place]) for place in places]
    figure = go.Figure(
        go.Scatter(
            x=[at for _, at in places],
            y=[block + 1 for block, _ in places],
            mode="markers",
            marker={
                "symbol": "square",
                "size": 18,
                "color": values,
                "colorscale": [[0, p.low], [1, p.high]],
                "cmin": 0,
                "cmax": max(*values, 0.01),
                "line": {"width": 0},
                "colorbar": {
                    "thickness": 9, "outlinewidth": 0, "nticks": 4, "len": 1.0, "tickformat": "~g",
                    "tickfont": {"size": 11, "color": p.quiet}, "xpad": 6,
                },
            },
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
            customdata=[[block + 1, at] for block, at in places],
            text=[
                f"layer {block + 1}, head {at}<br>{number(value, places=3)} of its reading moved"
                for (block, at), value in zip(places, values, strict=True)
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    )  # fmt: skip
    if 1 <= layer <= blocks:
        ends = (-0.5, heads - 0.5) if head is None else (head - 0.5, head + 0.5)
        line = {"color": p.ink, "width": 1.5}
        figure.add_shape(type="rect", x0=ends[0], x1=ends[1], y0=layer - 0.5, y1=layer + 0.5, line=line)
    height = 84 + 28 * blocks
    finish(
        figure,
        theme,
        title="Which heads read differently",
        subtitle="share of a head's reading that moved elsewhere: 0 none, 1 all of it",
        alt=_heads_alt(change),
        height=max(200, height),
    )
    figure.update_xaxes(title="head", dtick=1, showgrid=False, range=[-0.6, heads - 0.4], fixedrange=True)
    figure.update_yaxes(title="layer", dtick=1, showgrid=False, range=[0.4, blocks + 0.6], fixedrange=True)
    figure.update_layout(clickmode="event+select")
    return figure


def _heads_alt(change: Float64[np.ndarray, "block head"]) -> str:
    if not change.any():
        return "No head reads differently: the attention of before and after is exactly the same."
    block, head = np.unravel_index(int(change.argmax()), change.shape)
    return (
        f"{change.size} heads in {len(change)} layers; layer {block + 1}, head {head} changed most: "
        f"{number(float(change.max()), places=3)} of its reading moved; the mean of all is "
        f"{number(float(change.mean()), places=3)}."
    )


def _said_head(head: int | None) -> str:
    return MEAN if head is None else f"head {head}"


def _alt(before: Inside, after: Inside, layer: int, head: int | None, piece: int | None) -> str:
    parts = [f"Attention into layer {layer}, {_said_head(head)}, as maps of {len(before.pieces)} pieces."]
    for name, seen in (("before", before), ("after", after)):
        if not has_head(seen, layer, head):
            parts.append(f"{name.capitalize()}: {seen.without_attention or 'it has no such head.'}")
        elif piece is not None and piece < len(seen.pieces):
            row = weights_of(seen, layer, head)[piece]
            most = int(row.argmax())
            parts.append(
                f"{name.capitalize()}, “{seen.surface(piece)}” reads most from “{seen.surface(most)}” "
                f"({number(float(row[most]), places=2)})."
            )
    return " ".join(parts)
