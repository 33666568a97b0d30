"""What a map of everything says: how it was made, its selection in numbers and as a table, and what can be taken."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from embedlab import wording
from embedlab.comparing.overview import What, placebo_of
from embedlab.comparing.overview_columns import items_frame, places_of, ranked
from embedlab.figures.overview import how_drawn
from embedlab.measure.overview import Sampled
from embedlab.report import csv_bytes, parquet_bytes
from embedlab.ui import errors, frame, safe, state
from embedlab.ui.overview import NONE, Drawn, Rows, corpus_of, select

LISTED = 1_000  # rows of the table sent to the browser; the files hold all


def facts(view: frame.Context, map_: Drawn) -> None:
    """How the picture was made, and how far to trust it; of rows, how many were compared one by one."""
    o, compared = map_.overview, ""
    if o.what == "rows":
        compared = f" {len(view.comparison.words.words):,} of them were compared one by one, under words."
    times = placebo_of(o)
    trust = [
        f"{name} {_said(before)} → {_said(after)}"
        for name, before, after in (
            ("Trustworthiness", o.trust_before, o.trust_after),
            ("continuity", o.continuity_before, o.continuity_after),
        )
    ]
    of = "" if o.trust_before.rows == o.trust_before.of else f" (from {o.trust_before.rows} {o.what} against all)"
    safe.html(
        '<div class="el-quiet el-facts-line">{how} {trust}{of}. Points moved {move} of the frame{times}: a picture, '
        "not a measurement; change, drift and noise come from the full space.{compared}</div>",
        how=how_drawn(o),
        compared=compared,
        trust="; ".join(trust),
        of=of,
        move=wording.number(o.real_move),
        times="" if times is None else f", {wording.number(times, places=1)} times the placebo",
    )


def _said(sampled: Sampled) -> str:
    return wording.number(sampled.value, None if sampled.rows == sampled.of else sampled.interval)


def of_selection(map_: Drawn, chosen: Rows) -> None:
    """Two numbers for a selection beside those of all items."""
    o = map_.overview
    at = places_of(o, chosen)
    within = map_.muted
    above = "" if within is None else f"{int((~within[at]).sum()):,} of {len(at):,} above noise"
    safe.html(
        '<div class="el-floor"><b>{line}</b><div class="el-quiet">change {change}, all {all}{drift} {above}</div>'
        "</div>",
        line=f"{wording.count(len(at), o.what[:-1], o.what)} selected of {len(o):,}",
        change=wording.number(float(o.change[at].mean()), places=2),
        all=wording.number(float(o.change.mean()), places=2),
        drift=f" · drift {wording.number(float(o.drift[at].mean()), places=3)}, all "
        f"{wording.number(float(o.drift.mean()), places=3)}"
        if np.isfinite(o.drift).all()
        else "",
        above=f" · {above}" if above else "",
    )


def table(view: frame.Context, map_: Drawn, chosen: Rows) -> None:
    """The selected items, or all, the most changed first; of many the first LISTED, and how many there are."""
    o, some = map_.overview, len(chosen) > 0
    of = len(places_of(o, chosen)) if some else len(o)
    listed = items_frame(o, view.comparison, corpus_of(view), ranked(o, chosen if some else None, LISTED), map_.names)
    hidden = [name for name in listed.columns if name[:2] in ("x_", "y_")]
    if "noise" in listed and not any(column.name == "noise" for column in map_.columns):
        hidden += ["noise", "q", "changed"]  # nothing is known of the noise: an empty box would say "within"
    st.dataframe(
        listed.drop(columns=hidden),
        hide_index=True,
        height=360,
        row_height=30,
        column_config=_config(o.what),
        alt=f"The {'selected' if some else 'most changed'} {o.what} with their change and noise",
    )
    if of > LISTED:
        safe.html(
            '<div class="el-quiet">The first {n} of {of} are listed; the files hold all.</div>',
            n=f"{LISTED:,}",
            of=wording.count(of, o.what[:-1], o.what),
        )


def _config(what: What) -> dict[str, Any]:
    number = st.column_config.NumberColumn
    place = number("row", format="%d", help="where the text first stands in the corpus")
    return {
        "text": st.column_config.TextColumn("text", width="large"),
        "change": st.column_config.ProgressColumn("change", format="%.2f", min_value=0.0, max_value=1.0),
        "noise": number("noise", format="%.2f", help="the change of this word that is noise"),
        "q": number("q", format="%.3f", help="p of no more than noise, corrected over the words"),
        "changed": st.column_config.CheckboxColumn("above noise", help="change above its noise, and q at most .05"),
        "drift": number("drift", format="%.3f", help="1 - cosine of the item before and after"),
        **({"row": place} if what == "texts" else {}),
        "number": number("number", format="%d", help="which row of the files it is, counted from 1"),
    }


def take(view: frame.Context, map_: Drawn, chosen: Rows) -> None:
    """The selection, or all, as CSV, as parquet, and as a new corpus; a file is made when it is asked for."""
    o, comparison, corpus, some = map_.overview, view.comparison, corpus_of(view), len(chosen) > 0

    def items() -> pd.DataFrame:
        return items_frame(o, comparison, corpus, ranked(o, chosen if some else None), map_.names)

    which = "Selection" if some else "All"
    clear, csv, parquet, made = st.columns(4)
    clear.button("Clear selection", on_click=select, args=(view, o.what, NONE), disabled=not some, width="stretch")
    for place, format, write, mime in (
        (csv, "CSV", csv_bytes, "text/csv"),
        (parquet, "parquet", parquet_bytes, "application/vnd.apache.parquet"),
    ):
        place.download_button(
            f"{which} as {format}",
            data=partial(_bytes, write, items),
            file_name=f"embedlab-{o.what}.{format.lower()}",
            mime=mime,
            on_click="ignore",
            width="stretch",
        )
    with made.popover("New corpus", disabled=corpus is None or not some, width="stretch"):
        new_corpus(view, map_, chosen)


def _bytes(write: Callable[[pd.DataFrame], bytes], items: Callable[[], pd.DataFrame]) -> bytes:
    """A file, made when it is asked for."""
    return write(items())


def new_corpus(view: frame.Context, map_: Drawn, chosen: Rows) -> None:
    """The rows of the corpus behind the selection, as a corpus of its own."""
    held = "that use a selected word" if map_.overview.what == "words" else "that were selected"
    safe.html('<div class="el-quiet">All rows of the corpus {held}.</div>', held=held)
    name = st.text_input("Name", value=f"{view.comparison.provenance.corpus_name}, selection", key="map-corpus-name")
    if st.button("Make it", type="primary", key="map-corpus"):
        with errors.guard():
            lab = state.lab()
            rows = lab.overview_rows(map_.overview, chosen.tolist())
            entry = lab.corpus_from(view.comparison.provenance.corpus_id, rows, name)
            st.session_state["_map-corpus"] = (entry.name, len(rows))
    told = st.session_state.pop("_map-corpus", None)
    if told is not None:
        safe.html(
            '<div class="el-quiet" role="status">“{name}” has {rows}; it is on the Corpus page.</div>',
            name=told[0],
            rows=wording.count(told[1], "row"),
        )
