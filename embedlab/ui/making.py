"""Models of the lineage on the Models page: fresh ones with the words of a corpus, or weights that others published."""

from pathlib import Path

import streamlit as st

from embedlab.lineage.kinds import KINDS
from embedlab.ui import errors, safe, state

NEEDS = {  # what a person brings beside the file of weights
    "elmo": "Its weights (.hdf5) and its options.json.",
    "awd-lstm": "fastai's weights (.pth) and its words (itos as .json or .txt, one a line).",
    "cove": "The weights of its LSTM (.pth), the word vectors it reads (GloVe 840B), and a corpus for the words.",
}


def forms() -> None:
    """Both, closed until asked for."""
    corpora = {entry.id: entry.name for entry in state.lab().corpora()}
    left, right = st.columns(2, gap="medium")
    with left, st.expander("Make an untrained model: word table, LSTM, CNN, CoVe, ELMo, AWD-LSTM"):
        if corpora:
            _fresh(corpora)
        else:
            st.caption("Add a corpus first: the model gets its words.")
    with right, st.expander("Bring published weights: ELMo, ULMFiT, CoVe"):
        _brought(corpora)


def _fresh(corpora: dict[str, str]) -> None:
    kind = st.selectbox("Kind", list(KINDS), format_func=lambda name: KINDS[name].title, key="make_kind")
    safe.html('<div class="el-quiet">{line}</div>', line=KINDS[kind].line)
    corpus = st.selectbox("With the words of", list(corpora), format_func=corpora.__getitem__, key="make_corpus")
    vectors = ""
    if kind != "elmo":  # which reads letters
        vectors = _path("Word vectors to start from (optional): word2vec, GloVe, fastText, npz", "make_vectors")
    seed = st.number_input("Seed", 0, 2**31 - 1, 0, key="make_seed")
    if st.button("Make", type="primary", key="make"):
        with errors.guard(), st.spinner("Making the model"):
            made = state.lab().new_model(kind, corpus, vectors=_file(vectors), seed=int(seed))
            _say(made)


def _brought(corpora: dict[str, str]) -> None:
    kind = st.selectbox("Kind", list(NEEDS), format_func=lambda name: KINDS[name].title, key="bring_kind")
    safe.html(
        '<div class="el-quiet">{needs} They are opened in a process with little memory and no rights.</div>',
        needs=NEEDS[kind],
    )
    weights = _path("File of weights", "bring_weights")
    options = _path("options.json", "bring_options") if kind == "elmo" else ""
    words = _path("Words", "bring_words") if kind == "awd-lstm" else ""
    vectors, corpus = "", None
    if kind == "cove":
        vectors = _path("Word vectors", "bring_vectors")
        corpus = st.selectbox("With the words of", list(corpora), format_func=corpora.__getitem__, key="bring_corpus")
    if st.button("Bring", type="primary", key="bring", disabled=not weights):
        with errors.guard(), st.spinner("Reading the weights"):
            made = state.lab().bring_model(
                kind, Path(weights).expanduser(), options=_file(options), words=_file(words), vectors=_file(vectors),
                corpus_id=corpus,
            )  # fmt: skip
            _say(made)


def _path(label: str, key: str) -> str:
    return st.text_input(label, key=key, placeholder="path of a file on this machine").strip()


def _file(typed: str) -> Path | None:
    return Path(typed).expanduser() if typed else None


def _say(made: str) -> None:
    """The cards above are drawn before the forms: they are drawn again, and the new one is among them."""
    st.session_state["_made"] = made
    st.rerun()
