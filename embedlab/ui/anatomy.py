"""The Anatomy page's choices, what was read for them, and the sentence drawn as a strip of pieces."""

import shlex
from dataclasses import dataclass
from hashlib import sha256

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from embedlab import wording
from embedlab.encoders.inside import Inside, SameWord, shared_words, word_in_both
from embedlab.errors import UserError
from embedlab.lab.searching import Kept
from embedlab.occurrences import word_spans
from embedlab.ui import errors, frame, models, safe, search, state

# name, first sentence, second sentence, the word that both are about
EXAMPLES = (
    (
        "One word, two senses",
        "he sat on the bank of the river",
        "he went to the bank to check his balance",
        "bank",
    ),
    ("The same words in another order", "a mouse chases a cat", "a cat chases a mouse", "mouse"),
)
LONGEST = 600  # characters of a sentence


@dataclass(frozen=True)
class Asked:
    """What the person looks at. `piece` is one of `before`'s; `head` None is the mean of them."""

    before_source: str
    after_source: str
    layer: int
    before: Inside
    after: Inside
    second: str
    piece: int

    @property
    def names(self) -> tuple[str, str]:
        return models.short(self.before_source), models.short(self.after_source)

    @property
    def sides(self) -> tuple[tuple[str, Inside], tuple[str, Inside]]:
        return ("before", self.before), ("after", self.after)

    def piece_of(self, seen: Inside) -> int | None:
        """The chosen piece in either state: the first that stands for the same characters."""
        if seen.cut_as(self.before):
            return self.piece
        one = self.before.pieces[self.piece]
        return None if one.special else next(iter(seen.touching(one.start, one.end)), None)


@st.cache_resource(show_spinner=False)
def _seen(root: str) -> Kept[Inside]:
    return Kept(32)


def inside(source: str, text: str, place: DeltaGenerator) -> Inside:
    """A model state and a sentence, with what is waited for in `place` where the model is not loaded yet."""
    lab = state.lab()
    read = lambda: search.told(  # noqa: E731
        place, lambda progress: lab.inside(source, text, desk=state.desk(), progress=progress)
    )
    return _seen(str(lab.store.root)).get((source, lab.print_of(source), text), read)


def choices() -> Asked | None:
    """The row of every page (before, after, layer), then the sentence and its piece; None where it cannot be read."""
    known = models.known()
    first, second = _ends(known)
    left, middle, right = st.columns([4, 4, 5], vertical_alignment="bottom")
    with left:
        before = _model("Before", "anatomy_before", "b", known, first)
    with middle:
        after = _model("After", "anatomy_after", "a", known, second)
    try:
        count = 1 + max(state.lab().model(source).layers for source in (before, after))
    except UserError as error:
        errors.show(str(error), "This model cannot be looked into")
        return None
    with right:
        layer = frame.layer_strip(count)
    text, piece_place = _sentence()
    place = st.empty()
    try:
        read = inside(before, text, place), inside(after, text, place)
    except UserError as error:
        errors.show(str(error), "This sentence cannot be shown")
        return None
    with piece_place:
        piece = _piece(read[0])
    return Asked(before, after, layer, *read, second=str(st.session_state["second"]), piece=piece)


def _ends(known: list[str]) -> tuple[str, str]:
    """What both choosers begin with: the comparison of the other pages, else the first model and the newest run."""
    compared = st.session_state.get("comparison", st.query_params.get("c"))
    if compared in {entry.id for entry in state.lab().comparisons()}:
        sides = state.comparison(str(compared))
        if sides.before.source in known and sides.after.source in known:
            return sides.before.source, sides.after.source
    return known[0], next((source for source in known if source.startswith("run:")), known[0])


def _model(label: str, key: str, name: str, known: list[str], begin: str) -> str:
    frame.from_link(name, key, dict.fromkeys(known))
    st.session_state.setdefault(key, begin)
    chosen = str(st.selectbox(label, known, format_func=models.short, key=key, persist_state="session"))
    st.query_params[name] = chosen
    return chosen


def _sentence() -> tuple[str, DeltaGenerator]:
    """The first sentence and its examples; where the chooser of the piece will stand."""
    for key, text in zip(("sentence", "second"), EXAMPLES[0][1:3], strict=True):
        st.session_state.setdefault(key, st.query_params.get(key, text))
    left, middle, right = st.columns([8, 2, 3], vertical_alignment="bottom")
    with left:
        text = st.text_input("Sentence", key="sentence", max_chars=LONGEST, bind="query-params")
    with middle, st.popover("Examples", width="stretch"):
        for number, (name, first, second, _) in enumerate(EXAMPLES):
            st.button(name, key=f"example-{number}", on_click=_take, args=(first, second), width="stretch")
    return str(text), right.empty()


def second_sentence() -> str:
    """The sentence beside the first, further down the page."""
    return str(st.text_input("Second sentence", key="second", max_chars=LONGEST, bind="query-params"))


def _take(first: str, second: str) -> None:
    st.session_state["sentence"], st.session_state["second"] = first, second


def _piece(seen: Inside) -> int:
    """The piece that the page follows; at first the one of the word that both sentences share."""
    word = word_of_interest(seen.text, str(st.session_state["second"]))
    spans = [(s, e) for s, e in word_spans(seen.text) if seen.text[s:e].casefold() == word]
    touched = seen.touching(*spans[0]) if spans else []
    first = touched[0] if touched else (seen.own or [0])[0]
    chosen = st.selectbox(
        "Piece to follow",
        range(len(seen.pieces)),
        index=first,
        format_func=lambda i: f"{i} · {seen.surface(i)}",
        key=f"piece-{sha256(f'{seen.source} {seen.text}'.encode()).hexdigest()[:12]}",
    )
    return int(chosen)


def word_of_interest(first: str, second: str) -> str:
    """The word of an example; else the longest that both sentences hold, else the longest of the first; casefolded."""
    for _, one, other, word in EXAMPLES:
        if (first, second) == (one, other):
            return word
    words = shared_words(first, second) or [first[s:e].casefold() for s, e in word_spans(first)]
    return max(words, key=len, default="")


def word_followed(asked: Asked, second: str) -> str:
    """The word that holds the chosen piece where both sentences have it; else the word of interest."""
    one, text = asked.before.pieces[asked.piece], asked.before.text
    held = [text[s:e].casefold() for s, e in word_spans(text) if s < one.end and e > one.start]
    return held[0] if held and held[0] in shared_words(text, second) else word_of_interest(text, second)


def same_word(asked: Asked, second: str) -> tuple[SameWord, SameWord] | str:
    """The word in both sentences, before and after; a sentence where that cannot be."""
    word = word_followed(asked, second)
    if word not in shared_words(asked.before.text, second):
        return "The two sentences share no word: write a second one that holds a word of the first."
    try:
        place = st.empty()
        there = inside(asked.before_source, second, place), inside(asked.after_source, second, place)
        both = zip((asked.before, asked.after), there, strict=True)
        before, after = (word_in_both(seen, other, word) for seen, other in both)
    except UserError as error:
        return str(error)
    return before, after


def strip(seen: Inside, chosen: int | None) -> None:
    """The sentence as its pieces in a row, the number of each below it, the chosen one framed."""
    cells = (
        safe.fragment(
            '<div style="display:inline-block;text-align:center;margin:0 .3rem .35rem 0;vertical-align:top">'
            '<div style="{look};border-radius:6px;padding:.12rem .5rem;font-family:ui-monospace,Menlo,Consolas,'
            "'DejaVu Sans Mono',monospace;font-size:.86rem;white-space:pre\">{name}</div>"
            '<div class="el-num" style="font-size:.7rem;color:var(--quiet)">{id}</div></div>',
            look=safe.fragment("border:2px solid var(--ink);font-weight:700")
            if i == chosen
            else safe.fragment("border:1px dashed var(--line);color:var(--quiet)")
            if piece.special
            else safe.fragment("border:1px solid var(--line)"),
            name=piece.name,
            id=piece.id,
        )
        for i, piece in enumerate(seen.pieces)
    )
    safe.html("<div>{cells}</div>", cells=safe.join(cells))
    if seen.unread:
        safe.html(
            '<div class="el-quiet">Left out, since the table does not hold them: {words}.</div>',
            words=", ".join(seen.unread),
        )


def nearest(side: str, seen: Inside, piece: int | None, other: Inside | None) -> None:
    """The entries of the table nearest to the row of a piece. `other`: the other state's, for what stayed and what
    did not; None where its table has other entries."""
    if piece is None or not seen.near:
        safe.html('<div class="el-quiet">{why}</div>', why=seen.without_table or "No piece stands for it here.")
        return
    listed = seen.near[piece]
    there = None if other is None else {near.name for near in other.near[piece]}
    mark = {"before": ("lost", "−"), "after": ("gained", "+")}[side]
    rows = (
        safe.fragment(
            '<tr><td class="el-num">{i}</td><td>{dot}{name}</td><td class="r">{cosine}</td></tr>',
            i=i,
            dot=""
            if there is None
            else safe.fragment('<i class="el-dot kept"></i>')
            if near.name in there
            else safe.fragment('<i class="el-dot {kind}"></i>{sign} ', kind=mark[0], sign=mark[1]),
            name=near.name,
            cosine=wording.number(near.cosine, places=3),
        )
        for i, near in enumerate(listed, 1)
    )
    safe.html(
        '<table class="el-table"><tr><td></td><th><span class="el-{side}">{mark} {side}</span></th>'
        '<th class="r">cosine</th></tr>{rows}</table>',
        side=side,
        mark="●" if side == "before" else "◆",
        rows=safe.join(rows),
    )


def command(asked: Asked) -> str:
    words = ["python", "-m", "embedlab", "anatomy", "--model", asked.after_source, "--text", asked.before.text]
    word = word_followed(asked, asked.second)
    if word in shared_words(asked.before.text, asked.second):
        words += ["--second", asked.second, "--word", word]
    return shlex.join(words)


def provenance(asked: Asked) -> dict[str, object]:
    """What the foot shows: the two states and how they were read."""
    return {
        "Before": _said(asked.before),
        "After": _said(asked.after),
        "Read": "alone, in float32, attention written out",
        "Layers": f"{len(asked.before.layers)} → {len(asked.after.layers)}, the embeddings among them",
    }


def _said(seen: Inside) -> str:
    return f"{models.short(seen.source)}, {wording.count(len(seen.pieces), 'piece')}"
