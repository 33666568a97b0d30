"""Any table of any texts: what the csv and json modules write comes back whole, or is refused and counted."""

import csv
import io
import json
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from embedlab.corpus import Columns, read
from embedlab.errors import CorpusError

texts = st.lists(
    st.tuples(st.text(st.characters(codec="utf-8"), max_size=60), st.text(max_size=5)), min_size=1, max_size=20
)


def _read(data: bytes, name: str) -> tuple[tuple[str, ...], int, int]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        path.write_bytes(data)
        try:
            imported = read(path, name, Columns(text="text", label="label"))
        except CorpusError:
            return (), 0, 0
        return imported.corpus.texts, imported.rows_in, len(imported.refused)


def _good(text: str) -> bool:
    return bool(text.strip()) and "\0" not in text


@given(texts)
def test_json_lines_come_back(rows: list[tuple[str, str]]) -> None:
    data = "\n".join(json.dumps({"text": text, "label": label}) for text, label in rows).encode()
    kept, rows_in, refused = _read(data, "a.jsonl")
    expected = [text for text, label in rows if _good(text) and ("\0" not in label and _writable(label))]
    assert list(kept) == expected
    assert not expected or (rows_in, refused) == (len(rows), len(rows) - len(expected))


def _writable(text: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in text)


@given(texts)
def test_csv_comes_back(rows: list[tuple[str, str]]) -> None:
    rows = [(text.replace("\r", ""), "".join(c for c in label if c.isalnum())) for text, label in rows]
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(("text", "label"))
    writer.writerows(rows)
    expected = [text for text, _ in rows if _good(text)]
    try:
        kept, rows_in, refused = _read(out.getvalue().encode(), "a.csv")
    except UnicodeEncodeError:
        return
    if kept:
        assert list(kept) == expected
        assert (rows_in, refused) == (len(rows), len(rows) - len(expected))
