"""The uses of a word in their contexts, tied to the panes: a hover lights, a button selects, selected come first."""

from collections.abc import Callable
from importlib import resources

import numpy as np
import streamlit as st

from embedlab import wording
from embedlab.comparing.wordview import WordMap, WordView
from embedlab.figures.sensepane import sense_order
from embedlab.figures.style import sense_mark
from embedlab.ui import errors, safe

LISTED = 200  # uses shown in their contexts
HEIGHT = 380


def _file(name: str) -> str:
    return resources.files("embedlab").joinpath("templates", name).read_text(encoding="utf-8")


_tie = st.components.v2.component("embedlab_uses", css=_file("uses.css"), js=_file("uses.js"), isolate_styles=False)


def table(
    view: WordView, map_: WordMap | None, selected: frozenset[int], key: str, toggle: Callable[[int], None]
) -> None:
    """Every use in its context, selection first, then by change, those within noise last; at most LISTED."""
    ranked, within = np.nan_to_num(view.change, nan=-1.0), view.within
    order = sorted(
        range(len(view.uses)), key=lambda i: (int(view.ids[i]) not in selected, bool(within[i]), -ranked[i], i)
    )
    senses = sense_order(view.senses)
    trust = {} if map_ is None or map_.agreement is None else dict(
        zip(map_.drawn.tolist(), np.mean(map_.agreement, axis=0).tolist(), strict=True)
    )  # fmt: skip
    rows = safe.join(_row(view, i, int(view.ids[i]) in selected, senses, trust.get(i)) for i in order[:LISTED])
    safe.html(
        '<div class="el-scroll el-uses" style="height:{height}px" tabindex="0" role="region" aria-label="Uses in their '
        'contexts"><table class="el-kwic"><tr><th class="p">select</th><td></td><th class="m">use</th><td></td>'
        '<th class="t">sense</th><th class="n">change</th><th class="n">trust</th></tr>{rows}</table></div>',
        height=HEIGHT,
        rows=rows,
    )
    _tie(
        key=f"{key}-tie", data={"box": f"{key}-box"}, height="content",
        on_picked_change=_taken(f"{key}-tie", view, toggle),
    )  # fmt: skip
    if len(view.uses) > LISTED:
        safe.html(
            '<div class="el-quiet">The first {n} of {of} are listed; the files hold all.</div>',
            n=LISTED,
            of=wording.count(len(view.uses), "use"),
        )


def _taken(key: str, view: WordView, toggle: Callable[[int], None]) -> Callable[[], None]:
    @errors.guarded
    def take() -> None:
        picked = int(st.session_state[key]["picked"]["id"])
        if picked in set(view.ids.tolist()):
            toggle(picked)

    return take


def _row(view: WordView, at: int, lit: bool, senses: list[str], trust: float | None) -> safe.Markup:
    use, id = view.uses[at], int(view.ids[at])
    left, word, right = wording.in_context(use.text, use.start, use.end, 70)
    within = bool(view.within[at])
    return safe.fragment(
        '<tr class="{on}" data-use="{id}"><td class="p"><button type="button" class="el-pick" aria-pressed="{pressed}" '
        'aria-label="{label}">{mark}</button></td><td class="l"><bdi>{left}</bdi></td><td class="m">{word}</td>'
        '<td class="rt">{right}</td><td class="t">{shape} {sense}</td>'
        '<td class="n">{change}<small>{noise}</small></td><td class="n">{trust}</td></tr>',
        on=" ".join(name for name, so in (("on", lit), ("within", within)) if so),
        id=id,
        pressed="true" if lit else "false",
        label=f"{'Deselect' if lit else 'Select'} the use: {wording.trim(left + word + right, 80)}",
        mark="✓" if lit else "+",
        left=left,
        word=word,
        right=right,
        shape=sense_mark(senses.index(use.sense)) if use.sense else "",
        sense=use.sense or "",
        change=wording.number(float(view.change[at]), places=2),
        noise=" within noise" if within else "",
        trust=wording.number(trust, places=2),
    )
