"""A comparison comes back from its folder equal in every number, and its JSON is the contract."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from embedlab import compare as comparing
from embedlab.errors import StoreError
from embedlab.store import sealed_folder
from embedlab.types import Comparison, LinkedMap
from embedlab.verdict import judged
from tests.compare.conftest import Surveys
from tests.fakes import FakeEncoder, sense_corpus


@pytest.fixture(scope="module")
def made(surveys: Surveys) -> Comparison:
    corpus = sense_corpus(12)
    one, two = surveys(corpus, FakeEncoder(0.2), FakeEncoder(dims=(12, 16, 20)), words=["water"])
    return judged(comparing.compare(one, two, corpus, k=5), one, two, corpus)


def drawn(word: str, layer: int, trust: float | None) -> LinkedMap:
    points = np.random.default_rng(layer).standard_normal((2, 4, 2)).astype(np.float32)
    return LinkedMap(word, layer, np.arange(4), points[0], points[1], trust, None, 0.9, 0.8, 0.01, 0.2, 7)


def equal(one: object, two: object) -> bool:
    if isinstance(one, np.ndarray) and isinstance(two, np.ndarray):
        return one.dtype == two.dtype and bool(np.array_equal(one, two, equal_nan=one.dtype.kind == "f"))
    return one == two


def test_round_trip_is_exact(made: Comparison, tmp_path: Path) -> None:
    maps = [drawn("bank", 0, 0.97), drawn("bänk/../x", 2, None)]
    with sealed_folder(tmp_path / "c") as folder:
        comparing.save(made, folder, maps)
    back = comparing.open_comparison(tmp_path / "c")
    for part in ("id", "before", "after", "layers", "sense_readings", "verdict", "provenance"):
        assert getattr(back, part) == getattr(made, part), part
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
    assert set(last) == set(comparing.READINGS)
    assert set(last["mean_cosine"]) == {"before", "after", "interval", "noise"}
    assert last["mean_cosine"]["noise"] is None
    assert len(last["mean_cosine"]["interval"]) == 2
    assert set(last["cka_debiased"]) == {"value", "interval", "noise"}
    assert last["drift_cosine"]["value"] is None
    assert last["drift_cosine"]["note"].startswith("The layers have 16 and 20 dimensions")
    assert {"task", "space", "why"} <= set(value["verdict"])
    assert value["provenance"]["corpus_id"] == made.provenance.corpus_id
    assert {"seed", "versions", "command"} <= set(value["provenance"])
    assert set(value["senses"]) == {"bank", "crane", "water"}


def test_items_table_has_every_word_at_every_layer(made: Comparison) -> None:
    items = comparing.items_table(made).to_pydict()
    layers, words = made.words.change.shape
    assert len(items["word"]) == layers * words
    assert set(items["noise"]) == {None}
    for kept, lost, gained, change in zip(*(items[n] for n in ("kept", "lost", "gained", "change")), strict=True):
        assert kept + lost == kept + gained == 5
        assert change == pytest.approx(1 - kept / (10 - kept), abs=1e-6)


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
