"""parquet: read in batches, texts as dictionaries, so that a small file cannot become a large memory."""

from collections.abc import Iterator, Sequence
from typing import Any

from embedlab.corpus.limits import (
    MAX_BYTES,
    MAX_CHARACTERS,
    MAX_FOOTER,
    MAX_RATIO,
    MAX_ROWS,
    RATIO_GRACE,
    check_column_count,
)
from embedlab.corpus.tables import Record, Table
from embedlab.corpus.unpack import Plain
from embedlab.errors import CorpusError

BATCH = 1024  # of the longest texts allowed: 80 MB
MAX_TEXT_BYTES = 4 * MAX_CHARACTERS  # a character is at most four bytes


def open_parquet(plain: Plain) -> Table:
    """Raises CorpusError when the file is no parquet, is damaged, or says that it unpacks to far more than it is."""
    import pyarrow as pa

    size = plain.path.stat().st_size
    with plain.path.open("rb") as file:
        file.seek(max(0, size - 8))
        tail = file.read(8)
    if size < 12 or tail[4:] != b"PAR1" or not 0 < int.from_bytes(tail[:4], "little") <= min(size - 12, MAX_FOOTER):
        raise CorpusError(f"{plain.name} is a damaged parquet file: save it again.")
    try:
        columns = _read_schema(plain, size)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CorpusError(f"{plain.name} is a damaged parquet file: save it again.") from error

    def records(names: Sequence[str], lenient: bool) -> Iterator[Record]:
        try:
            yield from _records(plain, tuple(names))
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            raise CorpusError(f"{plain.name} is a damaged parquet file: save it again.") from error

    return Table(plain.name, plain.format, "utf-8", columns, records)


def _read_schema(plain: Plain, size: int) -> tuple[str, ...]:
    """Names of the columns that hold one plain value a row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(plain.path) as file:
        schema, metadata = file.schema_arrow, file.metadata
        check_column_count(metadata.num_columns, plain.name)
        if metadata.num_rows > MAX_ROWS:
            raise CorpusError(f"{plain.name} has more than {MAX_ROWS:,} rows: split it.")
        stated = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
        if stated > MAX_BYTES or stated > max(RATIO_GRACE, MAX_RATIO * size):
            raise CorpusError(f"{plain.name} would unpack to {stated / 2**20:,.0f} MB: keep only what you need of it.")
        names = [field.name for field in schema if not pa.types.is_nested(field.type)]
    if not names:
        raise CorpusError(f"{plain.name} has no column of plain values: a text column is needed.")
    if len(set(schema.names)) != len(schema.names):
        raise CorpusError(f"{plain.name} has two columns of the same name: rename one.")
    return tuple(names)


def _records(plain: Plain, names: tuple[str, ...]) -> Iterator[Record]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(plain.path) as probe:
        texts = [name for name in names if _is_text(probe.schema_arrow.field(name).type)]
    row = 0
    with pq.ParquetFile(plain.path, read_dictionary=texts) as file:
        for batch in file.iter_batches(batch_size=BATCH, columns=list(dict.fromkeys(names))):
            lists = {name: _values(batch.column(batch.schema.get_field_index(name))) for name in set(names)}
            for values in zip(*(lists[name] for name in names), strict=True):
                row += 1
                fault = next((v.reason for v in values if isinstance(v, _Fault)), None)
                yield row, None if fault else values, fault or ""


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return _is_text(kind.value_type) if pa.types.is_dictionary(kind) else str(kind) in ("string", "large_string")


class _Fault:
    """A value that cannot be text."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


TOO_LONG = _Fault(f"a value is longer than {MAX_CHARACTERS:,} characters")
NOT_UTF8 = _Fault("a value is not UTF-8")


def _values(column: Any) -> list[Any]:
    """One str, None or _Fault a row. Texts come as dictionaries, whose entries are measured before they are spread."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        return [_as_text(value) for value in column]
    longest = pc.max(pc.binary_length(column.dictionary)).as_py() or 0
    if longest <= MAX_TEXT_BYTES:
        try:
            values: list[Any] = column.dictionary_decode().to_pylist()
            return values
        except UnicodeDecodeError:
            pass  # one by one, to find which
    places = column.indices.to_pylist()
    known = {i: _as_text(column.dictionary[i]) for i in set(places) if i is not None}
    return [None if i is None else known[i] for i in places]


def _as_text(scalar: Any) -> str | _Fault | None:
    import pyarrow as pa

    if not scalar.is_valid:
        return None
    if isinstance(scalar, pa.StringScalar | pa.LargeStringScalar | pa.BinaryScalar | pa.LargeBinaryScalar):
        data = scalar.as_buffer()
        if data.size > MAX_TEXT_BYTES:
            return TOO_LONG
        try:
            return data.to_pybytes().decode()
        except UnicodeDecodeError:
            return NOT_UTF8
    return str(scalar)
