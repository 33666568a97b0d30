"""Choosing a model: the bundled one, those made here, finished runs, folders the person named on the Models page."""

import streamlit as st

from embedlab.lab.models import MODEL
from embedlab.ui import state

KEPT = ("done", "cancelled")  # states of a run that leave a model: the finished one, or the best until it was stopped


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
    """Every model state that can be chosen: of a run the one it kept, then those on the way there."""
    lab = state.lab()
    listed = ["builtin", *(MODEL + entry.id for entry in lab.store.entries("models"))]
    for run in lab.runs():
        if run.state in KEPT and lab.has_model(run.id):
            listed.append(f"run:{run.id}")
        listed += [f"run:{run.id}@{frame.step}" for frame in lab.frames(run.id)]
    return listed + [folder for folder in st.session_state.get("folders", []) if folder not in listed]
