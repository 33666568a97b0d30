"""Words of a comparison: the ranking by change, the chooser, and the uses of one word in context."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st
from jaxtyping import Bool

from embedlab import figures, wording
from embedlab.errors import CorpusError
from embedlab.figures import readings as said
from embedlab.types import Comparison
from embedlab.ui import safe, state

TALL = 432  # px of the ranking
LISTED = 500  # rows of the ranking sent to the browser; the chooser and the report know every word


def ranking(comparison: Comparison, layer: int, within: Bool[np.ndarray, "word"] | None = None) -> pd.DataFrame:
    """Words by falling change at one layer, those above noise first; `within`: only these words.

    `bar` is the change of the words above noise (of all, where the floor is unknown); `against` says it of the others.
    """
    table = comparison.words
    change = table.change[layer].astype(float)
    order = np.array(figures.most_changed(comparison, layer), dtype=np.int64)
    shown = (order if within is None else order[within[order]])[:LISTED]
    stayed = np.array([kept(comparison, layer, row) for row in shown], dtype=np.int64)
    floor = np.full(len(shown), np.nan) if table.noise is None else table.noise[layer, shown].astype(float)
    greyed = within_noise(comparison, layer)[shown]
    written = [wording.number(at, places=2) for at in change[shown]]
    return pd.DataFrame(
        {
            "word": [table.words[i] for i in shown],
            "bar": np.where(greyed, np.nan, change[shown]),
            "against": [
                f"within noise, {at}" if grey else "above noise" if np.isfinite(noise) else "noise unknown"
                for at, grey, noise in zip(written, greyed, floor, strict=True)
            ],
            "noise": floor,
            "kept": stayed,
            "lost": table.k - stayed,
            "uses": table.counts[shown],
            "drift": table.drift[layer, shown].astype(float),
        }
    )


def within_noise(comparison: Comparison, layer: int) -> Bool[np.ndarray, "word"]:
    """Which words changed by no more than noise at a layer; none where the floor is unknown."""
    table = comparison.words
    if table.noise is None:
        return np.zeros(len(table.words), dtype=bool)
    return np.isfinite(table.noise[layer]) & ~table.changed(layer)


def against_noise(comparison: Comparison, layer: int, row: int) -> str:
    """`, more than its noise of .39 (q .014)`, or within it, or above it by chance at most, or that it is unknown."""
    table = comparison.words
    if table.noise is None or table.q is None or not np.isfinite(table.noise[layer, row]):
        return ", noise unknown"
    floor = wording.number(float(table.noise[layer, row]), places=2)
    q = said.said_p(float(table.q[layer, row]))
    if table.changed(layer)[row]:
        return f", more than its noise of {floor} (q {q})"
    if table.change[layer, row] <= table.noise[layer, row]:
        return f", within its noise of {floor} (q {q})"
    return f", above its noise of {floor}, yet no evidence among so many words (q {q})"


def floor_line(comparison: Comparison, layer: int) -> None:
    """How many words changed by more than noise, and against what noise was measured."""
    table = comparison.words
    above, of = int(table.changed(layer).sum()), wording.count(len(table.words), "word")
    known = table.noise is not None and bool(np.isfinite(table.noise[layer]).any())
    safe.html(
        '<div class="el-floor"><b>{line}</b><div class="el-quiet">{noise}</div></div>',
        line=f"{above:,} of {of} changed by more than noise" if known else f"The noise floor of these {of} is unknown",
        noise=comparison.noise.line,
    )


def kept(comparison: Comparison, layer: int, row: int) -> int:
    """How many of the nearest words of a word stayed among them."""
    table = comparison.words
    return len(np.intersect1d(table.neighbours_before[layer, row], table.neighbours_after[layer, row]))


def ranked_table(comparison: Comparison, layer: int, within: Bool[np.ndarray, "word"], key: str) -> None:
    """The ranking of the words `within`; choosing a row chooses the word for the whole page."""
    frame = ranking(comparison, layer, within)

    def choose() -> None:
        rows = st.session_state[key].selection.rows
        if rows:
            st.session_state["word"] = str(frame["word"].iloc[rows[0]])
            st.session_state.pop("near", None)

    k = comparison.words.k
    grey = figures.palette(state.theme()).quiet
    colours = [f"color: {grey}" if at.startswith("within") else "" for at in frame["against"]]
    st.dataframe(
        frame.style.apply(lambda _column: colours, axis=0),
        key=key,
        on_select=choose,
        selection_mode="single-row",
        hide_index=True,
        height=TALL,
        row_height=30,
        column_config={
            "word": st.column_config.TextColumn("word", width=84),
            "bar": st.column_config.ProgressColumn(
                "change",
                width=76,
                format="%.2f",
                min_value=0.0,
                max_value=1.0,
                help="1 - Jaccard of the nearest words before and after; no bar where it is within noise",
            ),
            "against": st.column_config.TextColumn(
                "against noise", width=124, help="more than noise: above the floor of the word, and q at most .05"
            ),
            "noise": st.column_config.NumberColumn(
                "noise",
                format="%.2f",
                width=52,
                help="the change of this word that two seeds, or two halves, would show",
            ),
            "kept": st.column_config.NumberColumn("kept", width=44, help="nearest words that stayed"),
            "lost": st.column_config.NumberColumn("lost", width=44, help="nearest words that went; as many came"),
            "uses": st.column_config.NumberColumn("uses", width=48, help="uses in the corpus"),
            "drift": st.column_config.NumberColumn(
                "drift", format="%.3f", width=52, help="1 - cosine of the word before and after"
            ),
        },
        alt=f"Words ranked by how many of their {k} nearest words changed, those above noise first",
    )
    if int(within.sum()) > LISTED:
        safe.html(
            '<div class="el-quiet">At most {n} words are listed; the chooser knows all {of}.</div>',
            n=f"{LISTED:,}",
            of=wording.count(int(within.sum())),
        )


def chooser(options: Sequence[str], first: str) -> str:
    """The word of the page, in the address bar as word=."""
    if st.session_state.get("word") not in (None, *options):
        del st.session_state["word"]
    chosen = st.selectbox("Word", options, index=options.index(first), key="word", bind="query-params")
    return first if chosen is None else str(chosen)


def target_words(comparison: Comparison) -> list[str]:
    """Words whose uses were read one by one, in the order of the corpus."""
    return list(dict.fromkeys(use.word for use in comparison.uses.occurrences if use.word is not None))


def contexts(corpus_id: str, word: str, limit: int = 8) -> None:
    """The first uses of a word in the corpus, keyword in context."""
    try:
        lines = state.lab().concordance(corpus_id, word, width=90)
    except CorpusError as error:  # a word of files that were compared, say, is in no text
        safe.html('<div class="el-quiet">{said}</div>', said=str(error))
        return
    kwic(Use(line.left, line.surface, line.right, line.sense or line.label or "") for line in lines[:limit])
    safe.html(
        '<div class="el-quiet">{n} of {total}</div>', n=min(limit, len(lines)), total=wording.count(len(lines), "use")
    )


@dataclass(frozen=True)
class Use:
    """One line of a concordance; `number` is whatever the page ranks by, already written; `within`: within noise."""

    left: str
    surface: str
    right: str
    tag: str = ""
    number: str = ""
    lit: bool = False
    within: bool = False


def kwic(lines: Iterable[Use], height: int | None = None, head: tuple[str, str] | None = None) -> None:
    """Keyword in context. `head` names the columns of the tag and of the number; without it no numbers are shown."""
    cells = safe.fragment(
        '<td class="t">{{tag}}</td>'
        if head is None
        else '<td class="t">{{tag}}</td><td class="n">{{number}}<small>{{within}}</small></td>'
    )
    rows = safe.join(
        safe.fragment(
            '<tr class="{on}"><td class="l"><bdi>{left}</bdi></td><td class="m">{word}</td><td '
            'class="rt">{right}</td>{cells}</tr>',
            on=" ".join(name for name, so in (("on", line.lit), ("within", line.within)) if so),
            left=line.left,
            word=line.surface,
            right=line.right,
            cells=cells.format(tag=line.tag, number=line.number, within=" within noise" if line.within else ""),
        )
        for line in lines
    )
    names = (
        safe.fragment(
            '<tr><td></td><td></td><td></td><th class="t">{t}</th><th class="n">{n}</th></tr>', t=head[0], n=head[1]
        )
        if head
        else ""
    )
    safe.html(
        '<div class="el-scroll" style="max-height:{height}" tabindex="0" role="group" aria-label="Uses in context">'
        '<table class="el-kwic">{names}{rows}</table></div>',
        names=names,
        rows=rows,
        height=f"{height}px" if height else "none",
    )
