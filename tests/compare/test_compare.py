"""What a comparison says of spaces whose change is planted."""

from dataclasses import replace

import numpy as np
import pytest

from embedlab import compare as comparing
from embedlab.comparing.readings import LAYER_READINGS, changed
from embedlab.errors import UserError
from embedlab.types import Comparison, Corpus, EncoderSpec, Reading
from tests.compare.conftest import Surveys
from tests.fakes import FakeEncoder, sense_corpus

# numbers of the rows alone, a p, and what is told in words as it has none
CERTAIN = {"isotropic_isoscore", "duplicates_removed", "rsa_p", "mev_baseline"}
UNDEFINED = {"drift_cosine_aligned"}  # fifty words are too few to fit a rotation
MOVED = {"water": "loan", "cable": "nest"}


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return sense_corpus(16)


@pytest.fixture(scope="module")
def moved(surveys: Surveys, corpus: Corpus) -> Comparison:
    wide = (48, 64, 64)  # in few dimensions fifty words are everybody's neighbours
    one, two = surveys(corpus, FakeEncoder(0.3, dims=wide), FakeEncoder(0.3, dims=wide, moved=MOVED))
    return comparing.compare(one, two, corpus, k=5)


@pytest.fixture(scope="module")
def itself(surveys: Surveys, corpus: Corpus) -> Comparison:
    one, two = surveys(corpus, FakeEncoder(), FakeEncoder(), words=["old"])
    return comparing.compare(one, two, corpus, k=5)


def every_reading(comparison: Comparison) -> list[Reading]:
    layers = [*comparison.layers, *(layer for word in comparison.sense_readings.values() for layer in word)]
    return [reading for layer in layers for reading in layer.readings.values()]


# -- nothing changed -------------------------------------------------------------------------------------------------


def test_a_model_with_itself_reads_exactly_zero_change_everywhere(itself: Comparison) -> None:
    ideal = {"cka_debiased": 1.0, "cka_linear": 1.0, "procrustes_distance": 0.0}
    ideal |= {"knn_jaccard": 1.0, "second_order_cosine": 1.0, "drift_cosine": 0.0, "rsa_spearman_cosine": 1.0}
    for reading in every_reading(itself):
        if reading.name in ideal:
            assert reading.value == ideal[reading.name]
            assert reading.interval == (ideal[reading.name],) * 2
        elif reading.note is None:
            assert reading.after == reading.before is not None
            assert reading.interval in ((0.0, 0.0), None)
    for layer in itself.layers:
        given = {name: r for name, r in layer.readings.items() if r.value is not None or r.before is not None}
        missing = {name for name, reading in given.items() if reading.interval is None}
        assert missing <= CERTAIN
    assert not any(itself.words.changed(layer).any() for layer in range(3))
    assert not any(changed(reading) for reading in every_reading(itself))
    assert not itself.words.change.any()
    assert not itself.words.drift.any()
    assert not np.nan_to_num(itself.uses.change).any()
    assert not itself.uses.drift.any()
    assert itself.uses.predicted_before == itself.uses.predicted_after
    np.testing.assert_array_equal(itself.words.neighbours_before, itself.words.neighbours_after)


def test_every_reading_of_the_table_is_there_and_nothing_else(moved: Comparison) -> None:
    for layer in moved.layers:
        assert list(layer.readings) == list(LAYER_READINGS)
        for name, reading in layer.readings.items():
            info = comparing.READINGS[name]
            if name in UNDEFINED:
                assert reading.note
                continue
            numbers = (reading.value,) if info.of_pair else (reading.before, reading.after)
            assert (reading.value is None) != info.of_pair, name
            for number in numbers:
                assert number is not None
                assert info.low is None or number >= info.low - 1e-9
                assert info.high is None or number <= info.high + 1e-9


# -- planted changes -------------------------------------------------------------------------------------------------


def test_planted_words_are_the_most_changed_and_drifted(moved: Comparison) -> None:
    words = moved.words
    for layer in range(len(moved.layers)):
        by_change = np.argsort(-words.change[layer], kind="stable")
        by_drift = np.argsort(-words.drift[layer], kind="stable")
        assert {words.words[i] for i in by_change[:2]} == set(MOVED)
        assert {words.words[i] for i in by_drift[:2]} == set(MOVED)
    still = [i for i, word in enumerate(words.words) if word not in MOVED]
    assert not words.drift[0, still].any()


def test_change_is_one_minus_jaccard_of_the_k_nearest(moved: Comparison) -> None:
    words = moved.words
    assert words.k == 5
    for row in range(0, len(words.words), 7):
        before, after = (set(x[1, row].tolist()) for x in (words.neighbours_before, words.neighbours_after))
        assert words.change[1, row] == pytest.approx(1 - len(before & after) / len(before | after))
        assert row not in before | after
    mean = moved.layers[1].readings["knn_jaccard"].value
    assert mean == pytest.approx(1 - float(words.change[1].mean()), abs=1e-6)


def test_moves_tell_kept_lost_and_gained_with_both_ranks(moved: Comparison) -> None:
    found = comparing.moves(moved, "water", 0)
    before = [move.word for move in found if move.rank_before is not None and move.rank_before <= 5]
    after = [move.word for move in found if move.rank_after is not None and move.rank_after <= 5]
    assert len(before) == len(after) == 5
    for move in found:
        both = (move.word in before, move.word in after)
        assert move.status == {(True, True): "kept", (True, False): "lost", (False, True): "gained"}[both]
    assert "loan" in {move.word for move in found if move.status == "gained" and move.rank_after == 1}
    lost = [move for move in found if move.status == "lost"]
    assert any(move.rank_after is not None and move.rank_after > 5 for move in lost)  # out, but we know where to
    wider = comparing.moves(moved, "water", 0, k=30)
    assert len([move for move in wider if move.rank_before]) == 30
    with pytest.raises(UserError, match="'zebra' is not counted"):
        comparing.moves(moved, "zebra", 0)
    with pytest.raises(UserError, match="k is 31"):
        comparing.moves(moved, "water", 0, k=31)


def test_a_common_direction_raises_the_mean_cosine_with_an_interval_above_zero(
    surveys: Surveys, corpus: Corpus
) -> None:
    one, two = surveys(corpus, FakeEncoder(), FakeEncoder(cone=2.0))
    last = comparing.compare(one, two, corpus, k=5).layers[-1].readings
    cosine = last["mean_cosine"]
    assert cosine.after > cosine.before + 0.3  # type: ignore[operator]
    assert cosine.interval is not None
    assert cosine.interval[0] > 0.2
    assert cosine.interval[0] < cosine.after - cosine.before < cosine.interval[1]  # type: ignore[operator]
    # a shift leaves the centred cloud as it is
    assert last["mean_cosine_centred"].after == pytest.approx(last["mean_cosine_centred"].before, abs=0.02)
    assert last["cka_debiased"].value == pytest.approx(1.0, abs=1e-5)


def test_every_interval_holds_its_value(moved: Comparison) -> None:
    for reading in every_reading(moved):
        if reading.interval is None:
            continue
        change = reading.value if reading.value is not None else reading.after - reading.before  # type: ignore[operator]
        low, high = reading.interval
        assert low - 1e-9 <= change <= high + 1e-9, reading


# -- unlike models, options, refusals --------------------------------------------------------------------------------


def test_unlike_widths_have_no_drift_but_the_rest(surveys: Surveys, corpus: Corpus) -> None:
    one, two = surveys(corpus, FakeEncoder(), FakeEncoder(dims=(12, 20, 24)))
    made = comparing.compare(one, two, corpus, k=5)
    assert made.layers[0].readings["drift_cosine"].value == 0.0
    last = made.layers[-1].readings
    assert last["drift_cosine"].value is None
    assert last["drift_cosine"].note == "The layers have 16 and 24 dimensions: no coordinates are shared."
    assert np.isnan(made.words.drift[-1]).all()
    assert last["cka_debiased"].value is not None
    assert last["knn_jaccard"].value is not None


def test_unlike_depths_are_compared_at_the_first_and_last_layer(surveys: Surveys, corpus: Corpus) -> None:
    one, two = surveys(corpus, FakeEncoder(), FakeEncoder(dims=(12, 16, 16, 16)))
    made = comparing.compare(one, two, corpus, k=5)
    assert made.layer_names == ("layer 0", "layer 2 → layer 3")
    assert made.provenance.coverage["layers (before with after)"] == "0 with 0, 2 with 3; the models have 3 and 4"


def test_any_layer_of_one_can_be_set_beside_any_of_the_other(surveys: Surveys, corpus: Corpus) -> None:
    one, two = surveys(corpus, FakeEncoder(), FakeEncoder(dims=(12, 16, 16, 16)))
    made = comparing.compare(one, two, corpus, k=5, layers=[(2, 1), (0, 0)])
    assert made.layer_names == ("layer 0", "layer 2 → layer 1")
    assert made.provenance.coverage["layers (before with after)"] == "0 with 0, 2 with 1; the models have 3 and 4"
    same = comparing.compare(one, one, corpus, k=5, layers=[(1, 2)])
    usual = comparing.compare(one, one, corpus, k=5)
    # before is what layer 1 reads by itself, after what layer 2 does
    mean = same.layers[0].readings["mean_cosine"]
    assert mean.before == usual.layers[1].readings["mean_cosine"].before
    assert mean.after == usual.layers[2].readings["mean_cosine"].after
    with pytest.raises(UserError, match="pairs layer 3 of before with layer 0 of after"):
        comparing.compare(one, two, corpus, k=5, layers=[(3, 0)])


def test_only_the_layers_asked_for(surveys: Surveys, corpus: Corpus) -> None:
    one, two = surveys(corpus, FakeEncoder(), FakeEncoder(0.5))
    made = comparing.compare(one, two, corpus, k=5, layers=[2])
    assert made.layer_names == ("layer 2",)
    assert made.words.change.shape[0] == made.uses.change.shape[0] == 1
    with pytest.raises(UserError, match="names layer 7, but the layers compared are 0 to 2"):
        comparing.compare(one, two, corpus, k=5, layers=[7])


def test_a_k_larger_than_the_candidates_is_refused_in_one_sentence(surveys: Surveys, corpus: Corpus) -> None:
    one, two = surveys(corpus, FakeEncoder(), FakeEncoder(0.5), min_count=30)
    count = len(one.words)
    with pytest.raises(UserError, match=rf"--k is 40, but only {count} words .* at most {count - 1} neighbours"):
        comparing.compare(one, two, corpus, k=40)
    with pytest.raises(UserError, match="--k is 0"):
        comparing.compare(one, two, corpus, k=0)
    largest = comparing.compare(one, two, corpus, k=count - 1)
    assert largest.words.ranked_before is None  # there are no more neighbours to keep
    assert not largest.words.change.any()  # everybody is everybody's neighbour


def test_surveys_of_different_plans_are_refused(surveys: Surveys, corpus: Corpus) -> None:
    one, _ = surveys(corpus, FakeEncoder(), FakeEncoder())
    _, other = surveys(corpus, FakeEncoder(), FakeEncoder(), seed=3)
    with pytest.raises(UserError, match="not read on the same texts"):
        comparing.compare(one, other, corpus)


def test_words_one_model_cannot_read_are_left_out_of_both_and_counted(surveys: Surveys, corpus: Corpus) -> None:
    one, two = surveys(corpus, FakeEncoder(), FakeEncoder(blind=["water", "crane"]))
    made = comparing.compare(one, two, corpus, k=5)
    assert made.words.row("water") is None
    assert made.words.row("bank") is not None
    coverage = made.provenance.coverage
    assert coverage["words left out (no piece in one of the models)"] == 2
    assert coverage["target uses left out (no piece in one of the models)"] == 32
    assert {use.word for use in made.uses.occurrences} == {"bank"}


def test_a_corpus_too_small_for_a_reading_says_why(surveys: Surveys) -> None:
    texts = ("red green blue", "green blue red", "blue")
    corpus = Corpus("e" * 64, "tiny", texts)
    one, two = surveys(corpus, FakeEncoder(), FakeEncoder(0.5))
    made = comparing.compare(one, two, corpus, k=1)
    last = made.layers[-1].readings
    for name in ("self_similarity", "wsd_centroid_macro_f1", "cka_debiased"):
        reading = last[name]
        assert (reading.before, reading.after, reading.value) == (None, None, None)
        assert reading.note
    assert made.uses.occurrences == ()


def test_identity_and_provenance(surveys: Surveys, corpus: Corpus) -> None:
    one, two = surveys(corpus, FakeEncoder(), FakeEncoder(0.5))
    made = comparing.compare(one, two, corpus, k=5, layers=[0], before=EncoderSpec("builtin"), command="compare ...")
    again = comparing.compare(one, two, corpus, k=5, layers=[0])
    assert made.id == again.id
    assert (
        len(
            {
                made.id,
                comparing.compare(one, two, corpus, k=6, layers=[0]).id,
                comparing.compare(two, one, corpus, k=5, layers=[0]).id,
            }
        )
        == 3
    )
    assert made.before == EncoderSpec("builtin")
    assert again.before == FakeEncoder().spec
    assert made.provenance.versions["embedlab"]
    assert made.layers == replace(again, before=made.before).layers  # the same numbers each time
