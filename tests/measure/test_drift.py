"""Two spaces over the same rows: A11-A13, A15."""

import numpy as np
import pytest
from hypothesis import given
from jaxtyping import TypeCheckError
from scipy.linalg import orthogonal_procrustes
from scipy.spatial import procrustes
from scipy.spatial.distance import cdist, pdist
from scipy.stats import spearmanr

from embedlab.errors import MeasureError
from embedlab.measure import drift
from embedlab.measure.rows import checked_pair
from tests.measure.clouds import QUICK, clouds, normal, rotation, seeds

ONES = [drift.cka_linear, drift.cka_debiased, drift.rsa_spearman_cosine]
ALL = [*ONES, drift.procrustes_distance]


@given(X=clouds())
@QUICK
def test_itself_is_exactly_itself(X):
    assert [measure(X, X.copy()) for measure in ONES] == [1.0, 1.0, 1.0]
    assert drift.procrustes_distance(X, X.copy()) == 0.0
    assert not drift.drift_cosine(X, X.copy()).any()
    assert not drift.drift_cosine_aligned(X, X.copy()).any()


@given(X=clouds(), seed=seeds)
@QUICK
def test_a_rotation_and_the_order_of_rows_change_nothing(X, seed):
    n, d = X.shape
    Y = X @ rotation(seed, d)
    assert [measure(X, Y) for measure in ONES] == pytest.approx([1, 1, 1], abs=1e-6)
    assert drift.procrustes_distance(X, Y) < 1e-5
    assert drift.drift_cosine_aligned(X, Y).max() < 1e-6
    Z, order = X + normal(seed, n, d), np.random.default_rng(seed).permutation(n)
    for measure in ALL:
        near = 1e-5 if measure is drift.procrustes_distance else 1e-9  # the root of a difference of large numbers
        assert measure(X[order], Z[order]) == pytest.approx(measure(X, Z), abs=near)
        assert measure(Z, X) == pytest.approx(measure(X, Z), abs=near)


@given(X=clouds(), seed=seeds)
@QUICK
def test_bounds(X, seed):
    Y = normal(seed, len(X), 3)
    assert 0 <= drift.cka_linear(X, Y) <= 1
    assert drift.cka_debiased(X, Y) <= 1
    assert 0 <= drift.procrustes_distance(X, Y) <= np.sqrt(2)
    assert -1 <= drift.rsa_spearman_cosine(X, Y) <= 1
    aligned = drift.drift_cosine_aligned(X, Y)
    assert ((aligned >= 0) & (aligned <= 2)).all()


class TestCKA:
    def test_by_hand(self):
        # one dimension: squared correlation; x centred (-1, 0, 1), y centred (-1, 1, 0)
        X, Y = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [2.0], [1.0]])
        assert drift.cka_linear(X, Y) == pytest.approx(0.25)

    def test_orthogonal_columns_share_nothing(self):
        X, Y = np.array([[1.0], [1.0], [-1.0], [-1.0]]), np.array([[1.0], [-1.0], [1.0], [-1.0]])
        assert drift.cka_linear(X, Y) == 0

    @pytest.mark.parametrize("d", [4, 40])
    def test_another_route(self, d):
        """The U-centred Gram matrices of Szekely and Rizzo, in full."""
        X, Y = normal(0, 20, d, 3.0), normal(1, 20, 6)
        n = 20

        def u_centred(Z):
            K = Z @ Z.T
            np.fill_diagonal(K, 0)
            U = K - K.sum(0) / (n - 2) - K.sum(1)[:, None] / (n - 2) + K.sum() / ((n - 1) * (n - 2))
            np.fill_diagonal(U, 0)
            return U

        A, B = u_centred(X), u_centred(Y)
        expected = (A * B).sum() / np.sqrt((A * A).sum() * (B * B).sum())
        assert drift.cka_debiased(X, Y) == pytest.approx(expected, abs=1e-10)

    def test_scale_and_shift_change_nothing(self):
        X, Y = normal(2, 50, 5), normal(3, 50, 7)
        for measure in (drift.cka_linear, drift.cka_debiased, drift.procrustes_distance):
            assert measure(3 * X + 8, Y) == pytest.approx(measure(X, Y), abs=1e-9)

    def test_only_the_debiased_sees_that_spaces_are_unrelated(self):
        X, Y = normal(4, 384, 384), normal(5, 384, 384)
        assert drift.cka_linear(X, Y) == pytest.approx(0.50, abs=0.02)
        assert abs(drift.cka_debiased(X, Y)) < 0.01

    def test_no_structure(self):
        with pytest.raises(MeasureError, match="all rows alike"):
            drift.cka_linear(np.ones((6, 2)), normal(0, 6, 2))


class TestProcrustes:
    def test_another_route(self):
        X, Y = normal(0, 40, 4, 2.0), normal(1, 40, 4)
        disparity = procrustes(X, Y)[2]
        assert drift.procrustes_distance(X, Y) == pytest.approx(np.sqrt(2 - 2 * np.sqrt(1 - disparity)), abs=1e-10)

    def test_unequal_widths_are_padded(self):
        X, Y = normal(2, 40, 3), normal(3, 40, 6)
        padded = np.pad(X, ((0, 0), (0, 3)))
        assert drift.procrustes_distance(X, Y) == pytest.approx(drift.procrustes_distance(padded, Y), abs=1e-10)

    def test_orthogonal_columns_are_furthest(self):
        X, Y = np.array([[1.0], [1.0], [-1.0], [-1.0]]), np.array([[1.0], [-1.0], [1.0], [-1.0]])
        assert drift.procrustes_distance(X, Y) == pytest.approx(np.sqrt(2))


class TestRSA:
    def test_by_hand(self):
        # cosines of the pairs 01, 02, 12 in order: X 0, .71, .71; Y .71, 0, .71 -> ranks (1, 2.5, 2.5), (2.5, 1, 2.5)
        X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        assert drift.rsa_spearman_cosine(X, X[[0, 2, 1]]) == pytest.approx(-0.5)

    def test_another_route(self):
        X, Y = normal(0, 30, 4), normal(0, 30, 4) + normal(1, 30, 4)
        expected = spearmanr(pdist(X, "cosine"), pdist(Y, "cosine")).statistic
        assert drift.rsa_spearman_cosine(X, Y) == pytest.approx(expected, abs=1e-12)

    def test_mantel(self):
        X = normal(2, 25, 4)
        related, unrelated = drift.rsa_mantel(X, X + 0.1 * normal(3, 25, 4)), drift.rsa_mantel(X, normal(4, 25, 4))
        assert related.p == 0.001
        assert unrelated.p > 0.01
        assert related.rho == drift.rsa_spearman_cosine(X, X + 0.1 * normal(3, 25, 4))

    def test_undefined(self):
        with pytest.raises(MeasureError, match="equally far"):
            drift.rsa_spearman_cosine(np.eye(5), normal(0, 5, 3))
        with pytest.raises(MeasureError, match="give a sample"):
            drift.rsa_spearman_cosine(np.ones((20_001, 1)), np.ones((20_001, 1)))
        with pytest.raises(MeasureError, match="takes at most 5000 rows"):
            drift.rsa_mantel(np.ones((5_001, 1)), np.ones((5_001, 1)))


class TestDrift:
    def test_by_hand(self):
        X, Y = np.array([[1.0, 0.0], [2.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 1.0], [5.0, 0.0], [-1.0, 0.0]])
        np.testing.assert_allclose(drift.drift_cosine(X, Y), [1 - np.sqrt(0.5), 0, 2], atol=1e-12)

    def test_another_route(self):
        X, Y = normal(0, 40, 5), normal(1, 40, 5)
        np.testing.assert_allclose(drift.drift_cosine(X, Y), np.diag(cdist(X, Y, "cosine")), atol=1e-12)

    def test_zero_rows(self):
        X, Y = np.array([[0.0, 0.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 0.0]])
        assert drift.drift_cosine(X, Y).tolist() == [0, 1]

    def test_unrelated_spaces_do_not_look_alike(self):
        """Fitted and scored on the same rows they would seem .87 similar (A15)."""
        X, Y = normal(2, 200, 384), normal(3, 200, 384)
        assert drift.drift_cosine_aligned(X, Y).mean() == pytest.approx(1, abs=0.05)
        R, _ = orthogonal_procrustes(X, Y)
        assert 1 - drift.drift_cosine(X @ R, Y).mean() > 0.8

    def test_fewer_rows_than_dimensions_stay_where_they_are(self):
        """A small change reads as small even where the fit leaves most of the rotation open."""
        X = normal(4, 40, 100)
        Y = X + 0.01 * normal(5, 40, 100)
        assert drift.drift_cosine_aligned(X, Y).max() < 0.01

    def test_unequal_widths(self):
        X = normal(6, 60, 4)
        assert drift.drift_cosine_aligned(X, np.pad(X, ((0, 0), (0, 3)))).max() < 1e-9

    def test_blocks_and_folds_are_a_fit_on_the_other_rows(self):
        """The same folds, with every fit written out by scipy."""
        X, Y = normal(7, 9000, 4, 20.0), normal(7, 9000, 4) + 0.5 * normal(8, 9000, 4)
        fold, expected = np.random.default_rng(3).permutation(9000) % 5, np.empty(9000)
        for part in range(5):
            fit, score = fold != part, fold == part
            x, y = X - X[fit].mean(0), Y - Y[fit].mean(0)
            R, _ = orthogonal_procrustes(x[fit], y[fit])
            expected[score] = [cdist([a @ R], [b], "cosine")[0, 0] for a, b in zip(x[score], y[score], strict=True)]
        np.testing.assert_allclose(drift.drift_cosine_aligned(X, Y, seed=3), expected, atol=1e-9)

    def test_anchors(self):
        X = normal(9, 200, 4)
        Y = X @ rotation(10, 4) + 3
        Y[150:] += 5 * normal(11, 50, 4)
        anchors = np.arange(200) < 100
        found = drift.drift_cosine_aligned(X, Y, anchors=anchors)
        assert found[:150].max() < 1e-9
        assert found[150:].mean() > 0.2
        with pytest.raises(MeasureError, match="15 anchors cannot fix a rotation of 4 dimensions"):
            drift.drift_cosine_aligned(X, Y, anchors=np.arange(200) < 15)

    def test_refusals(self):
        with pytest.raises(MeasureError, match="at least 10 rows"):
            drift.drift_cosine_aligned(normal(0, 9, 2), normal(1, 9, 2))
        with pytest.raises(MeasureError, match="two folds"):
            drift.drift_cosine_aligned(normal(0, 9, 2), normal(1, 9, 2), folds=1)


def test_rows_that_do_not_belong_together_are_refused():
    with pytest.raises(MeasureError, match="4 rows and the other 5"):
        checked_pair(normal(0, 4, 2), normal(1, 5, 2))
    with pytest.raises(MeasureError, match="2 and 3 dimensions"):
        checked_pair(normal(0, 4, 2), normal(1, 4, 3), same_width=True)
    for measure in [*ALL, drift.drift_cosine, drift.drift_cosine_aligned]:
        with pytest.raises((MeasureError, TypeCheckError)):
            measure(normal(0, 14, 2), normal(1, 15, 2))
