"""A comparison comes back from its folder equal in every number, and its JSON is the contract."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from embedlab import compare as comparing
from embedlab.errors import StoreError
from embedlab.store import sealed_folder
from embedlab.types import (
    Answer,
    Collateral,
    Comparison,
    EncoderSpec,
    Expectation,
    LinkedMap,
    NoiseFloor,
    Reading,
    Verdict,
)
from tests.compare.conftest import Surveys
from tests.fakes import FakeEncoder, sense_corpus

WON = (
    Answer("by the bank", "river", "money", "river", 7, 11),
    Answer("a crane over the site", "machine", "bird", "machine"),
)
LOST = (Answer("the bank paid", "money", "money", "river", 4, 8),)
VERDICT = Verdict(
    "HELPED",
    "macro-F1 0.50 → 0.75 on 40 held-out items",
    "Anisotropy rose.",
    ("Rule: HELPED, because …", "2 newly right, 1 newly wrong."),
    scores=(
        Reading("probe_macro_f1", 0.5, 0.75, interval=(0.1, 0.4), noise=0.05, p=0.004),
        Reading("mrr", note="The corpus has no pairs."),
    ),
    won=WON,
    lost=LOST,
    findings=("COLLAPSE", "FORGETTING"),
    collateral=(
        Collateral(
            "off domain", 24, Reading("drift_cosine", value=0.3, interval=(0.2, 0.4)), Reading("knn_jaccard", value=0.4)
        ),
        Collateral(
            "unseen in domain", 9, Reading("drift_cosine", note="Unlike."), Reading("knn_jaccard", value=0.9, p=0.5)
        ),
    ),
)
EXPECTATIONS = (
    Expectation("bank+river nearer shore than loan", True, False, "0.31 against 0.40"),
    Expectation("isoscore at least 0.1", None, True, "0.2"),
)


@pytest.fixture(scope="module")
def made(surveys: Surveys) -> Comparison:
    """Every field that a comparison can have."""
    corpus = sense_corpus(12)
    one, two = surveys(corpus, FakeEncoder(0.2), FakeEncoder(dims=(12, 16, 20)), words=["water"])
    plain = comparing.compare(one, two, corpus, k=5)
    assert plain.words.q is not None
    first = dict(plain.layers[0].readings)
    first["mean_cosine"] = replace(first["mean_cosine"], noise=0.02, p=0.01)
    return replace(
        plain,
        layers=(replace(plain.layers[0], readings=first), *plain.layers[1:]),
        uses=replace(plain.uses, noise=np.where(plain.uses.change > 0.3, np.nan, plain.uses.change).astype(np.float32)),
        verdict=VERDICT,
        noise=NoiseFloor("seeds", "Noise is the spread of 2 seeds.", (EncoderSpec("run:b", pooling="cls"),)),
        word_p={"bank": (0.5, 0.01, None), "crane": (1.0, None, 0.2)},
        expectations=EXPECTATIONS,
    )


def drawn(word: str, layer: int, trust: float | None) -> LinkedMap:
    points = np.random.default_rng(layer).standard_normal((4, 4, 2)).astype(np.float32)
    between = None if trust is None else (0.7, 0.95)
    return LinkedMap(word, layer, np.arange(4), *points, trust, None, 0.9, 0.8, 0.01, 0.2, 7, 5, between)


def equal(one: object, two: object) -> bool:
    if isinstance(one, np.ndarray) and isinstance(two, np.ndarray):
        return one.dtype == two.dtype and bool(np.array_equal(one, two, equal_nan=one.dtype.kind == "f"))
    return one == two


def test_round_trip_is_exact(made: Comparison, tmp_path: Path) -> None:
    maps = [drawn("bank", 0, 0.97), drawn("bänk/../x", 2, None)]
    with sealed_folder(tmp_path / "c") as folder:
        comparing.save(made, folder, maps)
    back = comparing.open_comparison(tmp_path / "c")
    for part in fields(Comparison):
        if part.name not in ("words", "uses"):  # they hold arrays
            assert getattr(back, part.name) == getattr(made, part.name), part.name
    for table in ("words", "uses"):
        for field in fields(getattr(made, table)):
            assert equal(getattr(getattr(back, table), field.name), getattr(getattr(made, table), field.name)), (
                field.name
            )
    opened = comparing.open_maps(tmp_path / "c")
    for one in maps:
        for field in fields(LinkedMap):
            assert equal(getattr(opened[one.word, one.layer], field.name), getattr(one, field.name)), field.name
    assert comparing.moves(back, "bank", 1) == comparing.moves(made, "bank", 1)


def test_json_is_the_contract_and_has_no_nan(made: Comparison) -> None:
    text = json.dumps(comparing.to_json(made), allow_nan=False)
    value = json.loads(text)
    assert [layer["name"] for layer in value["layers"]] == list(made.layer_names)
    last = value["layers"][-1]["readings"]
    assert set(last) == set(made.layers[-1].readings) <= set(comparing.READINGS)
    assert (
        {"before", "after", "interval", "noise"}
        <= set(last["mean_cosine"])
        <= {"before", "after", "interval", "noise", "p"}
    )
    first = value["layers"][0]["readings"]["mean_cosine"]
    assert (first["noise"], first["p"]) == (0.02, 0.01)
    assert last["mean_cosine"]["noise"] is None
    assert len(last["mean_cosine"]["interval"]) == 2
    assert {"value", "interval", "noise"} <= set(last["cka_debiased"])
    assert last["drift_cosine"]["value"] is None
    assert last["drift_cosine"]["note"].startswith("The layers have 16 and 20 dimensions")
    assert {"task", "space", "why"} <= set(value["verdict"])
    assert (value["verdict"]["wins"], value["verdict"]["losses"]) == (2, 1)
    assert value["verdict"]["scores"][0]["name"] == "probe_macro_f1"
    assert value["verdict"]["findings"] == ["COLLAPSE", "FORGETTING"]
    assert [one["region"] for one in value["verdict"]["collateral"]] == ["off domain", "unseen in domain"]
    assert value["noise"] == {
        "kind": "seeds",
        "line": "Noise is the spread of 2 seeds.",
        "replicates": [{"source": "run:b", "family": "transformer", "pooling": "cls"}],
    }
    assert [one["after"] for one in value["expectations"]] == [False, True]
    assert value["provenance"]["corpus_id"] == made.provenance.corpus_id
    assert {"seed", "versions", "command"} <= set(value["provenance"])
    assert set(value["senses"]) == {"bank", "crane", "water"}


def test_items_table_has_every_word_at_every_layer(made: Comparison) -> None:
    items = comparing.items_table(made).to_pydict()
    layers, words = made.words.change.shape
    assert len(items["word"]) == layers * words
    for name in ("noise", "q"):
        np.testing.assert_array_equal(np.float32(items[name]), getattr(made.words, name).ravel())
    assert items["changed"] == [bool(one) for layer in range(layers) for one in made.words.changed(layer)]
    for kept, lost, gained, change in zip(*(items[n] for n in ("kept", "lost", "gained", "change")), strict=True):
        assert kept + lost == kept + gained == 5
        assert change == pytest.approx(1 - kept / (10 - kept), abs=1e-6)


def test_a_floor_that_is_unknown_is_null_and_stays_unknown(made: Comparison, tmp_path: Path) -> None:
    bare = replace(
        made,
        words=replace(made.words, noise=None, q=None),
        uses=replace(made.uses, noise=None),
        verdict=Verdict("NOT MEASURED", "", "", ()),
    )
    items = comparing.items_table(bare).to_pydict()
    assert set(items["noise"]) == set(items["q"]) == {None}
    assert set(items["changed"]) == {False}
    with sealed_folder(tmp_path / "c") as folder:
        comparing.save(bare, folder)
    back = comparing.open_comparison(tmp_path / "c")
    assert back.words.noise is back.words.q is back.uses.noise is None
    assert back.verdict == bare.verdict


def test_damage_and_absence_are_told(made: Comparison, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no comparison"):
        comparing.open_comparison(tmp_path / "none")
    with sealed_folder(tmp_path / "c") as folder:
        comparing.save(made, folder)
    assert comparing.open_maps(tmp_path / "c") == {}
    path = tmp_path / "c" / "items.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(StoreError, match="damaged"):
        comparing.open_comparison(tmp_path / "c")


def test_of_another_version_is_refused(made: Comparison, tmp_path: Path) -> None:
    with sealed_folder(tmp_path / "c") as folder:
        comparing.save(made, folder)
        about = json.loads((folder / "comparison.json").read_text())
        (folder / "comparison.json").write_text(json.dumps(about | {"format": 99}))
    with pytest.raises(StoreError, match="has format 99"):
        comparing.open_comparison(tmp_path / "c")
