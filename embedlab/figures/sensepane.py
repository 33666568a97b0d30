"""The uses of a word as a pane: two linked maps, several colourings, trust as opacity, true cosines for the hover."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from embedlab.comparing.wordview import WordMap, WordView
from embedlab.figures.maps import NO_SENSE
from embedlab.figures.pane import PAIRED, Colouring, Pane, cosine_bytes
from embedlab.measure.agreement import Clusters
from embedlab.measure.rows import unit
from embedlab.wording import in_context, percent

FAINTEST = 0.25  # opacity of a point none of whose map neighbours is a true one: still seen, still to be picked
READ = ("right before and after", "right only after", "right only before", "right neither time")


def sense_pane(view: WordView, map_: WordMap, *, named: bool = False, trust: bool = True) -> Pane:
    """The map of a view. Ids are those of the view; names are short contexts; within noise is muted.

    Colourings, the first shown first: the sense (`named`: as a person named them), the change in the true space,
    whether the nearest sense centroid is right, the clusters of the vectors before and after. `trust`: a point is as
    opaque as its map neighbours are true (mean of both maps).
    """
    opacity = None
    if trust and map_.agreement is not None:
        opacity = (FAINTEST + (1 - FAINTEST) * np.mean(map_.agreement, axis=0)).astype(np.float32)
    within = view.within[map_.drawn]
    return Pane(
        frames=tuple(np.ascontiguousarray(frame, dtype=np.float32) for frame in map_.frames),
        frame_names=("before", *(f"step {step:,}" for step in map_.steps), "after"),
        colourings=colourings(view, map_, named=named),
        ids=np.ascontiguousarray(view.ids[map_.drawn], dtype=np.int64),
        names=tuple(point_name(view, int(i)) for i in map_.drawn),
        weights=None,
        opacity=opacity,
        cosines=_cosines(view, map_),
        muted=within if within.any() else None,
        placebo=map_.placebo,
    )


def _cosines(
    view: WordView, map_: WordMap
) -> tuple[UInt8[np.ndarray, "point point"], UInt8[np.ndarray, "point point"]] | None:
    """The true cosines of all pairs, before and after; None where the vectors are not here, or there are too many."""
    if view.before is None or view.after is None or len(map_.drawn) > PAIRED:
        return None
    rows = [unit(side[map_.drawn]).astype(np.float32) for side in (view.before, view.after)]
    return cosine_bytes(rows[0] @ rows[0].T), cosine_bytes(rows[1] @ rows[1].T)


def colourings(view: WordView, map_: WordMap, *, named: bool = False) -> tuple[Colouring, ...]:
    """What the points may be coloured by; where no sense is known the clusters lead."""
    change = view.change[map_.drawn].astype(np.float32)
    found = [Colouring("change", values=change, low=0.0, high=1.0)]
    senses = [view.uses[i].sense for i in map_.drawn]
    if any(sense is not None for sense in senses):
        order = sense_order(view.senses)
        codes = np.array([order.index(sense or NO_SENSE) for sense in senses])
        found.insert(0, _by_name("sense you named" if named else "sense", codes, order))
    if view.predicted_before and view.predicted_after:
        found.append(_by_name("sense found", _read(view, map_), READ))
    if map_.clusters is not None:
        both = [
            _by_name(f"cluster {side}", clusters.of, cluster_names(clusters, senses))
            for side, clusters in zip(("before", "after"), map_.clusters, strict=True)
        ]
        found = [*found, *both] if any(senses) else [both[1], both[0], *found]
    return tuple(found)


def _by_name(name: str, codes: np.ndarray, categories: Sequence[str]) -> Colouring:
    """Codes as one byte; a list too long for that keeps its most frequent names, the others are one group."""
    if len(categories) > 255:
        codes = np.minimum(codes, 254)
        categories = (*categories[:254], "other")
    return Colouring(name, codes=codes.astype(np.uint8), categories=tuple(categories))


def sense_order(senses: Sequence[str | None]) -> list[str]:
    """The senses, the most frequent first, uses without one last: their order decides colour and shape everywhere."""
    names = [sense or NO_SENSE for sense in senses]
    return sorted(set(names), key=lambda name: (name == NO_SENSE, -names.count(name), name))


def _read(view: WordView, map_: WordMap) -> np.ndarray:
    """Of every drawn use: whether the nearest centroid names its sense, before and after (a place in READ)."""
    right = [
        np.array([side[i] != "" and side[i] == view.uses[i].sense for i in map_.drawn])
        for side in (view.predicted_before, view.predicted_after)
    ]
    return np.where(right[0], np.where(right[1], 0, 2), np.where(right[1], 1, 3))


def cluster_names(clusters: Clusters, senses: Sequence[str | None]) -> tuple[str, ...]:
    """`1: riverside 92 %`: a cluster by its number and its commonest sense; the number alone where none is known."""
    names = []
    for number in range(clusters.many):
        members = [senses[i] for i in np.flatnonzero(clusters.of == number).tolist()]
        known = [sense for sense in members if sense is not None]
        if not known:
            names.append(f"{number + 1}")
            continue
        most = max(sorted(set(known)), key=known.count)
        names.append(f"{number + 1}: {most} {percent(known.count(most) / len(members))}")
    return tuple(names)


def point_name(view: WordView, at: int) -> str:
    """A use for hover and screen readers: its sense, then the word in its context."""
    use = view.uses[at]
    left, word, right = in_context(use.text, use.start, use.end, 46)
    return f"{use.sense}: {left}{word}{right}" if use.sense else f"{left}{word}{right}"
