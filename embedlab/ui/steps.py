"""The steps of the Anatomy page: the table, attention and the way through the layers, each before and after."""

from collections.abc import Callable, Sequence
from hashlib import sha256

import numpy as np
import streamlit as st

from embedlab import wording
from embedlab.encoders.inside import Inside, Path, attention_change, cosine, path
from embedlab.figures.attention import MEAN, attention_maps, has_head, head_changes, weights_of
from embedlab.figures.path import Line, through_layers
from embedlab.ui import anatomy, cards, errors, safe, state
from embedlab.ui.anatomy import Asked

TOP = 8  # pieces listed that one piece reads from
BEFORE = safe.fragment('<span class="el-before">● before</span>')
AFTER = safe.fragment('<span class="el-after">◆ after</span>')
Cells = Sequence[object]


def step(number: int, name: str, line: str) -> None:
    safe.html(
        '<div class="el-eyebrow el-gap">{n} · {name}</div><div class="el-quiet">{line}</div>',
        n=number,
        name=name,
        line=line,
    )


def table(header: Cells, rows: Sequence[Cells]) -> None:
    """A small table: the first column is text, the others numbers."""
    heads = safe.join(
        safe.fragment('<th class="{at}">{name}</th>', at="r" if i else "", name=name) for i, name in enumerate(header)
    )
    lines = safe.join(
        safe.fragment(
            "<tr>{cells}</tr>",
            cells=safe.join(
                safe.fragment('<td class="{at}">{cell}</td>', at="r" if i else "", cell=cell)
                for i, cell in enumerate(row)
            ),
        )
        for row in rows
    )
    safe.html(
        '<div class="el-scroll" tabindex="0" role="group" aria-label="Table"'
        '><table class="el-table"><tr>{heads}</tr>{lines}</table></div>',
        heads=heads,
        lines=lines,
    )


def heads(name: str) -> tuple[object, object]:
    """The heads of two columns, before and after."""
    return (
        safe.fragment('{name} <span class="el-before">●</span>', name=name),
        safe.fragment('<span class="el-after">◆</span>'),
    )


def lookup(asked: Asked) -> None:
    """The table: nearest entries of the raw row, and what becomes of the row before the first layer."""
    before, after = asked.before, asked.after
    step(
        2,
        "The table",
        "Each piece takes its row of the table. Nearest rows by cosine, then what is added for its place.",
    )
    here, there = asked.piece, asked.piece_of(after)
    alike = before.cut_as(after) and before.rows is not None and after.rows is not None
    one, two, three = st.columns([4, 4, 5], gap="medium")
    with one:
        anatomy.nearest("before", before, here, after if alike else None)
    with two:
        anatomy.nearest("after", after, there, before if alike else None)
    with three:
        columns = [row_facts(seen, at) for seen, at in ((before, here), (after, there))]
        names = [name for name, _ in columns[0]]
        table(
            (f"“{before.surface(here)}”", BEFORE, AFTER),
            [(name, *(values[i][1] for values in columns)) for i, name in enumerate(names)],
        )
        safe.html('<div class="el-quiet">{line}</div>', line=moved(asked, there))
        for why in dict.fromkeys(seen.without_positions for _, seen in asked.sides if seen.without_positions):
            safe.html('<div class="el-quiet">{why}</div>', why=why)
    with st.expander("Every piece: its row, its position, its first vector"):
        every_piece(asked)


def angle(value: float | None, places: int = 3) -> str:
    """A cosine; `≈1` where rounding would hide that it is not 1."""
    text = wording.number(value, places=places)
    return "≈1" if text.startswith("1") and value != 1 else text


def row_facts(seen: Inside, at: int | None) -> list[tuple[str, str]]:
    """(what, number) of one piece's row, position and vector at layer 0."""

    def said(array: np.ndarray | None) -> str:
        return wording.MISSING if array is None or at is None else wording.number(length(array[at]), places=2)

    start = seen.states[0]
    turned = (
        None if seen.rows is None or at is None else cosine(*(x[at].astype(np.float64) for x in (seen.rows, start)))
    )
    return [
        ("Length of its row", said(seen.rows)),
        ("Length of what is added for the place", said(seen.positions)),
        ("Length at layer 0", said(start)),
        ("Cosine of row and layer 0", angle(turned)),
    ]


def length(vector: np.ndarray) -> float:
    return float(np.linalg.norm(vector.astype(np.float64)))


def moved(asked: Asked, there: int | None) -> str:
    """Whether fine-tuning moved the row."""
    rows, later = asked.before.rows, asked.after.rows
    if rows is None or later is None or there is None or rows.shape[1] != later.shape[1]:
        return "The rows of before and after cannot be held against each other."
    if np.array_equal(rows[asked.piece], later[there]):
        return "The row is exactly the same before and after."
    turned = cosine(rows[asked.piece].astype(np.float64), later[there].astype(np.float64))
    away = length(rows[asked.piece].astype(np.float64) - later[there]) / (length(rows[asked.piece]) or 1.0)
    return (
        f"Cosine of the row before and after {angle(turned)}; "
        f"it moved by {wording.percent(away, places=2)} of its length."
    )


def every_piece(asked: Asked) -> None:
    for column, (name, seen) in zip(st.columns(2, gap="medium"), asked.sides, strict=True):
        with column:
            rows = []
            for i, piece in enumerate(seen.pieces):
                facts = [value for _, value in row_facts(seen, i)]
                rows.append((f"{i} · {piece.name}", piece.id, *facts))
            table((name, "number", "row", "position", "layer 0", "cosine"), rows)


def attention(asked: Asked) -> None:
    """Maps of one head before and after, which heads changed, and what the chosen piece reads from."""
    before, after = asked.before, asked.after
    step(3, "Attention", "How much each piece reads from each other one on its way into a layer, head by head.")
    for why in dict.fromkeys(seen.without_attention for _, seen in asked.sides if seen.without_attention):
        safe.html('<div class="el-quiet"><b>{why}</b></div>', why=why)
    most = max(len(before.attention), len(after.attention))
    if not most:
        return
    layer = min(max(asked.layer, 1), most)
    heads = max(len(seen.attention[layer - 1]) for _, seen in asked.sides if has_head(seen, layer, None))
    place, said = st.columns([3, 10], vertical_alignment="bottom")
    with place:
        head = choose_head(heads)
    with said:
        safe.html(
            '<div class="el-quiet">{note}Framed: the row of “{piece}”.</div>',
            note="Layer 0 is what the first block reads; this is its attention. " if asked.layer == 0 else "",
            piece=before.surface(asked.piece),
        )
    cards.chart(
        attention_maps(before, after, layer, head, asked.piece, theme=state.theme()),
        f"attention-{layer}-{head}-{key(asked)}",
    )
    left, right = st.columns([6, 7], gap="medium")
    with left:
        change = attention_change(before, after)
        if change is None:
            safe.html('<div class="el-quiet">Head by head they cannot be held against each other: not the same pieces '
                      "and heads on both sides.</div>")  # fmt: skip
        else:
            changed_heads(change, layer, head, key(asked))
    with right:
        reads_from(asked, layer, head)


def choose_head(heads: int) -> int | None:
    if st.session_state.get("head") not in (None, *range(heads)):
        del st.session_state["head"]
    chosen = st.selectbox(
        "Head",
        [None, *range(heads)],
        format_func=lambda head: MEAN if head is None else f"head {head}",
        key="head",
    )
    return None if chosen is None else int(chosen)


def changed_heads(change: np.ndarray, layer: int, head: int | None, name: str) -> None:
    safe.html(
        '<div class="el-panel el-low"><b>Which heads read differently</b><div class="el-quiet">Share of a head’s '
        "reading that moved elsewhere, mean over the pieces: 0 none, 1 all. {line} A click shows the head.</div></div>",
        line="None did: the attention is exactly the same." if not change.any() else "",
    )
    figure = head_changes(change, layer, head, theme=state.theme())
    figure.update_layout(title=None, height=int(figure.layout.height) - 60, margin={"t": 8})
    chart = f"heads-{layer}-{head}-{name}"

    @errors.guarded
    def choose() -> None:
        points = st.session_state[chart]["selection"]["points"]
        if points:
            at, which = points[0]["customdata"][:2]
            st.session_state["layer"], st.session_state["head"] = int(at), int(which)

    cards.clickable(figure, chart, choose)


def reads_from(asked: Asked, layer: int, head: int | None) -> None:
    """What the chosen piece reads from most, before and after."""
    shares: list[dict[str, float]] = []
    for _, seen in asked.sides:
        at = asked.piece_of(seen)
        shown = at is not None and has_head(seen, layer, head)
        row = weights_of(seen, layer, head)[at] if shown else np.zeros(0)
        shares.append({f"{i} · {seen.surface(i)}": float(value) for i, value in enumerate(row)})
    first, second = shares
    ranked = sorted({**first, **second}, key=lambda name: -max(first.get(name, 0), second.get(name, 0)))
    names = ranked[:TOP]
    known = first and second and asked.before.cut_as(asked.after)
    table(
        (f"“{asked.before.surface(asked.piece)}” reads from", BEFORE, AFTER, "change"),
        [
            (
                name,
                wording.number(first.get(name), places=3),
                wording.number(second.get(name), places=3),
                wording.signed(second[name] - first[name], places=3) if known else wording.MISSING,
            )
            for name in names
        ],
    )
    safe.html(
        '<div class="el-quiet">The {n} largest of {of}; all of them sum to 1.</div>',
        n=len(names),
        of=wording.count(len(ranked), "piece"),
    )


def layers(asked: Asked) -> None:
    """The path of one piece's vector through the layers."""
    before, after = asked.before, asked.after
    there = asked.piece_of(after)
    step(
        4,
        "Through the layers",
        f"The vector of “{before.surface(asked.piece)}” from layer to layer. ● before ◆ after · dotted: the layer of "
        "this page.",
    )
    one = path(before, asked.piece, after)
    two = path(after, there, before) if there is not None else None
    panels: tuple[tuple[str, str, Callable[[Path], tuple[float | None, ...]], bool], ...] = (
        ("To its start", "cosine with its own vector at layer 0", lambda way: way.to_start, True),
        ("To its sentence", "cosine with the mean of the text’s pieces there", lambda way: way.to_sentence, True),
        ("Length", "of the vector; no scale is shared between models", lambda way: way.norm, False),
    )
    columns = st.columns(4, gap="medium")
    for column, (title, meaning, pick, cosines) in zip(columns, panels, strict=False):
        lines = [Line("before", pick(one), "before")]
        lines += [Line("after", pick(two), "after")] if two is not None else []
        with column:
            panel(title, meaning, lines, asked, cosines)
    with columns[3]:
        panel(
            "Before against after",
            "cosine of the two vectors at the same layer; only of a model and what was trained from it",
            [Line("pair", one.to_other, "before with after")],
            asked,
        )
    with st.expander("The path in numbers"):
        ways = (one, two)
        rows = []
        for layer in range(max(len(before.layers), len(after.layers))):
            name = next(seen.layers[layer].name for _, seen in asked.sides if layer < len(seen.layers))
            cells = [said(pick(way) if way else None, layer) for _, _, pick, _ in panels for way in ways]
            rows.append((name, *cells, said(one.to_other, layer)))
        table(
            ("layer", *heads("start"), *heads("sentence"), *heads("length"), "● with ◆"),
            rows,
        )


def said(values: tuple[float | None, ...] | None, layer: int) -> str:
    return wording.MISSING if not values or layer >= len(values) else angle(values[layer])


def panel(title: str, meaning: str, lines: list[Line], asked: Asked, cosines: bool = True) -> None:
    """One figure over the layers under its own heading, which wraps where the column is narrow."""
    safe.html(
        '<div class="el-panel"><b>{title}</b><div class="el-quiet">{meaning}</div></div>', title=title, meaning=meaning
    )
    if not any(value is not None for line in lines for value in line.values):
        safe.html('<div class="el-quiet">Not defined here: the layers do not correspond.</div>')
        return
    figure = through_layers(title, meaning, lines, asked.layer, state.theme(), cosines=cosines)
    figure.update_layout(title=None, height=190, margin={"t": 8, "b": 34, "l": 8, "r": 12})
    cards.chart(figure, f"{title}-{asked.layer}-{key(asked)}")


def key(asked: Asked) -> str:
    """Names the widgets of one choice, so that a figure is drawn anew when what it shows is another."""
    digest = sha256(f"{asked.before.text}\n{asked.second}".encode()).hexdigest()[:12]
    return f"{asked.before_source}-{asked.after_source}-{asked.piece}-{digest}"
