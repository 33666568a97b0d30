"""The small line under a slider over the frames of a run: where along the training it is worth looking."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from embedlab.figures.style import Theme, finish, note, palette
from embedlab.types import Frame
from embedlab.wording import number

NEAR, APART = 0.15, 7  # names at the ends of lines that end so near each other are moved so many pixels apart


def frames_line(
    frames: Sequence[Frame], neighbours_kept: Mapping[int, float], at: int, theme: Theme = "light"
) -> go.Figure:
    """Held-out score and canary neighbours kept, step by step, both as shares of one; the chosen step marked.

    `neighbours_kept`: step -> mean Jaccard of the canary's nearest now and at the start (A14), of every evaluation.
    """
    p = palette(theme)
    scored = [(frame.step, frame.score) for frame in frames if frame.score is not None]
    kept = sorted(neighbours_kept.items())
    figure = go.Figure()
    lines = (
        (scored, "held-out score", p.after, "diamond", "solid"),
        (kept, "canary neighbours kept", p.kept, "triangle-up", "dot"),
    )
    ends = [values[-1][1] for values, *_ in lines if values]
    near = len(ends) == 2 and abs(ends[0] - ends[1]) < NEAR
    for values, name, colour, symbol, dash in lines:
        figure.add_trace(
            go.Scatter(
                x=[step for step, _ in values],
                y=[value for _, value in values],
                name=name,
                mode="lines+markers",
                line={"color": colour, "width": 1.5, "dash": dash},
                marker={"symbol": symbol, "size": 7, "color": colour, "line": {"color": p.paper, "width": 1}},
                hovertemplate=f"step %{{x}}: {name} %{{y:.3f}}<extra></extra>",
            )
        )
        if values:
            note(
                figure, name, theme, xref="paper", x=1, y=values[-1][1], xanchor="left", xshift=6,
                yshift=0 if not near else APART if (values is scored) == (ends[0] >= ends[1]) else -APART,
                font={"size": 11, "color": colour},
            )  # fmt: skip
    figure.add_vline(x=at, line={"color": p.ink, "width": 1.5, "dash": "dot"})
    last = max([frame.step for frame in frames] + [step for step, _ in kept], default=1)
    figure.update_xaxes(range=[-0.02 * last, 1.02 * last], showgrid=False, fixedrange=True, nticks=6)
    figure.update_yaxes(range=[-0.04, 1.08], tickvals=[0, 0.5, 1], ticktext=["0", ".5", "1"], fixedrange=True)
    figure.update_layout(showlegend=False, hovermode="x")
    finish(
        figure,
        theme,
        title="Along the training",
        subtitle="held-out score and canary neighbours kept, by step; dotted: the step shown",
        alt=_words(scored, kept, at),
        height=170,
    )
    figure.update_layout(margin={"t": 60, "r": 150, "b": 24})
    return figure


def _words(scored: Sequence[tuple[int, float]], kept: Sequence[tuple[int, float]], at: int) -> str:
    parts = [f"Step {at:,} is shown"]
    for values, name in ((scored, "held-out score"), (kept, "canary neighbours kept")):
        if values:
            listed = ", ".join(f"{number(value, places=2)} at {step:,}" for step, value in values)
            parts.append(f"{name}: {listed}")
    return "; ".join(parts) + "."
