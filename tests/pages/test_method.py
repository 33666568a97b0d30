"""The method page: every reading in a line, every entry, and links that open one."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from embedlab.comparing.method import METHODS
from embedlab.comparing.readings import READINGS
from embedlab.ui import safe
from tests.pages.conftest import html

Open = Callable[..., AppTest]


def well(app: AppTest) -> None:
    assert not app.exception
    assert "el-error" not in html(app), html(app)


def test_the_page_asks_its_question_and_holds_every_reading_and_entry(open_page: Open) -> None:
    app = open_page("method")
    well(app)
    assert app.title[0].value == "How is this measured?"
    page = html(app)
    assert "<details open" not in page
    for name, info in READINGS.items():
        assert f"<small>{name} · " in page
        assert safe.Markup.escape(info.meaning) in page
    for method in METHODS:
        assert safe.Markup.escape(method.heading) in page
        assert safe.Markup.escape(method.question) in page
        assert all(safe.Markup.escape(limit) in page for limit in method.limits)
    assert any(code.value.startswith("python -m embedlab measure") for code in app.code)


def test_a_link_to_a_reading_opens_its_entry_first(open_page: Open) -> None:
    app = open_page("method", reading="isoscore")
    well(app)
    page = html(app)
    assert app.selectbox(key="measured").value == "isoscore"
    assert page.count("<details open") == 1
    opened = page.split("<details open")[1].split("</details>")[0]
    assert "A5" in opened
    assert page.index("<details open") < page.index("<details style")
    assert page.index("<small>isoscore · ") < page.index("<small>mean_cosine · ")


@pytest.mark.parametrize(
    ("asked", "heading"),
    [("A14", "A14 · Neighbours"), ("a14", "A14 · "), ("noise", "The noise"), ("Canary", "The canary")],
)
def test_a_link_to_an_entry_opens_it(open_page: Open, asked: str, heading: str) -> None:
    app = open_page("method", entry=asked)
    well(app)
    opened = html(app).split("<details open")[1].split("</summary>")[0]
    assert f">{heading}" in opened


def test_choosing_writes_the_address_and_clearing_takes_it_away(open_page: Open) -> None:
    app = open_page("method")
    app.selectbox(key="measured").set_value("mrr").run()
    well(app)
    assert "".join(app.query_params["reading"]) == "mrr"
    app.selectbox(key="measured").set_value("Canary").run()
    assert "".join(app.query_params["entry"]) == "Canary"
    assert "reading" not in app.query_params
    app.selectbox(key="measured").set_value(None).run()
    well(app)
    assert "entry" not in app.query_params
    assert "<details open" not in html(app)


def test_a_link_to_what_is_not_there_shows_everything_folded(open_page: Open) -> None:
    app = open_page("method", reading="<img src=x>", entry="A99")
    well(app)
    page = html(app)
    assert "<img" not in page
    assert "<details open" not in page
    assert "reading" not in app.query_params
