"""One shape for every kind of file: a table of named columns whose rows come one by one, or not with a reason."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from embedlab.corpus.encoding import Encoding, detect
from embedlab.corpus.limits import MAX_CHARACTERS
from embedlab.corpus.unpack import Plain

# (row number from 1, its values in the order asked, "") or (row number, None, why it is refused)
Record = tuple[int, Sequence[str | None] | None, str]
Records = Callable[[Sequence[str], bool], Iterator[Record]]


@dataclass(frozen=True)
class Table:
    """A file ready to be read. `records(names, lenient)` gives the values of the columns named, row by row.

    lenient: values that are not text (lists, objects) are shown instead of refused, for a preview.
    """

    name: str
    format: str
    encoding: str
    columns: tuple[str, ...]
    records: Records


def open_table(plain: Plain) -> Table:
    """Raises CorpusError when the file cannot be a table of its kind."""
    if plain.kind == "parquet":
        from embedlab.corpus.parquet import open_parquet

        return open_parquet(plain)
    encoding = detect(plain.path, plain.name)
    if plain.kind == "txt":
        return _open_txt(plain, encoding)
    if plain.kind in ("csv", "tsv"):
        from embedlab.corpus.delimited import open_delimited

        return open_delimited(plain, encoding)
    from embedlab.corpus.objects import open_objects

    return open_objects(plain, encoding)


def open_text(plain: Plain, encoding: Encoding, newline: str | None = None) -> TextIO:
    return plain.path.open(encoding=encoding.name, errors=encoding.errors, newline=newline)


def bounded_lines(file: TextIO, limit: int) -> Iterator[tuple[int, str | None]]:
    """(line number from 1, the line with its end), or None for the line where it has more than `limit` characters.

    A longer line is skipped in pieces, so that it is never in memory whole.
    """
    number = 0
    while line := file.readline(limit + 2):
        number += 1
        if len(line) <= limit or len(line.rstrip("\r\n")) <= limit:
            yield number, line
            continue
        while not line.endswith(("\n", "\r")):
            line = file.readline(65_536)
            if not line:
                break
        yield number, None


def _open_txt(plain: Plain, encoding: Encoding) -> Table:
    """One text a line, numbered by line; blank lines are no rows."""

    def records(names: Sequence[str], lenient: bool) -> Iterator[Record]:
        with open_text(plain, encoding) as file:
            for number, line in bounded_lines(file, MAX_CHARACTERS):
                if line is None:
                    yield number, None, f"the line is longer than {MAX_CHARACTERS:,} characters"
                elif not line.isspace():
                    yield number, (line.removesuffix("\n"),) * len(names), ""

    return Table(plain.name, plain.format, encoding.name, ("text",), records)
