"""The first visit, where nothing has been compared yet: one button that makes the demo, with its progress."""

import streamlit as st

from embedlab.ui import frame, jobs, state


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
