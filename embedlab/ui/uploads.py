"""Files a person drops or names: kept under names of ours until they are read, and gone afterwards."""

import shutil
import tempfile
from pathlib import Path
from typing import IO, Protocol

import streamlit as st

from embedlab.corpus import Columns, Preview
from embedlab.training.objectives import OBJECTIVES
from embedlab.ui import state


class Dropped(Protocol):
    """What st.file_uploader hands over."""

    @property
    def name(self) -> str: ...
    @property
    def file_id(self) -> str: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def read(self, size: int = -1, /) -> bytes: ...


def source(dropped: Dropped | None, typed: str) -> tuple[Path | None, str]:
    """(where the bytes are, the name they came under). A named file is read in place; a dropped one is written once."""
    if dropped is not None:
        kept = st.session_state.get("_upload")
        if kept is None or kept[0] != dropped.file_id:
            forget()
            kept = (dropped.file_id, _to_disk(dropped))
            st.session_state["_upload"] = kept
        return kept[1], dropped.name
    if typed:
        return Path(typed).expanduser(), Path(typed).name
    return None, ""


def _to_disk(dropped: Dropped) -> Path:
    """The bytes under a name of ours: the person's name for the file is data, never a path."""
    with tempfile.NamedTemporaryFile(prefix="embedlab-upload-", delete=False) as file:
        dropped.seek(0)
        shutil.copyfileobj(_reader(dropped), file, 1 << 20)
    return Path(file.name)


def _reader(dropped: Dropped) -> "IO[bytes]":
    return dropped  # type: ignore[return-value]  # copyfileobj asks for read() only


def forget() -> None:
    """Remove the file of the last upload of this session."""
    kept = st.session_state.pop("_upload", None)
    if kept is not None:
        kept[1].unlink(missing_ok=True)


def preview(source: Path, name: str) -> Preview:
    """The first rows of a file, read once for each file and not again for each click."""
    stat = source.stat() if source.is_file() else None
    mark = (str(source), name, stat.st_mtime_ns if stat else 0, stat.st_size if stat else 0)
    kept = st.session_state.get("_preview")
    if kept is None or kept[0] != mark:
        kept = (mark, state.lab().preview_corpus(source, name))
        st.session_state["_preview"] = kept
    return kept[1]


def allowed(columns: Columns) -> str:
    """What a model could learn from these columns, if enough rows have them."""
    roles = set(columns.chosen())
    if columns.start or columns.token_index:
        roles.add("target")  # the word at the place is the target
    possible = [one for one in OBJECTIVES.values() if roles.issuperset(one.needs)]
    if columns.score is not None:  # pairs that are alike to this or that degree do not all belong together
        possible = [one for one in possible if one.name not in ("pairs", "translation")]
    if not possible:
        return "Choose the text column."
    names, older = ([one.name for one in possible if one.fits(None) == now] for now in (True, False))
    return f"These columns allow: {', '.join(names)}. Models of the lineage alone: {', '.join(older)}."
