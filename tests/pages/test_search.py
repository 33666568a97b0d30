"""Search: the answer, both lists and their table say what the lab found; links, filters, files, and honest refusals."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from embedlab import demo
from embedlab.comparing.finding import Filters
from embedlab.ui.found import answer
from tests.pages.bench import well
from tests.pages.conftest import PAYLOAD, html, plain
from tests.pages.conftest import fill as fill_lists
from tests.searching import FakeLab, fill, first_visit

Open = Callable[..., AppTest]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeLab, str]:
    return fill(tmp_path_factory.mktemp("searched"))


@pytest.fixture
def open_search(searched: tuple[FakeLab, str], open_fake: Open) -> Open:
    return lambda root=searched[0].root, **query: open_fake("search", root, **query)


def test_without_a_question_the_first_text_is_asked_and_no_model_loaded(
    open_search: Open, searched: tuple[FakeLab, str]
) -> None:
    lab, id = searched
    app = open_search()
    well(app)
    assert app.title[0].value == "What lies nearest, before and after?"
    found = lab.search(id, like="0")
    page = plain(app)
    assert answer(found) in page
    assert "32 texts were searched" not in page  # itself is left out
    assert "31 texts were searched; 1 more hold" in page
    assert page.index(answer(found)) < page.index("Nearest before") < page.index("Nearest after")
    table = app.dataframe[0].value
    assert table["row"].tolist() == [match.key for match in found.matches]
    assert table["status"].tolist() == [match.status for match in found.matches]
    assert any(code.value.startswith(f"python -m embedlab search {id[:12]} --like 0") for code in app.code)


def test_every_match_says_both_ranks_and_lines_join_what_was_kept(
    open_search: Open, searched: tuple[FakeLab, str]
) -> None:
    lab, id = searched
    page = plain(open_search(like="9"))
    found = lab.search(id, like="9")
    assert page.count('<li class="kept') == 2 * found.count("kept") == 2 * page.count('<i class="kept')
    assert page.count('<li class="lost') == found.count("lost") == page.count('<i class="lost')
    assert page.count('<li class="gained') == found.count("gained") == page.count('<i class="gained')
    for match in found.before:
        assert f"after: rank {match.rank_after}" in page
    assert 'aria-label="lost"' in page


def test_a_link_restores_the_question_the_filters_and_the_layer(
    open_search: Open, searched: tuple[FakeLab, str]
) -> None:
    lab, id = searched
    asked = {"what": "uses", "word": "bank", "q": "the old [bank] of the stream", "k": "4", "sense": "river"}
    app = open_search(**asked, layer="1")
    for key in ("what", "word", "q", "sense"):
        app.session_state[key] = asked[key]  # AppTest does not bind query parameters
    app.session_state["k"], app.session_state["layer"] = 4, 1
    app.run()
    well(app)
    filters = Filters(sense="river")
    found = lab.search(id, asked["q"], what="uses", word="bank", layer=1, k=4, filters=filters)
    page = plain(app)
    assert answer(found) in page
    assert "sense: river" in page
    assert "the filters leave out the others" in page
    assert app.dataframe[0].value["row"].tolist() == [match.key for match in found.matches]
    assert any("--sense river" in code.value and "--layer 1" in code.value for code in app.code)


def test_what_is_typed_takes_the_place_of_an_item_and_the_reverse(open_search: Open) -> None:
    app = open_search(like="9")
    assert 'Nearest to <span class="el-quote">row 9' in plain(app)
    app.text_input(key="q").set_value("the old bank").run()
    well(app)
    assert "this sentence</span>: “the old bank”" in plain(app)
    app.number_input(key="like_row").set_value(3).run()
    well(app)
    assert "row 3</span>" in plain(app)
    assert app.text_input(key="q").value == ""
    app.segmented_control(key="what").set_value("words").run()
    well(app)
    assert "the word “" in plain(app)
    assert len(app.get("plotly_chart")) == 1


def test_what_cannot_be_asked_is_said_and_the_controls_stay(open_search: Open) -> None:
    app = open_search()
    app.text_input(key="q").set_value("[a] and [b]").run()
    assert not app.exception
    assert "More than one word stands in brackets" in plain(app)
    app.number_input(key="like_row").set_value(33).run()
    assert "no row '33'" in plain(app)
    app.number_input(key="like_row").set_value(2).run()
    well(app)


def test_where_only_lists_are_kept_words_are_searched_at_once(open_page: Open) -> None:
    app = open_page("search")
    well(app)
    page = plain(app)
    assert "the word “" in page
    assert "Only the 30 nearest" not in page
    assert len(app.get("plotly_chart")) == 1
    app.segmented_control(key="what").set_value("texts").run()
    assert not app.exception
    assert "is not here" in plain(app)


def test_a_first_visit_finds_items_and_says_what_a_sentence_needs(
    open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, _, results = first_visit(tmp_path)
    monkeypatch.setattr(demo, "results_folder", lambda: results)
    app = open_page("search", root=lab.root)
    well(app)
    assert "31 texts were searched" in plain(app)
    assert "in the original space, in half precision" in plain(app)
    assert "make_here" not in {button.key for button in app.button}
    app.text_input(key="q").set_value("the old bank").run()
    assert not app.exception
    assert "it cannot read what you typed" in plain(app)
    app.button(key="make_here")
    app.text_input(key="q").set_value("[a] and [b]").run()
    assert "More than one word stands in brackets" in plain(app)
    assert "make_here" not in {button.key for button in app.button}, "the demo would not help"


def test_text_of_a_corpus_is_shown_as_text(nothing_shipped: None, open_page: Open, tmp_path: Path) -> None:
    fill_lists(tmp_path, PAYLOAD)
    app = open_page("search", root=tmp_path)
    well(app)
    assert "<img src=x" not in html(app)
