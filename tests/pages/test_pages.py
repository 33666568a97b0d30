"""Every page opens, answers its question, and keeps what a person chose."""

from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from embedlab.comparing.readings import READINGS
from embedlab.figures.readings import change_of, said_noise, said_standing
from embedlab.lab import Lab
from embedlab.wording import difference
from tests.made import CONTROL_LINE, made, without_replicates
from tests.pages.conftest import PAYLOAD, fill, html, senses_csv

QUESTIONS = {
    "compare": "What did fine-tuning do to this space?",
    "senses": "Does the model tell the senses of a word apart?",
    "corpus": "What should the model read?",
    "models": "Which models are there?",
    "finetune": "Teach the model something",
    "runs": "What has been trained, and which was worth it?",
    "search": "What lies nearest, before and after?",
    "anatomy": "What happens inside one sentence?",
    "lineage": "How did words come to mean what their sentence says?",
    "report": "What do I take away?",
    "method": "How is this measured?",
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


@pytest.mark.parametrize("page", ["corpus", "finetune", "runs"])
def test_without_a_corpus_the_page_says_what_will_be_here(open_page: Open, page: str, tmp_path: Path) -> None:
    app = open_page(page, root=tmp_path)
    well(app)
    assert "el-empty" in html(app)


def test_the_verdict_comes_first(open_page: Open) -> None:
    page = html(open_page())
    assert "HELPED" in page
    assert page.index("HELPED") < page.index("Layer by layer")


def test_the_verdict_has_every_score_region_rule_and_expectation(open_page: Open) -> None:
    comparison, _ = made()
    page = html(open_page())
    for score in comparison.verdict.scores:
        assert difference(change_of(score), score.interval) in page
        assert said_noise(score) in page
    for region in comparison.verdict.collateral:
        assert region.region in page
    for sentence in (*comparison.verdict.why, comparison.noise.line):
        assert sentence in page
    for expectation in comparison.expectations:
        assert expectation.statement in page
        assert expectation.detail in page
    assert "1 of 2 expectations failed" in page
    assert page.index("failed") < page.index("Layer by layer")


@pytest.mark.parametrize("kind", ["won", "lost"])
def test_wins_and_losses_open_onto_their_texts(open_page: Open, kind: str) -> None:
    listed = getattr(made()[0].verdict, kind)
    app = open_page()
    assert "el-answers" not in html(app)
    app.button(key=kind).click().run()
    well(app)
    dialog = next(body for body in html(app).split("\n") if "el-answers" in body)
    assert dialog.count("<tr>") == len(listed) + 1
    assert f"✗ {listed[0].before if kind == 'won' else listed[0].after}" in dialog
    assert f"<b>{listed[0].text[listed[0].start : listed[0].end]}</b>" in dialog


def test_words_above_noise_lead_and_the_others_say_that_they_are_within(open_page: Open) -> None:
    app, words = open_page(), made()[0].words
    above = words.changed(3)
    assert f"{int(above.sum())} of 40 words changed by more than noise" in html(app)
    table = app.dataframe[0].value
    count = int(above.sum())
    assert set(table["word"][:count]) == {word for word, so in zip(words.words, above, strict=True) if so}
    assert table["against"][:count].eq("above noise").all()
    assert table["against"][count:].str.startswith("within noise, ").all()
    assert table["bar"][:count].notna().all()
    assert table["bar"][count:].isna().all()
    app.selectbox(key="word").set_value(table["word"][count]).run()
    assert ", above its noise of " in html(app)  # the first of the others is above it, and yet no evidence
    assert ", yet no evidence among so many words (q " in html(app)


def opened(app: AppTest) -> AppTest:
    """Compare with all readings of its layer open."""
    app.session_state["every_reading"] = True
    return app.run()


def test_every_reading_of_the_layer_is_there_with_its_meaning_and_says_where_it_stands(open_page: Open) -> None:
    readings = made()[0].layers[3].readings
    app = open_page()
    assert "el-readings" not in html(app), "what is closed is not drawn"
    (table,) = [body for body in html(opened(app)).split("\n") if "el-readings" in body]
    for name, reading in readings.items():
        assert READINGS[name].meaning in unescape(table)
        assert said_standing(reading) in table
        assert f'href="method?reading={name}"' in table
    assert 'class="r el-within"' in table
    assert "Needs more rows than dimensions." in table


def test_without_other_seeds_the_page_says_what_is_unknown(open_page: Open, tmp_path: Path) -> None:
    fill(tmp_path, change=without_replicates)
    page = html(opened(open_page(root=tmp_path)))
    assert CONTROL_LINE in page
    assert "differs, noise unknown" in page
    assert "noise unknown" in page[page.index("The space") : page.index("Layer by layer")]
    assert "el-badge el-harmed" not in page


def test_a_word_of_the_senses_has_its_test_its_intervals_and_the_trust_over_layouts(open_page: Open) -> None:
    comparison, _ = made()
    app = open_page("senses")
    app.selectbox(key="word").set_value("mouse").run()
    page = html(app)
    assert "p = .018 over 40 uses" in page
    for name in ("wsd_centroid_macro_f1", "silhouette_cosine_macro", "mev_uncentred", "clustering_ari"):
        reading = comparison.sense_readings["mouse"][3].readings[name]
        assert READINGS[name].title in page
        assert f"noise {said_noise(reading)}" in page
    assert ".969 to .989 over 5 layouts" in page
    assert "within noise" in page
    app.session_state["layer"] = 1
    app.run()
    assert "Not tested over 40 uses" in html(app)


def test_the_foot_leads_to_how_it_is_measured(open_page: Open) -> None:
    for page in ("compare", "senses", "report"):
        links = [link.proto.page for link in open_page(page).get("page_link")]
        assert links[-1] == "method", page


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
    assert "What changed most, layer 1" in html(app)
    assert app.selectbox(key="word").value == "mouse"


def test_a_link_opens_what_it_names(open_page: Open) -> None:
    app = open_page(word="stream", layer="2")
    well(app)
    assert app.selectbox(key="word").value == "stream"
    assert "What changed most, layer 2" in html(app)


def test_a_selection_in_the_link_comes_first_and_has_two_numbers(open_page: Open) -> None:
    app = open_page("senses", sel="3.4.5.999999")
    well(app)
    page = html(app)
    assert "Selection: 3 uses" in page
    lines = page[page.index('class="el-kwic"') :]
    assert 'class="on' in lines.split("<tr")[2]


def test_a_word_that_is_not_there_falls_back_to_one_that_is(open_page: Open) -> None:
    app = open_page("senses", word="zebra")
    well(app)
    assert app.selectbox(key="word").value == "bank"
    assert "zebra" not in str(app.query_params), "a refused word does not stay in the address"


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
