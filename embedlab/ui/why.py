"""Why did it change? The training rows behind a word, and the words that moved together with others."""

import numpy as np
import pandas as pd
import streamlit as st

from embedlab import wording
from embedlab.comparing.causes import Frequency, Shown, StepMove, Why
from embedlab.comparing.groups import Groups
from embedlab.figures.readings import said_p
from embedlab.lab.athand import Held
from embedlab.types import Comparison
from embedlab.ui import demo, errors, frame, safe, selection, state

AUTO = 600  # changed words up to which the groups are found unasked: seconds
WORDS = 14  # of a group that its row names
LABELS = 6
READ = "why_read"  # the comparison whose missing vectors the person asked to be read, in this visit


# -- one word ----------------------------------------------------------------------------------------------------------


def word(view: frame.Context, chosen: str) -> None:
    """Frequency, steps, and the rows of the training that hold the word or lie nearest to it."""
    if not known_corpus(view.comparison):
        safe.html(
            '<div class="el-quiet">The corpus of this comparison is not in this workspace, so its rows cannot be '
            "shown.</div>"
        )
        return
    read = st.session_state.get(READ) == view.id
    with st.spinner("Looking at what the training showed of the word", show_time=True):
        found = _why(str(state.lab().store.root), view.id, chosen, view.layer, read, view.held)
    for note in found.notes:
        safe.html('<div class="el-quiet">{note}</div>', note=note)
    rows = "training rows" if found.trained else "rows"
    left, middle, right = st.columns([4, 5, 5], gap="medium")
    with left:
        _frequency(found.frequency, rows)
        _steps(found)
    with middle:
        _rows(
            found.containing, f"{rows.capitalize()} that hold it", f"{len(found.containing)} of "
            f"{wording.count(found.frequency.uses, 'use')}" + (", nearest first" if found.nearest else ""),
            "None holds it: what changed it changed it from afar.",
        )  # fmt: skip
    with right:
        if found.nearest is not None:
            _rows(
                found.nearest, f"Nearest {rows} without it", "cosine of the row's text with the word, in the model "
                "before, at this layer", "Every row holds it.",
            )  # fmt: skip
        else:
            _to_read(view, rows)


def _to_read(view: frame.Context, rows: str) -> None:
    safe.html(
        '<div class="el-panel el-low"><b>Nearest {rows} without it</b><div class="el-quiet">The vectors of this '
        "layer are not in this workspace. The model before can read the {rows} now: it takes about as long as an "
        "embedding of the corpus, and is kept.</div></div>",
        rows=rows,
    )

    def ask() -> None:
        st.session_state[READ] = view.id

    st.button(f"Read the {rows} with the model before", key="why_read_now", on_click=ask)


@st.cache_resource(show_spinner=False, max_entries=64)
def _why(root: str, comparison_id: str, chosen: str, layer: int, read: bool, held: Held) -> Why:
    return state.lab().why(comparison_id, chosen, layer, read=read)


def known_corpus(comparison: Comparison) -> bool:
    """Whether the corpus of a comparison is in the workspace: not where two files were compared, or it was deleted."""
    return any(entry.id == comparison.provenance.corpus_id for entry in state.lab().corpora())


def _frequency(seen: Frequency, rows: str) -> None:
    body = safe.join(
        safe.fragment(
            '<tr><td>{label}</td><td class="r">{n}</td><td class="r">{of}</td><td class="r">{share}</td></tr>',
            label=one.label,
            n=wording.count(one.rows),
            of=wording.count(one.of),
            share=wording.percent(one.rows / one.of),
        )
        for one in seen.labels[:LABELS]
    )
    more = len(seen.labels) - LABELS
    safe.html(
        '<div class="el-panel el-low"><b>How often the training showed it</b><div class="el-quiet">{uses} in {rows} of '
        "{of} {what}, {share} of them</div></div>{table}{more}",
        uses=wording.count(seen.uses, "use"),
        rows=wording.count(seen.rows),
        of=wording.count(seen.of),
        what=rows,
        share=wording.percent(seen.share, places=1),
        table=safe.fragment(
            '<table class="el-table el-scores"><tr><th>label</th><th class="r">with it</th><th class="r">of</th>'
            '<th class="r">share</th></tr>{body}</table>',
            body=body,
        )
        if seen.labels
        else "",
        more=safe.fragment('<div class="el-quiet">and {n} more</div>', n=wording.count(more, "label"))
        if more > 0
        else "",
    )


def _steps(found: Why) -> None:
    """When along the run the word moved, where states were kept."""
    if not found.steps:
        return
    said = _first(found)
    body = safe.join(_step_row(one) for one in found.steps)
    safe.html(
        '<div class="el-panel el-low el-gap"><b>When it moved</b><div class="el-quiet">{said}</div></div><table '
        'class="el-table el-scores"><tr><th>step</th><th class="r">change</th>'
        '<th style="padding-left:.7rem">against noise</th><th class="r">drift'
        "</th></tr>{body}</table>",
        said=said,
        body=body,
    )


def _first(found: Why) -> str:
    compared = sum(one.change is not None for one in found.steps)
    if found.first_changed is not None:
        return f"More than noise from step {found.first_changed:,} on, of {wording.count(compared, 'compared step')}."
    if found.half_way is not None:
        return f"Half of its final drift was reached at step {found.half_way:,}."
    return f"At none of {wording.count(compared, 'compared step')} more than noise."


def _step_row(one: StepMove) -> safe.Markup:
    against = {True: "more than noise", False: "within noise", None: "–"}[one.above]
    return safe.fragment(
        '<tr><td>{step}</td><td class="r">{change}</td><td class="w {grey}">{against}</td>'
        '<td class="r">{drift}</td></tr>',
        step=wording.count(one.step),
        change=wording.number(one.change, places=2),
        grey="" if one.above else "el-within",
        against=against,
        drift=wording.number(one.drift, places=3),
    )


def _rows(rows: tuple[Shown, ...], title: str, line: str, empty: str) -> None:
    body = safe.join(
        safe.fragment(
            '<tr><td style="width:3rem">{cosine}</td><td>{text}<small>{tag}row {row}{column}</small></td></tr>',
            cosine=wording.number(one.cosine, places=2),
            text=_marked(one),
            tag=f"{one.sense or one.label} · " if one.sense or one.label else "",
            row=wording.count(one.row),
            column="" if one.column == "text" else f" · its {one.column}",
        )
        for one in rows
    )
    safe.html(
        '<div class="el-panel el-low"><b>{title}</b><div class="el-quiet">{line}</div></div><div class="el-scroll" '
        'style="max-height:330px" tabindex="0" role="group" aria-label="{title}">{table}</div>',
        title=title,
        line=line if rows else empty,
        table=safe.fragment('<table class="el-table"><tr><th>cosine</th><th>text</th></tr>{body}</table>', body=body)
        if rows
        else "",
    )


def _marked(one: Shown) -> safe.Markup:
    left, held, right = wording.in_context(one.text, one.start, one.end, 400)
    if one.end == one.start:
        return safe.fragment("{text}", text=wording.one_line(one.text))
    return safe.fragment("{left}<b>{held}</b>{right}", left=left, held=held, right=right)


# -- groups ------------------------------------------------------------------------------------------------------------


def known_groups(view: frame.Context) -> Groups | None:
    """The groups of the layer where they were found before."""
    return _groups(str(state.lab().store.root), view.id, view.layer) if found_before(view) else None


def found_before(view: frame.Context) -> bool:
    return state.lab().has_groups(view.id, view.layer)


@st.cache_resource(show_spinner=False, max_entries=32)
def _groups(root: str, comparison_id: str, layer: int) -> Groups:
    return state.lab().groups(comparison_id, layer)


def groups(view: frame.Context, selected: selection.Selection) -> None:
    """The groups of the layer as a table; choosing a row makes its words the selection of the page."""
    if not found_before(view) and not _find(view):
        return
    with st.spinner("Dividing the words by how they moved", show_time=True):
        found = _groups(str(state.lab().store.root), view.id, view.layer)
    called = [group for group in found.groups if group.called]
    safe.html(
        '<div class="el-floor" style="min-height:0"><b>{line}</b><div class="el-quiet">{chosen} {rule}</div></div>',
        line=f"{len(called)} of {wording.count(len(found.groups), 'group')} moved together by more than chance"
        if called
        else "No group of words moved together by more than chance",
        chosen=found.chosen,
        rule=_rule(found),
    )
    if found.groups:
        _groups_table(view, found, selected)


def _find(view: frame.Context) -> bool:
    """Whether the groups are to be found now: unasked where that takes seconds, else once the person asks."""
    if view.layer not in view.held.layers:
        safe.html(
            '<div class="el-quiet">Groups are found in the vectors. {why}</div>',
            why=str(state.lab().no_vectors(view.comparison, view.layer)),
        )
        demo.make_here(view.id)
        return False
    changed = int(view.comparison.words.changed(view.layer).sum()) or len(view.comparison.words.words)
    if changed <= AUTO:
        return True
    safe.html(
        '<div class="el-quiet">{n} would be divided at this layer: that may take a minute.</div>',
        n=wording.count(changed, "word"),
    )
    return st.button("Find the groups", key="find_groups")


def _rule(found: Groups) -> str:
    """How they were divided, in two sentences."""
    if not found.groups:
        return ""
    how = (
        f"By the direction in which they moved, into {found.k} (the square root of half their number, at most 16), and "
        "those as alike across as within made one"
    )
    frame_of = "after a common rotation and shift" if found.aligned else "after a common shift"
    return (
        f"{how}, {frame_of} was taken out; p: how often words whose movements share nothing give a group as coherent, "
        f"from {found.nulls:,} such groups; q: corrected over the groups. {wording.count(found.alone, 'word')} in none."
    )


def _groups_table(view: frame.Context, found: Groups, selected: selection.Selection) -> None:
    rows = [
        {
            "group": number,
            "size": len(group.words),
            "words": ", ".join(group.words[:WORDS]) + (", …" if len(group.words) > WORDS else ""),
            "cohesion": group.cohesion,
            "again": np.nan if group.repeated is None else group.repeated,
            "p": said_p(group.p),
            "q": said_p(group.q) + ("" if group.called else ", chance"),
            "towards": ", ".join(group.towards),
            "away": ", ".join(group.away),
            "inside": int(selected.words(view.comparison, view.layer)[_places(view.comparison, group.words)].sum()),
        }
        for number, group in enumerate(found.groups, start=1)
    ]
    table = pd.DataFrame(rows)
    if selected.group is None and not selected.everything:
        table = table[table["inside"] > 0].reset_index(drop=True)
    else:
        table = table.drop(columns="inside")
    key = f"groups-{view.id[:8]}-{view.layer}-{selected.low:.2f}-{selected.high:.2f}"

    @errors.guarded
    def choose() -> None:
        picked = st.session_state[key].selection.rows
        selection.choose_group(int(table["group"].iloc[picked[0]]) if picked else None)

    column = st.column_config
    st.dataframe(
        table, key=key, on_select=choose, selection_mode="single-row", hide_index=True, row_height=30,
        height=min(8, len(table) + 1) * 30 + 12,
        column_config={
            "group": column.NumberColumn("group", width=56),
            "size": column.NumberColumn("words", width=56, help="how many words the group has"),
            "words": column.TextColumn("who", width=380, help="those nearest to the common direction first"),
            "cohesion": column.NumberColumn(
                "cohesion", format="%.2f", width=72,
                help="mean pairwise cosine of the displacements: 1 all moved the same way, 0 unrelated",
            ),
            "again": column.NumberColumn(
                "other seeds", format="%.2f", width=80,
                help="cohesion of the same words in the other seeds of the recipe, which had no part in finding them",
            ),
            "p": column.TextColumn("p", width=56),
            "q": column.TextColumn("q", width=72, help="p corrected over the groups (Benjamini-Hochberg)"),
            "towards": column.TextColumn("moved towards", width=220),
            "away": column.TextColumn("and away from", width=220),
            "inside": column.NumberColumn("selected", help="words of the group within the selected range of change"),
        },
        alt="Groups of words that moved in one direction, with cohesion, p and q; choosing one selects its words",
    )  # fmt: skip


def _places(comparison: Comparison, words: tuple[str, ...]) -> list[int]:
    return [row for row in map(comparison.words.row, words) if row is not None]
