"""Seeds, expectations and vectors from elsewhere, as a person meets them on the command line."""

import csv
import json
import time
from pathlib import Path

import numpy as np
import pytest

from embedlab.cli import main
from embedlab.lab import Lab
from tests.training import tiny


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model, a table of uses with senses and a workspace that keeps what the tests make."""
    folder = tmp_path_factory.mktemp("trust")
    tiny.model(folder / "model")
    with (folder / "uses.csv").open("w", newline="") as file:
        table = tiny.rows(16)
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return folder


@pytest.fixture
def run(place: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def command(*words: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*map(str, words), "--workspace", str(place / "workspace")])
        out, err = capsys.readouterr()
        return code, out, err

    return command


@pytest.fixture
def trained(run, place: Path) -> tuple[str, list[str]]:  # type: ignore[no-untyped-def]
    """(corpus, the runs of three seeds); trained by the first test that asks, found again by the others."""
    code, out, err = run("corpus", "add", place / "uses.csv", "--json")
    assert code == 0, err
    corpus = json.loads(out)["id"]
    code, out, err = run(
        "finetune", "--model", place / "model", "--corpus", corpus, "--objective", "senses", "--steps", "4",
        "--eval-every", "2", "--rate", "3e-3", "--seeds", "3", "--json",
    )  # fmt: skip
    assert code == 0, err
    return corpus, json.loads(out)["runs"]


def test_three_seeds_are_trained_once(run, trained, place: Path) -> None:  # type: ignore[no-untyped-def]
    _, runs = trained
    lab = Lab(place / "workspace")
    assert [lab.run(id).config.seed for id in runs] == [0, 1, 2]
    assert lab.replicates(f"run:{runs[0]}") == [f"run:{id}" for id in runs[1:]]
    task = lab.start_finetune(lab.run(runs[0]).config, seeds=3)  # as the page does: the same recipe, through a file
    while lab.task(task).state in ("queued", "running"):
        time.sleep(0.2)
    assert lab.task(task).result["runs"] == runs
    assert len(lab.runs()) == 3


def test_other_seeds_are_the_noise_floor_and_a_failed_expectation_ends_with_1(run, trained, place: Path) -> None:  # type: ignore[no-untyped-def]
    corpus, runs = trained
    expected = place / "expected.txt"
    expected.write_text("mean_cosine at most 1\nmean_cosine at most -0.9  # cannot hold\n")
    asked = ("compare", "--before", place / "model", "--after", f"run:{runs[0]}", "--corpus", corpus, "--k", "3")
    code, out, err = run(*asked, "--expect", expected, "--out", place / "out")
    assert code == 1, err
    assert "FAILED: mean_cosine at most -0.9" in out
    assert "held: mean_cosine at most 1" in out
    made = json.loads((place / "out" / "comparison.json").read_text())
    assert made["noise"]["kind"] == "seeds"
    assert len(made["noise"]["replicates"]) == 2
    assert made["layers"][-1]["readings"]["mean_cosine"]["noise"] > 0
    assert f"--replicates run:{runs[1]},run:{runs[2]}" in made["provenance"]["command"]
    assert {one["region"] for one in made["verdict"]["collateral"]} >= {"seen in training", "off domain"}
    code, out, err = run(*asked, "--replicates", "none", "--json")
    assert code == 0, err
    alone = Lab(place / "workspace").comparison(json.loads(out)["id"])
    assert alone.noise.kind == "control"
    assert all(reading.noise is None for layer in alone.layers for reading in layer.readings.values())


def test_two_seeds_are_not_held_against_themselves(run, trained, place: Path) -> None:  # type: ignore[no-untyped-def]
    corpus, runs = trained
    code, out, err = run(
        "compare", "--before", f"run:{runs[1]}", "--after", f"run:{runs[0]}", "--corpus", corpus, "--k", "3", "--json"
    )
    assert code == 0, err
    floor = Lab(place / "workspace").comparison(json.loads(out)["id"]).noise
    assert [spec.source for spec in floor.replicates] == [f"run:{runs[2]}"]


def test_tables_of_unlike_words_and_widths_are_compared_on_what_they_share(run, place: Path) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    for name, words, dim in (("one.txt", range(40), 8), ("two.txt", range(10, 60), 12)):
        rows = [f"w{i} " + " ".join(f"{x:.4f}" for x in rng.normal(size=dim)) for i in words]
        (place / name).write_text(f"{len(rows)} {dim}\n" + "\n".join(rows) + "\n")
    code, out, err = run(
        "compare", "--before", place / "one.txt", "--after", place / "two.txt", "--k", "5", "--out", place / "tables"
    )
    assert code == 0, err
    made = json.loads((place / "tables" / "comparison.json").read_text())
    assert made["verdict"]["task"] == "NOT MEASURED"
    assert {40, 50, 30} <= set(made["provenance"]["coverage"].values())
    assert (place / "tables" / "report.html").stat().st_size > 1000
    code, out, err = run("measure", "--before", place / "one.txt", "--after", place / "two.txt", "--k", "5", "--json")
    assert code == 0, err
    measured = json.loads(out)
    assert (measured["n"], measured["dim"], measured["dim_after"]) == (30, 8, 12)
    assert measured["coverage"]["shared"] == 30
    assert measured["readings"]["drift_cosine"]["value"] is None


def test_a_model_folder_is_measured_on_texts(run, place: Path) -> None:  # type: ignore[no-untyped-def]
    texts = place / "texts.txt"
    texts.write_text("\n".join(row["text"] for row in tiny.rows(6)) + "\n")
    asked = ("measure", "--before", place / "model", "--after", place / "model", "--k", "3", "--json")
    code, out, err = run(*asked, "--texts", texts)
    assert code == 0, err
    readings = json.loads(out)["readings"]
    assert readings["drift_cosine"]["value"] == 0
    assert readings["knn_jaccard"]["value"] == 1
    code, out, err = run(*asked)
    assert code == 2
    assert "--texts" in err
