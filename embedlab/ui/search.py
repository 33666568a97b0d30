"""What the Search page asks, from its controls and the address bar, and the answer, kept for whoever asks again."""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from embedlab import figures
from embedlab.comparing.finding import Filters, Found, Index, What
from embedlab.lab.searching import Kept
from embedlab.ui import frame, state, words

WHATS: tuple[What, ...] = ("texts", "uses", "words")
LONGEST = 1000  # characters that the line takes; the command line takes more
KEPT_WORDS = 30  # neighbours of each word that a comparison keeps
T = TypeVar("T")


@st.cache_resource(show_spinner=False)
def _answers(root: str) -> Kept[Found]:
    return Kept(64)


def _root() -> str:
    return str(state.lab().store.root)


def what_control(view: frame.Context) -> What:
    """What is searched, in the address bar as what=. Words where the comparison came without its vectors."""
    usual: What = "texts" if view.held else "words"
    if st.session_state.get("what") not in (None, *WHATS):
        del st.session_state["what"]
    chosen = st.segmented_control(
        "Search in", WHATS, default=usual, required=True, key="what", bind="query-params", on_change=_forget
    )
    return usual if chosen is None else chosen


def query_control() -> str:
    """The line to type in, in the address bar as q=."""
    typed = st.text_input(
        "A sentence, or one word of it in [brackets]",
        key="q",
        max_chars=LONGEST,
        bind="query-params",
        placeholder="he sat on the [bank] of the river",
        on_change=_forget,
    )
    return (typed or "").strip()


def _forget() -> None:
    """An item of one kind is none of another, and whoever types asks for what was typed."""
    st.session_state["like"] = None


def item_control(view: frame.Context, what: What) -> str:
    """Beside the line: a row to search for, the word whose uses are searched, or a word; returns the word."""
    if what == "texts":
        like = st.session_state.get("like")
        st.session_state["like_row"] = int(like) if like is not None and like.isdigit() else None
        st.number_input(
            "Or like row", min_value=0, step=1, key="like_row", placeholder="row, from 0", on_change=_take_row
        )
        return ""
    table = view.comparison.words
    known = [table.words[i] for i in figures.most_changed(view.comparison, view.layer)]
    targets = words.target_words(view.comparison)
    options = list(dict.fromkeys((*targets, *known))) if what == "uses" else known
    first = next((word for word in known if word in set(targets)), options[0])
    if st.session_state.get("word") not in (None, *options):
        del st.session_state["word"]
    chosen = st.selectbox(
        "Uses of" if what == "uses" else "Or a word",
        options,
        index=options.index(first),
        key="word",
        bind="query-params",
        on_change=take,
        args=(None,),
    )
    return str(chosen or first)


def _take_row() -> None:
    row = st.session_state["like_row"]
    take(None if row is None else str(row))


def take(key: str | None) -> None:
    """Search for an item of the corpus (None: for the first) instead of what was typed."""
    st.session_state["like"] = key
    st.session_state["q"] = ""


def linked_item() -> str | None:
    """The item asked for, from this session, else from the link (like=17)."""
    if "like" not in st.session_state:
        st.session_state["like"] = st.query_params.get("like")
    like: str | None = st.session_state["like"]
    if like is not None:
        st.query_params["like"] = like
    elif "like" in st.query_params:
        del st.query_params["like"]
    return like


def filter_controls(what: What, index: Index | None) -> tuple[int, Filters]:
    """How many are listed, and what may be found; each in the address bar under its own name."""
    most = 100 if index is not None else KEPT_WORDS
    if st.session_state.get("k") not in (None, *range(1, most + 1)):
        del st.session_state["k"]
    k = int(st.number_input("How many a side", 1, most, min(10, most), key="k", bind="query-params"))
    if index is None:
        st.caption("Of this comparison only the 30 nearest words of each word are kept: there is nothing to filter.")
        return k, Filters()
    contains = st.text_input("Holds", key="contains", bind="query-params", placeholder="any characters", max_chars=200)
    if what == "words":
        return k, Filters(contains=(contains or "").strip())
    chosen: dict[str, str | None] = {}
    for name, label in (("label", "Label"), ("sense", "Sense"), ("split", "Split (test: held out)")):
        options = index.items.choices[name]
        if st.session_state.get(name) not in (None, *options):
            del st.session_state[name]
        chosen[name] = st.selectbox(
            label, options, index=None, key=name, bind="query-params", placeholder="any", disabled=not options
        )
    split = chosen["split"]
    return k, Filters(
        chosen["label"],
        chosen["sense"],
        "train" if split == "train" else "test" if split == "test" else None,
        (contains or "").strip(),
    )


def index(view: frame.Context, what: What, word: str, place: DeltaGenerator) -> Index | None:
    """Both spaces, ready; the first time with its progress in `place`. None: only lists of nearest words are kept."""
    return told(place, lambda progress: state.lab().search_index(
        view.id, what, word, view.layer, state.desk(), progress
    ))  # fmt: skip


def answer(
    view: frame.Context,
    what: What,
    word: str,
    query: str,
    like: str | None,
    k: int,
    filters: Filters,
    place: DeltaGenerator,
) -> Found:
    """What was found, with the progress of the first question in `place`. Raises UserError."""
    key = (view.id, what, word if what == "uses" else "", query, like, view.layer, k, filters, view.held)

    def find() -> Found:
        return told(place, lambda progress: state.lab().search(
            view.id, query, what=what, word=word, like=like, layer=view.layer, k=k, filters=filters,
            desk=state.desk(), progress=progress,
        ))  # fmt: skip

    return _answers(_root()).get(key, find)


def told(place: DeltaGenerator, work: Callable[[Callable[[float, str], None]], T]) -> T:
    """Work with a bar for as long as it takes; the first word of it comes only where there is something to wait for."""
    try:
        return work(lambda share, what: _bar(place, share, what))
    finally:
        place.empty()


def _bar(place: DeltaGenerator, share: float, what: str) -> None:
    place.progress(min(1.0, max(0.0, share)), what)
