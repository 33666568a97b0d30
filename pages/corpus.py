"""Corpus: what the model reads. Drop a file, see it as it will be read, fix the columns, keep it; then look into it."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import streamlit as st

from embedlab import wording
from embedlab.corpus import Columns, Preview
from embedlab.store import Entry
from embedlab.ui import errors, frame, safe, state, uploads, words

FORMATS = ["txt", "csv", "tsv", "jsonl", "parquet", "gz", "zip"]
FIELDS = {
    "text": "Text",
    "label": "Label",
    "pair": "Related text",
    "negative": "Hard negative",
    "score": "Score of the pair",
    "target": "Target word",
    "start": "Span: start",
    "end": "Span: end",
    "token_index": "Span: token number",
    "sense": "Sense",
    "split": "Split (train, test)",
}
# what is chosen in the open, as the guess is of words in context or of pairs of texts; the rest waits in a popover
MAIN = ("text", "label", "sense", "target", "pair")
PAIRED = ("text", "pair", "negative", "score", "label")
NOTHING = "–"
LISTED_USES, LISTED_ROWS = 500, 1000  # sent to the browser; the page says of how many


@errors.guarded
def page() -> None:
    frame.title(
        "What should the model read?",
        "A text file or a table of sentences. Labels, related sentences (with hard negatives or scores) and marked "
        "words with senses are what a model can learn from, and so is plain text.",
    )
    bring = st.session_state.get("_adding", not state.lab().corpora())
    entries = state.lab().corpora()
    if bring:
        add(bool(entries))
    else:
        look(entries)
    frame.foot(
        st.session_state.get("_corpus_command", "python -m embedlab corpus list"),
        {"Corpora": len(entries)},
        (
            ("Rows in = rows kept + rows refused", "every refused row is counted and listed with its reason."),
            (
                "Corpus hash",
                "sha256 of the content: the same rows always have the same id, whatever the file was called.",
            ),
            ("Held out", "a quarter of every sense or label, chosen by the hash of the text; training never sees it."),
        ),
    )


def add(has_others: bool) -> None:
    """From a file to a corpus: drop, look, fix, keep."""
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        dropped = st.file_uploader(
            "Drop a file: txt, csv, tsv, jsonl, parquet, or gz and zip of these, up to 500 MB",
            type=FORMATS,
            key="dropped",
        )
    with right:
        typed = st.text_input(
            "or name a file on this machine (no copy, no limit of the browser)",
            key="typed",
            placeholder="/data/sentences.csv",
        ).strip()
        if has_others and st.button("Back to the corpora"):
            st.session_state["_adding"] = False
            st.rerun()
    source, name = uploads.source(dropped, typed)
    if source is None:
        frame.empty(
            "Nothing to read yet",
            "You will see the first twenty rows exactly as they will be read, before anything is kept.",
        )
        return
    with st.spinner("Reading the first rows"):
        preview = uploads.preview(source, name)
    columns = choose_columns(preview)
    safe.html('<div class="el-quiet">{line}</div>', line=uploads.allowed(columns))
    show_rows(preview, columns)
    keep(source, name, columns)


def choose_columns(preview: Preview) -> Columns:
    """Which column is what; prefilled with the guess."""
    safe.html(
        '<div class="el-quiet">{name} · read as <b>{format}</b>, encoding <b>{encoding}</b> · {n} · change what was '
        "guessed wrong</div>",
        name=preview.name,
        format=preview.format,
        encoding=preview.encoding,
        n=wording.count(len(preview.columns), "column"),
    )
    offered = [NOTHING, *preview.columns]
    guess = preview.guess
    chosen: dict[str, str | None] = {}

    def choose(field: str) -> None:
        before = getattr(guess, field)
        options = list(preview.columns) if field == "text" else offered
        value = st.selectbox(
            FIELDS[field],
            options,
            index=options.index(before) if before in options else 0,
            key=f"column-{field}-{preview.name}",
        )
        chosen[field] = None if value == NOTHING else value

    is_of_pairs = guess.pair is not None or guess.negative is not None
    main = PAIRED if is_of_pairs and guess.target is None and guess.sense is None else MAIN
    for column, field in zip(st.columns(len(main) + 1, vertical_alignment="bottom"), (*main, None), strict=True):
        with column:
            if field is not None:
                choose(field)
                continue
            with st.popover("More columns", width="stretch"):
                for other in FIELDS:
                    if other not in main:
                        choose(other)
    return replace(guess, **chosen)


def show_rows(preview: Preview, columns: Columns) -> None:
    """The first twenty rows, each column under what it will be."""
    meaning = {getattr(columns, field): FIELDS[field] for field in FIELDS if getattr(columns, field) is not None}
    frame_ = pd.DataFrame(list(preview.rows), columns=list(preview.columns), dtype=object)
    st.dataframe(
        frame_,
        hide_index=True,
        height=330,
        row_height=30,
        column_config={
            name: st.column_config.TextColumn(
                f"{name} → {meaning[name]}" if name in meaning else name,
                width="large" if name == columns.text else None,
            )
            for name in preview.columns
        },
        alt="The first rows of the file as they will be read",
    )


def keep(source: Path, name: str, columns: Columns) -> None:
    """Read everything and keep it; then show it."""
    if not st.button("Keep this corpus", type="primary"):
        return
    with st.spinner("Reading every row"):
        added = state.lab().add_corpus(source, columns, name)
    chosen = {field: getattr(columns, field) for field in FIELDS if getattr(columns, field) is not None}
    options = [part for field, column in chosen.items() for part in (f"--{field.replace('_', '-')}", column)]
    st.session_state["_corpus_command"] = shlex.join(["python", "-m", "embedlab", "corpus", "add", name, *options])
    st.session_state["_adding"] = False
    st.session_state["corpus_shown"] = added.id
    uploads.forget()
    st.rerun()


def look(entries: list[Entry]) -> None:
    """The corpora, and one of them: counts, senses, words, every use of a word."""
    by_id = {entry.id: entry for entry in entries}
    frame.from_link("corpus", "corpus_shown", by_id)
    left, middle, right = st.columns([5, 2, 2], vertical_alignment="bottom")
    with left:
        id = st.selectbox(
            "Corpus", list(by_id), format_func=lambda id: by_id[id].name, key="corpus_shown", persist_state="session"
        )
    st.query_params["corpus"] = id
    with middle:
        if st.button("Add another file", width="stretch"):
            st.session_state["_adding"] = True
            st.rerun()
    with right:
        if st.button("Fine-tune on it", type="primary", width="stretch"):
            st.session_state["tune_corpus"] = id
            st.switch_page(frame.page("finetune"))
    counts(by_id[id])
    allows(id)
    details(id)


def counts(entry: Entry) -> None:
    """What there is, in numbers."""
    corpus = state.corpus(entry.id)
    refused = len(state.lab().refusals(entry.id))
    senses = {
        (target.word, target.sense)
        for target in corpus.targets or ()
        if target is not None and target.sense is not None
    }
    labels = {label for label in corpus.labels or () if label is not None}
    facts = (
        ("rows kept", len(corpus)),
        ("rows refused", refused),
        ("labels", len(labels)),
        ("related pairs", sum(pair is not None for pair in corpus.pairs or ())),
        ("hard negatives", sum(negative is not None for negative in corpus.negatives or ())),
        ("scores", sum(score is not None for score in corpus.scores or ())),
        ("marked words", len({target.word for target in corpus.targets or () if target is not None})),
        ("senses", len(senses)),
    )
    safe.html(
        '<div class="el-card"><div class="el-facts">{facts}</div></div>',
        facts=safe.join(
            safe.fragment("<div><b>{n}</b><span>{what}</span></div>", n=f"{n:,}", what=what) for what, n in facts
        ),
    )


def allows(id: str) -> None:
    """What a model can learn from it, and why not the rest."""
    choices = state.objectives(id)
    usable, older = (
        [choice.name for choice in choices if choice.usable and choice.fits(None) == now] for now in (True, False)
    )
    safe.html(
        '<div class="el-quiet">A model can learn from it: <b>{names}</b></div>'
        '<div class="el-quiet">Models of the lineage alone: {older}</div>',
        names=", ".join(usable) or "nothing",
        older=", ".join(older) or "nothing",
    )
    with st.popover("Why not the others?", disabled=len(usable) + len(older) == len(choices)):
        safe.html(
            "<ul>{reasons}</ul>",
            reasons=safe.join(
                safe.fragment("<li><b>{name}</b>: {why}</li>", name=choice.name, why=choice.why_not)
                for choice in choices
                if not choice.usable
            ),
        )


def details(id: str) -> None:
    """Three views of one corpus."""
    uses, sense_tab, refused_tab, rows_tab = st.tabs(["Words in context", "Senses", "Refused rows", "Rows"])
    with uses:
        concordance(id)
    corpus = state.corpus(id)
    with sense_tab:
        table = pd.DataFrame(
            [(t.word, t.sense or NOTHING) for t in corpus.targets or () if t is not None], columns=["word", "sense"]
        )
        if table.empty:
            frame.empty(
                "No word is marked in this corpus", "A target column, or a span, marks the word a row is about."
            )
        else:
            counted = table.value_counts(sort=False).rename("uses").reset_index()
            counted = counted.sort_values(["word", "uses", "sense"], ascending=[True, False, True])
            st.dataframe(counted, hide_index=True, height=330, row_height=30)
    with refused_tab:
        refused = state.lab().refusals(id)
        if refused:
            st.dataframe(
                pd.DataFrame([(r.row, r.reason) for r in refused], columns=["row", "why it was refused"]),
                hide_index=True,
                height=330,
            )
        else:
            frame.empty("No row was refused", "Every row of the file is in the corpus.")
    with rows_tab:
        if len(corpus) > LISTED_ROWS:
            safe.html(
                '<div class="el-quiet">The first {n} of {of}.</div>',
                n=wording.count(LISTED_ROWS),
                of=wording.count(len(corpus), "row"),
            )
        st.dataframe(rows_frame(id), hide_index=True, height=330, row_height=30)


def rows_frame(id: str, limit: int = LISTED_ROWS) -> pd.DataFrame:
    """The first rows of a corpus, with the columns it has."""
    corpus = state.corpus(id)
    given: dict[str, Sequence[str | float | None] | None] = {
        "text": corpus.texts, "label": corpus.labels, "related text": corpus.pairs, "hard negative": corpus.negatives,
        "score": corpus.scores, "split": corpus.splits,
    }  # fmt: skip
    columns = {name: list(values[:limit]) for name, values in given.items() if values is not None}
    if corpus.targets is not None:
        columns["word"] = [None if t is None else t.word for t in corpus.targets[:limit]]
        columns["sense"] = [None if t is None else t.sense for t in corpus.targets[:limit]]
    return pd.DataFrame(columns)


def concordance(id: str) -> None:
    """Every use of any word, keyword in context."""
    corpus = state.corpus(id)
    marked = next((t.word for t in corpus.targets or () if t is not None), "")
    word = st.text_input("Any word of the corpus", value=marked, key=f"concordance-{id[:8]}", width=320).strip()
    if not word:
        frame.empty("Type a word", "Every use of it will be listed with what stands left and right of it.")
        return
    lines = state.lab().concordance(id, word, width=70)
    listed = lines[:LISTED_USES]
    safe.html(
        '<div class="el-quiet">{n}{first}</div>',
        n=wording.count(len(lines), "use"),
        first=f", the first {len(listed)} listed" if len(listed) < len(lines) else "",
    )
    words.kwic(
        (words.Use(line.left, line.surface, line.right, line.sense or line.label or "") for line in listed),
        height=420,
    )


page()
