"""What goes through the model for a row of each objective, and what of it the loss compares."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from embedlab.encoders import files, loading
from embedlab.errors import TrainingError
from embedlab.store import Store
from embedlab.training import batches, material
from embedlab.training.material import Cutter
from embedlab.training.objectives import OBJECTIVES, Examples, Material, Vocabulary, objective
from embedlab.training.objectives.base import whole
from embedlab.training.trainable import Trainable
from embedlab.types import Corpus, Target
from tests.training import tiny
from tests.training.test_objectives import TABLES

Models = Callable[[str], Path]


@pytest.fixture
def cutter(tiny_models: Models) -> Cutter:
    folder = tiny_models("bert")
    reader = loading.open_tokenizer(files.check_folder(folder), "tiny")
    return Cutter(reader, "mean", 64, ("bird", "river"), Vocabulary(4, 60, (0, 1, 2, 3, 4), 1, 1))


def corpus() -> Corpus:
    """Four rows; the third repeats the text of the first and has no negative."""
    texts = ("the bank", "a crane near water", "the bank", "old loan")
    return Corpus(
        "0",
        "made",
        texts,
        labels=("river", "bird", "river", None),
        pairs=("water", "the bank", "mud", "cash"),
        targets=(Target(4, 8, "bank", "river"), Target(2, 7, "crane", "bird"), Target(4, 8, "bank", "river"), None),
        negatives=("loan", "tower", None, "water"),
        scores=(1.0, 0.5, 3.0, None),
    )


def learned(cutter: Cutter, name: str) -> Material:
    return cutter.learned(name, objective(name).examples(corpus(), range(4)))


@pytest.mark.parametrize(
    ("name", "sides", "codes"),
    [
        ("labels", 1, [[1], [0], [1]]),
        ("pairs", 3, [[0, 1, 2], [3, 0, 4], [0, 5, -1], [6, 7, 1]]),
        ("triplets", 3, [[0, 1, 2], [3, 0, 4], [5, 6, 1]]),
        ("scored", 2, [[0, 1], [2, 0], [0, 3]]),
        ("simcse", 2, [[0], [1], [0], [2]]),
        ("mlm", 1, [[0], [1], [0], [2]]),
        ("senses", 1, [[0], [1], [0]]),
    ],
)
def test_sides_and_codes(cutter: Cutter, name: str, sides: int, codes: list[list[int]]) -> None:
    made = learned(cutter, name)
    assert len(made.sides) == sides
    assert made.codes.tolist() == codes
    assert {len(side) for side in made.sides} == {len(made)} == {len(codes)}
    assert made.lengths.tolist() == [sum(len(side.ids[i]) for side in made.sides) for i in range(len(made))]
    assert (made.scores is not None) == (name == "scored")
    assert (made.vocabulary is not None) == (name == "mlm")


def test_scores_are_those_of_the_rows(cutter: Cutter) -> None:
    scores = learned(cutter, "scored").scores
    assert scores is not None
    assert scores.dtype == np.float32
    assert scores.tolist() == [1.0, 0.5, 3.0]


def test_a_label_that_no_training_row_has_has_no_number(cutter: Cutter) -> None:
    examples = Examples((whole("the bank", 0),), classes=("never seen",))
    assert cutter.learned("labels", examples).codes.tolist() == [[-1]]


def test_simcse_learns_from_whole_texts_and_is_asked_for_the_other_half(cutter: Cutter) -> None:
    examples = objective("simcse").examples(corpus(), range(4))
    seen, asked = cutter.learned("simcse", examples), cutter.asked("simcse", examples)
    assert seen.sides[0] is seen.sides[1]
    assert seen.cut == 0
    assert [use.text for use in asked.examples.uses] == ["the", "a crane", "the", "old"]
    assert [use.text for use in asked.examples.partners] == ["bank", "near water", "bank", "loan"]
    assert asked.codes.tolist() == [[0, 1], [2, 3], [0, 1], [4, 5]]
    assert [use.row for use in asked.examples.uses] == [0, 1, 2, 3]


def test_all_but_simcse_are_asked_what_they_learn(cutter: Cutter) -> None:
    for name in (name for name, one in OBJECTIVES.items() if one.fits(None)):
        if name != "simcse":
            examples = objective(name).examples(corpus(), range(4))
            assert np.array_equal(cutter.asked(name, examples).codes, cutter.learned(name, examples).codes)


def test_texts_that_are_cut_are_counted_once(cutter: Cutter) -> None:
    long = " ".join(["water"] * 100)
    made = cutter.learned("simcse", Examples((whole(long, 0), whole("the bank", 1))))
    assert made.cut == 1


def test_a_row_of_which_nothing_can_be_hidden_is_named(cutter: Cutter) -> None:
    with pytest.raises(TrainingError, match="Row 8 has no characters"):
        cutter.learned("mlm", Examples((whole("the bank", 3), whole("   ", 7))))


@pytest.mark.parametrize("name", [name for name, one in OBJECTIVES.items() if one.fits(None)])
def test_every_epoch_shows_every_row_within_the_budget(cutter: Cutter, name: str, store: Store) -> None:
    """Where rows are compared, the last one may wait for the next epoch."""
    made_corpus = tiny.add_corpus(store, TABLES.get(name, tiny.rows)(each=20))
    made = cutter.learned(name, objective(name).examples(made_corpus, range(len(made_corpus))))
    config = tiny.config(made_corpus, batch_tokens=400, batch_items=16)
    dealt = objective(name).epoch(made, config, batches.generator(0, 0, 0))
    rows = np.concatenate(dealt)
    assert len(set(rows.tolist())) >= len(made) - (0 if objective(name).apart else 1)
    assert name == "senses" or len(set(rows.tolist())) == len(rows)
    for batch in dealt:
        assert len(batch) <= 16
        assert int(made.lengths[batch].sum()) <= 400


# ---- what fits the model ---------------------------------------------------------------------------------------------


def test_simcse_is_refused_where_there_is_no_dropout(cutter: Cutter, tiny_models: Models, tmp_path: Path) -> None:
    made = cutter.learned("simcse", objective("simcse").examples(corpus(), range(4)))
    folder = tiny.model(tmp_path / "dry", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    for path, fits in ((tiny_models("bert"), True), (tiny_models("modernbert"), False), (folder, False)):
        model = Trainable(loading.open_model(files.check_folder(path), "tiny", "cpu"), "mean").eval()
        state = torch.get_rng_state()
        if fits:
            material.require_dropout(model, made)
        else:
            with pytest.raises(TrainingError, match="no dropout"):
                material.require_dropout(model, made)
        assert torch.equal(state, torch.get_rng_state()), "nothing is drawn from the run's own chance"
        assert not model.training


def test_the_vocabulary_of_a_tokenizer(tiny_models: Models) -> None:
    source = files.check_folder(tiny_models("bert"))
    reader = loading.open_tokenizer(source, "tiny")
    found = material.vocabulary(source, "tiny", reader)
    assert (found.mask, found.special, found.before, found.after) == (4, (0, 1, 2, 3, 4), 1, 1)
    assert found.ordinary.tolist() == list(range(5, found.size))


def test_a_tokenizer_without_a_mask_is_refused(tmp_path: Path, tiny_models: Models) -> None:
    folder = tmp_path / "bare"
    shutil.copytree(tiny_models("bert"), folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    del settings["mask_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    source = files.check_folder(folder)
    with pytest.raises(TrainingError, match="has no mask"):
        material.vocabulary(source, "bare", loading.open_tokenizer(source, "bare"))


@pytest.mark.parametrize(
    ("settings", "pieces"), [({}, 80), ({"longest": 20}, 20), ({"batch_tokens": 50}, 50), ({"longest": 7}, None)]
)
def test_how_many_pieces_are_read(settings: dict[str, int], pieces: int | None, tiny_models: Models) -> None:
    source = files.check_folder(tiny_models("bert"))
    config = tiny.config(corpus(), **settings)
    if pieces is None:
        with pytest.raises(TrainingError, match="no sentence can be read"):
            material.limit(source, config)
    else:
        assert material.limit(source, config) == pieces
