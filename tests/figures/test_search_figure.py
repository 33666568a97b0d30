"""The rounds: distances are cosines to scale, directions the same on both sides, what is unknown lies on the rim."""

import numpy as np
import pytest

from embedlab.comparing.finding import Filters, Found, listed_words
from embedlab.figures import alt_text
from embedlab.figures.search import rounds
from tests.made import made


@pytest.fixture(scope="module")
def found() -> Found:
    return listed_words(made()[0], "bank", 3, 10, Filters())


def test_how_far_a_word_is_from_the_middle_is_one_minus_its_cosine_to_scale(found: Found) -> None:
    figure = rounds(made()[0], found)
    far = max(1 - c for m in found.matches for c in (m.cosine_before, m.cosine_after) if c is not None)
    places: dict[str, dict[str, tuple[float, float]]] = {"x": {}, "x2": {}}
    for trace in figure.data:
        if trace.customdata is not None:
            for word, x, y in zip(trace.customdata, trace.x, trace.y, strict=True):
                places[trace.xaxis][word] = (x, y)
    assert set(places["x"]) == set(places["x2"]) == {match.key for match in found.matches}
    for match in found.matches:
        for axis, cosine in (("x", match.cosine_before), ("x2", match.cosine_after)):
            size = float(np.hypot(*places[axis][match.key]))
            assert (size > 1 + 1e-9) == (cosine is None)
            assert size == pytest.approx(1.04 if cosine is None else (1 - cosine) / far, abs=1e-9)
        first, second = (np.arctan2(*places[axis][match.key][::-1]) for axis in places)
        assert first == pytest.approx(second, abs=1e-9)
    angles = sorted(np.arctan2(y, x) for x, y in places["x"].values())
    assert np.diff(angles).min() == pytest.approx(2 * np.pi / len(found.matches), abs=1e-9)  # nobody sits on another


def test_the_words_say_what_was_kept_lost_and_gained(found: Found) -> None:
    said = alt_text(rounds(made()[0], found, "dark"))
    for match in found.matches:
        assert match.key in said.split(f" {match.status} (")[1].split(")")[0]
