"""Fine-tune: three clicks for a newcomer, every setting for an expert, and nothing lost on reload."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from streamlit.testing.v1 import AppTest

from embedlab.corpus import Columns
from embedlab.lab import Lab
from embedlab.types import Lora, RunConfig
from embedlab.ui import settings
from tests.pages.bench import Bench, evaluated, well
from tests.pages.conftest import html

Open = Callable[..., AppTest]
OWN = """
stages:
  - {until_step: 40, train: {"layer.*": 5.0e-5}, schedule: constant, objective: senses}
  - {until_step: 90, train: {"*": 2.0e-5}, schedule: cosine, objective: senses}
batch_items: 24
"""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[RunConfig, dict[str, Any]]]:
    """What Start would have begun."""
    begun: list[tuple[RunConfig, dict[str, Any]]] = []

    def finetune(self: Lab, config: RunConfig, **beside: Any) -> str:
        begun.append((config, beside))
        return "aa00"

    monkeypatch.setattr(Lab, "finetune", finetune)
    return begun


@pytest.fixture
def open_finetune(open_page: Open, bench: Bench, tmp_path: Path) -> Open:
    return lambda **query: open_page("finetune", root=tmp_path, **query)


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def add_labels(root: Path) -> str:
    """A second corpus, of labels alone."""
    source = root / "labels.csv"
    rows = "\n".join(f"a text about number {i},{'even' if i % 2 == 0 else 'odd'}" for i in range(60))
    source.write_text("text,label\n" + rows)
    return Lab(root).add_corpus(source, Columns(text="text", label="label"), "labels.csv").id


# ---- a newcomer ------------------------------------------------------------------------------------------------------


def test_a_newcomer_starts_a_sensible_run_in_three_clicks(
    open_finetune: Open, bench: Bench, tmp_path: Path, asked: list[Any]
) -> None:
    labels = add_labels(tmp_path)
    app = open_finetune()
    well(app)
    app.selectbox(key="tune_corpus").set_value(labels).run()
    offered = [one for one in bench.lab.recipes() if one.objective == "labels"]
    app.radio(key="tune_recipe").set_value(offered[0].name).run()
    press(app, "Start")
    well(app)
    ((config, beside),) = asked
    assert config == bench.lab.run_config("builtin", labels, recipe=offered[0].name)
    assert beside == {"processes": 1, "report_to": ()}


def test_without_a_click_the_recipe_is_the_one_for_what_the_corpus_carries(
    open_finetune: Open, asked: list[Any]
) -> None:
    app = open_finetune()
    press(app, "Start")
    assert asked[0][0].stages[-1].objective == "senses"


def test_recipes_are_those_the_columns_allow_and_the_others_have_their_reason(
    open_finetune: Open, bench: Bench
) -> None:
    app = open_finetune()
    well(app)
    choices = {choice.name: choice for choice in bench.lab.objectives(bench.lab.corpora()[0].id)}
    offered = set(app.radio(key="tune_recipe").options)
    for one in bench.lab.recipes():
        assert (one.title in offered) == choices[one.objective].usable, one
    page = html(app)
    refused = next(choice for choice in choices.values() if not choice.usable)
    after = page[page.index("Not for this corpus") :]
    assert refused.why_not[1:] in after.replace("&#39;", "'").replace("&#34;", '"')


# ---- an expert -------------------------------------------------------------------------------------------------------


def test_every_setting_of_a_run_is_in_the_panel(open_finetune: Open) -> None:
    app = open_finetune()
    drawn = {
        str(widget.key).removeprefix("tune_")
        for widget in [*app.selectbox, *app.number_input, *app.multiselect, *app.radio]
        if widget.key is not None
    }
    own = {field.name for field in fields(RunConfig)} - {"corpus_id", "encoder", "stages", "lora"}
    assert own <= drawn
    assert {f"lora_{field.name}" for field in fields(Lora)} <= drawn
    assert {*settings.STAGES, "processes", "report_to"} <= drawn
    assert len(app.expander) >= 2


def test_what_an_expert_sets_is_what_runs(open_finetune: Open, asked: list[Any]) -> None:
    app = open_finetune()
    app.selectbox(key="tune_plan").set_value("lora").run()
    for name, value in {"lora_rank": 12, "steps": 70, "rate": 3e-4, "batch_tokens": 1024, "isotropy": 0.25}.items():
        app.number_input(key=f"tune_{name}").set_value(value)
    app.selectbox(key="tune_schedule").set_value("cosine")
    app.multiselect(key="tune_lora_targets").set_value(["attention"])
    app.multiselect(key="tune_report_to").set_value(["tensorboard"])
    app.number_input(key="tune_processes").set_value(2).run()
    well(app)
    command = next(code.value for code in app.code if code.value.startswith("python"))
    for words in ("--plan lora", "--lora-rank 12", "--steps 70", "--schedule cosine", "--lora-targets attention",
                  "--isotropy 0.25", "--processes 2", "--report-to tensorboard"):  # fmt: skip
        assert words in command
    press(app, "Start")
    ((config, beside),) = asked
    assert config.lora == Lora(12, 16.0, 0.0, ("attention",))
    (stage,) = config.stages
    assert (stage.until_step, stage.schedule, dict(stage.train)) == (70, "cosine", {"lora.*": 3e-4})
    assert (config.batch_tokens, config.isotropy) == (1024, 0.25)
    assert beside == {"processes": 2, "report_to": ("tensorboard",)}


def test_a_setting_that_cannot_be_is_one_sentence_and_starts_nothing(open_finetune: Open) -> None:
    app = open_finetune()
    app.selectbox(key="tune_plan").set_value("top_layers").run()
    app.number_input(key="tune_layers").set_value(50).run()
    assert not app.exception
    assert html(app).count("el-error") == 1
    assert next(button for button in app.button if button.label == "Start").disabled


def test_another_recipe_brings_its_own_settings(open_finetune: Open, bench: Bench, asked: list[Any]) -> None:
    app = open_finetune()
    app.number_input(key="tune_steps").set_value(33).run()
    assert "1 setting changed" in html(app)
    light = next(one for one in bench.lab.recipes() if one.objective == "senses" and one.plan == "lora")
    app.radio(key="tune_recipe").set_value(light.name).run()
    well(app)
    assert "changed from the recipe" not in html(app)
    press(app, "Start")
    assert asked[0][0] == bench.lab.run_config("builtin", bench.lab.corpora()[0].id, recipe=light.name)


def test_several_seeds_with_several_processes_are_refused_in_a_sentence(open_finetune: Open, asked: list[Any]) -> None:
    app = open_finetune()
    app.number_input(key="tune_processes").set_value(2)
    app.session_state["tune_seeds"] = 3
    app.run()
    press(app, "Start")
    assert "Several seeds run in one process each" in html(app)
    assert not asked


# ---- nothing is lost -------------------------------------------------------------------------------------------------


def chosen(app: AppTest) -> dict[str, Any]:
    return {
        str(widget.key): widget.value
        for widget in [*app.selectbox, *app.number_input, *app.multiselect, *app.radio]
        if str(widget.key).startswith("tune_")
    }


def test_a_reload_loses_nothing(open_finetune: Open, bench: Bench) -> None:
    app = open_finetune()
    light = next(one for one in bench.lab.recipes() if one.objective == "senses" and one.plan == "lora")
    app.radio(key="tune_recipe").set_value(light.name).run()
    app.number_input(key="tune_lora_rank").set_value(24)
    app.number_input(key="tune_warmup").set_value(0.25)
    app.multiselect(key="tune_lora_targets").set_value(["feed_forward"])
    app.session_state["tune_seeds"] = 3
    app.run()
    well(app)
    before, command = chosen(app), app.code[-1].value
    again = open_finetune()
    well(again)
    assert chosen(again) == before
    assert again.code[-1].value == command
    assert "--lora-rank 24" in command
    assert "--seeds 3" in command


def test_going_to_another_page_and_back_loses_nothing(open_finetune: Open) -> None:
    app = open_finetune()
    app.number_input(key="tune_batch_items").set_value(17).run()
    root = Path(__file__).resolve().parents[2] / "pages"
    app.switch_page(str(root / "models.py")).run()
    app.switch_page(str(root / "finetune.py")).run()
    well(app)
    assert app.number_input(key="tune_batch_items").value == 17


def test_a_link_names_the_corpus_and_wins_over_the_draft(open_finetune: Open, tmp_path: Path, bench: Bench) -> None:
    labels = add_labels(tmp_path)
    first = open_finetune()
    first.selectbox(key="tune_corpus").set_value(bench.config.corpus_id).run()
    app = open_finetune(corpus=labels)
    well(app)
    assert app.selectbox(key="tune_corpus").value == labels


@pytest.mark.parametrize(
    "draft",
    [
        "not json",
        "[1]",
        json.dumps({"recipe": "gone", "values": {"steps": 5}}),
        json.dumps({"recipe": "senses", "values": {"steps": -5, "plan": "magic", "rate": "fast", "lora_targets": 3}}),
        json.dumps({"model": "run:gone", "corpus": "gone", "seeds": 99, "own": "file:../../etc"}),
    ],
)
def test_a_draft_that_cannot_stand_falls_back_to_the_recipe(
    open_finetune: Open, tmp_path: Path, bench: Bench, draft: str
) -> None:
    (tmp_path / "drafts").mkdir()
    (tmp_path / "drafts" / "finetune.json").write_text(draft)
    app = open_finetune()
    well(app)
    usual = bench.lab.run_config("builtin", bench.config.corpus_id, recipe=app.radio(key="tune_recipe").value)
    assert app.number_input(key="tune_steps").value == usual.max_steps
    assert app.selectbox(key="tune_plan").value in settings.PLAN_NAMES


# ---- the recipe as a file --------------------------------------------------------------------------------------------


def test_the_recipe_is_shown_as_a_file_that_gives_the_same_run(
    open_finetune: Open, bench: Bench, tmp_path: Path
) -> None:
    app = open_finetune()
    app.number_input(key="tune_steps").set_value(45).run()
    text = next(code.value for code in app.code if code.language == "yaml")
    assert yaml.safe_load(text)["stages"][-1]["until_step"] == 45
    assert "Download the recipe" in [button.label for button in app.get("download_button")]
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    again = bench.lab.run_config("builtin", bench.config.corpus_id, recipe=path)
    assert bench.lab.recipe_text(again).strip() == text.strip()


def test_a_recipe_file_can_be_loaded_and_stays_after_a_reload(open_finetune: Open, asked: list[Any]) -> None:
    app = open_finetune()
    app.file_uploader(key="tune_upload").set_value([("plan.yaml", OWN.encode(), "application/yaml")]).run()
    well(app)
    assert "Your recipe file" in app.radio(key="tune_recipe").options
    app = open_finetune()
    well(app)
    press(app, "Start")
    ((config, _),) = asked
    assert [(stage.until_step, stage.schedule) for stage in config.stages] == [(40, "constant"), (90, "cosine")]
    assert config.batch_items == 24


def test_a_file_that_is_no_recipe_is_one_sentence(open_finetune: Open) -> None:
    app = open_finetune()
    app.file_uploader(key="tune_upload").set_value([("plan.yaml", b"stages: 7", "application/yaml")]).run()
    assert not app.exception
    assert html(app).count("el-error") == 1
    assert next(button for button in app.button if button.label == "Start").disabled


# ---- the plan and the cost -------------------------------------------------------------------------------------------


def test_what_trains_when_stands_beside_its_figure(open_finetune: Open) -> None:
    app = open_finetune()
    app.selectbox(key="tune_plan").set_value("frozen_embeddings").run()
    page = html(app)
    assert "layer.0 to layer.5" in page
    assert "Never trained, the same to the bit: embeddings." in page


def test_before_it_is_measured_the_cost_is_only_reckoned(open_finetune: Open) -> None:
    page = html(open_finetune())
    card = page[page.index("3 · Cost") :]
    assert "reckoned" in card
    assert "measured:" not in card.split("</table>")[0]


def test_measuring_is_a_task_and_its_numbers_say_how_they_were_found(
    open_finetune: Open, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, Any] = {}
    measured: list[RunConfig] = []

    def start(self: Lab, config: RunConfig) -> str:
        measured.append(config)
        bench.task("abc123", "Measure on a few steps").emit(type="progress", share=0.4, what="step 2 of 3")
        return "abc123"

    monkeypatch.setattr(Lab, "start_estimate", start)
    monkeypatch.setattr(Lab, "estimate", lambda self, config: dict(found) or None)
    app = open_finetune()
    app.button(key="measure").click().run()
    well(app)
    assert measured[0].stages[-1].objective == "senses"
    assert "step 2 of 3" in html(app)
    assert app.button(key="measure").disabled
    found.update(
        step_s=0.5, eval_s=2.0, memory_mb=1430.5, tokens_per_s=1234.0, parameters=22_700_000, trained=10_600_000,
        disk_bytes=900_000_000, seconds=120.0,
    )  # fmt: skip
    app.run()
    card = html(app)[html(app).index("3 · Cost") :]
    assert "2 min" in card
    assert "measured: .500 s a step" in card
    assert "1.5 GB" in card
    assert ".9 GB" in card
    assert "10.6 M" in card
    assert "measure" not in {button.key for button in app.button}
    app.session_state["tune_seeds"] = 3
    app.run()
    assert "6 min" in html(app)


# ---- the run ---------------------------------------------------------------------------------------------------------


def test_a_run_is_paused_stopped_and_resumed_from_the_page(
    open_finetune: Open, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, str]] = []
    for name in ("pause", "cancel", "resume"):
        monkeypatch.setattr(Lab, name, lambda self, id, name=name: done.append((name, id)))
    job = bench.run("ee11")
    evaluated(job, 0, [], 0)
    job.emit(type="step", step=10, loss=1.5, tokens_per_s=812.0, eta_s=75.0, memory_mb=1500.0)
    app = open_finetune(run="ee11")
    well(app)
    page = html(app)
    for said in ("812", "1.6", "75 s", "step 10 of 100"):
        assert said in page
    app.button(key="pause-ee11").click().run()
    app.button(key="cancel-ee11").click().run()
    ended = bench.run("ee22", alive=False)
    ended.finish("paused", "Paused at step 10.", {"step": 10})
    app = open_finetune(run="ee22")
    well(app)
    assert "Paused" in html(app)
    app.button(key="resume-ee22").click().run()
    assert done == [("pause", "ee11"), ("cancel", "ee11"), ("resume", "ee22")]


def test_adapters_without_a_target_are_refused_in_a_sentence(open_finetune: Open) -> None:
    app = open_finetune()
    app.selectbox(key="tune_plan").set_value("lora").run()
    app.multiselect(key="tune_lora_targets").set_value([]).run()
    assert not app.exception
    assert "at least one target" in html(app)
