"""The command line of training, from a recipe to what is taken away, on a tiny model in a workspace of its own."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from embedlab import takeaway
from embedlab.cli import main
from embedlab.lab import Lab
from tests.training import tiny

Json = Callable[..., Any]
RECIPE = """
objective: senses
plan: lora
steps: 6
rate: 1.0e-2
eval_every: 2
batch_items: 16
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model, a recipe and a workspace that holds a corpus."""
    folder = tmp_path_factory.mktemp("training")
    tiny.model(folder / "model")
    (folder / "recipe.yaml").write_text(RECIPE)
    with (folder / "rows.csv").open("w", newline="") as file:
        table = tiny.rows(16)
        writer = csv.DictWriter(file, fieldnames=list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return folder


@pytest.fixture(scope="module")
def lab(place: Path) -> Lab:
    return Lab(place / "workspace")


@pytest.fixture
def call(place: Path, capsys: pytest.CaptureFixture[str]) -> Json:
    """One command: what it prints as JSON; `code` is what it must end with."""

    def command(*words: str | Path, code: int = 0) -> Any:
        capsys.readouterr()
        try:
            ended = main([*map(str, words), "--workspace", str(place / "workspace"), "--json"])
        except SystemExit as stop:
            ended = int(stop.code or 0)
        out, err = capsys.readouterr()
        assert ended == code, (out, err)
        return json.loads(out) if code == 0 else err

    return command


@pytest.fixture(scope="module")
def corpus(place: Path, lab: Lab) -> str:
    words = ["corpus", "add", str(place / "rows.csv"), "--workspace", str(place / "workspace")]
    columns = [word for name in ("text", "label", "pair", "target", "sense") for word in (f"--{name}", name)]
    assert main([*words, *columns]) == 0
    return lab.corpora()[0].id


@pytest.fixture(scope="module")
def trained(place: Path, lab: Lab, corpus: str) -> str:
    """A run with LoRA, done."""
    config = lab.run_config(str(place / "model"), corpus, recipe=place / "recipe.yaml")
    run = lab.wait(lab.finetune(config))
    assert run.state == "done", run.message
    return run.id


def test_a_run_shows_its_recipe_and_the_states_it_kept(call: Json, trained: str, lab: Lab) -> None:
    shown = call("runs", "show", trained)
    assert [frame["step"] for frame in shown["frames"]] == [0, 2, 4, 6]
    kept = [frame["step"] for frame in shown["frames"] if frame["kept"]]
    assert kept == [shown["best_step"]]
    config = lab.run(trained).config
    assert lab.run_config(config.encoder.source, config.corpus_id, recipe=_file(lab, trained)) == config


def _file(lab: Lab, id: str) -> Path:
    path = lab.root / "again.yaml"
    path.write_text(lab.recipe_text(lab.run(id).config))
    return path


def test_states_on_the_way_are_models(call: Json, place: Path, corpus: str, trained: str, lab: Lab) -> None:
    start = call("embed", "--model", f"run:{trained}@0", "--corpus", corpus, "--out", place / "start")
    call("embed", "--model", place / "model", "--corpus", corpus, "--out", place / "given")
    call("embed", "--model", f"run:{trained}", "--corpus", corpus, "--out", place / "end")
    layer = f"layer_{len(start['layers']) - 1:02d}.npy"
    first, given, end = (np.load(place / name / layer) for name in ("start", "given", "end"))
    assert np.array_equal(first, given)
    assert np.abs(end - given).max() > 1e-3
    tables = [np.load(place / name / "layer_00.npy") for name in ("given", "end")]
    assert np.array_equal(*tables), "LoRA moved the embedding layer"


def test_a_state_that_was_not_kept_is_refused_with_those_there_are(call: Json, corpus: str, trained: str) -> None:
    err = call("embed", "--model", f"run:{trained}@3", "--corpus", corpus, "--out", "x", code=2)
    assert "0, 2, 4" in err
    assert "run:ID@STEP" in call("models", "show", f"run:{trained}@last", code=2)


def test_several_states_are_compared_one_after_another(call: Json, corpus: str, trained: str, lab: Lab) -> None:
    found = call(
        "compare", "--before", f"run:{trained}@0", "--after", f"run:{trained}@0", "--after", f"run:{trained}@4",
        "--corpus", corpus, "--replicates", "none",
    )  # fmt: skip
    same, moved = lab.comparison(found["comparisons"][0]["id"]), lab.comparison(found["id"])
    assert not same.words.change.any()
    assert moved.words.change.any()
    assert moved.after.source == f"run:{trained}@4"


@pytest.mark.parametrize("format", get_args(takeaway.Format))
def test_every_form_is_taken_away(call: Json, place: Path, trained: str, format: str) -> None:
    ending = {"word2vec": ".txt", "word2vec-bin": ".bin"}.get(format, "")
    out = place / f"away-{format}{ending}"
    call("takeaway", f"run:{trained}", "--format", format, "--out", out)
    expected = {
        "sentence-transformers": "modules.json", "transformers": "config.json", "lora": "adapter_config.json",
        "projector": "vectors.tsv",
    }  # fmt: skip
    assert (out / expected[format] if format in expected else out).is_file()
    if format == "sentence-transformers":
        card = (out / "README.md").read_text()
        assert "sha256" in card.lower()
        assert "plan: lora" in card or "lora" in card
    if format.startswith("word2vec"):
        words = call("models", "show", out)
        assert words["dim"] == 32
    assert "already" in call("takeaway", f"run:{trained}", "--format", format, "--out", out, code=2)


def test_what_a_run_costs_is_measured_and_kept(call: Json, place: Path, corpus: str, lab: Lab) -> None:
    recipe = ("--model", place / "model", "--corpus", corpus, "--recipe", place / "recipe.yaml")
    before = {run.id for run in lab.runs()}
    cost = call("finetune", *recipe, "--estimate")
    assert cost["step_s"] > 0
    assert cost["memory_mb"] > 10
    assert cost["disk_bytes"] > 0
    config = lab.run_config(str(place / "model"), corpus, recipe=place / "recipe.yaml")
    assert lab.estimate(config) == cost
    assert {run.id for run in lab.runs()} == before, "measuring is no run"


def test_recipes_against_each_other(call: Json, place: Path, corpus: str, lab: Lab) -> None:
    other = place / "other.yaml"
    other.write_text(RECIPE.replace("plan: lora", "plan: full").replace("1.0e-2", "1.0e-3"))
    recipes = ("--recipe", place / "recipe.yaml", "--recipe", other)
    shots = call("shootout", "--model", place / "model", "--corpus", corpus, *recipes, "--seeds", "2")
    assert [shot["seed"] for shot in shots] == [0, 1, 0, 1]
    assert len({shot["recipe"] for shot in shots}) == 2
    for shot in shots:
        run = lab.run(shot["run_id"])
        assert run.score is not None
        assert run.score_before is not None
        assert shot["gain"] == pytest.approx(run.score - run.score_before)
        assert 0 <= shot["collateral"] <= 1
    trained = len(lab.runs())
    again = call("shootout", "--model", place / "model", "--corpus", corpus, *recipes, "--seeds", "2")
    assert [shot["run_id"] for shot in again] == [shot["run_id"] for shot in shots]
    assert len(lab.runs()) == trained, "what was trained before is not trained again"


def test_a_run_is_deleted_with_all_it_keeps(call: Json, place: Path, corpus: str, lab: Lab) -> None:
    config = lab.run_config(str(place / "model"), corpus, recipe=place / "recipe.yaml", steps=1, seed=7)
    id = lab.finetune(config)
    lab.wait(id)
    call("runs", "delete", id)
    assert not (place / "workspace" / "runs" / id).exists()
    assert id in call("runs", "show", id, code=2)


def test_settings_that_cannot_be_right_are_refused_in_a_sentence(call: Json, corpus: str) -> None:
    for words, said in (
        (("--objective", "senses", "--plan", "full", "--lora-rank", "8"), "lora"),
        (("--objective", "senses", "--plan", "lora", "--lora-targets", "nose"), "nose"),
        (("--objective", "senses", "--chunk-tokens", "3"), "chunk_tokens"),
        (("--objective", "triplets"), "negative"),
        (("--recipe", "no-such-recipe"), "no-such-recipe"),
        (("--steps", "3"), "objective"),
    ):
        assert said in call("finetune", "--corpus", corpus, *words, code=2), words
