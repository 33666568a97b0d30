"""The shape of one cloud: by hand, at the extremes, by another route, and what must hold of any cloud."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import hyp0f1
from scipy.stats import entropy, skew
from sklearn.metrics.pairwise import cosine_similarity

from embedlab.errors import MeasureError
from embedlab.measure import geometry, kernels
from embedlab.measure.rows import first_appearances
from tests.measure.clouds import QUICK, clouds, normal, rotation, seeds

INVARIANT = {  # to rotation and to the order of the rows; the tolerance of the invariance
    "mean_cosine": geometry.mean_cosine,
    "mean_cosine_centred": geometry.mean_cosine_centred,
    "participation_ratio": geometry.participation_ratio,
    "isoscore": geometry.isoscore,
    "isoscore_star": lambda X: geometry.isoscore_star(X, 0.3),
    "effective_rank": geometry.effective_rank,
    "partition": geometry.partition_isotropy_log10,
    "two_nn": geometry.two_nn,
    "two_nn_mle": geometry.two_nn_mle,
    "uniformity": geometry.uniformity,
    "hubness": lambda X: geometry.hubness(X, 3).skew,
}


@pytest.mark.parametrize("name", INVARIANT)
@given(X=clouds(), seed=seeds)
@QUICK
def test_rotation_and_row_order_change_nothing(name, X, seed):
    measure = INVARIANT[name]
    value = measure(X)
    assert measure(X @ rotation(seed, X.shape[1])) == pytest.approx(value, rel=1e-6, abs=1e-8)
    assert measure(np.random.default_rng(seed).permutation(X)) == pytest.approx(value, rel=1e-6, abs=1e-8)


@given(X=clouds())
@QUICK
def test_bounds(X):
    n, d = X.shape
    assert -1 / (n - 1) - 1e-12 <= geometry.mean_cosine(X) <= 1 + 1e-12
    assert 1 / d - 1e-12 <= geometry.top_dimension_share(X) <= 1
    assert 1 <= geometry.participation_ratio(X) <= min(n - 1, d) + 1e-9
    assert 1 <= geometry.effective_rank(X) <= min(n - 1, d) + 1e-9
    assert geometry.participation_ratio(X) <= geometry.effective_rank(X) + 1e-9  # squares weigh the strong more
    assert 0 <= geometry.isoscore(X) <= 1
    assert geometry.partition_isotropy_log10(X) <= 0
    assert geometry.two_nn(X) > 0
    assert -8 <= geometry.uniformity(X) <= 0
    hubs = geometry.hubness(X, 3)
    assert 0 <= hubs.antihub_share < 1
    assert 3 <= hubs.max_k_occurrence <= n - 1


class TestMeanCosine:
    def test_by_hand(self):
        # cosines of the three pairs: 0, 1/sqrt 2, 1/sqrt 2
        X = np.array([[2.0, 0.0], [0.0, 3.0], [1.0, 1.0]])
        assert geometry.mean_cosine(X) == pytest.approx(np.sqrt(2) / 3)

    def test_extremes(self):
        assert geometry.mean_cosine(np.ones((5, 3))) == pytest.approx(1)
        assert geometry.mean_cosine(np.array([[1.0, 2.0], [-1.0, -2.0]])) == pytest.approx(-1)
        assert geometry.mean_cosine(np.eye(4)) == 0

    def test_another_route(self):
        X = normal(0, 50, 8, 0.5)
        pairs = cosine_similarity(X)[~np.eye(50, dtype=bool)]
        assert geometry.mean_cosine(X) == pytest.approx(pairs.mean(), abs=1e-12)
        centred = cosine_similarity(X - X.mean(0))[~np.eye(50, dtype=bool)]
        assert geometry.mean_cosine_centred(X) == pytest.approx(centred.mean(), abs=1e-12)

    def test_zero_rows_are_left_out(self):
        X = normal(1, 20, 4, 1.0)
        with_zeros = np.vstack([X, np.zeros((3, 4))])
        assert geometry.mean_cosine(with_zeros) == pytest.approx(geometry.mean_cosine(X), abs=1e-12)

    def test_float32_and_blocks_agree_with_float64(self):
        X = normal(2, 9000, 16, 0.3).astype(np.float32)  # more rows than a block
        assert geometry.mean_cosine(X) == pytest.approx(geometry.mean_cosine(X.astype(np.float64)), abs=1e-12)

    @pytest.mark.parametrize("n", [1, 2, 7, 600])
    def test_the_compiled_loop_is_the_same_number(self, n, monkeypatch):
        X = normal(n, n, 9, 0.4).astype(np.float32)
        X[n // 2] = 0 if n > 2 else X[n // 2]
        measures = [geometry.top_dimension_share]
        if n > 1:
            measures += [geometry.mean_cosine, geometry.mean_cosine_centred]
        plain = [measure(X) for measure in measures]
        monkeypatch.setattr(kernels, "WORTHWHILE", 0)
        assert [measure(X) for measure in measures] == pytest.approx(plain, abs=1e-12)
        X.flags.writeable = False  # as a memory-mapped file is
        assert [measure(X[:, ::2]) for measure in measures] == pytest.approx(
            [measure(X[:, ::2].astype(np.float64)) for measure in measures], abs=1e-12
        )

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_the_compiled_loop_refuses_what_is_not_finite(self, bad, monkeypatch):
        monkeypatch.setattr(kernels, "WORTHWHILE", 0)
        X = normal(0, 30, 4).astype(np.float32)
        for row in (0, 6, 29):
            Y = X.copy()
            Y[row, 2] = bad
            for measure in (geometry.mean_cosine, geometry.mean_cosine_centred, geometry.top_dimension_share):
                with pytest.raises(MeasureError, match=f"Row {row + 1} holds"):
                    measure(Y)

    def test_lengths_beyond_the_range_of_float64(self):
        X = normal(4, 20, 5, 0.5)
        scale = np.array([1e-300, 1.0, 1e300, 1e-170])[np.arange(20) % 4][:, None]
        assert geometry.mean_cosine(scale * X) == pytest.approx(geometry.mean_cosine(X), abs=1e-12)

    def test_a_large_offset_costs_no_digits(self):
        X = normal(3, 500, 8).astype(np.float32) + np.float32(1000)
        exact = X.astype(np.float64)
        pairs = cosine_similarity(exact - exact.mean(0))[~np.eye(500, dtype=bool)]
        assert geometry.mean_cosine_centred(X) == pytest.approx(pairs.mean(), abs=1e-10)


class TestTopDimensionShare:
    def test_by_hand(self):
        assert geometry.top_dimension_share(np.array([[1.0, 0.0], [0.0, 1.0]])) == pytest.approx(0.5)

    def test_extremes(self):
        assert geometry.top_dimension_share(np.array([[5.0, 0.0, 0.0]] * 3)) == 1
        with pytest.raises(MeasureError, match="mean direction"):
            geometry.top_dimension_share(np.array([[1.0, 0.0], [-2.0, 0.0]]))

    def test_a_rogue_dimension_shows(self):
        X = normal(0, 200, 10)
        X[:, 7] += 30
        assert geometry.top_dimension_share(X) > 0.99


class TestSpectrum:
    def test_by_hand(self):
        # variances 4:1 -> PR = 25/17, IsoScore = PR - 1, singular values 2:1
        X = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        assert geometry.participation_ratio(X) == pytest.approx(25 / 17)
        assert geometry.isoscore(X) == pytest.approx(25 / 17 - 1)
        assert geometry.effective_rank(X) == pytest.approx(np.exp(entropy([2, 1])))

    def test_extremes(self):
        line = np.outer(np.arange(6.0), [1.0, 2.0, 3.0])
        assert geometry.participation_ratio(line) == pytest.approx(1)
        assert geometry.isoscore(line) == pytest.approx(0, abs=1e-12)
        assert geometry.effective_rank(line) == pytest.approx(1, abs=1e-9)
        cross = np.vstack([np.eye(5), -np.eye(5)])
        assert geometry.isoscore(cross) == pytest.approx(1)
        assert geometry.effective_rank(cross) == pytest.approx(5)

    @pytest.mark.parametrize(("n", "d"), [(200, 12), (8, 12), (12, 12), (13, 12)])
    def test_another_route(self, n, d):
        X = normal(n, n, d, 2.0) * np.linspace(1, 3, d)
        s = np.linalg.svd(X - X.mean(0), compute_uv=False)
        s = s[s > 1e-12 * s[0]]
        variance = s**2
        assert geometry.participation_ratio(X) == pytest.approx(variance.sum() ** 2 / (variance**2).sum(), rel=1e-10)
        assert geometry.effective_rank(X) == pytest.approx(np.exp(entropy(s)), rel=1e-10)

    def test_empty_directions_do_not_count(self):
        """A covariance would give them the square root of its rounding: 1e-8 of the strongest, each."""
        X = np.hstack([normal(0, 3000, 4) * 1e3, np.zeros((3000, 60))]) @ rotation(1, 64)
        s = np.linalg.svd(X - X.mean(0), compute_uv=False)
        assert geometry.effective_rank(X) == pytest.approx(np.exp(entropy(s[:4])), abs=1e-9)

    def test_blocks_are_the_whole(self):
        X = normal(4, 9000, 6, 5.0)
        np.testing.assert_allclose(geometry.covariance(X), np.cov(X.T), atol=1e-12)

    def test_isotropy_of_a_sample_is_n_over_n_plus_d(self):
        for n in (50, 200, 1000):
            assert geometry.isoscore(normal(n, n, 100)) == pytest.approx(geometry.isotropic_isoscore(n, 100), abs=0.03)

    def test_blind_to_the_mean(self):
        X = normal(5, 300, 8)
        assert geometry.isoscore(X + 100) == pytest.approx(geometry.isoscore(X), abs=1e-9)
        assert geometry.mean_cosine(X + 100) > 0.99

    def test_isoscore_star_shrinks_towards_its_target(self):
        X = normal(6, 40, 8) * np.linspace(1, 9, 8)
        assert geometry.isoscore_star(X, 0.0) == geometry.isoscore(X)
        assert geometry.isoscore_star(X, 1.0) == 1
        larger = np.cov(normal(7, 500, 8).T)
        assert geometry.isoscore(X) < geometry.isoscore_star(X, 0.9, larger) < 1
        with pytest.raises(MeasureError, match="between 0 and 1"):
            geometry.isoscore_star(X, 1.5)
        for wrong in (np.eye(7), np.triu(np.ones((8, 8))), np.full((8, 8), np.nan)):
            with pytest.raises(MeasureError, match="no covariance"):
                geometry.isoscore_star(X, 0.5, wrong)


class TestPartition:
    def test_another_route(self):
        X = normal(0, 60, 4, 0.2)
        X = X / np.linalg.norm(X, axis=1).mean()
        C = np.linalg.eigh(X.T @ X)[1]
        z = np.exp(X @ np.hstack([C, -C])).sum(0)
        assert geometry.partition_isotropy_log10(X) == pytest.approx(np.log10(z.min() / z.max()), abs=1e-12)

    def test_scale_matters_only_when_raw(self):
        X = normal(1, 60, 4, 0.2)
        value = geometry.partition_isotropy_log10(X)
        assert geometry.partition_isotropy_log10(20 * X) == pytest.approx(value, abs=1e-9)
        assert geometry.partition_isotropy_log10(20 * X, raw_norm=True) < value - 1

    def test_large_vectors_do_not_overflow(self):
        assert geometry.partition_isotropy_log10(normal(2, 30, 4, 500.0), raw_norm=True) < -300


class TestTwoNN:
    def test_a_plane_in_many_dimensions(self):
        plane = np.random.default_rng(0).random((2000, 2)) @ normal(1, 2, 20)
        both = geometry.two_nn_all(plane)
        assert both.linear == pytest.approx(2, abs=0.15)
        assert both.mle == pytest.approx(2, abs=0.15)
        assert both.duplicates_removed == 0

    def test_scale_and_shift_change_nothing(self):
        X = normal(2, 200, 6)
        assert geometry.two_nn(7 * X + 100) == pytest.approx(geometry.two_nn(X), rel=1e-6)

    def test_duplicates_are_left_out_and_counted(self):
        X = normal(3, 200, 6)
        both = geometry.two_nn_all(np.vstack([X, X[:50]]))
        assert both.duplicates_removed == 50
        assert both.linear == geometry.two_nn(X)
        assert geometry.duplicates_removed(np.array([[0.0, 1.0], [-0.0, 1.0]])) == 1

    @given(X=clouds(), seed=seeds)
    @QUICK
    def test_any_copies_of_any_rows_change_nothing(self, X, seed):
        rng = np.random.default_rng(seed)
        more = rng.permutation(np.vstack([X, X[rng.integers(0, len(X), 9)]]))
        both = geometry.two_nn_all(more)
        assert both.duplicates_removed == 9
        assert both[:2] == pytest.approx(geometry.two_nn_all(X)[:2], rel=1e-9)

    @given(seed=seeds, dtype=st.sampled_from([np.float16, np.float32, np.float64]))
    @QUICK
    def test_first_appearances_by_another_route(self, seed, dtype):
        X = np.random.default_rng(seed).integers(-1, 2, size=(60, 3)).astype(dtype)
        X[::7] *= -1  # makes -0 too
        met, expected = set(), []
        for i, row in enumerate(X.tolist()):
            if tuple(row) not in met:
                met.add(tuple(row))
                expected.append(i)
        assert first_appearances(X).tolist() == expected

    def test_undefined(self):
        with pytest.raises(MeasureError, match="Only 1 rows are different"):
            geometry.two_nn(np.ones((9, 3)))
        with pytest.raises(MeasureError, match="as far from its second"):
            geometry.two_nn(np.eye(6))


class TestHubness:
    def test_by_hand(self):
        # everybody's nearest is row 0, whose own nearest is row 1: N_1 = (3, 1, 0, 0)
        X = np.array([[1.0, 0.0, 0.0], [1.0, 0.3, 0.0], [1.0, -0.6, 0.0], [1.0, 0.0, 0.9]])
        hubs = geometry.hubness(X, 1)
        assert hubs.max_k_occurrence == 3
        assert hubs.antihub_share == 0.5
        assert hubs.skew == pytest.approx(skew([3, 1, 0, 0]))

    def test_all_serve_alike(self):
        turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        assert geometry.hubness(np.column_stack([np.cos(turn), np.sin(turn)]), 2) == (0.0, 0.0, 2)

    def test_another_route(self):
        X = normal(0, 120, 6)
        cosine = cosine_similarity(X)
        np.fill_diagonal(cosine, -2)
        served = np.bincount(np.argsort(-cosine, axis=1)[:, :5].ravel(), minlength=120)
        hubs = geometry.hubness(X, 5)
        assert served.sum() == 600
        assert hubs == pytest.approx((skew(served), (served == 0).mean(), served.max()))

    def test_zero_rows_are_left_out(self):
        X = normal(1, 60, 4)
        assert geometry.hubness(np.vstack([X, np.zeros((2, 4))]), 5) == geometry.hubness(X, 5)

    def test_foreign_neighbours_are_a_slip(self):
        with pytest.raises(ValueError, match="same space"):
            geometry.hubness_of(np.array([[5], [0]]))


class TestUniformityAndAlignment:
    def test_by_hand(self):
        X = np.array([[1.0, 0.0], [-3.0, 0.0], [0.0, 1.0]])  # squared distances 4, 2, 2
        assert geometry.uniformity(X) == pytest.approx(np.log((np.exp(-8) + 2 * np.exp(-4)) / 3))
        assert geometry.alignment(X, X[[0, 0, 1]]) == pytest.approx((0 + 4 + 2) / 3)

    def test_extremes(self):
        assert geometry.uniformity(np.ones((4, 3))) == pytest.approx(0, abs=1e-12)
        X = normal(0, 30, 4)
        assert geometry.alignment(X, X) == 0
        assert geometry.alignment(X, -X) == pytest.approx(4)

    def test_the_sphere(self):
        """A perfectly uniform sphere gives -4 + log 0F1(d/2; 4)."""
        d = 16
        assert geometry.uniformity(normal(1, 3000, d)) == pytest.approx(-4 + np.log(hyp0f1(d / 2, 4)), abs=0.005)

    def test_blocks_are_the_whole(self):
        X = normal(2, 2500, 5, 0.4)
        unit = X / np.linalg.norm(X, axis=1)[:, None]
        cosine = (unit @ unit.T)[np.triu_indices(2500, 1)]
        assert geometry.uniformity(X) == pytest.approx(np.log(np.exp(4 * cosine - 4).mean()), abs=1e-12)

    def test_pairs_with_a_zero_row_are_left_out(self):
        X, Y = normal(3, 10, 4), normal(4, 10, 4)
        value = geometry.alignment(X[1:], Y[1:])
        Y[0] = 0
        assert geometry.alignment(X, Y) == pytest.approx(value, abs=1e-12)
