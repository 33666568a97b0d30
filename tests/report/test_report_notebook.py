"""The notebook: valid, deaf to what people wrote, and it runs on the files beside it."""

import ast
import io
import zipfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import nbformat
import pytest

from embedlab.report import EVERYTHING, Plan, notebook
from embedlab.types import Comparison
from tests.made import made, with_text


def run_in(folder: Path, source: bytes) -> tuple[dict[str, Any], str]:
    """Every code cell one after the other, as a kernel in that folder would: (what it left, what it printed)."""
    book = nbformat.reads(source.decode(), as_version=4)
    nbformat.validate(book)
    left: dict[str, Any] = {}
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
        patch.chdir(folder)
        for cell in book.cells:
            if cell.cell_type == "code":
                exec(compile(ast.parse(cell.source), cell.id, "exec"), left)  # noqa: S102 - our own cells
    return left, printed.getvalue()


def unpacked(comparison: Comparison, folder: Path, plan: Plan = EVERYTHING) -> bytes:
    with zipfile.ZipFile(io.BytesIO(notebook.bundle(comparison, plan))) as made_of:
        made_of.extractall(folder)
    return (folder / notebook.NAME).read_bytes()


def test_it_runs_on_its_data_and_says_what_the_comparison_says(tmp_path: Path) -> None:
    comparison, _ = made(copies=1)
    left, printed = run_in(tmp_path, unpacked(comparison, tmp_path))
    assert comparison.verdict.task_line in printed
    assert all(line in printed for line in comparison.verdict.why)
    above = int(comparison.words.changed(3).sum())
    assert f"{above} of {len(comparison.words.words)} words changed by more than noise" in printed
    assert comparison.provenance.command in printed
    assert len(left["items"]) == 4 * len(comparison.words.words)
    row = comparison.words.row("bank")
    assert left["here"].set_index("word").loc["bank", "change"] == comparison.words.change[3, row]


def test_the_plan_decides_what_it_holds(tmp_path: Path) -> None:
    comparison, _ = made(copies=1)
    left, printed = run_in(tmp_path, unpacked(comparison, tmp_path, Plan(("neighbours",), ("loan",), layer=1)))
    assert "loan kept" in printed
    assert left["LAYER"] == 1
    assert "figure" not in left
    with pytest.raises(Exception, match="section"):
        notebook.notebook(comparison, Plan(("nothing",)))  # type: ignore[arg-type]


def test_what_people_wrote_is_data_and_never_code(tmp_path: Path) -> None:
    payload = '\'); import os; HIT = 1 #\n"""{x}'
    comparison, _ = made(copies=1)
    hostile = with_text(comparison, payload)
    word = next(w for w in hostile.words.words if "HIT" in w)
    left, _ = run_in(tmp_path, unpacked(hostile, tmp_path, Plan(words=(word,))))
    assert "HIT" not in left
    assert left["WORDS"] == [word]


def test_the_same_comparison_gives_the_same_bytes() -> None:
    comparison, _ = made(copies=1)
    assert notebook.bundle(comparison) == notebook.bundle(comparison)
