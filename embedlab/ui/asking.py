"""Asking for a comparison: two model states and a corpus; it is made in the background."""

import streamlit as st

from embedlab.errors import UserError
from embedlab.ui import models, state


def form() -> None:
    """Before, after, corpus, and how many neighbours count as near."""
    lab = state.lab()
    corpora = {entry.id: entry.name for entry in lab.corpora()}
    known = models.known()
    if not corpora:
        st.caption("Add a corpus first: it is what both states are read on.")
        return
    before = st.selectbox("Before", known, format_func=models.short, key="ask_before")
    after = st.selectbox("After", known, index=min(1, len(known) - 1), format_func=models.short, key="ask_after")
    corpus = st.selectbox("On the corpus", list(corpora), format_func=corpora.__getitem__, key="ask_corpus")
    words = st.text_input(
        "Words to look at use by use (beside the marked ones)", placeholder="bank, mouse", key="ask_words"
    )
    layers = ""
    depths = [depth(source) for source in (before, after)]
    if None not in depths and depths[0] != depths[1]:
        layers = st.text_input(
            "Layers side by side (before:after)", f"0:0,{depths[0]}:{depths[1]}", key=f"ask_layers_{before}_{after}",
            help="The models differ: say which layer of the one to set beside which of the other.",
        )  # fmt: skip
    k = st.number_input("Neighbours that count as near", 1, 100, 10, key="ask_k")
    if st.button("Compare", type="primary", width="stretch", key="ask"):
        chosen = [word.strip() for word in words.split(",") if word.strip()]
        st.session_state["task"] = lab.start_compare(before, after, corpus, words=chosen, layers=layers, k=int(k))
        st.rerun()


def depth(source: str) -> int | None:
    """How many layers a model state has; None where its files cannot be read: comparing it says why."""
    try:
        return state.lab().model(source).layers
    except UserError:
        return None
