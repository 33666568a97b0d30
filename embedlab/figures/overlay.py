"""Several runs on one axis of steps: held-out score and loss, each run with its colour, mark and name."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from embedlab.figures.runs import series, smoothed
from embedlab.figures.style import Theme, escape, finish, heading, note, palette, sense_colour, sense_mark, sense_shape
from embedlab.wording import number

Event = Mapping[str, Any]
NAME = 28  # characters of a run's name that are drawn
DASHES = ("solid", "dash", "dot", "dashdot")


def curves_overlaid(runs: Sequence[tuple[str, Sequence[Event]]], theme: Theme = "light") -> go.Figure:
    """(name, events) of every run: the held-out score above, the loss below, thin as it was and thick smoothed."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.14)
    ends: list[tuple[float, str, str, str]] = []
    said = []
    for index, (name, events) in enumerate(runs):
        colour, shown = sense_colour(index, theme), escape(name, NAME)
        scores, losses = series(events, "score"), series(events, "loss")
        figure.add_trace(_score(scores, shown, colour, index, theme), row=1, col=1)
        for trace in _loss(losses, shown, colour, index):
            figure.add_trace(trace, row=2, col=1)
        if scores:
            ends.append((scores[-1][1], sense_mark(index), shown, colour))
        said.append(_words(name, scores, losses))
    _names(figure, ends, theme)
    kinds = {str(event["score_name"]) for _, events in runs for event in events if event.get("score_name")}
    heading(figure, f"{escape(' / '.join(sorted(kinds)) or 'score', 90)}, held-out rows: higher is better", theme)
    heading(figure, "training loss, nats: comparable only within one objective", theme, 2)
    figure.update_xaxes(showgrid=False, fixedrange=True, rangemode="tozero")
    figure.update_xaxes(title_text="step", row=2, col=1)
    figure.update_yaxes(nticks=5, fixedrange=True)
    figure.update_layout(showlegend=False, hovermode="x", margin={"t": 84, "r": 190})
    return finish(
        figure,
        theme,
        title="The runs over their steps",
        subtitle="loss thin: every step · thick: smoothed · names stand at the end of the score",
        alt=" ".join(said) or "No run is chosen.",
        height=480,
    )


def _score(scores: Sequence[tuple[int, float]], name: str, colour: str, index: int, theme: Theme) -> go.Scatter:
    return go.Scatter(
        x=[step for step, _ in scores],
        y=[value for _, value in scores],
        name=f"{name}: score",
        mode="lines+markers",
        line={"color": colour, "width": 2, "dash": DASHES[index // 8 % len(DASHES)]},
        marker={"symbol": sense_shape(index), "size": 8, "line": {"color": palette(theme).paper, "width": 1}},
        hovertemplate=f"step %{{x}}: {name} %{{y:.3f}}<extra></extra>",
    )


def _loss(losses: Sequence[tuple[int, float]], name: str, colour: str, index: int) -> list[go.Scatter]:
    """Every step thin behind, smoothed in front."""
    steps, values = [step for step, _ in losses], [value for _, value in losses]
    smooth = smoothed(values)
    return [
        go.Scatter(
            x=steps, y=values, name=f"{name}: loss, every step", mode="lines", opacity=0.3,
            line={"color": colour, "width": 1}, hoverinfo="skip",
        ),
        go.Scatter(
            x=steps, y=smooth, name=f"{name}: loss, smoothed", mode="lines", customdata=values,
            line={"color": colour, "width": 2, "dash": DASHES[index // 8 % len(DASHES)]},
            hovertemplate=f"step %{{x}}: {name} %{{customdata:.4f}} nats, smoothed %{{y:.4f}}<extra></extra>",
        ),
    ]  # fmt: skip


def _names(figure: go.Figure, ends: Sequence[tuple[float, str, str, str]], theme: Theme) -> None:
    """(score, mark, name, colour) of every run at the right, as near its own end as the others allow."""
    if not ends:
        return
    values = [value for trace in figure.data if trace.yaxis == "y" for value in trace.y]
    gap = 0.14 * ((max(values) - min(values)) or 1.0)
    at: list[float] = []
    ordered = sorted(ends)
    for value, *_ in ordered:
        at.append(max(value, at[-1] + gap) if at else value)
    over = max(0.0, at[-1] - (max(values) + gap / 2))
    for y, (_, mark, name, colour) in zip(at, ordered, strict=True):
        note(
            figure, f"<span style='color:{colour}'>{mark}</span> {name}", theme, xref="paper", yref="y", x=1,
            y=y - over, xanchor="left", xshift=8, font={"size": 12, "color": palette(theme).ink},
        )  # fmt: skip


def _words(name: str, scores: Sequence[tuple[int, float]], losses: Sequence[tuple[int, float]]) -> str:
    if not scores and not losses:
        return f"{name}: nothing measured yet."
    parts = []
    if scores:
        first, (step, last) = scores[0][1], scores[-1]
        parts.append(f"score from {number(first, places=3)} to {number(last, places=3)} by step {step:,}")
    if losses:
        parts.append(f"loss from {number(losses[0][1])} to {number(smoothed([v for _, v in losses])[-1])} nats")
    return f"{name}: {', '.join(parts)}."
