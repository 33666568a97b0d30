"""Anatomy: one sentence inside two states of a tiny model, and what a person can choose there."""

import shutil
from collections.abc import Callable
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from embedlab.encoders.anatomy import inside
from embedlab.encoders.inside import Inside, word_in_both
from embedlab.encoders.protocol import Encoder
from embedlab.lab import Lab
from embedlab.lab.searching import Desk
from embedlab.lineage import making
from embedlab.ui.steps import angle
from tests.encoders import tiny
from tests.encoders.tuned import tuned
from tests.pages.bench import well
from tests.pages.conftest import PAYLOAD, ROOT, html

FIRST = "he sat on the bank of the river"
SECOND = "he went to the bank to check his balance"
Open = Callable[..., AppTest]


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str, str]:
    """Two states of one tiny BERT, a tiny RoBERTa, an LSTM."""
    root = tmp_path_factory.mktemp("states")
    start = tiny.make("bert", root / "start")
    made = [start, tuned(start, root / "tuned")]
    made.append(tiny.make("roberta", root / "other"))
    making.make("lstm", root / "lstm", [FIRST, SECOND, *tiny.LINES] * 2)
    return (*map(str, made), str(root / "lstm"))  # type: ignore[return-value]


@pytest.fixture
def open_anatomy(
    workspace: Path, nothing_shipped: None, monkeypatch: pytest.MonkeyPatch, states: tuple[str, ...]
) -> Open:
    def at(before: str = states[0], after: str = states[1], **query: str) -> AppTest:
        monkeypatch.setenv("EMBEDLAB_WORKSPACE", str(workspace))
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
        app.session_state["folders"] = list(states)
        asked = {"b": before, "a": after} | query
        for key, value in asked.items():
            app.query_params[key] = value
        app.switch_page(str(ROOT / "pages" / "anatomy.py")).run()
        if "layer" in query:
            app.session_state["layer"] = int(query["layer"])
            app.run()
        return app

    return at


def plain(app: AppTest) -> str:
    return unescape(html(app))


def test_the_answer_is_the_cosine_of_the_word_in_both_sentences(
    open_anatomy: Open, states: tuple[str, ...], tmp_path: Path
) -> None:
    app = open_anatomy()
    well(app)
    assert app.title[0].value == "What happens inside one sentence?"
    page = plain(app)
    assert page.index("Is the vector of “bank” the same in both sentences?") < page.index("1 · Pieces")
    lab = Lab(tmp_path)
    for mark, source in zip(("●", "◆"), states[:2], strict=True):
        encoder = lab.encoder(source)
        found = word_in_both(inside(encoder, FIRST), inside(encoder, SECOND), "bank")
        assert f"{mark} {angle(found.cosine[3], places=2)}</span>" in page
    assert "No, not at layer 3" in page
    assert [code.value for code in app.code if code.value.startswith("python -m embedlab anatomy")]


class Counting(Lab):
    """A lab that tells which models it loaded."""

    def encoder(self, source: str) -> Encoder:
        self.loaded = [*getattr(self, "loaded", []), source]
        return super().encoder(source)


def test_a_model_stays_loaded_until_its_files_change(tmp_path: Path, states: tuple[str, ...]) -> None:
    source, told = str(shutil.copytree(states[0], tmp_path / "model")), list[str]()
    lab, desk = Counting(tmp_path / "workspace"), Desk()

    def look(text: str) -> Inside:
        return lab.inside(source, text, desk=desk, progress=lambda _share, what: told.append(what))

    first, second = look(FIRST), look(SECOND)
    assert lab.loaded == [source]
    assert len(told) == 1
    assert told[0].startswith("loading a model (1 MB) for the first sentence, about ")
    assert told[0].endswith(" s; the next one finds it loaded")
    for seen in (first, second):
        again = lab.inside(source, seen.text)  # without a desk: loaded for this sentence alone
        assert all(np.array_equal(*pair) for pair in zip(seen.states, again.states, strict=True))
    assert lab.loaded == [source] * 3
    shutil.copyfile(Path(states[1]) / "model.safetensors", Path(source) / "model.safetensors")
    tuned = look(FIRST)
    assert (lab.loaded, len(told)) == ([source] * 4, 2)
    assert not np.array_equal(tuned.states[-1], first.states[-1])


def test_every_step_unfolds_under_the_sentence(open_anatomy: Open) -> None:
    page = plain(open_anatomy())
    steps = ("1 · Pieces", "2 · The table", "3 · Attention", "4 · Through the layers", "5 · Two sentences side by side")
    places = [page.index(step) for step in steps]
    assert places == sorted(places)
    assert "Which heads read differently" in page
    assert "“bank” reads from" in page


def test_a_state_beside_itself_changes_nothing(open_anatomy: Open, states: tuple[str, ...]) -> None:
    app = open_anatomy(after=states[0])
    well(app)
    page = plain(app)
    assert "The row is exactly the same before and after." in page
    assert "None did: the attention is exactly the same." in page
    rows = page[page.index("reads from</th>") : page.index("all of them sum to 1")]
    assert rows.count('<td class="r">.000</td></tr>') == rows.count("</td></tr>")


def test_layer_and_head_and_piece_are_chosen(open_anatomy: Open) -> None:
    app = open_anatomy(layer="0", second="he sat on the bank to rest")
    answer = plain(app)[plain(app).index("Is the vector") :][:600]
    assert "Yes, exactly, at layer 0" in answer, answer
    assert "Layer 0 is what the first block reads" in plain(app)
    app.selectbox(key="head").set_value(2).run()
    well(app)
    charts = [str(chart.proto) for chart in app.get("plotly_chart")]
    assert any("Attention into layer 1, head 2" in chart for chart in charts)
    chooser = next(box for box in app.selectbox if box.label == "Piece to follow")
    chooser.set_value(0).run()
    well(app)
    assert "“[CLS]” reads from" in plain(app)


def test_an_example_shows_that_order_matters(open_anatomy: Open) -> None:
    app = open_anatomy(layer="0")
    app.button(key="example-1").click().run()
    well(app)
    page = plain(app)
    assert app.text_input(key="sentence").value == "a mouse chases a cat"
    assert "Is the vector of “mouse” the same" in page
    assert "the word stands at another place" in page


def test_a_model_without_attention_shows_the_rest_and_says_why(open_anatomy: Open, states: tuple[str, ...]) -> None:
    app = open_anatomy(before=states[3], after=states[3])
    well(app)
    page = plain(app)
    assert "An LSTM has no attention: it reads word after word" in page
    assert "No position is added" in page
    assert "Which heads read differently" not in page
    assert "4 · Through the layers" in page


def test_unlike_models_stand_side_by_side_without_false_differences(
    open_anatomy: Open, states: tuple[str, ...]
) -> None:
    app = open_anatomy(after=states[2])
    well(app)
    page = plain(app)
    assert "cuts it otherwise" in page
    assert "cannot be held against each other" in page
    app = open_anatomy(after=states[3], layer="3")
    well(app)
    assert "An LSTM has no attention" in plain(app)
    assert "After has no layer 3." in plain(app)


def test_what_a_person_types_is_text(open_anatomy: Open) -> None:
    app = open_anatomy(sentence=PAYLOAD, second=f"again {PAYLOAD}")
    well(app)
    assert "<img" not in html(app)


def test_what_cannot_be_shown_is_one_sentence(open_anatomy: Open) -> None:
    app = open_anatomy(sentence="the " * 60)
    assert "at most 40 are shown: shorten it." in plain(app)
    app.text_input(key="sentence").set_value("one two").run()
    app.text_input(key="second").set_value("three four").run()
    well(app)
    assert "The two sentences share no word" in plain(app)
