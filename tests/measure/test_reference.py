"""kit/reference: every measure on every case it applies to, against independent implementations."""

import numpy as np
import pytest

from embedlab.errors import MeasureError
from embedlab.measure import drift, geometry, neighbours, projection, senses, uncertainty, words
from tests.kit import case, cases, entries, needs_kit, values

ZETAS = ("0.0", "0.1", "0.5")
SINGLE = {
    "mean_pairwise_cosine": geometry.mean_cosine,
    "mean_pairwise_cosine_after_centering": geometry.mean_cosine_centred,
    "isoscore": geometry.isoscore,
    "participation_ratio": geometry.participation_ratio,
    "effective_rank_roy_vetterli_centered": geometry.effective_rank,
    "twonn_linear_discard0.1": geometry.two_nn,
    "twonn_linear_discard0.1_after_dedup": geometry.two_nn,
    "twonn_mle_no_discard": geometry.two_nn_mle,
    "hubness_skew_k5_cosine": lambda X: geometry.hubness(X, 5).skew,
    "hubness_skew_k10_cosine": lambda X: geometry.hubness(X, 10).skew,
    "uniformity_t2_on_unit_rows": geometry.uniformity,
} | {f"isoscore_star_zeta{z}_C0_identity": lambda X, z=z: geometry.isoscore_star(X, float(z)) for z in ZETAS}


def jaccard(X, Y, k):
    return neighbours.knn_jaccard(neighbours.nearest(X, k)[0], neighbours.nearest(Y, k)[0]).mean()


PAIR = {
    "linear_cka": drift.cka_linear,
    "linear_cka_debiased": drift.cka_debiased,
    "procrustes_distance_centered_unit_frobenius": drift.procrustes_distance,
    "rsa_cosine_inner_spearman": drift.rsa_spearman_cosine,
    "alignment_alpha2": geometry.alignment,
    "uniformity_t2_X": lambda X, Y: geometry.uniformity(X),
    "uniformity_t2_Y": lambda X, Y: geometry.uniformity(Y),
    "knn_jaccard_k5_cosine": lambda X, Y: jaccard(X, Y, 5),
    "knn_jaccard_k10_cosine": lambda X, Y: jaccard(X, Y, 10),
    "second_order_cosine_SIMILARITIES_k5": lambda X, Y: neighbours.second_order_cosine(X, Y, 5).mean(),
    "second_order_cosine_SIMILARITIES_k10": lambda X, Y: neighbours.second_order_cosine(X, Y, 10).mean(),
}


def overlap(X, Y, k):
    jaccards = neighbours.knn_jaccard(neighbours.nearest(X, k)[0], neighbours.nearest(Y, k)[0])
    return (2 * jaccards / (1 + jaccards)).mean()


# What follows from our numbers: other names for the same thing
DERIVED = {
    "procrustes_disparity_scaled": lambda X, Y: 1 - (1 - drift.procrustes_distance(X, Y) ** 2 / 2) ** 2,
    "procrustes_angular": lambda X, Y: np.arccos(np.clip(1 - drift.procrustes_distance(X, Y) ** 2 / 2, -1, 1)),
    "knn_overlap_k5_cosine": lambda X, Y: overlap(X, Y, 5),
    "knn_overlap_k10_cosine": lambda X, Y: overlap(X, Y, 10),
}
# Numbers that often bear the name of ours: in some case of the kit they must be told apart
OTHER_QUANTITIES = {
    "rsa_pearson_inner_spearman": drift.rsa_spearman_cosine,
    "rsa_cosine_inner_pearson": drift.rsa_spearman_cosine,
    "mean_cosine_after_procrustes_uncentered": lambda X, Y: 1 - drift.drift_cosine_aligned(X, Y).mean(),
    "second_order_cosine_DISTANCES_k5": lambda X, Y: neighbours.second_order_cosine(X, Y, 5).mean(),
    "second_order_cosine_DISTANCES_k10": lambda X, Y: neighbours.second_order_cosine(X, Y, 10).mean(),
    "procrustes_size_and_shape": drift.procrustes_distance,
    "effective_rank_roy_vetterli_raw": geometry.effective_rank,
    "effective_rank_eigenvalue_variant_centered": geometry.effective_rank,
    "mle_levina_bickel_k20": geometry.two_nn_mle,
    "hubness_skew_k5_euclidean": lambda X: geometry.hubness(X, 5).skew,
    "hubness_skew_k10_euclidean": lambda X: geometry.hubness(X, 10).skew,
    "numerical_rank_centered": geometry.effective_rank,
    "partition_isotropy_one_sign": lambda X: 10 ** geometry.partition_isotropy_log10(X, raw_norm=True),
    "silhouette_euclidean": lambda X: senses.silhouette_cosine_macro(X, case("single__clustered")["y"]),
    "centroid_1nn_unit_mean_cosine": lambda X: centroid_scores(case("single__clustered")),
}
# sklearn's scores of given clusters: ours clusters balanced draws itself (A16), see test_senses.py
NOT_OURS = ("v_measure_given_clusters", "ari_given_clusters", "ami_given_clusters")


def centroid_scores(given):
    X, y, train = given["X"], given["y"], given["is_train"]
    predicted = senses.centroid_predict(X[train], y[train], X[~train])
    return [senses.accuracy(y[~train], predicted), senses.macro_f1(y[~train], predicted)]


# Where the case is there to show how an implementation fails: (case, metric begins, implementation begins)
ELSEWHERE = [
    ("", "uniformity_t2_on_unit_rows", "theory"),  # the value of a perfect sphere, not of this sample
    ("single__zero_row", "uniformity", "align_uniform"),  # keeps the zero row, inside the sphere
    ("single__zero_row", "mean_pairwise_cosine", "sklearn"),  # gives the zero row the cosine 0; we leave it out
    ("single__duplicate_rows", "hubness", "scikit-hubness"),  # its ties among duplicates go another way
    ("single__duplicate_rows", "twonn_linear_discard0.1", "skdim.id.TwoNN(discard"),  # duplicates 1e-8 apart: 0.11
    ("single__duplicate_rows", "twonn_mle", "skdim"),
    ("single__duplicate_rows", "twonn", "own:"),  # drops rows whose twins stay among the neighbours: 37.9
    ("pair__rotation_with_duplicates", "knn_jaccard", "resi"),  # drops column 0 instead of the point itself: 0.97
]


def elsewhere(name, metric, implementation):
    return any(name.startswith(c) and metric.startswith(m) and implementation.startswith(i) for c, m, i in ELSEWHERE)


def tolerance(metric, value):
    if metric.startswith("procrustes") and value < 1e-4:
        return 1e-5  # the root of a difference of large numbers
    return 1e-3 if metric.startswith("twonn") else 1e-6


def check(name, metric, ours):
    """Equal to every entry that means it; clearly another number than those wrong on purpose, where these are wrong."""
    right = []
    for implementation, value in entries(name, metric):
        if elsewhere(name, metric, implementation):
            assert abs(ours - value) > 1e-6
        else:
            assert float(ours) == pytest.approx(value, abs=tolerance(metric, value), rel=0), implementation
            right.append(value)
    assert right or name in ("single__duplicate_rows", "single__zero_row")
    for implementation, value in entries(name, metric, wrong=True):
        gap = abs(value - ours)
        assert gap > 1e-6 or all(abs(value - r) < 2e-6 for r in right), implementation


def table(measures):
    return [(name, metric) for metric in measures for name in cases(metric)]


@needs_kit
@pytest.mark.parametrize(("name", "metric"), table(SINGLE))
def test_one_space(name, metric):
    check(name, metric, SINGLE[metric](case(name)["X"]))


@needs_kit
@pytest.mark.parametrize(("name", "metric"), table(PAIR))
def test_two_spaces(name, metric):
    check(name, metric, PAIR[metric](case(name)["X"], case(name)["Y"]))


@needs_kit
@pytest.mark.parametrize(("name", "metric"), table(DERIVED))
def test_other_names(name, metric):
    for implementation, value in entries(name, metric):
        ours = DERIVED[metric](case(name)["X"], case(name)["Y"])
        near = 1e-5 if metric.startswith("procrustes") else 1e-6
        assert ours == pytest.approx(value, abs=near), implementation


@needs_kit
@pytest.mark.parametrize("metric", OTHER_QUANTITIES)
def test_other_quantities_are_told_apart(metric):
    apart = []
    for name in cases(metric):
        given = case(name)
        try:
            ours = OTHER_QUANTITIES[metric](*(given[space] for space in ("X", "Y") if space in given))
        except MeasureError:
            continue
        every = [value for wrong in (False, True) for _, value in entries(name, metric, wrong)]
        apart.extend(np.abs(np.subtract(ours, value)).max() > 1e-6 for value in every)
    assert any(apart)


@needs_kit
def test_every_metric_of_the_kit_is_checked():
    """A metric here that no test names would go unseen; those left out are other quantities than ours."""
    here = {*SINGLE, *PAIR, "layers", "note", "published", "partition_isotropy_mu_viswanath_both_signs"}
    here |= {"per_row_drift_after_procrustes", "per_row_neighbour_change_k10", "mantel_first_min60_rows"}
    here |= {"knn_jaccard_k10_cosine_after_dedup", "silhouette_cosine_per_class", "knn5_cosine"}
    here |= {"centroid_1nn_raw_mean_cosine", *values()["cases"]["stats__paired_scores"]}
    here |= {f"{t}_k{k}" for t in ("trustworthiness", "continuity", "trustworthiness_cosine") for k in (5, 12)}
    here |= {*DERIVED, "silhouette_cosine", "knn1_cosine", *OTHER_QUANTITIES, *NOT_OURS}
    for name, metrics in values()["cases"].items():
        for metric in metrics:
            assert metric in here, (name, metric)


@needs_kit
@pytest.mark.parametrize("name", cases("partition_isotropy_mu_viswanath_both_signs"))
def test_partition_isotropy(name):
    """The logarithms, since the share itself underflows for large vectors."""
    (_, (_, log_least, log_most)), *_ = entries(name, "partition_isotropy_mu_viswanath_both_signs")
    if name == "single__iso_exact_white":
        with pytest.raises(MeasureError, match="same strength"):
            geometry.partition_isotropy_log10(case(name)["X"], raw_norm=True)
        return
    ours = geometry.partition_isotropy_log10(case(name)["X"], raw_norm=True)
    assert ours == pytest.approx((log_least - log_most) / np.log(10), abs=1e-6)


@needs_kit
def test_exact_values():
    """What follows from mathematics."""
    white, X = case("single__iso_exact_white")["X"], case("pair__rotation")["X"]
    d = white.shape[1]
    assert geometry.isoscore(white) == pytest.approx(1, abs=1e-12)
    assert geometry.participation_ratio(white) == pytest.approx(d, abs=1e-9)
    assert geometry.effective_rank(white) == pytest.approx(d, abs=1e-9)
    for name in ("pair__rotation", "pair__reflection", "pair__rotation_scale_shift"):
        Y = case(name)["Y"]
        assert drift.cka_linear(X, Y) == pytest.approx(1, abs=1e-9)
        assert drift.cka_debiased(X, Y) == pytest.approx(1, abs=1e-9)
        assert drift.procrustes_distance(X, Y) < 1e-5
    for name in ("pair__rotation", "pair__reflection", "pair__rotation_with_duplicates"):
        X, Y = case(name)["X"], case(name)["Y"]
        assert jaccard(X, Y, 10) == 1
        assert neighbours.second_order_cosine(X, Y, 10).min() > 1 - 1e-9
        assert drift.rsa_spearman_cosine(X, Y) == pytest.approx(1, abs=1e-9)
    assert (
        jaccard(case("pair__rotation")["X"], case("pair__rotation_scale_shift")["Y"], 10) < 1
    )  # a shift moves cosines
    unrelated = case("pair__unrelated")
    assert (
        abs(drift.cka_debiased(unrelated["X"], unrelated["Y"]))
        < 0.01
        < drift.cka_linear(unrelated["X"], unrelated["Y"])
    )
    assert jaccard(unrelated["X"], unrelated["Y"], 10) == pytest.approx(10 / 1400, abs=0.003)
    demo = case("pair__kornblith_demo")
    assert drift.cka_linear(demo["X"], demo["Y"]) == pytest.approx(0.55761, abs=5e-6)
    assert drift.cka_debiased(demo["X"], demo["Y"]) == pytest.approx(0.51346, abs=5e-6)


@needs_kit
def test_the_moved_rows_are_found():
    moved = case("pair__rotation_few_rows_moved")
    X, Y, truth = moved["X"], moved["Y"], set(moved["moved"].tolist())
    (_, reference), *_ = entries("pair__rotation_few_rows_moved", "per_row_drift_after_procrustes")
    assert reference == 1.0
    change = 1 - neighbours.knn_jaccard(neighbours.nearest(X, 10)[0], neighbours.nearest(Y, 10)[0])
    for score in (drift.drift_cosine_aligned(X, Y), change):
        assert set(np.argsort(-score, kind="stable")[: len(truth)].tolist()) == truth
    first = values()["cases"]["pair__rotation_few_rows_moved"]["per_row_neighbour_change_k10"][0]["first10"]
    np.testing.assert_allclose(change[:10], first, atol=1e-9)


@needs_kit
def test_jaccard_without_duplicates():
    X, Y = case("pair__rotation_with_duplicates")["X"], case("pair__rotation_with_duplicates")["Y"]
    first = np.sort(np.unique(X, axis=0, return_index=True)[1])
    (_, value), *_ = entries("pair__rotation_with_duplicates", "knn_jaccard_k10_cosine_after_dedup")
    assert jaccard(X[first], Y[first], 10) == pytest.approx(value, abs=1e-6)


@needs_kit
@pytest.mark.parametrize("name", cases("mantel_first_min60_rows"))
def test_mantel(name):
    (_, (rho, p)), *_ = entries(name, "mantel_first_min60_rows")
    ours = drift.rsa_mantel(case(name)["X"][:60], case(name)["Y"][:60])
    assert ours.rho == pytest.approx(rho, abs=1e-6)
    assert ours.p == pytest.approx(p, abs=0.03)


@needs_kit
@pytest.mark.parametrize("layer", range(4))
def test_words_in_context(layer):
    tokens = case("contextual__occurrences")
    V, given = tokens["V"][layer], values()["cases"]["contextual__occurrences"]["layers"][layer]
    baseline = geometry.mean_cosine(V[tokens["one_token_per_sentence"]])
    assert baseline == pytest.approx(given["baseline_one_token_per_sentence_all_pairs"], abs=1e-6)
    assert geometry.mean_cosine(V) == pytest.approx(given["baseline_all_token_pairs"], abs=1e-6)
    uses = {word: V[tokens["word"] == int(word)] for word in given["self_similarity_by_word"]}
    ours = {word: words.self_similarity(rows) for word, rows in uses.items()}
    his = given["ethayarajh_analyze_py"]
    for word, value in given["self_similarity_by_word"].items():
        assert ours[word] == pytest.approx(value, abs=1e-6)
        assert ours[word] == pytest.approx(his["self_similarity_by_word"][word], abs=6e-4)
    macro = np.mean(list(ours.values()))
    assert macro == pytest.approx(given["self_similarity_macro_over_words"], abs=1e-6)
    assert macro - baseline == pytest.approx(given["self_similarity_adjusted"], abs=1e-6)
    intra = [words.intra_sentence_similarity(V[tokens["sentence"] == s]) for s in np.unique(tokens["sentence"])]
    np.testing.assert_allclose(intra[:10], given["intra_by_sentence_first10"], atol=1e-6)
    assert np.mean(intra) == pytest.approx(given["intra_sentence_mean"], abs=1e-6)
    assert np.mean(intra) == pytest.approx(his["intra"], abs=6e-4)
    uncentred = [words.mev_uncentred(rows) for rows in uses.values()]
    np.testing.assert_allclose(uncentred[:10], given["mev_uncentred_by_word_first10"], atol=1e-6)
    assert np.mean(uncentred) == pytest.approx(given["mev_uncentred_paper_formula_mean"], abs=1e-6)
    centred = np.mean([words.mev_centred(rows) for rows in uses.values()])
    assert centred == pytest.approx(given["mev_centred_pca_mean"], abs=1e-6)
    assert words.mev_baseline(V, 700) == pytest.approx(given["mev_uncentred_baseline"], abs=0.05)
    assert words.mev_baseline(V, 700, centred=True) == pytest.approx(given["mev_centred_baseline"], abs=0.05)


@needs_kit
def test_senses():
    given = case("single__clustered")
    X, y, train = given["X"], given["y"], given["is_train"]
    for metric, predict in {
        "centroid_1nn_raw_mean_cosine": senses.centroid_predict,
        "knn5_cosine": senses.knn_predict,
    }.items():
        predicted = predict(X[train], y[train], X[~train])
        ours = [senses.accuracy(y[~train], predicted), senses.macro_f1(y[~train], predicted)]
        (_, reference), *_ = entries("single__clustered", metric)
        assert ours == pytest.approx(reference, abs=1e-6)
    predicted = senses.knn_predict(X[train], y[train], X[~train], k=1)
    (_, reference), *_ = entries("single__clustered", "knn1_cosine")
    assert [senses.accuracy(y[~train], predicted), senses.macro_f1(y[~train], predicted)] == pytest.approx(reference)
    (_, by_class), *_ = entries("single__clustered", "silhouette_cosine_per_class")
    assert list(senses.silhouette_cosine_per_class(X, y).values()) == pytest.approx(by_class, abs=1e-6)
    (_, by_use), *_ = entries("single__clustered", "silhouette_cosine")
    assert np.average(by_class, weights=np.bincount(y)) == pytest.approx(by_use, abs=1e-6)
    assert senses.silhouette_cosine_macro(X, y) == pytest.approx(np.mean(by_class), abs=1e-6)


@needs_kit
@pytest.mark.parametrize("k", [5, 12])
@pytest.mark.parametrize("name", ["projection__projection_pca2", "projection__projection_random2"])
def test_maps(name, k):
    X, E = case(name)["X"], case(name)["E"]
    for metric, ours in {
        f"trustworthiness_k{k}": projection.trustworthiness(X, E, k, "euclidean"),
        f"continuity_k{k}": projection.continuity(X, E, k, "euclidean"),
        f"trustworthiness_cosine_k{k}": projection.trustworthiness(X, E, k),
    }.items():
        check(name, metric, ours)


@needs_kit
def test_statistics():
    scores = case("stats__paired_scores")
    before, after = scores["before"], scores["after"]
    check("stats__paired_scores", "paired_signflip_mean_two_sided_exact", uncertainty.sign_flip_p(before, after))
    check("stats__paired_scores", "wilcoxon_exact_two_sided", uncertainty.wilcoxon_p(before, after))
    percentile = entries("stats__paired_scores", "bootstrap_mean_diff_95")[1][1]
    assert uncertainty.paired_bootstrap(before, after, plain=True) == pytest.approx(percentile, abs=0.01)
    low, high = uncertainty.paired_bootstrap(before, after)  # ours is widened for thirteen units
    assert low < percentile[0] < percentile[1] < high
    answers = uncertainty.mcnemar(scores["correct_before"], scores["correct_after"])
    check("stats__paired_scores", "mcnemar_exact_two_sided", answers.p)
    given = values()["cases"]["stats__paired_scores"]["mcnemar_exact_two_sided"][0]
    assert (answers.gained, answers.lost) == (given["gained"], given["lost"])
    right = scores["correct_before"]
    (_, wilson), *_ = entries("stats__paired_scores", "accuracy_wilson_95_before")
    assert uncertainty.wilson(int(right.sum()), len(right)) == pytest.approx(wilson, abs=1e-6)
    (_, holm), *_ = entries("stats__paired_scores", "holm_of_first_six")
    assert uncertainty.holm(np.array([0.001, 0.012, 0.03, 0.04, 0.2, 0.5])).tolist() == pytest.approx(holm, abs=1e-9)
