"""Words: how a text is cut, which words are known and in what order, and the files that say so."""

import string
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from embedlab.encoders.alignment import PieceReader
from embedlab.errors import ModelError
from embedlab.lineage import vocabulary

TEXTS = ["The Bank, the river.", "the bank! the loan", "a loan a day"]


def cut(text: str) -> list[str]:
    """By another route: letter by letter, marks of punctuation and ASCII signs alone."""
    words = [""]
    for sign in text:
        if sign.isspace():
            words.append("")
        elif sign in string.punctuation or unicodedata.category(sign).startswith("P"):
            words += [sign, ""]
        else:
            words[-1] += sign
    return [word for word in words if word]


def test_words_stand_by_falling_count_then_alphabet() -> None:
    made = vocabulary.tokenizer(TEXTS)
    # the 4; a, bank, loan 2 each; "," "." "!" day river 1 each
    assert vocabulary.words_of(made) == ["[PAD]", "[UNK]", "the", "a", "bank", "loan"]
    assert made.encode("the loan river").ids == [2, 5, 1]


def test_bounds_on_words_and_case() -> None:
    assert vocabulary.words_of(vocabulary.tokenizer(TEXTS, most=1))[2:] == ["the"]
    every = vocabulary.words_of(vocabulary.tokenizer(TEXTS, min_count=1))
    assert every[2:] == ["the", "a", "bank", "loan", "!", ",", ".", "day", "river"]
    as_written = vocabulary.words_of(vocabulary.tokenizer(TEXTS, min_count=1, lower=False))
    assert {"The", "Bank", "the", "bank"} <= set(as_written)
    assert vocabulary.counts(TEXTS, lower=False)["the"] == 3
    assert vocabulary.counts([]) == {}
    assert vocabulary.words_of(vocabulary.tokenizer([])) == ["[PAD]", "[UNK]"]


@given(st.text(alphabet=st.sampled_from("abÉßçя一 \t\n.,;'\"-$+«»…²"), max_size=40))
def test_cut_as_by_another_route(text: str) -> None:
    assert list(vocabulary.counts([text], lower=False).elements()) == sorted(cut(text), key=cut(text).index)


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=30), max_size=5))
def test_what_was_counted_is_what_is_read(texts: list[str]) -> None:
    """No word that was counted is unknown to the tokenizer that was made of the counts."""
    made = vocabulary.tokenizer(texts, min_count=1)
    words = vocabulary.words_of(made)
    read = [words[i] for text in texts for i in made.encode(text).ids]
    assert "[UNK]" not in read
    assert dict(vocabulary.counts(texts)) == {word: read.count(word) for word in read}


def test_a_piece_knows_its_characters_and_nobody_types_a_special_one(tmp_path: Path) -> None:
    vocabulary.write(vocabulary.tokenizer([*TEXTS, "i̇ σας"], min_count=1), tmp_path)
    opened = AutoTokenizer.from_pretrained(tmp_path)
    assert (opened.pad_token_id, opened.unk_token_id) == (0, 1)
    reader = PieceReader(opened.backend_tokenizer, "mine")
    assert (reader.prefix, reader.suffix) == ((), ())
    text = "  The İ ΣΑΣ [PAD] bank,"
    (pieces,) = reader.read([text])
    shown = [text[start:end] for start, end in zip(pieces.starts, pieces.ends, strict=True)]
    assert shown == ["The", "İ", "ΣΑΣ", "[", "PAD", "]", "bank", ","]
    assert 0 not in pieces.ids
    words = vocabulary.words_of(opened.backend_tokenizer)
    assert [words[i] for i in pieces.ids][:2] == ["the", "i̇"]


def test_lower_case_is_the_tokenizers_own() -> None:
    """Python ends ΣΑΣ with ς, the tokenizer with σ: a word of a table must be looked up as the tokenizer has it."""
    assert vocabulary.lowered("ΣΑΣ") == "σασ" != "ΣΑΣ".lower()
    assert vocabulary.tokenizer(["ΣΑΣ ΣΑΣ"]).encode("ΣΑΣ").ids == [2]


def test_a_vocabulary_that_no_reader_would_take_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "LARGEST_FILE", 100)
    with pytest.raises(ModelError, match="bring a table of fewer words"):
        vocabulary.write(vocabulary.tokenizer(TEXTS), tmp_path)
    assert not list(tmp_path.iterdir())
