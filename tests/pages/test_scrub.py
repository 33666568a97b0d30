"""Compare: the slider over the states that a run kept along the way."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from embedlab.lab import Lab
from embedlab.types import EncoderSpec
from tests.pages.bench import Bench, well
from tests.pages.conftest import fill, html

Open = Callable[..., AppTest]


@pytest.fixture
def along(bench: Bench, tmp_path: Path) -> tuple[str, str]:
    """A run with states at 0, 50 and the kept 100, compared at 100 and at 0; the ids of these comparisons."""
    job = bench.finished("aa11", {0: 0.7, 50: 0.8, 100: 0.9}, {0: 1.0, 50: 0.8, 100: 0.6})
    for step in (0, 50):
        bench.state(job, step)
    for entry in bench.lab.comparisons():
        bench.lab.store.remove("comparisons", entry.id)
    start = fill(tmp_path, change=lambda made: replace(made, id="1" * 16, after=EncoderSpec("run:aa11@0")))
    kept = fill(tmp_path, change=lambda made: replace(made, id="2" * 16, after=EncoderSpec("run:aa11")))
    return kept, start


@pytest.fixture
def open_compare(open_page: Open, along: tuple[str, str], tmp_path: Path) -> Open:
    return lambda **query: open_page("compare", root=tmp_path, **query)


def test_the_slider_stands_at_the_step_that_is_shown(open_compare: Open, along: tuple[str, str]) -> None:
    app = open_compare(c=along[0])
    well(app)
    slider = app.select_slider(key="step")
    assert slider.value == 100
    assert list(slider.options) == ["0, the start", "50", "100, kept"]
    assert "This page shows step 100. 2 of 3 steps are compared." in html(app)
    assert app.query_params["step"] in ("100", ["100"])
    app = open_compare(c=along[1])
    assert app.select_slider(key="step").value == 0


def test_moving_it_shows_the_comparison_of_that_step(open_compare: Open, along: tuple[str, str]) -> None:
    app = open_compare(c=along[0])
    app.select_slider(key="step").set_value(0).run()
    well(app)
    assert app.selectbox(key="comparison").value == along[1]
    assert app.select_slider(key="step").value == 0
    assert "This page shows step 0" in html(app)
    app.select_slider(key="step").set_value(100).run()
    assert app.selectbox(key="comparison").value == along[0]
    app.selectbox(key="comparison").set_value(along[1]).run()
    assert app.select_slider(key="step").value == 0, "it follows the comparison"


def test_a_step_that_was_not_compared_is_one_click_away(
    open_compare: Open, bench: Bench, along: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []

    def start(self: Lab, *given: Any, **more: Any) -> str:
        asked.append((*given, more))
        bench.task("abc123", "Compare before and after").emit(type="progress", share=0.3, what="reading")
        return "abc123"

    monkeypatch.setattr(Lab, "start_compare", start)
    app = open_compare(c=along[0])
    app.select_slider(key="step").set_value(50).run()
    well(app)
    assert app.selectbox(key="comparison").value == along[0], "what is shown stays"
    assert "Step 50 has not been compared: this page still shows step 100." in html(app)
    app.button(key="compare_step").click().run()
    well(app)
    assert asked == [("builtin", "run:aa11@50", bench.config.corpus_id, {"k": 10})]
    assert "reading" in html(app)
    assert app.button(key="compare_step").disabled, "one at a time"


def test_all_steps_are_compared_as_one_task(
    open_compare: Open, bench: Bench, along: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []

    def start(self: Lab, before: str, sources: list[str], corpus_id: str, **more: Any) -> str:
        asked.append((before, list(sources), corpus_id, more))
        bench.task("abc123", "Compare every step")
        return "abc123"

    monkeypatch.setattr(Lab, "start_compare_each", start, raising=False)
    app = open_compare(c=along[0])
    app.button(key="compare_every").click().run()
    well(app)
    assert asked == [("builtin", ["run:aa11@50"], bench.config.corpus_id, {"k": 10})]


def test_a_link_with_a_step_puts_the_slider_there(open_compare: Open, along: tuple[str, str]) -> None:
    app = open_compare(c=along[0], step="50")
    well(app)
    assert app.select_slider(key="step").value == 50
    assert "compare_step" in {button.key for button in app.button}
    app = open_compare(c=along[0], step="77")
    well(app)
    assert app.select_slider(key="step").value == 100


def test_where_after_is_no_run_of_this_workspace_there_is_no_slider(open_page: Open) -> None:
    app = open_page("compare")
    well(app)
    assert not app.select_slider


def test_the_line_beside_it_tells_where_to_look(open_compare: Open, along: tuple[str, str]) -> None:
    app = open_compare(c=along[0])
    said = [str(chart.proto) for chart in app.get("plotly_chart")]
    assert any("held-out score: .70 at 0, .80 at 50, .90 at 100" in text for text in said)
    assert any("canary neighbours kept: 1.00 at 0, .80 at 50, .60 at 100" in text for text in said)
