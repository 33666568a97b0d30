"""Teaching mode and the glossary: a switch that stays on, examples that set what a page shows, texts for every page."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from streamlit.testing.v1 import AppTest

from embedlab.comparing.readings import READINGS
from embedlab.lab import Lab
from embedlab.lab.lessons import Lesson, LessonKind, Lessons, lesson_of
from embedlab.ui import glossary, lessontexts
from embedlab.ui.main import PAGES
from tests.pages.bench import well
from tests.pages.conftest import html

Open = Callable[..., AppTest]


def test_every_page_has_three_examples_and_says_what_should_be_seen() -> None:
    assert set(lessontexts.SEEN) >= {file for pages in PAGES.values() for file, _ in pages}
    for page, said in lessontexts.SEEN.items():
        assert set(said) == set(get_args(LessonKind)), page
        assert len(set(said.values())) == 3, page
    assert set(lessontexts.SHOWS) <= set(lessontexts.SEEN)


def panel() -> None:
    """What main.py draws around a page, and a page with one choice: AppTest runs main.py once only, then the page."""
    import streamlit as st

    from embedlab.ui import glossary, teaching

    teaching.switch()
    glossary.button()
    teaching.panel(st.session_state["page"])
    st.session_state["shown"] = st.selectbox("Comparison", st.session_state["known"], key="comparison")


def bare(
    monkeypatch: pytest.MonkeyPatch, root: Path, page: str = "compare", known: tuple[str, ...] = ("a",)
) -> AppTest:
    monkeypatch.setenv("EMBEDLAB_WORKSPACE", str(root))
    app = AppTest.from_function(panel, default_timeout=60)
    app.session_state["page"] = page
    app.session_state["known"] = known
    return app.run()


def test_the_panel_is_there_only_when_the_switch_is_on_and_goes_along(
    workspace: Path, nothing_shipped: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = bare(monkeypatch, workspace)
    well(app)
    assert "what should you see?" not in html(app)
    app.toggle(key="teaching").set_value(True).run()
    well(app)
    assert "Choose an example" in html(app)
    assert "".join(app.query_params["teaching"]) == "1"
    app.segmented_control(key="lesson").set_value("null").run()
    app.session_state["page"] = "method"
    app.run()
    well(app)
    assert lessontexts.SEEN["method"]["broken"][:20] not in html(app)
    assert "Find “What chance gives”" in html(app)
    app.toggle(key="teaching").set_value(False).run()
    assert "teaching" not in app.query_params
    assert "what should you see?" not in html(app)


def test_a_link_opens_with_it_on(open_page: Open) -> None:
    app = open_page("compare", teaching="1")
    assert app.toggle(key="teaching").value is True
    assert "Teaching mode: what should you see?" in html(app)


def test_what_is_not_made_is_offered_and_started_once(
    nothing_shipped: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: list[str] = []
    monkeypatch.setattr(Lessons, "start_lessons", lambda self: started.append("x") or "none")
    monkeypatch.setattr(Lab, "task", lambda self, id: type("T", (), {"state": "running", "message": "", "name": ""})())
    app = bare(monkeypatch, tmp_path)
    app.toggle(key="teaching").set_value(True).run()
    app.segmented_control(key="lesson").set_value("broken").run()
    assert "It has not been made yet." in html(app)
    assert lessontexts.SEEN["compare"]["broken"][:30] in html(app)
    app.button(key="make_lessons").click().run()
    assert started == ["x"]
    assert "The examples are being made" in html(app)


def test_an_example_sets_the_comparison_once_so_that_another_can_be_chosen(
    workspace: Path, nothing_shipped: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = (Lesson("null", "n"), Lesson("broken", "b"), Lesson("good", "g"))
    monkeypatch.setattr(Lessons, "lessons", lambda self: examples)
    app = bare(monkeypatch, workspace, known=("mine", "n", "b", "g"))
    app.toggle(key="teaching").set_value(True).run()
    assert app.session_state["shown"] == "mine"  # a link, or the person's own choice, stays until an example is chosen
    for kind, id in (("broken", "b"), ("null", "n"), ("broken", "b")):
        app.segmented_control(key="lesson").set_value(kind).run()
        well(app)
        assert app.session_state["shown"] == id
    app.selectbox(key="comparison").set_value("mine").run()
    assert app.session_state["shown"] == "mine"


def test_the_glossary_holds_every_reading_and_no_term_twice() -> None:
    names = [name.lower() for name in glossary.TERMS]
    assert len(names) == len(set(names))
    assert names == sorted(names), "by the alphabet"
    page = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in READINGS)


def test_the_glossary_opens_and_finds(workspace: Path, nothing_shipped: None, monkeypatch: pytest.MonkeyPatch) -> None:
    app = bare(monkeypatch, workspace)
    app.button(key="glossary").click().run()
    well(app)
    assert "What two seeds of the same recipe differ by" in html(app)
    assert all(info.title in html(app) for info in READINGS.values() if "&" not in info.title)


def test_examples_of_a_fresh_workspace(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    null, broken, good = lab.lessons()
    assert (null.comparison, broken.comparison, good.comparison) == (None, None, None)
    lab.ensure_demo()
    assert lesson_of(lab.lessons(), "good").comparison == lab.shipped
    trained, plain, spoilt = lab._lesson_corpora()
    assert [len(lab.corpus(id)) for id in (trained, plain, spoilt)] == [200, 200, 160]
    assert len(lab.refusals(spoilt)) == 40  # as the text of the Corpus page says
    assert lab.corpus(plain).targets is None
    assert lab.corpus(plain).labels is None


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_null_reads_zero_and_the_broken_one_collapsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Really made; on the rows of one word, since it is the same road with all four."""
    monkeypatch.setattr("embedlab.lab.lessons.WORDS", ("bank",))
    lab = Lab(tmp_path)
    null, broken, _ = lab.make_lessons()
    assert null.comparison is not None
    assert broken.comparison is not None
    still = lab.comparison(null.comparison)
    assert all(r.before == r.after for layer in still.layers for r in layer.readings.values())
    assert not still.words.change.any()
    assert "COLLAPSE" in lab.comparison(broken.comparison).verdict.findings
    assert lab.lessons()[:2] == (null, broken)
    told: list[str] = []
    assert lab.make_lessons(lambda share, what: told.append(what))[:2] == (null, broken)
    assert told == ["the lessons are there"]
