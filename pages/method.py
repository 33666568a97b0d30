"""How it is measured: every reading in one line, and behind it formula, null, interval, limits and source."""

import streamlit as st

from embedlab.comparing.method import METHODS
from embedlab.comparing.readings import READINGS
from embedlab.ui import errors, frame, method


@errors.guarded
def page() -> None:
    frame.title(
        "How is this measured?",
        "What each number answers, its formula, what chance gives, its interval, what it cannot tell, what it was "
        "checked against and where it comes from.",
    )
    reading, entry = method.chosen()
    left, right = st.columns([5, 8], gap="large")
    with left:
        method.glossary(reading.name if reading is not None else None)
    with right:
        if reading is not None:
            method.card(reading)
        method.entries(entry)
        method.notation()
    frame.foot(
        "python -m embedlab measure --before before.npy --after after.npy --json",
        {"Readings": len(READINGS), "Entries": len(METHODS)},
        (
            ("The same text", "stands in docs/method.md, made from the same source."),
            ("How often we are wrong", "false alarms and power were measured: docs/calibration.md."),
        ),
    )


page()
