"""The table of readings, and when a number counts as changed."""

import pytest

from embedlab.comparing.readings import (
    LAYER_READINGS,
    MAP_READINGS,
    PAIR_READINGS,
    READINGS,
    SENSE_READINGS,
    SPACE_READINGS,
    TASK_READINGS,
    changed,
)
from embedlab.types import Reading


def test_every_name_of_the_contract_is_in_the_table_once() -> None:
    names = """mean_cosine mean_cosine_centred top_dimension_share self_similarity self_similarity_adjusted
        intra_sentence_similarity intra_sentence_null mev_uncentred mev_centred mev_baseline isoscore isoscore_star
        participation_ratio isotropic_isoscore partition_isotropy_log10 effective_rank two_nn two_nn_mle
        duplicates_removed hubness_skew antihub_share max_k_occurrence uniformity alignment cka_debiased cka_linear
        procrustes_distance rsa_spearman_cosine rsa_p knn_jaccard second_order_cosine drift_cosine
        drift_cosine_aligned wsd_centroid_accuracy wsd_centroid_macro_f1 wsd_knn_accuracy wsd_knn_macro_f1
        silhouette_cosine_macro clustering_v clustering_ari trustworthiness continuity probe_macro_f1 probe_accuracy
        mrr ndcg_10 recall_1 recall_10""".split()
    assert set(READINGS) == set(names)
    groups = (SENSE_READINGS, PAIR_READINGS, SPACE_READINGS, MAP_READINGS, TASK_READINGS)
    assert sorted(name for group in groups for name in group) == sorted(names)
    assert set(LAYER_READINGS) == set(SENSE_READINGS + PAIR_READINGS + SPACE_READINGS)
    assert list(READINGS)[-1] == "partition_isotropy_log10"  # A6: optional, last in the list


@pytest.mark.parametrize("info", READINGS.values(), ids=str)
def test_a_row_is_one_plain_sentence_and_its_bounds_hold_the_still_value(info: object) -> None:
    row = READINGS[info.name]  # type: ignore[attr-defined]
    assert row.meaning.endswith(".")
    assert ". " not in row.meaning
    assert row.source == "Task" or row.source.startswith("A")
    if row.still is not None:
        assert row.of_pair
        assert row.low is None or row.low <= row.still
        assert row.high is None or row.still <= row.high


def test_less_isotropic_is_not_called_worse() -> None:
    for name in ("mean_cosine", "isoscore"):
        assert READINGS[name].better == "neither"
        assert "less isotropic is not worse by itself" in READINGS[name].meaning


@pytest.mark.parametrize(
    ("reading", "answer"),
    [
        (Reading("isoscore", note="undefined"), None),
        (Reading("isoscore", 0.2, 0.2), False),  # nothing changed, whatever is known
        (Reading("isoscore", 0.2, 0.4), None),  # no interval: nobody knows
        (Reading("isoscore", 0.2, 0.4, interval=(0.1, 0.3)), True),
        (Reading("isoscore", 0.2, 0.4, interval=(-0.1, 0.5)), False),
        (Reading("isoscore", 0.2, 0.4, interval=(0.0, 0.4)), False),
        (Reading("isoscore", 0.2, 0.4, interval=(0.1, 0.3), noise=0.25), False),  # another seed would do as much
        (Reading("isoscore", 0.2, 0.4, interval=(0.1, 0.3), noise=0.15), True),
        (Reading("isoscore", 0.4, 0.2, interval=(-0.3, -0.1), noise=0.15), True),
        (Reading("isoscore", 0.2, 0.4, noise=0.25), False),
        (Reading("cka_debiased", value=0.7), None),  # without another seed nobody knows what 0.7 is worth
        (Reading("cka_debiased", value=1.0), False),
        (Reading("cka_debiased", value=0.7, interval=(0.6, 0.8), noise=0.9), True),
        (Reading("cka_debiased", value=0.7, interval=(0.6, 0.8), noise=0.75), False),  # the nearer end is 0.8
        (Reading("cka_debiased", value=0.7, noise=0.75), True),
        (Reading("drift_cosine", value=0.3, interval=(0.2, 0.4), noise=0.1), True),
        (Reading("drift_cosine", value=0.3, interval=(0.05, 0.5), noise=0.1), False),
        (Reading("rsa_p", value=0.001), None),
    ],
)
def test_when_a_number_counts_as_changed(reading: Reading, answer: bool | None) -> None:
    assert changed(reading) is answer
