"""Whatever the data, a measure gives a number or a reason: never NaN, never a crash, never a warning."""

import warnings

import numpy as np
import pytest

from embedlab.errors import MeasureError
from embedlab.measure import drift, geometry, neighbours, projection, senses, uncertainty, words
from tests.measure.clouds import normal

ONE = {
    "mean_cosine": geometry.mean_cosine,
    "mean_cosine_centred": geometry.mean_cosine_centred,
    "top_dimension_share": geometry.top_dimension_share,
    "isoscore": geometry.isoscore,
    "isoscore_star": lambda X: geometry.isoscore_star(X, 0.1),
    "participation_ratio": geometry.participation_ratio,
    "effective_rank": geometry.effective_rank,
    "partition": geometry.partition_isotropy_log10,
    "partition_raw": lambda X: geometry.partition_isotropy_log10(X, raw_norm=True),
    "two_nn": geometry.two_nn,
    "two_nn_mle": geometry.two_nn_mle,
    "duplicates_removed": geometry.duplicates_removed,
    "hubness": lambda X: geometry.hubness(X, 2),
    "uniformity": geometry.uniformity,
    "self_similarity": words.self_similarity,
    "intra_sentence_similarity": words.intra_sentence_similarity,
    "mev_uncentred": words.mev_uncentred,
    "mev_centred": words.mev_centred,
    "mev_baseline": lambda X: words.mev_baseline(X, 2),
    "nearest": lambda X: neighbours.nearest(X, 2)[1],
    "silhouette": lambda X: senses.silhouette_cosine_macro(X, np.arange(len(X)) % 2),
    "clustering": lambda X: senses.clustering_scores(X, np.arange(len(X)) % 2, seeds=1),
    "half_samples": lambda X: uncertainty.half_sample_interval(geometry.isoscore, X, draws=4).interval,
}
TWO = {
    "alignment": geometry.alignment,
    "cka_linear": drift.cka_linear,
    "cka_debiased": drift.cka_debiased,
    "procrustes_distance": drift.procrustes_distance,
    "rsa": drift.rsa_spearman_cosine,
    "mantel": lambda X, Y: drift.rsa_mantel(X, Y, permutations=5),
    "drift_cosine": drift.drift_cosine,
    "drift_cosine_aligned": lambda X, Y: drift.drift_cosine_aligned(X, Y, folds=2),
    "second_order_cosine": lambda X, Y: neighbours.second_order_cosine(X, Y, 2),
    "bootstrap_mean_cosine": lambda X, Y: uncertainty.bootstrap_mean_cosine(X, Y, draws=20),
    "trustworthiness": lambda X, Y: projection.trustworthiness(X, normal(0, len(X), 2), 2),
    "continuity": lambda X, Y: projection.continuity(X, normal(0, len(X), 2), 2),
}
ODD = {
    "one row": np.ones((1, 4)),
    "two rows": np.array([[1.0, 2.0, 3.0], [3.0, 1.0, 0.5]]),
    "two opposite rows": np.array([[1.0, 2.0], [-1.0, -2.0]]),
    "no rows": np.ones((0, 4)),
    "no columns": np.ones((6, 0)),
    "one column": normal(0, 8, 1),
    "zero rows among others": np.vstack([normal(1, 8, 3), np.zeros((3, 3))]),
    "all rows zero": np.zeros((8, 3)),
    "all rows alike": np.full((8, 3), 0.1),
    "one row differs": np.vstack([np.ones((7, 3)), [[1.0, 2.0, 3.0]]]),
    "duplicates": np.repeat(normal(2, 4, 3), 3, axis=0),
    "fewer points than dimensions": normal(3, 6, 40),
    "a constant column": np.column_stack([normal(4, 12, 3), np.full(12, 7.0)]),
    "an empty column": np.column_stack([normal(4, 12, 3), np.zeros(12)]),
    "orthogonal rows": np.eye(8),
    "a line": np.outer(np.arange(8.0), [1.0, 2.0]),
    "tiny numbers": 1e-30 * normal(5, 12, 3),
    "large numbers": 1e30 * normal(6, 12, 3),
    "large numbers in float32": (1e30 * normal(6, 12, 3)).astype(np.float32),
    "a large offset in float32": (normal(7, 12, 3) + 1e4).astype(np.float32),
    "half precision": normal(8, 12, 3).astype(np.float16),
}


def value_or_reason(measure, *spaces):
    """The numbers of a measure, flat; None where it gave a reason. Any warning or other error fails the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return np.ravel(np.asarray(measure(*spaces), dtype=np.float64))
        except MeasureError as error:
            reason = str(error)
    assert reason.endswith(".")
    assert "\n" not in reason
    return None


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ONE)
def test_one_space(name, odd):
    value = value_or_reason(ONE[name], ODD[odd])
    assert value is None or np.isfinite(value).all()


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", TWO)
def test_two_spaces(name, odd):
    X = ODD[odd]
    for Y in (X.copy(), X[::-1].copy(), normal(9, *X.shape).astype(X.dtype)):
        value = value_or_reason(TWO[name], X, Y)
        assert value is None or np.isfinite(value).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", [*ONE, *TWO])
def test_what_is_not_finite_is_refused(name, bad):
    X = normal(0, 12, 3)
    X[6, 2] = bad
    with pytest.raises(MeasureError, match="Row 7"):
        ONE[name](X) if name in ONE else TWO[name](X, X.copy())
