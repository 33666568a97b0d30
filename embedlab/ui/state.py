"""What the screen keeps: the lab of this process, comparisons already opened, and ids in the address bar.

Anything that matters lives in the workspace; session state holds ids and selections only.
"""

import os
from typing import Literal

import streamlit as st

from embedlab.lab import Lab
from embedlab.lab.searching import Desk
from embedlab.training.recipes import Choice
from embedlab.types import Comparison, Corpus

Theme = Literal["light", "dark"]


def lab() -> Lab:
    """The lab on the workspace named by EMBEDLAB_WORKSPACE, else ./workspace."""
    return _lab(os.environ.get("EMBEDLAB_WORKSPACE", "workspace"))


@st.cache_resource(show_spinner=False)
def _lab(root: str) -> Lab:
    made = Lab(root)
    made.ensure_demo()
    return made


def theme() -> Theme:
    """The theme the person sees now."""
    return "dark" if st.context.theme.type == "dark" else "light"


def comparison(id: str) -> Comparison:
    return _comparison(str(lab().store.root), id)


@st.cache_resource(show_spinner=False, max_entries=8)
def _comparison(root: str, id: str) -> Comparison:
    return lab().comparison(id)


def corpus(id: str) -> Corpus:
    return _corpus(str(lab().store.root), id)


@st.cache_resource(show_spinner=False, max_entries=4)
def _corpus(root: str, id: str) -> Corpus:
    return lab().corpus(id)


def desk() -> Desk:
    """Models and indexes of this process, loaded once: whoever asks next finds them."""
    return _desk(str(lab().store.root))


@st.cache_resource(show_spinner=False)
def _desk(root: str) -> Desk:
    return Desk()


def objectives(corpus_id: str) -> list[Choice]:
    return _objectives(str(lab().store.root), corpus_id)


@st.cache_resource(show_spinner=False, max_entries=16)
def _objectives(root: str, corpus_id: str) -> list[Choice]:
    return lab().objectives(corpus_id)
