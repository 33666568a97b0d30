"""Runs: all of them to choose from, laid over each other, told apart, compared, deleted, taken away, shot out."""

import io
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from embedlab import figures
from embedlab.lab import Lab
from embedlab.lab.tuning import Shot
from embedlab.types import EncoderSpec, Lora, RunConfig
from embedlab.ui import deleting, runtable, takeaway
from tests.pages.bench import Bench, well
from tests.pages.conftest import PAYLOAD, fill, html

Open = Callable[..., AppTest]


@pytest.fixture
def open_runs(open_page: Open, bench: Bench, tmp_path: Path) -> Open:
    return lambda **query: open_page("runs", root=tmp_path, **query)


def two(bench: Bench) -> None:
    bench.finished("aa11", {0: 0.7, 50: 0.8, 100: 0.9}, {0: 1.0, 50: 0.8, 100: 0.6})
    bench.finished("bb22", {0: 0.7, 50: 0.72, 100: 0.75}, {0: 1.0, 100: 0.95}, seed=4, batch_items=24)


def test_every_run_stands_in_the_table_with_its_scores_and_its_canary(open_runs: Open, bench: Bench) -> None:
    two(bench)
    bench.run("cc33")
    app = open_runs()
    well(app)
    table = app.dataframe[0].value.set_index("run")
    assert set(table.index) == {"aa11", "bb22", "cc33"}
    row = table.loc["aa11"]
    assert (row["before"], row["kept"], row["canary"]) == (0.7, 0.9, 0.6)
    assert row["corpus"] == "Senses"
    assert row["model"] == "all-MiniLM-L6-v2"
    assert "senses" in row["recipe"]
    assert row["state"] == "done, step 100 of 100"
    assert table.loc["bb22", "seed"] == 4
    assert table.loc["cc33", "state"].startswith("running")


def test_the_address_names_the_chosen_runs_and_only_what_differs_is_told(open_runs: Open, bench: Bench) -> None:
    two(bench)
    bench.run("cc33", alive=False, lora=Lora(4), stages=bench.config.stages)
    app = open_runs(runs="aa11.bb22")
    well(app)
    assert app.query_params["runs"] in ("aa11.bb22", ["aa11.bb22"], "bb22.aa11", ["bb22.aa11"])
    page = html(app)
    rows = page[page.index("What differs between them") : page.index("Every other setting is the same")]
    assert "<td>seed</td>" in rows
    assert "<td>batch items</td>" in rows
    assert "<td>24</td>" in rows
    assert rows.count("<tr>") == 3, "the head, the seed, the batch; nothing that is alike"


def test_what_differs_names_every_kind_of_setting(bench: Bench) -> None:
    bench.run("aa11", alive=False)
    bench.run("bb22", alive=False, lora=Lora(4), encoder=EncoderSpec("run:aa11"), warmup=0.25)
    runs = [bench.lab.run(id) for id in ("aa11", "bb22")]
    names = {entry.id: entry.name for entry in bench.lab.corpora()}
    found = dict(runtable.differing(runs, names))
    assert found == {
        "model": ["all-MiniLM-L6-v2", "run aa11"],
        "warmup": ["0.1", "0.25"],
        "lora": ["none", "rank 4, alpha 16, dropout 0, targets attention and feed_forward"],
    }
    assert runtable.differing(runs[:1] * 2, names) == []


def test_two_runs_are_compared_the_older_one_as_before(
    open_runs: Open, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str, str]] = []

    def start(self: Lab, before: str, after: str, corpus_id: str, **_: Any) -> str:
        asked.append((before, after, corpus_id))
        bench.task("abc123", "Compare")
        return "abc123"

    monkeypatch.setattr(Lab, "start_compare", start)
    two(bench)
    newest, oldest = [run.id for run in bench.lab.runs()]
    app = open_runs()
    well(app)
    assert any(f"--before run:{oldest} --after run:{newest}" in code.value for code in app.code)
    app.button(key="compare_two").click().run()
    assert asked == [(f"run:{oldest}", f"run:{newest}", bench.config.corpus_id)]


def test_a_run_without_a_model_is_not_offered_to_be_compared(open_runs: Open, bench: Bench) -> None:
    bench.finished("aa11", {0: 0.7, 100: 0.9}, {})
    bench.run("bb22")
    app = open_runs()
    well(app)
    assert "One of these two runs has no model yet" in html(app)
    assert "compare_two" not in {button.key for button in app.button}


# ---- deleting --------------------------------------------------------------------------------------------------------


def test_deleting_asks_first_and_says_what_goes_and_who_needs_it(open_page: Open, bench: Bench, tmp_path: Path) -> None:
    fill(tmp_path, change=lambda made: replace(made, id="1" * 16, after=EncoderSpec("run:aa11")))
    bench.finished("aa11", {0: 0.7, 100: 0.9}, {})
    bench.run("bb22", alive=False, encoder=EncoderSpec("run:aa11"))
    app = open_page("runs", root=tmp_path, runs="aa11")
    app.button(key="delete").click().run()
    well(app)
    page = html(app)
    assert "It cannot be undone" in page
    assert "Frees" in page
    assert "The comparison" in page
    assert "Run bb22 began from it" in page
    assert bench.lab.run("aa11"), "nothing is gone yet"
    app.button(key="delete_not").click().run()
    assert {run.id for run in bench.lab.runs()} == {"aa11", "bb22"}
    app.button(key="delete").click().run()
    app.button(key="delete_sure").click().run()
    well(app)
    assert {run.id for run in bench.lab.runs()} == {"bb22"}
    assert app.dataframe[0].value["run"].tolist() == ["bb22"]


def test_the_space_that_is_freed_is_that_of_its_files(bench: Bench) -> None:
    job = bench.finished("aa11", {0: 0.7, 100: 0.9}, {})
    before = deleting.size(job.path)
    (job.path / "more").write_bytes(b"x" * 1234)
    assert deleting.size(job.path) == before + 1234
    assert before > 5000


def test_a_run_at_work_is_not_deleted(open_runs: Open, bench: Bench) -> None:
    bench.run("cc33")
    assert open_runs(runs="cc33").button(key="delete").disabled


# ---- taking away -----------------------------------------------------------------------------------------------------


def test_a_finished_run_is_taken_away_in_the_background(
    open_runs: Open, bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[tuple[str, str, Path]] = []

    def start(self: Lab, source: str, format: str, out: Path) -> str:
        asked.append((source, format, out))
        return "abc123"

    monkeypatch.setattr(Lab, "start_take_away", start, raising=False)
    bench.finished("aa11", {0: 0.7, 100: 0.9}, {})
    app = open_runs(runs="aa11")
    well(app)
    keys = {button.key for button in app.button}
    assert "take-lora-aa11" not in keys, "it has no adapter"
    app.button(key="take-word2vec-aa11").click().run()
    well(app)
    ((source, format, out),) = asked
    assert (source, format) == ("run:aa11", "word2vec")
    out.parent.mkdir(parents=True)
    out.write_text("2 3\na 1 2 3\nb 4 5 6\n")
    app.run()
    well(app)
    assert str(out) in html(app)
    assert "take-word2vec-aa11" not in {button.key for button in app.button}


def test_the_zip_holds_the_folder_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "away" / "1_Pooling").mkdir(parents=True)
    (tmp_path / "away" / "config.json").write_text("{}")
    (tmp_path / "away" / "1_Pooling" / "config.json").write_text("[]")
    archive = zipfile.ZipFile(io.BytesIO(takeaway.zipped(tmp_path / "away")))
    assert sorted(archive.namelist()) == ["away/1_Pooling/config.json", "away/config.json"]
    assert archive.read("away/1_Pooling/config.json") == b"[]"


# ---- the shoot-out ---------------------------------------------------------------------------------------------------


def test_every_finished_run_with_a_canary_is_a_point(open_runs: Open, bench: Bench) -> None:
    two(bench)
    bench.finished("dd44", {0: 0.7, 100: 0.8}, {}, canary="", seed=7)
    page = html(open_runs())
    section = page[page.index("Shoot-out") :]
    assert "Not drawn, their collateral is unknown: 1 run without a canary." in section
    assert "+.200" in section
    assert ".40" in section
    assert "+.050" in section


def test_recipes_bundled_and_of_runs_are_sent_out_with_their_seeds(
    open_runs: Open, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[list[RunConfig], int]] = []

    def start(self: Lab, configs: list[RunConfig], seeds: int = 1) -> str:
        asked.append((list(configs), seeds))
        bench.task("abc123", "Shoot-out").emit(type="progress", share=0.1, what="seed 0 (1 of 3)")
        return "abc123"

    monkeypatch.setattr(Lab, "start_shootout", start)
    two(bench)
    app = open_runs()
    picker = next(box for box in app.multiselect if box.label == "Recipes to train")
    bundled = [one.name for one in bench.lab.recipes() if one.objective == "senses"]
    picker.set_value([bundled[0], "run:bb22"]).run()
    app.button(key="shoot").click().run()
    well(app)
    (((first, second), seeds),) = asked
    assert seeds == 3
    assert first == bench.lab.run_config("builtin", bench.config.corpus_id, recipe=bundled[0])
    assert (second.seed, second.batch_items, second.canary) == (0, 24, "bundled")
    assert "seed 0 (1 of 3)" in html(app)


def test_a_shot_is_what_the_figure_takes() -> None:
    shot = Shot("aa11", "full", "senses", 0, 0.1, 0.4, 60.0)
    assert "full over 1 seed: gain +.100, collateral .40" in figures.alt_text(figures.shootout([shot]))
    assert "No recipe" in figures.alt_text(figures.shootout([Shot("aa11", "full", "senses", 0, 0.1, None, 60.0)]))


def test_a_persons_text_never_becomes_markup_here(open_page: Open, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with ExitStack() as locks:
        hostile = Bench(other, locks, PAYLOAD)
        hostile.finished("aa11", {0: 0.7, 100: 0.9}, {0: 1.0, 100: 0.5})
        hostile.run("bb22", alive=False, encoder=EncoderSpec(f"/tmp/{PAYLOAD}"))
        for page in ("runs", "finetune"):
            app = open_page(page, root=other)
            well(app)
            assert "<img" not in html(app)
            assert not any(PAYLOAD in element.value for element in (*app.markdown, *app.caption))
