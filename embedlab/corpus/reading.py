"""From a file to a corpus: every row kept or refused with its reason, none lost in between."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePath

from embedlab.corpus.columns import Columns, check, guess
from embedlab.corpus.limits import MAX_REFUSED, MAX_ROWS, PREVIEW_ROWS, Refused, shown
from embedlab.corpus.rows import Rows
from embedlab.corpus.tables import Table, open_table
from embedlab.corpus.unpack import KINDS, unpacked
from embedlab.errors import CorpusError
from embedlab.types import Corpus

GUESS_ROWS = 200
PREVIEW_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was not kept: its number (of the data row from 1; of the line in txt and jsonl) and why."""

    row: int
    reason: str


@dataclass(frozen=True)
class Preview:
    """What a person sees before an import: the first rows, cut to 300 characters a value, and the guessed roles."""

    name: str
    format: str
    encoding: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    guess: Columns


@dataclass(frozen=True)
class Imported:
    """What became of a file: rows_in == len(corpus) + len(refused)."""

    corpus: Corpus
    rows_in: int
    refused: tuple[Refusal, ...]
    encoding: str
    format: str
    columns: Columns


def preview(source: Path, name: str) -> Preview:
    """The first 20 rows of a file, its columns, its encoding and a guess at their roles. Raises CorpusError."""
    with _table(Path(source), name) as table:
        sample = _sample(table)
        rows = tuple(tuple(_cut(value) for value in row) for row in sample[:PREVIEW_ROWS])
        return Preview(shown(name), table.format, table.encoding, table.columns, rows, guess(table.columns, sample))


def read(source: Path, name: str, columns: Columns | None = None) -> Imported:
    """The corpus in a file. `name` is the file's own name: it says what kind it is, and names the corpus.

    columns: what a person chose; None, or no text column chosen: the guess. Raises CorpusError, one sentence, when the
    file cannot be read, a column is missing, or not one row can be kept.
    """
    with _table(Path(source), name) as table:
        columns = _resolve(columns, table)
        rows = Rows(columns)
        refused: list[Refusal] = []
        rows_in = 0
        for number, values, reason in table.records(list(columns.chosen().values()), False):
            rows_in += 1
            if rows_in > MAX_ROWS:
                raise CorpusError(f"{table.name} has more than {MAX_ROWS:,} rows: split it.")
            try:
                if values is None:
                    raise Refused(reason)
                rows.add(values)
            except Refused as refusal:
                refused.append(Refusal(number, str(refusal)))
                if len(refused) > MAX_REFUSED:
                    sentence = f"{table.name}: over {MAX_REFUSED:,} rows are refused; row {_first(refused)}."
                    raise CorpusError(sentence) from None
        if not rows.texts:
            if refused:
                raise CorpusError(f"{table.name}: none of its {rows_in:,} rows can be kept; row {_first(refused)}.")
            raise CorpusError(f"{table.name} has no rows: choose a file with at least one.")
        return Imported(rows.corpus(_corpus_name(name)), rows_in, tuple(refused), table.encoding, table.format, columns)


@contextmanager
def _table(source: Path, name: str) -> Iterator[Table]:
    """A file as a table; whatever its decoding meets becomes a sentence."""
    try:
        with unpacked(source, name) as plain:
            yield open_table(plain)
    except UnicodeError as error:
        raise CorpusError(f"{shown(name)} breaks off inside a character of its encoding: save it as UTF-8.") from error
    except OSError as error:
        raise CorpusError(f"{shown(name)} cannot be read ({error.strerror or 'input error'}): try again.") from error
    except MemoryError as error:
        raise CorpusError(f"{shown(name)} needs more memory than there is: split it.") from error


def _sample(table: Table) -> list[Sequence[str | None]]:
    records = islice(table.records(table.columns, True), 5 * GUESS_ROWS)
    return list(islice((values for _, values, _ in records if values is not None), GUESS_ROWS))


def _resolve(columns: Columns | None, table: Table) -> Columns:
    if columns is None or columns.text is None:
        guessed = guess(table.columns, _sample(table))
        text = guessed.text or (table.columns[0] if len(table.columns) == 1 else None)
        if text is None and next(table.records(table.columns, True), None) is None:
            raise CorpusError(f"{table.name} has no rows: choose a file with at least one.")
        columns = replace(columns if columns is not None and columns.chosen() else guessed, text=text)
    check(columns, table.columns, table.name)
    return columns


def _first(refused: Sequence[Refusal]) -> str:
    return f"{refused[0].row}: {refused[0].reason}"


def _cut(value: str | None) -> str:
    text = (value or "").encode("utf-8", "replace").decode()
    return text if len(text) <= PREVIEW_CHARACTERS else text[: PREVIEW_CHARACTERS - 1] + "…"


def _corpus_name(name: str) -> str:
    """The file's name without its endings."""
    base = shown(name)
    while PurePath(base).suffix.lower() in (".gz", ".zip", *KINDS):
        base = base[: -len(PurePath(base).suffix)]
    return base or "corpus"
