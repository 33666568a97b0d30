"""The selection of Compare: a range of change, or a group of words, in the address bar; and its way out as files.

Everything on the page follows it: ranking, groups, word chooser. `ways_out` serves any page that has rows to give.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from jaxtyping import Bool

from embedlab import figures, wording
from embedlab.comparing.groups import Groups
from embedlab.report.tables import csv_bytes, parquet_bytes, tables
from embedlab.types import Comparison
from embedlab.ui import cards, errors, safe, state

RANGE, GROUP = "change", "group"  # in the session and in the address bar
ALL = (0.0, 1.0)
SLACK = 1e-6  # change is float32


@dataclass(frozen=True)
class Selection:
    """Which words the page is about: change within [low, high], and one group of the layer, counted from 1."""

    low: float = 0.0
    high: float = 1.0
    group: int | None = None
    members: frozenset[str] = frozenset()

    @property
    def everything(self) -> bool:
        return (self.low, self.high) == ALL and self.group is None

    def words(self, comparison: Comparison, layer: int) -> Bool[np.ndarray, "word"]:
        """Which words of the comparison are selected at a layer."""
        table = comparison.words
        change = table.change[layer]
        inside = (change >= self.low - SLACK) & (change <= self.high + SLACK)
        if self.group is None:
            return inside
        return inside & np.array([word in self.members for word in table.words])

    def line(self, comparison: Comparison, layer: int) -> str:
        """In words: how many, and by what."""
        count = int(self.words(comparison, layer).sum())
        if self.everything:
            return f"All {wording.count(count, 'word')}"
        by = []
        if (self.low, self.high) != ALL:
            by.append(f"change {wording.number(self.low, places=2)} to {wording.number(self.high, places=2)}")
        if self.group is not None:
            by.append(f"group {self.group}")
        return f"Selection: {wording.count(count, 'word')}, {' and '.join(by)}"


def current(groups: Groups | None) -> Selection:
    """What is selected now; `groups` of the layer where they are known. A group that is not there is let go."""
    low, high = st.session_state[RANGE] if RANGE in st.session_state else _linked_range()
    linked = st.query_params.get(GROUP, "")
    if GROUP not in st.session_state and linked.isdigit():
        st.session_state[GROUP] = int(linked)
    number = st.session_state.get(GROUP)
    if number is None or groups is None or not 1 <= number <= len(groups.groups):
        return Selection(float(low), float(high))
    return Selection(float(low), float(high), number, frozenset(groups.groups[number - 1].words))


def _linked_range() -> tuple[float, float]:
    """The range in the address bar, which its slider takes over later in the same run."""
    try:
        low, high = (float(end) for end in st.query_params.get_all(RANGE))
    except ValueError:
        return ALL
    return (low, high) if 0.0 <= low <= high <= 1.0 else ALL


def remember(selection: Selection) -> None:
    """The group into the address bar; the range is bound to its slider."""
    if selection.group is None:
        st.query_params.pop(GROUP, None)
    else:
        st.query_params[GROUP] = str(selection.group)


def choose_group(number: int | None) -> None:
    st.session_state[GROUP] = number


def histogram(figure: go.Figure, key: str) -> None:
    """A histogram of change over which a range can be dragged."""
    st.plotly_chart(
        cards.dressed(figure), key=key, theme=None, on_select=_brushed(key), selection_mode=("points", "box"),
        config=cards.QUIET, alt=figures.alt_text(figure),
    )  # fmt: skip


def _brushed(key: str) -> Callable[[], None]:
    """Its callback: a dragged range, or a clicked bar, becomes the range of the page."""

    @errors.guarded
    def brush() -> None:
        event = st.session_state[key]["selection"]
        ends = [float(x) for box in event["box"] for x in box["x"]]
        ends = ends or [float(cards.custom(point)) for point in event["points"]]
        if ends:
            st.session_state[RANGE] = (round(max(0.0, min(ends)), 2), round(min(1.0, max(ends)), 2))

    return brush


def slider() -> None:
    """The same range without a mouse."""
    st.slider("Change from, to", 0.0, 1.0, ALL, 0.01, key=RANGE, bind="query-params")


def bar(comparison: Comparison, layer: int, selection: Selection, has_corpus: bool) -> None:
    """What is selected, how to let it go, and its ways out."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="selection"):
        safe.html('<div class="el-quiet" role="status"><b>{line}</b></div>', line=selection.line(comparison, layer))
        if not selection.everything:
            st.button("Clear", key="clear_selection", on_click=clear, type="tertiary")
        stem = f"words-layer-{layer}"
        chosen = [comparison.words.words[i] for i in np.flatnonzero(selection.words(comparison, layer))]
        ways_out(
            "compare", stem, lambda: table(comparison, layer, selection),
            comparison.provenance.corpus_id if has_corpus else None,
            lambda: state.lab().rows_with(comparison.provenance.corpus_id, chosen),
            "every row whose text uses one of these words", disabled=not chosen,
        )  # fmt: skip


def clear() -> None:
    st.session_state[RANGE] = ALL
    st.session_state[GROUP] = None


def table(comparison: Comparison, layer: int, selection: Selection) -> pd.DataFrame:
    """The selected words of the layer with all that is known of them, as the report's table of items has it."""
    items = tables(comparison)["items"]
    here = items[items["layer"] == layer].reset_index(drop=True)
    return here[selection.words(comparison, layer)].reset_index(drop=True)


def ways_out(
    key: str,
    stem: str,
    frame: Callable[[], pd.DataFrame],
    corpus_id: str | None,
    rows: Callable[[], tuple[int, ...]],
    what: str,
    *,
    disabled: bool = False,
) -> None:
    """CSV and parquet of a table, and its rows as a new corpus (`what` says which rows those are).

    Tables and rows are made when asked for. `corpus_id` None: there is no corpus to take rows from.
    """
    st.download_button(
        "CSV", lambda: csv_bytes(frame()), f"{stem}.csv", "text/csv", key=f"{key}-csv", on_click="ignore",
        disabled=disabled, type="tertiary", help="The selected words with every number of this layer",
    )  # fmt: skip
    st.download_button(
        "Parquet", lambda: parquet_bytes(frame()), f"{stem}.parquet", "application/vnd.apache.parquet",
        key=f"{key}-parquet", on_click="ignore", disabled=disabled, type="tertiary",
    )  # fmt: skip
    if corpus_id is None:
        return
    with st.popover("New corpus", disabled=disabled, type="tertiary"):
        _new_corpus(key, corpus_id, rows, what)


@st.fragment
@errors.guarded
def _new_corpus(key: str, corpus_id: str, rows: Callable[[], tuple[int, ...]], what: str) -> None:
    safe.html(
        '<div class="el-{theme}"><div class="el-quiet">A corpus of its own: {what}. What was held out stays held '
        "out.</div></div>",
        theme=state.theme(),
        what=what,
    )
    name = st.text_input("Name of the new corpus", "selection", key=f"{key}-name")
    if st.button("Make the corpus", key=f"{key}-make", type="primary"):
        made = state.lab().corpus_from(corpus_id, rows(), name)
        safe.html(
            '<div class="el-{theme}"><div class="el-quiet" role="status">{rows} kept as <b>{name}</b>: it is on the '
            "Corpus page.</div></div>",
            theme=state.theme(),
            rows=wording.count(int(made.summary["rows"]), "row"),
            name=made.name,
        )
