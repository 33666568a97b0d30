"""The map of everything on a page: drawn by plotly or by the pane, offered where there is none, and its selection."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import streamlit as st
from jaxtyping import Bool, Float32, Int64

from embedlab import figures
from embedlab.comparing.overview import Overview, What
from embedlab.comparing.overview_columns import Column, columns, names_of, places_of
from embedlab.errors import StoreError
from embedlab.figures.overview import HEIGHT as MAP_HEIGHT
from embedlab.figures.overview import kinds, overview_maps
from embedlab.figures.overview_pane import overview_pane
from embedlab.figures.pane import Pane
from embedlab.types import Comparison, Corpus
from embedlab.ui import cards, errors, frame, pane, safe, state, words

PLOTLY_POINTS = 10_000  # above, plotly stalls the browser; the pane draws them
LINKED = 200  # selected items that an address holds; more are kept in the workspace, and it holds their id
KEPT = "~"  # before such an id
Rows = Int64[np.ndarray, "m"]  # of items on a map, increasing
NONE: Rows = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Drawn:
    """A map with all that is said of its items; `panes` by the column shown first, made once."""

    overview: Overview
    columns: tuple[Column, ...]
    names: Sequence[str]
    muted: Bool[np.ndarray, "n"] | None
    weight: Float32[np.ndarray, "n"] | None
    panes: dict[str, Pane] = field(default_factory=dict)

    def pane(self, first: str) -> Pane:
        """The points for the browser, coloured by the column `first`; the browser switches to the others itself."""
        if first not in self.panes:
            ordered = sorted(self.columns, key=lambda one: one.name != first)
            self.panes[first] = overview_pane(self.overview, ordered, self.names, muted=self.muted, weight=self.weight)
        return self.panes[first]


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
    lab = state.lab()
    kept = lab.kept_overview(id, what, layer)
    if kept is None:
        return None
    comparison = state.comparison(id)
    try:
        corpus: Corpus | None = state.corpus(comparison.provenance.corpus_id)
    except StoreError:
        corpus = None
    names = lab.overview_names(kept) if what == "rows" else names_of(kept, comparison, corpus)
    muted, weight = _standing(kept, comparison)
    return Drawn(kept, columns(kept, comparison, corpus), names, muted, weight)


def _standing(
    overview: Overview, comparison: Comparison
) -> tuple[Bool[np.ndarray, "n"] | None, Float32[np.ndarray, "n"] | None]:
    """(within noise, where that is known; whose names come first: the most changed above noise). Of words alone."""
    if overview.what != "words":
        return None, None
    within = words.within_noise(comparison, overview.layer)[overview.rows]
    weight = np.where(within, -1.0, overview.change).astype(np.float32)
    return (within if within.any() else None), weight


def kinds_of(view: frame.Context) -> tuple[What, ...]:
    """What there can be maps of; all rows of two files only where more than the words are there."""
    found, coverage = state.lab().overview_kinds(view.id), view.comparison.provenance.coverage
    return found[:1] if "rows" in found and coverage["rows compared"] == coverage["rows shared"] else found


# -- the selection ---------------------------------------------------------------------------------------------------


def selection_key(view: frame.Context, what: What) -> str:
    return f"_all-{view.id[:8]}-{what}"


def selected(view: frame.Context, map_: Drawn) -> Rows:
    """The selected items, from this session, else from the link (sel=3.17.40, or the id of what was kept)."""
    key = selection_key(view, map_.overview.what)
    if key not in st.session_state:
        st.session_state[key] = _linked(map_, st.query_params.get("sel", ""))
    rows: Rows = st.session_state[key]
    return rows


def _linked(map_: Drawn, link: str) -> Rows:
    """The items that a link names and that are here."""
    if link.startswith(KEPT):
        found = state.lab().kept_rows(link.removeprefix(KEPT))
        if found is None:
            st.toast("The selection of this link is not in this workspace any more: nothing is selected.")
            return NONE
    else:
        found = np.array([int(part) for part in link.split(".") if part.isdigit() and len(part) < 16], dtype=np.int64)
    return map_.overview.rows[places_of(map_.overview, found)]


def select(view: frame.Context, what: What, rows: Rows) -> None:
    """`rows`: increasing."""
    st.session_state[selection_key(view, what)] = rows


def link_selection(rows: Rows) -> None:
    """The selection in the address bar: row by row where it is short, else kept in the workspace under an id."""
    if not len(rows):
        st.query_params.pop("sel", None)
        return
    link = ".".join(map(str, rows.tolist())) if len(rows) <= LINKED else KEPT + state.lab().keep_rows(rows)
    if st.query_params.get("sel") != link:
        st.query_params["sel"] = link


def find(view: frame.Context, map_: Drawn) -> None:
    """A line to type in: every item that holds it becomes the selection. The way without a pointer."""
    what = map_.overview.what
    key = f"find-{view.id[:8]}-{what}"

    def choose() -> None:
        asked = str(st.session_state[key]).strip().lower()
        hits = [i for i, name in enumerate(map_.names) if asked and asked in name.lower()]
        select(view, what, map_.overview.rows[np.array(hits, dtype=np.int64)])

    st.text_input("Find and select", key=key, on_change=choose, placeholder=f"part of a {what[:-1]}")


# -- the picture -----------------------------------------------------------------------------------------------------


def picture(view: frame.Context, map_: Drawn, column: Column, chosen: Rows, by_pane: bool, placebo: bool) -> None:
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
            select(view, what, np.array(sorted(rows), dtype=np.int64))

    figure = overview_maps(
        map_.overview, column, map_.names, muted=map_.muted, weight=map_.weight, selected=chosen.tolist() or None,
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


def in_pane(view: frame.Context, map_: Drawn, column: Column, chosen: Rows, key: str) -> None:
    """The same in the pane, its colouring first; of many points the pane switches it, or all would be sent again."""
    what = map_.overview.what
    many = len(map_.overview) > PLOTLY_POINTS
    pane.show(
        map_.pane(map_.columns[0].name if many else column.name),
        key=key,
        selected=chosen,
        height=MAP_HEIGHT,
        label=f"All {len(map_.overview):,} {what} at {map_.overview.layer_name}, before and after",
        on_select=partial(select, view, what),
    )
