"""The plan of a run as a picture: which group of the model trains when, at which rate; and the same as rows."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import plotly.graph_objects as go

from embedlab.figures.style import Theme, escape, finish, note, palette
from embedlab.training.plans import Span
from embedlab.training.schedules import share_of_rate
from embedlab.types import RunConfig

BINS = 60  # columns a stage is drawn in, so that the rise and fall of its rate show
DECADES = 1.5  # below the slowest peak, where the colours end: a linear decay ends at nothing, which no log scale shows
LABELLED = 0.09  # share of the axis below which a stage has no room for its words


def timeline(config: RunConfig, spans: Sequence[Span], groups: Sequence[str], theme: Theme = "light") -> go.Figure:
    """Groups bottom to top over steps; the colour is the learning rate on a log scale, grey is frozen.

    `spans`: what trains when (plans.timeline); `groups`: every group of the model, bottom to top, so that the frozen
    ones are seen too. Dotted: where a stage ends.
    """
    p = palette(theme)
    names = [escape(name, 30) for name in groups]
    bounds = [0, *(stage.until_step for stage in config.stages)]
    peaks = [span.rates[1] for span in spans]
    low, high = np.log10(min(peaks)) - DECADES, np.log10(max(peaks))
    figure = go.Figure(_frozen(spans, groups, bounds, theme))
    for number in range(len(config.stages)):
        figure.add_trace(_stage(config, number, [s for s in spans if s.stage == number], groups, (low, high)))
    ticks = sorted({round(float(np.log10(rate)), 6) for rate in peaks} | set(range(int(np.ceil(low)), int(high) + 1)))
    figure.update_layout(
        showlegend=False,
        margin={"b": 44},
        coloraxis={
            "colorscale": [[0, _mixed(p.low, p.high, 0.25)], [1, p.high]],
            "cmin": low,
            "cmax": high,
            "colorbar": {
                "title": {"text": "rate", "font": {"size": 11, "color": p.quiet}},
                "tickvals": _apart(ticks, (high - low) / 8),
                "ticktext": [rate_words(10**tick) for tick in _apart(ticks, (high - low) / 8)],
                "tickfont": {"size": 11, "color": p.quiet},
                "thickness": 10,
                "outlinewidth": 0,
            },
        },
    )
    _borders(figure, config, bounds, len(names), theme)
    figure.update_xaxes(title_text="step", range=[0, bounds[-1]], showgrid=False, fixedrange=True, nticks=6)
    figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=[name + " " for name in names],
        range=[-0.6, len(names) + 0.1],
        showgrid=False,
        fixedrange=True,
        tickfont={"size": 11, "color": p.ink},
    )
    said = [f"steps {row[0]}: {row[1]} at {row[2]} for {row[3]}" for row in timeline_rows(spans)]
    frozen = sorted(set(groups) - {span.group for span in spans}, key=list(groups).index)
    return finish(
        figure,
        theme,
        title="What trains when",
        subtitle="groups bottom to top · the stronger the colour, the higher the rate · thin and grey: frozen",
        alt="; ".join(said) + "." + (f" Never trained: {', '.join(frozen)}." if frozen else ""),
        height=150 + 21 * max(4, len(names)),
    )


def timeline_rows(spans: Sequence[Span]) -> list[tuple[str, str, str, str]]:
    """(steps, groups, learning rate, objective), one row for neighbouring groups that train alike."""
    rows = []
    for _, same in groupby(spans, key=lambda span: (span.stage, span.begin, span.end, span.rates, span.objective)):
        listed = list(same)
        first, last = listed[0], listed[-1]
        group = first.group if first is last else f"{first.group} to {last.group}"
        begin, peak, end = (rate_words(rate) for rate in first.rates)
        rate = peak if begin == peak == end else f"{begin} → {peak} → {end}"
        rows.append((f"{first.begin + 1:,} to {first.end:,}", group, rate, first.objective))
    return rows


def rate_words(rate: float) -> str:
    """A learning rate as the field writes it: 2e-5, 1.3e-6; 0."""
    if rate == 0:
        return "0"
    digits, exponent = f"{rate:.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(exponent)}"


def _stage(
    config: RunConfig, number: int, spans: Sequence[Span], groups: Sequence[str], ends: tuple[float, float]
) -> go.Heatmap:
    """One stage: a row a group, a column a bin of steps, the log10 of the rate in the middle of the bin."""
    stage = config.stages[number]
    begin = config.stages[number - 1].until_step if number else 0
    steps = stage.until_step - begin
    edges = np.linspace(0, steps, min(BINS, steps) + 1)
    middles = np.floor((edges[:-1] + edges[1:]) / 2).astype(int)
    shares = [share_of_rate(stage.schedule, int(step), steps, config.warmup) for step in middles]
    values: list[list[float | None]] = [[None] * len(shares) for _ in groups]
    words = [[""] * len(shares) for _ in groups]
    for span in spans:
        row = list(groups).index(span.group)
        for column, share in enumerate(shares):
            rate = span.rates[1] * share
            values[row][column] = max(ends[0], float(np.log10(rate))) if rate > 0 else ends[0]
            words[row][column] = f"step {begin + middles[column] + 1:,}: {escape(span.group, 30)} at {rate_words(rate)}"
    return go.Heatmap(
        x=(begin + edges).tolist(),
        y=list(range(len(groups))),
        z=values,
        coloraxis="coloraxis",
        ygap=4,
        hoverongaps=False,
        text=words,
        hovertemplate="%{text}<extra></extra>",
    )


def _frozen(spans: Sequence[Span], groups: Sequence[str], bounds: Sequence[int], theme: Theme) -> go.Heatmap:
    """Grey where a group does not train, one cell a stage."""
    p = palette(theme)
    trained = {(span.group, span.stage) for span in spans}
    stages = range(len(bounds) - 1)
    return go.Heatmap(
        x=list(bounds),
        y=list(range(len(groups))),
        z=[[None if (group, stage) in trained else 1 for stage in stages] for group in groups],
        colorscale=[[0, p.line], [1, p.line]],
        showscale=False,
        ygap=12,
        hoverongaps=False,
        text=[[f"{escape(group, 30)}: frozen" for _ in stages] for group in groups],
        hovertemplate="%{text}<extra></extra>",
    )


def _borders(figure: go.Figure, config: RunConfig, bounds: Sequence[int], rows: int, theme: Theme) -> None:
    """A dotted line where a stage ends; above every stage that has room, its number, objective and schedule."""
    p = palette(theme)
    for stop in bounds[1:-1]:
        figure.add_vline(x=stop, line={"color": p.quiet, "width": 1.5, "dash": "dot"})
    several = len(config.stages) > 1
    for number, (stage, begin) in enumerate(zip(config.stages, bounds, strict=False), 1):
        share = (stage.until_step - begin) / bounds[-1]
        if share < LABELLED:
            continue
        full = f"{number} · {escape(stage.objective, 12)}, {stage.schedule}" if several else (
            f"{escape(stage.objective, 12)}, {stage.schedule}"
        )  # fmt: skip
        note(
            figure,
            full if share > 3 * LABELLED else str(number),
            theme,
            x=begin,
            y=rows - 0.5,
            xanchor="left",
            yanchor="bottom",
            xshift=3,
        )


def _mixed(low: str, high: str, share: float) -> str:
    """A colour on the way from `low` to `high`: slow must not look like frozen."""
    ends = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in (low, high)]
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(*ends, strict=True))
    return f"rgb({red},{green},{blue})"


def _apart(ticks: Sequence[float], least: float) -> list[float]:
    """Ticks at least so far apart, from the top down."""
    kept: list[float] = []
    for tick in reversed(ticks):
        if not kept or kept[-1] - tick >= least:
            kept.append(tick)
    return kept[::-1]
