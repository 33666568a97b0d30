"""The map of everything as a pane: what the browser draws where there are more points than plotly can carry."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32

from embedlab.comparing.overview import Overview
from embedlab.comparing.overview_columns import Column
from embedlab.figures.pane import Colouring, Pane
from embedlab.wording import trim

NAMED = 200_000  # points up to which every one carries its name to the browser
NAME_LETTERS = 80


def overview_pane(
    overview: Overview,
    columns: Sequence[Column],
    names: Sequence[str],
    *,
    muted: Bool[np.ndarray, "n"] | None = None,
    weight: Float32[np.ndarray, "n"] | None = None,
) -> Pane:
    """Both states in one frame, every column as a colouring (the first one shown), the placebo beside them."""
    return Pane(
        frames=(overview.before, overview.after),
        frame_names=("before", "after"),
        colourings=tuple(_colouring(column) for column in columns),
        ids=overview.rows,
        names=None if len(overview) > NAMED else tuple(trim(name, NAME_LETTERS) for name in names),
        weights=weight,
        opacity=None,
        cosines=None,
        muted=muted,
        placebo=(overview.placebo_before, overview.placebo_after),
    )


def _colouring(column: Column) -> Colouring:
    if column.codes is not None:
        return Colouring(column.name, codes=column.codes.astype(np.uint8), categories=column.categories)
    return Colouring(column.name, values=column.values, low=column.low, high=column.high)
