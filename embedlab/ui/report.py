"""The parts of the Report page: what stands in the document, its files, and another comparison beside this one."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from embedlab.figures.readings import title_of
from embedlab.lab import ReportFormat
from embedlab.report import SECTIONS, Plan, sidebyside
from embedlab.report.difference import Difference
from embedlab.report.plan import HOME, TITLES
from embedlab.types import Comparison
from embedlab.ui import downloads, frame, safe, state, words
from embedlab.wording import MISSING, count, number

OFFERED = 500  # words in the chooser, the most changed first; any other can be typed
LISTED = 200  # rows of a table sent to the browser; the files hold all
WRITTEN = (("HTML", ".html", "text/html"), ("JSON", ".json", "application/json"), ("CSV", ".csv", "text/csv"))
FILES: tuple[tuple[str, ReportFormat, str, str], ...] = (
    ("Notebook with its data (zip)", "zip", "zip", "application/zip"),
    ("Every number (JSON)", "json", "json", "application/json"),
    ("Every word (Parquet)", "parquet", "parquet", "application/vnd.apache.parquet"),
    ("Every word (CSV)", "csv", "csv", "text/csv"),
)


def builder(view: frame.Context) -> Plan:
    """The choices: sections, words, layers. All are in the address bar. Raises UserError for a word not counted."""
    comparison = view.comparison
    safe.html('<div class="el-eyebrow">What is in it</div>')
    held = sum(bool(st.session_state.get(f"with_{name}", True)) for name in SECTIONS)
    with st.popover(f"Sections: {held} of {len(SECTIONS)}", width="stretch"):
        safe.html('<div class="el-quiet">The answer, and where it came from, are in every report.</div>')
        sections = [
            name for name in SECTIONS if st.checkbox(TITLES[name], value=True, key=f"with_{name}", bind="query-params")
        ]
    chosen = st.multiselect(
        "Words",
        offered(comparison, view.layer),
        key="words",
        bind="query-params",
        accept_new_options=True,
        placeholder="the most changed",
        help=f"Whose neighbours and senses are shown. The {OFFERED} most changed are listed; type any other.",
    )
    layers = st.multiselect(
        "Layers whose readings are tabled",
        [str(layer) for layer in range(len(comparison.layers))],
        key="layers",
        bind="query-params",
        placeholder="all",
        help="None chosen: all of them, and in the PDF the layer above alone.",
    )
    return Plan(
        sections=tuple(sections),
        words=tuple(chosen) or None,
        layers=tuple(int(layer) for layer in layers) or None,
        layer=view.layer,
        home=home(),
    )


def offered(comparison: Comparison, layer: int) -> list[str]:
    """The words to choose from: those marked in the corpus, then the most changed."""
    marked = sorted({use.word for use in comparison.uses.occurrences if use.word})
    listed = words.ranking(comparison, layer)["word"].tolist()
    return list(dict.fromkeys([*marked, *listed]))[:OFFERED]


def home() -> str:
    """The address of this EmbedLab, for the links in the document."""
    address = st.context.url or HOME
    return address.split("?")[0].rstrip("/").removesuffix("/report") or HOME


def files(view: frame.Context, plan: Plan) -> None:
    """The document and the other files; each is made when it is asked for."""
    name = f"embedlab-{view.id[:8]}"
    safe.html('<div class="el-eyebrow">Take it with you</div>')
    st.download_button(
        "Report (HTML)",
        lambda: downloads.report(view.id, "html", plan),
        f"{name}.html",
        "text/html",
        type="primary",
        width="stretch",
        on_click="ignore",
    )
    st.download_button(
        "Paper (PDF)",
        lambda: downloads.report(view.id, "pdf", plan),
        f"{name}.pdf",
        "application/pdf",
        width="stretch",
        on_click="ignore",
    )
    with st.popover("Data and notebook", width="stretch"):
        for label, format, suffix, mime in FILES:
            st.download_button(
                label,
                partial(downloads.report, view.id, format, plan),
                f"{name}.{suffix}",
                mime,
                width="stretch",
                on_click="ignore",
                key=f"file-{format}",
            )
    safe.html(
        '<div class="el-quiet"><p>In the file the figures are live: hover, select, save each as SVG or PNG. Each '
        "carries its link and its command.</p></div>"
    )


def the_map(view: frame.Context, plan: Plan) -> None:
    """The map of all words is in the document once it was drawn; here is where."""
    if plan.has("map") and state.lab().kept_overview(view.id, "words", view.layer) is None:
        safe.html(
            '<div class="el-quiet"><p>The map of all words at this layer was not drawn yet: it is left out.</p></div>'
        )
        st.page_link(frame.page("map"), label="Draw it on the Map page")


def beside(view: frame.Context) -> None:
    """What this comparison differs by from another one."""
    entries = {entry.id: entry for entry in state.lab().comparisons() if entry.id != view.id}
    with st.expander("What changed since another comparison?", expanded="other" in st.query_params):
        if not entries:
            safe.html(
                '<div class="el-quiet">There is one comparison only. Make another, of another run, corpus or seed, and '
                "their verdicts, readings and words stand here side by side.</div>"
            )
            return
        frame.from_link("other", "other_comparison", entries)
        other = st.selectbox(
            "First, to be set beside this one",
            list(entries),
            index=None,
            format_func=lambda id: frame.label(entries[id]),
            key="other_comparison",
            placeholder="choose a comparison",
        )
        if other is None:
            st.query_params.pop("other", None)
            return
        st.query_params["other"] = other
        shown(_difference(str(state.lab().store.root), other, view.id), f"embedlab-{other[:8]}-{view.id[:8]}")


@st.cache_data(show_spinner="Setting them side by side", max_entries=8)
def _difference(root: str, first: str, second: str) -> Difference:
    return state.lab().report_diff(first, second)


def shown(found: Difference, name: str) -> None:
    """The verdicts, the readings, the words; each table with how many it shows of how many."""
    safe.html(
        '<table class="el-table"><tr><th></th><th>First</th><th>Second (this one)</th></tr>{rows}</table>',
        rows=safe.join(
            safe.fragment("<tr><td>{n}</td><td>{a}</td><td>{b}</td></tr>", n=title, a=first, b=second)
            for title, first, second in verdict_rows(found)
        ),
    )
    for caution in found.cautions:
        safe.html('<div class="el-quiet"><p>{line}</p></div>', line=caution)
    apart = sum(pair.apart == "intervals apart" for pair in found.readings)
    safe.html(
        '<div class="el-quiet"><p><b>{apart} of {of}</b> have intervals that lie apart: stricter than a test of their '
        "difference. Intervals that meet are no evidence that the two differ. The first {listed} are listed.</p></div>",
        apart=count(apart),
        of=count(len(found.readings), "reading"),
        listed=min(LISTED, len(found.readings)),
    )
    st.dataframe(reading_table(found), hide_index=True, height=320)
    if found.words is not None:
        safe.html(
            '<div class="el-quiet"><p>{layer}: {line}.</p></div>', layer=found.layer, line=sidebyside.words_line(found)
        )
        st.dataframe(word_table(found), hide_index=True, height=320)
    with st.container(horizontal=True):
        for label, suffix, mime in WRITTEN:
            st.download_button(
                f"Difference ({label})", sidebyside.WRITERS[suffix](found), f"{name}{suffix}", mime, on_click="ignore"
            )


def verdict_rows(found: Difference) -> Sequence[tuple[str, str, str]]:
    """(what, first, second) of the verdicts and of every expectation."""
    rows = [
        ("Task", found.tasks[0], found.tasks[1]),
        ("", found.task_lines[0], found.task_lines[1]),
        ("Space", found.space_lines[0], found.space_lines[1]),
    ]
    if found.findings_gone or found.findings_new:
        gone, new = ", ".join(found.findings_gone), ", ".join(found.findings_new)
        rows.append(("Findings", f"gone since: {gone or 'none'}", f"new: {new or 'none'}"))
    said = {True: "✓ held", False: "✗ failed"}
    return [*rows, *((one.statement, said[one.first], said[one.second]) for one in found.promises)]


def reading_table(found: Difference) -> pd.DataFrame:
    """The readings as written numbers, those with intervals apart first."""
    listed = found.readings[:LISTED]
    return pd.DataFrame(
        {
            "reading": [title_of(pair.name) for pair in listed],
            "layer": [pair.layer_name for pair in listed],
            "first: change [95 %]": [sidebyside.said(pair, "first") for pair in listed],
            "second: change [95 %]": [sidebyside.said(pair, "second") for pair in listed],
            "standing": [pair.apart for pair in listed],
        }
    )


def word_table(found: Difference) -> pd.DataFrame:
    """The words that changed in one alone, then the others, the largest difference first."""
    turned = set(found.turned)
    listed = [*found.turned, *(pair for pair in found.words or () if pair not in turned)][:LISTED]
    return pd.DataFrame(
        {
            "word": [pair.word for pair in listed],
            "first: change": [number(pair.first, places=2) for pair in listed],
            "second: change": [number(pair.second, places=2) for pair in listed],
            "noise, first and second": [
                f"{number(pair.noise_first, places=2)}, {number(pair.noise_second, places=2)}"
                if pair.noise_first is not None or pair.noise_second is not None
                else MISSING
                for pair in listed
            ],
            "more than noise": [pair.changed for pair in listed],
        }
    )
