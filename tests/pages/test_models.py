"""Models of the lineage made and brought on the Models page, and set beside each other."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch import nn

from embedlab.lab import Lab
from tests.pages.bench import well
from tests.pages.conftest import fill, html

Open = Callable[..., AppTest]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    fill(tmp_path)
    return tmp_path


def test_an_untrained_model_is_made_and_stands_among_the_cards(open_page: Open, root: Path) -> None:
    app = open_page("models", root=root)
    app.selectbox(key="make_kind").set_value("lstm").run()
    app.button(key="make").click().run()
    well(app)
    (made,) = Lab(root).made_models()
    said = html(app)
    assert "made here" in said
    assert f"lstm on {Lab(root).corpora()[0].name}" in said
    assert made in said


def test_vectors_that_are_not_there_are_said_so(open_page: Open, root: Path) -> None:
    app = open_page("models", root=root)
    app.text_input(key="make_vectors").set_value("/nowhere/glove.txt").run()
    app.button(key="make").click().run()
    assert "glove.txt" in html(app)
    assert not Lab(root).made_models()


def test_published_weights_are_brought_by_their_paths(open_page: Open, root: Path) -> None:
    torch.manual_seed(0)
    weights, vectors = root / "wmtlstm.pth", root / "glove.txt"
    torch.save(nn.LSTM(4, 3, 2, bidirectional=True).state_dict(), weights)
    vectors.write_text("bank 1 2 3 4\nriver .5 1 0 2\nthe 0 1 0 1\n")
    app = open_page("models", root=root)
    app.selectbox(key="bring_kind").set_value("cove").run()
    app.text_input(key="bring_weights").set_value(str(weights))
    app.text_input(key="bring_vectors").set_value(str(vectors)).run()
    app.button(key="bring").click().run()
    well(app)
    (made,) = Lab(root).made_models()
    info = Lab(root).model(made)
    assert (info.layers, info.dim) == (3, 4 + 2 * 3)  # two LSTMs, and [GloVe; CoVe] over them
    assert "cove, wmtlstm.pth" in html(app)


def test_models_of_unlike_depth_are_compared_at_the_layers_a_person_names(open_page: Open, root: Path) -> None:
    lab = Lab(root)
    table = lab.new_model("table", lab.corpora()[0].id)
    app = open_page("compare", root=root)
    app.selectbox(key="ask_after").set_value("builtin").run()
    assert not [box for box in app.text_input if str(box.key).startswith("ask_layers")]  # as deep: nothing to ask
    app.selectbox(key="ask_before").set_value(table).run()
    (layers,) = [box for box in app.text_input if str(box.key).startswith("ask_layers")]
    assert layers.value == "0:0,0:6"
    well(app)
    made = lab.compare(table, "builtin", lab.corpora()[0].id, layers=[(0, 3)], words=["bank"])
    assert made.layer_names == ("embeddings → layer 3",)
    note = made.layers[0].readings["drift_cosine"].note
    assert note == "The layers have 100 and 384 dimensions: no coordinates are shared."
    assert made.layers[0].readings["knn_jaccard"].value is not None
    assert "--layers 0:3" in made.provenance.command
