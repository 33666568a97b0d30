"""Words and their uses."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedlab.errors import CorpusError
from embedlab.occurrences import (
    all_words,
    background,
    concordance,
    targets,
    uses_of,
    vocabulary,
    whole_texts,
    word_spans,
)
from embedlab.types import Corpus, Target

MADE = Corpus(
    "0",
    "made",
    ("The Bank's banks. BANK!", "Embankment of the bank_vault\nand bank", "nothing here", "Two mice at the bank"),
    labels=("a", None, "b", "c"),
    targets=(Target(11, 16, "bank", "finance"), None, None, Target(4, 8, "mouse", "animal")),
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The bank's banks don't stop, we'll see.", ["The", "bank", "banks", "don't", "stop", "we", "see"]),
        ("It isn’t 42 or 3rd a_b l'arbre", ["It", "isn’t", "or", "3rd", "a", "b", "l", "arbre"]),
        ("'quoted' rock 'n' roll -- O'Brien's", ["quoted", "rock", "n", "roll", "O", "Brien"]),
        ("हिन्दी cafe\u0301 Straße 日本 ﬁ Ωμέγα", ["हिन्दी", "cafe\u0301", "Straße", "日本", "ﬁ", "Ωμέγα"]),
        ("mother-in-law x2 2.5 …", ["mother", "in", "law", "x2"]),
        ("", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in word_spans(text)] == words


@given(st.text(max_size=80))
def test_words_are_ordered_apart_and_hold_a_letter(text: str) -> None:
    spans = word_spans(text)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
    assert all(any(c.isalpha() for c in text[start:end]) for start, end in spans)


@given(st.text("abn'’t_s 1é\u0301-", max_size=40))
def test_every_word_of_the_vocabulary_is_found_as_often_as_counted(text: str) -> None:
    corpus = Corpus("0", "made", (text or "x",))
    for word, count in vocabulary(corpus, min_count=1).items():
        assert len(uses_of(corpus, word)) >= count


def test_uses_are_whole_words_of_any_case_and_the_targets_of_that_headword() -> None:
    uses = uses_of(MADE, "bank")
    assert [(use.row, use.surface, use.sense) for use in uses] == [
        (0, "Bank", None), (0, "banks", "finance"), (0, "BANK", None), (1, "bank", None), (1, "bank", None),
        (3, "bank", None),
    ]  # fmt: skip
    assert {use.word for use in uses} == {"bank"}
    assert [use.surface for use in uses_of(MADE, "MOUSE")] == ["mice"]
    assert [use.surface for use in uses_of(MADE, "and  bank")] == ["and bank"]


def test_parts_of_contractions_are_no_uses() -> None:
    corpus = Corpus("0", "made", ("I don't know Don.", "isn’t it"))
    assert [use.start for use in uses_of(corpus, "don")] == [13]
    assert [use.surface for use in uses_of(corpus, "don't")] == ["don't"]
    assert [use.surface for use in uses_of(corpus, "isn't it")] == ["isn’t it"]


def test_a_word_that_never_occurs_names_its_neighbours() -> None:
    with pytest.raises(CorpusError, match=r"“bnak” never occurs in this corpus; near it are .*“bank”"):
        uses_of(MADE, "bnak")
    with pytest.raises(CorpusError, match="choose a word of its texts"):
        uses_of(MADE, "qqqqqqq")
    with pytest.raises(CorpusError, match="No word was given"):
        uses_of(MADE, "  ")


def test_targets_and_whole_texts() -> None:
    assert [(u.row, u.surface, u.word, u.sense) for u in targets(MADE)] == [
        (0, "banks", "bank", "finance"),
        (3, "mice", "mouse", "animal"),
    ]
    assert targets(Corpus("0", "none", ("a",))) == []
    whole = whole_texts(MADE)
    assert all(use.is_whole_text for use in whole)
    assert [use.row for use in whole] == [0, 1, 2, 3]


def test_all_words_are_those_of_the_vocabulary() -> None:
    uses = all_words(MADE)
    assert dict(Counter(use.word for use in uses)) == vocabulary(MADE, min_count=1)
    assert [(use.row, use.surface) for use in uses if use.sense] == [(0, "banks"), (3, "mice")]


def test_vocabulary_is_sorted_by_count_then_word() -> None:
    assert vocabulary(MADE) == {"bank": 5, "the": 3}
    assert list(vocabulary(MADE, min_count=1))[:4] == ["bank", "the", "and", "at"]


def test_concordance() -> None:
    lines = concordance(MADE, "bank", width=8)
    assert [(line.row, line.left, line.surface, line.right, line.label) for line in lines[2:4]] == [
        (0, " banks. ", "BANK", "!", "a"), (1, " of the ", "bank", "_vault a", None),
    ]  # fmt: skip
    assert lines[1].sense == "finance"


def test_background_is_one_unit_a_text_and_seeded() -> None:
    texts = ["a b", "c", "a b", "", "d e f"] * 2
    units = [word_spans(text) for text in texts]
    first, again, other = (background(texts, units, seed) for seed in (1, 1, 2))
    assert first == again
    assert [use.row for use in first] == [0, 1, 4]
    assert all((use.start, use.end) in units[use.row or 0] for use in first)
    many = [f"{i} a b c d" for i in range(400)]
    picked = background(many, [word_spans(t) for t in many], 0)
    assert other is not first
    counts = np.unique([use.surface for use in picked], return_counts=True)[1]
    assert (counts > 60).all()
