"""The pane as a component: what it is told of the selection, and what it takes from the browser."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from embedlab.figures.pane import pack_text
from embedlab.ui import pane


def page() -> None:
    """A page with nothing but a pane of three points, two ids of its selection and one that is not there."""
    import numpy as np

    from embedlab.figures.pane import Pane
    from embedlab.ui import pane

    frame = np.eye(3, 2, dtype=np.float32)
    points = Pane((frame, frame), ("before", "after"), (), np.array([2, 5, 9]))
    pane.show(points, key="map", selected=[9, 4, 2], label="Three points")


def test_a_page_with_a_pane_runs_without_a_browser() -> None:
    app = AppTest.from_function(page).run(timeout=30)
    assert not app.exception


def test_only_ids_that_are_there_are_told_to_the_browser() -> None:
    ids = np.array([2, 5, 9])
    assert pane._positions(ids, [9, 4, 2, 2, 100]).tolist() == [0, 2]
    assert pane._positions(ids, ()).tolist() == []
    assert pane._positions(np.empty(0, dtype=np.int64), [1]).tolist() == []


@pytest.mark.parametrize(("digest", "expected"), [("now", (5, 9)), ("before", None)])
def test_a_selection_counts_only_in_the_points_that_are_shown(
    monkeypatch: pytest.MonkeyPatch, digest: str, expected: tuple[int, ...] | None
) -> None:
    packed = pack_text(np.array([1, 2]), 3)
    session: dict[str, Any] = {"map-pane": {"picked": {"at": 7, "digest": digest, "packed": packed}}}
    monkeypatch.setattr(pane, "st", SimpleNamespace(session_state=session))
    told: list[object] = []
    pane._picked("map", "now", np.array([2, 5, 9]), lambda rows: told.append(tuple(rows.tolist())))
    assert session["map-at"] == 7
    assert told == ([] if expected is None else [expected])
    pane._picked("map", "now", np.array([2, 5, 9]), None)
    assert session.get("map-selected") == expected
