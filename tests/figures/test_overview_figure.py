"""The map of everything as a figure: every item on both sides, kinds by shape too, names where there is room."""

import numpy as np
import plotly.graph_objects as go
import pytest

from embedlab.comparing.overview import Overview
from embedlab.comparing.overview_columns import Column
from embedlab.figures import alt_text
from embedlab.figures.overview import LABEL_HEIGHT, LABELS, how_drawn, kinds, overview_maps, room_for
from embedlab.figures.overview_pane import overview_pane
from embedlab.figures.pane import payload
from embedlab.measure.overview import Sampled

N = 60
BAD = "<img src=x onerror=alert(1)>"


def drawn(n: int = N, landmarks: int | None = None) -> Overview:
    rng = np.random.default_rng(0)
    places = [rng.normal(size=(n, 2)).astype(np.float32) for _ in range(4)]
    sampled = Sampled(0.91, (0.9, 0.92), 400, 5000)
    return Overview(
        "c", "words", 2, "layer 2", 10, 0, np.arange(n) * 2, *places, rng.random(n).astype(np.float32),
        rng.random(n).astype(np.float32), np.zeros(n, dtype=np.int16), ("a",), landmarks, 3, *[sampled] * 4, 0.2, 0.05,
    )  # fmt: skip


NAMES = [BAD, *(f"word{i}" for i in range(1, N))]
CHANGE = Column("change", "how much", values=drawn().change)
KINDS = Column("label", "which", codes=(np.arange(N) % 3).astype(np.int16), categories=("river", BAD, "none given"))


def shown(figure: go.Figure) -> list[list[int]]:
    """The rows of the points of each side."""
    sides: dict[str, list[int]] = {"x": [], "x2": []}
    for trace in figure.data:
        if trace.mode == "markers":
            sides[trace.xaxis or "x"] += [int(row[0]) for row in trace.customdata]
    return [sorted(rows) for rows in sides.values()]


@pytest.mark.parametrize("column", [CHANGE, KINDS])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_item_lies_on_both_sides_at_its_place(column: Column, theme: str) -> None:
    overview = drawn()
    muted = overview.change < 0.3
    figure = overview_maps(overview, column, NAMES, muted=muted, theme=theme)  # type: ignore[arg-type]
    assert shown(figure) == [overview.rows.tolist()] * 2
    for trace in figure.data:
        places = overview.before if (trace.xaxis or "x") == "x" else overview.after
        at = np.array([row[0] for row in trace.customdata]) // 2
        assert np.array_equal(np.column_stack([trace.x, trace.y]), places[at])
    assert figure.layout.xaxis.range == figure.layout.xaxis2.range
    assert "5,000" not in alt_text(figure)
    assert "60 words" in alt_text(figure)


def test_a_selection_greys_the_others_and_hides_none() -> None:
    overview = drawn()
    figure = overview_maps(overview, KINDS, NAMES, selected=[0, 2, 4])
    lit = {int(t.customdata[i][0]) for t in figure.data for i in t.selectedpoints}
    assert lit == {0, 2, 4}
    assert shown(figure) == [overview.rows.tolist()] * 2


def test_kinds_differ_by_shape_and_what_is_not_known_is_grey() -> None:
    look = {name: (colour, mark) for name, colour, mark in kinds(KINDS, "light")}
    assert look["river"][1] != look[BAD][1]
    assert look["none given"] == ("#B8BEC6", "•")
    symbols = {trace.marker.symbol for trace in overview_maps(drawn(), KINDS, NAMES).data if trace.mode == "markers"}
    assert len(symbols) == 2


def test_a_value_that_is_not_known_is_grey() -> None:
    values = drawn().change.copy()
    values[:7] = np.nan
    figure = overview_maps(drawn(), Column("drift", "", values=values), NAMES)
    grey = next(trace for trace in figure.data if trace.marker.color == "#B8BEC6")
    assert [row[0] for row in grey.customdata] == [0, 2, 4, 6, 8, 10, 12]


def test_no_text_of_a_person_is_markup() -> None:
    figure = overview_maps(drawn(), KINDS, NAMES, weight=np.arange(N, 0, -1).astype(np.float32))
    assert "<img" not in figure.to_json()
    assert "&lt;img" in figure.to_json()


def test_names_do_not_touch_and_the_heaviest_is_there() -> None:
    rng = np.random.default_rng(1)
    places = rng.random((400, 2)).astype(np.float32)
    weight = rng.random(400).astype(np.float32)
    at = room_for(places, [f"item{i}" for i in range(400)], weight, 1.0)
    assert int(np.argmax(weight)) in at
    assert 5 < len(at) <= LABELS
    for i, one in enumerate(at):
        for other in at[:i]:
            away = np.abs(places[one] - places[other])
            assert away[1] > LABEL_HEIGHT or away[0] > 0.0125 * 7 * 0.99


def test_the_placebo_shows_the_placebo() -> None:
    overview = drawn()
    figure = overview_maps(overview, CHANGE, NAMES, placebo=True)
    assert np.array_equal(np.sort(figure.data[0].x), np.sort(overview.placebo_before[:, 0]))
    assert "against itself" in alt_text(figure)


def test_how_it_was_made_is_said() -> None:
    assert how_drawn(drawn()) == (
        "One linked UMAP of all 60 words. 3 without a vector in one of the models are not on it."
    )
    assert "20 landmarks drawn by seed 0; the other 40 words" in how_drawn(drawn(landmarks=20))


def test_the_pane_gets_every_column_and_the_placebo() -> None:
    overview = drawn()
    pane = overview_pane(overview, (KINDS, CHANGE), NAMES, muted=overview.change < 0.3, weight=overview.change)
    assert [one.name for one in pane.colourings] == ["label", "change"]
    assert np.array_equal(pane.ids, overview.rows)
    assert pane.names is not None
    assert pane.names[0] == BAD  # the browser sets it as text
    assert pane.placebo is not None
    assert payload(pane) == payload(pane)
