"""The lineage through the Lab and the command line: models made here, and the walk over the systems."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embedlab.cli import main
from embedlab.corpus import Columns
from embedlab.errors import ModelError, UserError
from embedlab.lab import Lab
from embedlab.lab.walk import SYSTEMS
from embedlab.training import recipes
from embedlab.types import EncoderSpec
from tests import kit
from tests.training import tiny

SENTENCES = ("mud and water near the bank", "a loan of the bank")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A workspace with the tiny corpus, whose name is rows; it has no pairs."""
    place = tmp_path_factory.mktemp("lineage")
    table = [{key: value for key, value in row.items() if key != "pair"} for row in tiny.rows(each=20)]
    with (place / "rows.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    lab = Lab(place / "workspace")
    lab.add_corpus(place / "rows.csv", Columns(**{name: name for name in table[0]}))
    return lab


def test_the_same_wishes_make_the_same_model_and_other_ones_another(lab: Lab) -> None:
    first, again = (lab.new_model("lstm", "rows", embedding_size=8, lstm_size=4) for _ in range(2))
    other = lab.new_model("lstm", "rows", embedding_size=8, lstm_size=4, seed=1)
    assert first == again != other
    info = lab.model(first)
    assert (info.family, info.layers, info.dim) == ("LSTM", 1, 8)
    assert lab.kind(first) == "lstm"
    assert lab.kind("builtin") is None
    assert first in [model.source for model in lab.models()]


def test_a_table_starts_from_a_file_of_word_vectors(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("2 3\nbank 1 2 3\nmud -1 0 1\n")
    source = lab.new_model("table", "rows", vectors=tmp_path / "words.txt")
    (vectors,) = lab.embed(source, "rows", word="bank").layers
    np.testing.assert_array_equal(np.unique(vectors, axis=0), [[1, 2, 3]])


def test_what_cannot_be_made_is_refused_in_a_sentence(lab: Lab) -> None:
    with pytest.raises(UserError, match="no size 'rings'"):
        lab.new_model("table", "rows", rings=3)
    with pytest.raises(UserError, match="no kind of model 'oracle'"):
        lab.new_model("oracle", "rows")
    with pytest.raises(UserError, match="no model 'abc'"):
        lab.model("model:abc")


@pytest.mark.parametrize("system", [system for system in SYSTEMS if system.kind], ids=lambda system: system.name)
def test_every_system_has_a_recipe_that_fits_its_model(system: object, lab: Lab) -> None:
    assert isinstance(system, type(SYSTEMS[0]))
    if system.recipe is not None:
        (recipe,) = (one for one in recipes.bundled() if one.name == system.recipe)
        assert recipe.fits(system.kind)
        assert not recipe.fits(None)
    else:
        assert system.objective is not None
        assert recipes.OBJECTIVES[system.objective].fits(system.kind)
        assert not recipes.OBJECTIVES[system.objective].fits(None)


def test_recipes_are_offered_by_the_kind_of_the_model(lab: Lab) -> None:
    table = lab.new_model("table", "rows", embedding_size=8)
    assert {recipe.name for recipe in lab.recipes(table)} == {"bag-of-words", "skipgram", "cbow", "glove"}
    assert "bag-of-words" not in {recipe.name for recipe in lab.recipes()}
    assert lab.run_config(table, "rows", "labels", steps=5).stages[0].train["*"] == recipes.SCRATCH_RATE
    assert lab.run_config("builtin", "rows", "labels", steps=5).stages[0].train["*"] == 5e-5


def test_adapters_are_refused_before_a_run_starts_where_a_model_has_no_place_for_them(lab: Lab) -> None:
    lstm = lab.new_model("lstm", "rows", embedding_size=8, lstm_size=4)
    with pytest.raises(ModelError, match="a model before transformers has none: choose another plan"):
        lab.run_config(lstm, "rows", "labels", plan="lora", steps=2)
    fitting = lab.run_config("builtin", "rows", "labels", plan="lora", steps=2)
    with pytest.raises(ModelError, match="choose another plan"):
        lab.finetune(replace(fitting, encoder=EncoderSpec(lstm)))
    assert lab.runs() == []


def test_the_start_of_a_run_is_as_untrained_as_its_model(lab: Lab) -> None:
    table = lab.new_model("table", "rows", embedding_size=8)
    run = lab.wait(lab.finetune(lab.run_config(table, "rows", "labels", steps=2, eval_every=1, frames=4))).id
    said = [
        "The start was drawn at random" in " ".join(lab.compare(f"run:{run}@{step}", f"run:{run}", "rows").verdict.why)
        for step in (0, 1)
    ]
    assert said == [True, False]


def test_the_walk_from_the_command_line(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["lineage", "--workspace", str(lab.root), "--corpus", "rows", "--word", "bank", "--first", SENTENCES[0]]
    given += ["--second", SENTENCES[1], "--system", "skipgram", "--system", "cove", "--json"]
    assert main(given) == 0
    said = json.loads(capsys.readouterr().out)
    walk = lab.walk(said["id"])
    assert [stop.name for stop in walk.stops] == ["skipgram", "cove"]
    skipgram, cove = walk.stops
    assert skipgram.before is not None
    assert skipgram.after is not None
    assert skipgram.before.same == skipgram.after.same == pytest.approx(1.0)  # one vector a word
    assert skipgram.before.neighbours != skipgram.after.neighbours
    assert skipgram.after.separability == pytest.approx(1 / 3)  # one answer for two senses, equally many
    assert "not for quality" in skipgram.note
    verdict = lab.comparison(skipgram.comparison).verdict
    assert "FORGETTING" not in verdict.findings
    assert any("drawn at random" in reason for reason in verdict.why)
    assert cove.note.startswith("Passed over: rows cannot be used for translation")
    assert cove.after is None
    assert lab.walks()[0] == walk


def test_a_walk_needs_the_word_in_both_sentences(lab: Lab) -> None:
    with pytest.raises(UserError, match="does not hold 'bank'"):
        lab.lineage("rows", "bank", (SENTENCES[0], "nothing of it"))
    with pytest.raises(UserError, match="no system 'gpt' to walk to"):
        lab.lineage("rows", "bank", SENTENCES, systems=["gpt"])


@kit.needs_kit
def test_published_elmo_weights_become_a_model_that_reads_any_word(lab: Lab) -> None:
    elmo = kit.KIT / "elmo"
    source = lab.bring_model("elmo", elmo / "lm_weights.hdf5", options=elmo / "options.json")
    assert lab.kind(source) == "elmo"
    assert len(lab.embed(source, "rows", word="bank").layers) == 4


def test_published_weights_need_their_companions(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"\x80\x04not weights")
    with pytest.raises(UserError, match="need their companion: give the vocabulary"):
        lab.bring_model("awd-lstm", tmp_path / "weights.pth")
    with pytest.raises(UserError, match=r"There is no file away\.hdf5"):
        lab.bring_model("elmo", tmp_path / "away.hdf5")
    assert not [path for path in (lab.root / "models").iterdir() if path.name.startswith(".tmp")]
