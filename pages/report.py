"""Report: the comparison as one document to take away. Left as it will read, right its parts and its files."""

import shlex

import streamlit as st

from embedlab.ui import demo, downloads, errors, frame, safe


@errors.guarded
def page() -> None:
    frame.head(
        "What do I take away?",
        "One file that opens anywhere, with no network: the answer, every number with its definition, live figures, "
        "and where it came from.",
    )
    view = frame.context(layers=False)
    if view is None:
        demo.offer()
        return
    left, right = st.columns([8, 3])
    with right:
        parts(view)
    with left:
        document = downloads.report(view.id, "html")
        st.iframe(document.decode(), height=860, alt="The report as it will read")
    frame.foot(
        shlex.join(["python", "-m", "embedlab", "report", view.id[:12], "--format", "html", "--out", "report.html"]),
        frame.provenance(view.comparison),
        (
            (
                "The same numbers",
                "the document, the JSON and the tables hold what the pages show, from the same comparison.",
            ),
        ),
    )
    frame.measured()


def parts(view: frame.Context) -> None:
    """The files, and what stands in each."""
    name = f"embedlab-{view.id[:8]}"
    safe.html('<div class="el-eyebrow">Take it with you</div>')
    st.download_button(
        "Report (HTML)",
        downloads.report(view.id, "html"),
        f"{name}.html",
        "text/html",
        type="primary",
        width="stretch",
        on_click="ignore",
    )
    st.download_button(
        "Every number (JSON)",
        downloads.report(view.id, "json"),
        f"{name}.json",
        "application/json",
        width="stretch",
        on_click="ignore",
    )
    st.download_button(
        "Every item (Parquet)", lambda: downloads.report(view.id, "parquet"), f"{name}-items.parquet",
        "application/vnd.apache.parquet", width="stretch", on_click="ignore",
    )  # fmt: skip
    st.download_button(
        "Words (CSV)",
        lambda: downloads.words_csv(view.comparison),
        f"{name}-words.csv",
        "text/csv",
        width="stretch",
        on_click="ignore",
    )
    safe.html(
        '<div class="el-eyebrow" style="margin-top:.8rem">What is in it</div><div class="el-quiet"><p><b>The '
        "answer</b>: the verdict with its "
        "reasons, in order.</p><p><b>The space</b>: every reading of every layer, before and after, with interval "
        "and noise.</p>"
        "<p><b>The words</b>: the most changed ones and their neighbours, kept, lost and gained.</p>"
        "<p><b>The senses</b>: linked maps of the words that were marked.</p>"
        "<p><b>Where it came from</b>: hashes, seeds, versions and the exact command.</p></div>"
    )


page()
