"""What the canary of a run saw, as one panel under its curves: three lines over the same steps, and the first alarm."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from embedlab.figures.style import Theme, heading, note, palette
from embedlab.wording import number

Event = Mapping[str, Any]


def looks(events: Iterable[Event]) -> list[Event]:
    """The canary's events by step; a step looked at twice (a resumed run) counts as it was last."""
    found = {event["step"]: event for event in events if event.get("type") == "canary"}
    return [found[step] for step in sorted(found)]


def draw(figure: go.Figure, seen: Sequence[Event], theme: Theme, row: int) -> None:
    """Mean cosine, neighbours kept and effective rank (as a share of the start's) in one panel; where it first rang."""
    p = palette(theme)
    start_rank = seen[0].get("effective_rank")
    lines = (
        ("●", "mean cosine", "circle", p.lost, "solid", [_value(event, "mean_cosine") for event in seen]),
        ("▲", "neighbours kept", "triangle-up", p.kept, "solid", [_value(event, "neighbours_kept") for event in seen]),
        ("■", "effective rank ÷ start's", "square", p.quiet, "dot", [_share(event, start_rank) for event in seen]),
    )
    for _, name, symbol, colour, dash, values in lines:
        figure.add_trace(
            go.Scatter(
                x=[event["step"] for event in seen],
                y=values,
                name=name,
                mode="lines+markers",
                line={"color": colour, "width": 1.5, "dash": dash},
                marker={"symbol": symbol, "size": 7, "line": {"color": p.paper, "width": 1}},
                hovertemplate=f"step %{{x}}: {name} %{{y:.3f}}<extra></extra>",
            ),
            row=row,
            col=1,
        )
    words = " · ".join(f"<span style='color:{colour}'>{mark} {name}</span>" for mark, name, _, colour, _, _ in lines)
    heading(figure, f"canary, {seen[0]['texts']} texts far from the task: {words}", theme, row)
    first = next((event["step"] for event in seen if event.get("alarms")), None)
    if first is not None:
        figure.add_vline(x=first, line={"color": p.lost, "width": 1.5, "dash": "dot"}, row=row, col=1)
        note(
            figure,
            f"first alarm: step {first:,}",
            theme,
            xref=f"x{row}",
            yref=f"y{row} domain",
            x=first,
            y=0,
            xanchor="left",
            yanchor="bottom",
            xshift=3,
            font={"size": 11, "color": p.lost},
        )


def words(seen: Sequence[Event]) -> str:
    """The panel in one sentence, with what the last alarm said."""
    first, last = seen[0], seen[-1]
    text = (
        f"Canary of {first['texts']} texts: mean cosine from {number(first['mean_cosine'], places=3)} to "
        f"{number(last['mean_cosine'], places=3)}, effective rank from {number(first['effective_rank'], places=0)} to "
        f"{number(last['effective_rank'], places=0)}, neighbours kept {number(last['neighbours_kept'], places=2)}"
    )
    rang = [event for event in seen if event.get("alarms")]
    if not rang:
        return f"{text}; no alarm."
    return f"{text}; first alarm at step {rang[0]['step']:,}. {' '.join(rang[-1]['alarms'])}"


def _value(event: Event, key: str) -> float | None:
    value = event.get(key)
    return float(value) if isinstance(value, int | float) else None


def _share(event: Event, start: float | None) -> float | None:
    value = _value(event, "effective_rank")
    return value / start if value is not None and start else None
