"""The nearest words of a word as two rounds: how far a word is from the middle is exactly 1 − its cosine to it."""

from collections.abc import Sequence
from math import cos, degrees, pi, sin

import numpy as np
import plotly.graph_objects as go

from embedlab.comparing.finding import Found, Match
from embedlab.figures.style import Theme, escape, finish, heading, notes, palette, remark
from embedlab.types import Comparison
from embedlab.wording import count, number

SYMBOL = {"kept": "circle", "lost": "circle-open", "gained": "circle-open-dot"}
SIGN = {"kept": "", "lost": "− ", "gained": "+ "}
LABEL = 14  # characters of a name on the round; hovering shows all of it
EDGE = 1.42  # how far the panels reach, with the outermost word at 1: room for names
RIM = 1.04  # where a word lies whose cosine is beyond the lists
GAP = 0.05  # between a mark and its name
HEIGHT = 560


def rounds(comparison: Comparison, found: Found, theme: Theme = "light") -> go.Figure:
    """The words of both lists around the word asked for, before and after: one direction a word, the same in both.

    The distance from the middle is 1 − cosine, measured in the original space and drawn to scale, alike in both. The
    direction means only this: words that list each other among their own nearest stand side by side. A word whose
    cosine is not known on one side (beyond the lists kept) is drawn there on the dotted rim. customdata = the word.
    """
    order = _seated(comparison, found)
    angles = {match.key: pi / 2 - 2 * pi * place / max(1, len(order)) for place, match in enumerate(order)}
    known = [value for match in order for value in (match.cosine_before, match.cosine_after) if value is not None]
    far = max((1 - value for value in known), default=1.0) or 1.0
    rim = any(value is None for match in order for value in (match.cosine_before, match.cosine_after))
    figure = go.Figure()
    for panel, side in ((1, "before"), (2, "after")):
        _rings(figure, panel, far, rim, theme)
        _words(figure, panel, side, order, angles, far, theme)
        mark, colour = ("○", palette(theme).before) if panel == 1 else ("◆", palette(theme).after)
        heading(figure, f"{mark} <b>{side}</b>", theme, panel, font={"size": 12, "color": colour})
    for axis, domain in (("", [0.0, 0.49]), ("2", [0.51, 1.0])):
        figure.update_layout(
            {
                f"xaxis{axis}": {"range": [-EDGE, EDGE], "visible": False, "domain": domain, "anchor": f"y{axis}"},
                f"yaxis{axis}": {
                    "range": [-EDGE, EDGE], "visible": False, "scaleanchor": f"x{axis}", "anchor": f"x{axis}",
                },
            }
        )  # fmt: skip
    figure.update_layout(showlegend=False, margin={"l": 4, "r": 4, "t": 96, "b": 4}, clickmode="event+select")
    tally = "  ".join(f"{sign} {found.count(status)} {status}" for status, sign in _SIGNS)  # type: ignore[arg-type]
    below = tally + ("  ·  faint, on the dotted rim: further away than the lists that are kept" if rim else "")
    return finish(
        figure,
        theme,
        title=f"Around “{escape(found.asked.text, 40)}”, {escape(found.layer_name, 40)}",
        subtitle=f"distance from the middle: 1 − cosine, to scale; direction: alike in both, else nothing<br>{below}",
        alt=_alt(found),
        height=HEIGHT,
    )


_SIGNS = (("kept", "●"), ("lost", "○ −"), ("gained", "◉ +"))


def _seated(comparison: Comparison, found: Found) -> list[Match]:
    """Around the table so that words which list each other sit together: from the nearest, always on to the most alike.

    Alike: the mean of the cosines before and after, where either lists the other; else 0. Ties go by the order found.
    """
    table, rows = comparison.words, [comparison.words.row(match.key) for match in found.matches]
    number_of = {row: i for i, row in enumerate(rows) if row is not None}
    alike = np.zeros((len(rows), len(rows)))
    sides = (
        (table.neighbours_before, table.similarity_before, table.ranked_before, table.ranked_similarity_before),
        (table.neighbours_after, table.similarity_after, table.ranked_after, table.ranked_similarity_after),
    )
    for near, similarity, ranked, ranked_similarity in sides:
        ids = near if ranked is None else ranked
        cosines = similarity if ranked_similarity is None else ranked_similarity
        for row, i in number_of.items():
            for other, cosine in zip(ids[found.layer, row].tolist(), cosines[found.layer, row].tolist(), strict=True):
                j = number_of.get(other)
                if j is not None:
                    alike[i, j] += cosine / 4
                    alike[j, i] += cosine / 4
    left, at, order = set(range(1, len(rows))), 0, [0] if rows else []
    while left:
        at = max(left, key=lambda j: (alike[at, j], -j))
        left.remove(at)
        order.append(at)
    return [found.matches[i] for i in order]


def _rings(figure: go.Figure, panel: int, far: float, rim: bool, theme: Theme) -> None:
    """Circles of equal cosine, each with its value, and the dotted rim for what is further than the lists tell."""
    p, axis = palette(theme), "" if panel == 1 else str(panel)
    if rim:
        figure.add_shape(
            type="circle", xref=f"x{axis}", yref=f"y{axis}", x0=-RIM, x1=RIM, y0=-RIM, y1=RIM, layer="below",
            line={"color": p.quiet, "width": 1, "dash": "dot"},
        )  # fmt: skip
    step = 0.1 if far <= 0.6 else 0.2 if far <= 1.2 else 0.5
    values = []
    for ring in np.arange(step, far + 1e-9, step):
        size = ring / far
        figure.add_shape(
            type="circle", xref=f"x{axis}", yref=f"y{axis}", x0=-size, x1=size, y0=-size, y1=size, layer="below",
            line={"color": p.line, "width": 1},
        )  # fmt: skip
        values.append(remark(
            number(1 - ring, places=1), theme, xref=f"x{axis}", yref=f"y{axis}", x=0, y=-size, yshift=6,
            font={"size": 9, "color": p.quiet},
        ))  # fmt: skip
    notes(figure, values)


def _words(
    figure: go.Figure,
    panel: int,
    side: str,
    order: Sequence[Match],
    angles: dict[str, float],
    far: float,
    theme: Theme,
) -> None:
    p, axis = palette(theme), "" if panel == 1 else str(panel)
    colours = {"kept": p.kept, "lost": p.lost, "gained": p.gained}
    cosines = {match.key: getattr(match, f"cosine_{side}") for match in order}
    sizes = {key: RIM if value is None else (1 - value) / far for key, value in cosines.items()}
    figure.add_trace(
        go.Scatter(
            x=[0], y=[0], mode="markers", xaxis=f"x{axis}", yaxis=f"y{axis}", hoverinfo="skip",
            marker={"symbol": "cross-thin", "size": 9, "line": {"width": 1.5, "color": p.ink}},
        )
    )  # fmt: skip
    for placed, opacity in ((True, 1.0), (False, 0.45)):
        shown = [match for match in order if (cosines[match.key] is not None) == placed]
        if not shown:
            continue
        figure.add_trace(
            go.Scatter(
                x=[sizes[m.key] * cos(angles[m.key]) for m in shown],
                y=[sizes[m.key] * sin(angles[m.key]) for m in shown],
                mode="markers",
                xaxis=f"x{axis}",
                yaxis=f"y{axis}",
                opacity=opacity,
                marker={
                    "symbol": [SYMBOL[m.status] for m in shown],
                    "color": [colours[m.status] for m in shown],
                    "size": 9,
                    "line": {"color": [colours[m.status] for m in shown], "width": 2},
                },
                customdata=[m.key for m in shown],
                text=[_hover(m, side) for m in shown],
                hovertemplate="%{text}<extra></extra>",
                selected={"marker": {"opacity": 1}},
                unselected={"marker": {"opacity": 1}},
            )
        )
    names = []
    for match in order:
        angle, out = angles[match.key], sizes[match.key] + GAP
        flipped = cos(angle) < -1e-9
        names.append(remark(
            SIGN[match.status] + escape(match.key, LABEL), theme, xref=f"x{axis}", yref=f"y{axis}",
            x=out * cos(angle), y=out * sin(angle), textangle=-degrees(angle) + (180 if flipped else 0),
            xanchor="center", yanchor="middle",
            xshift=_half(match) * cos(angle), yshift=_half(match) * sin(angle),
            font={"size": 10, "color": p.ink if match.status == "kept" else colours[match.status]},
        ))  # fmt: skip
    notes(figure, names)


def _half(match: Match) -> float:
    """About half the width of a name in px, so that turned names begin, and do not lie, at their mark."""
    return 2.8 * len(SIGN[match.status] + match.key[:LABEL])


def _hover(match: Match, side: str) -> str:
    rank, cosine = getattr(match, f"rank_{side}"), getattr(match, f"cosine_{side}")
    where = "further away than the lists kept here" if cosine is None else f"cosine {number(cosine, places=3)}"
    return f"<b>{escape(match.key, 40)}</b> · {match.status}<br>{side}: {where}" + (f", rank {rank:,}" if rank else "")


def _alt(found: Found) -> str:
    listed = "; ".join(
        f"{count(found.count(status), 'word')} {status} "  # type: ignore[arg-type]
        f"({', '.join(match.key for match in found.matches if match.status == status)})"
        for status, _ in _SIGNS
        if found.count(status)  # type: ignore[arg-type]
    )
    return f"The nearest words of {found.asked.text} around it, before and after, at {found.layer_name}: {listed}."
