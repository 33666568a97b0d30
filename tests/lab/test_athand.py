"""A first visit: results that came with the vectors of one layer, in half precision, and without the tuned model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embedlab import demo, survey
from embedlab.errors import NotShippedError, StoreError, UserError
from embedlab.lab.athand import Held
from embedlab.store import is_sealed
from tests.searching import FakeLab, fill, first_visit

Visit = tuple[FakeLab, str, FakeLab]


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeLab, str, Path, FakeLab]:
    root = tmp_path_factory.mktemp("visit")
    return *first_visit(root), FakeLab(root / "elsewhere")


@pytest.fixture
def visit(roots: tuple[FakeLab, str, Path, FakeLab], monkeypatch: pytest.MonkeyPatch) -> Visit:
    """The visitor's lab, the comparison's id, and the lab that has everything."""
    lab, id, results, made = roots
    monkeypatch.setattr(demo, "results_folder", lambda: results)
    lab.loaded.clear()
    return lab, id, made


def test_what_is_held_is_said_by_layer_and_precision(visit: Visit) -> None:
    lab, id, made = visit
    assert lab.shipped == id
    assert lab.held(id) == Held((2,), 3, half=True)
    assert made.held(id) == Held((0, 1, 2), 3)
    assert made.held(id).whole
    assert [lab.has_vectors(id, layer) for layer in (None, 0, 1, 2)] == [True, False, False, True]
    assert not lab.can_overview(id), "a map of all texts would measure their change anew"


def test_a_word_has_its_vectors_at_once_and_its_readings_stay_those_of_the_comparison(visit: Visit) -> None:
    lab, id, made = visit
    word = lab.marked_words(id)[0]
    here, whole = lab.word_view(id, word), made.word_view(id, word)
    assert lab.loaded == []
    for field in ("readings", "p", "predicted_before", "predicted_after", "uses"):
        assert getattr(here, field) == getattr(whole, field), field
    for field in ("change", "drift", "noise"):
        assert np.array_equal(getattr(here, field), getattr(whole, field), equal_nan=True), field
    for one, two in ((here.before, whole.before), (here.after, whole.after)):
        assert one is not None
        assert two is not None
        assert np.abs(one - two).max() <= 2**-11 * np.abs(two).max()
        assert not np.array_equal(one, two), "they were rounded"
    map_ = lab.word_map(id, here)
    assert map_ is not None
    assert map_.agreement is not None
    assert map_.clusters is not None
    other = lab.word_view(id, word, 1)
    assert other.before is None
    assert other.readings == made.word_view(id, word, 1).readings


@pytest.mark.parametrize(
    ("what", "word", "like"), [("texts", None, "9"), ("uses", "crane", "17"), ("words", None, "bank")]
)
def test_an_item_finds_what_full_precision_finds(visit: Visit, what: str, word: str | None, like: str) -> None:
    lab, id, made = visit
    here = lab.search(id, what=what, word=word, like=like, k=1000)  # type: ignore[arg-type]
    whole = made.search(id, what=what, word=word, like=like, k=1000)  # type: ignore[arg-type]
    assert (here.half, whole.half) == (True, False)
    assert lab.loaded == []
    cosines = {match.key: (match.cosine_before, match.cosine_after) for match in whole.matches}
    assert {match.key for match in here.matches} == set(cosines)
    for match in here.matches:
        assert (match.cosine_before, match.cosine_after) == pytest.approx(cosines[match.key], abs=1e-3)


def test_what_is_missing_is_said_in_one_sentence_and_no_model_is_loaded_in_vain(visit: Visit) -> None:
    lab, id, _ = visit
    for query, options, said in (
        ("the old bank", {}, "tuned model did not come with the demo, so it cannot read what you typed"),
        ("the old [bank]", {"what": "uses", "word": "bank"}, "cannot read what you typed"),
        ("", {"like": "9", "layer": 1}, "vectors of layer 1 did not come with the demo, only those of layer 2"),
        ("", {"like": "9", "what": "uses", "word": "river"}, r"“river” were not read for the demo.*\(bank, crane\)"),
    ):
        with pytest.raises(NotShippedError, match=said) as caught:
            lab.search(id, query, **options)  # type: ignore[arg-type]
        assert str(caught.value).count(". ") == 0
        assert "make the demo here" in str(caught.value)
    assert lab.loaded == []
    listed = lab.search(id, "bank", what="words", layer=1, k=5)
    assert len(listed.before) == 5, "the kept lists serve where the vectors do not"
    assert not lab.can_read(id)


def test_groups_come_along_as_they_were_found_and_causes_are_near_at_once(visit: Visit) -> None:
    lab, id, made = visit
    for layer in range(3):
        assert lab.has_groups(id, layer)
        assert lab.groups(id, layer) == made.groups(id, layer)
    here, whole = lab.why(id, "bank"), made.why(id, "bank")
    assert here.nearest is not None
    assert whole.nearest is not None
    assert [one.cosine for one in here.nearest] == pytest.approx([one.cosine for one in whole.nearest], abs=1e-3)
    assert "half precision" in here.notes[-1]
    assert not any("half precision" in note for note in whole.notes)
    assert lab.why(id, "bank", 1).nearest is None


def test_what_was_opened_stays_though_the_next_version_comes_with_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, id, results = first_visit(tmp_path)
    monkeypatch.setattr(demo, "results_folder", lambda: results)
    lab.word_view(id, "bank")
    monkeypatch.setattr(demo, "results_folder", lambda: None)
    assert FakeLab(lab.root).held(id) == Held((2,), 3, half=True)


def test_comparing_again_here_brings_every_layer_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bits give the same id: what was shipped must not stand for what was asked to be made."""
    made, _ = fill(tmp_path / "elsewhere")
    corpus = made.corpora()[0].id
    first = made.compare("fake-before", "fake-after", corpus)
    ids = made.store.find("comparisons", first.id).summary["surveys"]
    for one in ids:
        made.store.remove("snapshots", one)
    assert not made.held(first.id)
    again = made.compare("fake-before", "fake-after", corpus)
    assert again.id == first.id
    assert made.held(first.id).whole
    made.loaded.clear()
    told: list[str] = []
    made.compare("fake-before", "fake-after", corpus, progress=lambda _share, what: told.append(what))
    assert told[-1] == "already compared"


def test_half_precision_keeps_eleven_bits_of_every_value_and_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    lab, id = fill(tmp_path)
    taken = survey.open_survey(lab.store.folder("snapshots", lab.store.find("comparisons", id).summary["surveys"][1]))
    values = np.asarray(taken.uses[2]) * np.float32(1e3)
    scaled = replace(taken, uses=(*taken.uses[:2], values))
    lab.store.put("snapshots", "half", "half", {}, lambda folder: survey.keep_vectors(scaled, [2, 0], folder))
    back = survey.open_vectors(lab.store.folder("snapshots", "half"))
    assert back.half
    assert back.layer_names == (taken.layer_names[2], taken.layer_names[0])
    assert (back.words, back.use_items, back.plan_facts) == (taken.words, taken.use_items, taken.plan_facts)
    assert np.abs(back.uses[0] - values).max() <= 2**-11 * np.abs(values).max()
    assert back.uses[0].dtype == np.float32
    assert np.array_equal(back.uses[0], values.astype(np.float16).astype(np.float32))
    wild = replace(taken, uses=(*taken.uses[:2], values * np.float32(1e6)))
    with pytest.raises(StoreError, match="Layer 2 of fake-after has values beyond half"):
        lab.store.put("snapshots", "wild", "wild", {}, lambda folder: survey.keep_vectors(wild, [2], folder))
    assert not is_sealed(lab.store.folder("snapshots", "wild"))


def test_without_its_corpus_the_texts_cannot_be_looked_at(tmp_path: Path) -> None:
    lab, id = fill(tmp_path)
    lab.store.remove("corpora", lab.corpora()[0].id)
    with pytest.raises(UserError, match="not here any more: add it again to look at its texts, or search in words"):
        lab.search(id, like="9")
    with pytest.raises(UserError, match="or choose a word that the comparison read"):
        lab.word_view(id, "with")
