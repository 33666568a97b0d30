"""The three walks of docs/walks, as the people in them would go: on the command line first, then on the screen."""

import contextlib
import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from embedlab import demo
from embedlab.cli import main
from tests.browser.conftest import PATIENCE, ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

WORDS = ("bank", "mouse")  # 100 of the 750 rows: minutes on two cores, not a quarter of an hour
LAYERS = "0,6"  # the embeddings and what the verdict is about; every layer between takes as long again
COLUMNS = ("text", "target", "start", "end", "sense")
EXPECTED = """\
task not HARMED
space without COLLAPSE, FORGETTING
mean_cosine at most 0.5
bank+river nearer river than account
mouse keeps mice
"""
FIRST, OTHER = "he sat on the bank of the river", "he went to the bank to check his balance"


@dataclass(frozen=True)
class Team:
    """A workspace with a corpus, a tune that collapsed and the same one at the rate of the demo.

    gates: name of a tune -> (exit code, JSON, folder of --out) of its comparison with what was expected.
    """

    folder: Path
    corpus: str
    collapsed: str
    careful: str
    gates: dict[str, tuple[int, Any, Path]] = field(default_factory=dict)

    def gate(self, name: str, *, apart: bool = False) -> tuple[int, Any, Path]:
        """Compare a tune with the model it began from, once; `apart`: as a pipeline does, in a process of its own."""
        if name not in self.gates:
            (self.folder / "expected.txt").write_text(EXPECTED)
            out = self.folder / name
            words = ["compare", "--before", "builtin", "--after", f"run:{getattr(self, name)}", "--corpus", self.corpus,
                     "--expect", str(self.folder / "expected.txt"), "--out", str(out), "--layers", LAYERS]  # fmt: skip
            self.gates[name] = (*(in_a_shell if apart else embedlab)(self.folder, *words), out)
        return self.gates[name]


def options(folder: Path) -> list[str]:
    return ["--workspace", str(folder / "workspace"), "--json"]


def embedlab(folder: Path, *words: str) -> tuple[int, Any]:
    """(exit code, JSON of standard output) of a command; in this process, where torch is imported once for all."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = main([*words, *options(folder)])
    assert code in (0, 1), words
    return code, json.loads(said.getvalue())


def in_a_shell(folder: Path, *words: str) -> tuple[int, Any]:
    """The same as a shell runs it."""
    done = subprocess.run(
        [sys.executable, "-m", "embedlab", *words, *options(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=800,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.stdout, done.stderr[-2000:]  # 2, or a crash: nothing is said there
    assert done.returncode in (0, 1), done.stderr[-2000:]
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Team:
    folder = tmp_path_factory.mktemp("team")
    with demo.senses_path().open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["target"] in WORDS]
    with (folder / "uses.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    columns = [word for column in COLUMNS for word in (f"--{column}", column)]
    _, added = embedlab(folder, "corpus", "add", str(folder / "uses.csv"), *columns)
    assert added["rows_kept"] == len(rows) == 100
    runs = [
        embedlab(
            folder, "finetune", "--model", "builtin", "--corpus", added["id"], "--objective", "senses", "--steps", "8",
            "--rate", rate, "--eval-every", "4",
        )[1]
        for rate in ("5e-3", "5e-5")
    ]  # fmt: skip
    return Team(folder, added["id"], *(run["id"] for run in runs))


@pytest.fixture(scope="module")
def workspace(team: Team) -> Path:
    """The server of this file works where the team does."""
    return team.folder / "workspace"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_practitioner_finds_the_collapse_and_its_cause(team: Team, url: str, page: "Page") -> None:
    from playwright.sync_api import expect

    _, made, _ = team.gate("collapsed", apart=True)
    page.set_viewport_size({"width": 1440, "height": 900})
    # what happened: the answer is on the first screen
    page.goto(f"{url}/?c={made['id']}")
    answer = page.locator(".st-key-answer")
    expect(answer).to_contain_text("COLLAPSE", timeout=PATIENCE)
    expect(answer).to_contain_text("FORGETTING")
    box = answer.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 900, "the answer is not seen without scrolling"
    # when: the canary alarmed at the first look
    page.goto(f"{url}/finetune?run={team.collapsed}")
    alarm = page.get_by_text("Unrelated sentences are becoming alike").first
    expect(alarm).to_be_visible(timeout=PATIENCE)
    # why: one setting differs from the tune that did not collapse
    page.goto(f"{url}/runs?runs={team.collapsed}.{team.careful}")
    table = page.locator("table", has=page.get_by_role("columnheader", name="setting", exact=True)).first
    expect(table).to_contain_text("0.005", timeout=PATIENCE)
    expect(table).to_contain_text("5e-05")
    expect(table.locator("tr")).to_have_count(2)  # the head, and the rate alone


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_teacher_shows_that_bank_has_one_vector_in_word2vec_and_many_in_bert(
    team: Team, url: str, page: "Page"
) -> None:
    from urllib.parse import urlencode

    from playwright.sync_api import expect

    _, walk = embedlab(
        team.folder, "lineage", "--corpus", team.corpus, "--word", "bank", "--system", "skipgram",
        "--first", FIRST, "--second", OTHER,
    )  # fmt: skip
    trained = f"run:{walk['stops'][0]['run']}"
    assert walk["stops"][0]["after"]["same"] == pytest.approx(1.0)
    page.goto(f"{url}/lineage?walk={walk['id']}")
    # the name stands in the closed form above the table too
    expect(page.locator(".el-table").get_by_text("word2vec, skip-gram")).to_be_visible(timeout=PATIENCE)
    asked = {"sentence": FIRST, "second": OTHER}
    for source, said in ((trained, "Yes, exactly,"), ("builtin", "No, not")):
        page.goto(f"{url}/anatomy?{urlencode(asked | {'a': source, 'b': source})}")
        card = page.locator(".el-card", has_text="the same in both sentences?").first
        expect(card).to_contain_text(said, timeout=PATIENCE)
        expect(card).to_contain_text("bank")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_team_gates_a_release(team: Team, url: str, page: "Page") -> None:
    from playwright.sync_api import expect

    gates = {"careful": team.gate("careful"), "collapsed": team.gate("collapsed", apart=True)}
    assert {name: code for name, (code, _, _) in gates.items()} == {"careful": 0, "collapsed": 1}
    for _, _, out in gates.values():
        assert (out / "report.html").stat().st_size > 10_000
    assert gates["careful"][1]["failed"] == []
    made = gates["collapsed"][1]
    assert {"space without COLLAPSE, FORGETTING", "mean_cosine at most 0.5"} <= set(made["failed"])
    page.goto(f"{url}/?c={made['id']}")
    expect(page.get_by_text("What you expected")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("mean_cosine at most 0.5")).to_be_visible()
