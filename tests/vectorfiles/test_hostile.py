"""Hostile files of word vectors, for every reader: one sentence, nothing run, memory and time bounded by the file."""

import gzip
import io
import os
import pickle
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from embedlab.errors import UserError
from embedlab.vectorfiles import read_vectors
from embedlab.vectorfiles.fasttext import HEADER, MAGIC, MATRIX, SIZES
from embedlab.vectorfiles.writing import write_fasttext, write_glove, write_npz, write_words

WORDS = ("bank", "river", "naïve", "的")
ROWS = np.arange(12, dtype=np.float32).reshape(4, 3) + 0.5
WRITERS = {
    "a.txt": write_glove,
    "a.vec": lambda words, rows, path: write_words(words, rows, path, binary=False),
    "a.bin": lambda words, rows, path: write_words(words, rows, path, binary=True),
    "fasttext.bin": write_fasttext,
    "a.npz": write_npz,
}


def refused(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_vectors(path)
    said = str(caught.value)
    assert "\n" not in said
    assert str(path.parent) not in said
    assert path.name in said
    return said


@pytest.mark.parametrize("file", WRITERS)
def test_a_file_cut_off_anywhere_is_refused_or_is_a_shorter_glove(file: str, tmp_path: Path) -> None:
    WRITERS[file](WORDS, ROWS, tmp_path / file)
    whole = (tmp_path / file).read_bytes()
    end = len(whole) - 1
    if file == "fasttext.bin":  # behind the input matrix lies the output matrix, which is not read
        end -= MATRIX.size + ROWS.nbytes
    path = tmp_path / f"cut{Path(file).suffix}"
    accepted = 0
    for cut in range(1, end):
        path.write_bytes(whole[:cut])
        try:
            rows = read_vectors(path).rows
        except UserError:
            continue
        # without sizes, text that ends after a number is a table: only its last row may differ from the whole one
        assert file in ("a.txt", "a.vec"), cut
        assert rows.shape[1] <= 3
        accepted += 1
    assert accepted == 0 or file in ("a.txt", "a.vec")
    if file == "a.vec":
        assert accepted <= 4  # cut within the digits of the last number


class Bomb:
    """Runs a program when unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("file", [*WRITERS, "a.vec.gz", "a.npy", "a.csv", "a.parquet"])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_renamed_pickle_runs_nothing(file: str, protocol: int, tmp_path: Path) -> None:
    mark = tmp_path / "it-ran"
    data = pickle.dumps(Bomb(mark), protocol)
    path = tmp_path / file
    path.write_bytes(gzip.compress(data) if file.endswith(".gz") else data)
    said = refused(path)
    assert not mark.exists()
    if protocol >= 2 and file in ("a.txt", "a.vec", "a.bin", "fasttext.bin", "a.vec.gz"):
        assert "is a pickle" in said


@pytest.mark.parametrize("file", WRITERS)
def test_a_value_that_is_not_finite_is_named_by_its_row(file: str, tmp_path: Path) -> None:
    WRITERS[file](WORDS, ROWS, tmp_path / file)
    path = tmp_path / f"nan{Path(file).suffix}"
    data = (tmp_path / file).read_bytes()
    old, new = (b"7.5", b"nan") if file in ("a.txt", "a.vec") else (struct.pack("<f", 7.5), struct.pack("<f", np.nan))
    assert data.count(old) == 1
    if file == "a.npz":
        np.savez(path, words=np.array(WORDS), vectors=np.where(ROWS == 7.5, np.float32(np.nan), ROWS))
    else:
        path.write_bytes(data.replace(old, new))
    assert "row 3 holds a value that is not a finite number" in refused(path)


@pytest.mark.parametrize("file", [file for file in WRITERS if file != "a.npz"])
def test_words_that_are_no_utf8_are_told(file: str, tmp_path: Path) -> None:
    WRITERS[file](WORDS, ROWS, tmp_path / file)
    path = tmp_path / f"odd{Path(file).suffix}"
    path.write_bytes((tmp_path / file).read_bytes().replace("的".encode(), b"a\xff\xfe"))
    found = read_vectors(path)
    assert found.names == ("bank", "river", "naïve", "a��")
    assert found.notes[-1].startswith("1 names are not UTF-8")
    assert np.array_equal(found.rows, ROWS)


@pytest.mark.parametrize("file", WRITERS)
def test_the_first_of_equal_words_counts(file: str, tmp_path: Path) -> None:
    names = ("left", "same", "held", "tame")
    WRITERS[file](names, ROWS, tmp_path / file)
    path = tmp_path / f"twice{Path(file).suffix}"
    if file == "a.npz":
        np.savez(path, words=np.array(("left", "same", "held", "same")), vectors=ROWS)
    else:
        path.write_bytes((tmp_path / file).read_bytes().replace(b"tame", b"same"))
    found = read_vectors(path)
    assert found.names == ("left", "same", "held")
    assert np.array_equal(found.rows, ROWS[:3])
    assert any("1 rows left out, whose name came before" in note for note in found.notes)


def fasttext(
    *, dim: int = 3, words: int = 1, entries: int | None = None, bucket: int = 0, ngrams: tuple[int, int] = (0, 0),
    name: bytes = b"bank", kind: int = 0, version: int = 12, pruned: int = -1, quantised: int = 0,
    matrix: tuple[int, int] | None = None, room: int = 200,
) -> bytes:  # fmt: skip
    settings = (dim, 5, 5, 1, 5, 1, 2, 2, bucket, *ngrams, 100)
    entries = words if entries is None else entries
    head = HEADER.pack(MAGIC, version, *settings, 1e-4) + SIZES.pack(entries, words, entries - words, 9, pruned)
    entry = name + b"\0" + (1).to_bytes(8, "little") + bytes([kind])
    rows, columns = matrix or (words + bucket, dim)
    return head + entry * min(words, 9) + struct.pack("<B2q", quantised, rows, columns) + bytes(room)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (fasttext(words=2**31 - 1), "at most 10,000,000"),
        (fasttext(words=9_000_000), "more than so small a file can"),
        (fasttext(dim=60_000, words=9), "more than so small a file can"),
        (fasttext(dim=-3), "at least one"),
        (fasttext(dim=0), "at least one"),
        (fasttext(words=-1), "at least one"),
        (fasttext(matrix=(2**62, 3)), "more than so small a file can"),
        (fasttext(matrix=(-1, 3)), "breaks off"),
        (fasttext(matrix=(1, 4)), "breaks off"),
        (fasttext(bucket=2**31 - 1, ngrams=(3, 6), matrix=(2**31, 3)), "more than so small a file can"),
        (fasttext(bucket=5, ngrams=(3, 6), matrix=(2, 3)), "breaks off"),
        (fasttext(bucket=0, ngrams=(3, 6)), "breaks off"),
        (fasttext(bucket=5, ngrams=(3, 2**30)), "breaks off"),
        (fasttext(bucket=-5, ngrams=(3, 6)), "breaks off"),
        (fasttext(kind=7), "breaks off"),
        (fasttext(name=b"x" * 5000, room=9000), "breaks off"),
        (fasttext(name=b""), "row 1 has no name"),
        (fasttext(version=10), "of version 10"),
        (fasttext(quantised=1), "a quantised fastText model"),
        (fasttext(pruned=3), "a pruned fastText model"),
        (fasttext(entries=-1), "breaks off"),
        (fasttext()[:70], "breaks off"),
        (fasttext(name=b"x" * 3900, bucket=1, ngrams=(1, 64), dim=60_000, room=8 * 60_000), "longer than any language"),
    ],
)  # fmt: skip
def test_a_fasttext_model_that_is_none_is_refused_at_once(data: bytes, text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(data)
    start = time.process_time()
    assert text in refused(path)
    assert time.process_time() - start < 2


def test_a_small_good_fasttext_model_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(fasttext())  # what the cases above differ from
    assert read_vectors(path).names == ("bank",)


def test_objects_in_an_npz_are_not_unpickled(tmp_path: Path) -> None:
    mark = tmp_path / "it-ran"
    path = tmp_path / "a.npz"
    np.savez(path, words=np.array([Bomb(mark)], dtype=object), vectors=ROWS[:1])
    assert "Python objects" in refused(path)
    assert not mark.exists()


def test_words_of_an_npz_that_no_file_of_text_can_hold_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, words=np.array(["bank", "\ud800x"]), vectors=ROWS[:2])
    found = read_vectors(path)
    assert found.names == ("bank", "?x")
    assert any("half a character" in note for note in found.notes)


def test_an_npz_with_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_npz(WORDS, ROWS, path)
    data = bytearray(path.read_bytes())
    data[data.index(struct.pack("<f", 7.5))] ^= 1
    path.write_bytes(data)
    assert "not a readable npz" in refused(path)


def test_a_zip_that_says_it_holds_a_huge_array_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "<f4", "fortran_order": False, "shape": (10**9, 300)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("vectors.npy", out.getvalue())
    assert "not a readable npz" in refused(tmp_path / "a.npz")


PEAK = """
import re, sys
from pathlib import Path
from embedlab.vectorfiles import read_vectors
def peak():  # since this program began; getrusage knows the peak of its parent, too
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
before = peak()
print(len(read_vectors(Path(sys.argv[1]))), peak() - before)
"""


@pytest.mark.parametrize("file", ["a.bin", "fasttext.bin", "a.npz", "twice.bin", "a.txt"])
def test_a_table_costs_its_own_size_once(file: str, tmp_path: Path) -> None:
    rows = np.ones((5000, 3200), np.float32)  # 64 MB; the names are little beside it
    words = [f"{i:06d}" for i in range(len(rows))]
    path = tmp_path / file
    if file == "a.txt":  # rows of 3,200 times " 1"
        path.write_text("".join(f"{word}{' 1' * 3200}\n" for word in words))
    else:
        WRITERS[file.replace("twice", "a")](words, rows, path)
    if file == "twice.bin":
        path.write_bytes(path.read_bytes().replace(b"000000 ", b"000001 "))
    done = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True)
    count, grown = map(int, done.stdout.split())
    assert count == len(rows) - (file == "twice.bin")
    # beside the table: a part of the map, blocks of numbers or text, the names
    assert rows.nbytes - 2**20 < grown < rows.nbytes + 36 * 2**20


def test_the_progress_of_a_large_file_rises_to_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedlab.vectorfiles.wordtext.BLOCK_NUMBERS", 600)
    rows = np.ones((400, 6), np.float32)
    for file in ("a.txt", "a.vec"):
        heard: list[float] = []
        WRITERS[file]([f"w{i}" for i in range(400)], rows, tmp_path / file)
        read_vectors(tmp_path / file, lambda share, what, heard=heard: heard.append(share))
        assert heard == sorted(heard)
        assert heard[-1] == 1.0
        assert len(heard) > 2


def test_a_mark_of_utf8_before_the_first_word_is_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfbank 1 2\nriver 3 4\n")
    assert read_vectors(path).names == ("bank", "river")
