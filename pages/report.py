"""Report: the comparison as one document to take away. Left as it will read, right its parts and its files."""

import shlex

import streamlit as st

from embedlab.report.plan import report_command
from embedlab.ui import demo, downloads, errors, frame, report


@errors.guarded
def page() -> None:
    frame.head(
        "What do I take away?",
        "One file that opens anywhere, with no network: the answer, every number with its definition, live figures, "
        "and where it came from.",
    )
    view = frame.context()
    if view is None:
        demo.offer()
        return
    left, right = st.columns([8, 3])
    with right:
        plan = report.builder(view)
        report.the_map(view, plan)
        report.files(view, plan)
    with left:
        document = st.container(height=1000, border=False)
    report.beside(view)
    frame.foot(
        report_command(view.comparison, plan, "html", "report.html"),
        frame.provenance(view.comparison),
        (
            (
                "The same numbers",
                "the document, the notebook and the tables hold what the pages show, from the same comparison.",
            ),
            (
                "Two comparisons side by side",
                f"{shlex.join(['python', '-m', 'embedlab', 'report-diff', 'FIRST', view.id[:12]])} does the same.",
            ),
        ),
    )
    frame.measured()
    with document, errors.guard():  # last: what it is made of is said above, and everything else is at hand meanwhile
        st.iframe(downloads.preview(view.id, plan), height=980, alt="The report as it will read")


page()
