"""The linked map and how true a map is: pictures that may be trusted as far as these tests go."""

import threading

import numpy as np
import pytest
from hypothesis import given
from scipy.stats import spearmanr
from sklearn.manifold import trustworthiness as by_sklearn

from embedlab.errors import MeasureError
from embedlab.measure.neighbours import knn_jaccard, nearest
from embedlab.measure.projection import (
    continuity,
    linked_layout,
    moves,
    placebo_layout,
    trustworthiness,
    trustworthiness_over_seeds,
)
from tests.measure.clouds import QUICK, clouds, normal, rotation, seeds


def changed_space(n=300, d=48, share=0.3, seed=0):
    """Six clusters; a share of the rows goes some way to another cluster. Returns (before, after, which moved)."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(6, d))
    before = centres[rng.integers(6, size=n)] + 0.5 * rng.normal(size=(n, d))
    goal = centres[rng.integers(6, size=n)] + 0.5 * rng.normal(size=(n, d))
    moved, way = rng.random(n) < share, rng.random((n, 1))
    after = np.where(moved[:, None], (1 - way) * before + way * goal, before)
    return before.astype(np.float32), after.astype(np.float32), moved


@pytest.fixture(scope="module")
def linked():
    before, after, moved = changed_space()
    return before, after, moved, linked_layout([before, after])


class TestLinkedLayout:
    def test_a_point_moves_as_its_neighbours_change(self, linked):
        before, after, moved, (a, b) = linked
        change = 1 - knn_jaccard(nearest(before, 10)[0], nearest(after, 10)[0])
        distance = moves(a, b)
        assert spearmanr(distance, change).statistic > 0.2
        assert distance[~moved].mean() < 0.1
        assert distance[moved].mean() > 5 * distance[~moved].mean()

    def test_it_shows_both_spaces_truly(self, linked):
        before, after, _, (a, b) = linked
        assert trustworthiness(before, a) > 0.9
        assert trustworthiness(after, b) > 0.9

    def test_the_same_seed_gives_the_same_map(self, linked):
        before, after, _, (a, b) = linked
        again = linked_layout([before, after])
        assert (again[0] == a).all()
        assert (again[1] == b).all()
        assert not (linked_layout([before, after], seed=1)[0] == a).all()

    def test_identical_states_share_their_coordinates(self):
        before, after, _ = changed_space(60)
        a, same, b, b_again = linked_layout([before, before.copy(), after, after.copy()])
        assert (a == same).all()
        assert (b == b_again).all()
        assert not (a == b).all()
        assert not np.shares_memory(a, same)

    def test_the_placebo_is_small_beside_a_real_move(self, linked):
        before, _, moved, (a, b) = linked
        placebo = moves(*placebo_layout(before)).mean()
        assert 0 < placebo < 0.03
        assert placebo < moves(a, b)[moved].mean() / 5

    def test_states_of_different_width(self):
        before, after, _ = changed_space(40)
        a, b = linked_layout([before, np.pad(after, ((0, 0), (0, 16)))])
        assert a.shape == b.shape == (40, 2)
        assert a.dtype == np.float32

    @pytest.mark.parametrize("n", [5, 6, 9, 10, 16])
    def test_few_rows(self, n):
        X, Y = normal(n, n, 4), normal(n + 1, n, 4)
        for points in linked_layout([X, Y]) + linked_layout([X]):
            assert points.shape == (n, 2)
            assert np.isfinite(points).all()

    @pytest.mark.parametrize(
        "X", [np.ones((30, 4)), np.eye(30), np.repeat(np.eye(4), 8, axis=0), np.zeros((12, 3)), np.ones((5, 2))]
    )
    def test_odd_spaces_give_a_map_or_a_reason(self, X):
        try:
            points = linked_layout([X, X + 1e-3 * normal(0, *X.shape)])
        except MeasureError:
            return
        assert all(np.isfinite(p).all() for p in points)

    def test_a_graph_in_pieces_is_seeded_too(self):
        """Far clusters make a graph of many components, which umap places by chance unless it is given the data."""
        X = np.repeat(np.eye(8), 20, axis=0) + 1e-3 * normal(0, 160, 8)
        Y = X + 1e-3 * normal(1, 160, 8)
        assert (linked_layout([X, Y])[0] == linked_layout([X, Y])[0]).all()

    def test_refusals(self):
        with pytest.raises(MeasureError, match="at least 5 rows"):
            linked_layout([normal(0, 4, 3)])
        with pytest.raises(MeasureError, match="at least one state"):
            linked_layout([])
        with pytest.raises(MeasureError, match="20 rows and the other 21"):
            linked_layout([normal(0, 20, 3), normal(0, 21, 3)])
        with pytest.raises(MeasureError, match="not a finite number"):
            linked_layout([np.full((8, 2), np.nan)])

    def test_threads_wait_for_each_other(self):
        X, Y = normal(0, 30, 4), normal(1, 30, 4)
        expected, found = linked_layout([X, Y])[1], []
        threads = [threading.Thread(target=lambda: found.append(linked_layout([X, Y])[1])) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 3
        assert all((points == expected).all() for points in found)


class TestMoves:
    def test_extremes(self):
        a = normal(0, 50, 2)
        assert not moves(a, a).any()
        assert moves(np.zeros((3, 2)), np.zeros((3, 2))).tolist() == [0, 0, 0]

    @given(seed=seeds)
    @QUICK
    def test_the_frame_does_not_matter(self, seed):
        a, b = normal(seed, 20, 2), normal(seed + 1, 20, 2)
        np.testing.assert_allclose(moves(7 * a @ rotation(seed, 2) + 3, 7 * b @ rotation(seed, 2) + 3), moves(a, b))
        pooled = np.vstack([a, b])
        apart = np.sqrt(((pooled[:, None] - pooled) ** 2).sum(-1).mean())
        np.testing.assert_allclose(moves(a, b), np.linalg.norm(a - b, axis=1) / apart)


class TestTrust:
    def test_by_hand(self):
        # on a line 0 1 3 7; the map swaps the ends of it: 0's map neighbour 7 has rank 3, k = 1
        X = np.array([[0.0], [1.0], [3.0], [7.0], [15.0]])
        E = np.array([[0.0, 0], [5.0, 0], [3.0, 0], [1.0, 0], [15.0, 0]])
        # map neighbours 0->3, 1->2, 2->1 (tie with 3 by index), 3->0, 4->1; ranks in X 3, 2, 1, 3, 3
        assert trustworthiness(X, E, 1, "euclidean") == pytest.approx(1 - 2 / (5 * 6) * (2 + 1 + 0 + 2 + 2))

    @given(X=clouds(), seed=seeds)
    @QUICK
    def test_another_route_bounds_and_row_order(self, X, seed):
        E = normal(seed, len(X), 2)
        order = np.random.default_rng(seed).permutation(len(X))
        for metric in ("euclidean", "cosine"):
            value = trustworthiness(X, E, 4, metric)
            assert value == pytest.approx(by_sklearn(X, E, n_neighbors=4, metric=metric), abs=1e-9)
            assert trustworthiness(X[order], E[order], 4, metric) == pytest.approx(value, abs=1e-9)
            assert 0 <= value <= 1
        assert continuity(X, E, 4, "euclidean") == pytest.approx(by_sklearn(E, X, n_neighbors=4), abs=1e-9)

    def test_extremes(self):
        E = normal(0, 60, 2)
        assert trustworthiness(E, E, 5, "euclidean") == 1
        assert continuity(E, E, 5, "euclidean") == 1
        assert trustworthiness(normal(1, 500, 8), normal(2, 500, 2)) == pytest.approx(0.5, abs=0.03)

    def test_zero_rows_have_a_place(self):
        X = normal(3, 30, 4)
        X[:2] = 0
        assert 0 <= trustworthiness(X, normal(4, 30, 2), 4) <= 1

    def test_k_below_half(self):
        with pytest.raises(MeasureError, match="below half of the 10 rows"):
            trustworthiness(normal(0, 10, 3), normal(1, 10, 2), 5)


class TestOverSeeds:
    def test_least_and_most(self):
        X, Y = normal(0, 40, 5), normal(1, 40, 5)
        layouts = [[normal(10 + seed, 40, 2), X[:, :2] if seed == 3 else normal(20 + seed, 40, 2)] for seed in range(5)]
        over = trustworthiness_over_seeds([X, Y], layouts, k=4)
        scores = [trustworthiness(x, e, 4) for maps in layouts for x, e in zip([X, Y], maps, strict=True)]
        near = [continuity(x, e, 4) for maps in layouts for x, e in zip([X, Y], maps, strict=True)]
        assert over == ((min(scores), max(scores)), (min(near), max(near)), 5)
        assert over.trustworthiness[0] < over.trustworthiness[1]

    def test_one_seed_says_nothing_of_the_others(self):
        X = normal(2, 20, 3)
        with pytest.raises(MeasureError, match="needs 5 layouts, not 4"):
            trustworthiness_over_seeds([X], [[X[:, :2]]] * 4, k=3)
