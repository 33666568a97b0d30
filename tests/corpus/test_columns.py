"""Guesses, choices, targets and splits."""

import csv
import io
from pathlib import Path

import pytest

from embedlab.corpus import Columns, preview
from embedlab.types import Target
from tests.corpus.files import sentence, take


def table(*rows: tuple[object, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


@pytest.mark.parametrize(
    ("rows", "guess"),
    [
        ([("id", "Review", "Sentiment"), (1, "I liked it a lot", "pos"), (2, "Never again", "neg")],
         Columns(text="Review", label="Sentiment")),
        ([("question", "answer"), ("Where is the bank?", "It is by the church."), ("Who came?", "My aunt did.")],
         Columns(text="question", pair="answer")),
        ([("sentence1", "sentence2", "label"), ("A man eats.", "One eats.", 1), ("It rains.", "Sun shines.", 0)],
         Columns(text="sentence1", pair="sentence2", label="label")),
        ([("index", "text", "sense", "split"), (3, "we sat by bank", "b", "train"), (0, "bank of it", "a", "test")],
         Columns(text="text", token_index="index", sense="sense", split="split")),
        ([("index", "text", "label"), (0, "one two three four", "b"), (1, "bank of it", "a"), (2, "a b c d", "a")],
         Columns(text="text", label="label")),
        ([("text", "target"), ("the bank is shut", "bank"), ("a crane flew by", "crane")],
         Columns(text="text", target="target")),
        ([("text", "target"), ("the bank is shut", "1"), ("a crane flew by", "0")],
         Columns(text="text", label="target")),
        ([("text", "fold"), ("the bank is shut", "dev"), ("a crane flew by", "train")], Columns(text="text")),
        ([("a", "b"), ("the bank is shut today", "x"), ("a crane flew by", "y"), ("third of them", "x"), ("four", "y")],
         Columns(text="a", label="b")),
    ],
)  # fmt: skip
def test_guess(tmp_path: Path, rows: list[tuple[object, ...]], guess: Columns) -> None:
    (tmp_path / "u").write_text(table(*rows))
    assert preview(tmp_path / "u", "a.csv").guess == guess


def test_spans(tmp_path: Path) -> None:
    rows = [
        ("text", "start", "end", "sense"), ("The Banks closed.", 4, 9, "s"), ("No target here.", "", "", ""),
        ("The bank closed.", "4.0", "8.0", ""), ("short", 2, 50, "s"), ("short", -1, 3, "s"), ("short", 3, 3, "s"),
        ("short", "x", 3, "s"), ("short", 1, "", "s"), ("a    b", 1, 3, "s"),
    ]  # fmt: skip
    imported = take(tmp_path, "a.csv", table(*rows))
    assert imported.corpus.targets == (Target(4, 9, "banks", "s"), None, Target(4, 8, "bank", None))
    assert [(r.row, r.reason) for r in imported.refused] == [
        (4, "the span 2 to 50 lies outside the text, which has 5 characters"),
        (5, "the span -1 to 3 lies outside the text, which has 5 characters"),
        (6, "the span 3 to 3 is empty"),
        (7, "the start is not a whole number"),
        (8, "the end is not a whole number"),
        (9, "the span 1 to 3 holds only white space"),
    ]


def test_headword_beside_a_span(tmp_path: Path) -> None:
    imported = take(tmp_path, "a.csv", table(("text", "start", "end", "target"), ("Two mice ran.", 4, 8, "mouse")))
    assert imported.corpus.targets == (Target(4, 8, "mouse", None),)


def test_token_index_counts_split_tokens(tmp_path: Path) -> None:
    rows = [("token_index", "text"), (2, "the  the \u00a0bank the"), (0, "bank"), (7, "too short"), (-1, "too low")]
    imported = take(tmp_path, "a.csv", table(*rows), Columns(text="text", token_index="token_index"))
    targets = imported.corpus.targets or ()
    assert [t and imported.corpus.texts[i][t.start : t.end] for i, t in enumerate(targets)] == ["bank", "bank"]
    assert targets[0] == Target(10, 14, "bank", None)
    assert [r.row for r in imported.refused] == [3, 4]


def test_target_alone_is_its_first_whole_word_use(tmp_path: Path) -> None:
    rows = [
        ("text", "target"),
        ("Embankment, Bank, bank", "bank"),
        ("only banks here", "bank"),
        ("New York is big", "new york"),
    ]
    imported = take(tmp_path, "a.csv", table(*rows), Columns(text="text", target="target"))
    assert imported.corpus.targets == (Target(12, 16, "bank", None), Target(0, 8, "new york", None))
    assert [(r.row, r.reason) for r in imported.refused] == [(2, "the target word does not occur in the text")]


def test_splits_are_train_or_test_and_nothing_else(tmp_path: Path) -> None:
    rows = [("text", "split"), ("a b", "train"), ("c d", "TEST"), ("e f", ""), ("g h", "dev")]
    imported = take(tmp_path, "a.csv", table(*rows), Columns(text="text", split="split"))
    assert imported.corpus.splits == ("train", "test", None)
    assert [(r.row, r.reason) for r in imported.refused] == [(4, "the split is neither train nor test")]


def test_choices_that_cannot_be(tmp_path: Path) -> None:
    data = table(("text", "start", "end", "sense", "index"), ("the bank", 4, 8, "a", 1))
    assert "did you mean “sense”" in sentence(tmp_path, "a.csv", data, Columns(text="text", label="sens"))
    assert "no column “nowhere”" in sentence(tmp_path, "a.csv", data, Columns(text="nowhere"))
    assert "both a start and an end" in sentence(tmp_path, "a.csv", data, Columns(text="text", start="start"))
    assert "sense column needs" in sentence(tmp_path, "a.csv", data, Columns(text="text", sense="sense"))
    both = Columns(text="text", start="start", end="end", token_index="index")
    assert "not both" in sentence(tmp_path, "a.csv", data, both)


def test_text_is_guessed_when_only_other_columns_are_chosen(tmp_path: Path) -> None:
    data = table(("quote", "kind"), ("the bank was shut", "a"), ("another one of these", "b"))
    imported = take(tmp_path, "a.csv", data, Columns(label="kind"))
    assert imported.columns == Columns(text="quote", label="kind")
