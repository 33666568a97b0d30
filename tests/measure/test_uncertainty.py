"""How sure: intervals, tests and corrections of A18."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from scipy import stats

from embedlab.errors import MeasureError
from embedlab.measure import drift, geometry, intervals, neighbours, senses, uncertainty
from tests.measure.clouds import QUICK, normal, rotation, seeds


class TestPairedBootstrap:
    def test_another_route(self):
        before, after = normal(0, 40, 1).ravel(), normal(1, 40, 1).ravel() + 0.5
        reference = stats.bootstrap(((after - before),), np.mean, n_resamples=20_000, method="percentile", rng=1)
        low, high = uncertainty.paired_bootstrap(before, after, plain=True)
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

    @pytest.mark.parametrize("n", [10, 30])
    def test_coverage_of_no_difference(self, n):
        """95 % intervals hold the truth 95 times of 100, also of ten units, where plain percentiles do not."""
        hits = np.zeros(3)
        for seed in range(400):
            rng = np.random.default_rng([seed, n])
            before, after = rng.normal(size=(2, n))
            answers = rng.random((2, n)) < 0.8
            for i, (low, high) in enumerate(
                (
                    uncertainty.paired_bootstrap(before, after, draws=400, seed=seed),
                    uncertainty.paired_bootstrap(*answers.astype(float), draws=400, seed=seed),
                    uncertainty.paired_bootstrap(before, after, draws=400, seed=seed, plain=True),
                )
            ):
                hits[i] += low <= 0 <= high
        widened, of_answers, plain = hits / 400
        assert widened >= 0.94
        assert of_answers >= 0.95  # the coin decides: never worse than its exact test
        assert plain < widened
        assert n == 30 or plain < 0.93

    def test_a_handful_of_answers_is_no_evidence(self):
        """Four sentences newly right and none lost: a fair coin does that one time in eight."""
        before, after = np.ones(200), np.ones(200)
        before[:4] = 0
        low, high = uncertainty.paired_bootstrap(before, after)
        assert low == 0
        assert high > 0.02
        before[:8] = 0
        assert uncertainty.paired_bootstrap(before, after)[0] > 0

    def test_few_values_and_many_draws_agree(self):
        """Counts of few values, and units drawn one by one, are the same resampling."""
        difference = np.random.default_rng(0).choice([-1.0, 0.0, 1.0], 80, p=[0.1, 0.6, 0.3])
        by_counts = intervals._bootstrap_means(difference, 20_000, np.random.default_rng(1))
        jitter = difference + 1e-9 * np.arange(80)  # all different: drawn as units
        by_units = intervals._bootstrap_means(jitter, 20_000, np.random.default_rng(2))
        np.testing.assert_allclose(
            np.quantile(by_counts, [0.025, 0.5, 0.975]), np.quantile(by_units, [0.025, 0.5, 0.975]), atol=0.013
        )

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
        weights = np.vstack(list(intervals._weights(12, 40, np.random.default_rng(3))))
        differences = []
        for w in weights:
            pairs = np.outer(w, w)
            np.fill_diagonal(pairs, 0)
            values = []
            for space in (X, Y):
                unit = space / np.linalg.norm(space, axis=1)[:, None]
                values.append((pairs * (unit @ unit.T)).sum() / pairs.sum())
            differences.append(values[1] - values[0])
        value = geometry.mean_cosine(Y) - geometry.mean_cosine(X)
        apart = np.quantile(differences, [0.025, 0.975]) - np.mean(differences)
        expected = value + apart * np.sqrt(12 / 11) * stats.t.ppf(0.975, 11) / stats.norm.ppf(0.975)
        assert uncertainty.bootstrap_mean_cosine(X, Y, draws=40, seed=3) == pytest.approx(tuple(expected), abs=1e-9)

    def test_coverage_of_no_difference(self):
        hits = 0
        for seed in range(400):
            rng = np.random.default_rng(seed)
            Z = rng.normal(size=(10, 20)) + 1
            X, Y = Z + 0.5 * rng.normal(size=(10, 20)), Z + 0.5 * rng.normal(size=(10, 20))
            low, high = uncertainty.bootstrap_mean_cosine(X, Y, draws=200, seed=seed)
            hits += low <= 0 <= high
        assert hits / 400 >= 0.94

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
        """Stratified: a sense with one sentence is in every draw, so the percentiles do not move."""
        y = ["a"] * 9 + ["b"]
        low, high = uncertainty.bootstrap_macro_f1(y, ["a"] * 10, y)
        assert high == pytest.approx(1 - 9 / 19)
        assert low == 0  # and yet one sentence is no evidence

    def test_another_route(self):
        """Sentences drawn one by one within each sense, scored by senses.macro_f1."""
        rng = np.random.default_rng(0)
        y = rng.choice(["a", "b", "c"], 120, p=[0.6, 0.3, 0.1])
        before, after = (np.where(rng.random(120) < right, y, rng.choice(["a", "b"], 120)) for right in (0.5, 0.8))
        found = []
        for _ in range(1500):
            drawn = np.concatenate([rng.choice(np.flatnonzero(y == s), (y == s).sum()) for s in "abc"])
            found.append(senses.macro_f1(y[drawn], after[drawn]) - senses.macro_f1(y[drawn], before[drawn]))
        low, high = np.quantile(found, [0.025, 0.975])
        ours = uncertainty.bootstrap_macro_f1(y, before, after)
        value = senses.macro_f1(y, after) - senses.macro_f1(y, before)
        assert 0.95 < (ours[1] - value) / (high - value) < 1.15  # a little wider, for the rare sense
        assert 0.95 < (ours[0] - value) / (low - value) < 1.15

    def test_all_senses_of_the_word_may_be_given(self):
        y, before, after = ["a"] * 6 + ["b"] * 6, ["a"] * 12, ["a"] * 6 + ["b"] * 6
        two, three = (uncertainty.bootstrap_macro_f1(y, before, after, senses=list(names)) for names in ("ab", "abc"))
        assert three == pytest.approx(tuple(2 / 3 * end for end in two))
        with pytest.raises(MeasureError, match="none of the senses"):
            uncertainty.bootstrap_macro_f1(y, before, after, senses=["a", "c"])

    def test_coverage_of_no_difference(self):
        hits = 0
        for seed in range(300):
            rng = np.random.default_rng(seed)
            y = np.r_[0, 0, 1, 1, (rng.random(36) < 0.2).astype(int)]
            before, after = (np.where(rng.random(40) < 0.7, y, rng.integers(0, 2, 40)) for _ in range(2))
            low, high = uncertainty.bootstrap_macro_f1(y, before, after, draws=500, seed=seed)
            hits += low <= 0 <= high
        assert hits / 300 >= 0.95

    def test_swap_p_by_hand_and_another_route(self):
        # two sentences differ, one each way round: macro-F1 changes by the same amount under every swap
        assert uncertainty.macro_f1_swap_p(["a", "b"], ["a", "a"], ["b", "b"]) == 1
        rng = np.random.default_rng(1)
        y = rng.integers(0, 3, 60)
        before, after = (np.where(rng.random(60) < right, y, rng.integers(0, 3, 60)) for right in (0.5, 0.75))
        observed, null = abs(senses.macro_f1(y, after) - senses.macro_f1(y, before)), []
        for _ in range(2000):
            swap = rng.random(60) < 0.5
            one, two = np.where(swap, after, before), np.where(swap, before, after)
            null.append(abs(senses.macro_f1(y, two) - senses.macro_f1(y, one)))
        p = uncertainty.macro_f1_swap_p(y, before, after)
        assert p == pytest.approx(uncertainty.permutation_p(observed, np.array(null)), abs=0.02)
        assert p < 0.2

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

    @pytest.mark.parametrize(("n", "draws"), [(10, 100), (80, 20)])
    def test_coverage(self, n, draws):
        hits = 0
        for seed in range(300):
            X = normal(seed + 1000, n, 1) + 1
            low, high = uncertainty.half_sample_interval(lambda x: float(x.mean()), X, draws=draws, seed=seed).interval
            hits += low <= 1 <= high
        assert 0.935 <= hits / 300 <= 0.99

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


class TestOccurrences:
    def statistic(self, before, after):
        a, b = before.mean(0), after.mean(0)
        return 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    def test_another_route(self):
        """Every swap written out."""
        before, after = normal(0, 7, 4, 0.5), normal(1, 7, 4, 0.5) + np.eye(4)[0]
        observed, as_far = self.statistic(before, after), 0
        for pattern in range(2**7):
            swap = ((pattern >> np.arange(7)) & 1).astype(bool)[:, None]
            drawn = self.statistic(np.where(swap, after, before), np.where(swap, before, after))
            as_far += drawn >= observed - 1e-14
        assert uncertainty.permute_occurrences_p(before, after) == pytest.approx(as_far / 2**7)

    def test_extremes(self):
        before = normal(2, 40, 6)
        assert uncertainty.permute_occurrences_p(before, before.copy()) == 1
        assert uncertainty.permute_occurrences_p(before, before + 5) == 0.001
        assert uncertainty.permute_occurrences_p(before[:1], before[:1] + 5) == 1  # one use alone proves nothing
        assert uncertainty.permute_occurrences_p(before[:5], before[:5] + 50) == 2 / 2**5

    @pytest.mark.parametrize("n", [8, 40])
    def test_false_alarms(self, n):
        alarms = 0
        for seed in range(300):
            rng = np.random.default_rng([seed, n])
            word = rng.normal(size=(n, 8)) + 1
            before, after = (word + 0.3 * rng.normal(size=(n, 8)) for _ in range(2))
            alarms += uncertainty.permute_occurrences_p(before, after, permutations=199, seed=seed) <= 0.05
        assert 0.01 <= alarms / 300 <= 0.08

    @given(seed=seeds, n=st.integers(1, 20))
    @QUICK
    def test_bounds_order_scale_and_rotation(self, seed, n):
        before, after = normal(seed, n, 3, 0.5), normal(seed + 1, n, 3, 0.5)
        p = uncertainty.permute_occurrences_p(before, after, permutations=99)
        assert 0 < p <= 1
        R = rotation(seed, 3)
        assert uncertainty.permute_occurrences_p(3 * before @ R, 3 * after @ R, permutations=99) == pytest.approx(p)
        assert uncertainty.permute_occurrences_p(after, before, permutations=99) == pytest.approx(p)

    def test_refusals(self):
        with pytest.raises((MeasureError, TypeCheckError)):
            uncertainty.permute_occurrences_p(normal(0, 5, 2), normal(0, 5, 3))
        with pytest.raises(MeasureError, match="at least 1 rows"):
            uncertainty.permute_occurrences_p(np.zeros((0, 2)), np.zeros((0, 2)))


class TestOtherTests:
    def test_wilcoxon(self):
        before, after = normal(0, 12, 1).ravel(), normal(1, 12, 1).ravel() + 1
        assert uncertainty.wilcoxon_p(before, after) == pytest.approx(
            stats.wilcoxon(after - before, method="exact").pvalue
        )
        assert uncertainty.wilcoxon_p(before, before) == 1

    def test_wilcoxon_with_ties_and_zeros(self):
        difference = np.array([1.0, 1.0, -1.0, 2.0, 2.0, 0.0, 3.0, -0.5])
        every_sign = stats.PermutationMethod(n_resamples=np.inf)  # fewer than 13 units: scipy counts them out as well
        wanted = stats.wilcoxon(difference[difference != 0], method=every_sign).pvalue
        assert uncertainty.wilcoxon_p(np.zeros(8), difference) == pytest.approx(wanted)

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
