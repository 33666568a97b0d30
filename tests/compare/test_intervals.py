"""The intervals that are ours: they cover what they should about as often as they say."""

import numpy as np
import pytest

from embedlab.comparing.intervals import THREE_QUARTERS, combined, half_samples


@pytest.mark.parametrize("share", [0.5, THREE_QUARTERS])
@pytest.mark.parametrize("most", [4000, 30])
def test_part_samples_cover_the_truth_whatever_their_size(share: float, most: int) -> None:
    rng = np.random.default_rng(1)
    inside, widths = 0, []
    for trial in range(300):
        x = rng.normal(0.0, 1.0, size=(80, 1))

        def mean(rows: np.ndarray, x: np.ndarray = x) -> dict[str, float]:
            return {"mean": float(x[rows].mean())}

        found = half_samples(80, mean, {"mean": float(x.mean())}, (trial,), share=share, most=most)
        low, high = found["mean"]
        inside += low <= 0.0 <= high
        widths.append((high - low) / 2)
    assert 0.93 <= inside / 300 <= 0.995
    # t with 19 degrees of freedom, a tenth wider, of the standard error 1 / sqrt(80)
    assert np.mean(widths) == pytest.approx(2.093 * 1.1 / np.sqrt(80), rel=0.05)


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
