"""What grows with the rows: no linear measure holds a second copy of its input, so that a million rows fit."""

import tracemalloc

import numpy as np
import pytest

from embedlab.measure import drift, geometry, senses, words

N, D = 90_000, 64
ONE = {
    "mean_cosine": geometry.mean_cosine,
    "mean_cosine_centred": geometry.mean_cosine_centred,
    "top_dimension_share": geometry.top_dimension_share,
    "isoscore": geometry.isoscore,
    "effective_rank": geometry.effective_rank,
    "partition": geometry.partition_isotropy_log10,
    "duplicates_removed": geometry.duplicates_removed,
    "mev_uncentred": words.mev_uncentred,
    "mev_centred": words.mev_centred,
    "centroid_predict": lambda X: senses.centroid_predict(X[:100], np.arange(100) % 3, X).size,
}
TWO = {
    "alignment": geometry.alignment,
    "cka_debiased": drift.cka_debiased,
    "procrustes_distance": drift.procrustes_distance,
    "drift_cosine": lambda X, Y: drift.drift_cosine(X, Y).mean(),
    "drift_cosine_aligned": lambda X, Y: drift.drift_cosine_aligned(X, Y).mean(),
}


@pytest.fixture(scope="module")
def spaces():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, D), dtype=np.float32) + np.float32(0.2)
    return X, X + rng.standard_normal((N, D), dtype=np.float32)


@pytest.mark.parametrize("name", [*ONE, *TWO])
def test_no_copy(name, spaces):
    tracemalloc.start()
    try:
        value = ONE[name](spaces[0]) if name in ONE else TWO[name](*spaces)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert np.isfinite(value)
    assert peak < spaces[0].nbytes  # 23 MB; in float64 it would be 46
