"""The map of everything on a page: drawn by plotly or by the pane, offered where there is none, and its selection."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import get_args

import numpy as np
import streamlit as st
from jaxtyping import Bool, Float32

from embedlab import figures
from embedlab.comparing.overview import Overview, What
from embedlab.comparing.overview_columns import Column, columns, names_of
from embedlab.errors import StoreError
from embedlab.figures.overview import HEIGHT as MAP_HEIGHT
from embedlab.figures.overview import kinds, overview_maps
from embedlab.figures.overview_pane import overview_pane
from embedlab.types import Comparison, Corpus
from embedlab.ui import cards, errors, frame, jobs, pane, safe, state, words

PLOTLY_POINTS = 10_000  # above, plotly stalls the browser; the pane draws them
LINKED = 200  # selected items that an address can hold
WHATS: tuple[What, ...] = get_args(What)
SECONDS = (10.0, 0.004, 2e-4)  # to start, an item laid out, an item placed: two slow cores


@dataclass(frozen=True)
class Drawn:
    """A map with all that is said of its items."""

    overview: Overview
    columns: tuple[Column, ...]
    names: Sequence[str]
    muted: Bool[np.ndarray, "n"] | None
    weight: Float32[np.ndarray, "n"] | None

    @property
    def rows(self) -> set[int]:
        return set(self.overview.rows.tolist())


def corpus_of(view: frame.Context) -> Corpus | None:
    """The corpus of the comparison, where the workspace has it."""
    try:
        return state.corpus(view.comparison.provenance.corpus_id)
    except StoreError:
        return None


def drawn(view: frame.Context, what: What) -> Drawn | None:
    """The map at the layer of the page; None where it is still to be drawn."""
    key = (str(state.lab().store.root), view.id, what, view.layer)
    found = _drawn(*key)
    if found is None:
        _drawn.clear(*key)
    return found


@st.cache_resource(show_spinner="Opening the map", max_entries=6)
def _drawn(root: str, id: str, what: What, layer: int) -> Drawn | None:
    kept = state.lab().kept_overview(id, what, layer)
    if kept is None:
        return None
    comparison = state.comparison(id)
    try:
        corpus: Corpus | None = state.corpus(comparison.provenance.corpus_id)
    except StoreError:
        corpus = None
    muted, weight = _standing(kept, comparison)
    return Drawn(kept, columns(kept, comparison, corpus), names_of(kept, comparison, corpus), muted, weight)


def _standing(
    overview: Overview, comparison: Comparison
) -> tuple[Bool[np.ndarray, "n"] | None, Float32[np.ndarray, "n"] | None]:
    """(within noise, where that is known; whose names come first: the most changed above noise). Not for texts."""
    if overview.what == "texts":
        return None, None
    within = words.within_noise(comparison, overview.layer)[overview.rows]
    weight = np.where(within, -1.0, overview.change).astype(np.float32)
    return (within if within.any() else None), weight


# -- drawing it ------------------------------------------------------------------------------------------------------


def offer(view: frame.Context, what: What) -> None:
    """What will be here, and the buttons that get it; while it is being drawn, how far it is."""
    if following():
        return
    lab = state.lab()
    if not lab.can_overview(view.id):
        frame.empty(
            "The vectors of this comparison are not in the workspace",
            "Results that came with EmbedLab, and files of vectors, are kept without them. Compare the two models "
            "again with New comparison; two files are named again on the command line: map --before --after.",
        )
        return
    corpus = corpus_of(view)
    count = len(view.comparison.words.words) if what == "words" else len(set(corpus.texts)) if corpus else 0
    frame.empty(
        "This map has not been drawn yet",
        "All words or texts will lie here twice, before and after, in one frame. It is drawn once for a layer, in the "
        "background, and kept.",
    )
    layers = len(view.comparison.layers)
    one, every, _ = st.columns([3, 3, 4])
    took = seconds(count)
    if one.button(f"Draw layer {view.layer} (about {jobs.duration(took)})", type="primary", width="stretch"):
        st.session_state["map_task"] = lab.start_overview(view.id, what, [view.layer])
        st.rerun()
    told = f"Draw all {layers} layers (about {jobs.duration(took + (layers - 1) * (took - SECONDS[0] + 2))})"
    if every.button(told, width="stretch"):
        st.session_state["map_task"] = lab.start_overview(view.id, what, range(layers))
        st.rerun()


def seconds(items: int) -> float:
    """About how long a map takes."""
    start, laid, placed = SECONDS
    return start + laid * min(items, PLOTLY_POINTS) + placed * max(0, items - PLOTLY_POINTS)


def following() -> bool:
    """Whether the map that this visit asked for is being drawn: then its progress is shown."""
    asked = st.session_state.get("map_task")
    if asked is None:
        return False
    task = state.lab().task(asked)
    if task.state in jobs.LIVE:
        st.fragment(_follow, run_every=1.0)(asked)
        return True
    del st.session_state["map_task"]
    if task.state != "done":
        errors.show(task.message, task.name)
    return False


@errors.guarded
def _follow(asked: str) -> None:
    task = state.lab().task(asked)
    if task.state not in jobs.LIVE:
        st.rerun(scope="app")
    with st.container(border=True, height=MAP_HEIGHT):
        jobs.bar(task.name, task.share, task.what or "starting")


# -- the selection ---------------------------------------------------------------------------------------------------


def selection_key(view: frame.Context, what: What) -> str:
    return f"_all-{view.id[:8]}-{what}"


def selected(view: frame.Context, what: What, known: Collection[int]) -> tuple[int, ...]:
    """The selected items, from this session, else from the link (sel=3.17.40)."""
    key = selection_key(view, what)
    if key not in st.session_state:
        linked = st.query_params.get("sel", "")
        st.session_state[key] = tuple(sorted({int(part) for part in linked.split(".") if part.isdigit()} & set(known)))
    rows: tuple[int, ...] = st.session_state[key]
    return rows


def select(view: frame.Context, what: What, rows: Collection[int]) -> None:
    st.session_state[selection_key(view, what)] = tuple(sorted(rows))


def link_selection(rows: Sequence[int]) -> None:
    """The selection in the address bar, as long as an address stays short enough to be sent."""
    if rows and len(rows) <= LINKED:
        st.query_params["sel"] = ".".join(map(str, rows))
    elif "sel" in st.query_params:
        del st.query_params["sel"]


def find(view: frame.Context, what: What, map_: Drawn) -> None:
    """A line to type in: every item that holds it becomes the selection. The way without a pointer."""
    key = f"find-{view.id[:8]}-{what}"

    def choose() -> None:
        asked = str(st.session_state[key]).strip().lower()
        hits = [i for i, name in enumerate(map_.names) if asked in name.lower()] if asked else []
        select(view, what, map_.overview.rows[hits].tolist())

    st.text_input("Find and select", key=key, on_change=choose, placeholder=f"part of a {what[:-1]}")


# -- the picture -----------------------------------------------------------------------------------------------------


def picture(
    view: frame.Context, map_: Drawn, column: Column, chosen: tuple[int, ...], by_pane: bool, placebo: bool
) -> None:
    """Two linked maps; a lasso in one lights the same items up in both."""
    what = map_.overview.what
    key = f"map-{view.id[:8]}-{what}-{view.layer}"
    if by_pane:
        in_pane(view, map_, column, chosen, f"{key}-pane")
        return

    @errors.guarded
    def choose() -> None:
        points = st.session_state[key]["selection"]["points"]
        rows = {int(cards.custom(point)) for point in points if point.get("customdata") is not None}
        if rows:
            select(view, what, rows)

    figure = overview_maps(
        map_.overview, column, map_.names, muted=map_.muted, weight=map_.weight, selected=chosen or None,
        placebo=placebo, theme=state.theme(),
    )  # fmt: skip
    st.plotly_chart(
        cards.dressed(figure),
        key=key,
        theme=None,
        on_select=choose,
        selection_mode=("lasso", "box", "points"),
        config={"displaylogo": False, "modeBarButtonsToRemove": ["autoScale2d", "toImage"]},
        alt=figures.alt_text(figure),
    )
    legend(column, None if placebo else map_.muted)


def legend(column: Column, muted: Bool[np.ndarray, "n"] | None) -> None:
    """Which colour and shape is which, under the maps: a longer legend does not move them."""
    p = figures.palette(state.theme())
    marks = [("●", p.high, f"{column.name}, by depth of colour")]
    if column.codes is not None:
        marks = [(mark, colour, name) for name, colour, mark in kinds(column, state.theme())]
    elif muted is not None:
        marks.append(("•", p.noise, "small and grey: within noise"))
    pieces = (
        safe.fragment('<span role="listitem"><b style="color:{c}">{m}</b> {name}</span>', c=colour, m=mark, name=name)
        for mark, colour, name in marks
    )
    safe.html('<div class="el-pills" role="list" aria-label="Legend">{marks}</div>', marks=safe.join(pieces))


def in_pane(view: frame.Context, map_: Drawn, column: Column, chosen: tuple[int, ...], key: str) -> None:
    """The same in the pane, its colouring first."""
    what = map_.overview.what
    many = len(map_.overview) > PLOTLY_POINTS  # another order would send all the points again: the pane switches itself
    ordered = map_.columns if many else sorted(map_.columns, key=lambda one: one.name != column.name)
    pane.show(
        overview_pane(map_.overview, ordered, map_.names, muted=map_.muted, weight=map_.weight),
        key=key,
        selected=chosen,
        height=MAP_HEIGHT,
        label=f"All {len(map_.overview):,} {what} at {map_.overview.layer_name}, before and after",
        on_select=partial(_from_pane, view, what, key),
    )


def _from_pane(view: frame.Context, what: What, key: str) -> None:
    select(view, what, st.session_state[f"{key}-selected"])
