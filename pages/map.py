"""Map: where does everything lie, and what moved? All words, texts or rows, before and after, in one frame."""

import streamlit as st

from embedlab.comparing.overview import What
from embedlab.ui import demo, errors, frame, overview, overview_drawing, overview_items, safe

TERMS = (
    ("Linked map", "one UMAP of both states, each item tied to itself, so moves mean change."),
    ("Trustworthiness, continuity", "share of map neighbours that are true, and the reverse; 1 is best, chance .5."),
    ("Placebo", "the state before laid out against itself: moves of that size mean nothing."),
    ("Landmarks", "above 10,000 items a seeded sample is laid out, and the others placed among their nearest of it."),
)  # fmt: skip


@errors.guarded
def page() -> None:
    frame.head(
        "Where does everything lie, and what moved?",
        "Every point is one word, text or row. The same item lies in both maps; draw around points in either map to "
        "see them in the other.",
    )
    view = frame.context()
    if view is None:
        demo.offer()
        return
    what, coloured, found, picture = st.columns([3, 4, 4, 2], vertical_alignment="bottom")
    with what:
        items = kind(view)
    map_ = overview.drawn(view, items)
    if map_ is None:
        overview_drawing.offer(view, items)
    else:
        with coloured:
            column = colour(map_)
        with found:
            overview.find(view, map_)
        with picture:
            pane, placebo = options(map_)
        chosen = overview.selected(view, map_)
        overview.link_selection(chosen)
        overview.picture(view, map_, column, chosen, pane, placebo)
        overview_items.facts(view, map_)
        below(view, map_, chosen)
    frame.foot(
        f"python -m embedlab map {view.id[:8]} --what {items} --layers {view.layer} --out map.csv",
        frame.provenance(view.comparison),
        [*TERMS, *((column.name.capitalize(), column.meaning) for column in (map_.columns if map_ else ()))],
    )
    frame.measured()


def kind(view: frame.Context) -> What:
    """Words or texts; of two files the words compared, or all rows they share."""
    kinds = overview.kinds_of(view)
    if st.session_state.get("what") not in (None, *kinds):
        del st.session_state["what"]
    chosen = st.segmented_control("Show all", kinds, default="words", required=True, key="what", bind="query-params")
    return "words" if chosen is None else chosen


def colour(map_: overview.Drawn) -> overview.Column:
    """What the points are coloured by, in the address bar as by=."""
    known = {column.name: column for column in map_.columns}
    if st.session_state.get("by") not in (None, *known):
        del st.session_state["by"]
    many = len(map_.overview) > overview.PLOTLY_POINTS
    said = "The pane has its own switch of colours." if many else None
    name = st.selectbox("Colour by", list(known), key="by", bind="query-params", disabled=many, help=said)
    return known[name or next(iter(known))]


def options(map_: overview.Drawn) -> tuple[bool, bool]:
    """(drawn by the pane, the placebo instead)."""
    many = len(map_.overview) > overview.PLOTLY_POINTS
    with st.popover("Picture", width="stretch"):
        pane = st.toggle("Pane: zoom, slider from before to after", value=many, disabled=many, key="map-pane")
        placebo = st.toggle("Placebo: before against itself", disabled=many or pane, key="map-placebo")
    return many or pane, placebo


def below(view: frame.Context, map_: overview.Drawn, chosen: overview.Rows) -> None:
    """The selection in numbers, what can be taken of it, and its items as a table."""
    if len(chosen):
        overview_items.of_selection(map_, chosen)
    else:
        safe.html(
            '<div class="el-floor"><b>Nothing is selected: all {n}, the most changed first</b><div class="el-quiet">'
            "Draw around points with the lasso, or type a part of what you look for.</div></div>",
            n=f"{len(map_.overview):,} {map_.overview.what}",
        )
    overview_items.take(view, map_, chosen)
    overview_items.table(view, map_, chosen)


page()
