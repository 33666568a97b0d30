"""A run: loss, held-out score and canary on one axis of steps."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from embedlab.figures import canary_panel
from embedlab.figures.style import Theme, escape, faded, finish, heading, note, palette
from embedlab.wording import count, number

SMOOTH = 0.9  # weight of the past in the smoothed loss, bias-corrected as in Adam


def run_curves(events: Iterable[Mapping[str, Any]], theme: Theme = "light") -> go.Figure:
    """Loss [nats], held-out score and, where there is one, the canary over the same steps: from the events of a run.

    Reads any event with `step` and `loss`, or `step` and `score` (higher is better, named by `score_name`; `selection`
    the score that chooses the step, `best_step` the step it has chosen), and those of type "canary". The score of step
    0 is the model before training and is drawn as a line to beat. Other events are passed over.
    """
    listed = list(events)
    losses, scores, chooses = (series(listed, key) for key in ("loss", "score", "selection"))
    score_name = next((str(e["score_name"]) for e in listed if e.get("score_name")), "held-out score")
    kept = next((int(e["best_step"]) for e in reversed(listed) if isinstance(e.get("best_step"), int)), 0)
    seen = canary_panel.looks(listed)
    rows = 3 if seen else 2
    figure = make_subplots(rows=rows, cols=1, shared_xaxes=True, vertical_spacing=0.28 / rows)
    _losses(figure, losses, theme)
    _scores(figure, scores, chooses, theme)
    _marks(figure, scores, kept, theme)
    heading(figure, "training loss, nats: lower is better", theme)
    heading(figure, f"{escape(score_name, 60)} on held-out rows: higher is better", theme, 2)
    if seen:
        canary_panel.draw(figure, seen, theme, 3)
    figure.update_xaxes(showgrid=False, fixedrange=True, rangemode="tozero")
    figure.update_xaxes(title_text="step", row=rows, col=1)
    figure.update_yaxes(nticks=4, fixedrange=True)
    figure.update_layout(showlegend=False, hovermode="x", margin={"t": 80})
    chosen = " · ○ on the rows that choose the step" if chooses else ""
    return finish(
        figure,
        theme,
        title="The run so far",
        subtitle=f"thin: every step · thick: smoothed · ◆ measured on rows that training never sees{chosen}",
        alt=_curves_alt(losses, scores, score_name, kept, seen),
        height=540 if seen else 400,
    )


def _losses(figure: go.Figure, losses: Sequence[tuple[int, float]], theme: Theme) -> None:
    """Every step thin, smoothed thick."""
    p = palette(theme)
    steps, values = [x for x, _ in losses], [y for _, y in losses]
    raw = {"color": faded(p.kept, 0.35), "width": 1}
    figure.add_trace(go.Scatter(x=steps, y=values, mode="lines", line=raw, hoverinfo="skip"), row=1, col=1)
    figure.add_trace(
        go.Scatter(
            x=steps,
            y=smoothed(values),
            mode="lines",
            line={"color": p.kept, "width": 2},
            customdata=values,
            hovertemplate="step %{x}: %{customdata:.4f} nats, smoothed %{y:.4f}<extra></extra>",
        ),
        row=1,
        col=1,
    )


def _scores(
    figure: go.Figure, scores: Sequence[tuple[int, float]], chooses: Sequence[tuple[int, float]], theme: Theme
) -> None:
    """The held-out score; thinner, the score on the selection rows."""
    p = palette(theme)
    kinds = (
        (scores, "held out", p.after, 2, "diamond", 8, "solid"),
        (chooses, "selection", p.quiet, 1, "circle-open", 6, "dot"),
    )
    for series, name, colour, width, symbol, size, dash in kinds:
        figure.add_trace(
            go.Scatter(
                x=[x for x, _ in series],
                y=[y for _, y in series],
                name=name,
                mode="lines+markers",
                line={"color": colour, "width": width, "dash": dash},
                marker={"symbol": symbol, "size": size, "line": {"color": p.paper, "width": 1}},
                hovertemplate=f"step %{{x}}: {name} %{{y:.3f}}<extra></extra>",
            ),
            row=2,
            col=1,
        )


def series(events: Sequence[Mapping[str, Any]], key: str) -> list[tuple[int, float]]:
    """(step, value) by step; a step written twice (a resumed run) counts as it was written last."""
    found: dict[int, float] = {}
    for event in events:
        step, value = event.get("step"), event.get(key)
        if isinstance(step, int) and isinstance(value, int | float) and np.isfinite(value):
            found[step] = float(value)
    return sorted(found.items())


def smoothed(values: Sequence[float]) -> list[float]:
    """An exponential mean of what went before, corrected for its beginning at nothing, as in Adam."""
    out, mean = [], 0.0
    for i, value in enumerate(values, start=1):
        mean = SMOOTH * mean + (1 - SMOOTH) * value
        out.append(mean / (1 - SMOOTH**i))
    return out


def _marks(figure: go.Figure, scores: Sequence[tuple[int, float]], kept: int, theme: Theme) -> None:
    """Where it began (a line to beat), and the step that would be kept now with its number."""
    if not scores:
        return
    p = palette(theme)
    if scores[0][0] == 0:
        figure.add_hline(y=scores[0][1], line={"color": p.before, "width": 1.5, "dash": "dot"}, row=2, col=1)
        note(
            figure,
            f"○ before {number(scores[0][1], places=3)}",
            theme,
            xref="x2 domain",
            yref="y2",
            x=1,
            y=scores[0][1],
            xanchor="right",
            yanchor="bottom",
            font={"size": 11, "color": p.before},
        )
    if kept and kept in dict(scores):
        note(
            figure,
            f"◆ kept {number(dict(scores)[kept], places=3)}",
            theme,
            xref="x2",
            yref="y2",
            x=kept,
            y=dict(scores)[kept],
            yanchor="bottom",
            yshift=6,
            font={"size": 11, "color": p.after},
        )


def _curves_alt(
    losses: Sequence[tuple[int, float]],
    scores: Sequence[tuple[int, float]],
    score_name: str,
    kept: int,
    seen: Sequence[canary_panel.Event],
) -> str:
    if not losses and not scores:
        return "No step has been trained yet."
    parts = []
    if losses:
        last = smoothed([value for _, value in losses])[-1]
        parts.append(
            f"Training loss from {number(losses[0][1])} to {number(last)} nats over {count(losses[-1][0], 'step')}"
        )
    if scores:
        held_out = f"{score_name} from {number(scores[0][1], places=3)} to {number(scores[-1][1], places=3)}"
        at_kept = dict(scores).get(kept) if kept else None
        parts.append(held_out + (f", kept {number(at_kept, places=3)} at step {kept:,}" if at_kept is not None else ""))
    return "; ".join(parts) + "." + (f" {canary_panel.words(seen)}" if seen else "")
