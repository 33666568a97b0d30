"""Compare: what did fine-tuning do to this space? The verdict, the words that changed most, the layers, one word."""

import shlex

import plotly.graph_objects as go
import streamlit as st

from embedlab import figures, wording
from embedlab.compare import Move, moves
from embedlab.figures.readings import meaning_of, title_of
from embedlab.ui import cards, demo, errors, frame, readings, safe, scrub, selection, state, verdict, why, words
from embedlab.ui.selection import Selection

NEIGHBOUR = "near"  # the neighbour whose uses are shown
LISTED = "k"


@errors.guarded
def page() -> None:
    frame.head(
        "What did fine-tuning do to this space?",
        "Two states of a model, read on the same words of the same corpus: the answer, what changed most, then one "
        "word.",
    )
    view = frame.context()
    if view is None:
        demo.offer()
        return
    verdict.answer(view.comparison)
    found = why.known_groups(view)
    chosen = selection.current(found)
    safe.html('<div class="el-eyebrow el-gap">What changed most, layer {layer}</div>', layer=view.layer)
    left, right = st.columns(2, gap="medium")
    with left:
        words.floor_line(view.comparison, view.layer)
        ranked(view, chosen)
        histogram(view, chosen)
    with right:
        word, listed = one_word(view, chosen)
    layers(view)
    contexts(view, word, listed)
    safe.html('<div class="el-eyebrow el-gap">Why did “{word}” change?</div>', word=word)
    why.word(view, word)
    safe.html('<div class="el-eyebrow el-gap">Groups that changed together, layer {layer}</div>', layer=view.layer)
    why.groups(view, chosen)
    selection.remember(chosen)
    scrub.slider(view)
    every_reading(view)
    frame.foot(command(view), frame.provenance(view.comparison), (*readings.TERMS, *TERMS))
    frame.measured()


TERMS = (
    ("Drift", "1 − cosine of the mean vector of a word before and after: 0 = it points where it did."),
    ("Cohesion", "mean pairwise cosine of the displacements of a group of words: 1 = all moved the same way."),
)


def ranked(view: frame.Context, chosen: Selection) -> None:
    """The ranking of what is selected, and the ways out of the selection."""
    within = chosen.words(view.comparison, view.layer)
    key = f"ranked-{view.id[:8]}-{view.layer}-{chosen.low:.2f}-{chosen.high:.2f}-{chosen.group}"
    words.ranked_table(view.comparison, view.layer, within, key)
    selection.bar(view.comparison, view.layer, chosen, why.known_corpus(view.comparison))


def histogram(view: frame.Context, chosen: Selection) -> None:
    """How many words changed how much; a range dragged over it, or set below it, filters the page."""
    safe.html(
        '<div class="el-panel el-low"><b>How much each neighbourhood changed</b><div class="el-quiet">1 − Jaccard of '
        "the {k} nearest words before and after, in the original space. Grey: within noise; dotted: the noise floor of "
        "the median word, banded where most floors lie. Drag over the bars, or set the range below them: the whole "
        "page keeps to its words.</div></div>",
        k=view.comparison.words.k,
    )
    span = None if (chosen.low, chosen.high) == selection.ALL else (chosen.low, chosen.high)
    theme = state.theme()

    def make() -> go.Figure:
        figure = figures.change_histogram(view.comparison, view.layer, theme=theme, span=span)
        return figure.update_layout(title=None, height=230, margin={"t": 6})

    figure = cards.kept(("change", view.id, view.layer, theme, span), make)
    key = f"bars-{view.id[:8]}-{view.layer}-{chosen.low:.2f}-{chosen.high:.2f}"
    selection.histogram(figure, key)
    selection.slider()


def layers(view: frame.Context) -> None:
    """Before and after of the leading readings at every layer; a click on a point moves every page to its layer."""
    safe.html(
        '<div class="el-eyebrow el-gap">Layer by layer</div><div class="el-quiet"><span class="el-before">● '
        'before</span> &nbsp;<span class="el-after">◆ after</span> &nbsp;<i class="el-band interval"></i>coloured '
        "band: 95 % interval of the difference &nbsp;{noise} &nbsp;· dotted: the layer of this page; click a point to "
        "go to its layer</div>",
        noise=safe.fragment('<i class="el-band noise"></i>grey band, dashed: noise, what two seeds differ by')
        if view.comparison.noise.kind == "seeds"
        else safe.fragment("· what another seed would change is unknown"),
    )
    strip(view, readings.shown(view.comparison)[:3])


def strip(view: frame.Context, names: list[str]) -> None:
    """Small multiples, three a row: how readings run through the layers; a click on a point goes to its layer."""
    for first in range(0, len(names), 3):
        for column, name in zip(st.columns(3, gap="medium"), names[first : first + 3], strict=False):
            with column:
                panel(view, name)


def every_reading(view: frame.Context) -> None:
    """Drawn once it is opened: six more figures would double what the page takes to draw."""
    with st.expander(
        "Every reading of this layer, and more of them layer by layer", key="every_reading", on_change="rerun"
    ) as more:
        if more.open:
            readings.full_table(view.comparison.layers[view.layer].readings)
            strip(view, readings.shown(view.comparison)[3:])


def panel(view: frame.Context, name: str) -> None:
    """One reading over the layers. Its name and meaning are ours, so that they wrap where the column is narrow."""
    safe.html(
        '<div class="el-panel"><b>{title}</b><div class="el-quiet">{meaning}</div></div>',
        title=title_of(name),
        meaning=meaning_of(name),
    )
    theme = state.theme()

    def make() -> go.Figure:
        figure = figures.layer_strip(view.comparison, [name], layer=view.layer, theme=theme)
        figure.layout.annotations = ()
        return figure.update_layout(title=None, height=150, margin={"t": 8, "b": 24, "l": 8, "r": 12})

    figure = cards.kept(("layers", view.id, view.layer, theme, name), make)
    key = f"{name}-{view.id[:8]}-{view.layer}"

    @errors.guarded
    def choose() -> None:
        points = st.session_state[key]["selection"]["points"]
        if points:
            st.session_state["layer"] = int(cards.custom(points[0]))

    cards.clickable(figure, key, choose)


def one_word(view: frame.Context, chosen: Selection) -> tuple[str, list[Move]]:
    """The word of the page and its nearest words before and after, with lines between the ranks."""
    table = view.comparison.words
    within = chosen.words(view.comparison, view.layer)
    ordered = figures.most_changed(view.comparison, view.layer)
    known = [table.words[i] for i in ordered if within[i]] or [table.words[i] for i in ordered]
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        targets = set(words.target_words(view.comparison))
        word = words.chooser(known, next((one for one in known if one in targets), known[0]))
    with right:
        k = how_many(view)
    row = table.row(word)
    assert row is not None  # the chooser offers words of the table only
    kept = words.kept(view.comparison, view.layer, row)
    safe.html(
        '<div class="el-quiet el-facts-line">{uses} · change {change}{noise} · drift {drift} · of the {k} nearest: '
        '<span><i class="el-dot kept"></i>{kept} kept</span> <span><i class="el-dot lost"></i>{lost} lost</span> '
        '<span><i class="el-dot gained"></i>{lost} gained</span></div>',
        uses=wording.count(int(table.counts[row]), "use"),
        change=wording.number(float(table.change[view.layer, row]), places=2),
        noise=words.against_noise(view.comparison, view.layer, row),
        drift=wording.number(float(table.drift[view.layer, row]), places=3),
        k=table.k,
        kept=kept,
        lost=table.k - kept,
    )
    listed = moves(view.comparison, word, view.layer, k)
    lit = neighbour_of(listed)
    theme = state.theme()
    figure = cards.kept(
        ("moves", view.id, view.layer, theme, word, k, lit),
        lambda: figures.rank_moves(view.comparison, word, view.layer, theme=theme, top=k, lit=lit),
    )
    key = f"moves-{view.id[:8]}-{view.layer}-{row}-{k}-{lit}"

    @errors.guarded
    def choose() -> None:
        points = st.session_state[key]["selection"]["points"]
        if points:
            st.session_state[NEIGHBOUR] = str(cards.custom(points[0]))

    cards.clickable(figure, key, choose)
    return word, listed


def how_many(view: frame.Context) -> int:
    """How many neighbours are listed on each side, in the address bar as k=."""
    table = view.comparison.words
    most = min(30, table.k if table.ranked_before is None else table.ranked_before.shape[2])
    if not 1 <= int(st.session_state.get(LISTED, most)) <= most:
        del st.session_state[LISTED]
    return int(st.number_input("Neighbours listed", 1, most, most, key=LISTED, bind="query-params"))


def neighbour_of(listed: list[Move]) -> str:
    """The neighbour whose uses are shown: the one chosen or linked, else the first gained, else the first."""
    names = [move.word for move in listed]
    frame.from_link(NEIGHBOUR, NEIGHBOUR, dict.fromkeys(names))
    if NEIGHBOUR not in st.session_state:
        st.session_state[NEIGHBOUR] = next((move.word for move in listed if move.status == "gained"), names[0])
    return str(st.session_state[NEIGHBOUR])


def contexts(view: frame.Context, word: str, listed: list[Move]) -> None:
    """Real uses of the word beside real uses of one of its neighbours."""
    safe.html('<div class="el-eyebrow el-gap">In the corpus</div>')
    by_name = {move.word: move for move in listed}
    if not why.known_corpus(view.comparison):
        safe.html('<div class="el-quiet">There is no corpus here to take contexts from.</div>')
        return
    corpus_id = view.comparison.provenance.corpus_id
    words.contexts(corpus_id, word, USES)
    chosen = str(
        st.selectbox(
            "A neighbour in its contexts: click one above, or choose it", list(by_name), key=NEIGHBOUR,
            format_func=lambda name: f"{name}: {said(by_name[name])}", width=420,
        )
    )  # fmt: skip
    st.query_params[NEIGHBOUR] = chosen
    words.contexts(corpus_id, chosen, USES)


USES = 5  # shown of the word, and of its neighbour


def said(move: Move) -> str:
    """`gained, rank far → 3`."""
    before, after = ("far" if rank is None else str(rank) for rank in (move.rank_before, move.rank_after))
    return f"{move.status}, rank {before} → {after}"


def command(view: frame.Context) -> str:
    p = view.comparison.provenance
    return p.command or shlex.join(
        ["python", "-m", "embedlab", "compare", "--before", view.comparison.before.source, "--after",
         view.comparison.after.source, "--corpus", p.corpus_id[:12]]
    )  # fmt: skip


page()
