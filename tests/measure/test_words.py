"""Uses of a word and tokens of a sentence: A2-A4."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import cosine_similarity

from embedlab.errors import MeasureError
from embedlab.measure import words
from tests.measure.clouds import QUICK, clouds, normal, rotation, seeds

MEASURES = [words.self_similarity, words.intra_sentence_similarity, words.mev_uncentred, words.mev_centred]


@pytest.mark.parametrize("measure", MEASURES)
@given(X=clouds(), seed=seeds)
@QUICK
def test_rotation_row_order_and_bounds(measure, X, seed):
    value = measure(X)
    assert measure(X @ rotation(seed, X.shape[1])) == pytest.approx(value, abs=1e-9)
    assert measure(np.random.default_rng(seed).permutation(X)) == pytest.approx(value, abs=1e-9)
    assert -1 <= value <= 1 + 1e-12


def test_self_similarity_of_equal_and_opposite_uses():
    assert words.self_similarity(np.ones((5, 3))) == pytest.approx(1)
    assert words.self_similarity(np.array([[1.0, 0.0], [-1.0, 0.0]])) == pytest.approx(-1)


class TestIntraSentence:
    def test_by_hand(self):
        # mean (1, 1)/... : cosines with the diagonal 1/sqrt 2, 1/sqrt 2, 1
        X = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]])
        assert words.intra_sentence_similarity(X) == pytest.approx((np.sqrt(2) + 1) / 3)

    def test_extremes(self):
        assert words.intra_sentence_similarity(np.ones((4, 2))) == pytest.approx(1)
        with pytest.raises(MeasureError, match="no mean direction"):
            words.intra_sentence_similarity(np.array([[1.0, 0.0], [-1.0, 0.0]]))

    def test_another_route(self):
        X = normal(0, 9, 6, 0.5)
        assert words.intra_sentence_similarity(X) == pytest.approx(
            cosine_similarity(X, X.mean(0)[None]).mean(), abs=1e-12
        )

    @pytest.mark.parametrize(("n", "expected"), [(3, 0.57), (10, 0.32), (40, 0.16)])
    def test_the_null_of_noise_is_one_over_root_n(self, n, expected):
        """What isotropic noise gives (A3): not zero, since the mean holds the token itself."""
        null = words.intra_sentence_null(normal(1, 300, 200), np.full(300, n))
        assert null.mean() == pytest.approx(expected, abs=0.02)

    def test_the_null_is_seeded_and_says_where_it_is_undefined(self):
        background, sizes = normal(2, 10, 4), np.array([1, 2, 9, 10, 3, 3, 3, 3, 3, 3])
        null = words.intra_sentence_null(background, sizes, seed=5)
        assert np.isnan(null).tolist() == [True, False, False, True] + [False] * 6
        np.testing.assert_array_equal(null, words.intra_sentence_null(background, sizes, seed=5))

    def test_a_sentence_never_meets_its_own_token(self):
        background = np.vstack([[0.0, 1.0], np.tile([1.0, 0.0], (6, 1))])
        null = words.intra_sentence_null(background, np.array([6, 1, 1, 1, 1, 1, 1]))
        assert null[0] == pytest.approx(1)  # only the others, which are all alike


class TestMaximumExplainableVariance:
    def test_by_hand(self):
        X = np.diag([3.0, 2.0, 1.0])
        assert words.mev_uncentred(X) == pytest.approx(9 / 14)

    def test_extremes(self):
        assert words.mev_uncentred(np.outer([1.0, 2.0, 5.0], [1.0, 1.0])) == pytest.approx(1)
        assert words.mev_uncentred(np.eye(6)) == pytest.approx(1 / 6)
        assert words.mev_centred(np.outer([1.0, 2.0, 5.0], [1.0, 1.0]) + 3) == pytest.approx(1)
        with pytest.raises(MeasureError, match="All rows are alike"):
            words.mev_centred(np.ones((4, 3)))

    @pytest.mark.parametrize(("n", "d"), [(30, 5), (5, 30)])
    def test_another_route(self, n, d):
        X = normal(0, n, d, 1.0)
        s = np.linalg.svd(X, compute_uv=False)
        assert words.mev_uncentred(X) == pytest.approx(s[0] ** 2 / (s**2).sum(), abs=1e-12)
        assert words.mev_centred(X) == pytest.approx(PCA().fit(X).explained_variance_ratio_[0], abs=1e-12)

    @given(seed=seeds, n=st.integers(3, 20))
    @QUICK
    def test_at_least_the_mean_cosine_of_unit_rows(self, seed, n):
        X = normal(seed, n, 6, 0.7)
        X /= np.linalg.norm(X, axis=1)[:, None]
        assert words.mev_uncentred(X) >= words.self_similarity(X) - 1e-12

    @pytest.mark.parametrize(("n", "expected"), [(5, 0.231), (20, 0.071), (100, 0.022)])
    def test_few_rows_score_high(self, n, expected):
        """Isotropic noise at d = 384 (A4): a baseline must have the word's n."""
        assert words.mev_baseline(normal(3, 400, 384), n) == pytest.approx(expected, abs=0.005)

    def test_too_few_tokens_for_a_baseline(self):
        with pytest.raises(MeasureError, match="cap the uses"):
            words.mev_baseline(normal(0, 10, 4), 11)
