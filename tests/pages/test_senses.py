"""The Senses page: any word, its uses and their names, the selection in the link, what the pane is sent."""

import csv
import io
import json
import struct
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from embedlab import demo
from embedlab.lab import Lab
from embedlab.types import EncoderSpec
from tests.pages.bench import Bench
from tests.pages.conftest import PAYLOAD, html, plain
from tests.pages.conftest import fill as fill_made
from tests.pages.test_pages import well
from tests.searching import FakeLab, fill, fill_run, first_visit

Open = Callable[..., AppTest]


@pytest.fixture(scope="module")
def at_hand(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeLab, str]:
    """A workspace with its vectors; the first layout, which compiles UMAP, is made before any page waits for it."""
    lab, id = fill(tmp_path_factory.mktemp("at_hand"))
    lab.word_map(id, lab.word_view(id, lab.marked_words(id)[0]))
    return lab, id


@pytest.fixture
def open_senses(
    open_page: Open, at_hand: tuple[FakeLab, str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AppTest]:
    """The page on a workspace whose vectors are at hand, with fakes for its models."""
    lab = at_hand[0]
    lab.loaded.clear()
    lab.gone.clear()
    monkeypatch.setattr(Lab, "encoder", lambda _self, source: lab.encoder(source))
    own = Lab.model
    monkeypatch.setattr(
        Lab, "model", lambda self, source: lab.model(source) if source.startswith("fake") else own(self, source)
    )

    def at(**query: str) -> AppTest:
        app = open_page("senses", root=lab.root)
        for key, value in query.items():
            app.query_params[key] = value
        return app.run() if query else app

    return at


def header(app: AppTest) -> dict[str, Any]:
    """The header of what the pane was sent."""
    (raw,) = component_data(app, "embedlab_pane_points")
    length = struct.unpack("<I", raw[16:20])[0]
    return dict(json.loads(raw[20 : 20 + length]))


def component_data(app: AppTest, name: str) -> list[bytes]:
    return [one.proto.bytes for one in app.get("bidi_component") if one.proto.component_name == name]


def picked(app: AppTest, comparison: str, word: str, ids: tuple[int, ...]) -> None:
    """As if the browser had sent a lasso."""
    app.session_state[f"uses-{comparison[:8]}-{word}-selected"] = ids
    app.run()


def test_the_pane_gets_every_use_its_colourings_and_the_truth(
    open_senses: Callable[..., AppTest], at_hand: tuple[FakeLab, str]
) -> None:
    app = open_senses()
    well(app)
    lab, id = at_hand
    word = lab.marked_words(id)[0]
    assert app.selectbox(key="word").value == word
    said = header(app)
    view = lab.word_view(id, word)
    assert said["n"] == len(view.uses)
    assert [one["name"] for one in said["colourings"]][:2] == ["sense", "change"]
    assert said["cosines"] is not None
    assert said["opacity"] is not None
    assert said["placebo"] is not None
    assert "Trust of its points" in html(app)
    assert lab.loaded == []


def test_a_selection_has_numbers_comes_first_and_goes_into_the_link(
    open_senses: Callable[..., AppTest], at_hand: tuple[FakeLab, str]
) -> None:
    lab, id = at_hand
    word = lab.marked_words(id)[0]
    view = lab.word_view(id, word)
    app = open_senses()
    assert "Nothing is selected" in html(app)
    chosen = tuple(view.ids[[9, 4, 6]].tolist())
    picked(app, id, word, tuple(sorted(chosen)))
    well(app)
    page = html(app)
    assert "Selection: 3 uses" in page
    rows = page[page.index('class="el-kwic"') :].split("<tr")[2:]
    assert [f'data-use="{id}"' in "".join(rows[:3]) for id in chosen] == [True] * 3
    assert all('aria-pressed="true"' in row for row in rows[:3])
    assert 'aria-pressed="false"' in rows[3]
    assert app.query_params["sel"] in (".".join(map(str, sorted(chosen))), [".".join(map(str, sorted(chosen)))])
    again = open_senses(sel=".".join(map(str, sorted(chosen))), word=word)
    assert "Selection: 3 uses" in html(again)
    app.button(key="clear_uses").click().run()
    assert "Nothing is selected" in html(app)
    assert "sel" not in app.query_params


def test_a_lasso_is_named_listed_judged_and_taken_back(
    open_senses: Callable[..., AppTest], at_hand: tuple[FakeLab, str]
) -> None:
    lab, id = at_hand
    corpus, word = lab.comparison(id).provenance.corpus_id, lab.marked_words(id)[0]
    view = lab.word_view(id, word)
    app = open_senses()
    assert app.button(key="name_sense").disabled
    first = {view.senses[0]: "mine <b>"}
    for sense in dict.fromkeys(view.senses):
        picked(app, id, word, tuple(i for i, own in zip(view.ids.tolist(), view.senses, strict=True) if own == sense))
        app.text_input(key="_sense_name").set_value(first.get(sense, "the other"))
        app.button(key="name_sense").click().run()
        well(app)
    assert [one.name for one in lab.named_senses(corpus, word)] == ["mine <b>", "the other"]
    assert "mine <b>" not in html(app)
    assert "mine &lt;b&gt;" in html(app)
    rows = list(csv.reader(io.StringIO(lab.named_csv(corpus, word).decode("utf-8-sig"))))
    assert len(rows) == len(view.uses) + 1

    app.session_state["whose"] = "named here"
    app.run()
    well(app)
    assert "Separation of the senses you named" in html(app)
    assert "fit them by construction" in html(app)
    colouring = header(app)["colourings"][0]
    assert colouring["name"] == "sense you named"
    assert set(colouring["categories"]) == {"mine <b>", "the other"}

    app.button(key="forget_sense_0").click().run()
    app.button(key="forget_sense_0").click().run()
    well(app)
    assert lab.named_senses(corpus, word) == ()
    assert header(open_senses())["colourings"][0]["name"] == "sense"  # this visit has those points already


def test_a_word_from_elsewhere_waits_for_a_click_and_one_chosen_here_does_not(
    open_senses: Callable[..., AppTest], at_hand: tuple[FakeLab, str]
) -> None:
    lab, id = at_hand
    marked = set(lab.marked_words(id))
    table = lab.comparison(id).words
    two = [w for w, n in zip(table.words, table.counts, strict=True) if w not in marked and n >= 8][:2]
    app = open_senses(word=two[0])
    well(app)
    assert f"The uses of “{two[0]}” have not been read" in html(app)
    assert lab.loaded == []
    app.button(key="read_uses").click().run()
    well(app)
    assert sorted(lab.loaded) == ["fake-after", "fake-before"]
    assert "what is noise is unknown" in html(app)
    assert header(app)["n"] == len(lab.word_view(id, two[0]).uses)
    app.selectbox(key="word").set_value(two[1]).run()
    well(app)
    assert header(app)["n"] == len(lab.word_view(id, two[1]).uses)
    lab.loaded.clear()
    app = open_senses(word=two[0])
    assert header(app)["n"] == len(lab.word_view(id, two[0]).uses)
    assert lab.loaded == []


def test_a_word_that_never_occurs_is_said_once(open_senses: Callable[..., AppTest]) -> None:
    app = open_senses(word="zebra")
    well(app)
    assert "“zebra” never occurs in this corpus" in html(app)
    assert app.selectbox(key="word").value in ("bank", "crane")
    del app.query_params["word"]  # as the browser does when the widget takes another word
    app.run()
    assert "zebra" not in html(app)


def test_without_the_models_other_words_say_why_not(
    open_senses: Callable[..., AppTest], at_hand: tuple[FakeLab, str]
) -> None:
    at_hand[0].gone.add("fake-before")
    app = open_senses(word="very")
    well(app)
    assert "The models of this comparison are not here" in html(app)


def test_results_that_came_without_vectors_say_what_they_lack(open_page: Open) -> None:
    app = open_page("senses")
    well(app)
    said = header(app)
    assert said["cosines"] is None
    assert said["opacity"] is None
    assert said["placebo"] is not None, "it was kept with the map"
    assert "The vectors of this comparison are not in this workspace" in html(app)
    assert "make_here" not in {button.key for button in app.button}, "this one did not come with EmbedLab"


def test_a_first_visit_has_the_vectors_of_one_layer_and_the_way_to_the_others(
    open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, id, results = first_visit(tmp_path)
    lab.word_map(id, lab.word_view(id, "bank"))  # the first layout compiles UMAP
    monkeypatch.setattr(demo, "results_folder", lambda: results)
    app = open_page("senses", root=lab.root)
    well(app)
    said = header(app)
    assert said["cosines"] is not None
    assert said["opacity"] is not None
    assert {"cluster before", "cluster after"} <= {one["name"] for one in said["colourings"]}
    page = html(app)
    assert "those of layer 2 came along, in half precision" in page
    assert "layer 2, half precision (float16)" in page
    assert "make_here" not in {button.key for button in app.button}
    app.session_state["layer"] = 1
    app.run()
    well(app)
    assert "The vectors of layer 1 did not come with the demo, only those of layer 2" in plain(app)
    app.button(key="make_here")
    app.session_state["layer"] = 2
    app.selectbox(key="word").set_value("old").run()
    well(app)
    assert "The models of this comparison are not here" in plain(app)
    app.button(key="make_here")


def test_names_and_texts_of_people_stay_text(open_page: Open, tmp_path: Path) -> None:
    fill_made(tmp_path, PAYLOAD)
    app = open_page("senses", root=tmp_path)
    well(app)
    assert "<img" not in html(app)
    assert any("<img" in name for name in header(app)["colourings"][0]["categories"]), "as data, which JS sets as text"


def test_along_the_training_every_use_has_a_place_at_every_step(open_fake: Open, tmp_path: Path) -> None:
    with ExitStack() as locks:
        lab, id = fill_run(tmp_path, locks)
        app = open_fake("senses", tmp_path, c=id)
        well(app)
        assert header(app)["frameNames"] == ["before", "after"]
        assert lab.loaded == []
        along = app.toggle(key="along")
        assert along.label == "Along the training (2 steps)"
        along.set_value(True).run()
        well(app)
        said = header(app)
        assert said["frameNames"] == ["before", "step 0", "step 50", "after"], "what the slider moves through"
        word = lab.marked_words(id)[0]
        map_ = lab.word_map(id, lab.word_view(id, word), steps=(0, 50))
        assert map_ is not None
        before, start, half, after = map_.frames
        assert np.array_equal(before, start), "step 0 is the state it began from"
        assert not np.array_equal(half, before)
        assert not np.array_equal(half, after)
        (raw,) = component_data(app, "embedlab_pane_points")
        assert half.astype(np.float32).tobytes() in raw, "the pane was sent the places at step 50"


def test_the_steps_of_a_run_between_before_and_after_are_those_that_are_here(bench: Bench, tmp_path: Path) -> None:
    job = bench.finished("aa11", {0: 0.7, 50: 0.8, 100: 0.9}, {0: 1.0})
    for step in (0, 50, 150):
        bench.state(job, step)
    wanted = {
        ("builtin", "run:aa11"): (50,),  # 0 is before itself, 100 is after, 150 came later
        ("other", "run:aa11"): (0, 50),
        ("run:aa11@50", "run:aa11@150"): (100,),
        ("builtin", "run:aa11@0"): (),
        ("builtin", "run:gone"): (),
        ("run:aa11", "builtin"): (),
    }
    for number, ((before, after), steps) in enumerate(wanted.items()):
        specs = {"before": EncoderSpec(before), "after": EncoderSpec(after)}
        id = fill_made(tmp_path, change=lambda made, n=number, s=specs: replace(made, id=f"{n}" * 16, **s))  # type: ignore[misc]
        assert bench.lab.steps_between(id) == steps, (before, after)
