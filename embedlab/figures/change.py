"""How far the neighbourhoods moved: the histogram of all words, and the words that moved most."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from embedlab.figures.style import Theme, escape, faded, finish, note, palette
from embedlab.types import Comparison
from embedlab.wording import count, number, percent

FINE = 30  # above this many neighbours, change takes so many values that they are binned
BINS = 25


def change_histogram(
    comparison: Comparison, layer: int, theme: Theme = "light", noise: float | None = None
) -> go.Figure:
    """How many words changed how much at one layer; what lies within `noise` is grey.

    Change = 1 - Jaccard of k neighbours takes k + 1 values: a bar stands at each of them, never between. `noise` is a
    change too: what another seed would give. A box drawn over it selects a range of change. customdata = change.
    """
    p, words = palette(theme), comparison.words
    k, change = words.k, words.change[layer].astype(np.float64)
    steps = np.arange(k + 1)
    support = 1 - (k - steps) / (k + steps) if k <= FINE else (np.arange(BINS) + 0.5) / BINS
    width = 0.036 if k <= FINE else 0.9 / BINS
    nearest = np.abs(change[:, None] - support[None, :]).argmin(axis=1)
    counts = np.bincount(nearest, minlength=len(support))
    unmoved = [noise is not None and at <= noise for at in support]
    meaning = [
        f"{i} of {k} neighbours replaced" if k <= FINE else f"change about {at:.2f}" for i, at in enumerate(support)
    ]
    figure = go.Figure(
        go.Bar(
            x=support,
            y=counts,
            width=width,
            marker={"color": [p.noise if u else p.kept for u in unmoved], "cornerradius": 2},
            customdata=support,
            text=[f"{n:,}" if n else "" for n in counts],
            textposition="outside",
            textfont={"size": 11, "color": p.quiet},
            cliponaxis=False,
            hovertext=[
                f"{what}<br>{count(int(n), 'word')}, {percent(n / max(1, len(change)))} of all"
                for what, n in zip(meaning, counts, strict=True)
            ],
            hovertemplate="%{hovertext}<extra></extra>",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 0.35}},
        )
    )
    tall = float(counts.max(initial=1)) * 1.3
    if noise is not None:
        above = int((words.change[layer] > np.float32(noise)).sum())
        figure.add_vrect(x0=-0.05, x1=noise, fillcolor=faded(p.noise, 0.16), line_width=0, layer="below")
        figure.add_vline(x=noise, line={"color": p.quiet, "width": 1, "dash": "dot"})
        right = noise < 0.6
        note(
            figure,
            f"noise floor {number(noise, places=2)} · {count(above, 'word')} above",
            theme,
            x=noise,
            y=tall,
            yanchor="top",
            xanchor="left" if right else "right",
            xshift=5 if right else -5,
            font={"size": 12, "color": p.ink},
        )
    figure.update_xaxes(
        title_text="change of the neighbourhood",
        range=[-0.05, 1.05],
        showgrid=False,
        fixedrange=True,
        tickvals=[0, 0.25, 0.5, 0.75, 1],
        ticktext=["0 unchanged", ".25", ".5", ".75", "1 all new"],
    )
    figure.update_yaxes(title_text="words", range=[0, tall], nticks=5, fixedrange=True)
    figure.update_layout(clickmode="event+select", dragmode="select", selectdirection="h")
    grey = "" if noise is None else " · grey: no more than another seed would change"
    return finish(
        figure,
        theme,
        title=f"How much each neighbourhood changed, {escape(comparison.layers[layer].name, 40)}",
        subtitle=f"1 − Jaccard of the {k} nearest words before and after, in the original space{grey}",
        alt=_histogram_alt(comparison, layer, noise),
        height=320,
    )


def _histogram_alt(comparison: Comparison, layer: int, noise: float | None) -> str:
    change = comparison.words.change[layer]
    text = (
        f"Histogram of neighbourhood change of {count(len(change), 'word')} at {comparison.layers[layer].name}: "
        f"median {number(float(np.median(change)))}, highest {number(float(change.max(initial=0)))}"
    )
    if noise is not None:
        above = int((change > np.float32(noise)).sum())
        text += f"; {count(above, 'word')} above the noise floor of {number(noise, places=2)}"
    return text + "."


def most_changed(comparison: Comparison, layer: int, top: int | None = None) -> list[int]:
    """Rows of the word table, the most changed first; equal change: larger drift, then more uses, then the word."""
    words = comparison.words
    order = sorted(
        range(len(words.words)),
        key=lambda i: (
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
    noise: float | None = None,
    rows: Sequence[int] | None = None,
) -> go.Figure:
    """The most changed words as a dot plot, the most changed on top, each with its uses. `rows` overrides the choice.

    Words within `noise` get a small grey dot. customdata = row of the word table.
    """
    p, words, layer_name = palette(theme), comparison.words, comparison.layers[layer].name
    shown = list(rows) if rows is not None else most_changed(comparison, layer, top)
    change = [float(words.change[layer, i]) for i in shown]
    y = list(range(len(shown)))
    above = [noise is None or value > np.float32(noise) for value in change]
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
                "size": [11 if a else 7 for a in above],
                "color": [p.kept if a else p.noise for a in above],
                "opacity": 1,
            },
            customdata=[[i] for i in shown],
            text=[_ranking_hover(comparison, layer, i) for i in shown],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    for at, i, value in zip(y, shown, change, strict=True):
        label = f"{number(value, places=2)}  <span style='color:{p.quiet}'>{count(int(words.counts[i]), 'use')}</span>"
        note(figure, label, theme, x=value, y=at, xanchor="left", xshift=10, font={"size": 11, "color": p.ink})
    if noise is not None:
        figure.add_vrect(x0=0, x1=noise, fillcolor=faded(p.noise, 0.16), line_width=0, layer="below")
        note(
            figure,
            f"noise {number(noise, places=2)}",
            theme,
            x=noise,
            y=-0.55,
            xanchor="right",
            yanchor="bottom",
            xshift=-4,
        )
    figure.update_xaxes(
        range=[0, 1.16], tickvals=[0, 0.25, 0.5, 0.75, 1], ticktext=["0", ".25", ".5", ".75", "1"], fixedrange=True
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
    return finish(
        figure,
        theme,
        title="Most changed words",
        subtitle=f"share of the {words.k}-neighbourhood that changed (1 − Jaccard), {escape(layer_name, 40)}",
        alt=f"The {len(shown)} words whose neighbours changed most at {layer_name}: {listed}.",
        height=100 + 24 * max(3, len(shown)),
    )


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
    if gained:
        lines.append("+ gained " + escape(", ".join(gained), 70))
    if lost:
        lines.append("− lost " + escape(", ".join(lost), 70))
    return "<br>".join(lines)
