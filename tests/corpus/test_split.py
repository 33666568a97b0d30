"""Held-out and selection rows: the same everywhere, fair to every stratum, true to the splits given."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedlab.corpus import held_out, selection
from embedlab.types import Corpus, Target


def labelled(rows: list[tuple[str, str | None]]) -> Corpus:
    return Corpus("0", "made", tuple(t for t, _ in rows), labels=tuple(label for _, label in rows))


def test_known_answer() -> None:
    """Frozen: a change here would move rows between training and test of every stored run."""
    held = held_out(labelled([(f"text {i}", "ab"[i % 2]) for i in range(16)]))
    assert np.flatnonzero(held).tolist() == KNOWN


KNOWN = [6, 7, 12, 13]


def test_share_order_and_repeats() -> None:
    made = labelled([(f"text {i % 300}", "abc"[i % 3]) for i in range(600)])
    held = held_out(made)
    assert held.mean() == pytest.approx(0.25, abs=0.01)
    assert (held[:300] == held[300:]).all()
    backwards = Corpus("0", "made", made.texts[::-1], labels=(made.labels or ())[::-1])
    assert (held_out(backwards)[::-1] == held).all()
    assert held_out(made, 0.5).mean() == pytest.approx(0.5, abs=0.01)


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from("abcd")), min_size=1, max_size=80), st.floats(0.05, 0.95))
def test_every_stratum_of_two_has_both_sides(rows: list[tuple[int, str]], share: float) -> None:
    made = labelled([(f"text {label} {i}", label) for i, label in rows])
    sides = defaultdict(set)
    members = defaultdict(set)
    for text, (_, label), side in zip(made.texts, rows, held_out(made, share), strict=True):
        sides[label].add(bool(side))
        members[label].add(text)
    for label, texts in members.items():
        assert sides[label] == ({True, False} if len(texts) > 1 else {False})


@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abcd")), min_size=1, max_size=60))
def test_a_text_of_several_strata_is_on_one_side(rows: list[tuple[int, str]]) -> None:
    made = labelled([(f"text {i}", label) for i, label in rows])
    side: dict[str, bool] = {}
    for text, held in zip(made.texts, held_out(made), strict=True):
        assert side.setdefault(text, bool(held)) == held


def test_shared_texts_do_not_empty_a_stratum() -> None:
    rows = [
        ("shared 1", "a"),
        ("shared 2", "a"),
        ("shared 1", "b"),
        ("shared 2", "b"),
        ("shared 1", "c"),
        ("other", "c"),
    ]
    held = held_out(labelled(rows))
    for label in "abc":
        assert len({bool(h) for h, (_, of) in zip(held, rows, strict=True) if of == label}) == 2


def test_senses_before_labels() -> None:
    targets = tuple(Target(0, 4, "bank", "ab"[i % 2]) for i in range(40))
    made = replace(labelled([(f"bank {i}", "one") for i in range(40)]), targets=targets)
    held = held_out(made)
    assert held[0::2].sum() == held[1::2].sum() == 5


def test_given_splits_win_and_guide_the_rest() -> None:
    texts = ("a", "b", "c", "a", "d", "e", "f", "g")
    made = Corpus("0", "made", texts, splits=("train", "test", "train", "test", None, None, None, None))
    held = held_out(made)
    assert held[:4].tolist() == [False, True, False, True]
    assert held_out(Corpus("0", "made", ("a", "a"), splits=("test", None))).tolist() == [True, True]


def test_one_text_is_for_training() -> None:
    assert held_out(labelled([("only", None)])).tolist() == [False]
    with pytest.raises(ValueError, match="share"):
        held_out(labelled([("only", None)]), 0)


def test_selection_known_answer() -> None:
    """Frozen: a change here would move rows between training and selection of every stored run."""
    made = labelled([(f"text {i}", "ab"[i % 2]) for i in range(24)])
    chosen = np.flatnonzero(selection(made)).tolist()
    assert chosen == CHOSEN
    training = [i for i in range(24) if not held_out(made)[i]]
    for label in (0, 1):  # the first of the stratum's training texts in the order of their digests
        first = min((i for i in training if i % 2 == label), key=lambda i: sha256(f"text {i}".encode()).digest())
        assert first in chosen


CHOSEN = [7, 14]


def test_selection_takes_a_tenth_and_nothing_from_small_strata() -> None:
    rows = [(f"large {i}", "large") for i in range(400)] + [(f"some {i}", "some") for i in range(12)]
    rows += [(f"few {i}", "few") for i in range(9)]
    made = labelled(rows)
    held, chosen = held_out(made), selection(made)
    label = np.array(made.labels)
    assert chosen[label == "large"].sum() == 30  # a tenth of the 300 that are not held out
    assert (~held)[label == "some"].sum() == 9
    assert chosen[label == "some"].sum() == 1
    assert (~held)[label == "few"].sum() == 7
    assert chosen[label == "few"].sum() == 0


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from("ab")), min_size=1, max_size=150))
def test_selection_is_training_texts_alone_and_never_more_than_a_stratum_can_spare(rows: list[tuple[int, str]]) -> None:
    made = labelled([(f"text {i}", label) for i, label in rows])
    held, chosen = held_out(made), selection(made)
    assert not (held & chosen).any()
    side: dict[str, bool] = {}
    for text, one in zip(made.texts, chosen, strict=True):
        assert side.setdefault(text, bool(one)) == one, "a text is on one side"
    for label in "ab":
        of = [i for i, (_, other) in enumerate(rows) if other == label and not held[i]]
        training, taken = {made.texts[i] for i in of}, {made.texts[i] for i in of if chosen[i]}
        assert len(taken) <= (max(1, round(0.1 * len(training))) if len(training) >= 8 else 0)
    assert (selection(replace(made, texts=made.texts[::-1], labels=(made.labels or ())[::-1]))[::-1] == chosen).all()


def test_partners_choose_together_or_not_at_all() -> None:
    """Forty answers, three questions each; and one answer that everybody gets, which therefore never chooses."""
    texts = tuple(f"question {i}" for i in range(240))
    pairs = tuple(f"answer {i % 40}" if i < 120 else "everybody's answer" for i in range(240))
    made = Corpus("0", "made", texts, pairs=pairs)
    held, chosen = held_out(made), selection(made)
    assert chosen.sum() >= 3
    for answer in set(pairs):
        rows = [i for i, pair in enumerate(pairs) if pair == answer]
        assert chosen[rows].all() or not chosen[rows].any()
        assert not (chosen[rows].any() and held[rows].any())
    assert not chosen[120:].any()


def test_selection_comes_from_the_training_rows_of_a_given_split() -> None:
    splits = tuple("train" if i % 4 else "test" for i in range(80))
    made = Corpus("0", "made", tuple(f"text {i}" for i in range(80)), splits=splits)
    chosen = np.flatnonzero(selection(made))
    assert len(chosen) == 6
    assert {splits[i] for i in chosen} == {"train"}
    twice = Corpus("0", "made", made.texts * 2, splits=splits + ("test",) * 80)
    assert not selection(twice).any(), "every training text is held out elsewhere"


def shown(corpus: Corpus, rows: Iterable[int]) -> set[str]:
    columns = [column for column in (corpus.texts, corpus.pairs, corpus.negatives) if column is not None]
    return {text for row in rows for column in columns if (text := column[row]) is not None}


def mined(n: int, seed: int = 0) -> Corpus:
    """Questions with their answers, and as negative the answer to another question."""
    others = (np.arange(n) + np.random.default_rng(seed).integers(1, n, n)) % n
    texts, pairs = tuple(f"question {i}" for i in range(n)), tuple(f"answer {i}" for i in range(n))
    return Corpus("0", "made", texts, pairs=pairs, negatives=tuple(pairs[i] for i in others))


def test_a_row_that_chooses_shows_no_text_of_a_held_out_row() -> None:
    made = mined(800)
    held, chosen = held_out(made), selection(made)
    assert (held == held_out(replace(made, negatives=None))).all(), "the texts alone hold out"
    assert chosen.sum() >= 10
    assert not shown(made, np.flatnonzero(chosen).tolist()) & shown(made, np.flatnonzero(held).tolist())


def test_rows_lost_for_the_choice_count_against_its_share() -> None:
    made = mined(800)
    held, chosen = held_out(made), selection(made)
    texts = shown(made, np.flatnonzero(chosen).tolist())
    lost = [i for i in np.flatnonzero(~held & ~chosen).tolist() if shown(made, [i]) & texts]
    assert lost
    assert chosen.sum() + len(lost) <= round(0.1 * (~held).sum())


def test_negatives_of_their_own_change_nothing() -> None:
    made = mined(240)
    alone = replace(made, negatives=tuple(f"other {i}" for i in range(240)))
    assert (selection(alone) == selection(replace(made, negatives=None))).all()


def test_many_negatives_of_one_text_are_no_obstacle_and_one_negative_of_many_texts_is() -> None:
    """A question with thirty negatives goes as one; a negative that every question has keeps all of them."""
    texts, pairs = (tuple(f"{what} {i // 30}" for i in range(3000)) for what in ("question", "answer"))
    made = Corpus("0", "made", texts, pairs=pairs, negatives=tuple(f"other {i}" for i in range(3000)))
    chosen = selection(made).reshape(100, 30)
    assert chosen.all(axis=1).sum() == chosen.any(axis=1).sum() == 8  # a tenth of the 75 that are not held out
    assert not selection(replace(made, negatives=("the same",) * 3000)).any()
