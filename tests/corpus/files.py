"""Small files on disk, and what reading them gives: what the tests of this folder share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from embedlab.corpus import Columns, Imported, read
from embedlab.errors import CorpusError

Put = Callable[[str, bytes | str], Path]


def take(folder: Path, name: str, data: bytes | str, columns: Columns | None = None) -> Imported:
    """Write an upload under a name of ours, as the pages do, and read it."""
    path = folder / "upload"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    imported = read(path, name, columns)
    assert imported.rows_in == len(imported.corpus) + len(imported.refused)
    return imported


def sentence(folder: Path, name: str, data: bytes | str, columns: Columns | None = None) -> str:
    """The one sentence that refuses the file."""
    with pytest.raises(CorpusError) as caught:
        take(folder, name, data, columns)
    text = str(caught.value)
    assert text.endswith((".", "?"))
    assert "\n" not in text
    assert str(folder) not in text
    return text
