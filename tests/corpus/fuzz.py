"""Hostile files by the thousand: every one must end in a corpus whose rows add up, or in one sentence.

    python -m tests.corpus.fuzz --fuzz-cases 10000 --seed 0

Each case is made from its number alone, so a failing one can be made again.
"""

import argparse
import gzip
import io
import json
import math
import random
import string
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from embedlab.corpus import Columns, held_out, preview, read, selection
from embedlab.errors import UserError
from embedlab.types import Corpus

PIECES = [
    "text", "label", "split", "start", "end", "sense", "target", "index", "bank", "The bank of the river.", "é", "日本",
    "\u0301", '"', '""', "'", ",", ";", "\t", "|", "\n", "\r\n", "\r", "\0", "\ufeff", "\u2028", "{", "}", "[", "]",
    ":", "null", "NaN", "1e999", "-1", "0", "3.0", "99999999999", "\\", "\\ud800", "=1+1", " ", "<b>", "train", "test",
    "3,5", "-.5e2", "x" * 300, "[" * 50, "\x1a", "\x85",
]  # fmt: skip
TABLE = [["text", "start", "end", "target", "sense", "split", "pair", "negative", "score"]] + [
    [
        f"The bank number {i} stood by the river.", "4", "8", "bank", f"bank.{i % 2}", "train" if i % 3 else "test",
        f"Beside the water was bank {i}.", f"The bank lent me {i} pounds.", f"{i / 4}",
    ]
    for i in range(12)
]  # fmt: skip
ENDINGS = ("txt", "csv", "tsv", "jsonl", "json", "parquet")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "cp1252", "latin-1", "cp1251", "shift_jis")


def _soup(random_: random.Random) -> bytes:
    text = "".join(random_.choices(PIECES, k=random_.randrange(0, 60)))
    return text.encode(random_.choice(ENCODINGS), "replace")


def _noise(random_: random.Random) -> bytes:
    return random_.randbytes(random_.randrange(0, 400))


def _good(random_: random.Random, ending: str) -> bytes:
    """A file that would be read whole, of the kind the ending says."""
    rows = [dict(zip(TABLE[0], row, strict=True)) for row in TABLE[1:]]
    if ending == "parquet":
        buffer = io.BytesIO()
        pq.write_table(pa.table({key: [row[key] for row in rows] for key in TABLE[0]}), buffer)
        return buffer.getvalue()
    if ending == "json":
        return json.dumps(rows).encode()
    if ending == "jsonl":
        return "\n".join(json.dumps(row) for row in rows).encode(random_.choice(ENCODINGS[:5]))
    delimiter = {"csv": random_.choice(",;|"), "tsv": "\t", "txt": " "}[ending]
    return "\n".join(delimiter.join(row) for row in TABLE).encode(random_.choice(ENCODINGS[:7]))


def _mutated(random_: random.Random, ending: str) -> bytes:
    data = bytearray(_good(random_, ending))
    for _ in range(random_.randrange(1, 8)):
        at = random_.randrange(len(data) + 1)
        change = random_.randrange(5)
        if change == 0 and data:
            data[at % len(data)] ^= 1 << random_.randrange(8)
        elif change == 1:
            data[at:at] = random_.choice(PIECES).encode()
        elif change == 2:
            del data[at : at + random_.randrange(1, 30)]
        elif change == 3:
            data[at:at] = data[: random_.randrange(len(data) + 1)]
        else:
            del data[at:]
        if len(data) > 20_000:
            del data[20_000:]
    return bytes(data)


def _packed(random_: random.Random, data: bytes, ending: str) -> tuple[str, bytes]:
    """The data as it is, or inside a gz or zip that may be damaged as well."""
    how = random_.randrange(6)
    if how == 0:
        name, data = f"a.{ending}.gz", gzip.compress(data, 1)
    elif how == 1:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for i in range(random_.choice((1, 1, 1, 2))):
                archive.writestr(f"inner{i}.{ending}", data)
        name, data = "a.zip", buffer.getvalue()
    else:
        return f"a.{ending}", data
    if random_.random() < 0.5 and data:
        damaged = bytearray(data)
        for _ in range(random_.randrange(1, 4)):
            damaged[random_.randrange(len(damaged))] = random_.randrange(256)
        data = bytes(damaged)
    return name, data


def _columns(random_: random.Random) -> Columns | None:
    if random_.random() < 0.6:
        return None
    names = [*TABLE[0], "column 1", "nowhere", None, None, None]
    return Columns(*(random_.choice(names) for _ in fields(Columns)))


def make(case: int, seed: int) -> tuple[str, bytes, Columns | None]:
    """(file name, its bytes, the columns chosen) of one case."""
    random_ = random.Random(f"{seed}-{case}")
    ending = random_.choice(ENDINGS)
    makers: tuple[Callable[[], bytes], ...] = (
        lambda: _soup(random_), lambda: _noise(random_), lambda: _good(random_, ending),
        lambda: _mutated(random_, ending), lambda: _mutated(random_, ending),
    )  # fmt: skip
    name, data = _packed(random_, random_.choice(makers)(), ending)
    return name, data, _columns(random_)


def check(name: str, data: bytes, columns: Columns | None, folder: Path) -> str:
    """What became of one case: "read" or "refused". Anything but a sound corpus or a UserError propagates."""
    path = folder / "upload"
    path.write_bytes(data)
    try:
        shown = preview(path, name)
        assert len(shown.rows) <= 20
        assert all(len(row) == len(shown.columns) for row in shown.rows)
    except UserError as error:
        _check_sentence(str(error), folder)
    try:
        imported = read(path, name, columns)
    except UserError as error:
        _check_sentence(str(error), folder)
        return "refused"
    corpus = imported.corpus
    assert imported.rows_in == len(corpus) + len(imported.refused)
    assert len(corpus) > 0
    numbers = [refusal.row for refusal in imported.refused]
    assert numbers == sorted(set(numbers))
    assert not (held_out(corpus) & selection(corpus)).any()
    check_pairs(corpus)
    for text in corpus.texts:
        assert text.strip()
        assert "\0" not in text
        assert len(text.encode()) <= 80_000
    return "read"


def check_pairs(corpus: Corpus) -> None:
    """A score is a finite number of two texts; no text is its own negative."""
    empty = (None,) * len(corpus)
    rows = zip(corpus.texts, corpus.pairs or empty, corpus.negatives or empty, corpus.scores or empty, strict=True)
    for text, pair, negative, score in rows:
        assert negative is None or (negative.strip() and negative not in (text, pair))
        assert score is None or (pair is not None and math.isfinite(score))


def _check_sentence(sentence: str, folder: Path) -> None:
    assert sentence.endswith((".", "?")), sentence
    assert len(sentence) < 500, sentence
    assert "\n" not in sentence, sentence
    assert str(folder) not in sentence, sentence
    assert all(c in string.printable or c.isprintable() for c in sentence), sentence


def run(cases: int, seed: int = 0) -> Counter[str]:
    """Try that many cases. Raises at the first that ends otherwise than it may, naming its number."""
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for case in range(cases):
            name, data, columns = make(case, seed)
            try:
                outcomes[check(name, data, columns, Path(folder))] += 1
            except Exception as error:
                raise AssertionError(f"case {case} of seed {seed} ({name}, {len(data)} bytes): {error!r}") from error
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz the reading of corpora.")
    parser.add_argument("--fuzz-cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    outcomes = run(options.fuzz_cases, options.seed)
    print(
        f"{options.fuzz_cases} cases: {outcomes['read']} read, {outcomes['refused']} refused with a sentence, 0 others"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
