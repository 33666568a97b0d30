"""The intervals that are ours: they cover what they should about as often as they say."""

import numpy as np
import pytest

from embedlab.comparing.intervals import combined, half_samples


def test_half_samples_cover_the_truth_and_bend_with_size() -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for trial in range(200):
        x = rng.normal(0.0, 1.0, size=(80, 1))
        full = {"mean": float(x.mean())}
        low, high = half_samples(80, lambda rows, x=x: {"mean": float(x[rows].mean())}, full, (trial,))["mean"]  # type: ignore[misc]
        inside += low <= 0.0 <= high
    assert 0.90 <= inside / 200 <= 0.99


def test_half_samples_need_rows_and_leave_out_what_is_undefined() -> None:
    assert half_samples(19, lambda rows: {"a": 1.0}, {"a": 1.0}, (0,)) == {}
    found = half_samples(40, lambda rows: {"a": 1.0, "b": float("nan")}, {"a": 1.0, "b": 2.0}, (0,))
    assert found == {"a": (1.0, 1.0)}


def test_combined_intervals_of_independent_normals_are_those_of_their_difference() -> None:
    wide = combined((3.0, 1.0), ((3.0 - 4, 3.0 + 4), (1.0 - 3, 1.0 + 3)), (1, -1))
    assert wide == pytest.approx((2 - 5, 2 + 5))
    lopsided = combined((0.0, 0.0), ((-1.0, 0.0), (0.0, 2.0)), (1, -1))
    assert lopsided == pytest.approx((-np.sqrt(1 + 4), 0.0))
    assert combined((1.0, 1.0), ((1.0, 1.0), (1.0, 1.0)), (0.5, 0.5)) == (1.0, 1.0)
