"""Every kind of file, packed and not, in every encoding: the same rows come out."""

import gzip
import io
import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedlab.corpus import Columns, preview, read
from tests.corpus.files import take

TEXTS = (
    "The bank closed early.",
    "Wir saßen am Ufer, „müde“.",
    'She said "no", twice.',
    "Two\nlines here.",
    "日本の川です。",
)
LABELS = ("a", "b", "a", "b", "a")


def as_csv(delimiter: str = ",") -> str:
    rows = [f'"{t.replace(chr(34), chr(34) * 2)}"{delimiter}{label}' for t, label in zip(TEXTS, LABELS, strict=True)]
    return "\n".join([f"text{delimiter}label", *rows]) + "\n"


def as_jsonl() -> str:
    return "\n".join(json.dumps({"text": t, "label": label}) for t, label in zip(TEXTS, LABELS, strict=True))


def as_parquet() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": TEXTS, "label": LABELS}), buffer)
    return buffer.getvalue()


def as_json() -> str:
    return json.dumps([{"text": t, "label": label} for t, label in zip(TEXTS, LABELS, strict=True)], indent=2)


FILES: dict[str, str | bytes] = {
    "a.csv": as_csv(), "semicolon.csv": as_csv(";"), "pipe.csv": as_csv("|"), "a.tsv": as_csv("\t"),
    "crlf.csv": as_csv().replace("\n", "\r\n"), "a.jsonl": as_jsonl(), "a.ndjson": as_jsonl(), "a.json": as_json(),
    "lines.json": as_jsonl(), "a.parquet": as_parquet(),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("packing", ["", "gz", "zip"])
def test_same_rows_and_id_whatever_the_file(tmp_path: Path, name: str, packing: str) -> None:
    data = FILES[name]
    content = data.encode() if isinstance(data, str) else data
    if packing == "gz":
        name, content = f"{name}.gz", gzip.compress(content)
    elif packing == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("folder/", "")
            archive.writestr(f"folder/{name}", content)
            archive.writestr("__MACOSX/._x", b"resource fork")
        name, content = "packed.zip", buffer.getvalue()
    imported = take(tmp_path, name, content)
    # a quoted line break is kept as the file writes it
    assert tuple(text.replace("\r\n", "\n") for text in imported.corpus.texts) == TEXTS
    assert imported.corpus.labels == LABELS
    assert imported.refused == ()
    assert imported.columns == Columns(text="text", label="label")
    assert len(imported.corpus.id) == 64


def test_content_decides_the_id(tmp_path: Path) -> None:
    first = take(tmp_path, "a.jsonl", as_jsonl()).corpus
    second = take(tmp_path, "other name.parquet", as_parquet()).corpus
    assert first.id == second.id
    assert (first.name, second.name) == ("a", "other name")
    assert take(tmp_path, "a.jsonl", as_jsonl().replace("closed", "opened")).corpus.id != first.id


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_unicode_encodings_are_found_and_reported(tmp_path: Path, encoding: str) -> None:
    text = "Le café de la gare est fermé.\nThe bank of the river was steep.\n"
    imported = take(tmp_path, "a.txt", text.encode(encoding))
    assert imported.encoding == encoding
    assert imported.corpus.texts == tuple(text.splitlines())


def test_central_european_bytes_read_as_cp1250(tmp_path: Path) -> None:
    text = "Bank zamknął drzwi wcześnie rano.\nŻółta łódź płynęła powoli z prądem.\n"
    imported = take(tmp_path, "a.txt", text.encode("cp1250"))
    assert (imported.encoding, imported.corpus.texts) == ("cp1250", tuple(text.splitlines()))


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_western_bytes_read_as_cp1252(tmp_path: Path, encoding: str) -> None:
    text = "Müller saß im Café.\nIt cost five pounds.\n" + ("The “best” price: 5 €.\n" if encoding == "cp1252" else "")
    imported = take(tmp_path, "a.txt", text.encode(encoding))
    assert imported.encoding == "cp1252"
    assert imported.corpus.texts == tuple(text.splitlines())


def test_other_alphabets_are_asked_of_the_detector(tmp_path: Path) -> None:
    text = (
        "Банк закрыл двери рано утром.\nМы сидели на берегу реки и смотрели на воду.\nСегодня холодно, но солнечно.\n"
        * 3
    )
    imported = take(tmp_path, "a.txt", text.encode("cp1251"))
    assert imported.corpus.texts == tuple(text.splitlines())


def test_a_few_broken_bytes_cost_their_rows_only(tmp_path: Path) -> None:
    good = "Der Fluss führt über Köln, schön und grün.\n" * 5
    imported = take(tmp_path, "a.txt", good.encode() + b"broken \xff here\n" + good.encode())
    assert imported.encoding == "utf-8"
    assert [r.row for r in imported.refused] == [6]
    assert "encoding" in imported.refused[0].reason


def test_txt_rows_are_numbered_by_line_and_blank_lines_are_no_rows(tmp_path: Path) -> None:
    imported = take(tmp_path, "a.txt", "one\n\n  \nfour\r\nfive\rsix\n\0seven")
    assert imported.corpus.texts == ("one", "four", "five", "six")
    assert imported.rows_in == 5
    assert [(r.row, r.reason) for r in imported.refused] == [(7, "the text holds a NUL byte")]


def test_data_is_kept_as_it_is(tmp_path: Path) -> None:
    odd = "  tab\there \x07 \u2028 \x85 =SUM(A1) <b>x</b> \u200f "
    assert take(tmp_path, "a.txt", odd + "\nx\n").corpus.texts[0] == odd


def test_csv_without_a_header(tmp_path: Path) -> None:
    imported = take(tmp_path, "a.csv", "The bank closed early today.,finance\nWe sat by the river bank.,nature\n")
    assert imported.corpus.texts == ("The bank closed early today.", "We sat by the river bank.")
    assert imported.columns.text == "column 1"


def test_repeated_and_empty_headers_get_names(tmp_path: Path) -> None:
    (tmp_path / "u").write_text("text,text,\nA b c,d,e\n")
    assert preview(tmp_path / "u", "a.csv").columns == ("text", "text (2)", "column 3")


def test_rows_of_another_width_are_refused_by_number(tmp_path: Path) -> None:
    imported = take(tmp_path, "a.csv", "text,label\ngood one,a\ntoo,many,fields\ngood two,b\nfew\n\ngood three,a\n")
    assert imported.corpus.texts == ("good one", "good two", "good three")
    assert [(r.row, r.reason) for r in imported.refused] == [
        (2, "it has 3 fields where the header has 2"), (4, "it has 1 field where the header has 2"),
    ]  # fmt: skip


def test_an_open_quote_costs_one_row_not_the_rest(tmp_path: Path) -> None:
    rows = [f"row number {i},a" for i in range(5000)]
    rows[10] = '"row number 10,a'
    imported = take(tmp_path, "a.csv", "text,label\n" + "\n".join(rows) + "\n")
    assert len(imported.corpus) == 4999
    assert [(r.row, r.reason) for r in imported.refused] == [(11, "it opens a quote that is never closed")]


def test_plain_quotation_marks_in_a_tsv(tmp_path: Path) -> None:
    imported = take(tmp_path, "a.tsv", 'text\tlabel\n"Hello," he said\ta\nan inch is 1"\tb\n"No" she said\ta\n')
    assert imported.corpus.texts == ('"Hello," he said', 'an inch is 1"', '"No" she said')


def test_json_values_become_text_and_nested_ones_do_not(tmp_path: Path) -> None:
    lines = [
        '{"text": "one", "label": 1.50}',
        '{"text": ["nested"], "label": 2}',
        '{"text": "three"}',
        "[1]",
        "{",
        '{"text": "\\ud800"}',
    ]
    imported = take(tmp_path, "a.jsonl", "\n".join(lines), Columns(text="text", label="label"))
    assert imported.corpus.texts == ("one", "three")
    assert imported.corpus.labels == ("1.50", None)
    assert [r.row for r in imported.refused] == [2, 4, 5, 6]


def test_parquet_numbers_dictionaries_and_gaps(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": pa.array(["a b", None, "c d", "e" * 30_000]).dictionary_encode(),
            "label": pa.array([1, 2, None, 4]),
            "vector": [[0.1], [0.2], [0.3], [0.4]],
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    imported = read(tmp_path / "t.parquet", "t.parquet", Columns(text="text", label="label"))
    assert imported.corpus.texts == ("a b", "c d")
    assert imported.corpus.labels == ("1", None)
    assert [r.row for r in imported.refused] == [2, 4]


def test_preview_shows_twenty_rows_cut_short(tmp_path: Path) -> None:
    (tmp_path / "u").write_text("text,label\n" + "".join(f"{'long text ' * 50}{i},x\n" for i in range(40)))
    shown = preview(tmp_path / "u", "dir/a.csv")
    assert (shown.name, shown.format, shown.encoding) == ("a.csv", "csv", "utf-8")
    assert len(shown.rows) == 20
    assert all(len(value) <= 300 for row in shown.rows for value in row)
    assert shown.guess.text == "text"
