"""Files that are broken, in disguise, or made to hurt: one sentence, soon, and little memory."""

import gzip
import io
import json
import random
import struct
import time
import zipfile
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedlab.corpus import Columns, limits, preview, read
from embedlab.errors import CorpusError
from tests.corpus.files import sentence, take
from tests.corpus.fuzz import run

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_", "."), data)
    return buffer.getvalue()


# named by file and sentence: bytes as names change with the clock a gzip header holds
@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        pytest.param(*case, id=f"{case[0]}: {case[2]}")
        for case in (
        ("a.txt", b"", "is empty"),
        ("a.txt", b"\n \n\n", "has no rows"),
        ("a.csv", b"text,label\n", "has no rows"),
        ("a.txt", PNG, "PNG image"),
        ("a.csv", gzip.compress(b"text\nx\n"), "gzip"),
        ("a.csv", zipped(a_csv=b"text\nx\n"), "zip"),
        ("a.txt", bytes(range(1, 256)) * 20, "not a text file"),
        ("a.txt", bytes(random.Random(0).choices(range(128, 256), k=400)), "no encoding"),
        ("a.txt", "text\n".encode("utf-16") + b"x", "breaks off inside a character"),
        ("a.txt", b"\0\0\0\0\n\0\0", "none of its 2 rows can be kept; row 1: the text holds a NUL byte"),
        ("a.xlsx", b"PK\x03\x04", "no kind we read"),
        ("noending", b"text", "no kind we read"),
        ("a.parquet", b"text,label\n", "not a parquet file"),
        ("a.parquet", b"PAR1" + b"x" * 100 + b"PAR1", "damaged parquet"),
        ("a.parquet", PNG, "PNG image"),
        ("a.txt.gz", b"no gzip at all", "damaged or not really a gz"),
        ("a.txt.gz", gzip.compress(b"many words " * 500)[:-12], "damaged or not really a gz"),
        ("a.txt.gz", gzip.compress(b""), "empty inside"),
        ("a.gz", gzip.compress(b"x"), "no kind we read"),
        ("a.zip", b"PK\x05\x06", "damaged or not really a zip"),
        ("a.zip", zipped(a_txt=b"x", b_txt=b"y"), "holds 2 files"),
        ("a.zip", zipped(), "holds 0 files"),
        ("a.zip", zipped(a_zip=b"x"), "no kind we read"),
        ("a.json", b'{"text": "one",\n "label": 2}', "row 1: it is not valid JSON"),
        ("a.json", b'[{"text": "one"}', "not valid JSON at line 1"),
        ("a.json", b"[1, 2]", "no JSON objects"),
        ("a.jsonl", b"plain text", "no JSON objects"),
        ("a.json", b'[{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]", "nested more than 32"),
        ("a.jsonl", b'{"text": ' + b"[" * 1000 + b"]" * 1000 + b"}", "nested more than 32"),
        ("a.csv", b"," * 1500 + b"\n" + b"x," * 1500 + b"x\n", "1,501 columns"),
        ("a.csv", b"text,start,end\nshort,3,900\nshort,7,9\n", "none of its 2 rows can be kept; row 1: the span 3"),
        ("a.csv", b"id,n\n1,2\n3,4\n", "choose the text column"),
        )
    ],
)  # fmt: skip
def test_one_sentence(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    assert says in sentence(tmp_path, name, data)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.txt", tmp_path):
        for ask in (preview, read):
            with pytest.raises(CorpusError, match=r"There is no file gone\.txt"):
                ask(path, "/home/me/secret/gone.txt")


def test_a_name_cannot_break_the_sentence(tmp_path: Path) -> None:
    said = sentence(tmp_path, "evil\n\x1b[31m\u202e" + "x" * 300 + ".txt", b"")
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert len(said) < 200


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl"])
def test_a_line_without_end_is_refused_unread(tmp_path: Path, name: str) -> None:
    path = tmp_path / "upload"
    head = {"a.txt": b"fine\n", "a.csv": b"text,label\nfine,a\n", "a.jsonl": b'{"text": "fine"}\n'}[name]
    path.write_bytes(head + b"x" * 50_000_000 + b"\n" + head.splitlines()[-1] + b"\n")
    began = time.process_time()
    imported = read(path, name)
    assert time.process_time() - began < 3
    assert imported.corpus.texts == ("fine", "fine")
    assert len(imported.refused) == 1
    assert "longer than" in imported.refused[0].reason


def test_long_values_are_refused(tmp_path: Path) -> None:
    imported = take(tmp_path, "a.csv", f"text,label\n{'x' * 20_000},a\n{'x' * 20_001},a\n")
    assert [len(t) for t in imported.corpus.texts] == [20_000]
    assert imported.refused[0].reason == "the text is longer than 20,000 characters"


def test_gzip_bomb_stops_at_its_ratio(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(gzip.compress(b"\n" * 60_000_000, 9))
    began = time.process_time()
    with pytest.raises(CorpusError, match="100 times its size"):
        read(path, "a.txt.gz")
    assert time.process_time() - began < 1


def test_zip_bomb_is_known_by_its_listing(tmp_path: Path) -> None:
    assert "100 times its size" in sentence(tmp_path, "a.zip", zipped(a_txt=b"0" * 40_000_000))


def test_zip_that_understates_its_size_is_not_expanded(tmp_path: Path) -> None:
    data = bytearray(zipped(a_txt=b"0" * 40_000_000))
    listed = struct.pack("<L", 40_000_000)
    data = data.replace(listed, struct.pack("<L", 1000))
    assert "damaged" in sentence(tmp_path, "a.zip", bytes(data))


def test_zip_of_many_entries_is_not_listed(tmp_path: Path) -> None:
    assert "more than 100 entries" in sentence(tmp_path, "a.zip", zipped(**{f"f{i}_txt": b"x" for i in range(5000)}))


def test_encrypted_zip(tmp_path: Path) -> None:
    data = bytearray(zipped(a_txt=b"words"))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    assert "password" in sentence(tmp_path, "a.zip", bytes(data))


def test_parquet_of_one_huge_value_many_times(tmp_path: Path) -> None:
    table = pa.table({"text": pa.DictionaryArray.from_arrays(pa.array([0] * 200_000, pa.int32()), ["x" * 2_000_000])})
    pq.write_table(table, tmp_path / "u")
    began = time.process_time()
    with pytest.raises(CorpusError, match="longer than 20,000"):
        read(tmp_path / "u", "a.parquet")
    assert time.process_time() - began < 10


def test_parquet_footer_that_lies(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": ["a b", "c d"]}), buffer)
    data = bytearray(buffer.getvalue())
    data[-8:-4] = struct.pack("<L", 2**31 - 1)
    assert "damaged parquet" in sentence(tmp_path, "a.parquet", bytes(data))


def test_too_many_rows_of_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedlab.corpus.reading.MAX_ROWS", 10)
    assert "more than 10 rows" in sentence(tmp_path, "a.txt", "word\n" * 11)
    monkeypatch.setattr("embedlab.corpus.reading.MAX_REFUSED", 3)
    assert "over 3 rows are refused; row 1:" in sentence(tmp_path, "a.txt", "ab\0c\n" * 5)


def test_too_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedlab.corpus.unpack.MAX_BYTES", 1000)
    assert "larger than" in sentence(tmp_path, "a.txt", "word\n" * 400)
    assert "unpacks to more than" in sentence(tmp_path, "a.txt.gz", gzip.compress(b"word\n" * 400))
    assert "unpacks to more than" in sentence(tmp_path, "a.zip", zipped(a_txt=b"word\n" * 400))


def test_endless_open_quotes_end(tmp_path: Path) -> None:
    data = "text,label\n" + '"a ""b"" c,x\n' * 50_000
    began = time.process_time()
    imported = take(tmp_path, "a.csv", data)
    assert time.process_time() - began < 10
    assert len(imported.corpus) + len(imported.refused) == imported.rows_in


def test_unpacked_copies_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    take(tmp_path, "a.txt.gz", gzip.compress(b"some words\n"))
    sentence(tmp_path, "a.txt.gz", zlib.compress(b"x"))
    assert list(folder.iterdir()) == []


def test_a_wide_json_row_is_refused(tmp_path: Path) -> None:
    rows = [
        json.dumps({"text": "fine"}),
        json.dumps({"text": "wide"} | {f"k{i}": i for i in range(limits.MAX_COLUMNS)}),
    ]
    imported = take(tmp_path, "a.jsonl", "\n".join(rows), Columns(text="text"))
    assert imported.corpus.texts == ("fine",)
    assert imported.refused[0].reason == "it has more than 1,000 columns"


def test_fuzz_in_short() -> None:
    outcomes = run(600)
    assert outcomes["read"] > 60
    assert outcomes["refused"] > 200
