"""The uses of one word as a table to take away: every use with its change, and where it lies on the map."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float64

from embedlab.comparing.wordview import WordMap, WordView

if TYPE_CHECKING:
    import pandas as pd


def uses_table(view: WordView, map_: WordMap | None, selected: frozenset[int] = frozenset()) -> "pd.DataFrame":
    """The selected uses (ids), or all where none is, with what is known of them: a row a use.

    With a map: where each lies on it, and how much of its neighbourhood there is true.
    """
    import pandas as pd

    at = [i for i, id in enumerate(view.ids.tolist()) if id in selected] or list(range(len(view.uses)))
    uses = [view.uses[i] for i in at]
    made = pd.DataFrame(
        {
            "row": pd.array([use.row for use in uses], dtype="Int64"),
            "word": view.word,
            "surface": [use.surface for use in uses],
            "sense": [use.sense for use in uses],
            "text": [use.text for use in uses],
            "start": [use.start for use in uses],
            "end": [use.end for use in uses],
            "held_out": view.held_out[at],
            "layer": view.layer_name,
            "change": view.change[at].astype(float),
            "noise": view.noise[at].astype(float),
            "drift": view.drift[at].astype(float),
        }
    )
    for name, side in (("found_before", view.predicted_before), ("found_after", view.predicted_after)):
        made[name] = [side[i] for i in at] if side else None
    if map_ is not None:
        names = ("before", *(f"step_{step}" for step in map_.steps), "after")
        for name, places in zip(names, map_.frames, strict=True):
            for axis, letter in enumerate("xy"):
                made[f"map_{letter}_{name}"] = _placed(view, map_, places[:, axis])[at]
    if map_ is not None and map_.agreement is not None:
        for name, agreed in zip(("map_trust_before", "map_trust_after"), map_.agreement, strict=True):
            made[name] = _placed(view, map_, agreed)[at]
    if map_ is not None and map_.clusters is not None:
        for name, found in zip(("cluster_before", "cluster_after"), map_.clusters, strict=True):
            number = np.zeros(len(view.uses), dtype=np.int64)
            number[map_.drawn] = found.of + 1
            made[name] = pd.array([int(number[i]) or None for i in at], dtype="Int64")
    return made


def _placed(view: WordView, map_: WordMap, values: Float[np.ndarray, "point"]) -> Float64[np.ndarray, "use"]:
    """Numbers of the drawn points as numbers of all uses, NaN for those that were not drawn."""
    found = np.full(len(view.uses), np.nan)
    found[map_.drawn] = values
    return found
