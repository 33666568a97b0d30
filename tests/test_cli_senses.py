"""`senses` on the command line: the uses of a word as a table, and names given to them by row."""

import json
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pytest

from embedlab.cli import main
from tests.made import SENTENCES
from tests.pages.conftest import fill
from tests.searching import FakeLab, fill_run


@pytest.fixture
def shop(tmp_path: Path) -> tuple[str, str]:
    """A workspace with the made comparison of marked words, and its id."""
    return str(tmp_path), fill(tmp_path)


def test_every_use_is_written_with_its_change_and_its_place(shop: tuple[str, str], tmp_path: Path) -> None:
    root, id = shop
    out = tmp_path / "bank.csv"
    assert main(["senses", id, "bank", "--map", "--out", str(out), "--workspace", root]) == 0
    table = pd.read_csv(out)
    senses = {sense for word, sense in SENTENCES if word == "bank"}
    assert set(table["sense"]) == senses
    assert table["text"].str.contains("bank", case=False).all()
    assert table[["change", "map_x_before", "map_y_after"]].notna().all().all()
    assert not (table["map_x_before"] == table["map_x_after"]).all()


def test_names_are_given_by_row_listed_and_taken_back(
    shop: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    root, id = shop
    again = ["senses", id, "bank", "--json", "--workspace", root]
    assert main([*again, "--name", "money", "--rows", "0,1"]) == 0
    assert json.loads(capsys.readouterr().out)["named"] == {"money": 2}
    assert main(again) == 0
    assert json.loads(capsys.readouterr().out)["named"] == {"money": 2}
    assert main([*again, "--forget", "money"]) == 0
    assert json.loads(capsys.readouterr().out)["named"] == {}


def test_along_the_training_the_separation_is_said_at_every_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedlab.cli.Lab", FakeLab)
    with ExitStack() as locks:
        lab, id = fill_run(tmp_path, locks)
        out = tmp_path / "bank.csv"
        asked = ["senses", id, "bank", "--workspace", str(tmp_path)]
        assert main([*asked, "--steps", "--map", "--out", str(out), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        known = lab.word_steps(id, lab.word_view(id, "bank"))
        assert [one["step"] for one in told["steps"]] == [step for step, _ in known] == [0, 50]
        for one, (_, readings) in zip(told["steps"], known, strict=True):
            assert {name: r["after"] for name, r in one["readings"].items()} == {
                n: r.after for n, r in readings.items()
            }
        table = pd.read_csv(out)
        assert (table["map_x_step_0"] == table["map_x_before"]).all(), "the state it began from"
        assert not (table["map_x_step_50"] == table["map_x_after"]).all()

        assert main([*asked, "--steps", "50"]) == 0
        said = capsys.readouterr().out
        assert "along the training, steps 50:" in said
        (line,) = [line for line in said.splitlines() if "silhouette_cosine_macro" in line and "→" in line]
        assert line.count("→") == 2  # before, step 50, after
        assert main([*asked, "--steps", "40"]) == 2
        assert "The steps between before and after are 0, 50" in capsys.readouterr().err
        assert main([*asked, "--steps", "soon"]) == 2
        assert "these are kept: 0, 50" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--name", "money"], "--rows 3,17"),
        (["--name", "money", "--rows", "99999"], "Row 99999 of the corpus holds no use of bank"),
        (["--forget", "money"], "is named"),
        (["--out", "uses.txt"], "give .csv or .parquet"),
        (["--layer", "99"], "layer 99"),
        (["--steps"], "No state of a run between before and after is here"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(
    shop: tuple[str, str], capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    root, id = shop
    assert main(["senses", id, "bank", *more, "--workspace", root]) == 2
    assert said in capsys.readouterr().err
