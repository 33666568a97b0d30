"""Senses: does the model tell the senses of a word apart? Two linked maps, the separation in numbers, the contexts."""

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from embedlab import figures, wording
from embedlab.types import FALSE_SHARE, LinkedMap, Uses
from embedlab.ui import cards, demo, errors, frame, readings, safe, state, words

SEPARATION = (
    "wsd_centroid_macro_f1",
    "wsd_centroid_accuracy",
    "silhouette_cosine_macro",
    "clustering_ari",
    "self_similarity",
    "mev_uncentred",
)
LISTED = 200  # uses shown in their contexts
COLOURS: dict[figures.ColourBy, str] = {"sense": "sense", "change": "change", "predicted": "found"}


@errors.guarded
def page() -> None:
    frame.head(
        "Does the model tell the senses of a word apart?",
        "Every point is one use of the word. The same use lies in both maps; draw around points in either map to see "
        "them in the other.",
    )
    view = frame.context()
    if view is None:
        demo.offer()
        return
    targets = words.target_words(view.comparison)
    if not targets:
        frame.empty(
            "No word of this comparison was looked at use by use",
            "Give the corpus a target column, or name a word when you compare.",
        )
        return
    left, right = st.columns([8, 4])
    with left:
        picked, coloured, clear = st.columns([3, 4, 2], vertical_alignment="bottom")
        with picked:
            word = words.chooser(targets, targets[0])
        with coloured:
            colour = st.segmented_control(
                "Colour by",
                list(COLOURS),
                format_func=COLOURS.__getitem__,
                default="sense",
                required=True,
                key="colour",
                bind="query-params",
            )
        drawn = state.linked_map(view.id, word, view.layer)
        if drawn is None:
            frame.empty(
                "There is no map of this word at this layer",
                "A map needs at least a handful of uses to lay out; the contexts are below.",
            )
        else:
            draw_maps(view, drawn, colour, clear)
    with right:
        numbers(view, word, drawn)
    contexts(view, word)
    frame.foot(
        f"{view.comparison.provenance.command}",
        frame.provenance(view.comparison),
        [*MAP_TERMS, *readings.TERMS],
    )
    frame.measured()


MAP_TERMS = (
    ("Linked map", "one UMAP of both states, each use tied to itself, so moves mean change."),
    ("Trustworthiness, continuity", "share of map neighbours that are true, and the reverse; 1 is best."),
    ("Placebo move", "how far points move when a state is laid out against itself: moves of that size mean nothing."),
)  # fmt: skip


def selection_key(view: frame.Context, word: str) -> str:
    return f"_selected-{view.id[:8]}-{word}"


def selected_rows(view: frame.Context, word: str, known: set[int]) -> set[int]:
    """The selected uses, from this session, else from the link (sel=3.17.40)."""
    key = selection_key(view, word)
    if key not in st.session_state:
        linked = st.query_params.get("sel", "")
        st.session_state[key] = {int(part) for part in linked.split(".") if part.isdigit()} & known
    rows: set[int] = st.session_state[key]
    return rows


def draw_maps(view: frame.Context, map_: LinkedMap, colour: figures.ColourBy, corner: DeltaGenerator) -> None:
    """Both maps in one figure; a lasso in one lights the same uses up in both."""
    word = map_.word
    known = {int(row) for row in map_.rows}
    selected = selected_rows(view, word, known)
    key = f"maps-{view.id[:8]}-{word}-{view.layer}"
    store = selection_key(view, word)

    @errors.guarded
    def choose() -> None:
        points = st.session_state[key]["selection"]["points"]
        rows = {int(point["customdata"][0]) for point in points if point.get("customdata")} & known
        if rows:
            st.session_state[store] = rows

    def clear() -> None:
        st.session_state[store] = set()

    with corner:
        st.button("Clear", on_click=clear, disabled=not selected, width="stretch")
    figure = figures.linked_maps(
        map_, view.comparison.uses, colour_by=colour, selected=selected or None, theme=state.theme()
    )
    st.plotly_chart(
        cards.dressed(figure),
        key=key,
        theme=None,
        on_select=choose,
        selection_mode=("lasso", "points"),
        config={"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "autoScale2d", "toImage"]},
        alt=figures.alt_text(figure),
    )
    link_selection(selected)


def link_selection(selected: set[int]) -> None:
    """The selection in the address bar, as long as an address stays short enough to be sent."""
    if selected and len(selected) <= 200:
        st.query_params["sel"] = ".".join(str(row) for row in sorted(selected))
    elif "sel" in st.query_params:
        del st.query_params["sel"]


def numbers(view: frame.Context, word: str, map_: LinkedMap | None) -> None:
    """How far apart the senses are, before → after; then how far the picture can be trusted; then the selection."""
    at_layer = view.comparison.sense_readings.get(word)
    rows = readings.of(at_layer[view.layer].readings, SEPARATION) if at_layer else []
    safe.html('<div class="el-eyebrow">Separation of the senses, held-out uses</div>')
    if rows:
        readings.small_table(rows)
    else:
        safe.html(
            '<div class="el-quiet">The uses of this word carry no sense, so there is nothing to be right about.</div>'
        )
    moved(view, word)
    selected = selected_rows(view, word, set())
    if selected:
        selection_numbers(view.comparison.uses, view.layer, sorted(selected))
    if map_ is not None:
        trust(map_)


def moved(view: frame.Context, word: str) -> None:
    """Whether the uses of this word moved at all, as a test over them; and how many by more than noise."""
    by_layer = view.comparison.word_p.get(word)
    p = None if by_layer is None else by_layer[view.layer]
    uses = view.comparison.uses
    rows = uses.of(word)
    within = figures.uses_within_noise(uses, view.layer)[rows]
    known = uses.noise is not None and bool(np.isfinite(uses.noise[view.layer, rows]).any())
    count = wording.count(len(rows), "use")
    safe.html(
        '<div class="el-eyebrow" style="margin-top:.6rem">Did its own uses move?</div><div class="el-quiet el-wide">'
        "<b>{test}</b>{rule} {noise}</div>",
        test=f"p {readings.equals(p)} over {count}" if p is not None else f"Not tested over {count}",
        rule=": too few, or the layers differ in width."
        if p is None
        else f", corrected over the words: {'more' if p <= FALSE_SHARE else 'no more'} than by swapping before and "
        "after, use by use.",
        noise=f"{len(rows) - int(within.sum()):,} changed neighbours by more than noise, {int(within.sum()):,} within "
        "it."
        if known
        else "Their noise floor is unknown.",
    )


def trust(map_: LinkedMap) -> None:
    """How true the picture is, and whether its moves mean anything."""
    ratio = map_.real_move / map_.placebo_move if map_.placebo_move > 0 else None
    spread = ""
    if map_.trust_range is not None and map_.seeds > 1:
        low, high = (wording.number(end) for end in map_.trust_range)
        spread = f"{low} to {high} over {map_.seeds} layouts"
    safe.html(
        '<div class="el-eyebrow" style="margin-top:.6rem">How far to trust the picture</div>'
        '<table class="el-table"><tr><th></th><th class="r">before</th><th class="r">after</th></tr>'
        '<tr><td>Trustworthiness<small>{spread}</small></td><td class="r">{tb}</td><td class="r">{ta}</td></tr>'
        '<tr><td>Continuity</td><td class="r">{cb}</td><td class="r">{ca}</td></tr>'
        "<tr><td>Move, mean share of the frame<small>placebo (a state against itself): {placebo}</small></td>"
        '<td class="r" colspan="2">{move}{ratio}</td></tr></table>'
        '<div class="el-quiet">A picture, not a measurement: the axes mean nothing, every number comes from the full '
        "space.</div>",
        spread=spread,
        tb=wording.number(map_.trust_before),
        ta=wording.number(map_.trust_after),
        cb=wording.number(map_.continuity_before),
        ca=wording.number(map_.continuity_after),
        placebo=wording.number(map_.placebo_move),
        move=wording.number(map_.real_move),
        ratio="" if ratio is None else f" = {wording.number(ratio, places=0 if ratio >= 10 else 1)} × placebo",
    )


def selection_numbers(uses: Uses, layer: int, rows: list[int]) -> None:
    """Two numbers for every selection: how much its neighbours changed, how many senses are found."""
    change = float(np.nanmean(uses.change[layer, rows])) if np.isfinite(uses.change[layer, rows]).any() else None
    whole = float(np.nanmean(uses.change[layer])) if np.isfinite(uses.change[layer]).any() else None
    found = "–"
    if uses.predicted_before and uses.predicted_after:
        truth = [uses.occurrences[row].sense for row in rows]
        before = sum(uses.predicted_before[layer][row] == sense for row, sense in zip(rows, truth, strict=True))
        after = sum(uses.predicted_after[layer][row] == sense for row, sense in zip(rows, truth, strict=True))
        found = f"{before} → {after} of {len(rows)}"
    safe.html(
        '<div class="el-eyebrow" style="margin-top:.6rem">Selection: {n}</div><div '
        'class="el-facts"><div><b>{change}</b><span>neighbours '
        "changed (all uses: {whole})</span></div><div><b>{found}</b><span>sense found by the nearest "
        "centroid</span></div></div>",
        n=wording.count(len(rows), "use"),
        change=wording.number(change, places=2),
        whole=wording.number(whole, places=2),
        found=found,
    )


def contexts(view: frame.Context, word: str) -> None:
    """Every use in its context, the selected ones first; the selection as a file."""
    uses, layer = view.comparison.uses, view.layer
    selected = selected_rows(view, word, set())
    ranked = np.nan_to_num(uses.change[layer], nan=-1.0)
    within = figures.uses_within_noise(uses, layer)
    rows = sorted(uses.of(word).tolist(), key=lambda row: (row not in selected, within[row], -ranked[row]))
    head, take = st.columns([4, 1], vertical_alignment="bottom")
    with head:
        st.subheader("The uses, selection first, then by change, those within noise last", anchor=False)
    chosen = [row for row in rows if row in selected] or rows
    with take:
        st.download_button(
            "Selection as CSV" if selected else "All as CSV",
            data=lambda: selection_csv(uses, layer, chosen),
            file_name="embedlab-uses.csv",
            mime="text/csv",
            on_click="ignore",
            width="stretch",
        )
    lines = (line(uses, layer, row, row in selected, bool(within[row])) for row in rows[:LISTED])
    words.kwic(lines, height=360, head=("sense", "change"))
    if len(rows) > LISTED:
        safe.html(
            '<div class="el-quiet">The first {n} of {of}; the file holds all.</div>',
            n=LISTED,
            of=wording.count(len(rows), "use"),
        )


def line(uses: Uses, layer: int, row: int, lit: bool, within: bool) -> words.Use:
    use = uses.occurrences[row]
    change = wording.number(float(uses.change[layer, row]), places=2)
    return words.Use(*wording.in_context(use.text, use.start, use.end, 70), use.sense or "", change, lit, within)


def selection_csv(uses: Uses, layer: int, rows: list[int]) -> bytes:
    header = ("row", "word", "sense", "text", "start", "end", "held_out", "change", "drift", "noise")
    noise = np.full_like(uses.change, np.nan) if uses.noise is None else uses.noise
    return safe.csv_bytes(
        header,
        (
            (use.row, use.word, use.sense, use.text, use.start, use.end, bool(uses.held_out[i]),
             *(round(float(table[layer, i]), 6) for table in (uses.change, uses.drift, noise)))
            for i in rows
            for use in (uses.occurrences[i],)
        ),
    )  # fmt: skip


page()
