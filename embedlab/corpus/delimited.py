"""csv and tsv: delimiter, quoting and header found from the first 64 KB, every row accounted for.

The csv module parses; what it does silently is made visible: rows of another width, quotes that never close.
"""

import csv
import io
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TextIO

from embedlab.corpus.columns import is_known_name
from embedlab.corpus.encoding import Encoding
from embedlab.corpus.limits import MAX_RECORD, check_column_count
from embedlab.corpus.tables import Record, Table, bounded_lines, open_text
from embedlab.corpus.unpack import Plain
from embedlab.errors import CorpusError

SAMPLE = 65_536
DELIMITERS = (",", "\t", ";", "|")
MAX_OPEN_QUOTES = 1000  # each is answered by reading its lines again


@dataclass(frozen=True)
class _Dialect:
    delimiter: str
    quoting: Literal[0, 3]  # csv.QUOTE_MINIMAL or csv.QUOTE_NONE


class _OpenQuote(Exception):
    """A quote is still open where the record has grown past any row, or where the file ends."""


class _TooLong(Exception):
    """A line longer than any row."""


class _Feed:
    """Lines for csv.reader, which can be given back: what a quote swallowed is read again without it."""

    def __init__(self, file: TextIO) -> None:
        self._lines = bounded_lines(file, MAX_RECORD)
        self._returned: deque[str | None] = deque()
        self.taken: list[str | None] = []
        self._size = 0

    def start_record(self) -> None:
        self.taken.clear()
        self._size = 0

    def give_back(self) -> None:
        """All lines of this record but its first."""
        self._returned.extendleft(reversed(self.taken[1:]))

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        if self._returned:
            line = self._returned.popleft()
        else:
            numbered = next(self._lines, None)
            if numbered is None:
                if self.taken:
                    raise _OpenQuote
                raise StopIteration
            line = numbered[1]
        self.taken.append(line)
        if line is None:
            raise _OpenQuote if len(self.taken) > 1 else _TooLong
        self._size += len(line)
        if self._size > MAX_RECORD and len(self.taken) > 1:
            raise _OpenQuote
        return line


def open_delimited(plain: Plain, encoding: Encoding) -> Table:
    """Raises CorpusError when there is no header or first row to be read."""
    with open_text(plain, encoding, newline="") as file:
        sample = file.read(SAMPLE)
    if len(sample) == SAMPLE:
        sample = sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1] or sample
    dialect = _dialect(sample, plain.kind)
    first = next((fields for _, fields, _ in _rows(plain, encoding, dialect)), None)
    if first is None:
        raise CorpusError(f"The first row of {plain.name} cannot be read: give it a header with one name a column.")
    check_column_count(len(first), plain.name)
    has_header = _is_header(first)
    columns = _names(first) if has_header else tuple(f"column {i + 1}" for i in range(len(first)))
    width = len(columns)

    def records(names: Sequence[str], lenient: bool) -> Iterator[Record]:
        places = [columns.index(name) for name in names]
        skip = 1 if has_header else 0
        for row, fields, reason in _rows(plain, encoding, dialect):
            if row <= skip:
                continue
            if fields is not None and len(fields) != width:
                reason = f"it has {len(fields)} field{'s' if len(fields) != 1 else ''} where the header has {width}"
                fields = None
            yield row - skip, None if fields is None else [fields[place] for place in places], reason

    return Table(plain.name, plain.format, encoding.name, columns, records)


def _rows(plain: Plain, encoding: Encoding, dialect: _Dialect) -> Iterator[tuple[int, list[str] | None, str]]:
    """(row from 1, header included; its fields or None; why not). Blank lines are no rows."""
    row = open_quotes = 0
    with open_text(plain, encoding, newline="") as file:
        feed = _Feed(file)
        reader = csv.reader(feed, delimiter=dialect.delimiter, quoting=dialect.quoting)
        while True:
            feed.start_record()
            fields: list[str] | None = None
            reason = ""
            try:
                fields = next(reader)
            except StopIteration:
                return
            except _OpenQuote:
                feed.give_back()
                open_quotes += 1
                reason = "it opens a quote that is never closed"
            except _TooLong:
                reason = f"it is longer than {MAX_RECORD:,} characters"
            except csv.Error:
                reason = "it cannot be parsed"
            if open_quotes > MAX_OPEN_QUOTES:
                raise CorpusError(
                    f"{plain.name} has over {MAX_OPEN_QUOTES:,} quotes that are never closed: save it again."
                )
            if fields is not None and len(fields) <= 1 and "".join(line or "" for line in feed.taken).isspace():
                continue
            row += 1
            yield row, fields, reason


def _dialect(sample: str, kind: str) -> _Dialect:
    """The delimiter under which most rows are as wide as the first; a tab wins in a tsv whose first line has one."""
    first_line = sample.lstrip("\r\n").split("\n", 1)[0]
    if kind == "tsv" and "\t" in first_line:
        return _Dialect("\t", _tab_quoting(sample))
    best, delimiter = (0.0, 1), "\t" if kind == "tsv" else ","
    for candidate in DELIMITERS:
        widths = _widths(sample, candidate)
        if widths and widths[0] > 1:
            score = (round(sum(w == widths[0] for w in widths) / len(widths), 1), widths[0])
            if score > best:
                best, delimiter = score, candidate
    return _Dialect(delimiter, _tab_quoting(sample) if delimiter == "\t" else csv.QUOTE_MINIMAL)


def _widths(sample: str, delimiter: str) -> list[int]:
    widths: list[int] = []
    try:
        for fields in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter):
            if fields:
                widths.append(len(fields))
            if len(widths) == 100:
                break
    except csv.Error:
        return widths
    return widths


def _tab_quoting(sample: str) -> Literal[0, 3]:
    """Many tsv files hold plain quotation marks: quotes count as quoting only where all of them keep its rules."""
    try:
        for _ in csv.reader(io.StringIO(sample, newline=""), delimiter="\t", strict=True):
            pass
    except csv.Error:
        return csv.QUOTE_NONE
    return csv.QUOTE_MINIMAL


def _is_header(cells: Sequence[str]) -> bool:
    """A first row is a header unless it looks like data and holds no name we know."""
    if any(is_known_name(cell) for cell in cells) or [c.strip() for c in cells] == [str(i) for i in range(len(cells))]:
        return True
    return not any(_is_data(cell) for cell in cells)


def _is_data(cell: str) -> bool:
    words = cell.split()
    is_sentence = len(words) >= 6 or (len(words) > 1 and re.search(r"[.!?][\"'”’)]*\s*$", cell) is not None)
    return is_sentence or re.fullmatch(r"\s*[+-]?\d+([.,]\d+)?\s*", cell) is not None


def _names(cells: Sequence[str]) -> tuple[str, ...]:
    """Header cells as column names: trimmed, never empty, never twice the same."""
    names: list[str] = []
    taken: set[str] = set()
    for i, cell in enumerate(cells):
        base = cell.replace("\0", "").encode("utf-8", "replace").decode().strip() or f"column {i + 1}"
        name, n = base, 1
        while name in taken:
            n += 1
            name = f"{base} ({n})"
        taken.add(name)
        names.append(name)
    return tuple(names)
