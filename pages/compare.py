"""Compare: what did fine-tuning do to this space? The verdict, then the words that changed most, then one word."""

import shlex

import streamlit as st

from embedlab import figures, wording
from embedlab.figures.readings import meaning_of, title_of
from embedlab.ui import cards, demo, errors, frame, readings, safe, scrub, state, verdict, words


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
    scrub.slider(view)
    shown = readings.shown(view.comparison)
    safe.html(
        '<div class="el-eyebrow el-gap">Layer by layer</div><div class="el-quiet"><span class="el-before">● '
        'before</span> &nbsp;<span class="el-after">◆ after</span> &nbsp;<i class="el-band interval"></i>coloured '
        "band: 95 % interval of the difference &nbsp;{noise} &nbsp;· dotted: the layer of this page; click a point to "
        "go to its layer</div>",
        noise=safe.fragment('<i class="el-band noise"></i>grey band, dashed: noise, what two seeds differ by')
        if view.comparison.noise.kind == "seeds"
        else safe.fragment("· what another seed would change is unknown"),
    )
    strip(view, shown[:3])
    safe.html('<div class="el-eyebrow el-gap">What changed most, layer {layer}</div>', layer=view.layer)
    left, right = st.columns(2, gap="medium")
    with left:
        words.floor_line(view.comparison, view.layer)
        low, high = histogram(view)
        words.ranked_table(view.comparison, view.layer, low, high)
    with right:
        word = one_word(view)
    safe.html('<div class="el-eyebrow el-gap">In the corpus</div>')
    words.contexts(view.comparison.provenance.corpus_id, word)
    with st.expander("Every reading of this layer, and more of them layer by layer"):
        readings.full_table(view.comparison.layers[view.layer].readings)
        strip(view, shown[3:])
    frame.foot(command(view), frame.provenance(view.comparison), readings.TERMS)
    frame.measured()


def strip(view: frame.Context, names: list[str]) -> None:
    """Small multiples, three a row: how readings run through the layers; a click on a point goes to its layer."""
    for first in range(0, len(names), 3):
        for column, name in zip(st.columns(3, gap="medium"), names[first : first + 3], strict=False):
            with column:
                panel(view, name)


def panel(view: frame.Context, name: str) -> None:
    """One reading over the layers. Its name and meaning are ours, so that they wrap where the column is narrow."""
    safe.html(
        '<div class="el-panel"><b>{title}</b><div class="el-quiet">{meaning}</div></div>',
        title=title_of(name),
        meaning=meaning_of(name),
    )
    figure = figures.layer_strip(view.comparison, [name], layer=view.layer, theme=state.theme())
    figure.layout.annotations = ()
    figure.update_layout(title=None, height=150, margin={"t": 8, "b": 24, "l": 8, "r": 12})
    key = f"{name}-{view.id[:8]}-{view.layer}"

    @errors.guarded
    def choose() -> None:
        points = st.session_state[key]["selection"]["points"]
        if points:
            st.session_state["layer"] = int(cards.custom(points[0]))

    cards.clickable(figure, key, choose)


def histogram(view: frame.Context) -> tuple[float, float]:
    """How many words changed how much; a click on a bar keeps only its words in the ranking."""
    safe.html(
        '<div class="el-panel el-low"><b>How much each neighbourhood changed</b><div class="el-quiet">1 − Jaccard of '
        "the {k} nearest words before and after, in the original space. Grey: within noise; dotted: the noise floor of "
        "the median word, banded where most floors lie. A click on a bar lists its words.</div></div>",
        k=view.comparison.words.k,
    )
    figure = figures.change_histogram(view.comparison, view.layer, theme=state.theme())
    figure.update_layout(title=None, height=250, margin={"t": 6})
    event = cards.clickable(figure, f"bars-{view.id[:8]}-{view.layer}", "rerun")
    chosen = [float(cards.custom(point)) for point in event["selection"]["points"]]
    return (min(chosen), max(chosen)) if chosen else (0.0, 1.0)


def one_word(view: frame.Context) -> str:
    """The nearest words of one word before and after, with lines between the ranks."""
    table = view.comparison.words
    known = [table.words[i] for i in figures.most_changed(view.comparison, view.layer)]
    targets = [word for word in known if word in set(words.target_words(view.comparison))]
    word = words.chooser(known, (targets or known)[0])
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
    figure = figures.rank_moves(view.comparison, word, view.layer, theme=state.theme())
    cards.chart(figure, f"moves-{view.id[:8]}-{view.layer}-{row}")
    return word


def command(view: frame.Context) -> str:
    p = view.comparison.provenance
    return p.command or shlex.join(
        ["python", "-m", "embedlab", "compare", "--before", view.comparison.before.source, "--after",
         view.comparison.after.source, "--corpus", p.corpus_id[:12]]
    )  # fmt: skip


page()
