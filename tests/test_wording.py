"""Numbers as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedlab import wording


@pytest.mark.parametrize(
    ("value", "interval", "written"),
    [
        (0.09, (0.06, 0.12), "+.09 [.06, .12]"),
        (-0.0281, (-0.0360, -0.0200), "−.028 [−.036, −.020]"),
        (0.0, (-0.03, 0.03), ".00 [−.03, .03]"),
        (0.0, (0.0, 0.0), "0"),
        (0.0, None, "0"),
        (-1.08, (-1.58, -0.58), "−1.1 [−1.6, −.6]"),
        (12.4, (4.0, 25.0), "+12 [4, 25]"),
        (0.5, None, "+.500"),
        (None, None, "–"),
    ],
)
def test_a_difference_has_the_digits_of_its_interval(value: float, interval: tuple[float, float], written: str) -> None:
    assert wording.difference(value, interval) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.8234, ".823"), (1.0, "1.00"), (43.21, "43.2"), (1234.4, "1,234"), (-0.0071, "−.007"), (0, "0"),
        (0.00012, ".00012"), (None, "–"), (float("nan"), "–"), (float("inf"), "–"), (1e-12, "≈0"),
    ],
)  # fmt: skip
def test_a_number_without_interval(value: float | None, written: str) -> None:
    assert wording.number(value) == written


@given(st.floats(-1e6, 1e6), st.floats(1e-9, 1e3))
def test_what_is_written_is_the_number_to_the_width_of_its_interval(value: float, half: float) -> None:
    interval = (value - half, value + half)
    text = wording.number(value, interval).replace(wording.MINUS, "-").replace(",", "")
    if text != "≈0":
        assert abs(float(text) - value) <= max(half, 1e-6)


def test_counts_and_shares() -> None:
    assert wording.count(1, "use") == "1 use"
    assert wording.count(1234, "use") == "1,234 uses"
    assert wording.count(0, "corpus", "corpora") == "0 corpora"
    assert wording.percent(0.571) == "57 %"


def test_a_keyword_in_context_keeps_its_spaces_and_says_where_it_was_cut() -> None:
    text = "We pulled the canoe up on the muddy bank and rested there for a long while."
    start = text.index("bank")
    left, keyword, right = wording.in_context(text, start, start + 4, 20)
    assert (left, keyword, right) == ("…up on the muddy ", "bank", " and rested there…")


@given(st.text(min_size=1, max_size=80), st.data())
def test_context_never_holds_a_control_or_a_direction_override(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    for part in wording.in_context(text, start, end):
        assert all(c.isprintable() or c in wording.JOINERS for c in part)
