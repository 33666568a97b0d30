"""What is being chosen on the Fine-tune page, kept in the workspace: a reload, another page, another day lose nothing.

One file, drafts/finetune.json, of plain values by the name of their widget. The address bar holds what a link is for
(the corpus, the run that is looked at) and wins over the draft.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from embedlab.store import write_json
from embedlab.ui import state

PREFIX = "tune_"  # of the session keys of the widgets a draft holds
SAVED = "_draft"  # what this visit wrote last


def restore() -> dict[str, Any]:
    """The draft as it was kept, by names without the prefix; empty where there is none or it cannot be read."""
    try:
        value = json.loads(_file().read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def save(values: Mapping[str, Any]) -> None:
    """Write the draft where it differs from what was written last."""
    if st.session_state.get(SAVED) != dict(values):
        write_json(_file(), dict(values))
        st.session_state[SAVED] = dict(values)


def key(name: str) -> str:
    return f"{PREFIX}{name}"


def _file() -> Path:
    return state.lab().root / "drafts" / "finetune.json"
