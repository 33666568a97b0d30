"""The workspace: folders for what is large, SQLite (WAL) as an index of what exists.

Every write goes through `atomic_write` or `sealed_folder`; every read of our own artefacts through `open_verified`.
A folder is real once it holds `manifest.json` (sha256 and size of every file, format number), which is written last,
and appears under its name in one rename. The index can always be rebuilt from the folders (`Store.reindex`).
"""

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from embedlab.errors import StoreError

FORMAT = 1
MANIFEST = "manifest.json"
TRASH, TRASH_END = ".trash-", "~"  # around the name of a folder moved aside; "~" is in no id
SETTLED_SECONDS = 10.0  # between the two renames lies far less
SPARE_BYTES = 64 * 2**20  # left free on the disk after any write, so that SQLite and the logs can go on

Kind = Literal["corpora", "models", "snapshots", "runs", "comparisons"]
SAID: Mapping[Kind, str] = {  # one of a kind, in words
    "corpora": "corpus",
    "models": "model",
    "snapshots": "snapshot",
    "runs": "run",
    "comparisons": "comparison",
}
KINDS = tuple(SAID)


@dataclass(frozen=True)
class Entry:
    """One thing in the workspace: what a list shows without opening its folder."""

    kind: Kind
    id: str
    name: str
    created: str
    summary: Mapping[str, Any]


def now() -> str:
    """UTC, ISO 8601, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def require_space(folder: Path, needed: int) -> None:
    """Refuse before writing what would not fit. `needed` in bytes.

    Raises StoreError naming what is needed and what is free.
    """
    existing = folder
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    if free < needed + SPARE_BYTES:
        raise StoreError(
            f"The disk is full: this needs {needed / 2**20:,.0f} MB and {free / 2**20:,.0f} MB are free. "
            "Free some space or choose another --workspace, then try again."
        )


def atomic_write(path: Path, data: bytes) -> None:
    """Write a file so that after a crash it is either the old one or the new one, whole.

    Raises StoreError when the disk is full or cannot be written; the old file stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise StoreError(f"Could not write {path.name}: {error.strerror}. Nothing was changed.") from error


def write_json(path: Path, value: object) -> None:
    """`atomic_write` of JSON; NaN is refused, since no reader agrees on it."""
    atomic_write(path, (json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode())


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def sealed_folder(destination: Path, *, needed: int = 0) -> Iterator[Path]:
    """A temporary folder that becomes `destination`, with its manifest, when the block ends well.

    `needed` bytes are checked before. An existing destination is moved aside first and removed last; a kill between
    the two renames is mended by `recover`. On any exception the old folder is back and the temporary one is gone.
    """
    require_space(destination.parent, needed)
    destination.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=destination.parent, prefix=".tmp-"))
    trash: Path | None = None
    try:
        yield temporary
        seal(temporary)
        if destination.exists():
            trash = Path(tempfile.mkdtemp(dir=destination.parent, prefix=f"{TRASH}{destination.name}{TRASH_END}"))
            os.rename(destination, trash / "old")
        os.rename(temporary, destination)
        _sync_folder(destination.parent)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if trash is not None:
            _put_back(trash, destination)
        if isinstance(error, OSError):
            raise StoreError(f"Could not write {destination.name}: {error.strerror}. Nothing was changed.") from error
        raise
    if trash is not None:
        shutil.rmtree(trash, ignore_errors=True)


def recover(parent: Path) -> None:
    """Put back what a kill left moved aside; drop the rest of it. Fresh folders are somebody's at work: left alone."""
    for trash in parent.glob(f"{TRASH}*{TRASH_END}*"):
        if time.time() - trash.stat().st_mtime > SETTLED_SECONDS:
            _put_back(trash, parent / trash.name.removeprefix(TRASH).partition(TRASH_END)[0])


def _put_back(trash: Path, destination: Path) -> None:
    if (trash / "old").exists() and not destination.exists():
        os.rename(trash / "old", destination)
    shutil.rmtree(trash, ignore_errors=True)


def seal(folder: Path) -> None:
    """Write the manifest of a folder: every file with its size and sha256. Written last, synced."""
    files = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST):
        with path.open("rb") as file:
            os.fsync(file.fileno())
        files[path.relative_to(folder).as_posix()] = {"size": path.stat().st_size, "sha256": sha256(path)}
    write_json(folder / MANIFEST, {"format": FORMAT, "files": files})


def is_sealed(folder: Path) -> bool:
    return (folder / MANIFEST).is_file()


_verified: dict[Path, tuple[int, int, int, str]] = {}


def open_verified(folder: Path, name: str) -> Path:
    """The path of a file of a sealed folder, once its bytes are those that were written.

    A file is hashed once per process and again whenever its size, time or inode changed.
    Raises StoreError naming the file when it is missing, altered, or of a newer format.
    """
    entry = manifest(folder)["files"].get(name)
    path = folder / name
    if entry is None or not path.is_file():
        raise StoreError(f"{folder.name}/{name} is missing from the workspace. Make it again.")
    stat = path.stat()
    state = (stat.st_size, stat.st_mtime_ns, stat.st_ino, entry["sha256"])
    if _verified.get(path) != state:
        if stat.st_size != entry["size"] or sha256(path) != entry["sha256"]:
            raise StoreError(f"{folder.name}/{name} is damaged: its bytes are not those written. Make it again.")
        _verified[path] = state
    return path


def manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a sealed folder. Raises StoreError where there is none, or a newer or broken one."""
    try:
        value = json.loads((folder / MANIFEST).read_bytes())
        files, number = value["files"], value["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{folder.name} has no readable manifest: it was never finished. Make it again.") from error
    if not isinstance(files, dict) or not isinstance(number, int):
        raise StoreError(f"{folder.name} has a damaged manifest. Make it again.")
    if number > FORMAT:
        raise StoreError(f"{folder.name} was written by a newer EmbedLab (format {number}, this one reads {FORMAT}).")
    return {"format": number, "files": files}


def read_json(folder: Path, name: str) -> Any:
    """Verified JSON of a sealed folder."""
    return json.loads(open_verified(folder, name).read_bytes())


def copy_sealed(source: Path, destination: Path) -> None:
    """A sealed folder once more, every file verified on the way."""
    names = manifest(source)["files"]
    with sealed_folder(destination, needed=sum(entry["size"] for entry in names.values())) as temporary:
        for name in names:
            target = temporary / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(open_verified(source, name), target)


class Store:
    """One workspace on disk. Safe for several processes: SQLite in WAL mode, folders by rename."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        try:
            for kind in KINDS:
                (self.root / kind).mkdir(parents=True, exist_ok=True)
                recover(self.root / kind)
            self._execute(
                "CREATE TABLE IF NOT EXISTS entry (kind TEXT, id TEXT, name TEXT, created TEXT, summary TEXT, "
                "PRIMARY KEY (kind, id))"
            )
        except OSError as error:
            raise StoreError(f"The workspace {self.root.name} cannot be used: {error.strerror}.") from error

    def folder(self, kind: Kind, id: str) -> Path:
        """Where a thing lives. Ids are ours (hex, dashes), never a name a person typed."""
        if not id or not all(c in "0123456789abcdefghijklmnopqrstuvwxyz-" for c in id):
            raise StoreError(f"{id!r} is not an id of this workspace.")
        return self.root / kind / id

    def put(
        self,
        kind: Kind,
        id: str,
        name: str,
        summary: Mapping[str, Any],
        fill: Callable[[Path], None],
        needed: int = 0,
    ) -> Path:
        """Make a sealed folder by calling `fill` on a temporary one, then list it. Same id = same content.

        `needed` bytes are checked before the first is written.
        """
        destination = self.folder(kind, id)
        if not is_sealed(destination):
            with sealed_folder(destination, needed=needed) as temporary:
                fill(temporary)
                write_json(temporary / "entry.json", {"name": name, "created": now(), "summary": dict(summary)})
        self.list_entry(kind, id)
        return destination

    def list_entry(self, kind: Kind, id: str) -> None:
        """(Re)list a folder in the index from its own entry.json."""
        entry = read_json(self.folder(kind, id), "entry.json")
        self._execute(
            "INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?)",
            (kind, id, entry["name"], entry["created"], json.dumps(entry["summary"])),
        )

    def entries(self, kind: Kind) -> list[Entry]:
        """What there is of a kind, newest first; folders that vanished are left out."""
        rows = self._execute(
            "SELECT id, name, created, summary FROM entry WHERE kind = ? ORDER BY created DESC, id", (kind,)
        )
        return [
            Entry(kind, id, name, created, json.loads(summary))
            for id, name, created, summary in rows
            if is_sealed(self.folder(kind, id))
        ]

    def find(self, kind: Kind, prefix: str) -> Entry:
        """The one entry whose id begins with `prefix` or whose name is `prefix` (the newest of equal names).

        Raises StoreError when there is none or more than one.
        """
        entries = self.entries(kind)
        matches = [e for e in entries if e.id == prefix] or [e for e in entries if prefix and e.id.startswith(prefix)]
        matches = matches or [e for e in entries if e.name == prefix][:1]
        if not matches:
            raise StoreError(f"There is no {SAID[kind]} {prefix!r} in this workspace.")
        if len(matches) > 1:
            raise StoreError(f"{prefix!r} names {len(matches)} {kind}: give more of the id.")
        return matches[0]

    def remove(self, kind: Kind, id: str) -> None:
        """Take a thing out: first out of the index, then by rename, then its bytes."""
        self._execute("DELETE FROM entry WHERE kind = ? AND id = ?", (kind, id))
        folder = self.folder(kind, id)
        if folder.exists():
            trash = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".gone-"))
            os.rename(folder, trash / "old")
            shutil.rmtree(trash, ignore_errors=True)

    def reindex(self) -> int:
        """Rebuild the index from the folders; returns how many things were found."""
        self._execute("DELETE FROM entry")
        count = 0
        for kind in KINDS:
            for folder in (self.root / kind).iterdir():
                if not folder.name.startswith(".") and is_sealed(folder) and (folder / "entry.json").is_file():
                    self.list_entry(kind, folder.name)
                    count += 1
        return count

    def _execute(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            connection = sqlite3.connect(self.root / "index.sqlite", timeout=30)
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                with connection:
                    return connection.execute(statement, values).fetchall()
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise StoreError(
                f"The workspace index cannot be used ({error}). Delete index.sqlite; it is rebuilt."
            ) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
