"""A choice of rows becomes a corpus of its own."""

from pathlib import Path

import numpy as np
import pytest

from embedlab import corpus as corpora
from embedlab.corpus import Columns
from embedlab.errors import CorpusError
from embedlab.lab import Lab
from embedlab.types import Target

ROWS = [
    ("We sat on the bank of the river.", "nature", "bank"),
    ("The Bank raised its rates.", "money", "bank"),
    ("A teller counted the notes.", "money", "teller"),
    ("The banks of the stream were muddy.", "nature", "banks"),
    ("She rowed the boat.", "nature", "boat"),
    ("He opened an account.", "money", "account"),
]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    made = Lab(tmp_path / "workspace")
    (tmp_path / "mine.csv").write_text(
        "text,label,word\n" + "".join(f'"{text}",{label},{word}\n' for text, label, word in ROWS)
    )
    made.add_corpus(tmp_path / "mine.csv", Columns(text="text", label="label", target="word"))
    return made


def test_a_selection_is_a_corpus_with_all_its_columns(lab: Lab) -> None:
    (source,) = lab.corpora()
    entry = lab.corpus_from(source.id, [5, 0, 3, 0], "Some of mine")
    made, whole = lab.corpus(entry.id), lab.corpus(source.id)
    assert (entry.name, entry.summary["rows"], entry.summary["from"]) == ("Some of mine", 3, source.id)
    assert made.texts == tuple(whole.texts[row] for row in (0, 3, 5))
    assert made.labels == ("nature", "nature", "money")
    assert made.targets is not None
    assert whole.targets is not None
    assert made.targets == tuple(whole.targets[row] for row in (0, 3, 5))
    assert lab.refusals(entry.id) == ()


def test_every_row_keeps_its_side(lab: Lab) -> None:
    (source,) = lab.corpora()
    held = corpora.held_out(lab.corpus(source.id))
    assert held.any()
    assert not held.all()
    for rows in ([0, 1, 2], [3, 4, 5], list(np.flatnonzero(held)), list(np.flatnonzero(~held))):
        made = lab.corpus(lab.corpus_from(source.id, rows, "part").id)
        assert corpora.held_out(made).tolist() == held[rows].tolist()


def test_the_same_rows_are_the_same_corpus(lab: Lab) -> None:
    (source,) = lab.corpora()
    assert lab.corpus_from(source.id, [1, 2], "one").id == lab.corpus_from(source.id, [2, 1, 1], "one").id
    assert len(lab.corpora()) == 2


def test_senses_a_person_named_go_along_and_a_row_may_come_twice(lab: Lab) -> None:
    (source,) = lab.corpora()
    named = [Target(14, 18, "bank", "shore"), Target(4, 8, "bank", "house"), Target(26, 31, "river", None)]
    made = lab.corpus(lab.corpus_from(source.id, [0, 1, 0], "named", targets=named).id)
    assert made.targets == tuple(named)
    assert made.texts == (ROWS[0][0], ROWS[1][0], ROWS[0][0])


@pytest.mark.parametrize(
    ("rows", "name", "targets", "says"),
    [
        ([], "x", None, "Nothing is selected"),
        ([6], "x", None, "the rows 0 to 5"),
        ([-1], "x", None, "the rows 0 to 5"),
        ([1], "  ", None, "no name"),
        ([1, 2], "x", [None], "one target a row"),
    ],
)
def test_what_cannot_be_a_corpus_is_said(
    lab: Lab, rows: list[int], name: str, targets: list[Target | None] | None, says: str
) -> None:
    (source,) = lab.corpora()
    with pytest.raises(CorpusError, match=says):
        lab.corpus_from(source.id, rows, name, targets=targets)
    assert len(lab.corpora()) == 1


def test_a_name_is_shown_clean(lab: Lab) -> None:
    (source,) = lab.corpora()
    assert "\n" not in lab.corpus_from(source.id, [0], "a\nb").name


def test_rows_with_a_word_are_those_that_use_it_whole(lab: Lab) -> None:
    (source,) = lab.corpora()
    assert lab.rows_with(source.id, ["bank"]) == (0, 1)
    assert lab.rows_with(source.id, ["BANK", "boat"]) == (0, 1, 4)
    assert lab.rows_with(source.id, ["ban"]) == ()
