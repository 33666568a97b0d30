"""JSON lines, and JSON arrays of objects. Numbers stay as they are written; nested values are no text."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from embedlab.corpus.encoding import Encoding
from embedlab.corpus.limits import (
    MAX_CHARACTERS,
    MAX_COLUMNS,
    MAX_JSON_ARRAY,
    MAX_NESTING,
    MAX_RECORD,
    Refused,
    check_column_count,
)
from embedlab.corpus.tables import Record, Table, bounded_lines, open_text
from embedlab.corpus.unpack import Plain
from embedlab.errors import CorpusError

KEYS_FROM = 20_000  # rows whose keys make up the columns
DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
STRUCTURE = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)

# (row, the object, "") or (row, None, why it is refused)
Item = tuple[int, Mapping[str, Any] | None, str]


def open_objects(plain: Plain, encoding: Encoding) -> Table:
    """Raises CorpusError when no row is a JSON object."""
    with open_text(plain, encoding) as file:
        is_array = file.read(4096).lstrip().startswith("[")
    array = _parse_array(plain, encoding) if is_array else None

    def items() -> Iterator[Item]:
        return _array_items(array) if array is not None else _lines(plain, encoding)

    columns = _columns(items(), plain.name)

    def records(names: Sequence[str], lenient: bool) -> Iterator[Record]:
        for row, item, reason in items():
            if item is None:
                yield row, None, reason
                continue
            try:
                yield row, [_as_text(item.get(name), name, lenient) for name in names], ""
            except Refused as refused:
                yield row, None, str(refused)

    return Table(plain.name, plain.format, encoding.name, columns, records)


def _columns(items: Iterator[Item], name: str) -> tuple[str, ...]:
    columns: dict[str, None] = {}
    refusal = ""
    for row, item, reason in islice(items, KEYS_FROM):
        if item is None:
            refusal = refusal or f" (row {row}: {reason})"
        else:
            columns.update(dict.fromkeys(key for key in item if key.isascii() or _is_writable(key)))
            check_column_count(len(columns), name)
    if not columns:
        raise CorpusError(f"{name} holds no JSON objects with columns{refusal}: write one object a line.")
    return tuple(columns)


def _is_writable(key: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in key)


def _lines(plain: Plain, encoding: Encoding) -> Iterator[Item]:
    with open_text(plain, encoding) as file:
        for number, line in bounded_lines(file, MAX_RECORD):
            if line is None:
                yield number, None, f"the line is longer than {MAX_RECORD:,} characters"
            elif not line.isspace():
                yield _item(number, line)


def _item(number: int, line: str) -> Item:
    # counting is cheap; the nesting itself is only measured where it could be too deep
    if line.count("[") + line.count("{") > MAX_NESTING and _depth(line) > MAX_NESTING:
        return number, None, f"its JSON is nested more than {MAX_NESTING} deep"
    try:
        value = DECODER.decode(line)
    except (ValueError, RecursionError):
        return number, None, "it is not valid JSON"
    return _checked(number, value)


def _checked(number: int, value: object) -> Item:
    if not isinstance(value, dict):
        return number, None, "it is not a JSON object"
    if len(value) > MAX_COLUMNS:
        return number, None, f"it has more than {MAX_COLUMNS:,} columns"
    return number, value, ""


def _depth(text: str) -> int:
    """How deep brackets outside strings are nested at most."""
    depth = deepest = 0
    for match in STRUCTURE.finditer(text):
        first = match[0][0]
        if first in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in "]}":
            depth -= 1
    return deepest


def _parse_array(plain: Plain, encoding: Encoding) -> list[Any]:
    if plain.path.stat().st_size > MAX_JSON_ARRAY:
        raise CorpusError(f"{plain.name} is a JSON array of over {MAX_JSON_ARRAY // 2**20} MB: write it as JSON lines.")
    with open_text(plain, encoding) as file:
        text = file.read()
    if _depth(text) > MAX_NESTING:
        raise CorpusError(f"{plain.name} is nested more than {MAX_NESTING} deep: write one flat object a row.")
    try:
        array: list[Any] = DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise CorpusError(f"{plain.name} is not valid JSON at line {error.lineno}: write it again.") from error
    return array


def _array_items(array: Sequence[Any]) -> Iterator[Item]:
    return (_checked(row, value) for row, value in enumerate(array, 1))


def _as_text(value: object, name: str, lenient: bool) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if lenient:
        return json.dumps(value, ensure_ascii=False)[:MAX_CHARACTERS]
    raise Refused(f"{name[:40]!a} holds a list or an object, not text")
