"""Exact neighbours, ties and self, and what two lists of neighbours say: A14."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from embedlab.errors import MeasureError
from embedlab.measure.neighbours import (
    knn_jaccard,
    nearest,
    second_order_chance,
    second_order_cosine,
    two_nearest_distances,
)
from tests.measure.clouds import QUICK, clouds, normal, rotation, seeds


def by_numpy(X, k):
    """All pairs in float64, ties by index, self excluded by index: what nearest promises, the slow way."""
    unit = X.astype(np.float64) / np.maximum(np.linalg.norm(X.astype(np.float64), axis=1), 1e-300)[:, None]
    cosine = (unit @ unit.T).round(12)
    np.fill_diagonal(cosine, -np.inf)
    ids = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    return ids, np.take_along_axis(cosine, ids, 1)


class TestNearest:
    def test_by_hand(self):
        X = np.array([[1.0, 0.0], [3.0, 3.0], [0.0, 2.0]])
        ids, similarity = nearest(X, 2)
        assert ids.tolist() == [[1, 2], [0, 2], [1, 0]]
        np.testing.assert_allclose(similarity, [[0.5**0.5, 0], [0.5**0.5] * 2, [0.5**0.5, 0]], atol=1e-7)
        assert (ids.dtype, similarity.dtype) == (np.int32, np.float32)

    @pytest.mark.parametrize(("n", "d", "k"), [(700, 32, 10), (60, 3, 59), (1500, 8, 30)])
    def test_agrees_with_numpy_in_float64(self, n, d, k):
        X = normal(n, n, d, 0.5).astype(np.float32)
        ids, similarity = nearest(X, k)
        expected, cosine = by_numpy(X, k)
        np.testing.assert_array_equal(ids, expected)
        np.testing.assert_allclose(similarity, cosine, atol=1e-6)

    def test_a_collapsed_space_that_float32_cannot_tell_apart(self):
        """All cosines within 1e-9 of 1: float64 still orders them."""
        X = 1000.0 + 1e-2 * normal(0, 300, 8)
        np.testing.assert_array_equal(nearest(X, 5)[0], by_numpy(X, 5)[0])

    @given(seed=seeds, copies=st.integers(2, 40))
    @QUICK
    def test_duplicates_go_by_index_and_self_by_index(self, seed, copies):
        X = np.repeat(normal(seed, 4, 5), copies, axis=0)
        X = np.random.default_rng(seed).permutation(X).astype(np.float32)
        ids, _ = nearest(X, 3)
        np.testing.assert_array_equal(ids, by_numpy(X, 3)[0])
        assert not (ids == np.arange(len(X))[:, None]).any()

    def test_all_rows_the_same(self):
        ids, similarity = nearest(np.ones((100, 4), dtype=np.float32), 3)
        assert ids[0].tolist() == [1, 2, 3]
        assert ids[50].tolist() == [0, 1, 2]
        assert (similarity == 1).all()

    @given(X=clouds())
    @QUICK
    def test_itself_shows_no_change(self, X):
        a, b = nearest(X, 5)[0], nearest(X.copy(), 5)[0]
        assert (knn_jaccard(a, b) == 1).all()
        assert (second_order_cosine(X, X.copy(), 5) == 1).all()

    @given(X=clouds(), seed=seeds)
    @QUICK
    def test_rotation_and_scale_change_nothing(self, X, seed):
        scale = np.random.default_rng(seed).uniform(0.5, 2, size=(len(X), 1))
        np.testing.assert_array_equal(nearest(X, 4)[0], nearest(scale * X @ rotation(seed, X.shape[1]), 4)[0])

    def test_other_queries(self):
        X = normal(1, 50, 4)
        ids, similarity = nearest(X, 1, queries=X[[7, 9]])
        assert ids.ravel().tolist() == [7, 9]
        np.testing.assert_allclose(similarity, 1, atol=1e-6)
        rows = np.array([7, 9])
        np.testing.assert_array_equal(nearest(X, 6, X[rows], exclude=rows)[0], nearest(X, 6)[0][rows])

    def test_a_zero_row_is_near_nothing(self):
        X = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 0.1], [-1.0, 0.0]])
        ids, similarity = nearest(X, 3)
        assert ids[1].tolist() == [0, 2, 3]
        assert (similarity[1] == 0).all()
        assert ids[0].tolist() == [2, 1, 3]

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_values_that_are_not_finite_are_refused(self, bad):
        X = normal(2, 10, 3)
        X[4, 1] = bad
        with pytest.raises(MeasureError, match="Row 5"):
            nearest(X, 2)
        with pytest.raises(MeasureError, match="Row 5"):
            nearest(normal(3, 10, 3), 2, queries=X)

    @pytest.mark.parametrize(("k", "candidates"), [(10, 9), (0, 9), (99, 9)])
    def test_k_beyond_the_candidates(self, k, candidates):
        with pytest.raises(MeasureError, match=f"k is {k}, and there are {candidates} candidate"):
            nearest(normal(4, 10, 3), k)
        assert nearest(normal(4, 10, 3), 9)[0].shape == (10, 9)
        assert nearest(normal(4, 10, 3), 10, queries=normal(5, 2, 3))[0].shape == (2, 10)

    def test_threads_do_not_disturb_each_other(self):
        X = normal(6, 400, 16)
        expected, found = nearest(X, 8)[0], []
        threads = [threading.Thread(target=lambda: found.append(nearest(X, 8)[0])) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        assert all((ids == expected).all() for ids in found)


class TestTwoNearestDistances:
    def test_agrees_with_all_pairs(self):
        X = normal(0, 300, 6, 50.0)
        away = np.linalg.norm(X[:, None] - X, axis=2)
        np.fill_diagonal(away, np.inf)
        np.testing.assert_allclose(two_nearest_distances(X), np.sort(away, axis=1)[:, :2], atol=1e-9)


class TestJaccard:
    def test_by_hand_and_extremes(self):
        A = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
        B = np.array([[3, 2, 1], [1, 2, 3], [7, 0, 1]])
        np.testing.assert_allclose(knn_jaccard(A, B), [1, 0, 1 / 5])

    def test_lists_of_unequal_length(self):
        assert knn_jaccard(np.array([[1, 2]]), np.array([[1, 2, 3, 4]])).tolist() == [0.5]

    @given(seed=seeds)
    @QUICK
    def test_another_route_and_symmetry(self, seed):
        rng = np.random.default_rng(seed)
        A, B = (np.array([rng.choice(15, 6, replace=False) for _ in range(8)]) for _ in range(2))
        expected = [len({*a} & {*b}) / len({*a} | {*b}) for a, b in zip(A.tolist(), B.tolist(), strict=True)]
        np.testing.assert_allclose(knn_jaccard(A, B), expected)
        np.testing.assert_allclose(knn_jaccard(B, A), expected)

    def test_chance(self):
        n, k = 700, 10
        value = knn_jaccard(nearest(normal(0, n, 30), k)[0], nearest(normal(1, n, 30), k)[0]).mean()
        assert value == pytest.approx(k / (2 * n), abs=0.003)


class TestSecondOrder:
    def test_another_route(self):
        X, Y = normal(0, 40, 5), normal(0, 40, 5) + 0.5 * normal(1, 40, 5)
        a, b = by_numpy(X, 4)[0], by_numpy(Y, 4)[0]

        def cosine(u, v):
            return u @ v / np.linalg.norm(u) / np.linalg.norm(v)

        expected = []
        for i in range(40):
            union = sorted({*a[i], *b[i]})
            expected.append(
                cosine([cosine(X[i], X[j]) for j in union] @ np.eye(len(union)), [cosine(Y[i], Y[j]) for j in union])
            )
        np.testing.assert_allclose(second_order_cosine(X, Y, 4), expected, atol=1e-9)

    def test_a_rotation_keeps_it_and_unrelated_spaces_lose_it(self):
        X = normal(2, 300, 20)
        assert second_order_cosine(X, X @ rotation(3, 20)).min() > 1 - 1e-9
        assert abs(second_order_cosine(X, normal(4, 300, 20)).mean()) < 0.2

    def test_neighbours_already_known(self):
        X, Y = normal(5, 120, 6), normal(5, 120, 6) + 0.3 * normal(6, 120, 6)
        found = nearest(X, 7)[0], nearest(Y, 7)[0]
        np.testing.assert_array_equal(second_order_cosine(X, Y, found=found), second_order_cosine(X, Y, 7))
        with pytest.raises((MeasureError, TypeCheckError)):
            second_order_cosine(X, Y, found=(found[0][:-1], found[1]))

    def test_chance_shows_a_common_direction(self):
        """A cone reads near 1 for rows that have nothing to do with each other: the reason to show this beside it."""
        flat, cone = normal(7, 300, 20), normal(7, 300, 20, 3.0)
        assert second_order_chance(flat, flat).mean() < 0.5
        assert second_order_chance(cone, cone).mean() > 0.95
        assert (second_order_chance(flat, flat, seed=1) < 1 - 1e-9).all()  # nobody is asked about itself
        np.testing.assert_array_equal(second_order_chance(flat, cone, seed=2), second_order_chance(flat, cone, seed=2))
