"""The Map page: all words or texts, what is selected, and what can be taken of it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from embedlab import wordvectors
from embedlab.jobs import Task
from embedlab.lab import Lab
from embedlab.ui import overview, overview_drawing
from tests.pages.bench import well
from tests.pages.conftest import plain
from tests.searching import FakeLab, fill

Open = Callable[..., AppTest]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeLab, str]:
    """A workspace where the last layer is drawn, words and texts."""
    lab, id = fill(tmp_path_factory.mktemp("map"))
    lab.overview(id)
    lab.overview(id, "texts")
    return lab, id


@pytest.fixture
def open_map(drawn: tuple[FakeLab, str], open_fake: Open) -> Open:
    return lambda root=drawn[0].root, **query: open_fake("map", root, **query)


def test_all_words_come_first_with_how_true_the_map_is(open_map: Open, drawn: tuple[FakeLab, str]) -> None:
    lab, id = drawn
    app = open_map()
    well(app)
    assert app.title[0].value == "Where does everything lie, and what moved?"
    page, overview = plain(app), lab.overview(id)
    assert f"One linked UMAP of all {len(overview)} words" in page
    assert "Trustworthiness ." in page
    assert "times the placebo" in page
    assert f"Nothing is selected: all {len(overview)} words" in page
    assert any(code.value.startswith(f"python -m embedlab map {id[:8]} --what words --layers 2") for code in app.code)


def test_what_is_typed_becomes_the_selection_the_table_and_the_link(open_map: Open, drawn: tuple[FakeLab, str]) -> None:
    lab, id = drawn
    words = lab.comparison(id).words.words
    app = open_map()
    app.text_input(key=f"find-{id[:8]}-words").set_value("BOA").run()
    well(app)
    hits = [row for row, word in enumerate(words) if "boa" in word]
    assert hits
    assert f"{len(hits)} word{'' if len(hits) == 1 else 's'} selected of {len(words)}" in plain(app)
    assert app.dataframe[0].value["word"].tolist() == [words[row] for row in hits]
    assert app.query_params["sel"] == ".".join(map(str, hits))
    next(button for button in app.button if button.label == "Clear selection").click().run()
    assert "Nothing is selected" in plain(app)
    assert "sel" not in app.query_params


def test_a_link_restores_what_layer_colour_and_selection(open_map: Open, drawn: tuple[FakeLab, str]) -> None:
    lab, id = drawn
    texts = lab.overview(id, "texts")
    app = open_map(what="texts", by="sense", sel=f"{texts.rows[1]}.{texts.rows[4]}.999")
    well(app)
    assert app.selectbox(key="by").value == "sense"
    assert "2 texts selected of" in plain(app)
    assert set(app.dataframe[0].value["row"]) == {texts.rows[1], texts.rows[4]}


def test_a_selection_too_large_for_the_address_is_kept_under_a_short_id(
    open_map: Open, drawn: tuple[FakeLab, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "LINKED", 3)
    _, id = drawn
    app = open_map()
    app.text_input(key=f"find-{id[:8]}-words").set_value("o").run()
    well(app)
    said = re.search(r"(\d+) words selected of", plain(app))
    assert said is not None
    assert int(said[1]) > 3
    [link] = app.query_params["sel"] if isinstance(app.query_params["sel"], list) else [app.query_params["sel"]]
    assert re.fullmatch(r"~[0-9a-f]{16}", link)
    assert f"{said[1]} words selected of" in plain(open_map(sel=link))
    gone = open_map(sel="~" + "0" * 16)
    well(gone)
    assert "Nothing is selected" in plain(gone)
    assert "not in this workspace any more" in gone.toast[0].value


def test_the_legend_names_every_kind_with_its_shape(open_map: Open) -> None:
    page = plain(open_map(what="texts", by="label"))
    legend = re.search(r'aria-label="Legend">(.*?)</div>', page)
    assert legend is not None
    marks = re.findall(r">(.)</b> ([^<]+)<", legend[1])
    assert {name for _, name in marks} >= {"river", "money", "bird", "machine"}
    assert len({mark for mark, _ in marks}) == len(marks)


def test_a_layer_that_was_not_drawn_offers_to_draw_it(open_map: Open) -> None:
    app = open_map()
    app.session_state["layer"] = 1
    app.run()
    well(app)
    assert "This map has not been drawn yet" in plain(app)
    labels = [button.label for button in app.main.button]
    assert any(re.match(r"Draw layer 1 \(about \d+ s\)", label) for label in labels)
    assert any(label.startswith("Draw all 3 layers") for label in labels)


def test_a_new_corpus_is_made_of_the_rows_behind_the_selection(open_map: Open, drawn: tuple[FakeLab, str]) -> None:
    lab, id = drawn
    app = open_map()
    app.text_input(key=f"find-{id[:8]}-words").set_value("otter").run()
    app.text_input(key="map-corpus-name").set_value("otters").run()
    app.button(key="map-corpus").click().run()
    well(app)
    made = next(entry for entry in Lab(lab.root).corpora() if entry.name == "otters")
    texts = lab.corpus(made.id).texts
    assert texts
    assert all("otter" in text for text in texts)
    assert f"“otters” has {len(texts)} rows" in plain(app)


def test_without_vectors_it_says_how_to_get_the_map(open_map: Open, tmp_path: Path) -> None:
    lab, id = fill(tmp_path)
    for name in lab.store.find("comparisons", id).summary["surveys"]:
        lab.store.remove("snapshots", name)
    app = open_map(root=tmp_path)
    well(app)
    assert "The vectors of this comparison are not in the workspace" in plain(app)
    assert not any(button.label.startswith("Draw") for button in app.main.button)


def test_of_two_files_all_rows_can_be_drawn_and_what_was_compared_is_said(
    open_map: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wordvectors, "MOST_WORDS", 30)
    rng = np.random.default_rng(0)
    for side in ("before", "after"):
        np.save(tmp_path / f"{side}.npy", rng.normal(size=(60, 6)).astype(np.float32))
    lab = FakeLab(tmp_path / "workspace")
    id = lab.compare_files(tmp_path / "before.npy", tmp_path / "after.npy").id
    app = open_map(root=lab.root, what="rows")
    well(app)
    assert any(re.match(r"Draw 60 rows \(about \d+ s\)", button.label) for button in app.main.button)
    assert not any(button.label.startswith("Draw all") for button in app.main.button)  # there is one layer
    lab.overview(id, "rows")
    app = open_map(root=lab.root, what="rows")
    well(app)
    page = plain(app)
    assert "30 of them were compared one by one" in page
    assert "Nothing is selected: all 60 rows" in page
    app.text_input(key=f"find-{id[:8]}-rows").set_value("row 1").run()
    well(app)
    assert sorted(app.dataframe[0].value["number"]) == [1, *range(10, 20)]
    assert app.query_params["sel"] in ("1.10.11.12.13.14.15.16.17.18.19", ["1.10.11.12.13.14.15.16.17.18.19"])


def test_the_time_left_is_the_estimate_at_first_and_then_what_the_time_so_far_says() -> None:
    begun = (datetime.now(UTC) - timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
    early, late = (Task("a", "map", "running", share, "", "", {}, begun) for share in (0.01, 0.75))
    assert overview_drawing.left(early, 300.0) == 300.0
    assert overview_drawing.left(late, 300.0) == pytest.approx(20, abs=1)


def test_without_a_comparison_there_is_one_button_that_makes_one(open_map: Open, tmp_path: Path) -> None:
    app = open_map(root=tmp_path / "empty")
    well(app)
    assert "Nothing has been compared yet" in plain(app)
