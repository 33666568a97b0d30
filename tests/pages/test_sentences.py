"""Sentences of the pages that depend on numbers: each says no more than its numbers do."""

from dataclasses import replace

import numpy as np
import pytest

from embedlab.types import Comparison
from embedlab.ui import jobs, words
from tests.made import made


def asked(change: float, noise: float, q: float) -> tuple[Comparison, int]:
    """The made comparison with these numbers for its first word at the last layer."""
    comparison, _ = made(copies=1)
    table = comparison.words
    assert table.noise is not None
    assert table.q is not None
    arrays = {name: np.array(getattr(table, name)) for name in ("change", "noise", "q")}
    for name, value in (("change", change), ("noise", noise), ("q", q)):
        arrays[name][-1, 0] = value
    return replace(comparison, words=replace(table, **arrays)), len(comparison.layers) - 1


@pytest.mark.parametrize(
    ("change", "noise", "q", "said"),
    [
        (0.75, 0.63, 0.01, ", more than its noise of .63 (q .010)"),
        (0.63, 0.63, 0.01, ", within its noise of .63 (q .010)"),
        (0.75, 0.63, 1.0, ", above its noise of .63, yet no evidence among so many words (q 1.00)"),
        (0.75, np.nan, np.nan, ", noise unknown"),
    ],
)
def test_a_change_above_its_floor_is_never_said_to_lie_within_it(
    change: float, noise: float, q: float, said: str
) -> None:
    comparison, last = asked(change, noise, q)
    assert words.against_noise(comparison, last, 0) == said


def test_the_time_left_is_a_sentence_when_it_is_not_known() -> None:
    assert jobs.left(None) == "time left not known yet"
    assert jobs.left(200) == "3 min left"
