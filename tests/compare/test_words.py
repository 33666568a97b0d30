"""The word table and its means: what a rotation is, and what is read without intervals."""

from dataclasses import replace

import numpy as np
import pytest

from embedlab.comparing.sides import Sides, side_by_side
from embedlab.comparing.words import near_both, near_words, word_layer
from embedlab.measure import neighbours
from embedlab.survey import Survey
from embedlab.types import LayerInfo
from tests.compare.conftest import Surveys
from tests.fakes import FakeEncoder, sense_corpus

FLAT = 6  # dimensions few enough for fifty words to fit a rotation


@pytest.fixture(scope="module")
def one(surveys: Surveys) -> Survey:
    return surveys(sense_corpus(12), FakeEncoder(dims=(FLAT, FLAT)), FakeEncoder(dims=(FLAT, FLAT)))[0]


def against(one: Survey, means: np.ndarray) -> Sides:
    """The survey beside itself with other word means at the last layer."""
    layers = (one.layers[0], LayerInfo(one.layers[1].name, means.shape[1]))
    return side_by_side(one, replace(one, word_means=(one.word_means[0], means.astype(np.float32)), layers=layers))


def rotation(dim: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(4).standard_normal((dim, dim)))[0]


def test_a_rotation_is_drift_in_shared_coordinates_and_none_once_aligned(one: Survey) -> None:
    means = np.asarray(one.word_means[1])
    sides = against(one, means @ rotation(FLAT) + 3.0)
    layer = sides.layers[1]
    found = word_layer(sides, layer, 5, 0, near_both(sides, layer, 5)).readings
    assert found["drift_cosine"].value > 0.3  # type: ignore[operator]
    assert found["drift_cosine_aligned"].value == pytest.approx(0.0, abs=1e-5)
    low, high = found["drift_cosine_aligned"].interval or (1.0, 0.0)
    assert low <= found["drift_cosine_aligned"].value <= high  # type: ignore[operator]


def test_a_moved_word_still_drifts_once_aligned(one: Survey) -> None:
    means = np.array(one.word_means[1])
    means[3] = -means[3]
    sides = against(one, means @ rotation(FLAT))
    found = word_layer(sides, sides.layers[1], 5, 0, near_both(sides, sides.layers[1], 5)).readings
    assert 0.2 / len(means) < found["drift_cosine_aligned"].value < 0.2  # type: ignore[operator]


def test_too_few_words_for_a_rotation_and_unlike_widths_are_told(one: Survey, surveys: Surveys) -> None:
    wider = np.pad(np.asarray(one.word_means[1]), ((0, 0), (0, 1)))
    sides = against(one, wider)
    found = word_layer(sides, sides.layers[1], 5, 0, near_both(sides, sides.layers[1], 5)).readings
    assert found["drift_cosine"].note == "The layers have 6 and 7 dimensions: no coordinates are shared."
    assert found["drift_cosine_aligned"].value == pytest.approx(0.0, abs=1e-5)  # padded with zeros
    wide = np.hstack([np.asarray(one.word_means[1])] * 3)
    sides = against(one, wide)
    found = word_layer(sides, sides.layers[1], 5, 0, near_both(sides, sides.layers[1], 5)).readings
    words = len(one.words)
    assert found["drift_cosine_aligned"].value is None
    assert found["drift_cosine_aligned"].note == (
        f"A rotation in 18 dimensions is fitted on 90 words or more, and there are {words}."
    )


def test_without_intervals_the_values_are_the_same(one: Survey) -> None:
    sides = against(one, np.asarray(one.word_means[1]) + 0.3 * rotation(FLAT)[0])
    layer = sides.layers[1]
    full, light = (word_layer(sides, layer, 5, 0, near_both(sides, layer, 9), intervals=yes) for yes in (True, False))
    for name, reading in full.readings.items():
        assert light.readings[name] == replace(reading, interval=None)
    np.testing.assert_array_equal(full.change, light.change)


def test_neighbours_found_once_serve_any_smaller_k(one: Survey) -> None:
    sides = against(one, np.asarray(one.word_means[1]) ** 3)
    layer = sides.layers[1]
    both = near_both(sides, layer, 20)
    few = tuple(near_words(model, 1, sides.words, 5) for model in (sides.before, sides.after))
    for many, five in zip(both, few, strict=True):
        np.testing.assert_array_equal(many.ids[:, :5], five.ids)
    change = 1 - neighbours.knn_jaccard(few[0].ids, few[1].ids)
    np.testing.assert_array_equal(word_layer(sides, layer, 5, 0, both).change, change.astype(np.float32))
    same = near_both(side_by_side(one, one), layer, 5)
    assert same[0] is same[1]
