"""The Corpus page with tables of two and three texts: guessed, shown, kept, and what they let a model learn."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from embedlab.lab import Lab
from tests.pages.conftest import html

SAMPLES = Path(__file__).parents[1] / "corpus" / "samples"
Open = Callable[..., AppTest]


def upload(open_page: Open, root: Path, name: str, data: bytes | None = None) -> AppTest:
    app = open_page("corpus", root=root)
    content = (SAMPLES / name).read_bytes() if data is None else data
    app.file_uploader[0].set_value([(name, content, "text/plain")]).run()
    assert not app.exception
    return app


def chosen(app: AppTest) -> dict[str, str | None]:
    return {box.label: box.value for box in app.selectbox if box.value != "–"}


def keep(app: AppTest) -> AppTest:
    next(button for button in app.button if button.label == "Keep this corpus").click().run()
    assert not app.exception
    return app


def test_an_sts_file_is_guessed_shown_and_kept_with_its_scores(open_page: Open, tmp_path: Path) -> None:
    app = upload(open_page, tmp_path, "likeness.csv")
    assert chosen(app) == {"Text": "sentence1", "Related text": "sentence2", "Score of the pair": "score"}
    assert "These columns allow: scored, simcse, mlm." in html(app)
    assert list(app.dataframe[0].value.columns) == ["sentence1", "sentence2", "score"]
    assert app.dataframe[0].value["score"].tolist()[:2] == ["4.8", "4.2"]
    app = keep(app)
    (entry,) = Lab(tmp_path).corpora()
    assert Lab(tmp_path).corpus(entry.id).scores is not None
    assert "<b>16</b><span>scores</span>" in html(app)
    assert "A model can learn from it: <b>scored, simcse, mlm</b>" in html(app)
    assert "choose scored" in html(app), "why pairs will not do"
    rows = app.dataframe[-1].value
    assert list(rows.columns) == ["text", "related text", "score"]
    assert rows["score"].tolist()[:2] == [4.8, 4.2]
    assert any("--pair sentence2 --score score" in element.value for element in app.code)


@pytest.mark.parametrize("name", ["triplets.jsonl", "hard_negatives.tsv"])
def test_hard_negatives_are_kept(open_page: Open, tmp_path: Path, name: str) -> None:
    app = upload(open_page, tmp_path, name)
    assert set(chosen(app)) == {"Text", "Related text", "Hard negative"}
    assert "These columns allow: pairs, triplets, simcse, mlm." in html(app)
    app = keep(app)
    assert "<b>12</b><span>hard negatives</span>" in html(app)
    assert "A model can learn from it: <b>pairs, triplets</b>" in html(app)
    assert "at least sixteen different texts" in html(app), "why raw text will not do"


def test_a_score_without_its_pair_is_one_sentence(open_page: Open, tmp_path: Path) -> None:
    app = upload(open_page, tmp_path, "likeness.csv")
    next(box for box in app.selectbox if box.label == "Related text").set_value("–").run()
    assert "These columns allow: simcse, mlm." in html(app)
    keep(app)
    assert html(app).count("el-error") == 1
    assert "choose the column of the related text too" in html(app)
    assert Lab(tmp_path).corpora() == []


def test_a_score_with_a_comma_is_listed_among_the_refused_rows(open_page: Open, tmp_path: Path) -> None:
    data = (SAMPLES / "likeness.csv").read_bytes() + b'The sun is up.,It is day.,"3,5"\n'
    app = keep(upload(open_page, tmp_path, "likeness.csv", data))
    assert "<b>1</b><span>rows refused</span>" in html(app)
    reasons = [frame.value["why it was refused"].tolist() for frame in app.dataframe if "row" in frame.value.columns]
    assert reasons == [["the score “3,5” has a comma: write decimals with a point, thousands without"]]
