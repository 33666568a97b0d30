"""Choosing a model: the bundled one, those made here, finished runs, folders the person named on the Models page."""

import streamlit as st

from embedlab.lab.models import MODEL
from embedlab.ui import state


def short(source: str) -> str:
    """A model as a person would say it: a folder by its last part, a run by the first digits of its id."""
    if source == "builtin":
        return "all-MiniLM-L6-v2"
    if source.startswith(MODEL):
        return _made(str(state.lab().store.root), source)
    if source.startswith("run:"):
        run, _, step = source.removeprefix("run:").partition("@")
        return f"run {run[:8]}" + (f", step {step}" if step else "")
    return source.rstrip("/").rsplit("/", 1)[-1]


@st.cache_data(show_spinner=False, max_entries=64)
def _made(root: str, source: str) -> str:
    """A model that was made or brought here by its kind and corpus, and the first digits of its id."""
    entry = state.lab().store.find("models", source.removeprefix(MODEL))
    return f"{entry.name} ({entry.id[:6]})"


def known() -> list[str]:
    """Every model state that can be chosen, and the folders this person named."""
    listed = state.lab().sources()
    return listed + [folder for folder in st.session_state.get("folders", []) if folder not in listed]
