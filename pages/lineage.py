"""Lineage: from a bag of words to BERT on one corpus. The same word asked of every system, untrained and trained."""

import shlex

import streamlit as st

from embedlab import wording
from embedlab.lab.walk import SYSTEMS, Look, Stop, Walk
from embedlab.ui import anatomy, errors, frame, jobs, safe, state

QUICK = ("bow", "skipgram", "glove", "lstm", "cnn", "bert")  # each in about a minute on two cores


@errors.guarded
def page() -> None:
    frame.title(
        "How did words come to mean what their sentence says?",
        "Every system of the lineage on one corpus, untrained and trained. One word is asked of all of them.",
    )
    corpora = {entry.id: entry.name for entry in state.lab().corpora()}
    if not corpora:
        frame.empty("There is no corpus yet", "The systems learn from one, and the word is looked for in it.")
        if st.button("Add a corpus", type="primary"):
            st.switch_page(frame.page("corpus"))
        return
    walks = state.lab().walks()
    with st.expander("Walk the lineage", expanded=not walks):
        ask(corpora)
    jobs.follow_walk()
    if not walks:
        frame.empty("Nothing has been walked yet", "Choose a word and press Walk: its table stands here when done.")
        frame.foot("python -m embedlab lineage --corpus ID --word bank", {}, TERMS)
        return
    by_id = {walk.id: walk for walk in walks}
    frame.from_link("walk", "walk", by_id)
    chosen = st.selectbox("Walk", list(by_id), format_func=lambda id: name(by_id[id]), key="walk")
    st.query_params["walk"] = chosen
    table(by_id[chosen])
    frame.foot(command(by_id[chosen]), {"Corpus": by_id[chosen].corpus, "Walk": chosen}, TERMS)


TERMS = (
    ("Same vector", "cosine of the word's two vectors, one from each sentence. 1 = one vector whatever the sentence."),
    ("Self-similarity", "mean cosine of all uses of a word with each other, over words. 1 = context changes nothing."),
    ("Mean cosine", "of random words: near 0 the space is used evenly, near 1 all vectors point one way."),
    ("Senses", "macro-F1 of the nearest sense centroid on the word's held-out uses; one vector cannot tell them."),
    ("Score", "the held-out score of what the system was trained for; the scores of different systems differ in kind."),
    ("Untrained", "the same system with weights drawn at random: what its form alone gives. The bundled model: as it "
     "comes."),
)  # fmt: skip


def ask(corpora: dict[str, str]) -> None:
    """What to walk, and the button."""
    _, first, second, word = anatomy.EXAMPLES[0]
    with st.form("lineage", border=False):
        left, right = st.columns(2)
        with left:
            corpus = st.selectbox("Corpus", list(corpora), format_func=corpora.__getitem__)
            asked = st.text_input("Word", word, max_chars=60)
        with right:
            one = st.text_input("A sentence with it", first, max_chars=anatomy.LONGEST)
            other = st.text_input("Another, where it means something else", second, max_chars=anatomy.LONGEST)
        chosen = st.multiselect(
            "Systems (ELMo, ULMFiT and CoVe take minutes each)",
            [system.name for system in SYSTEMS],
            default=list(QUICK),
            format_func={system.name: system.title for system in SYSTEMS}.__getitem__,
        )
        pressed = st.form_submit_button("Walk", type="primary", disabled=jobs.busy())
    if pressed:
        with errors.guard():
            st.session_state["walk_task"] = state.lab().start_lineage(corpus, asked.strip(), (one, other), chosen)
            st.rerun()


def name(walk: Walk) -> str:
    return f"{walk.word} · {walk.corpus} · {wording.count(len(walk.stops), 'system')}"


def table(walk: Walk) -> None:
    """One screen: a row each for untrained and trained, a heading for the system."""
    safe.html(
        '<div class="el-quiet">“{first}” / “{second}”</div>'
        '<div class="el-scroll" tabindex="0" role="group" aria-label="Table"'
        '><table class="el-table"><tr><th>{word}</th><th class="r">same vector</th>'
        '<th class="r">self-similarity</th><th class="r">mean cosine</th><th class="r">senses</th>'
        '<th class="r">score</th><th style="padding-left: 1.4rem">nearest</th></tr>{rows}</table></div>',
        first=walk.sentences[0],
        second=walk.sentences[1],
        word=walk.word,
        rows=safe.join(row for stop in walk.stops for row in rows(stop)),
    )


def rows(stop: Stop) -> list[safe.Markup]:
    """The system with its label and price, then its two states."""
    price = f"{stop.parameters:,} numbers, {jobs.duration(stop.seconds)}. " if stop.run else ""
    score = f" Score: {stop.score_name}." if stop.score_name else ""
    found = [
        safe.fragment(
            '<tr><td colspan="7"><b>{title}</b> <span class="el-quiet">{price}{note}{score}</span></td></tr>',
            title=stop.title,
            price=price,
            note=stop.note,
            score=score,
        )
    ]
    first = "as it comes" if stop.source == "builtin" else "untrained"
    for mark, state_name, look in (("●", first, stop.before), ("◆", "trained", stop.after)):
        if look is not None:
            found.append(line(f"{mark} {state_name}", look))
    return found


def line(said: str, look: Look) -> safe.Markup:
    cells = (look.same, look.self_similarity, look.mean_cosine, look.separability, look.score)
    return safe.fragment(
        '<tr><td>{said}</td>{cells}<td style="padding-left: 1.4rem">{near}</td></tr>',
        said=said,
        cells=safe.join(safe.fragment('<td class="r">{n}</td>', n=wording.number(cell, places=2)) for cell in cells),
        near=", ".join(look.neighbours) or "the word is not among those counted",
    )


def command(walk: Walk) -> str:
    words = [
        "python", "-m", "embedlab", "lineage", "--corpus", walk.corpus_id[:12], "--word", walk.word,
        "--first", walk.sentences[0], "--second", walk.sentences[1],
        *(part for stop in walk.stops for part in ("--system", stop.name)),
    ]  # fmt: skip
    return shlex.join(words)


page()
