"""A16 on senses that are told apart, merged, rare or unknown."""

import numpy as np
import pytest

from embedlab import compare as comparing
from embedlab.comparing.senses import targets_of, use_change
from embedlab.comparing.sides import Pair
from embedlab.corpus import held_out
from embedlab.measure import senses
from embedlab.types import Corpus, Occurrence, Target
from tests.compare.conftest import Surveys
from tests.fakes import FakeEncoder, sense_corpus


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return sense_corpus(16)


def test_centroids_come_from_training_uses_and_are_tested_on_held_out_ones(surveys: Surveys, corpus: Corpus) -> None:
    one, two = surveys(corpus, FakeEncoder(0.0), FakeEncoder(1.0))
    made = comparing.compare(one, two, corpus, k=5)
    held = held_out(corpus)
    rows = [i for i, use in enumerate(one.use_items) if use.word == "bank"]
    truth = np.array([one.use_items[i].sense for i in rows])
    test = np.array([held[one.use_items[i].row or 0] for i in rows])
    for layer in range(3):
        for taken, side in ((one, "before"), (two, "after")):
            x = taken.uses[layer][rows]
            guess = senses.centroid_predict(x[~test], truth[~test], x[test])
            expected = senses.macro_f1(truth[test], guess, senses=["money", "river"])
            reading = made.sense_readings["bank"][layer].readings["wsd_centroid_macro_f1"]
            assert getattr(reading, side) == expected
    assert made.uses.held_out.tolist() == [bool(held[use.row or 0]) for use in made.uses.occurrences]


def test_senses_told_apart_by_context_score_one_and_layer_zero_knows_nothing(surveys: Surveys, corpus: Corpus) -> None:
    one, two = surveys(corpus, FakeEncoder(0.0), FakeEncoder(1.0))
    made = comparing.compare(one, two, corpus, k=5)
    last, first = made.layers[-1].readings, made.layers[0].readings
    assert last["wsd_centroid_macro_f1"].after == 1.0
    assert last["wsd_centroid_macro_f1"].interval is not None
    assert last["wsd_centroid_macro_f1"].interval[0] > 0
    assert last["silhouette_cosine_macro"].after > 0.2  # type: ignore[operator]
    assert first["wsd_centroid_macro_f1"].after < 0.8  # type: ignore[operator]
    for word in ("bank", "crane"):
        mean = [made.sense_readings[w][-1].readings["wsd_knn_accuracy"].before for w in ("bank", "crane")]
        assert last["wsd_knn_accuracy"].before == pytest.approx(float(np.mean(mean)))  # type: ignore[arg-type]
        right = made.sense_readings[word][-1].readings["self_similarity"]
        assert right.after < right.before  # type: ignore[operator]


def test_predicted_senses_are_there_for_every_use_of_a_word_with_senses(surveys: Surveys, corpus: Corpus) -> None:
    one, two = surveys(corpus, FakeEncoder(0.0), FakeEncoder(1.0), words=["water"])
    made = comparing.compare(one, two, corpus, k=5)
    known = [(u, sense) for u, sense in zip(made.uses.occurrences, made.uses.predicted_after[-1], strict=True) if sense]
    assert {use.word for use, _ in known} == {"bank", "crane"}
    assert len(known) == 64
    assert np.mean([use.sense == sense for use, sense in known]) > 0.95
    note = made.sense_readings["water"][-1].readings["wsd_centroid_macro_f1"].note
    assert note == "The uses of 'water' have no senses in this corpus."
    assert made.sense_readings["water"][-1].readings["self_similarity"].before is not None


def test_a_word_whose_senses_cannot_be_scored_says_why() -> None:
    def uses(names: list[str | None]) -> tuple[Occurrence, ...]:
        return tuple(Occurrence(f"a word {i}", 2, 6, sense, "word", i) for i, sense in enumerate(names))

    one_sense = targets_of(uses(["a"] * 4), np.array([True, False, False, False]))[0]
    assert one_sense.why_not == "Fewer than two senses of 'word' have uses outside the held-out split."
    no_test = targets_of(uses(["a", "b", "a", "b"]), np.zeros(4, dtype=bool))[0]
    assert no_test.why_not == "No use of 'word' with a sense is held out."
    fine = targets_of(uses(["a", "b", None, "b"]), np.array([False, False, True, True]))[0]
    assert fine.why_not is None
    assert fine.test.tolist() == [False, False, False, True]


def test_change_of_uses_needs_others_that_are_no_neighbours() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 9, 4)).astype(np.float32)
    assert np.isnan(use_change(Pair(x[:2], y[:2]), 10)).all()
    changed = use_change(Pair(x, y), 10)  # k becomes 4 of 8
    assert changed.any()
    assert not use_change(Pair(x, x.copy()), 10).any()


def test_a_sense_seen_once_in_training_only_still_counts_as_a_sense(surveys: Surveys) -> None:
    base = sense_corpus(12, words=("bank",))
    assert base.targets is not None
    odd = Target(4, 8, "bank", "tilt")
    corpus = Corpus(
        "f" * 64,
        "odd",
        (*base.texts, "the bank of tower hook."),
        targets=(*base.targets, odd),
        splits=(*("test" if h else "train" for h in held_out(base)), "train"),
    )
    one, two = surveys(corpus, FakeEncoder(0.0), FakeEncoder(1.0))
    reading = comparing.compare(one, two, corpus, k=5).sense_readings["bank"][-1].readings["wsd_centroid_macro_f1"]
    # A16: labels are all senses, a sense without a hit scores 0: two of three senses can be right
    assert reading.after == pytest.approx(2 / 3)
    assert reading.interval is not None
    assert reading.interval[0] <= reading.after - (reading.before or 0) <= reading.interval[1]
