"""From an uploaded file to a plain one on disk: gz and zip are unpacked under limits, disguises are called by name."""

import gzip
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from embedlab.corpus.limits import MAX_BYTES, MAX_ENTRIES, MAX_RATIO, RATIO_GRACE, shown
from embedlab.errors import CorpusError
from embedlab.store import require_space

KINDS = {
    ".txt": "txt", ".text": "txt", ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".json": "json", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
READABLE = "txt, csv, tsv, jsonl, json or parquet, or a gz or zip of one of these"
BLOCK = 2**20

# what a file says of itself in its first bytes, whatever its name
SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image"), (b"\xff\xd8\xff", "a JPEG image"), (b"GIF8", "a GIF image"),
    (b"%PDF-", "a PDF document"), (b"PK\x03\x04", "a zip archive or an Office document"), (b"PK\x05\x06", "a zip"),
    (b"\x1f\x8b", "a gzip archive"), (b"PAR1", "a parquet table"), (b"SQLite format 3\0", "an SQLite database"),
    (b"\xd0\xcf\x11\xe0", "an Office document"), (b"7z\xbc\xaf\x27\x1c", "a 7z archive"), (b"Rar!", "a RAR archive"),
    (b"BZh", "a bzip2 archive"), (b"\xfd7zXZ\0", "an xz archive"), (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"\x7fELF", "a program"), (b"\x93NUMPY", "a NumPy array"), (b"\x89HDF", "an HDF5 file"), (b"\x80\x04", "a pickle"),
    (b"ARROW1", "an Arrow file"), (b"OggS", "a sound file"), (b"ID3", "a sound file"), (b"RIFF", "sound or video"),
)  # fmt: skip


# NotImplementedError: a packing method we lack; RuntimeError and ValueError: listings that contradict the file
ARCHIVE_ERRORS = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError)


@dataclass(frozen=True)
class Plain:
    """An unpacked file: where it is, the kind its name promises, how it was packed, its name for sentences."""

    path: Path
    kind: str
    packing: str
    name: str

    @property
    def format(self) -> str:
        return f"{self.kind}.{self.packing}" if self.packing else self.kind


@contextmanager
def unpacked(source: Path, name: str) -> Iterator[Plain]:
    """The file to read, unpacked into a temporary folder where it is a gz or zip.

    Raises CorpusError for a missing, empty, too large or unknown file, a damaged archive, or one that unpacks to
    far more than a text would: the listing is asked first, and unpacking stops at the limit.
    """
    label = shown(name)
    if not source.is_file():
        raise CorpusError(f"There is no file {label}: check the name, then try again.")
    size = source.stat().st_size
    if size == 0:
        raise CorpusError(f"{label} is empty: choose a file with at least one row.")
    if size > MAX_BYTES:
        raise CorpusError(f"{label} is larger than {MAX_BYTES // 2**30} GB: split it, or keep only the rows you need.")
    suffix = Path(label).suffix.lower()
    if suffix not in (".gz", ".zip"):
        yield _checked(Plain(source, _kind(label), "", label))
        return
    with tempfile.TemporaryDirectory(prefix="embedlab-") as folder:
        destination = Path(folder) / "plain"
        try:
            if suffix == ".gz":
                plain = Plain(destination, _kind(label[: -len(suffix)], label), "gz", label)
                _unpack_gzip(source, destination, label)
            else:
                plain = _unpack_zip(source, destination, label)
        except ARCHIVE_ERRORS as error:
            raise CorpusError(f"{label} is damaged or not really a {suffix[1:]} archive: pack it again.") from error
        if destination.stat().st_size == 0:
            raise CorpusError(f"{label} is empty inside: choose a file with at least one row.")
        yield _checked(plain)


class SupportsRead(Protocol):
    """What both archives unpack through."""

    def read(self, size: int, /) -> bytes: ...


def _kind(name: str, outer: str | None = None) -> str:
    kind = KINDS.get(Path(name).suffix.lower())
    if kind is None:
        inside = f" inside {outer}" if outer else ""
        raise CorpusError(f"{name}{inside} is of no kind we read: give it as {READABLE}.")
    return kind


def _checked(plain: Plain) -> Plain:
    """Raises CorpusError when the first bytes belong to something other than the name says."""
    with plain.path.open("rb") as file:
        head = file.read(16)
    found = next((what for start, what in SIGNATURES if head.startswith(start)), None)
    if plain.kind == "parquet":
        if not head.startswith(b"PAR1"):
            what = f" but {found}" if found else ""
            raise CorpusError(f"{plain.name} is not a parquet file{what}: save it as parquet again.")
    elif found is not None:
        raise CorpusError(f"{plain.name} holds {found}, not {plain.kind}: give it as {READABLE}, named for what it is.")
    return plain


def _unpack_gzip(source: Path, destination: Path, name: str) -> None:
    require_space(destination.parent, source.stat().st_size)
    with source.open("rb") as raw, gzip.GzipFile(fileobj=raw) as file:
        _copy(file, destination, raw, name)


def _unpack_zip(source: Path, destination: Path, name: str) -> Plain:
    _check_listing(source, name)
    with zipfile.ZipFile(source) as archive:
        usable = [entry for entry in archive.infolist() if _is_usable(entry)]
        if len(usable) != 1:
            raise CorpusError(f"{name} holds {len(usable)} files: pack exactly one, as {READABLE.split(', or')[0]}.")
        entry = usable[0]
        inner = shown(entry.filename)
        kind = _kind(inner, name)
        if entry.flag_bits & 1:
            raise CorpusError(f"{name} is locked with a password: unpack it yourself and give the file inside.")
        if entry.file_size > MAX_BYTES:
            raise CorpusError(f"{name} unpacks to more than {MAX_BYTES // 2**30} GB: split it.")
        _check_ratio(entry.file_size, min(entry.compress_size, source.stat().st_size), name)
        require_space(destination.parent, entry.file_size)
        with archive.open(entry) as file:
            _copy(file, destination, None, name)
    return Plain(destination, kind, "zip", f"{inner} in {name}")


def _is_usable(entry: zipfile.ZipInfo) -> bool:
    base = Path(entry.filename).name
    return not (entry.is_dir() or base.startswith(".") or entry.filename.startswith("__MACOSX/"))


def _check_listing(source: Path, name: str) -> None:
    """Raises CorpusError when a zip says that it lists many entries; asked before the listing itself is read."""
    size = source.stat().st_size
    with source.open("rb") as file:
        file.seek(max(0, size - 65_557))
        tail = file.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < 22:
            raise zipfile.BadZipFile
        entries, listing = struct.unpack("<HL", tail[at + 10 : at + 16])
        end = size - len(tail) + at
        if end >= 76:  # the 64-bit listing, where there is one, overrides the other
            file.seek(end - 76)
            record = file.read(76)
            if record[56:60] == b"PK\x06\x07" and record[:4] == b"PK\x06\x06":
                entries, listing = struct.unpack("<QQ", record[32:48])
    # a name is at most 65,535 bytes, so an honest listing of few entries may still be long: 1 KB each is plenty
    if entries > MAX_ENTRIES or listing > MAX_ENTRIES * 1024:
        raise CorpusError(f"{name} lists more than {MAX_ENTRIES} entries: pack exactly one file.")


def _check_ratio(unpacked_size: int, packed: int, name: str) -> None:
    if unpacked_size > max(RATIO_GRACE, MAX_RATIO * max(1, packed)):
        raise CorpusError(
            f"{name} would unpack to over {MAX_RATIO} times its size, as an attack would: unpack it first."
        )


def _copy(file: SupportsRead, destination: Path, raw: IO[bytes] | None, name: str) -> None:
    """Unpack block by block; `raw` is the packed stream, whose place says how much was used for what came out."""
    written = 0
    free = shutil.disk_usage(destination.parent).free
    with destination.open("wb") as out:
        while block := file.read(BLOCK):
            written += len(block)
            if written > MAX_BYTES:
                raise CorpusError(f"{name} unpacks to more than {MAX_BYTES // 2**30} GB: split it.")
            if raw is not None:
                _check_ratio(written, raw.tell(), name)
            if written > free:
                require_space(destination.parent, written)
            out.write(block)
