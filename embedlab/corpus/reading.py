"""From a file to a corpus: every row kept or refused with its reason, none lost in between."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path, PurePath

from embedlab.corpus.columns import Columns, check, guess
from embedlab.corpus.limits import MAX_REFUSED, MAX_ROWS, PREVIEW_ROWS, Refused, check_text, shown
from embedlab.corpus.tables import Table, open_table
from embedlab.corpus.unpack import KINDS, unpacked
from embedlab.errors import CorpusError
from embedlab.types import Corpus, Target

GUESS_ROWS = 200
PREVIEW_CHARACTERS = 300
WHOLE_NUMBER = re.compile(r"\s*([+-]?\d{1,9})(?:\.0+)?\s*")  # 3.0 too: a table with gaps writes its numbers so


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
        rows = _Rows(columns)
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


class _Rows:
    """The columns of the corpus as they grow, one good row at a time."""

    def __init__(self, columns: Columns) -> None:
        roles = list(columns.chosen())
        self.place = {role: i for i, role in enumerate(roles)}
        self.has_target = any(role in self.place for role in ("target", "start", "token_index"))
        self.texts: list[str] = []
        self.labels: list[str | None] = []
        self.pairs: list[str | None] = []
        self.targets: list[Target | None] = []
        self.splits: list[str | None] = []

    def add(self, values: Sequence[str | None]) -> None:
        """Keep a row. Raises Refused, having kept nothing of it."""
        text = values[self.place["text"]]
        if text is None or not text.strip():
            raise Refused("the text is empty")
        check_text(text)
        if len(self.place) > 1:
            given = {role: _trimmed(values[i], role) for role, i in self.place.items() if role != "text"}
            pair = values[self.place["pair"]] if given.get("pair") else None
            target = _target(text, given) if self.has_target else None
            split = _split(given.get("split"))
            self.labels.append(given.get("label"))
            self.pairs.append(pair)
            self.targets.append(target)
            self.splits.append(split)
        self.texts.append(text)

    def corpus(self, name: str) -> Corpus:
        labels = tuple(self.labels) if "label" in self.place else None
        pairs = tuple(self.pairs) if "pair" in self.place else None
        targets = tuple(self.targets) if self.has_target else None
        splits = tuple(self.splits) if "split" in self.place else None
        texts = tuple(self.texts)
        return Corpus(content_id(texts, labels, pairs, targets, splits), name, texts, labels, pairs, targets, splits)


def content_id(
    texts: Sequence[str],
    labels: Sequence[str | None] | None,
    pairs: Sequence[str | None] | None,
    targets: Sequence[Target | None] | None,
    splits: Sequence[str | None] | None,
) -> str:
    """sha256 of the canonical JSON of the columns: the same rows always have the same id, whatever the file was."""
    spans = None if targets is None else [t and [t.start, t.end, t.word, t.sense] for t in targets]
    content = {"texts": texts, "labels": labels, "pairs": pairs, "targets": spans, "splits": splits}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _trimmed(value: str | None, role: str) -> str | None:
    """A value beside the text, without outer white space; None where it is empty."""
    if value is None or not (value := value.strip()):
        return None
    return check_text(value, f"the {role.replace('_', ' ')}")


def _split(value: str | None) -> str | None:
    if value is None or value in ("train", "test"):
        return value
    if value.lower() in ("train", "test"):
        return value.lower()
    raise Refused("the split is neither train nor test")


def _target(text: str, given: Mapping[str, str | None]) -> Target | None:
    """The target of a row, or None where its place is left empty. Raises Refused when the place is not in the text."""
    word = given.get("target")
    if "start" in given:
        if given["start"] is None and given["end"] is None:
            return None
        start, end = _number(given["start"], "start"), _number(given["end"], "end")
    elif "token_index" in given:
        if given["token_index"] is None:
            return None
        start, end = _token(text, _number(given["token_index"], "token index"))
    elif word is None:
        return None
    else:
        start, end = _whole_word(text, word)
    if start < 0 or end > len(text):
        raise Refused(f"the span {start} to {end} lies outside the text, which has {len(text)} characters")
    if start >= end:
        raise Refused(f"the span {start} to {end} is empty")
    surface = text[start:end]
    if surface.isspace():
        raise Refused(f"the span {start} to {end} holds only white space")
    return Target(start, end, word or surface.strip().lower(), given.get("sense"))


def _number(value: str | None, role: str) -> int:
    match = WHOLE_NUMBER.fullmatch(value or "")
    if match is None:
        raise Refused(f"the {role} is not a whole number")
    return int(match[1])


def _token(text: str, index: int) -> tuple[int, int]:
    """Characters of text.split()[index]."""
    tokens = text.split()
    if not 0 <= index < len(tokens):
        raise Refused(f"the token index {index} lies outside the text, which has {len(tokens)} tokens")
    end = 0
    for token in tokens[: index + 1]:
        start = text.index(token, end)
        end = start + len(token)
    return start, end


def _whole_word(text: str, word: str) -> tuple[int, int]:
    match = _pattern(word).search(text)
    if match is None:
        raise Refused("the target word does not occur in the text")
    return match.span()


@lru_cache(maxsize=4096)
def _pattern(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
