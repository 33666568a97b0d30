"""How far the neighbourhoods moved: the histogram of all words, and the words that moved most."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float64

from embedlab.figures.style import Theme, escape, faded, finish, note, palette
from embedlab.types import Comparison
from embedlab.wording import count, number

FINE = 30  # above this many neighbours, change takes so many values that they are binned
BINS = 25


def change_histogram(
    comparison: Comparison, layer: int, theme: Theme = "light", span: tuple[float, float] | None = None
) -> go.Figure:
    """How many words changed how much at one layer: those changed by more than noise, and on top in grey those not.

    Change = 1 - Jaccard of k neighbours takes k + 1 values: a bar stands at each of them, never between. Every word has
    a noise floor of its own; the dotted line marks their median, the band their middle eight tenths. A box drawn over
    the bars selects a range of change; `span` is the one that is selected: the bars beyond it are faint. customdata =
    change.
    """
    p, words = palette(theme), comparison.words
    k, change = words.k, words.change[layer].astype(np.float64)
    steps = np.arange(k + 1)
    support = 1 - (k - steps) / (k + steps) if k <= FINE else (np.arange(BINS) + 0.5) / BINS
    nearest = np.abs(change[:, None] - support[None, :]).argmin(axis=1)
    above = words.changed(layer)
    floor = _floor(comparison, layer)
    counts = np.bincount(nearest, minlength=len(support))
    tall = float(counts.max(initial=1)) * 1.3
    meaning = [
        f"{i} of {k} neighbours replaced" if k <= FINE else f"change about {at:.2f}" for i, at in enumerate(support)
    ]
    if floor is None:
        stacks = [("noise unknown", np.ones(len(change), dtype=bool), p.kept)]
    else:
        stacks = [("more than noise", above, p.kept), ("within noise", ~above, p.noise)]
    figure = go.Figure()
    for name, members, colour in stacks:
        heights = np.bincount(nearest[members], minlength=len(support))
        top = name == stacks[-1][0]
        figure.add_trace(
            go.Bar(
                x=support,
                y=heights,
                name=name,
                width=0.036 if k <= FINE else 0.9 / BINS,
                marker={"color": colour, "cornerradius": 2},
                customdata=support,
                text=[_short(int(n)) if n and top else "" for n in counts],
                textposition="outside",
                constraintext="none",  # else plotly shrinks a number to the width of its bar
                textfont={"size": 10 if counts.max(initial=0) > 99 else 11, "color": p.quiet},
                cliponaxis=False,
                hovertext=[
                    f"{what}<br>{count(int(n), 'word')} {name}, {count(int(all_), 'word')} in all"
                    for what, n, all_ in zip(meaning, heights, counts, strict=True)
                ],
                hovertemplate="%{hovertext}<extra></extra>",
                selectedpoints=None if span is None else np.flatnonzero(_inside(support, span)),
                selected={"marker": {"opacity": 1}},
                unselected={"marker": {"opacity": 0.3}},
            )
        )
    if floor is not None:
        _mark_floor(figure, floor, tall, theme)
    if span is not None:
        _mark_span(figure, span, theme)
    figure.update_xaxes(
        title_text="change of the neighbourhood: 0 unchanged, 1 all new",
        range=[-0.05, 1.05],
        showgrid=False,
        fixedrange=True,
        tickvals=[0, 0.25, 0.5, 0.75, 1],
        ticktext=["0", ".25", ".5", ".75", "1"],
    )
    figure.update_yaxes(title_text="words", range=[0, tall], nticks=5, fixedrange=True)
    figure.update_layout(
        barmode="stack", showlegend=False, clickmode="event+select", dragmode="select", selectdirection="h"
    )
    grey = "noise unknown" if floor is None else "grey: within noise · dotted: noise floor of the median word"
    return finish(
        figure,
        theme,
        title=f"How much each neighbourhood changed, {escape(comparison.layers[layer].name, 40)}",
        subtitle=f"1 − Jaccard of the {k} nearest words before and after, in the original space · {grey}",
        alt=_histogram_alt(comparison, layer, floor) + _span_alt(comparison, layer, span),
        height=320,
    )


def _inside(support: Float64[np.ndarray, "bar"], span: tuple[float, float]) -> Bool[np.ndarray, "bar"]:
    return (support >= span[0] - 1e-6) & (support <= span[1] + 1e-6)


def _mark_span(figure: go.Figure, span: tuple[float, float], theme: Theme) -> None:
    """The selected range: two lines with a faint ground between them."""
    p = palette(theme)
    figure.add_vrect(
        x0=span[0], x1=span[1], fillcolor=faded(p.kept, 0.08), line={"color": p.kept, "width": 1}, layer="below"
    )


def _short(n: int) -> str:
    """As many digits as fit above a bar: 999, 1.5k, 15k."""
    if n < 1000:
        return str(n)
    return f"{n / 1000:.1f}k" if n < 9950 else f"{n / 1000:.0f}k"


def _floor(comparison: Comparison, layer: int) -> tuple[float, float, float] | None:
    """The noise floors of the words of a layer: a tenth lie below the first, half below the second, a tenth above."""
    noise = comparison.words.noise
    known = np.zeros(0) if noise is None else noise[layer][np.isfinite(noise[layer])]
    if not len(known):
        return None
    low, middle, high = np.quantile(known.astype(np.float64), (0.1, 0.5, 0.9))
    return float(low), float(middle), float(high)


def _mark_floor(figure: go.Figure, floor: tuple[float, float, float], tall: float, theme: Theme) -> None:
    p = palette(theme)
    low, middle, high = floor
    figure.add_vrect(x0=low, x1=high, fillcolor=faded(p.noise, 0.16), line_width=0, layer="below")
    figure.add_vline(x=middle, line={"color": p.quiet, "width": 1, "dash": "dot"})
    left = middle < 0.6
    note(
        figure,
        f"noise floor {number(middle, places=2)}",
        theme,
        x=middle,
        y=tall,
        yanchor="top",
        xanchor="left" if left else "right",
        xshift=5 if left else -5,
        font={"size": 12, "color": p.ink},
    )


def _histogram_alt(comparison: Comparison, layer: int, floor: tuple[float, float, float] | None) -> str:
    change = comparison.words.change[layer]
    text = (
        f"Histogram of neighbourhood change of {count(len(change), 'word')} at {comparison.layers[layer].name}: "
        f"median {number(float(np.median(change)))}, highest {number(float(change.max(initial=0)))}"
    )
    if floor is None:
        return f"{text}; the noise floor is unknown."
    above = int(comparison.words.changed(layer).sum())
    return f"{text}; {count(above, 'word')} changed by more than noise, whose floor is {number(floor[1], places=2)}."


def _span_alt(comparison: Comparison, layer: int, span: tuple[float, float] | None) -> str:
    if span is None:
        return ""
    inside = int(_inside(comparison.words.change[layer].astype(np.float64), span).sum())
    low, high = (number(end, places=2) for end in span)
    return f" Selected: change {low} to {high}, {count(inside, 'word')}."


def most_changed(comparison: Comparison, layer: int, top: int | None = None) -> list[int]:
    """Rows of the word table: those changed by more than noise first, each part by falling change.

    Equal change: larger drift, then more uses, then the word.
    """
    words = comparison.words
    above = words.changed(layer)
    order = sorted(
        range(len(words.words)),
        key=lambda i: (
            not above[i],
            -words.change[layer, i],
            -np.nan_to_num(words.drift[layer, i]),
            -words.counts[i],
            words.words[i],
        ),
    )
    return order[:top]


def change_ranking(
    comparison: Comparison,
    layer: int,
    top: int = 20,
    theme: Theme = "light",
    *,
    rows: Sequence[int] | None = None,
) -> go.Figure:
    """The most changed words as a dot plot, those above noise on top, each with its uses. `rows` overrides the choice.

    An upright tick marks the noise floor of each word; words within it get a small grey dot and say so.
    customdata = row of the word table.
    """
    p, words, layer_name = palette(theme), comparison.words, comparison.layers[layer].name
    shown = list(rows) if rows is not None else most_changed(comparison, layer, top)
    change = [float(words.change[layer, i]) for i in shown]
    noise = [None] * len(shown) if words.noise is None else [_known(words.noise[layer, i]) for i in shown]
    above = words.changed(layer)
    grey = [floor is not None and not above[i] for i, floor in zip(shown, noise, strict=True)]
    y = list(range(len(shown)))
    stems_x: list[float | None] = []
    stems_y: list[int | None] = []
    for at, value in zip(y, change, strict=True):
        stems_x += [0.0, value, None]
        stems_y += [at, at, None]
    figure = go.Figure(
        go.Scatter(x=stems_x, y=stems_y, mode="lines", line={"color": p.line, "width": 2}, hoverinfo="skip")
    )
    figure.add_trace(
        go.Scatter(
            x=change,
            y=y,
            mode="markers",
            marker={
                "size": [7 if g else 11 for g in grey],
                "color": [p.noise if g else p.kept for g in grey],
                "opacity": 1,
            },
            customdata=[[i] for i in shown],
            text=[_ranking_hover(comparison, layer, i) for i in shown],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=noise,
            y=y,
            mode="markers",
            marker={"symbol": "line-ns-open", "size": 11, "color": p.quiet, "line": {"width": 1.5}},
            hoverinfo="skip",
        )
    )
    for at, i, value, floor, is_grey in zip(y, shown, change, noise, grey, strict=True):
        said = "within noise" if is_grey else count(int(words.counts[i]), "use")
        label = f"{number(value, places=2)}  <span style='color:{p.quiet}'>{said}</span>"
        right = max(value, floor or 0.0)
        note(figure, label, theme, x=right, y=at, xanchor="left", xshift=10, font={"size": 11, "color": p.ink})
    figure.update_xaxes(
        range=[0, 1.22], tickvals=[0, 0.25, 0.5, 0.75, 1], ticktext=["0", ".25", ".5", ".75", "1"], fixedrange=True
    )
    figure.update_yaxes(
        tickvals=y,
        ticktext=[escape(words.words[i], 24) + " " for i in shown],
        range=[len(shown) - 0.4, -1.0],
        showgrid=False,
        tickfont={"size": 12, "color": p.ink},
        fixedrange=True,
    )
    figure.update_layout(showlegend=False, clickmode="event+select")
    listed = ", ".join(f"{words.words[i]} {number(v, places=2)}" for i, v in zip(shown[:5], change[:5], strict=True))
    known = any(floor is not None for floor in noise)
    return finish(
        figure,
        theme,
        title="Most changed words",
        subtitle=f"1 − Jaccard of the {words.k} nearest, {escape(layer_name, 40)}"
        + (" · │ noise floor of the word" if known else " · noise unknown"),
        alt=f"The {len(shown)} words whose neighbours changed most at {layer_name}: {listed}."
        + (f" {count(sum(grey), 'word')} of them within noise." if known else ""),
        height=100 + 24 * max(3, len(shown)),
    )


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _ranking_hover(comparison: Comparison, layer: int, row: int) -> str:
    words = comparison.words
    before, after = set(words.neighbours_before[layer, row].tolist()), set(words.neighbours_after[layer, row].tolist())
    gained = [words.words[i] for i in words.neighbours_after[layer, row] if i not in before and i >= 0][:4]
    lost = [words.words[i] for i in words.neighbours_before[layer, row] if i not in after and i >= 0][:4]
    lines = [
        f"<b>{escape(words.words[row], 40)}</b> · {count(int(words.counts[row]), 'use')}",
        f"change {number(float(words.change[layer, row]), places=2)}"
        f" · drift {number(float(words.drift[layer, row]), places=3)}",
    ]
    floor = None if words.noise is None else _known(words.noise[layer, row])
    if floor is not None:
        more = "more than noise" if words.changed(layer)[row] else "within noise"
        lines.append(f"{more}, whose floor is {number(floor, places=2)}")
    if gained:
        lines.append("+ gained " + escape(", ".join(gained), 70))
    if lost:
        lines.append("− lost " + escape(", ".join(lost), 70))
    return "<br>".join(lines)
