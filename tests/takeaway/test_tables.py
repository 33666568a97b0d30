"""Tables of words: the corpus table, word2vec files byte by byte, and the projector's pair."""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedlab import takeaway
from embedlab.errors import StoreError
from embedlab.types import EncoderSpec, Occurrence, Snapshot
from embedlab.vectorfiles import VectorError, read_vectors
from embedlab.vectorfiles.writing import write_words

WORDS = ["bank", "bänke", "银行", "don't", "3", "a\u00adb"]
EXTREMES = [0.0, -0.0, 1e-45, -1.17549435e-38, 3.4028235e38, 0.1, 1 / 3, 16777217.0, -2.5]


def table(dim: int = 9) -> np.ndarray:
    rng = np.random.default_rng(0)
    shape = len(WORDS), dim
    rows = (rng.standard_normal(shape) * 10.0 ** rng.integers(-30, 30, shape)).astype(np.float32)
    rows[0, : len(EXTREMES)] = EXTREMES[:dim]
    return rows


# ---------------------------------------------------------------- word2vec


def test_a_text_file_by_hand(tmp_path: Path) -> None:
    takeaway.word2vec(["ab", "ä"], np.array([[1.5, -2.0], [0.1, 1e-7]], np.float32), tmp_path / "t.txt", binary=False)
    assert (tmp_path / "t.txt").read_bytes() == "2 2\nab 1.5 -2\nä 0.100000001 1.00000001e-07\n".encode()


def test_a_binary_file_by_hand(tmp_path: Path) -> None:
    takeaway.word2vec(["ab", "ä"], np.array([[1.5, -2.0], [0.1, 1e-7]], np.float32), tmp_path / "t.bin", binary=True)
    rows = [b"ab " + struct.pack("<2f", 1.5, -2.0), "ä ".encode() + struct.pack("<2f", 0.1, 1e-7)]
    assert (tmp_path / "t.bin").read_bytes() == b"2 2\n" + b"".join(rows)


@pytest.mark.parametrize("name", ["t.txt", "t.vec", "t.bin"])
@pytest.mark.parametrize("dim", [1, 9, 300])
def test_our_reader_gives_the_same_bits_back(name: str, dim: int, tmp_path: Path) -> None:
    rows = table(dim)
    takeaway.word2vec(WORDS, rows, tmp_path / name, binary=name.endswith(".bin"))
    read = read_vectors(tmp_path / name)
    assert read.names == tuple(WORDS)
    assert read.notes == ()
    assert read.rows.dtype == np.float32
    np.testing.assert_array_equal(read.rows.view(np.uint32), rows.view(np.uint32))


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=64))
def test_every_float32_survives_nine_digits(tmp_path_factory: pytest.TempPathFactory, bits: list[int]) -> None:
    rows = np.array([bits], np.uint32).view(np.float32)
    rows = np.where(np.isfinite(rows), rows, 1.0).astype(np.float32)
    path = tmp_path_factory.mktemp("w") / "t.txt"
    write_words(["w"], rows, path, binary=False)
    np.testing.assert_array_equal(read_vectors(path).rows.view(np.uint32), rows.view(np.uint32))


def gensim_reads(path: Path, binary: bool) -> dict[str, list[float]]:
    """As gensim 4 reads: header and text lines split at single spaces; in binary, a name up to its space."""
    data = path.read_bytes()
    head, _, rest = data.partition(b"\n")
    rows, dim = (int(x) for x in head.decode().split())
    found: dict[str, list[float]] = {}
    if not binary:
        for line in rest.decode().rstrip("\n").split("\n"):
            parts = line.rstrip().split(" ")
            assert len(parts) == dim + 1
            found[parts[0]] = [float(x) for x in parts[1:]]
    else:
        at = 0
        for _ in range(rows):
            end = rest.index(b" ", at)
            found[rest[at:end].decode().lstrip("\n")] = list(struct.unpack_from(f"<{dim}f", rest, end + 1))
            at = end + 1 + 4 * dim
        assert at == len(rest)
    assert len(found) == rows
    return found


@pytest.mark.parametrize("binary", [False, True])
def test_another_reader_agrees(binary: bool, tmp_path: Path) -> None:
    path, rows = tmp_path / ("t.bin" if binary else "t.txt"), table()
    takeaway.word2vec(WORDS, rows, path, binary=binary)
    found = gensim_reads(path, binary)
    assert list(found) == WORDS
    np.testing.assert_array_equal(np.array(list(found.values()), np.float32), rows)


@pytest.mark.parametrize(
    "word", ["New York", "a\tb", "a\nb", "", "a\u00a0b", "a\u2028b", "\x1f", "a\x00", "x" * 1001, "\ud800"]
)
@pytest.mark.parametrize("name", ["t.txt", "t.bin"])
def test_a_word_that_cannot_be_written_is_refused_and_counted(word: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(VectorError, match="1 of 2 words cannot stand in a word2vec file"):
        takeaway.word2vec(["fine", word], np.ones((2, 3), np.float32), tmp_path / name, binary=name.endswith("bin"))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "rows", "says"),
    [
        (["a", "a"], np.ones((2, 2)), "1 words stand in the table twice"),
        (["a"], np.array([[1.0, np.nan]]), "row 1 holds a value that is not a finite number"),
        ([], np.ones((0, 2)), "at least one"),
        (["a"], np.ones((1, 0)), "at least one"),
    ],
)
@pytest.mark.parametrize("binary", [False, True])
def test_what_is_no_table_is_refused(
    words: list[str], rows: np.ndarray, says: str, binary: bool, tmp_path: Path
) -> None:
    with pytest.raises(VectorError, match=says):
        takeaway.word2vec(words, rows.astype(np.float32), tmp_path / ("t.bin" if binary else "t.txt"), binary=binary)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "binary"), [("t.bin", False), ("t.txt", True), ("t", True), ("t.npy", False)])
def test_an_ending_that_readers_would_take_for_another_kind_is_refused(name: str, binary: bool, tmp_path: Path) -> None:
    with pytest.raises(VectorError, match=r"ends in \."):
        takeaway.word2vec(["a"], np.ones((1, 2), np.float32), tmp_path / name, binary=binary)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("dear diary")
    with pytest.raises(VectorError, match=r"There is a file mine\.txt already"):
        takeaway.word2vec(["a"], np.ones((1, 2), np.float32), path, binary=False)
    with pytest.raises(StoreError, match=r"something called mine\.txt already"):
        takeaway.projector(["a"], np.ones((1, 2), np.float32), path)
    with pytest.raises(StoreError, match="already"):
        takeaway.projector(["a"], np.ones((1, 2), np.float32), tmp_path)
    assert path.read_text() == "dear diary"


# ---------------------------------------------------------------- projector


def projector_reads(folder: Path) -> tuple[list[list[float]], list[str], list[list[str]]]:
    """As TensorBoard's projector parses: lines of white space dropped, a header where the first line has a tab."""
    read = [(folder / f"{name}.tsv").read_bytes().decode().split("\n") for name in ("vectors", "metadata")]
    rows, lines = ([line for line in part if line.strip()] for part in read)
    vectors = [[float(x) for x in row.split("\t")] for row in rows]
    header = lines.pop(0).split("\t") if "\t" in lines[0] else []
    return vectors, header, [line.split("\t") for line in lines]


HOSTILE = ["bank", "a\tb", "two\nlines", "cr\rlf", "back\\slash", "\\n", '"quoted', "<b>"]
SHOWN = ["bank", "a\\tb", "two\\nlines", "cr\\rlf", "back\\\\slash", "\\\\n", '"quoted', "<b>"]


def test_the_projector_s_pair_with_columns(tmp_path: Path) -> None:
    rows = table()[:1].repeat(len(HOSTILE), 0)
    columns = {"count": range(len(HOSTILE)), "sense": ["river\tside", None, *["x"] * 6]}
    takeaway.projector(HOSTILE, rows, tmp_path / "p", columns)
    vectors, header, cells = projector_reads(tmp_path / "p")
    np.testing.assert_array_equal(np.array(vectors, np.float32), rows)
    assert header == ["word", "count", "sense"]
    assert [cell[0] for cell in cells] == SHOWN
    assert cells[0] == ["bank", "0", "river\\tside"]
    assert cells[1] == ["a\\tb", "1", ""]


@pytest.mark.parametrize("columns", [None, {}])
def test_one_column_has_no_header(columns: dict[str, Sequence[str]] | None, tmp_path: Path) -> None:
    takeaway.projector(HOSTILE, np.ones((8, 2), np.float32), tmp_path / "p", columns)
    assert (tmp_path / "p" / "metadata.tsv").read_text() == "\n".join(SHOWN) + "\n"


@pytest.mark.parametrize("word", ["", " ", "\u00a0", "\n"])
def test_a_word_the_projector_would_pass_over_is_refused(word: str, tmp_path: Path) -> None:
    with pytest.raises(VectorError, match="1 words are nothing but white space"):
        takeaway.projector(["a", word], np.ones((2, 2), np.float32), tmp_path / "p")
    assert not (tmp_path / "p").exists()


# ---------------------------------------------------------------- the corpus table


def snapshot(words: Sequence[str | None], rows: np.ndarray) -> Snapshot:
    uses = [Occurrence("a text", 0, 1, word=word, row=i) for i, word in enumerate(words)]
    return Snapshot(EncoderSpec("tiny"), "f" * 64, uses, ("0", "1"), (np.zeros_like(rows), rows))


def test_the_corpus_table_by_hand() -> None:
    rows = np.array([[1, 0], [0, 4], [3, 0], [5, 5]], np.float32)
    found = takeaway.corpus_table(snapshot(["river", "bank", "river", "apple"], rows), 1)
    assert found.words == ("river", "apple", "bank")  # most used first, then by spelling
    assert found.counts.tolist() == [2, 1, 1]
    np.testing.assert_array_equal(found.vectors, np.array([[2, 0], [5, 5], [0, 4]], np.float32))
    assert not takeaway.corpus_table(snapshot(["river", "bank", "river", "apple"], rows), 0).vectors.any()


def test_the_corpus_table_is_the_mean_word_by_word() -> None:
    rng = np.random.default_rng(1)
    words = [f"w{i}" for i in rng.zipf(1.5, 9000) % 500]
    rows = (rng.standard_normal((9000, 5)) + 100).astype(np.float32)
    found = takeaway.corpus_table(snapshot(words, rows), 1)
    for word, count, vector in zip(found.words, found.counts, found.vectors, strict=True):
        of_word = rows[[w == word for w in words]]
        assert len(of_word) == count
        np.testing.assert_allclose(vector, of_word.astype(np.float64).mean(0), rtol=2e-7)


def test_texts_are_no_words() -> None:
    with pytest.raises(VectorError, match="not of words"):
        takeaway.corpus_table(snapshot(["bank", None], np.ones((2, 2), np.float32)), 1)


@pytest.mark.parametrize(("format", "name"), [("word2vec", "t.vec"), ("word2vec-bin", "t.bin"), ("projector", "p")])
def test_a_table_in_each_format(format: takeaway.Format, name: str, tmp_path: Path) -> None:
    made = takeaway.corpus_table(snapshot(["river", "bank", "river"], np.arange(6, dtype=np.float32).reshape(3, 2)), 1)
    takeaway.export_table(made, format, tmp_path / name)
    if format == "projector":
        cells = [["river", "2"], ["bank", "1"]]
        assert projector_reads(tmp_path / name) == ([[2, 3], [2, 3]], ["word", "count"], cells)
    else:
        assert read_vectors(tmp_path / name).names == ("river", "bank")
