"""Naming senses: the selection gets a name; names are listed, taken back, and go out as CSV and as a corpus."""

import streamlit as st

from embedlab import wording
from embedlab.comparing.wordview import WordView
from embedlab.lab.naming import LONGEST, NamedSense, key_of
from embedlab.ui import errors, safe, state
from embedlab.ui.frame import Context

NAME = "_sense_name"


def bar(view: Context, shown: WordView, selected: frozenset[int], select: str) -> None:
    """Under the maps: a name for the selection, and the names there are. `select`: where the session keeps the ids."""
    corpus, word = view.comparison.provenance.corpus_id, shown.word
    at = [i for i, id in enumerate(shown.ids.tolist()) if id in selected]

    @errors.guarded
    def name() -> None:
        state.lab().name_sense(corpus, word, st.session_state[NAME], [shown.uses[i] for i in at])
        st.session_state[NAME] = ""

    def clear() -> None:
        st.session_state[select] = ()

    given = state.lab().named_senses(corpus, word)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input(
            "Name the selection as a sense", key=NAME, max_chars=LONGEST, disabled=not at, width=230,
            placeholder="select uses first" if not at else "such as riverside",
        )  # fmt: skip
        st.button(f"Name {wording.count(len(at), 'use')}", key="name_sense", on_click=name, disabled=not at)
        st.button("Clear", key="clear_uses", on_click=clear, disabled=not at, type="tertiary")
        with st.popover(f"Senses you named ({len(given)})", disabled=not given):
            _list(corpus, shown, given, select)


def _list(corpus: str, shown: WordView, given: tuple[NamedSense, ...], select: str) -> None:
    """Every name with how many uses have it, the way to see them and to take it back; and the ways out."""
    id_of = {key_of(use): id for use, id in zip(shown.uses, shown.ids.tolist(), strict=True) if use.row is not None}

    def show(one: NamedSense) -> None:
        st.session_state[select] = tuple(sorted(id_of[key] for key in one.uses if key in id_of))

    @errors.guarded
    def forget(name: str) -> None:
        state.lab().forget_sense(corpus, shown.word, name)

    for number, one in enumerate(given):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            safe.html(
                "<div><b>{name}</b> <span class='el-quiet'>{n}</span></div>",
                name=one.name, n=wording.count(len(one.uses), "use"),
            )  # fmt: skip
            st.button("Select", key=f"show_sense_{number}", on_click=show, args=(one,), type="tertiary")
            st.button("Take back", key=f"forget_sense_{number}", on_click=forget, args=(one.name,), type="tertiary")
    st.download_button(
        "Named uses as CSV", lambda: state.lab().named_csv(corpus, shown.word), "embedlab-senses.csv", "text/csv",
        key="named_csv", on_click="ignore",
    )  # fmt: skip
    _corpus(corpus, shown.word)


@st.fragment
@errors.guarded
def _corpus(corpus: str, word: str) -> None:
    name = st.text_input("As a new corpus with these names in its sense column", "senses named by hand", key="named_as")
    if st.button("Make the corpus", key="make_named"):
        made = state.lab().corpus_of_senses(corpus, word, name)
        safe.html(
            '<div role="status">{rows} kept as <b>{name}</b>: it is on the Corpus page.</div>',
            rows=wording.count(int(made.summary["rows"]), "row"),
            name=made.name,
        )
