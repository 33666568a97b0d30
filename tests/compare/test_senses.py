"""A16 on senses that are told apart, merged, rare or unknown."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, v_measure_score

from embedlab import compare as comparing
from embedlab.comparing.halves import Halves, agreement, kernel_kmeans
from embedlab.comparing.positives import of_senses, related_texts
from embedlab.comparing.readings import MEV_READINGS, changed
from embedlab.comparing.senses import SenseSurvey, targets_of, use_change
from embedlab.comparing.sides import Pair, side_by_side
from embedlab.comparing.wordsenses import Target as Word
from embedlab.comparing.wordsenses import mev_baseline, word_senses
from embedlab.corpus import held_out
from embedlab.measure import geometry, senses, uncertainty, words
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


# -- what is read of one word ----------------------------------------------------------------------------------------


def target(names: list[str], test: np.ndarray, texts: list[int] | None = None) -> Word:
    rows = np.arange(len(names))
    sentences = rows if texts is None else np.array(texts)
    return Word("bank", rows, np.array(names), sentences, ~test, test, None)


def two_senses(rng: np.random.Generator, n: int, apart: float = 2.0) -> tuple[list[str], Pair]:
    """n uses of each sense, before and after two noisy versions of one cloud."""
    names = ["money", "river"] * n
    points = rng.normal(size=(2 * n, 6)) + apart * np.array([[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]] * n)
    one, two = (points + 0.3 * rng.normal(size=points.shape) for _ in range(2))
    return names, Pair(one.astype(np.float32), two.astype(np.float32))


def test_alignment_by_hand_leaves_out_pairs_of_one_sentence() -> None:
    x = np.array([[1, 0], [0, 1], [1, 0], [0, 3], [0, 1]], dtype=np.float32)
    y = np.array([[1, 0], [0, 1], [1, 0], [2, 0], [0, 1]], dtype=np.float32)
    names = np.array(["a", "a", "a", "b", "b"])
    texts = np.array([0, 0, 1, 2, 3])  # the second use shares its sentence with the first
    reading, parts = of_senses(Pair(x, y), names, texts, 0, True)
    # a: only uses 0 and 2 pair, both along the first axis: 0. b: before the same direction: 0, after at right angles: 2
    assert (reading.before, reading.after) == (0.0, 1.0)
    assert parts.sum() == pytest.approx(1.0)  # the sentences' contributions make the change
    assert reading.p == 1.0  # one use makes all of the change: swapped it is as large
    single, none = of_senses(Pair(x, y), np.array(["a", "a", "b", "c", ""]), np.arange(5) // 2, 0, True)
    assert single.before is None
    assert single.note is not None
    assert len(none) == 0


def test_mev_is_of_the_measures_with_a_baseline_of_the_same_size(surveys: Surveys, corpus: Corpus) -> None:
    one, two = surveys(corpus, FakeEncoder(0.0), FakeEncoder(1.0))
    sides = side_by_side(one, two)
    found = SenseSurvey(sides, held_out(corpus), 0)
    found.layer(2, 5)
    readings = found.readings["bank"][0].readings
    rows = [i for i, use in enumerate(one.use_items) if use.word == "bank"]
    assert readings["mev_uncentred"].after == words.mev_uncentred(two.uses[2][rows])
    assert readings["mev_centred"].before == words.mev_centred(one.uses[2][rows])
    ground = np.asarray(two.background[2])
    draws = [words.mev_baseline(ground, len(rows), seed=i, draws=1) for i in range(20)]
    assert readings["mev_baseline"].after == pytest.approx(float(np.mean(draws)))
    assert all(readings[name].interval is not None for name in MEV_READINGS)


def test_many_uses_are_cut_for_the_mev_and_it_is_said() -> None:
    rng = np.random.default_rng(0)
    names, pair = two_senses(rng, 60)
    found = word_senses(target(names, rng.random(120) < 0.4), pair, 0).readings
    assert found["mev_uncentred"].note == "Of 100 uses drawn by the seed."
    assert mev_baseline(pair, 200, 0, True).note is not None  # fewer pieces than uses


def test_the_light_version_has_the_same_values_and_nothing_else(surveys: Surveys, corpus: Corpus) -> None:
    one, two = surveys(corpus, FakeEncoder(0.0), FakeEncoder(1.0))
    sides = side_by_side(one, two)
    full, light = (SenseSurvey(sides, held_out(corpus), 0, intervals=wanted) for wanted in (True, False))
    for number in range(3):
        some, means = full.layer(number, 5), light.layer(number, 5)
        assert list(some) == list(means)
        pairs = [(some[name], means[name]) for name in some]
        for word in ("bank", "crane"):
            of_full, of_light = (survey.readings[word][number].readings for survey in (full, light))
            assert list(of_full) == list(of_light)
            pairs += [(of_full[name], of_light[name]) for name in of_full]
        for reading, other in pairs:
            assert (reading.before, reading.after) == (other.before, other.after), reading.name
            assert other.interval is None
            assert other.p is None
    assert light.word_p() == {"bank": (None,) * 3, "crane": (None,) * 3}
    np.testing.assert_array_equal(full.uses().change, light.uses().change)


def test_the_tests_of_the_means_are_those_of_a18(surveys: Surveys, corpus: Corpus) -> None:
    one, two = surveys(corpus, FakeEncoder(0.0), FakeEncoder(1.0))
    found = SenseSurvey(side_by_side(one, two), held_out(corpus), 0)
    for number in range(3):
        means = found.layer(number, 5)
    held = found.held_out
    truth = np.array([use.sense for use in found.items])
    was, now = (found.predicted[side][2] == truth for side in ("before", "after"))
    assert means["wsd_centroid_accuracy"].p == uncertainty.mcnemar(was[held], now[held]).p
    scores = [found.readings[word][2].readings["wsd_centroid_macro_f1"] for word in ("bank", "crane")]
    one_side, other = (np.array([getattr(score, side) for score in scores]) for side in ("before", "after"))
    assert means["wsd_centroid_macro_f1"].p == uncertainty.wilcoxon_p(one_side, other)
    assert all(score.p is None for score in scores)  # one word: the interval speaks
    assert means["alignment"].p is not None
    assert means["alignment"].after > means["alignment"].before  # type: ignore[operator]  # context spreads the uses
    assert means["silhouette_cosine_macro"].interval is not None
    assert means["clustering_ari"].interval is not None


def test_word_p_finds_the_word_whose_uses_moved_together(surveys: Surveys) -> None:
    base = sense_corpus(8)
    assert base.targets is not None
    corpus = replace(base, texts=(*base.texts, "the old tower."), labels=None, targets=(*base.targets, None))
    one, two = surveys(corpus, FakeEncoder(0.2), FakeEncoder(0.2, moved={"bank": "zebra"}), words=["tower"])
    found = SenseSurvey(side_by_side(one, two), held_out(corpus), 0)
    for number in range(3):
        found.layer(number, 5)
    p = found.word_p()
    assert all(value is not None and value <= 0.01 for value in p["bank"])
    assert all(value is not None and 0 < value <= 1 for value in p["crane"])
    assert p["crane"][0] == 1.0  # at the static layer nothing of it changed
    raw = uncertainty.permute_occurrences_p(*[side.uses[2][found.targets[0].rows] for side in (one, two)], seed=0)
    assert p["bank"][2] == pytest.approx(raw * len([word for word in p if p[word][2] is not None]), rel=1.1)
    unlike = SenseSurvey(
        side_by_side(*surveys(corpus, FakeEncoder(), FakeEncoder(dims=(12, 20, 24)))), held_out(corpus), 0
    )
    unlike.layer(2, 5)
    assert set(unlike.word_p().values()) == {(None,)}


def test_related_texts_give_the_alignment_of_a_corpus_of_pairs(surveys: Surveys) -> None:
    texts = ("the water of mud.", "the loan of cash.", "old wing and nest.")
    pairs = ("mud and water.", None, "steel and cable.")
    corpus = Corpus("d" * 64, "pairs", texts, pairs=pairs)
    one, two = surveys(corpus, FakeEncoder(0.0), FakeEncoder(1.0), min_count=1)
    nobody = np.zeros(3, dtype=bool)
    related = related_texts(corpus, nobody)
    assert related.tolist() == [[0, 3], [2, 4]]
    assert related_texts(corpus, np.array([False, False, True])).tolist() == [[2, 4]]
    found = SenseSurvey(side_by_side(one, two), nobody, 0, related=related).layer(2, 2)["alignment"]
    expected = geometry.alignment(one.texts[2][related[:, 0]], one.texts[2][related[:, 1]])
    assert found.before == pytest.approx(expected)
    assert found.note == "Of 2 related texts."


# -- halves ----------------------------------------------------------------------------------------------------------


def test_halves_measure_what_the_measures_do() -> None:
    rng = np.random.default_rng(1)
    names, pair = two_senses(rng, 14)
    labels = np.array(names)
    halves = Halves.of(labels, 0)
    assert halves is not None
    assert (halves.m, halves.n) == (14, 28)
    for rows, quickly in zip(halves.rows, halves.silhouettes(pair.before), strict=True):
        wanted = senses.silhouette_cosine_macro(pair.before[rows], labels[rows])
        assert quickly == pytest.approx(wanted, abs=1e-5)
    unit_rows = pair.before / np.linalg.norm(pair.before, axis=1, keepdims=True)
    rows = unit_rows[halves.balanced]
    found = kernel_kmeans(rows @ rows.transpose(0, 2, 1), 2, rng)
    for points, clusters in zip(rows, found, strict=True):
        means = np.array([points[clusters == c].mean(axis=0) for c in (0, 1)])
        inertia = ((points - means[clusters]) ** 2).sum()
        assert inertia <= 1.05 * KMeans(2, n_init=10, random_state=0).fit(points).inertia_
    v, ari = halves.clusterings(pair.before)
    assert len(v) == len(ari) == 20
    assert np.mean(ari) > 0.5
    assert Halves.of(np.array(["a"] * 9 + ["b"] * 3), 0) is None


def test_agreement_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(3), 5)
    found = rng.integers(0, 3, (12, 15))
    found[0], found[1] = truth, 0  # perfect, and one cluster for all
    v, ari = agreement(truth, found, 3)
    np.testing.assert_allclose(v, [v_measure_score(truth, row) for row in found], atol=1e-9)
    np.testing.assert_allclose(ari, [adjusted_rand_score(truth, row) for row in found], atol=1e-9)


def test_two_clear_clusters_are_found_by_their_cosines() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(4, 20, 5)) * 0.1 + np.repeat(np.eye(5)[:2], 10, axis=0)
    points /= np.linalg.norm(points, axis=2, keepdims=True)
    cosine = (points @ points.transpose(0, 2, 1)).astype(np.float32)
    found = kernel_kmeans(cosine, 2, rng)
    assert agreement(np.repeat([0, 1], 10), found, 2)[1] == [1.0] * 4


@pytest.mark.parametrize("apart", [0.5, 2.0])
def test_no_false_alarm_where_both_models_are_as_good(apart: float) -> None:
    alarms: dict[str, int] = {}
    for trial in range(40):
        rng = np.random.default_rng([trial, 5])
        names, pair = two_senses(rng, 15, apart)
        found = word_senses(target(names, np.arange(30) % 5 < 2), pair, trial)
        for name, reading in found.readings.items():
            alarms[name] = alarms.get(name, 0) + (changed(reading) is True)
        alarms["word p"] = alarms.get("word p", 0) + (found.p is not None and found.p <= 0.05)
    assert max(alarms.values()) <= 6, alarms  # 5 % of 40, and the chance that goes with it
    assert sum(alarms.values()) <= 0.05 * 40 * len(alarms)
