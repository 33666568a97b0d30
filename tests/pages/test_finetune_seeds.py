"""Fine-tune: the seeds of a recipe, and the canary's alarm as a notice that one can act on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from embedlab.lab import Lab
from embedlab.types import RunConfig
from tests.pages.bench import Bench, evaluated, well
from tests.pages.conftest import html

Open = Callable[..., AppTest]
ALARMS = [
    "Unrelated sentences are becoming alike: their mean cosine rose from .05 to .41.",
    "The space is losing directions: effective rank 61 → 22.",
]


@pytest.fixture
def open_finetune(open_page: Open, bench: Bench, tmp_path: Path) -> Callable[..., AppTest]:
    return lambda **query: open_page("finetune", root=tmp_path, **query)


def test_an_alarm_is_told_with_the_two_things_one_can_do(open_finetune: Open, bench: Bench) -> None:
    job = bench.run("aa11")
    evaluated(job, 0, [], 0)
    evaluated(job, 50, [], 50)
    app = open_finetune(run="aa11")
    well(app)
    assert "Canary alarm" not in html(app)
    evaluated(job, 100, ALARMS[:1], 50)
    app.run()
    well(app)
    assert 'role="alert"' in html(app)
    assert "Canary alarm at step 100" in html(app)
    assert ALARMS[0] in html(app)
    assert "Stopping keeps step 50, the best so far, which had no alarm." in html(app)
    app.button(key="alarm-on-aa11").click().run()
    well(app)
    assert "Canary alarm" not in html(app), "dismissed"
    assert not job.cancel_asked()
    evaluated(job, 100, ALARMS, 100)
    app.run()
    assert ALARMS[1] in html(app), "it says more than before"
    assert "which had an alarm too" in html(app)
    app.button(key="alarm-stop-aa11").click().run()
    well(app)
    assert job.cancel_asked()


def test_a_run_that_its_canary_stopped_is_not_offered_to_be_resumed(open_finetune: Open, bench: Bench) -> None:
    for id, alarms in (("bb11", ALARMS), ("bb22", [])):
        job = bench.run(id, alive=False, on_alarm="stop")
        evaluated(job, 50, alarms, 0)
        job.finish("cancelled", "Stopped.", {"step": 50, "alarms": alarms})
    app = open_finetune(run="bb11")
    well(app)
    assert "No step has been measured yet that could be kept." in html(app)
    keys = {button.key for button in app.button}
    assert not keys & {"resume-bb11", "alarm-on-bb11", "compare-bb11"}
    app = open_finetune(run="bb22")
    assert "resume-bb22" in {button.key for button in app.button}


def test_all_seeds_of_a_recipe_stand_beside_the_run(open_finetune: Open, bench: Bench) -> None:
    bench.run("cc00", alive=False)
    evaluated(bench.run("cc11", seed=1), 0, [], 0)
    bench.run("cc99", alive=False, seed=9, eval_every=7)
    app = open_finetune(run="cc00")
    well(app)
    page = html(app)
    rows = page[page.index("The seeds of this recipe") :]
    assert "seed 0" in rows
    assert "seed 1" in rows
    assert "seed 9" not in rows, "another recipe"
    assert "The seeds of this recipe" not in html(open_finetune(run="cc99"))


def test_one_seed_starts_a_run_and_three_start_a_task(
    open_finetune: Open, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, RunConfig, int]] = []

    def one(self: Lab, config: RunConfig, **beside: Any) -> str:
        assert beside == {"processes": 1, "report_to": ()}
        asked.append(("run", config, 1))
        return "dd00"

    def several(self: Lab, config: RunConfig, seeds: int) -> str:
        asked.append(("task", config, seeds))
        bench.task("abc123", "Fine-tune with 3 seeds").emit(type="progress", share=0.2, what="seed 0 of 3")
        return "abc123"

    monkeypatch.setattr(Lab, "finetune", one)
    monkeypatch.setattr(Lab, "start_finetune", several)
    app = open_finetune()
    well(app)
    next(button for button in app.button if button.label == "Start").click().run()
    app.selectbox(key="tune_on_alarm").set_value("stop").run()
    app.session_state["tune_seeds"] = 3
    app.run()
    well(app)
    assert any("--seeds 3" in code.value for code in app.code)
    next(button for button in app.button if button.label == "Start").click().run()
    well(app)
    assert [(kind, config.on_alarm, seeds) for kind, config, seeds in asked] == [
        ("run", "tell", 1),
        ("task", "stop", 3),
    ]
    assert "seed 0 of 3" in html(app)
    bench.run("dd11")
    app.run()
    well(app)
    assert app.selectbox(key="run").value == "dd11", "the run that the task has begun is the one looked at"
