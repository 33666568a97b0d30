"""What the training showed of a word, counted by hand."""

from dataclasses import replace

import numpy as np
import pytest

from embedlab.comparing import causes
from embedlab.comparing.causes import Frequency, LabelCount, Shown, StepMove, Why
from embedlab.types import Corpus, Target

CORPUS = Corpus(
    "id",
    "mine",
    ("A bank by the bank.", "Banks close.", "The Bank opened.", "A bankrupt man.", "Nothing here."),
    labels=("x", "x", "y", None, "y"),
    pairs=(None, "The bank pays.", None, None, None),
    targets=(None, Target(0, 5, "bank", "money"), None, None, None),
)
ALL = np.ones(5, dtype=bool)


def spans(found: list[Shown]) -> list[tuple[int, str, str]]:
    return [(one.row, one.column, one.text[one.start : one.end]) for one in found]


def test_a_use_is_a_whole_word_of_any_column_or_the_target_of_the_row() -> None:
    assert spans(causes.shown_uses(CORPUS, ALL, "Bank")) == [
        (0, "text", "bank"),
        (0, "text", "bank"),
        (1, "text", "Banks"),
        (1, "pair", "bank"),
        (2, "text", "Bank"),
    ]


def test_only_the_rows_of_the_training_count() -> None:
    rows = np.array([True, False, True, True, False])
    uses = causes.shown_uses(CORPUS, rows, "bank")
    assert {use.row for use in uses} == {0, 2}
    assert causes.frequency(CORPUS, rows, uses) == Frequency(3, 2, 3, (LabelCount("x", 1, 1), LabelCount("y", 1, 1)))


def test_the_frequency_label_by_label() -> None:
    seen = causes.frequency(CORPUS, ALL, causes.shown_uses(CORPUS, ALL, "bank"))
    assert (seen.uses, seen.rows, seen.of, seen.share) == (5, 3, 5, 0.6)
    assert seen.labels == (LabelCount("x", 2, 2), LabelCount("y", 1, 2))


def test_without_labels_the_senses_are_counted_and_nothing_of_nothing_is_none() -> None:
    bare = replace(CORPUS, labels=None)
    seen = causes.frequency(bare, ALL, causes.shown_uses(bare, ALL, "bank"))
    assert seen.labels == (LabelCount("money", 1, 1),)
    nobody = np.zeros(5, dtype=bool)
    assert causes.frequency(bare, nobody, ()) == Frequency(0, 0, 0)
    assert Frequency(0, 0, 0).share == 0.0


def test_the_nearest_come_first_and_rows_that_were_not_read_last() -> None:
    texts = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [0.0, 2.0], [-3.0, 0.0]])
    near = causes.cosines(np.array([2.0, 0.0]), texts)
    assert near == pytest.approx([1.0, np.nan, 2**-0.5, 0.0, -1.0], nan_ok=True)
    listed = causes.ranked([causes.shown_row(CORPUS, row) for row in (4, 3, 2, 1, 0)], near, 4)
    assert [one.row for one in listed] == [0, 2, 3, 4]
    (_, last) = causes.ranked([causes.shown_row(CORPUS, row) for row in (1, 4)], near, 9)
    assert (last.row, last.cosine) == (1, None)


def test_without_cosines_rows_stay_in_order() -> None:
    rows = [causes.shown_row(CORPUS, row) for row in (2, 0, 1)]
    assert causes.ranked(rows, None, 2) == tuple(rows[:2])


def why(*steps: StepMove) -> Why:
    return Why("c", "bank", 1, "id", "mine", True, Frequency(0, 0, 0), (), None, steps)


def test_when_it_moved_is_told_by_noise_and_by_half_of_the_way() -> None:
    told = why(
        StepMove(0, 0.0, False, 0.0), StepMove(10, 0.2, False, 0.04), StepMove(20, 0.5, True, 0.06),
        StepMove(30, 0.4, True, 0.1),
    )  # fmt: skip
    assert (told.first_changed, told.half_way) == (20, 20)
    assert why(StepMove(10, 0.3, None, 0.1)).first_changed is None
    assert why(StepMove(10, drift=0.1)).half_way is None  # one state tells no way
    assert why(StepMove(10, drift=0.0), StepMove(20, drift=0.0)).half_way is None
