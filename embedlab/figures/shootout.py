"""Recipes against each other: what each gains on the task, and what it stirs far from it."""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np
import plotly.graph_objects as go

from embedlab.figures.style import Theme, escape, faded, finish, note, palette, sense_colour, sense_shape
from embedlab.wording import count, number, signed

NAME = 46  # characters of a recipe's name that are drawn
OUT = 100  # a name that leaves the plot is worse than one that covers any number of others
SIDES = (("right", "middle"), ("left", "middle"), ("center", "bottom"), ("center", "top"))  # of a label at its mean


class Shot(Protocol):
    """One finished run of a recipe: what it gained and what it stirred."""

    @property
    def recipe(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def gain(self) -> float: ...
    @property
    def collateral(self) -> float | None: ...


AnyShot = TypeVar("AnyShot", bound=Shot)


def by_recipe(shots: Sequence[AnyShot]) -> dict[str, list[AnyShot]]:
    """The shots of every recipe by seed, recipes in the order they are first met."""
    found: dict[str, list[AnyShot]] = {}
    for shot in shots:
        found.setdefault(shot.recipe, []).append(shot)
    return {recipe: sorted(same, key=lambda shot: shot.seed) for recipe, same in found.items()}


def means(shots: Sequence[Shot]) -> tuple[float, float]:
    """(collateral, gain) of a recipe: the mean over its seeds, all of them watched by a canary."""
    return float(np.mean(_collateral(shots))), float(np.mean([shot.gain for shot in shots]))


def _collateral(shots: Sequence[Shot]) -> list[float]:
    return [shot.collateral for shot in shots if shot.collateral is not None]


def shootout(shots: Sequence[Shot], theme: Theme = "light") -> go.Figure:
    """One point a seed, the recipe's mean as a cross with its name; up and to the left is better.

    x: collateral change, 1 - mean Jaccard of the canary's neighbours at the start and at the kept step (A14);
    y: task gain, held-out score kept - before. A run without a canary has no place here and is left out.
    """
    p = palette(theme)
    shots = [shot for shot in shots if shot.collateral is not None]
    recipes = by_recipe(shots)
    figure = go.Figure()
    for index, (recipe, same) in enumerate(recipes.items()):
        colour, name = sense_colour(index, theme), escape(recipe, NAME)
        x, y = means(same)
        mark = {"color": colour, "symbol": sense_shape(index), "size": 9, "line": {"color": p.paper, "width": 1}}
        figure.add_trace(
            go.Scatter(
                x=_collateral(same),
                y=[shot.gain for shot in same],
                name=name,
                mode="markers",
                marker=mark,
                customdata=[shot.seed for shot in same],
                hovertemplate=f"{name}, seed %{{customdata}}: gain %{{y:+.3f}}, collateral %{{x:.3f}}<extra></extra>",
            )
        )
        figure.add_trace(
            go.Scatter(
                x=[x],
                y=[y],
                name=f"mean of {name}",
                mode="markers",
                marker={"symbol": "cross-thin", "size": 17, "line": {"color": colour, "width": 2.5}},
                hovertemplate=f"{name}, mean of {len(same)}: gain %{{y:+.3f}}, collateral %{{x:.3f}}<extra></extra>",
            )
        )
    _labels(figure, recipes, theme)
    _corner(figure, shots, theme)
    figure.update_xaxes(title_text="collateral change of the canary; 0: nothing off the task moved", fixedrange=True)
    figure.update_yaxes(title_text="gain in the held-out score", fixedrange=True)
    figure.update_layout(showlegend=False, margin={"b": 48, "r": 30})
    return finish(
        figure,
        theme,
        title="Task gain against collateral change",
        subtitle="a point: one seed · a cross: the mean of a recipe · up and to the left is better",
        alt=_alt(recipes),
        height=440,
    )


def _spread(values: Sequence[float], with_zero: bool) -> tuple[float, float]:
    """Ends of an axis that holds all values, zero where asked, and some air."""
    low, high = min([*values, *([0.0] if with_zero else [])]), max([*values, *([0.0] if with_zero else [])])
    air = 0.14 * (high - low) or 0.05
    return low - air, high + air


def _corner(figure: go.Figure, shots: Sequence[Shot], theme: Theme) -> None:
    """The line of no gain, and the corner one wants to be in."""
    p = palette(theme)
    left, right = _spread(_collateral(shots), with_zero=True)
    bottom, top = _spread([shot.gain for shot in shots], with_zero=True)
    figure.update_xaxes(range=[max(left, -0.02), right])
    figure.update_yaxes(range=[bottom, top])
    figure.add_shape(
        type="rect", xref="x domain", yref="y domain", x0=0, x1=0.24, y0=0.72, y1=1, layer="below",
        fillcolor=faded(p.gained, 0.08), line={"width": 0},
    )  # fmt: skip
    note(
        figure, "↖ gain without collateral", theme, xref="x domain", yref="y domain", x=0, y=1, xanchor="left",
        yanchor="top", xshift=6, yshift=-3, font={"size": 12, "color": p.gained},
    )  # fmt: skip
    figure.add_hline(y=0, line={"color": p.before, "width": 1.5, "dash": "dot"})
    note(
        figure, "no gain", theme, xref="x domain", x=1, y=0, xanchor="right", yanchor="bottom",
        font={"size": 11, "color": p.before},
    )  # fmt: skip


def _labels(figure: go.Figure, recipes: Mapping[str, Sequence[Shot]], theme: Theme) -> None:
    """The name of every recipe at its mean, on the side where it covers the fewest points and names so far."""
    centres = {recipe: means(same) for recipe, same in recipes.items()}
    points = list(centres.values())
    for same in recipes.values():
        points += zip(_collateral(same), [shot.gain for shot in same], strict=True)
    wide, tall = (max(axis) - min(0.0, *axis) or 1.0 for axis in zip(*points, strict=True)) if points else (1.0, 1.0)
    taken: list[tuple[float, float, float, float]] = [(x / wide, y / tall, x / wide, y / tall) for x, y in points]
    for recipe, (x, y) in centres.items():
        name = escape(recipe, NAME)
        boxes = [_box(x / wide, y / tall, 0.011 * min(len(recipe), NAME), side) for side in SIDES]
        covered = [sum(_meets(box, other) for other in taken) + OUT * (box[0] < -0.02 or box[2] > 1.1) for box in boxes]
        side = covered.index(min(covered))
        taken.append(boxes[side])
        across, along = SIDES[side]
        note(
            figure, name, theme, x=x, y=y,
            xanchor={"right": "left", "left": "right"}.get(across, "center"), yanchor=along,
            xshift={"right": 12, "left": -12}.get(across, 0), yshift={"bottom": 11, "top": -11}.get(along, 0),
            font={"size": 12, "color": palette(theme).ink},
        )  # fmt: skip


def _box(x: float, y: float, width: float, side: tuple[str, str]) -> tuple[float, float, float, float]:
    """(left, bottom, right, top) of a label beside (x, y), in shares of the plot."""
    gap, half = 0.02, 0.02
    across, along = side
    left = {"right": x + gap, "left": x - gap - width}.get(across, x - width / 2)
    bottom = {"bottom": y + gap, "top": y - gap - 2 * half}.get(along, y - half)
    return left, bottom, left + width, bottom + 2 * half


def _meets(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _alt(recipes: Mapping[str, Sequence[Shot]]) -> str:
    if not recipes:
        return "No recipe has been run on this corpus with a canary yet."
    said = []
    for recipe, same in recipes.items():
        collateral, gain = means(same)
        said.append(
            f"{recipe} over {count(len(same), 'seed')}: gain {signed(gain, places=3)}, collateral "
            f"{number(collateral, places=2)}"
        )
    return "; ".join(said) + "."
