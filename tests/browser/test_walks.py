"""The three walks of docs/walks, as the people in them would go: on the command line first, then on the screen."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from embedlab import demo
from tests.browser.conftest import ROOT

if TYPE_CHECKING:

    from playwright.sync_api import Browser

SECOND = 1000  # ms
WORDS = ("bank", "mouse")  # 100 of the 750 rows: minutes on two cores, not a quarter of an hour
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
    """A workspace with a corpus, a tune that collapsed and the same one at the rate of the demo."""

    folder: Path
    corpus: str
    collapsed: str
    careful: str

    def embedlab(self, *words: str) -> tuple[int, Any]:
        return embedlab(self.folder, *words)


def embedlab(folder: Path, *words: str) -> tuple[int, Any]:
    """(exit code, JSON of standard output) of a command, as a shell would run it."""
    done = subprocess.run(
        [sys.executable, "-m", "embedlab", *words, "--workspace", str(folder / "workspace"), "--json"],
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
            folder, "finetune", "--model", "builtin", "--corpus", added["id"], "--objective", "senses", "--steps", "12",
            "--rate", rate, "--eval-every", "4",
        )[1]
        for rate in ("5e-3", "5e-5")
    ]  # fmt: skip
    return Team(folder, added["id"], *(run["id"] for run in runs))


@pytest.fixture
def walked(team: Team, tmp_path: Path) -> None:
    """The server of this test works on the team's workspace. Asked for before `url`."""
    (tmp_path / "workspace").symlink_to(team.folder / "workspace")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_practitioner_finds_the_collapse_and_its_cause(
    team: Team, walked: None, url: str, browser: "Browser"
) -> None:
    from playwright.sync_api import expect

    _, made = team.embedlab(
        "compare", "--before", "builtin", "--after", f"run:{team.collapsed}", "--corpus", team.corpus
    )
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    # what happened: the answer is on the first screen
    page.goto(f"{url}/?c={made['id']}")
    answer = page.locator(".st-key-answer")
    expect(answer).to_contain_text("COLLAPSE", timeout=120 * SECOND)
    expect(answer).to_contain_text("FORGETTING")
    box = answer.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 900, "the answer is not seen without scrolling"
    # when: the canary alarmed at the first look
    page.goto(f"{url}/finetune?run={team.collapsed}")
    alarm = page.get_by_text("Unrelated sentences are becoming alike").first
    expect(alarm).to_be_visible(timeout=60 * SECOND)
    # why: one setting differs from the tune that did not collapse
    page.goto(f"{url}/runs?runs={team.collapsed}.{team.careful}")
    table = page.locator("table", has=page.get_by_role("columnheader", name="setting", exact=True)).first
    expect(table).to_contain_text("0.005", timeout=60 * SECOND)
    expect(table).to_contain_text("5e-05")
    assert table.locator("tr").count() == 2, table.inner_text()  # the head, and the rate alone


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_teacher_shows_that_bank_has_one_vector_in_word2vec_and_many_in_bert(
    team: Team, walked: None, url: str, browser: "Browser"
) -> None:
    from urllib.parse import urlencode

    from playwright.sync_api import expect

    _, walk = team.embedlab(
        "lineage",
        "--corpus",
        team.corpus,
        "--word",
        "bank",
        "--system",
        "skipgram",
        "--first",
        FIRST,
        "--second",
        OTHER,
    )
    trained = f"run:{walk['stops'][0]['run']}"
    assert walk["stops"][0]["after"]["same"] == pytest.approx(1.0)
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{url}/lineage?walk={walk['id']}")
    # the name stands in the closed form above the table too
    expect(page.locator(".el-table").get_by_text("word2vec, skip-gram")).to_be_visible(timeout=60 * SECOND)
    asked = {"sentence": FIRST, "second": OTHER}
    for source, said in ((trained, "Yes, exactly,"), ("builtin", "No, not")):
        page.goto(f"{url}/anatomy?{urlencode(asked | {'a': source, 'b': source})}")
        card = page.locator(".el-card", has_text="the same in both sentences?").first
        expect(card).to_contain_text(said, timeout=120 * SECOND)
        expect(card).to_contain_text("bank")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_team_gates_a_release(team: Team, walked: None, url: str, browser: "Browser", tmp_path: Path) -> None:
    from playwright.sync_api import expect

    expected = tmp_path / "expected.txt"
    expected.write_text(EXPECTED)
    codes, failed = {}, {}
    for name, run in (("careful", team.careful), ("collapsed", team.collapsed)):
        codes[name], made = team.embedlab(
            "compare", "--before", "builtin", "--after", f"run:{run}", "--corpus", team.corpus,
            "--expect", str(expected), "--out", str(tmp_path / name),
        )  # fmt: skip
        failed[name] = made["failed"]
        assert (tmp_path / name / "report.html").stat().st_size > 10_000
    assert codes == {"careful": 0, "collapsed": 1}
    assert failed["careful"] == []
    assert {"space without COLLAPSE, FORGETTING", "mean_cosine at most 0.5"} <= set(failed["collapsed"])
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{url}/?c={made['id']}")
    expect(page.get_by_text("What you expected")).to_be_visible(timeout=120 * SECOND)
    expect(page.get_by_text("mean_cosine at most 0.5")).to_be_visible()
