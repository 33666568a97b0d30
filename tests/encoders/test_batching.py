"""Windows and chunks: every piece has one owner, and the most central one; every row comes once."""

from hypothesis import given
from hypothesis import strategies as st

from embedlab.encoders.batching import CHUNK_TEXTS, chunks, windows
from embedlab.types import Occurrence


@given(st.integers(0, 400), st.integers(2, 60), st.integers(0, 2), st.integers(0, 2))
def test_every_place_has_one_owner(pieces: int, room: int, before: int, after: int) -> None:
    found = windows(pieces, room, before, after)
    owned = [place for window in found for place in range(window.own, window.until)]
    assert owned == list(range(-before, pieces + after))
    for window in found:
        assert window.begin >= 0
        assert len(found) == 1 or window.begin + room <= pieces
        assert window.begin <= max(window.own, 0)
        assert min(window.until, pieces) <= window.begin + room


@given(st.integers(20, 400), st.integers(8, 60))
def test_no_other_window_is_more_central(pieces: int, room: int) -> None:
    found = windows(pieces, room, 1, 1)
    for window in found:
        for place in range(max(window.own, 0), min(window.until, pieces)):
            own = abs(place + 0.5 - (window.begin + room / 2))
            if len(found) > 1:
                assert own <= min(abs(place + 0.5 - (other.begin + room / 2)) for other in found)


def test_pieces_inside_a_long_text_see_a_quarter_window_on_both_sides() -> None:
    found = windows(1000, 100, 1, 1)
    for window in found[1:-1]:
        assert window.own - window.begin >= 25
        assert window.begin + 100 - window.until >= 25 or window is found[-2]


def test_chunks_hold_every_row_once_and_texts_in_order_of_length() -> None:
    texts = [f"{i % 7000:05}" + "x" * (i % 50) for i in range(CHUNK_TEXTS + 3000)]
    asked = [Occurrence(text, 0, 1 + i % 5) for i, text in enumerate(texts)]
    found = list(chunks(asked))
    assert sorted(row for group in found for rows in group.values() for row in rows) == list(range(len(asked)))
    lengths = [len(text) for group in found for text in group]
    assert lengths == sorted(lengths)
    assert len({text for group in found for text in group}) == sum(len(group) for group in found)
    assert max(len(group) for group in found) <= CHUNK_TEXTS


def test_chunks_follow_from_the_texts_not_from_their_order() -> None:
    asked = [Occurrence(f"text {i} {'y' * (i % 9)}", 0, 4) for i in range(100)]
    assert [list(group) for group in chunks(asked)] == [list(group) for group in chunks(asked[::-1])]
