"""Word-vector files against gensim, both ways: what it writes we read, what we write it reads, to the last bit."""

from pathlib import Path

import numpy as np
import pytest
from gensim.models import FastText, KeyedVectors
from gensim.models.fasttext import load_facebook_vectors, save_facebook_model

from embedlab.errors import UserError
from embedlab.measure.neighbours import nearest
from embedlab.vectorfiles import look_at, read_vectors
from embedlab.vectorfiles.fasttext import hashed
from embedlab.vectorfiles.writing import write_fasttext, write_glove, write_npz, write_words

WORDS = (*(f"word{i}" for i in range(60)), "naïve", "的", "Bank", "12", ",", "</s>", "ﬁ", "🦔")
ROWS = np.random.default_rng(1).normal(size=(len(WORDS), 24)).astype(np.float32)
ROWS[0, :4] = [np.float32(1e-38), np.finfo(np.float32).max, np.nextafter(np.float32(1), np.float32(2)), -0.0]
ENDING = {"text": "a.vec", "binary": "a.bin", "glove": "a.txt"}


def by_gensim(path: Path, kind: str) -> KeyedVectors:
    return KeyedVectors.load_word2vec_format(str(path), binary=kind == "binary", no_header=kind == "glove")


def written(kind: str, rows: np.ndarray, path: Path) -> None:
    if kind == "glove":
        write_glove(WORDS, rows, path)
    else:
        write_words(WORDS, rows, path, binary=kind == "binary")


def keyed() -> KeyedVectors:
    table = KeyedVectors(ROWS.shape[1])
    table.add_vectors(list(WORDS), ROWS)
    return table


@pytest.mark.parametrize("kind", ENDING)
def test_what_gensim_writes_is_read_to_the_last_bit(kind: str, tmp_path: Path) -> None:
    path = tmp_path / ENDING[kind]
    keyed().save_word2vec_format(str(path), binary=kind == "binary", write_header=kind != "glove")
    found = read_vectors(path)
    assert found.names == WORDS
    assert found.rows.tobytes() == ROWS.tobytes()
    assert (look_at(path, path.name).rows, look_at(path, path.name).dim) == ROWS.shape


@pytest.mark.parametrize("kind", ENDING)
def test_what_is_written_gensim_reads_to_the_last_bit(kind: str, tmp_path: Path) -> None:
    path = tmp_path / ENDING[kind]
    written(kind, ROWS, path)
    theirs = by_gensim(path, kind)
    assert tuple(theirs.index_to_key) == WORDS
    assert theirs.vectors.tobytes() == ROWS.tobytes()
    assert read_vectors(path).rows.tobytes() == ROWS.tobytes()


@pytest.mark.parametrize("kind", ENDING)
def test_the_neighbours_are_those_that_gensim_finds(kind: str, tmp_path: Path) -> None:
    path = tmp_path / ENDING[kind]
    rows = np.random.default_rng(2).normal(size=ROWS.shape).astype(np.float32)
    written(kind, rows, path)
    ours, theirs = read_vectors(path), by_gensim(path, kind)
    assert ours.names is not None
    ids, _ = nearest(ours.rows, 10)
    for row, word in enumerate(ours.names):
        assert [ours.names[i] for i in ids[row]] == [name for name, _ in theirs.most_similar(word, topn=10)]


# ---------------------------------------------------------------- fastText models


@pytest.fixture(scope="module")
def model() -> FastText:
    texts = [["the", "bank", "of", "the", "river"], ["naïve", "的银行", "banks", "riverbank", "🦔s"], list("abc")] * 3
    return FastText(texts, vector_size=12, min_count=1, bucket=50, min_n=2, max_n=5, epochs=1, workers=1, seed=1)


def test_a_fasttext_model_gives_the_vectors_that_gensim_finds_in_it(model: FastText, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    save_facebook_model(model, str(path))
    theirs = load_facebook_vectors(str(path))
    heard: list[float] = []
    found = read_vectors(path, lambda share, what: heard.append(share))
    assert found.names == tuple(theirs.index_to_key)
    assert np.abs(found.rows - theirs.vectors).max() < 1e-7
    assert np.abs(found.rows).max() > 0.01  # the agreement is not about zeros
    assert "n-grams" in found.notes[0]
    assert heard[-1] == 1.0
    assert look_at(path, path.name).rows == len(theirs)


def test_what_is_written_as_a_fasttext_model_gensim_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_fasttext(WORDS, ROWS, path)
    theirs = load_facebook_vectors(str(path))
    assert tuple(theirs.index_to_key) == WORDS
    assert theirs.vectors_vocab.tobytes() == ROWS.tobytes()
    found = read_vectors(path)
    assert found.names == WORDS
    assert found.rows.tobytes() == ROWS.tobytes()
    assert found.notes == ()


def fnv(text: bytes) -> int:
    """By the letter of fastText's Dictionary::hash: the byte is a signed char."""
    h = 2166136261
    for byte in text:
        h ^= (byte - 256 if byte > 127 else byte) & 0xFFFFFFFF
        h = h * 16777619 & 0xFFFFFFFF
    return h


@pytest.mark.parametrize(("shortest", "longest"), [(3, 6), (1, 3), (0, 1), (2, 2), (5, 4), (1, 64)])
def test_ngrams_are_those_of_a_loop_over_characters(shortest: int, longest: int) -> None:
    names = ["bank", "a", "的银行", "naïve", "🦔", "</s>", "ab"]
    expected = []
    for row, name in enumerate(names):
        text = "" if name == "</s>" else f"<{name}>"
        grams = [text[i : i + n] for n in range(max(shortest, 1), longest + 1) for i in range(len(text) - n + 1)]
        expected += [(row, fnv(gram.encode()) % 1000) for gram in grams if gram not in ("<", ">")]
    owner, bucket = hashed([name.encode() for name in names], shortest, longest, 1000)
    assert sorted(zip(owner.tolist(), bucket.tolist(), strict=True)) == sorted(expected)


def test_long_words_are_summed_in_pieces_to_the_same_mean(
    model: FastText, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    save_facebook_model(model, str(path))
    whole = read_vectors(path).rows
    monkeypatch.setattr("embedlab.vectorfiles.fasttext.GATHERED", 36)  # three rows at once
    monkeypatch.setattr("embedlab.vectorfiles.fasttext.HASHED", 40)  # a word or two at once
    assert np.abs(read_vectors(path).rows - whole).max() < 1e-7


# ---------------------------------------------------------------- npz


def test_a_table_of_words_as_npz(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_npz(WORDS, ROWS, path)
    found = read_vectors(path)
    assert found.names == WORDS
    assert found.rows.tobytes() == ROWS.tobytes()
    assert (look_at(path, "a.npz").rows, look_at(path, "a.npz").dim) == ROWS.shape
    with np.load(path, allow_pickle=False) as plain:
        assert plain["words"].tolist() == list(WORDS)


def test_an_npz_without_words_is_no_table_of_words(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, ROWS)
    assert read_vectors(path).names is None
    with pytest.raises(UserError, match="no table of words"):
        look_at(path, "a.npz")


def test_a_glove_file_whose_first_row_reads_as_sizes_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="taken for the sizes"):
        write_glove(("12", "b"), np.array([[3.0], [4.0]], np.float32), tmp_path / "a.txt")
    write_glove(("b", "12"), np.array([[3.0], [4.0]], np.float32), tmp_path / "a.txt")
    assert read_vectors(tmp_path / "a.txt").names == ("b", "12")
