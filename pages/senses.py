"""Senses: does the model tell the senses of a word apart? Two linked maps, the separation in numbers, the contexts."""

import streamlit as st

from embedlab import wording
from embedlab.comparing.wordview import WordMap, WordView
from embedlab.report.uses import uses_table
from embedlab.ui import (
    demo,
    errors,
    frame,
    pane,
    readings,
    safe,
    selection,
    sensenames,
    sensenumbers,
    senses,
    state,
    uses,
)  # fmt: skip

HEIGHT = 520


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
    marked = state.lab().marked_words(view.id)
    if not marked and not view.comparison.words.words:
        frame.empty(
            "No word of this comparison was looked at use by use",
            "Give the corpus a target column, or name a word when you compare.",
        )
        return
    steps = state.lab().steps_between(view.id) if view.held else ()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        with st.container(width=240):
            word = senses.word_control(view, marked)
        choices = senses.controls(view, word, steps)
    senses.no_word()
    place = st.empty()
    if senses.to_be_read(view, word, marked):
        return
    shown = senses.view_of(view, word, choices.named, place)
    along = senses.steps_shown(steps, len(shown.uses)) if choices.along else ()
    map_ = senses.map_of(view, shown, along, place)
    selected = senses.selected_uses(view, shown)
    left, right = st.columns([8, 4])
    with left:
        draw(view, shown, map_, choices, along, selected)
    with right:
        sensenumbers.separation(shown, choices.named)
        sensenumbers.moved(shown)
    contexts(view, shown, map_, selected)
    frame.foot(
        view.comparison.provenance.command,
        frame.provenance(view.comparison),
        [*sensenumbers.TERMS, *readings.TERMS],
    )
    frame.measured()


def draw(
    view: frame.Context,
    shown: WordView,
    map_: WordMap | None,
    choices: senses.Choices,
    along: tuple[int, ...],
    selected: frozenset[int],
) -> None:
    """The pane and what it leaves out; the name that a selection gets; how true the picture is, and the selection."""
    if map_ is None:
        frame.empty(
            "There is no map of this word at this layer",
            "A map needs at least a handful of uses to lay out, and their vectors; the contexts are below.",
        )
    else:
        pane.show(
            senses.pane_of(view, shown, map_, choices, along),
            key=senses.selection_key(view, shown.word),
            selected=selected,
            height=HEIGHT,
            label=f"Maps of {wording.count(len(map_.drawn), 'use')} of {shown.word} at {shown.layer_name}",
        )
    senses.said(view, shown, map_)
    sensenames.bar(view, shown, selected, f"{senses.selection_key(view, shown.word)}-selected")
    picture, chosen = st.columns([5, 3], gap="medium")
    with picture:
        if map_ is not None:
            sensenumbers.trust(shown, map_)
    with chosen:
        sensenumbers.selection(shown, selected)


def contexts(view: frame.Context, shown: WordView, map_: WordMap | None, selected: frozenset[int]) -> None:
    """Every use in its context, the selected ones first; the selection as files and as a corpus."""
    key = senses.selection_key(view, shown.word)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.header("The uses, selection first, then by change, those within noise last", anchor=False)
        chosen = [use for use, id in zip(shown.uses, shown.ids.tolist(), strict=True) if id in selected or not selected]
        safe.html(
            '<div class="el-quiet" role="status">{n} {which}</div>',
            n=wording.count(len(chosen), "use"),
            which="selected" if selected else "in all",
        )
        selection.ways_out(
            "uses", f"uses-{shown.word}", lambda: uses_table(shown, map_, selected),
            view.comparison.provenance.corpus_id if senses.has_corpus(view) else None,
            lambda: tuple(sorted({use.row for use in chosen if use.row is not None})),
            "every row that holds one of these uses",
        )  # fmt: skip
    uses.table(shown, map_, selected, key, senses.toggle(view, shown.word))


page()
