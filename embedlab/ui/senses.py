"""What the Senses page shows: its word, the uses and their map, kept for the next run; controls and address."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from embedlab import wording
from embedlab.comparing.wordview import WordMap, WordView, evenly, most_steps
from embedlab.errors import UserError
from embedlab.figures.pane import Pane
from embedlab.figures.sensepane import sense_pane
from embedlab.lab.base import Progress
from embedlab.lab.searching import Kept
from embedlab.ui import demo, frame, safe, state

Thing = TypeVar("Thing")

LINKED = 200  # selected uses that still fit into an address
LINK = "_sense_link"  # the selection that the page wrote into the address
SHOWN = "_sense_word"  # the word that the page showed last
FOUND, GIVEN = "of the corpus", "named here"


@dataclass(frozen=True)
class Choices:
    """The controls of the page: along = the states of the run too; opacity by trust; whose senses."""

    along: bool
    trust: bool
    named: bool


@st.cache_resource(show_spinner=False)
def _views(root: str) -> Kept[WordView]:
    return Kept(48)


@st.cache_resource(show_spinner=False)
def _maps(root: str) -> Kept[WordMap | None]:
    return Kept(24)


@st.cache_resource(show_spinner=False)
def _panes(root: str) -> Kept[Pane]:
    return Kept(12)


def _root() -> str:
    return str(state.lab().store.root)


# ---------------------------------------------------------------- which word


def word_control(view: frame.Context, marked: Sequence[str]) -> str:
    """The word of the page, in the address bar as word=: one that was marked, a counted one, or any that is typed."""
    options = list(dict.fromkeys((*marked, *view.comparison.words.words)))
    word = _asked_word(view, marked, options)
    if word not in options:
        options.append(word)
    if st.session_state.get("word") != word:
        st.session_state["word"] = word
    st.session_state[SHOWN] = word
    chosen = st.selectbox(
        "Word (or type any other)", options, key="word", bind="query-params", accept_new_options=True,
        on_change=_typed, filter_mode="prefix",
    )  # fmt: skip
    if chosen is not None and chosen != word:
        st.rerun()  # a first run takes what the address says, even a word that was just refused
    return word


def _asked_word(view: frame.Context, marked: Sequence[str], options: Sequence[str]) -> str:
    """The word of a link that was just opened, else of the widget, else the first; never one that is not there."""
    linked, held, shown = st.query_params.get("word"), st.session_state.get("word"), st.session_state.get(SHOWN)
    first = marked[0] if marked else options[0]
    if linked is not None and linked != shown:
        asked = linked
    elif held is None or (shown is None and held not in marked):
        return first  # a word that Compare was about is followed where its uses are at hand
    else:
        asked = str(held)
    asked = " ".join(asked.split())
    if asked in options:
        return asked
    why = _missing(view, asked)
    if why is None:
        return asked
    st.session_state["_no_word"] = why
    if linked is not None and shown is None:  # the widget, which writes the address from now on, is not there yet
        del st.query_params["word"]
    return str(shown) if shown in options else first


def _typed() -> None:
    """Whoever chooses a word here wants its uses read, even where that takes its time."""
    st.session_state["_read_uses"] = st.session_state["word"]


def _missing(view: frame.Context, word: str) -> str | None:
    """Why a typed word cannot be shown; None where it occurs in the corpus."""
    try:
        state.lab().concordance(view.comparison.provenance.corpus_id, word, 1)
    except UserError as error:
        return str(error)
    return None


def no_word() -> None:
    """What was said of the last word that is not there, once."""
    why = st.session_state.pop("_no_word", None)
    if why is not None:
        safe.html('<div class="el-card el-note" role="status">{why}</div>', why=why)


def to_be_read(view: frame.Context, word: str, marked: Sequence[str]) -> bool:
    """Whether the uses of a word must be read by both models first, and nobody has asked for that yet: then the offer.

    A word chosen on this page is read at once; one that came with a link or from another page waits for a click.
    """
    if word in marked or state.lab().has_uses(view.id, word):
        return False
    if not state.lab().can_read(view.id):
        frame.empty(
            "This word was not read use by use",
            "The models of this comparison are not here, so only the words it read itself can be shown: choose one of "
            "the first in the list.",
        )
        demo.make_here(view.id)
        return True
    if st.session_state.get("_read_uses") == word:
        return False
    safe.html(
        '<div class="el-empty"><b>The uses of “{word}” have not been read one by one yet</b>Both models read every '
        "use once; the vectors are kept, and the next time they are at hand.</div>",
        word=word,
    )
    if st.button("Read its uses", type="primary", key="read_uses"):
        st.session_state["_read_uses"] = word
        st.rerun()
    return True


# ---------------------------------------------------------------- the uses and their map


def view_of(view: frame.Context, word: str, named: bool, place: DeltaGenerator) -> WordView:
    """The uses of the word at the layer of the page; with its progress where both models must read them first."""
    names = state.lab().named_senses(view.comparison.provenance.corpus_id, word) if named else ()
    key = (view.id, word, view.layer, names, view.held)
    return _views(_root()).get(
        key,
        lambda: _told(place, lambda tell: state.lab().word_view(view.id, word, view.layer, named=named, progress=tell)),
    )


def map_of(view: frame.Context, shown: WordView, steps: Sequence[int], place: DeltaGenerator) -> WordMap | None:
    """The linked map of the uses, with the states of the run where these are asked for."""
    key = (view.id, shown.word, shown.layer, shown.senses, tuple(steps), view.held)
    return _maps(_root()).get(
        key, lambda: _told(place, lambda tell: state.lab().word_map(view.id, shown, steps=steps, progress=tell))
    )


def pane_of(view: frame.Context, shown: WordView, map_: WordMap, choices: Choices, steps: Sequence[int]) -> Pane:
    key = (view.id, shown.word, shown.layer, shown.senses, tuple(steps), choices, view.held)
    return _panes(_root()).get(key, lambda: sense_pane(shown, map_, named=choices.named, trust=choices.trust))


def _told(place: DeltaGenerator, work: Callable[[Progress], Thing]) -> Thing:
    """Work with a bar for as long as it takes."""
    try:
        return work(lambda share, what: _bar(place, share, what))
    finally:
        place.empty()


def _bar(place: DeltaGenerator, share: float, what: str) -> None:
    place.progress(min(1.0, max(0.0, share)), what)


def said(view: frame.Context, shown: WordView, map_: WordMap | None) -> None:
    """Under the maps: what they leave out, where they leave out anything, and the way to what was not shipped."""
    parts = []
    if shown.of > len(shown.uses):
        seed = view.comparison.provenance.seed
        parts.append(f"{len(shown.uses):,} of {shown.of:,} uses, a random sample (seed {seed}).")
    if map_ is not None and len(map_.drawn) < len(shown.uses):
        parts.append(f"{len(map_.drawn):,} of the {len(shown.uses):,} uses are drawn, a random sample; all are listed.")
    if shown.before is None:
        parts.append(
            f"{state.lab().no_vectors(view.comparison, shown.layer)} Without them there are no real cosines, no trust "
            "of single points and no clusters."
        )
    if not shown.marked:
        parts.append("Other seeds have not read this word, so what is noise is unknown.")
    if parts:
        safe.html('<div class="el-quiet">{said}</div>', said=" ".join(parts))
    if shown.before is None:
        demo.make_here(view.id)


def has_corpus(view: frame.Context) -> bool:
    """Whether the corpus of the comparison is still here."""
    try:
        state.lab().find_corpus(view.comparison.provenance.corpus_id)
    except UserError:
        return False
    return True


# ---------------------------------------------------------------- the controls


def controls(view: frame.Context, word: str, steps: Sequence[int]) -> Choices:
    """Beside the word: the states of the run, and in a popover how points look and whose senses."""
    given = bool(state.lab().named_senses(view.comparison.provenance.corpus_id, word))
    along = bool(steps) and st.toggle(
        f"Along the training ({wording.count(len(steps), 'step')})", key="along", bind="query-params",
        help="The states that the run kept between before and after, in the same layout: the slider moves the points.",
    )  # fmt: skip
    with st.popover("Points and senses"):
        trust = st.toggle("Fade points whose map neighbours are not their true ones", True, key="trust")
        whose = st.segmented_control(
            "Senses", [FOUND, GIVEN], default=FOUND, required=True, key="whose", bind="query-params",
            disabled=not given, help="Those of the corpus, or those you named on the map",
        )  # fmt: skip
    return Choices(along, trust, given and whose == GIVEN)


def steps_shown(steps: Sequence[int], uses: int) -> tuple[int, ...]:
    """The steps that one layout of so many uses can hold, and a line where these are not all."""
    shown = evenly(steps, most_steps(uses))
    if len(shown) < len(steps):
        safe.html(
            '<div class="el-quiet">{n} of the {of} steps that the run kept, spread evenly ({listed}): one layout holds '
            "no more.</div>",
            n=len(shown),
            of=len(steps),
            listed=", ".join(f"{step:,}" for step in shown) or "none",
        )
    return shown


# ---------------------------------------------------------------- the selection


def selection_key(view: frame.Context, word: str) -> str:
    """The key of the pane of a word; what is selected there stands under this key and "-selected"."""
    return f"uses-{view.id[:8]}-{word}"


def selected_uses(view: frame.Context, shown: WordView) -> frozenset[int]:
    """The selected uses, from this session, else from the link (sel=3.17.40); into the address where they fit."""
    key = f"{selection_key(view, shown.word)}-selected"
    known = set(shown.ids.tolist())
    linked = st.query_params.get("sel", "")
    if linked and linked != st.session_state.get(LINK):  # not what this page wrote: a link was opened
        st.session_state[key] = tuple(sorted({int(one) for one in linked.split(".") if one.isdigit()} & known))
    selected = frozenset(st.session_state.setdefault(key, ())) & known
    written = ".".join(str(one) for one in sorted(selected)) if len(selected) <= LINKED else ""
    st.session_state[LINK] = written
    if written:
        st.query_params["sel"] = written
    elif "sel" in st.query_params:
        del st.query_params["sel"]
    return selected


def toggle(view: frame.Context, word: str) -> Callable[[int], None]:
    """Selects a use, or lets it go."""
    key = f"{selection_key(view, word)}-selected"

    def turn(id: int) -> None:
        st.session_state[key] = tuple(sorted(set(st.session_state.get(key, ())) ^ {id}))

    return turn
