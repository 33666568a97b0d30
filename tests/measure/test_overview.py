"""The map of everything: landmarks place the rest truly, and its sampled truth is that of A17."""

import numpy as np
import pytest

from embedlab.errors import MeasureError
from embedlab.measure.neighbours import knn_jaccard, nearest
from embedlab.measure.overview import landmark_layout, sampled_trust, weighted_median
from embedlab.measure.projection import continuity, linked_layout, trustworthiness


def clusters(n=900, d=24, groups=8, seed=0):
    """(before, after, group): groups apart; after, the rows of group 0 lie in group 1."""
    rng = np.random.default_rng(seed)
    centres = 3 * rng.normal(size=(groups, d))
    group = rng.integers(groups, size=n)
    before = centres[group] + rng.normal(size=(n, d))
    after = np.where((group == 0)[:, None], before - centres[0] + centres[1], before)
    return before.astype(np.float32), after.astype(np.float32), group


@pytest.fixture(scope="module")
def placed():
    before, after, group = clusters()
    return before, after, group, landmark_layout(before, after, exact=300, landmarks=200)


class TestLandmarks:
    def test_rows_that_were_placed_are_about_as_true_as_rows_that_were_laid_out(self, placed):
        before, after, _, made = placed
        laid = made.landmarks
        own = trustworthiness(before[laid], made.before[laid])
        assert trustworthiness(before, made.before) > own - 0.05
        assert trustworthiness(after, made.after) > 0.85

    def test_the_group_that_moved_moves_to_the_group_it_joined_and_the_others_stay(self, placed):
        _, _, group, made = placed
        middle = lambda places, which: np.median(places[group == which], axis=0)  # noqa: E731
        apart = np.linalg.norm(middle(made.before, 0) - middle(made.before, 1))
        assert np.linalg.norm(middle(made.after, 0) - middle(made.after, 1)) < 0.5 * apart
        for still in (3, 5, 7):
            assert np.linalg.norm(middle(made.before, still) - middle(made.after, still)) < 0.2 * apart

    def test_landmarks_keep_the_places_umap_gave_them(self, placed):
        before, after, _, made = placed
        by_umap = linked_layout([before[made.landmarks], after[made.landmarks]])
        assert np.array_equal(made.before[made.landmarks], by_umap[0])
        assert np.array_equal(made.after[made.landmarks], by_umap[1])

    def test_change_is_that_of_the_nearest_landmarks(self, placed):
        before, after, _, made = placed
        row = int(np.setdiff1d(np.arange(len(before)), made.landmarks)[0])
        lists = []
        for space in (before, after):
            known = space[made.landmarks].astype(float)
            cosine = known @ space[row] / np.linalg.norm(known, axis=1)
            lists.append(set(np.argsort(-cosine)[:10]))
        shared = len(lists[0] & lists[1])
        assert made.change[row] == pytest.approx(1 - shared / (20 - shared))

    def test_the_same_seed_gives_the_same_map_and_another_seed_other_landmarks(self, placed):
        before, after, _, made = placed
        again = landmark_layout(before, after, exact=300, landmarks=200)
        assert np.array_equal(again.after, made.after)
        other = landmark_layout(before, after, exact=300, landmarks=200, seed=1)
        assert not np.array_equal(other.landmarks, made.landmarks)


@pytest.mark.parametrize("exact", [50, 500])
def test_a_model_against_itself_does_not_move(exact):
    before, _, _ = clusters(200)
    made = landmark_layout(before, before.copy(), exact=exact, landmarks=50)
    assert np.array_equal(made.before, made.after)
    assert not made.change.any()


def test_few_rows_are_all_laid_out_and_their_change_is_that_of_all_rows():
    before, after, _ = clusters(120)
    made = landmark_layout(before, after)
    assert made.landmarks is None
    assert made.change == pytest.approx(1 - knn_jaccard(nearest(before, 10)[0], nearest(after, 10)[0]))


def test_equal_rows_lie_on_one_place():
    before, after, _ = clusters(200)
    sample = landmark_layout(before, after, exact=50, landmarks=60).landmarks
    one, other = np.setdiff1d(np.arange(200), sample)[:2]
    before[one], after[one] = before[other], after[other]
    made = landmark_layout(before, after, exact=50, landmarks=60)
    assert np.array_equal(made.before[one], made.before[other])
    assert np.array_equal(made.after[one], made.after[other])


def test_what_has_no_place_is_refused():
    before, after, _ = clusters(60)
    zero = before.copy()
    zero[7] = 0
    for bad, k in (
        ((zero, after), 10),
        ((before, after), 60),
        ((before[:4], after[:4]), 2),
    ):
        with pytest.raises(MeasureError):
            landmark_layout(*bad, k=k)


class TestWeightedMedian:
    def test_it_is_where_the_sum_of_distances_is_least(self):
        rng = np.random.default_rng(0)
        points, weight = rng.normal(size=(6, 5, 2)), rng.random((6, 5))
        at = weighted_median(points, weight)
        cost = lambda q: (weight * np.linalg.norm(points - q[:, None], axis=2)).sum(axis=1)  # noqa: E731
        for step in 0.05 * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]]):
            assert (cost(at) <= cost(at + step) + 1e-3).all()

    def test_points_on_one_spot_stay_there(self):
        assert weighted_median(np.full((1, 4, 2), 3.5), np.ones((1, 4))).tolist() == [[3.5, 3.5]]


class TestSampledTrust:
    def test_asking_every_row_is_a17(self):
        rng = np.random.default_rng(1)
        X = rng.normal(size=(300, 9))
        E = X[:, :2] + 0.3 * rng.normal(size=(300, 2))
        trust, shown = sampled_trust(X, E, k=7)
        assert trust.value == pytest.approx(trustworthiness(X, E, k=7), abs=1e-12)
        assert shown.value == pytest.approx(continuity(X, E, k=7), abs=1e-12)
        assert trust.interval == (trust.value, trust.value)

    def test_ties_go_by_index_as_there(self):
        X = np.repeat(np.random.default_rng(2).normal(size=(12, 4)), 3, axis=0)
        E = np.repeat(np.random.default_rng(3).integers(3, size=(12, 2)).astype(float), 3, axis=0)
        assert sampled_trust(X, E, k=5)[0].value == pytest.approx(trustworthiness(X, E, k=5), abs=1e-12)

    def test_the_interval_of_a_sample_holds_the_truth_about_as_often_as_it_says(self):
        rng = np.random.default_rng(4)
        X = rng.normal(size=(500, 6))
        E = X[:, :2] + rng.normal(size=(500, 2))
        truth = trustworthiness(X, E)
        held = 0
        for seed in range(40):
            low, high = sampled_trust(X, E, rows=80, everyone=80, seed=seed)[0].interval
            held += low <= truth <= high
        assert held >= 33

    def test_a_random_map_has_about_a_half(self):
        rng = np.random.default_rng(5)
        value = sampled_trust(rng.normal(size=(400, 8)), rng.normal(size=(400, 2)))[0].value
        assert 0.45 < value < 0.56

    def test_k_must_be_below_half_of_the_rows(self):
        with pytest.raises(MeasureError, match="k"):
            sampled_trust(np.eye(10), np.eye(10)[:, :2], k=5)
