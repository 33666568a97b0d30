"""How sure: intervals, tests and corrections of A18."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from embedlab.errors import MeasureError
from embedlab.measure import drift, geometry, neighbours, senses, uncertainty
from tests.measure.clouds import QUICK, normal, seeds


class TestPairedBootstrap:
    def test_another_route(self):
        before, after = normal(0, 40, 1).ravel(), normal(1, 40, 1).ravel() + 0.5
        reference = stats.bootstrap(((after - before),), np.mean, n_resamples=20_000, method="percentile", rng=1)
        low, high = uncertainty.paired_bootstrap(before, after)
        assert (low, high) == pytest.approx(tuple(reference.confidence_interval), abs=0.02)

    def test_no_change_is_exactly_none(self):
        scores = normal(2, 50, 1).ravel()
        assert uncertainty.paired_bootstrap(scores, scores.copy()) == (0, 0)

    @given(seed=seeds, n=st.integers(5, 40))
    @QUICK
    def test_seeded_ordered_and_odd(self, seed, n):
        before, after = normal(seed, n, 1).ravel(), normal(seed + 1, n, 1).ravel()
        low, high = uncertainty.paired_bootstrap(before, after, draws=300, seed=seed)
        assert low <= high
        assert (low, high) == uncertainty.paired_bootstrap(before, after, draws=300, seed=seed)
        assert uncertainty.paired_bootstrap(after, before, draws=300, seed=seed) == pytest.approx((-high, -low))

    def test_coverage(self):
        """95 % intervals of a mean hold the truth about 95 times of 100."""
        hits = 0
        for seed in range(200):
            low, high = uncertainty.paired_bootstrap(
                np.zeros(60), normal(seed, 60, 1).ravel() + 1, draws=400, seed=seed
            )
            hits += low <= 1 <= high
        assert 0.89 <= hits / 200 <= 0.99

    def test_refusals(self):
        for before, after, why in (
            (np.zeros(0), np.zeros(0), "no scores"),
            (np.zeros(2), np.array([np.nan, 1]), "not a finite number"),
        ):
            with pytest.raises(MeasureError, match=why):
                uncertainty.paired_bootstrap(before, after)


class TestBootstrapMeanCosine:
    def test_another_route(self):
        """The same draws, with all pairs written out and pairs i = j left out by index."""
        X, Y = normal(0, 12, 4, 0.5), normal(1, 12, 4, 0.8)
        weights = np.vstack(list(uncertainty._weights(12, 40, np.random.default_rng(3))))
        differences = []
        for w in weights:
            pairs = np.outer(w, w)
            np.fill_diagonal(pairs, 0)
            values = []
            for space in (X, Y):
                unit = space / np.linalg.norm(space, axis=1)[:, None]
                values.append((pairs * (unit @ unit.T)).sum() / pairs.sum())
            differences.append(values[1] - values[0])
        expected = np.quantile(differences, [0.025, 0.975])
        assert uncertainty.bootstrap_mean_cosine(X, Y, draws=40, seed=3) == pytest.approx(tuple(expected), abs=1e-12)

    def test_weights_one_give_the_mean_cosine(self):
        X, Y = normal(2, 200, 5, 0.5), normal(3, 200, 5, 1.5)
        low, high = uncertainty.bootstrap_mean_cosine(X, Y)
        assert low < geometry.mean_cosine(Y) - geometry.mean_cosine(X) < high

    def test_no_change_is_exactly_none(self):
        X = normal(4, 60, 5).astype(np.float32)
        assert uncertainty.bootstrap_mean_cosine(X, X.copy()) == (0, 0)

    def test_rows_of_one_sentence_go_together(self):
        """Copied rows are no new evidence: resampled by sentence, the interval does not shrink."""
        X, Y = normal(5, 40, 5, 0.5), normal(6, 40, 5, 1.0)
        copies, sentence = np.repeat(np.arange(40), 6), np.repeat(np.arange(40), 6)
        alone = np.diff(uncertainty.bootstrap_mean_cosine(X[copies], Y[copies]))
        together = np.diff(uncertainty.bootstrap_mean_cosine(X[copies], Y[copies], units=sentence))
        assert together > 1.8 * alone

    def test_blocks_and_zero_rows(self):
        X, Y = normal(7, 9000, 4, 0.5), normal(8, 9000, 4, 0.6)
        X[17] = 0
        low, high = uncertainty.bootstrap_mean_cosine(X, Y, draws=100)
        kept = np.arange(9000) != 17
        assert low < geometry.mean_cosine(Y[kept]) - geometry.mean_cosine(X[kept]) < high

    def test_refusals(self):
        with pytest.raises(MeasureError, match="one sentence"):
            uncertainty.bootstrap_mean_cosine(normal(0, 9, 2), normal(1, 9, 2), units=np.zeros(9, dtype=int))
        with pytest.raises(MeasureError, match="Fewer than two rows"):
            uncertainty.bootstrap_mean_cosine(np.zeros((9, 2)), normal(1, 9, 2))


class TestBootstrapMacroF1:
    def test_around_the_difference(self):
        rng = np.random.default_rng(0)
        y = rng.integers(0, 3, 200)
        before, after = (np.where(rng.random(200) < right, y, rng.integers(0, 3, 200)) for right in (0.5, 0.8))
        low, high = uncertainty.bootstrap_macro_f1(y, before, after)
        assert 0 < low < senses.macro_f1(y, after) - senses.macro_f1(y, before) < high
        assert uncertainty.bootstrap_macro_f1(y, before, before) == (0, 0)

    def test_every_sense_keeps_its_size(self):
        """Stratified: a sense with one sentence is in every draw, so perfect answers stay perfect."""
        y = ["a"] * 9 + ["b"]
        assert uncertainty.bootstrap_macro_f1(y, ["a"] * 10, y) == pytest.approx([1 - 9 / 19] * 2)

    def test_refusals(self):
        with pytest.raises(MeasureError, match="same sentences"):
            uncertainty.bootstrap_macro_f1([], [], [])


class TestWilson:
    @given(n=st.integers(1, 500), data=st.data())
    @QUICK
    def test_another_route(self, n, data):
        right = data.draw(st.integers(0, n))
        expected = stats.binomtest(right, n).proportion_ci(method="wilson")
        assert uncertainty.wilson(right, n) == pytest.approx((expected.low, expected.high), abs=1e-9)

    def test_refusals(self):
        with pytest.raises(MeasureError, match="no share"):
            uncertainty.wilson(3, 2)


class TestHalfSamples:
    def test_halves_without_repeats_seeded(self):
        halves = uncertainty.half_samples(21, draws=30)
        assert halves.shape == (30, 10)
        assert all(len(set(rows)) == 10 for rows in halves.tolist())
        assert (halves == uncertainty.half_samples(21, draws=30)).all()
        with pytest.raises(MeasureError, match="at least 4 rows"):
            uncertainty.half_samples(3)

    def test_the_interval_holds_the_value_where_a_row_bootstrap_would_not(self):
        """A18: row bootstrap makes duplicates; the IsoScore of an isotropic cloud falls outside its own interval."""
        X = normal(0, 400, 24)
        rng = np.random.default_rng(0)
        resampled = [geometry.isoscore(X[rng.integers(0, 400, 400)]) for _ in range(60)]
        assert np.quantile(resampled, 0.975) < geometry.isoscore(X)
        low, high = uncertainty.half_sample_interval(geometry.isoscore, X).interval
        assert low < geometry.isoscore(X) < high

    def test_a_shift_with_n_does_not_move_the_interval(self):
        X = normal(1, 300, 10)
        Y = X + 0.5 * normal(2, 300, 10)

        def overlap(a, b):
            return float(neighbours.knn_jaccard(neighbours.nearest(a, 10)[0], neighbours.nearest(b, 10)[0]).mean())

        half = uncertainty.half_sample_interval(overlap, X, Y, draws=20)
        assert half.values.mean() > half.value + 0.02  # fewer candidates, more overlap
        assert half.interval[0] < half.value < half.interval[1]

    def test_the_scale_of_a18_and_the_scale_that_covers(self):
        """sqrt(m/n) alone holds the mean 83 times of 100; with the finite-population factor 95."""
        hits = np.zeros(2)
        for seed in range(150):
            X = normal(seed, 80, 1) + 1
            for i, finite in enumerate((False, True)):
                low, high = uncertainty.half_sample_interval(
                    lambda x: float(x.mean()), X, draws=80, seed=seed, finite_population=finite
                ).interval
                hits[i] += low <= 1 <= high
        assert hits[0] / 150 == pytest.approx(0.83, abs=0.08)
        assert hits[1] / 150 == pytest.approx(0.94, abs=0.05)

    def test_no_change_is_exactly_none(self):
        X = normal(3, 60, 5)
        still = uncertainty.half_sample_interval(
            lambda a, b: geometry.isoscore(b) - geometry.isoscore(a), X, X.copy(), draws=10
        )
        assert still.interval == (0, 0)
        assert uncertainty.half_sample_interval(drift.cka_debiased, X, X.copy(), draws=10).interval == (1, 1)

    def test_refusals(self):
        with pytest.raises(MeasureError, match="too few for this number"):
            uncertainty.half_sample_interval(
                lambda x: geometry.two_nn(x) if len(x) > 6 else geometry.two_nn(x[:1]), normal(0, 8, 2)
            )

    def test_sample_rows(self):
        rows = uncertainty.sample_rows(1000, 100, seed=4)
        assert len(set(rows.tolist())) == 100
        assert (np.diff(rows) > 0).all()


class TestSignFlips:
    def test_by_hand(self):
        # |1 + 2| of the four sums 3, 1, -1, -3: two of four
        assert uncertainty.sign_flip_p(np.zeros(2), np.array([1.0, 2.0])) == 0.5
        assert uncertainty.sign_flip_p(np.ones(6), np.ones(6)) == 1

    def test_another_route(self):
        before, after = normal(0, 11, 1).ravel(), normal(1, 11, 1).ravel() + 0.5
        expected = stats.permutation_test(
            (before, after), lambda a, b: (a - b).mean(), permutation_type="samples", n_resamples=np.inf
        ).pvalue
        assert uncertainty.sign_flip_p(before, after) == pytest.approx(expected)

    def test_drawn_signs_come_near_the_exact_answer(self):
        after = normal(2, 40, 1).ravel() + 0.3
        p = uncertainty.sign_flip_p(np.zeros(40), after)
        assert p == pytest.approx(stats.ttest_1samp(after, 0).pvalue, abs=0.03)
        assert uncertainty.sign_flip_p(np.zeros(40), np.ones(40)) == 1 / 10_000  # never 0

    @given(seed=seeds, n=st.integers(2, 16))
    @QUICK
    def test_bounds_and_symmetry(self, seed, n):
        before, after = normal(seed, n, 1).ravel(), normal(seed + 1, n, 1).ravel()
        p = uncertainty.sign_flip_p(before, after, permutations=200)
        assert 0 < p <= 1
        assert uncertainty.sign_flip_p(after, before, permutations=200) == pytest.approx(p)


class TestOtherTests:
    def test_wilcoxon(self):
        before, after = normal(0, 12, 1).ravel(), normal(1, 12, 1).ravel() + 1
        assert uncertainty.wilcoxon_p(before, after) == pytest.approx(
            stats.wilcoxon(after - before, method="exact").pvalue
        )
        assert uncertainty.wilcoxon_p(before, before) == 1

    def test_mcnemar(self):
        before, after = np.array([True] * 5 + [False] * 5), np.array([False] * 1 + [True] * 9)
        answer = uncertainty.mcnemar(before, after)
        assert answer == (5, 1, pytest.approx(stats.binomtest(1, 6).pvalue))
        assert uncertainty.mcnemar(before, before) == (0, 0, 1.0)

    def test_permutation_p_is_never_zero(self):
        assert uncertainty.permutation_p(5.0, np.zeros(99)) == 0.01
        with pytest.raises(MeasureError, match="at least one permutation"):
            uncertainty.permutation_p(1.0, np.zeros(0))

    def test_swapping_models(self):
        X = normal(2, 60, 6)
        squeezed = X * np.array([1, 1, 1, 0.1, 0.1, 0.1])
        assert uncertainty.swap_p(geometry.isoscore, X, squeezed, permutations=99) == 0.01
        assert uncertainty.swap_p(geometry.isoscore, X, X.copy(), permutations=19) == 1

    def test_shuffling_senses(self):
        y = np.repeat([0, 1], 20)
        apart = normal(3, 40, 5) + 4 * np.eye(5)[y]
        assert uncertainty.label_permutation_p(senses.silhouette_cosine_macro, apart, y, permutations=49) == 0.02
        none = uncertainty.label_permutation_p(senses.silhouette_cosine_macro, normal(4, 40, 5), y, permutations=49)
        assert none > 0.02


class TestManyAtOnce:
    @given(p=st.lists(st.floats(0, 1), min_size=1, max_size=30))
    @QUICK
    def test_another_route(self, p):
        values = np.array(p)
        np.testing.assert_allclose(
            uncertainty.benjamini_hochberg(values), stats.false_discovery_control(values), atol=1e-12
        )
        assert (uncertainty.holm(values) >= uncertainty.benjamini_hochberg(values) - 1e-12).all()
        assert (uncertainty.holm(values) >= values).all()
        assert (uncertainty.holm(values) <= 1).all()

    def test_refusals(self):
        with pytest.raises(MeasureError, match="between 0 and 1"):
            uncertainty.holm(np.array([0.1, np.nan]))
