"""What a report is made from, in the tests: the made comparison, its maps, and a map of all its words."""

import numpy as np

from embedlab.comparing.overview import Overview
from embedlab.measure.overview import Sampled
from embedlab.report.gallery import Shelf
from embedlab.types import Comparison
from tests.made import made


def overview_of(comparison: Comparison, layer: int = -1) -> Overview:
    """Every word at a place of its own: on a circle before, moved outwards by its change after."""
    n, at = len(comparison.words.words), layer % len(comparison.layers)
    turn = 2 * np.pi * np.arange(n) / n
    before = np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32)
    change = comparison.words.change[at]
    sampled = Sampled(0.91, (0.9, 0.92), n, n)
    return Overview(
        comparison.id, "words", at, comparison.layers[at].name, comparison.words.k, 0,
        np.arange(n), before, before * (1 + change[:, None]), before, before,
        change, comparison.words.drift[at], np.full(n, -1, dtype=np.int16), (),
        landmarks=None, left_out=0, trust_before=sampled, trust_after=sampled, continuity_before=sampled,
        continuity_after=sampled, real_move=0.4, placebo_move=0.1,
    )  # fmt: skip


def shelf_of(comparison: Comparison, maps: object = (), *, overview: bool = False) -> Shelf:
    """A shelf of a comparison and the maps that `made` gives with it."""
    listed = tuple(maps.values()) if isinstance(maps, dict) else tuple(maps)  # type: ignore[call-overload]
    return Shelf(comparison, listed, overview_of(comparison) if overview else None)


def made_shelf(copies: int = 4, *, overview: bool = False) -> Shelf:
    """The shelf of the made comparison."""
    return shelf_of(*made(copies=copies), overview=overview)


def texts_of(comparison: Comparison) -> list[str]:
    return [use.text for use in comparison.uses.occurrences]
