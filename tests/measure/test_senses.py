"""Telling senses apart: A16."""

import numpy as np
import pytest
from hypothesis import given
from sklearn.metrics import accuracy_score, adjusted_rand_score, f1_score, silhouette_samples, v_measure_score
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from embedlab.errors import MeasureError
from embedlab.measure import senses
from tests.measure.clouds import QUICK, normal, rotation, seeds


def two_senses(seed=0, n=60, apart=3.0):
    """Two Gaussian senses, the first twice as common."""
    y = np.array(["bank.money"] * (2 * n // 3) + ["bank.river"] * (n // 3))
    return normal(seed, n, 6) + apart * np.where((y == "bank.money")[:, None], np.eye(6)[0], np.eye(6)[1]), y


class TestPredictions:
    def test_by_hand(self):
        train, y = np.array([[1.0, 0.0], [3.0, 1.0], [0.0, 1.0]]), ["a", "a", "b"]
        test = np.array([[10.0, 1.0], [0.1, 0.2], [1.0, 0.9]])
        assert senses.centroid_predict(train, y, test).tolist() == ["a", "b", "a"]
        assert senses.knn_predict(train, y, test, k=1).tolist() == ["a", "b", "a"]
        assert senses.knn_predict(train, y, test, k=3).tolist() == ["a", "a", "a"]

    def test_a_draw_goes_to_the_first_in_sorted_order(self):
        train, y = np.array([[1.0, 0.0], [0.0, 1.0]]), ["z", "a"]
        assert senses.centroid_predict(train, y, np.array([[1.0, 1.0]])).tolist() == ["a"]
        assert senses.knn_predict(train, y, np.array([[1.0, 0.2]]), k=2).tolist() == ["a"]

    def test_another_route(self):
        X, y = two_senses(apart=1.0)
        train, test = np.arange(0, 60, 2), np.arange(1, 60, 2)
        unit = X / np.linalg.norm(X, axis=1)[:, None]
        knn = KNeighborsClassifier(5, metric="cosine", algorithm="brute").fit(X[train], y[train])
        assert (senses.knn_predict(X[train], y[train], X[test]) == knn.predict(X[test])).all()
        # centroids on the circle of equal length: there, nearest by cosine is nearest by distance
        ours = senses.centroid_predict(unit[train], y[train], unit[test])
        model = NearestCentroid().fit(unit[train], y[train])
        centroids = model.centroids_ / np.linalg.norm(model.centroids_, axis=1)[:, None]
        assert (ours == model.classes_[(unit[test] @ centroids.T).argmax(1)]).all()

    def test_raw_means_not_unit_means(self):
        """A long vector weighs more: the paper averages raw vectors."""
        train, y = np.array([[100.0, 0.0], [0.0, 1.0], [1.0, 1.2]]), ["a", "a", "b"]
        assert senses.centroid_predict(train, y, np.array([[1.0, 0.05]])).tolist() == ["a"]

    @given(seed=seeds)
    @QUICK
    def test_rotation_and_row_order_change_nothing(self, seed):
        X, y = two_senses(seed, 30, apart=1.0)
        test = normal(seed + 1, 10, 6)
        R, order = rotation(seed, 6), np.random.default_rng(seed).permutation(30)
        for predict in (senses.centroid_predict, senses.knn_predict):
            np.testing.assert_array_equal(predict(X @ R, y, test @ R), predict(X, y, test))
            np.testing.assert_array_equal(predict(X[order], y[order], test), predict(X, y, test))

    def test_refusals(self):
        X, y = two_senses()
        with pytest.raises(MeasureError, match="each row needs one"):
            senses.centroid_predict(X, y[:-1], X)
        with pytest.raises(MeasureError, match="k is 61"):
            senses.knn_predict(X, y, X, k=61)


class TestScores:
    def test_the_majority_rule_has_high_accuracy_and_low_f1(self):
        y, guess = ["a"] * 99 + ["b"], ["a"] * 100
        assert senses.accuracy(y, guess) == 0.99
        assert senses.macro_f1(y, guess) == pytest.approx(0.4975, abs=1e-4)

    def test_extremes(self):
        assert senses.macro_f1(["a", "b"], ["a", "b"]) == 1
        assert senses.macro_f1(["a", "b"], ["b", "a"]) == 0
        assert senses.macro_f1(["a", "a"], ["a", "a"], senses=["a", "b"]) == 0.5  # a sense never met scores 0
        for score in (senses.accuracy, senses.macro_f1):
            with pytest.raises(MeasureError, match="no labelled"):
                score([], [])

    @given(seed=seeds)
    @QUICK
    def test_another_route(self, seed):
        y, guess = np.random.default_rng(seed).integers(0, 4, size=(2, 30))
        assert senses.accuracy(y, guess) == pytest.approx(accuracy_score(y, guess))
        assert senses.macro_f1(y, guess, range(4)) == pytest.approx(
            f1_score(y, guess, labels=range(4), average="macro", zero_division=0)
        )


class TestSilhouette:
    def test_by_hand(self):
        # cosine distances: within a 1, to b (1 + 0)/2 from the first, (0 + 1)/2 from the second ...
        X, y = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]), ["a", "a", "b", "b"]
        assert senses.silhouette_cosine_per_class(X, y) == {"a": -0.5, "b": -0.5}

    @given(seed=seeds)
    @QUICK
    def test_another_route_and_rotation(self, seed):
        X, y = two_senses(seed, 24, apart=1.0)
        reference = silhouette_samples(X, y, metric="cosine")
        ours = senses.silhouette_cosine_per_class(X, y)
        for sense, value in ours.items():
            assert value == pytest.approx(reference[y == sense].mean(), abs=1e-9)
        rotated = senses.silhouette_cosine_macro(X @ rotation(seed, 6), y)
        assert rotated == pytest.approx(np.mean(list(ours.values())), abs=1e-9)
        assert -1 <= rotated <= 1

    def test_a_rare_sense_counts_as_much(self):
        X, y = two_senses(apart=4.0)
        scores = senses.silhouette_cosine_per_class(X, y)
        assert senses.silhouette_cosine_macro(X, y) == pytest.approx(np.mean(list(scores.values())))

    def test_a_single_use_scores_zero_and_one_sense_is_refused(self):
        X = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
        assert senses.silhouette_cosine_per_class(X, [0, 0, 1])[1] == 0
        assert senses.silhouette_cosine_per_class(np.ones((4, 2)), [0, 0, 1, 1]) == {0: 0.0, 1: 0.0}
        with pytest.raises(MeasureError, match="same sense"):
            senses.silhouette_cosine_macro(X, [0, 0, 0])


class TestClustering:
    def test_extremes(self):
        X, y = two_senses(apart=30.0)
        assert senses.clustering_scores(X, y) == pytest.approx((1, 1, 1, 1))
        noise = senses.clustering_scores(normal(3, 60, 6), y)
        assert abs(noise.ari) < 0.2
        assert noise.ari_min <= noise.ari
        assert noise.v_min <= noise.v

    def test_a_rare_sense_is_not_hidden(self):
        X, y = two_senses(1, 300, apart=4.0)
        rare = np.concatenate([np.flatnonzero(y == "bank.money"), np.flatnonzero(y == "bank.river")[:12]])
        assert senses.clustering_scores(X[rare], y[rare]).ari > 0.8

    @given(seed=seeds)
    @QUICK
    def test_agreement_by_another_route(self, seed):
        rng = np.random.default_rng(seed)
        one, two = rng.integers(0, rng.integers(1, 5), 12), rng.integers(0, rng.integers(1, 5), 12)
        wanted = v_measure_score(one, two), adjusted_rand_score(one, two)
        assert senses._agreement(one, two) == pytest.approx(wanted, abs=1e-12)

    def test_seeded(self):
        X, y = two_senses(2, apart=1.0)
        assert senses.clustering_scores(X, y) == senses.clustering_scores(X, y)

    def test_refusals(self):
        X, y = two_senses()
        with pytest.raises(MeasureError, match="single use"):
            senses.clustering_scores(X[:41], y[:41])
        with pytest.raises(MeasureError, match="fewer different vectors"):
            senses.clustering_scores(np.ones((60, 3)), y)
        with pytest.raises(MeasureError, match="at least one seed"):
            senses.clustering_scores(X, y, seeds=0)
