"""Linked maps made from surveys: still where nothing changed, moving where senses came apart."""

import numpy as np
import pytest

from embedlab import compare as comparing
from embedlab.errors import UserError
from tests.compare.conftest import Surveys
from tests.fakes import FakeEncoder, sense_corpus


@pytest.mark.slow
def test_maps_share_a_frame_and_come_with_their_placebo(surveys: Surveys) -> None:
    corpus = sense_corpus(12)
    one, two = surveys(corpus, FakeEncoder(0.0), FakeEncoder(1.0))
    made = comparing.compare(one, two, corpus, k=5)
    shown: list[str] = []
    maps = comparing.make_maps(one, two, made, layers=[0, 2], progress=lambda share, what: shown.append(what))
    assert [(m.word, m.layer) for m in maps] == [("bank", 0), ("bank", 2), ("crane", 0), ("crane", 2)]
    for drawn in maps:
        assert all(made.uses.occurrences[i].word == drawn.word for i in drawn.rows)
        assert drawn.before.shape == drawn.after.shape == (24, 2)
        assert drawn.trust_before is not None
        assert 0.5 < drawn.trust_before <= 1
        assert 0 <= drawn.placebo_move < 0.2
    still, moved = maps[0], maps[1]  # layer 0 is static: equal in both
    assert still.real_move == 0.0
    np.testing.assert_array_equal(still.before, still.after)
    assert moved.real_move > 3 * moved.placebo_move
    assert shown[-1] == "maps drawn"
    again = comparing.make_map(one, two, made, "bank", 2)
    np.testing.assert_array_equal(again.after, moved.after)


def test_too_few_uses_or_an_unknown_layer_are_refused(surveys: Surveys) -> None:
    corpus = sense_corpus(3)
    one, two = surveys(corpus, FakeEncoder(0.0), FakeEncoder(1.0))
    made = comparing.compare(one, two, corpus, k=5)
    with pytest.raises(UserError, match="A map of 'bank' needs 8 uses and there are 6"):
        comparing.make_map(one, two, made, "bank", 2)
    assert comparing.make_maps(one, two, made) == []
