"""Files of vectors: the same table from every kind, writers that are not ours, and one sentence for what is broken."""

import gzip
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedlab.errors import UserError
from embedlab.vectorfiles import look_at, read_labels, read_vectors

NAMES = ("bank", "river bank", "naïve", "Bank", "12", ",", "的")
ROWS = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)


def as_text(names: Any, rows: np.ndarray, header: bool = True) -> bytes:
    """What word2vec.c writes as text; without the header, what GloVe writes."""
    lines = [f"{name} {' '.join(repr(float(x)) for x in row)}" for name, row in zip(names, rows, strict=True)]
    first = [f"{len(rows)} {rows.shape[1]}"] if header else []
    return ("\n".join([*first, *lines]) + "\n").encode()


def as_binary(names: Any, rows: np.ndarray, newline: bytes = b"\n") -> bytes:
    """What word2vec.c writes as binary (with a newline after each row), or gensim (without)."""
    out = io.BytesIO()
    out.write(f"{len(rows)} {rows.shape[1]}\n".encode())
    for name, row in zip(names, rows, strict=True):
        out.write(name.encode() + b" " + struct.pack(f"<{len(row)}f", *row) + newline)
    return out.getvalue()


def test_the_same_matrix_from_every_kind_of_file(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    np.save(tmp_path / "a.npy", rows)
    np.save(tmp_path / "fortran.npy", np.asfortranarray(rows))
    np.savez_compressed(tmp_path / "a.npz", rows)
    np.savez(tmp_path / "two.npz", X=rows, ids=np.arange(7))
    frame = pd.DataFrame(rows)
    frame.to_csv(tmp_path / "a.csv", index=False, header=False)
    frame.to_csv(tmp_path / "headed.tsv", index=False, header=["x", "y", "z"], sep="\t")
    frame.set_axis(["x", "y", "z"], axis=1).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"id": list("abcdefg"), "vector": list(rows)}).to_parquet(tmp_path / "list.parquet")
    for path in sorted(tmp_path.iterdir()):
        found = read_vectors(path)
        assert found.rows.shape == (7, 3), path.name
        assert np.allclose(found.rows, rows), path.name
        assert (found.names == tuple("abcdefg")) == (path.name == "list.parquet")


WRITTEN = {
    "a.vec": as_text(NAMES, ROWS),
    "glove.txt": as_text(NAMES, ROWS, header=False),
    "tabs.txt": as_text([n.replace(" ", "_") for n in NAMES], ROWS).replace(b" ", b"\t"),
    "windows.vec": as_text(NAMES, ROWS).replace(b"\n", b" \r\n"),
    "a.vec.gz": gzip.compress(as_text(NAMES, ROWS)),
    "glove.txt.gz": gzip.compress(as_text(NAMES, ROWS, header=False)),
}
BINARY = tuple(name.replace(" ", "_") for name in NAMES)
WRITTEN |= {"word2vec.bin": as_binary(BINARY, ROWS), "gensim.bin": as_binary(BINARY, ROWS, b"")}


@pytest.mark.parametrize("file", WRITTEN)
def test_a_table_of_words_as_others_write_it(file: str, tmp_path: Path) -> None:
    path = tmp_path / file
    path.write_bytes(WRITTEN[file])
    found = read_vectors(path)
    assert found.rows.dtype == np.float32
    assert np.array_equal(found.rows, ROWS)
    underscored = BINARY if file.endswith(".bin") or file == "tabs.txt" else NAMES
    assert found.names == underscored
    assert found.notes == ()
    shape = look_at(path, file)
    assert (shape.rows, shape.dim, shape.binary) == (7, 3, file.endswith(".bin"))


WORD = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)
NUMBER = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(data=st.data(), words=st.lists(WORD, min_size=1, max_size=12, unique=True), dim=st.integers(1, 5))
def test_what_is_written_is_read_to_the_last_bit(
    data: st.DataObject, words: list[str], dim: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    row = st.lists(NUMBER, min_size=dim, max_size=dim)
    rows = np.array(data.draw(st.lists(row, min_size=len(words), max_size=len(words))), dtype=np.float32)
    folder = tmp_path_factory.mktemp("words")
    (folder / "a.vec").write_bytes(as_text(words, rows))
    (folder / "a.bin").write_bytes(as_binary(words, rows, data.draw(st.sampled_from([b"", b"\n"]))))
    np.savez(folder / "a.npz", X=rows, words=np.array(words))
    pq.write_table(pa.table({"word": words, "vector": list(rows)}), folder / "a.parquet")
    for path in folder.iterdir():
        found = read_vectors(path)
        assert found.names == tuple(words), path.name
        assert found.rows.tobytes() == rows.tobytes(), path.name


def test_blocks_of_a_large_table_are_put_together_in_order(tmp_path: Path) -> None:
    rows = np.arange(5000 * 300, dtype=np.float32).reshape(5000, 300)  # more than one block of numbers
    path = tmp_path / "large.vec"
    path.write_bytes(as_text(range(5000), rows))
    found = read_vectors(path)
    assert np.array_equal(found.rows, rows)
    assert found.names == tuple(map(str, range(5000)))
    broken = path.read_bytes().replace(b"1200000.0", b"1200000.O")
    path.write_bytes(broken)
    with pytest.raises(UserError, match="row 4,001 holds something that is not a number"):
        read_vectors(path)


def test_the_first_row_of_a_name_counts_and_the_rest_are_told(tmp_path: Path) -> None:
    path = tmp_path / "twice.bin"
    path.write_bytes(as_binary(["a", "b", "a", "c", "b", "a", "d"], ROWS))
    found = read_vectors(path)
    assert found.names == ("a", "b", "c", "d")
    assert np.array_equal(found.rows, ROWS[[0, 1, 3, 6]])
    assert found.notes == ("3 rows left out, whose name came before (“a”, “b”): the first row of a name counts.",)


def test_names_that_are_not_utf8_are_told(tmp_path: Path) -> None:
    path = tmp_path / "latin.vec"
    path.write_bytes(b"na\xefve 1 2\nplain 3 4\n")
    found = read_vectors(path)
    assert found.names == ("na�ve", "plain")
    assert "1 names are not UTF-8" in found.notes[0]


def test_which_array_and_which_names_of_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, ids=np.arange(7), M=ROWS, words=np.array(NAMES))
    found = read_vectors(path)
    assert found.names == NAMES
    assert found.notes == ("Vectors from the array “M”, names from “words”.",)
    np.savez(path, X=ROWS, other=ROWS, words=np.array(NAMES), tags=np.array(NAMES))
    found = read_vectors(path)
    assert found.names is None
    assert "2 arrays could be names" in found.notes[1]
    np.savez(path, one=ROWS, other=ROWS)
    with pytest.raises(UserError, match="2 matrices of 2 arrays"):
        read_vectors(path)


def test_names_from_columns(tmp_path: Path) -> None:
    frame = pd.DataFrame(ROWS, columns=["x", "y", "z"])
    (path := tmp_path / "a.csv").write_text(frame.assign(w=NAMES)[["w", "x", "y", "z"]].to_csv(index=False))
    assert read_vectors(path).names == NAMES  # a comma among them, in quotes
    assert np.allclose(read_vectors(path).rows, ROWS)
    path.write_text("a,1,2\nb,3,4\n")  # without a header
    assert read_vectors(path).names == ("a", "b")
    groups = tmp_path / "groups.parquet"
    frame.assign(label=["a", "b", "a", "b", "a", "b", "a"]).to_parquet(groups)
    assert read_vectors(groups).names is None
    assert "not taken as names" in read_vectors(groups).notes[1]
    two = tmp_path / "two.parquet"
    frame.assign(text=list(NAMES), name=list("abcdefg")).to_parquet(two)
    assert read_vectors(two).names == tuple("abcdefg")
    indexed = tmp_path / "indexed.parquet"
    frame.set_index(pd.Index(NAMES)).to_parquet(indexed)
    assert read_vectors(indexed).names == NAMES
    frame[frame.x > 0].to_parquet(indexed)  # an index of numbers is no dimension
    assert read_vectors(indexed).dim == 3


def as_zip(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, data)
    return out.getvalue()


def huge() -> bytes:
    """An array whose header says 80 TB."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**4)})
    return out.getvalue() + b"\0" * 64


def bad(name: str, data: Any, text: str) -> Any:
    return pytest.param(name, data, text, id=f"{name}: {text}")


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        bad("x.npy", np.array([[1, "a"], [2, "b"]], dtype=object), "Python objects"),
        bad("x.npy", np.array([["a", "b"]]), "not plain numbers"),
        bad("x.npy", np.array([[1j, 2]]), "not plain numbers"),
        bad("x.npy", np.arange(6.0), "1 dimensions, not 2"),
        bad("x.npy", np.zeros((0, 4)), "nothing to measure"),
        bad("x.npy", np.zeros((4, 0)), "nothing to measure"),
        bad("x.npy", np.array([[1.0, 2], [3, np.nan], [np.inf, 0]]), "row 2 holds"),
        bad("x.npy", b"\x93NUMPY\x01\x00", "not a readable npy"),
        bad("x.npy", b"\x89PNG\r\n\x1a\n", "not a readable npy"),
        bad("x.npy", b"", "is empty"),
        bad("x.npz", b"PK\x03\x04 nothing", "not a readable npz"),
        bad("x.csv", b"1,2\n3\n", "equally many a row"),
        bad("x.csv", b"1,2\n3,four\n", "not a table of numbers"),
        bad("x.csv", b"1,2\n\xff\xfe", "UTF-8"),
        bad("x.parquet", b"PAR1 and no more", "not a readable parquet"),
        bad("x.pt", b"weights", "not of a kind read here"),
        bad("x.npz", as_zip("X.npy", huge()), "not a readable npz"),
        bad("x.vec", b"3 2\na 1.5 2.5\nb 3.5 4.5\n", "says that it holds 3 vectors and holds 2"),
        bad("x.vec", b"1 2\na 1 2\nb 3 4\n", "says that it holds 1 vectors and holds 2"),
        bad("x.vec", b"999999 300\na 1 2\n", "more than so small a file can"),
        bad("x.vec", b"999999999999 300\na 1 2\n", "at most 10,000,000"),
        bad("x.vec", b"0 5\n", "and at least one"),
        bad("x.vec", b"2 2\na 1.5 2.5\nb 3.5\n", "line 3 has not a name and 2 numbers"),
        bad("x.vec", b"2 2\na 1 2\nb 3 x\n", "row 2 holds something that is not a number"),
        bad("x.vec", b"2 2\na 1 2\nb 3 nan\n", "row 2 holds a value that is not a finite"),
        bad("x.vec", b"2 2\na 1 2\nb 3 1e39\n", "row 2 holds a value that is not a finite"),
        bad("x.vec", b"a 1 2\n" + b"b" * 10_000, "line 2 is longer"),
        bad("x.vec", b"b" * 3_000_000, "no table of word vectors"),
        bad("x.txt", b"just some text\nof a person\n", "no table of word vectors"),
        bad("x.txt", b"\x89PNG\r\n\x1a\n\0\0", "no table of word vectors"),
        bad("x.vec.gz", gzip.compress(b"2 2\na 1 2\nb 3 4\n")[:-9], "damaged or not really a gzip"),
        bad("x.vec.gz", b"2 2\na 1 2\nb 3 4\n", "damaged or not really a gzip"),
        bad("x.vec.gz", gzip.compress((b"a" + b" 1" * 5000 + b"\n") * 2000), "unpacks to far more"),
        bad("x.vec.gz", gzip.compress(b"a 1 2\n" + b"\n" * 30_000_000), "more than 10,000 empty lines"),
        bad("x.vec", b"a 1 2\n" + b" \n" * 20_000, "more than 10,000 empty lines"),
        bad("x.bin", b"2 2\na " + b"\0" * 8, "more than so small a file can"),
        bad("x.bin", b"2 2\n" + b"a" * 40, "breaks off or is damaged at row 1 of 2"),
        bad("x.bin", b"2 2\na " + b"\0" * 8 + b"long-name " + b"\0" * 2, "breaks off or is damaged at row 2"),
        bad("x.bin", as_binary("ab", np.zeros((2, 2))) + b"more", "goes on after the 2 vectors"),
        bad("x.bin", as_binary("ab", np.full((2, 2), np.inf)), "row 1 holds a value"),
        bad("x.bin", as_binary(["a", ""], np.zeros((2, 2))), "row 2 has no name"),
        bad("x.bin", b"PK\x03\x04 archive/data.pkl", "is a PyTorch file, which can run any program"),
        bad("x.bin", b"\x80\x02}q\x00.", "is a pickle"),
        bad("x.bin", struct.pack("<ii", 793712314, 12) + b"\0" * 50, "or give its .vec file"),
        bad("x.bin", b"\0" * 100, "not a word2vec binary"),
    ],
)
def test_what_is_no_matrix_is_refused_in_one_sentence(tmp_path: Path, name: str, data: Any, text: str) -> None:
    path = tmp_path / name
    if isinstance(data, bytes):
        path.write_bytes(data)
    else:
        np.save(path, data, allow_pickle=True)
    with pytest.raises(UserError, match=text) as caught:
        read_vectors(path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_header_that_promises_more_than_the_file_holds_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge.npy"
    with path.open("wb") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**4)}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(b"\0" * 64)
    with pytest.raises(UserError, match="not a readable npy"):
        read_vectors(path)


def test_an_archive_that_unpacks_to_far_more_than_it_is_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.npy", b"\0" * 40_000_000)
    with pytest.raises(UserError, match="would unpack to"):
        read_vectors(path)


def test_no_pickle_inside_an_archive_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "objects.npz"
    np.savez(path, X=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserError, match="never loaded"):
        read_vectors(path)


def test_labels_may_have_a_header_and_must_fit(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("sense\nriver\nmoney\n\nriver\n", encoding="utf-8-sig")
    labels, held_out = read_labels(path, 3)
    assert labels.tolist() == ["river", "money", "river"]
    assert held_out is None
    path.write_text("river,train\nmoney,test\n")
    assert read_labels(path, 2)[1].tolist() == [False, True]  # type: ignore[union-attr]
    with pytest.raises(UserError, match="2 labels and there are 5 vectors"):
        read_labels(path, 5)
    path.write_text("river\n \nmoney\n")
    with pytest.raises(UserError, match="no label for vector 2"):
        read_labels(path, 3)
    path.write_text("river,train\nmoney,dev\n")
    with pytest.raises(UserError, match="vector 2"):
        read_labels(path, 2)
    with pytest.raises(UserError, match="no file nowhere"):
        read_labels(tmp_path / "nowhere.csv", 2)


def test_a_parquet_that_repeats_one_number_for_ever_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"x": pa.array(np.zeros(20_000_000))}), path, row_group_size=20_000_000)
    assert path.stat().st_size < 100_000
    with pytest.raises(UserError, match="would unpack to"):
        read_vectors(path)
