"""Rank moves: the nearest words of one word before (left) and after (right), with what was kept, lost and gained."""

from collections.abc import Sequence
from math import cos, pi
from typing import Any

import plotly.graph_objects as go

from embedlab.compare import Move, moves
from embedlab.figures.style import Theme, escape, faded, finish, note, notes, palette, remark
from embedlab.types import Comparison
from embedlab.wording import count, number

ROW = 24  # px of one rank: 30 ranks stay readable
SYMBOL = {"kept": "circle", "lost": "circle-open", "gained": "circle-open-dot"}
SIGN = {"kept": "", "lost": "− ", "gained": "+ "}


def rank_moves(
    comparison: Comparison, word: str, layer: int, theme: Theme = "light", top: int = 30, lit: str | None = None
) -> go.Figure:
    """A bump chart of the `top` nearest words of `word` at one layer, as many as were kept. customdata = the neighbour.

    Kept: a line between two solid dots. Lost: a hollow dot and `−` on the left. Gained: a ringed dot and `+` on
    the right. `lit`: the neighbour that the page tells more of, in bold.
    Raises what `compare.moves` raises for a word that was not counted.
    """
    ranked = comparison.words.ranked_before
    depth = min(top, comparison.words.k if ranked is None else ranked.shape[2])
    shown = moves(comparison, word, layer, depth)
    figure = go.Figure()
    _lines(figure, shown, theme)
    _side(figure, [m for m in shown if m.status != "gained"], "before", theme, lit)
    _side(figure, [m for m in shown if m.status != "lost"], "after", theme, lit)
    p = palette(theme)
    for side, x, anchor, colour, mark in (
        ("before", 0.0, "right", p.before, "○"),
        ("after", 1.0, "left", p.after, "◆"),
    ):
        note(
            figure,
            f"{mark} <b>{side}</b>",
            theme,
            x=x,
            y=0.15,
            xanchor=anchor,
            yanchor="bottom",
            xshift=6 if x == 0 else -6,
            font={"size": 12, "color": colour},
        )
    figure.update_xaxes(visible=False, range=[-0.95, 1.95], fixedrange=True)
    figure.update_yaxes(visible=False, range=[depth + 0.7, -0.6], fixedrange=True)
    figure.update_layout(showlegend=False, margin={"l": 4, "r": 4, "t": 62, "b": 8}, clickmode="event+select")
    row = comparison.words.row(word)
    change = "" if row is None else f" · change {number(float(comparison.words.change[layer, row]), places=2)}"
    tally = {status: sum(m.status == status for m in shown) for status in SIGN}
    return finish(
        figure,
        theme,
        title=f"Nearest words of “{escape(word, 40)}”, {escape(comparison.layers[layer].name, 40)}",
        subtitle=f"● {tally['kept']} kept  ○ − {tally['lost']} lost  ◉ + {tally['gained']} gained{change}",
        alt=_alt(comparison, word, layer, shown),
        height=62 + 8 + round(ROW * (depth + 1.3)),
    )


def _lines(figure: go.Figure, shown: Sequence[Move], theme: Theme) -> None:
    """One trace a kind of line: kept ranks joined, lost and gained ones as dashed stubs that end in the open."""
    p = palette(theme)
    same: list[list[tuple[float, float]]] = []
    moved: list[list[tuple[float, float]]] = []
    stubs: dict[str, list[list[tuple[float, float]]]] = {"lost": [], "gained": []}
    far: list[dict[str, Any]] = []
    for move in shown:
        if move.status == "kept" and move.rank_before is not None and move.rank_after is not None:
            left, right = move.rank_before, move.rank_after
            (same if left == right else moved).append(_curve(left, right))
        elif move.status == "lost" and move.rank_before is not None:
            stubs["lost"].append([(0.025, move.rank_before), (0.2, move.rank_before)])
            far += _far(0.21, move.rank_before, move.rank_after, "left", theme)
        elif move.rank_after is not None:
            stubs["gained"].append([(0.8, move.rank_after), (0.975, move.rank_after)])
            far += _far(0.79, move.rank_after, move.rank_before, "right", theme)
    notes(figure, far)
    for paths, colour, width, dash in (
        (same, faded(p.kept, 0.6), 1.5, "solid"),
        (moved, p.kept, 2.0, "solid"),
        (stubs["lost"], p.lost, 1.5, "dot"),
        (stubs["gained"], p.gained, 1.5, "dot"),
    ):
        x: list[float | None] = []
        y: list[float | None] = []
        for path in paths:
            x += [*(point[0] for point in path), None]
            y += [*(point[1] for point in path), None]
        if x:
            figure.add_trace(
                go.Scatter(
                    x=x,
                    y=y,
                    mode="lines",
                    hoverinfo="skip",
                    connectgaps=False,
                    line={"color": colour, "width": width, "dash": dash},
                )
            )


def _far(x: float, y: int, rank: int | None, anchor: str, theme: Theme) -> list[dict[str, Any]]:
    """Where a lost word went, or a gained one came from, when that rank is known."""
    if rank is None:
        return []
    arrow = f"→ {rank}" if anchor == "left" else f"{rank} →"
    p = palette(theme)
    look = {"bgcolor": p.paper, "borderpad": 0, "font": {"size": 10, "color": p.quiet}}
    return [remark(arrow, theme, x=x, y=y, xanchor=anchor, **look)]


def _curve(left: int, right: int, points: int = 17) -> list[tuple[float, float]]:
    """From rank to rank as half a cosine wave: leaves and arrives level, and never overshoots as a spline does."""
    return [(i / (points - 1), left + (right - left) * (1 - cos(pi * i / (points - 1))) / 2) for i in range(points)]


def _side(figure: go.Figure, listed: Sequence[Move], side: str, theme: Theme, lit: str | None) -> None:
    p = palette(theme)
    left = side == "before"
    at, sign = (0.0, -1) if left else (1.0, 1)
    ranks = [move.rank_before if left else move.rank_after for move in listed]
    colours = [{"kept": p.kept, "lost": p.lost, "gained": p.gained}[move.status] for move in listed]
    figure.add_trace(
        go.Scatter(
            x=[at] * len(listed),
            y=ranks,
            mode="markers",
            marker={
                "symbol": [SYMBOL[move.status] for move in listed],
                "color": colours,
                "size": 10,
                "line": {"color": colours, "width": 2},
            },
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
            customdata=[move.word for move in listed],
            text=[_hover(move) for move in listed],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    for gap, texts, size, ink in (
        (0.08, [str(rank) for rank in ranks], 10, [p.quiet] * len(listed)),
        (
            0.22,
            [_label(m, lit) for m in listed],
            13,
            [p.ink if m.status == "kept" else c for m, c in zip(listed, colours, strict=True)],
        ),
    ):
        figure.add_trace(
            go.Scatter(
                x=[at + sign * gap] * len(listed),
                y=ranks,
                mode="text",
                text=texts,
                textposition="middle left" if left else "middle right",
                textfont={"size": size, "color": ink},
                hoverinfo="skip",
                cliponaxis=False,
            )
        )


def _label(move: Move, lit: str | None) -> str:
    text = SIGN[move.status] + escape(move.word, 22)
    return f"<b>{text}</b>" if move.word == lit else text


def _hover(move: Move) -> str:
    places = [
        f"{name}: further away" if rank is None else f"{name}: rank {rank}, cosine {number(similarity, places=3)}"
        for name, rank, similarity in (
            ("before", move.rank_before, move.similarity_before),
            ("after", move.rank_after, move.similarity_after),
        )
    ]
    return "<br>".join([f"<b>{escape(move.word, 40)}</b> · {move.status}", *places])


def _alt(comparison: Comparison, word: str, layer: int, shown: Sequence[Move]) -> str:
    def listing(status: str) -> str:
        words = [move.word for move in shown if move.status == status]
        return f"{count(len(words), 'word')} {status}" + (f" ({', '.join(words)})" if words else "")

    return (
        f"Nearest words of {word} before and after at {comparison.layers[layer].name}: "
        f"{listing('kept')}; {listing('lost')}; {listing('gained')}."
    )
