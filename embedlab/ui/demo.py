"""The demo, made here: on the first visit where nothing has been compared, and where what came with it lacks a part."""

import streamlit as st

from embedlab.ui import frame, jobs, safe, state


def offer() -> None:
    """What will be here, and the one button that gets it; while it is being made, only that."""
    if jobs.busy():
        frame.empty("It is being made", "The sidebar shows how far it is; this page opens by itself when it is done.")
        return
    frame.empty(
        "Nothing has been compared yet",
        "Make the demo: it fine-tunes the bundled model on the bundled corpus and compares before with after. "
        "Or add a corpus of your own on the Corpus page.",
    )
    if st.button("Make the demo (about 3 minutes)", type="primary"):
        state.lab().start_demo()
        st.rerun()


def make_here(id: str) -> None:
    """Under a sentence that says what the results that came with EmbedLab lack: the button that makes them here."""
    if id != state.lab().shipped:
        return
    if jobs.busy():
        safe.html('<div class="el-quiet">It is being made: the sidebar shows how far it is.</div>')
    elif st.button("Make the demo here, with its tuned model (about 3 minutes)", type="primary", key="make_here"):
        state.lab().start_demo()
        st.rerun()
