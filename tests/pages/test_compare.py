"""Compare: a range of change filters the page, a word is explained, and a link restores all of it."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from streamlit.testing.v1 import AppTest

from embedlab import compare
from embedlab.lab import Lab, comparison_summary
from embedlab.ui import selection
from embedlab.ui.selection import Selection
from tests.lab.test_explaining import compared
from tests.made import made
from tests.pages.conftest import fill, html

Open = Callable[..., AppTest]
LAST = 3


def at(app: AppTest) -> AppTest:
    assert not app.exception
    assert "el-error" not in html(app), html(app)
    return app


def linked(open_page: Open, *ends: str, **query: str) -> AppTest:
    return open_page(change=list(ends), **query) if ends else open_page(**query)


def inside(low: float, high: float, layer: int = LAST) -> set[str]:
    words = made()[0].words
    change = words.change[layer]
    return {word for word, so in zip(words.words, (change >= low - 1e-6) & (change <= high + 1e-6), strict=True) if so}


def test_the_range_in_the_link_filters_ranking_and_chooser(open_page: Open) -> None:
    wanted = inside(0.5, 0.9)
    assert 0 < len(wanted) < 40
    app = at(linked(open_page, "0.5", "0.9"))
    assert set(app.dataframe[0].value["word"]) == wanted
    assert set(app.selectbox(key="word").options) == wanted
    assert f"Selection: {len(wanted)} words, change .50 to .90" in html(app)
    app.button(key="clear_selection").click().run()
    assert len(at(app).dataframe[0].value) == 40
    assert "All 40 words" in html(app)


def test_moving_the_slider_does_the_same_as_the_brush(open_page: Open) -> None:
    app = at(open_page())
    app.slider(key="change").set_value((0.5, 0.9)).run()
    assert set(at(app).dataframe[0].value["word"]) == inside(0.5, 0.9)


def test_a_range_that_is_none_is_let_go(open_page: Open) -> None:
    for ends in (("0.9", "0.5"), ("x", "1"), ("0.3",), ("-1", "2")):
        assert "All 40 words" in html(at(linked(open_page, *ends)))


def test_a_range_without_words_keeps_the_page_alive(open_page: Open) -> None:
    app = at(linked(open_page, "0.01", "0.02"))
    assert len(app.dataframe[0].value) == 0
    assert "Selection: 0 words" in html(app)


def test_a_word_keeps_its_neighbours_in_the_link(open_page: Open) -> None:
    app = at(open_page(word="mouse", k="5"))
    assert app.number_input(key="k").value == 5
    box = app.selectbox(key="near")
    other = box.options[-1].split(":")[0]
    assert all(": " in option and "rank" in option for option in box.options)
    again = at(open_page(word="mouse", k="5", near=other))
    assert again.selectbox(key="near").value == other
    assert again.selectbox(key="word").value == "mouse"


def test_a_neighbour_is_shown_in_real_contexts(open_page: Open) -> None:
    app = at(open_page(word="mouse", near="cat"))
    assert app.selectbox(key="near").value == "cat"
    tables = [body for body in html(app).split("\n") if 'class="el-kwic"' in body]
    assert any("mouse</td>" in body for body in tables)
    assert any("cat</td>" in body for body in tables)


def test_why_it_changed_tells_frequency_rows_and_what_is_not_known(open_page: Open) -> None:
    page = html(at(open_page(word="mouse")))
    assert "How often the training showed it" in page
    assert "40 uses in 40 of 80 rows, 50.0 % of them" in page
    assert "is not known here: these are rows of the compared corpus" in page
    assert "<b>mouse</b>" in page
    assert "Read the rows with the model before" in [button.label for button in open_page(word="mouse").button]


def test_without_vectors_the_groups_say_what_to_do(open_page: Open) -> None:
    page = html(at(open_page()))
    assert "Groups are found in the vectors" in page
    assert "group=" not in page
    assert "All 40 words" in html(at(open_page(group="2")))  # a group that is not there is let go


def test_without_its_corpus_the_page_says_so(open_page: Open, tmp_path: Path) -> None:
    fill(tmp_path)
    lab = Lab(tmp_path)
    lab.store.remove("corpora", lab.corpora()[0].id)
    page = html(at(open_page(root=tmp_path)))
    assert "no corpus here to take contexts from" in page
    assert "its rows cannot be shown" in page


def test_groups_say_size_words_cohesion_and_p_and_one_in_the_link_filters(open_page: Open, tmp_path: Path) -> None:
    lab, comparison = compared(tmp_path)
    open_end = replace(comparison, id="f" * 64, words=replace(comparison.words, noise=None))  # every word is divided
    summary = comparison_summary(open_end) | {
        "surveys": lab.store.find("comparisons", comparison.id).summary["surveys"]
    }
    lab.store.put("comparisons", open_end.id, "open", summary, lambda folder: compare.save(open_end, folder, []))
    found = lab.groups(open_end.id, 2)
    assert found.groups
    app = at(open_page(root=lab.store.root, c=open_end.id))
    table = next(frame.value for frame in app.dataframe if "cohesion" in frame.value)
    assert table["cohesion"].tolist() == [group.cohesion for group in found.groups]
    assert table["size"].tolist() == [len(group.words) for group in found.groups]
    for said, group in zip(table["words"], found.groups, strict=True):
        assert said.startswith(", ".join(group.words[:3]))
    for said, group in zip(table["q"], found.groups, strict=True):
        assert said.endswith("chance") is not group.called
    first = open_page(root=lab.store.root, c=open_end.id, group="1")
    assert f"{len(found.groups[0].words)} words, group 1" in html(at(first))


def test_a_selection_goes_out_as_a_corpus(open_page: Open, tmp_path: Path) -> None:
    fill(tmp_path)
    app = at(open_page(root=tmp_path, change=["0.5", "0.9"]))
    app.text_input(key="compare-name").set_value("the moved ones").run()
    app.button(key="compare-make").click().run()
    lab = Lab(tmp_path)
    entry = lab.find_corpus("the moved ones")
    source = made_from(lab, entry.summary["from"], inside(0.5, 0.9))
    assert lab.corpus(entry.id).texts == source


def made_from(lab: Lab, id: str, words: set[str]) -> tuple[str, ...]:
    corpus = lab.corpus(id)
    about = corpus.targets or (None,) * len(corpus)
    return tuple(
        text
        for text, target in zip(corpus.texts, about, strict=True)
        if words & set("".join(c if c.isalpha() else " " for c in text.lower()).split())
        or (target is not None and target.word in words)
    )


def test_a_selection_goes_out_as_tables() -> None:
    comparison, _ = made()
    chosen = Selection(0.5, 0.9)
    table = selection.table(comparison, LAST, chosen)
    assert set(table["word"]) == inside(0.5, 0.9)
    assert table["layer"].eq(LAST).all()
    assert np.allclose(table["change"], [comparison.words.change[LAST, comparison.words.row(w)] for w in table["word"]])
    from embedlab.report.tables import csv_bytes, parquet_bytes

    assert list(pd.read_csv(io.BytesIO(csv_bytes(table)))["word"]) == list(table["word"])
    assert pd.read_parquet(io.BytesIO(parquet_bytes(table))).equals(table)


def test_a_group_and_a_range_together_keep_what_is_in_both() -> None:
    comparison, _ = made()
    words = comparison.words.words
    both = Selection(0.5, 0.9, 2, frozenset(words[:12]))
    kept = {word for word, so in zip(words, both.words(comparison, LAST), strict=True) if so}
    assert kept == inside(0.5, 0.9) & set(words[:12])
    assert both.line(comparison, LAST).endswith("change .50 to .90 and group 2")
