"""Search: what lies nearest to a sentence, a word in a sentence or an item of the corpus, before and after."""

import streamlit as st

from embedlab.comparing.finding import Filters, Found
from embedlab.errors import NotShippedError, UserError
from embedlab.figures.search import rounds
from embedlab.lab.search import matches_csv, search_command
from embedlab.ui import cards, demo, errors, found, frame, search, state

TERMS = (
    ("Cosine", "of the angle between two vectors: 1 the same direction, 0 unrelated. FAISS ranks by it."),
    ("Kept, lost, gained", "in both lists; only before; only after. Chance keeps about k of all that was searched."),
    ("Rank on the other side", "from 1, among all that was searched, down to 1,000 (30 where only lists are kept)."),
    ("A sentence", "the vector of the whole text, as the model pools it; a word in brackets: of its pieces."),
)  # fmt: skip


@errors.guarded
def page() -> None:
    frame.head(
        "What lies nearest, before and after?",
        "Type a sentence, mark one word of it in [brackets], or choose an item of the corpus: both states list what is "
        "nearest to it.",
    )
    view = frame.context()
    if view is None:
        demo.offer()
        return
    found.look()
    like = search.linked_item()
    one, two, three, four = st.columns([5, 8, 3, 3], vertical_alignment="bottom")
    with one:
        what = search.what_control(view)
    with two:
        query = search.query_control()
    with three:
        word = search.item_control(view, what)
    place = st.empty()
    try:
        index = search.index(view, what, word, place)
        with four, st.popover("Filters", width="stretch"):
            k, filters = search.filter_controls(what, index)
        if not query and like is None:
            like = word if what == "words" or index is None else index.items.keys[0]
        made = search.answer(view, what, word, query, None if query else like, k, filters, place)
    except UserError as error:
        errors.show(str(error), "Nothing to list")
        if isinstance(error, NotShippedError):
            demo.make_here(view.id)
        return
    show(view, made)
    frame.foot(search_command(made, query, word), frame.provenance(view.comparison), TERMS)
    frame.measured()


def show(view: frame.Context, made: Found) -> None:
    """The answer, both lists, for a word its round, and everything as a table and as a file."""
    found.said(made)
    if made.filters != Filters():
        found.filters_line(made.filters)
    found.lists(made)
    if made.what == "words" and made.asked.key is not None:
        many = min(search.KEPT_WORDS, made.depth)
        around = search.answer(view, "words", "", "", made.asked.key, many, made.filters, st.empty())
        theme = state.theme()
        key = ("round", view.id, made.layer, theme, made.asked.key, many, made.filters)
        cards.chart(
            cards.kept(key, lambda: rounds(view.comparison, around, theme)), f"round-{made.layer}-{made.asked.key}"
        )
    left, right = st.columns([4, 1], vertical_alignment="center")
    with left:
        st.header("Both lists as a table; choose a row to search for what is like it", anchor=False)
    with right:
        st.download_button(
            "CSV", data=lambda: matches_csv(made), file_name="embedlab-search.csv", mime="text/csv", on_click="ignore",
            width="stretch",
        )  # fmt: skip
    found.table(made)


page()
