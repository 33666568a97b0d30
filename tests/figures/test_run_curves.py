"""The curves of a run with a canary: one axis of steps, the kept step, the first alarm, and words for all of it."""

import pytest

from embedlab import figures
from embedlab.figures import canary_panel


def look(step: int, cosine: float, rank: float | None, kept: float, *alarms: str) -> dict[str, object]:
    numbers = {"mean_cosine": cosine, "effective_rank": rank, "neighbours_kept": kept}
    return {"type": "canary", "step": step, "texts": 80, **numbers, "alarms": list(alarms)}


def scored(step: int, score: float, selection: float, best: int) -> dict[str, object]:
    return {"type": "eval", "step": step, "score": score, "selection": selection, "score_name": "F1", "best_step": best}


EVENTS = [
    look(0, 0.05, 60.0, 1.0),
    scored(0, 0.7, 0.6, 0),
    *({"type": "step", "step": i, "loss": 2.0 / i} for i in range(1, 101)),
    look(50, 0.08, 54.0, 0.7),
    scored(50, 0.8, 0.9, 50),
    look(100, 0.41, 24.0, 0.2, "Unrelated sentences are becoming alike: their mean cosine rose from .05 to .41."),
    scored(100, 0.95, 0.7, 50),
]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_canary_stands_under_loss_and_score_on_one_axis(theme: figures.Theme) -> None:
    figure = figures.run_curves(EVENTS, theme)
    panels = {trace.name: trace for trace in figure.data if trace.yaxis == "y3"}
    assert len(panels) == len([trace for trace in figure.data if trace.yaxis == "y3"]) == 3
    assert list(panels["mean cosine"].y) == [0.05, 0.08, 0.41]
    assert list(panels["neighbours kept"].y) == [1.0, 0.7, 0.2]
    assert list(panels["effective rank ÷ start's"].y) == [1.0, 0.9, 0.4]
    assert all(list(trace.x) == [0, 50, 100] for trace in panels.values())
    assert figure.layout.xaxis.matches == figure.layout.xaxis2.matches == "x3"
    assert any("first alarm: step 100" in note.text for note in figure.layout.annotations)
    assert [shape.x0 for shape in figure.layout.shapes if shape.yref == "y3 domain"] == [100]


def test_the_kept_step_is_the_one_that_was_chosen_not_the_best_on_held_out_rows() -> None:
    figure = figures.run_curves(EVENTS)
    assert any("kept .800" in note.text for note in figure.layout.annotations)
    assert "F1 from .700 to .950, kept .800 at step 50" in figures.alt_text(figure)
    assert next(list(trace.y) for trace in figure.data if trace.name == "selection") == [0.6, 0.9, 0.7]


def test_words_for_the_canary() -> None:
    words = figures.alt_text(figures.run_curves(EVENTS))
    assert "mean cosine from .050 to .410, effective rank from 60 to 24, neighbours kept .20" in words
    assert "first alarm at step 100. Unrelated sentences are becoming alike" in words
    assert "no alarm" in figures.alt_text(figures.run_curves(EVENTS[:-2]))


def test_without_a_canary_there_is_no_panel_for_it() -> None:
    events = [event for event in EVENTS if event["type"] != "canary"]
    figure = figures.run_curves(events)
    assert not [trace for trace in figure.data if trace.yaxis == "y3"]
    assert "anary" not in figures.alt_text(figure)


def test_a_resumed_run_and_an_undefined_rank_are_drawn() -> None:
    figure = figures.run_curves([look(0, 0.1, None, 1.0), look(9, 0.2, 5.0, 0.9), look(9, 0.3, None, 0.8)])
    panels = {trace.name: list(trace.y) for trace in figure.data if trace.yaxis == "y3"}
    assert panels["mean cosine"] == [0.1, 0.3]
    assert panels["effective rank ÷ start's"] == [None, None]
    assert canary_panel.looks([]) == []
