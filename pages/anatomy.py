"""Anatomy: what happens inside one sentence? Pieces, table, position, attention and layers, before and after."""

import streamlit as st

from embedlab import wording
from embedlab.encoders.inside import SameWord
from embedlab.figures.path import Line
from embedlab.ui import anatomy, errors, frame, safe, steps
from embedlab.ui.anatomy import Asked


@errors.guarded
def page() -> None:
    frame.title(
        "What happens inside one sentence?",
        "The sentence as the model cuts it; each step of the model unfolds under it, before and after fine-tuning.",
    )
    asked = anatomy.choices()
    if asked is None:
        return
    both = anatomy.same_word(asked, asked.second)
    answer(asked, both)
    pieces(asked)
    steps.lookup(asked)
    steps.attention(asked)
    steps.layers(asked)
    two_sentences(asked)
    frame.foot(anatomy.command(asked), anatomy.provenance(asked), TERMS)


TERMS = (
    ("Cosine", "of two vectors, −1 to 1; 1 = the same direction. In the original space, as all numbers here."),
    ("Same", "equal but for rounding: they differ by no more than a millionth of their length."),
    ("Attention", "the share of each piece in what a piece reads, per head; the real weights, not an estimate."),
    ("A head changed", "mean total variation between its rows before and after: 0 none of its reading moved, 1 all."),
    ("One sentence", "is an example, not a measurement: for numbers with intervals see Compare and Senses."),
)  # fmt: skip


def answer(asked: Asked, both: tuple[SameWord, SameWord] | str) -> None:
    """Whether the word has the same vector in both sentences, in one line."""
    if isinstance(both, str):
        safe.html('<div class="el-card"><div class="el-quiet">{why}</div></div>', why=both)
        return
    here = [side if asked.layer < len(side.layers) else None for side in both]
    same = {side.same[asked.layer] for side in here if side is not None}
    values = [None if side is None else side.cosine[asked.layer] for side in here]
    others = [None if side is None else side.others[asked.layer] for side in here]
    verdict = "Yes, exactly," if same == {True} else "No, not" if same == {False} else "In one state only"
    safe.html(
        '<div class="el-card"><div class="el-eyebrow">Is the vector of “{word}” the same in both sentences?</div>'
        '<div class="el-line">{verdict} at layer {layer}: cosine <span class="el-before">● {b}</span> before, '
        '<span class="el-after">◆ {a}</span> after</div><div class="el-quiet">Any other word of the sentences: {ob} '
        "before, {oa} after. {first} {absent}One pair of sentences: an example, not a measurement.</div></div>",
        word=both[0].word,
        verdict=verdict,
        layer=asked.layer,
        b=steps.angle(values[0], places=2),
        a=steps.angle(values[1], places=2),
        ob=wording.number(others[0], places=2),
        oa=wording.number(others[1], places=2),
        first=first_difference(both[1]),
        absent="".join(
            f"{name} has no layer {asked.layer}. "
            for name, side in zip(("Before", "After"), here, strict=True)
            if side is None
        ),
    )


def first_difference(found: SameWord) -> str:
    """Where the sentences first tell on the word, in the state after."""
    at = next((i for i, same in enumerate(found.same) if not same), None)
    if at is None:
        return "After, no layer ever sees the sentence around it."
    if at == 0:
        why = "the word stands at another place" if found.same_rows else "it is made of other pieces"
        return f"After, the vectors differ from layer 0 on: {why}."
    return f"After, the two are one vector up to layer {at - 1}; from layer {at} on the sentence is in it."


def pieces(asked: Asked) -> None:
    before, after = asked.before, asked.after
    steps.step(
        1, "Pieces", "What the model reads: pieces of its vocabulary, below each its number. Dashed: added around it."
    )
    anatomy.strip(before, asked.piece)
    if not before.cut_as(after):
        safe.html('<div class="el-quiet"><span class="el-after">◆ after</span> cuts it otherwise:</div>')
        anatomy.strip(after, asked.piece_of(after))


def two_sentences(asked: Asked) -> None:
    """The second sentence, and whether a word, and the whole, have the same vector in both."""
    steps.step(5, "Two sentences side by side", "The same word in another sentence; the same words in another order.")
    left, right = st.columns([7, 6], gap="medium", vertical_alignment="bottom")
    with right:
        second = anatomy.second_sentence()
    with left:
        safe.html('<div class="el-quiet">The first sentence</div><div>{text}</div>', text=asked.before.text)
    both = anatomy.same_word(asked, second)
    if isinstance(both, str):
        safe.html('<div class="el-quiet">{why}</div>', why=both)
        return
    before, after = both
    one, two, three = st.columns([3, 3, 5], gap="medium")
    with one:
        lines = [Line("before", before.cosine, "before"), Line("after", after.cosine, "after")]
        lines += [
            Line("before others", before.others, "before, any other word"),
            Line("after others", after.others, "after, any other word"),
        ]
        steps.panel(
            f"“{before.word}” in both sentences",
            "cosine of its two vectors; dotted: of the word with every other word across the sentences",
            lines,
            asked,
        )
    with two:
        steps.panel(
            "The whole sentences",
            "cosine of the means of all pieces; 1 for the same words in another order means the order left no trace",
            [Line("before", before.sentences, "before"), Line("after", after.sentences, "after")],
            asked,
        )
    with three:
        same_table(before, after)


def same_table(before: SameWord, after: SameWord) -> None:
    rows: list[steps.Cells] = [("table row", *(yes(side.same_rows) for side in (before, after)), "", "")]
    for layer in range(max(len(before.layers), len(after.layers))):
        sides = [side if layer < len(side.layers) else None for side in (before, after)]
        name = next(side.layers[layer].name for side in sides if side is not None)
        word = [wording.MISSING if side is None else same_said(side.same[layer], side.cosine[layer]) for side in sides]
        whole = [
            wording.MISSING if side is None else same_said(side.same_sentences[layer], side.sentences[layer])
            for side in sides
        ]
        rows.append((name, *word, *whole))
    steps.table(("same in both?", *steps.heads("word"), *steps.heads("sentence")), rows)


def yes(same: bool | None) -> str:
    return wording.MISSING if same is None else "same" if same else "other"


def same_said(same: bool, value: float | None) -> str:
    return "same" if same else steps.angle(value)


page()
