"""How a reading is said: where it stands, its change, its noise and its p, in the same words everywhere."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedlab.comparing.readings import READINGS, changed
from embedlab.figures import readings as said
from embedlab.types import Reading


def reading(
    before: float, after: float, low: float, high: float, noise: float | None, name: str = "isoscore"
) -> Reading:
    return Reading(name, before=before, after=after, interval=(low, high), noise=noise)


@pytest.mark.parametrize(
    ("one", "standing"),
    [
        (reading(0.2, 0.3, 0.05, 0.15, 0.05), "changed"),
        (reading(0.2, 0.3, 0.05, 0.15, 0.1), "within noise"),
        (reading(0.2, 0.3, -0.05, 0.25, 0.05), "interval holds 0"),
        (reading(0.2, 0.3, -0.05, 0.25, None), "interval holds 0"),
        (reading(0.2, 0.3, 0.05, 0.15, None), "differs, noise unknown"),
        (reading(0.2, 0.2, 0.0, 0.0, 0.05), "unchanged"),
        (Reading("isoscore", before=0.2, after=0.3), "no interval"),
        (Reading("isoscore", note="Too few rows."), ""),
        (Reading("knn_jaccard", value=0.6, interval=(0.55, 0.65), noise=0.8), "changed"),
        (Reading("knn_jaccard", value=0.75, interval=(0.7, 0.82), noise=0.8), "within noise"),
        (Reading("knn_jaccard", value=0.6, interval=(0.55, 0.65)), "noise unknown"),
        (Reading("knn_jaccard", value=1.0), "unchanged"),
        (Reading("drift_cosine", value=0.2, interval=(0.18, 0.22), noise=0.1), "changed"),
        (Reading("rsa_p", value=0.01), ""),
    ],
)
def test_where_a_reading_stands(one: Reading, standing: str) -> None:
    assert said.standing(one) == standing


@given(
    st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 1), st.none() | st.floats(0, 1), st.sampled_from(list(READINGS))
)
def test_the_word_never_contradicts_the_rule(
    before: float, after: float, half: float, noise: float | None, name: str
) -> None:
    change = after - before
    one = reading(before, after, change - half, change + half, noise, name)
    assert said.standing(one).startswith(("changed", "differs")) == (changed(one) is True)
    assert said.is_still(one) == (changed(one) is not True and said.standing(one) != "")
    assert not said.tone(one) or changed(one)


def test_only_a_reading_with_a_better_end_is_better_or_worse() -> None:
    assert said.tone(reading(0.2, 0.3, 0.05, 0.15, 0.05)) == ""
    assert said.tone(reading(0.2, 0.3, 0.05, 0.15, 0.05, "wsd_centroid_macro_f1")) == "better"
    assert said.tone(reading(0.3, 0.2, -0.15, -0.05, 0.05, "wsd_centroid_macro_f1")) == "worse"
    assert said.tone(reading(0.2, 0.3, 0.05, 0.15, 0.05, "antihub_share")) == "worse"
    assert said.tone(reading(0.2, 0.3, 0.05, 0.15, 0.2, "antihub_share")) == ""
    assert said.said_standing(reading(0.2, 0.3, 0.05, 0.15, 0.05, "antihub_share")) == "changed, worse"
    assert said.said_standing(reading(0.2, 0.3, 0.05, 0.15, None, "mrr")) == "differs, better; noise unknown"


def test_noise_is_written_as_a_spread_or_as_the_values_that_seeds_give() -> None:
    assert said.said_noise(reading(0.2, 0.3, 0.05, 0.15, 0.04)) == "± .04"
    assert said.said_noise(Reading("knn_jaccard", value=0.6, interval=(0.4, 0.8), noise=0.8)) == ".8 to 1"
    assert said.said_noise(Reading("drift_cosine", value=0.3, interval=(0.1, 0.5), noise=0.1)) == "0 to .1"
    assert said.said_noise(Reading("knn_jaccard", value=0.6)) == "–"


@given(st.floats(1e-9, 1))
def test_a_p_is_never_written_as_zero(p: float) -> None:
    written = said.said_p(p)
    assert any(digit in written for digit in "123456789")
    if not written.startswith("<"):
        assert math.isclose(float(written), p, abs_tol=0.0051)


def test_every_reading_has_a_group_and_stands_there_once() -> None:
    grouped = said.grouped([*READINGS, "no_such_reading"])
    listed = [name for _, names in grouped for name in names]
    assert sorted(listed) == sorted([*READINGS, "no_such_reading"])
    assert dict(grouped)[said.OTHER] == ["no_such_reading"]
