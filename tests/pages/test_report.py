"""Report: what stands in the document is chosen on the page, is in the address bar, and the files follow."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from streamlit.testing.v1 import AppTest

from embedlab import compare
from embedlab.lab import Lab, comparison_summary
from embedlab.report import SECTIONS
from tests.made import made
from tests.pages.conftest import fill, html

Open = Callable[..., AppTest]


def document(app: AppTest) -> str:
    (frame,) = app.get("iframe")
    return str(frame.proto.srcdoc)


def command(app: AppTest) -> str:
    return next(code.value for code in app.code if " report " in code.value)


def test_everything_is_in_the_document_until_something_is_taken_out(open_page: Open) -> None:
    app = open_page("report")
    shown = document(app)
    for title in ("What changed most", "Layer by layer", "Neighbours", "Senses", "How it is measured"):
        assert title in shown
    assert "--sections" not in command(app)
    for name in SECTIONS:
        if name != "changed":
            app.checkbox(key=f"with_{name}").uncheck()
    app.run()
    assert not app.exception
    assert "Layer by layer" not in document(app)
    assert "What changed most" in document(app)
    assert "--sections changed" in command(app)


def test_the_words_chosen_are_the_words_of_the_document(open_page: Open) -> None:
    app = open_page("report")
    app.multiselect(key="words").set_value(["loan"]).run()
    assert "Neighbours of “loan”" in document(app)
    assert "Neighbours of “bank”" not in document(app)
    assert "--word loan" in command(app)


def test_a_link_opens_the_same_choices(open_page: Open) -> None:
    app = open_page("report", words="loan", with_layers="false")
    assert app.multiselect(key="words").value == ["loan"]
    assert "Neighbours of “loan”" in document(app)
    assert "Layer by layer" not in document(app)


def test_the_layer_of_the_page_is_the_layer_of_the_document(open_page: Open) -> None:
    app = open_page("report")
    app.session_state["layer"] = 1
    app.run()
    assert "in the original space at layer 1, among" in document(app)
    assert "--layer 1" in command(app)


def test_a_word_that_was_not_counted_is_one_sentence(open_page: Open) -> None:
    app = open_page("report")
    app.multiselect(key="words").set_value(["nowhere"]).run()
    assert not app.exception
    assert "was not counted in this comparison" in html(app)
    assert app.multiselect(key="words").value == ["nowhere"]  # the builder is still there to mend it


def test_every_file_has_a_button(open_page: Open) -> None:
    labels = [button.proto.label for button in open_page("report").get("download_button")]
    assert labels == [
        "Report (HTML)", "Paper (PDF)", "Notebook with its data (zip)", "Every number (JSON)", "Every word (Parquet)",
        "Every word (CSV)",
    ]  # fmt: skip


def test_alone_a_comparison_has_nothing_to_be_set_beside(open_page: Open, tmp_path: Path) -> None:
    fill(tmp_path)  # a workspace of its own: other tests leave comparisons in the shared one
    assert "There is one comparison only" in html(open_page("report", root=tmp_path))


def test_two_comparisons_stand_side_by_side(open_page: Open, tmp_path: Path) -> None:
    first, maps = made(copies=1)
    verdict = replace(first.verdict, task="HARMED", findings=())
    lab = Lab(tmp_path)
    second = replace(first, id="b" * 64, verdict=verdict, after=replace(first.after, source="run:another"))
    for comparison in (first, second):
        summary = comparison_summary(comparison)
        lab.store.put(
            "comparisons", comparison.id, summary["name"], summary,
            lambda folder, one=comparison: compare.save(one, folder, maps.values()),
        )  # fmt: skip
    app = open_page("report", root=tmp_path)
    here = app.selectbox(key="comparison").value
    other = first.id if here == second.id else second.id
    app.selectbox(key="other_comparison").set_value(other).run()
    assert not app.exception
    page = html(app)
    assert "HELPED" in page
    assert "HARMED" in page
    assert "0 of" in page  # readings: the two differ in their verdict alone
    assert len(app.dataframe) == 2
    assert app.query_params["other"] in (other, [other])
