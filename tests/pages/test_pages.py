"""Every page opens, answers its question, and keeps what a person chose."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from embedlab.lab import Lab
from tests.pages.conftest import PAYLOAD, fill, html, senses_csv

QUESTIONS = {
    "compare": "What did fine-tuning do to this space?",
    "senses": "Does the model tell the senses of a word apart?",
    "corpus": "What should the model read?",
    "models": "Which models are there?",
    "finetune": "Teach the model something",
    "report": "What do I take away?",
}
Open = Callable[..., AppTest]


def well(app: AppTest) -> None:
    """No exception, and no error card of ours."""
    assert not app.exception
    assert "el-error" not in html(app), html(app)


@pytest.mark.parametrize("page", QUESTIONS)
def test_a_page_asks_its_question_and_says_how_to_get_it_again(open_page: Open, page: str) -> None:
    app = open_page(page)
    well(app)
    assert app.title[0].value == QUESTIONS[page]
    assert any(code.value.startswith("python -m embedlab") for code in app.code)


@pytest.mark.parametrize("page", ["compare", "senses", "report"])
def test_without_a_comparison_there_is_one_button_that_makes_one(open_page: Open, page: str, tmp_path: Path) -> None:
    app = open_page(page, root=tmp_path)
    well(app)
    assert "Nothing has been compared yet" in html(app)
    assert [button.label for button in app.main.button if button.key is None] == ["Make the demo (about 3 minutes)"]


@pytest.mark.parametrize("page", ["corpus", "finetune"])
def test_without_a_corpus_the_page_says_what_will_be_here(open_page: Open, page: str, tmp_path: Path) -> None:
    app = open_page(page, root=tmp_path)
    well(app)
    assert "el-empty" in html(app)


def test_the_verdict_comes_first(open_page: Open) -> None:
    page = html(open_page())
    assert "HELPED" in page
    assert page.index("HELPED") < page.index("Layer by layer")


def test_choosing_a_word_and_a_layer_changes_the_page_and_nothing_else(open_page: Open) -> None:
    app = open_page()
    first = html(app)
    app.selectbox(key="word").set_value("mouse").run()
    well(app)
    assert html(app) != first
    app.get("button_group")  # the layer strip is there
    app.session_state["layer"] = 1
    app.run()
    well(app)
    assert "At layer 1" in html(app)
    assert app.selectbox(key="word").value == "mouse"


def test_a_link_opens_what_it_names(open_page: Open) -> None:
    app = open_page(word="stream", layer="2")
    well(app)
    assert app.selectbox(key="word").value == "stream"
    assert "At layer 2" in html(app)


def test_a_selection_in_the_link_comes_first_and_has_two_numbers(open_page: Open) -> None:
    app = open_page("senses", sel="3.4.5.999999")
    well(app)
    page = html(app)
    assert "Selection: 3 uses" in page
    assert page.index('class="on"') < page.index('class=""')


def test_a_word_that_is_not_there_falls_back_to_one_that_is(open_page: Open) -> None:
    app = open_page("senses", word="zebra")
    well(app)
    assert app.selectbox(key="word").value == "bank"


def test_text_of_a_person_never_becomes_markup(open_page: Open, tmp_path: Path) -> None:
    fill(tmp_path, PAYLOAD)
    for page in ("compare", "senses", "corpus", "report"):
        app = open_page(page, root=tmp_path)
        well(app)
        assert "<img" not in html(app)
        assert not any(PAYLOAD in element.value for element in (*app.markdown, *app.caption))


def test_a_file_becomes_a_corpus_by_way_of_what_will_be_read(open_page: Open, tmp_path: Path) -> None:
    source = tmp_path / "mine.csv"
    source.write_bytes(senses_csv() + b",,\n")
    app = open_page("corpus", root=tmp_path / "workspace")
    app.text_input(key="typed").set_value(str(source)).run()
    well(app)
    chosen = {box.label: box.value for box in app.selectbox}
    assert chosen["Text"] == "sentence"
    assert chosen["Sense"] == "meaning"
    assert chosen["Target word"] == "word"
    next(button for button in app.button if button.label == "Keep this corpus").click().run()
    well(app)
    (entry,) = Lab(tmp_path / "workspace").corpora()
    assert entry.name == "mine"
    assert "rows kept" in html(app)


def test_a_file_dropped_is_read_under_a_name_of_ours(open_page: Open, tmp_path: Path) -> None:
    app = open_page("corpus", root=tmp_path)
    app.file_uploader[0].set_value([("../../etc/evil.csv", senses_csv(), "text/csv")]).run()
    well(app)
    assert "Keep this corpus" in [button.label for button in app.button]


def test_a_file_that_is_not_there_is_one_sentence(open_page: Open, tmp_path: Path) -> None:
    app = open_page("corpus", root=tmp_path)
    app.text_input(key="typed").set_value(str(tmp_path / "nowhere.csv")).run()
    assert not app.exception
    assert html(app).count("el-error") == 1
    assert "nowhere.csv" in html(app)


def test_a_word_that_does_not_occur_is_one_sentence(open_page: Open) -> None:
    app = open_page("corpus")
    next(field for field in app.text_input if field.label == "Any word of the corpus").set_value("bamk").run()
    assert not app.exception
    assert "el-error" in html(app)
    assert "bank" in html(app)


def test_a_model_folder_without_weights_is_one_sentence(open_page: Open, tmp_path: Path) -> None:
    app = open_page("models")
    app.text_input[0].set_value(str(tmp_path))
    app.button[0].click().run()
    assert not app.exception
    assert html(app).count("el-error") == 1


def test_what_the_corpus_does_not_allow_is_not_offered_and_says_why(open_page: Open) -> None:
    app = open_page("finetune")
    well(app)
    offered = next(radio for radio in app.radio if radio.label == "Learn from")
    assert offered.options == ["senses"]
    assert html(app).count("el-mark") == 3
