"""Linked maps made from surveys: still where nothing changed, moving where senses came apart."""

from dataclasses import replace

import numpy as np
import pytest

from embedlab import compare as comparing
from embedlab.comparing.maps import _vectors
from embedlab.errors import UserError
from embedlab.measure.projection import moves
from embedlab.types import Uses
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
        assert drawn.placebo_move == moves(drawn.placebo_before, drawn.placebo_after).mean()
    assert [drawn.seeds for drawn in maps] == [1, 5, 1, 5]
    for drawn in maps:
        if drawn.seeds == 1:
            assert drawn.trust_range is None
            continue
        assert drawn.trust_range is not None
        low, high = drawn.trust_range
        for trust in (drawn.trust_before, drawn.trust_after):  # the layout shown is one of the five
            assert trust is not None
            assert low <= trust <= high
    still, moved = maps[0], maps[1]  # layer 0 is static: equal in both
    assert still.real_move == 0.0
    np.testing.assert_array_equal(still.before, still.after)
    assert moved.real_move > 3 * moved.placebo_move
    assert shown[-1] == "maps drawn"
    again = comparing.make_map(one, two, made, "bank", 2, seeds=1)
    np.testing.assert_array_equal(again.after, moved.after)
    assert again.seeds == 1


@pytest.mark.slow
def test_only_the_words_opened_first_are_laid_out_often(surveys: Surveys, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = sense_corpus(6)
    one, two = surveys(corpus, FakeEncoder(0.0), FakeEncoder(1.0))
    made = comparing.compare(one, two, corpus, k=5)
    monkeypatch.setattr("embedlab.comparing.maps.SEEDED_USES", 20)  # one word of twelve uses, not two
    maps = comparing.make_maps(one, two, made, layers=[2])
    assert [(drawn.word, drawn.seeds) for drawn in maps] == [("bank", 5), ("crane", 1)]


def test_uses_are_found_again_where_a_third_model_left_some_out(surveys: Surveys) -> None:
    corpus = sense_corpus(6)
    one, two = surveys(corpus, FakeEncoder(0.0), FakeEncoder(1.0))
    made = comparing.compare(one, two, corpus, k=5)
    uses = made.uses
    fewer = Uses(uses.occurrences[3:], uses.held_out[3:], uses.change[:, 3:], uses.drift[:, 3:])
    pair = _vectors(one, two, replace(made, uses=fewer), 2, np.arange(4))
    np.testing.assert_array_equal(pair.after, two.uses[2][3:7])


def test_too_few_uses_or_an_unknown_layer_are_refused(surveys: Surveys) -> None:
    corpus = sense_corpus(3)
    one, two = surveys(corpus, FakeEncoder(0.0), FakeEncoder(1.0))
    made = comparing.compare(one, two, corpus, k=5)
    with pytest.raises(UserError, match="A map of 'bank' needs 8 uses and there are 6"):
        comparing.make_map(one, two, made, "bank", 2)
    assert comparing.make_maps(one, two, made) == []
