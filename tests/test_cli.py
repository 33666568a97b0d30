"""The command line as a person uses it: what goes wrong is one sentence and exit code 2; what goes right is right."""

import json
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from embedlab.cli import main

SENTENCES = [
    ("The bank raised its rates again this spring.", "bank", "money", "business"),
    ("She opened an account at the bank on Friday.", "bank", "money", "business"),
    ("My bank refused the loan without a reason.", "bank", "money", "business"),
    ("A clerk at the bank counted the notes twice.", "bank", "money", "business"),
    ("He sat on the bank of the river and fished.", "bank", "river", "nature"),
    ("Reeds grow along the muddy bank of the stream.", "bank", "river", "nature"),
    ("The canoe slid down the bank into the water.", "bank", "river", "nature"),
    ("We camped on the north bank of the wide river.", "bank", "river", "nature"),
]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Run one command in a workspace of its own: (exit code, standard output, standard error)."""

    def command(*words: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main([*map(str, words), "--workspace", str(tmp_path / "workspace")])
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return command


def refused(result: tuple[int, str, str], *parts: str) -> None:
    """One sentence on standard error, nothing on standard output, exit code 2, no traceback."""
    code, out, err = result
    assert code == 2, (out, err)
    assert out == ""
    last = err.strip().splitlines()[-1]
    assert last.startswith("embedlab: ")
    assert "Traceback" not in err
    for part in parts:
        assert part.lower() in last.lower(), (part, last)


@pytest.fixture
def corpus(tmp_path: Path, run) -> str:  # type: ignore[no-untyped-def]
    path = tmp_path / "mine.csv"
    lines = ["text,target,sense,topic"] + [f"{text},{word},{sense},{topic}" for text, word, sense, topic in SENTENCES]
    path.write_text("\n".join(lines))
    code, out, err = run(
        "corpus", "add", path, "--text", "text", "--target", "target", "--sense", "sense", "--label", "topic", "--json"
    )
    assert code == 0, err
    added = json.loads(out)
    assert (added["rows_in"], added["rows_kept"], added["rows_refused"]) == (8, 8, 0)
    return str(added["id"])


# ---- bad input -------------------------------------------------------------------------------------------------------


def test_missing_file(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    refused(run("corpus", "add", tmp_path / "nope.csv"), "nope.csv")


def test_empty_file(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "empty.csv").write_bytes(b"")
    refused(run("corpus", "add", tmp_path / "empty.csv"), "empty.csv", "empty")


def test_a_png_named_txt(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "photo.txt").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 8)
    refused(run("corpus", "add", tmp_path / "photo.txt"), "photo.txt", "PNG image")


def test_wrong_encoding(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "odd.csv").write_bytes(b"text\n" + b"plain line\n" * 50 + b"caf\xff\x81\x8d broken\n" * 3)
    refused(run("corpus", "add", tmp_path / "odd.csv"), "odd.csv")


def test_a_column_that_is_not_there(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "a.csv").write_text("text,label\nhello there,x\n")
    refused(run("corpus", "add", tmp_path / "a.csv", "--text", "sentence"), "a.csv", "sentence", "text")


def test_a_span_outside_its_text(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "a.csv").write_text("text,start,end\nshort,3,99\n")
    refused(run("corpus", "add", tmp_path / "a.csv", "--text", "text", "--start", "start", "--end", "end"), "row 1")
    (tmp_path / "b.csv").write_text("text,start,end\nshort,3,99\nlong enough,0,4\n")
    spans = ("--text", "text", "--start", "start", "--end", "end")
    code, out, _ = run("corpus", "add", tmp_path / "b.csv", *spans, "--json")
    assert code == 0
    added = json.loads(out)
    assert (added["rows_kept"], added["rows_refused"], added["refused"][0]["row"]) == (1, 1, 1)


def test_a_word_that_never_occurs_with_near_spellings(run, corpus: str) -> None:  # type: ignore[no-untyped-def]
    refused(run("corpus", "show", corpus, "--word", "bnak"), "bnak", "bank")


def test_a_model_folder_with_only_pickle_weights(run, corpus: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "bert"}')
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04")
    refused(run("embed", "--model", folder, "--corpus", corpus, "--out", tmp_path / "out"), "pickle", "safetensors")


def test_a_model_that_is_not_there(run, corpus: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    refused(run("models", "show", tmp_path / "nothing"), "nothing")
    refused(run("embed", "--model", "run:abc", "--corpus", corpus, "--out", tmp_path / "out"), "run")


def test_k_larger_than_the_candidates(run, corpus: str) -> None:  # type: ignore[no-untyped-def]
    refused(run("compare", "--before", "builtin", "--after", "builtin", "--corpus", corpus, "--k", "5000"), "5000")


def test_a_finished_disk(run, corpus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(100, 100, 0))
    (tmp_path / "c.txt").write_text("one line\nanother line\n")
    refused(run("corpus", "add", tmp_path / "c.txt"), "disk", "full")


def test_unknown_things_are_named(run) -> None:  # type: ignore[no-untyped-def]
    refused(run("corpus", "show", "feed"), "feed")
    refused(run("runs", "show", "feed"), "feed")
    refused(run("report", "feed", "--out", "x.html"), "feed")
    code, _, err = run("nonsense")
    assert code == 2
    assert "nonsense" in err


# ---- the whole way ---------------------------------------------------------------------------------------------------


def test_a_model_compared_with_itself_reads_exactly_zero(run, corpus: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    common = ("compare", "--before", "builtin", "--after", "builtin", "--corpus", corpus, "--k", "3", "--json")
    code, _, err = run(*common, "--out", tmp_path / "out")
    assert code == 0, err
    value = json.loads((tmp_path / "out" / "comparison.json").read_bytes())
    assert len(value["layers"]) == 7
    for layer in value["layers"]:
        for name, reading in layer["readings"].items():
            if reading.get("before") is not None:
                assert reading["before"] == reading["after"], name
        assert layer["readings"]["knn_jaccard"]["value"] == 1.0
        assert layer["readings"]["drift_cosine"]["value"] == 0.0
        assert layer["readings"]["cka_debiased"]["value"] == pytest.approx(1.0, abs=1e-12)
    import pandas as pd

    items = pd.read_parquet(tmp_path / "out" / "items.parquet")
    assert (items["change"] == 0).all()
    assert (items["drift"] == 0).all()
    assert "</html>" in (tmp_path / "out" / "report.html").read_text()


def test_embed_writes_what_it_says(run, corpus: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    import pandas as pd

    words = sum(len(text.split()) for text, *_ in SENTENCES)
    asked = ((("--targets",), 8), (("--word", "river"), 2), (("--texts",), 8), (("--all-words",), words))
    for flags, count in asked:
        out = tmp_path / "out"
        code, _, err = run("embed", "--model", "builtin", "--corpus", corpus, *flags, "--out", out)
        assert code == 0, err
        items = pd.read_parquet(out / "items.parquet")
        assert len(items) == count, flags
        assert [text[s:e] for text, s, e in zip(items["text"], items["start"], items["end"], strict=True)] == list(
            items["surface"]
        )
        layers = [np.load(out / f"layer_{i:02}.npy") for i in range(7)]
        assert all(layer.shape == (count, 384) and layer.dtype == np.float32 for layer in layers)
        assert json.loads((out / "manifest.json").read_bytes())["format"] == 1


@pytest.mark.slow
def test_finetune_compare_report_from_the_command_line(run, corpus: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = run(
        "finetune", "--model", "builtin", "--corpus", corpus, "--objective", "senses", "--steps", "3",
        "--eval-every", "2", "--json",
    )  # fmt: skip
    assert code == 0, err
    made = json.loads(out)
    assert made["state"] == "done"
    assert {"score_before", "score_after", "checkpoint"} <= set(made)
    assert (Path(made["checkpoint"]) / "model.safetensors").is_file()
    code, out, err = run(
        "compare", "--before", "builtin", "--after", f"run:{made['id']}", "--corpus", corpus, "--k", "3", "--json"
    )
    assert code == 0, err
    comparison = json.loads(out)["id"]
    for format in ("html", "json", "parquet"):
        code, _, err = run("report", comparison, "--format", format, "--out", tmp_path / f"r.{format}")
        assert code == 0, err
        assert (tmp_path / f"r.{format}").stat().st_size > 1000
    code, out, _ = run("runs", "list")
    assert made["id"] in out
