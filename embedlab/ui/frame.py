"""The frame of every page: the question, the row that says what is looked at, the foot that says where it came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString
from urllib.parse import urlencode

import streamlit as st

from embedlab.lab.athand import Held
from embedlab.store import Entry
from embedlab.types import Comparison
from embedlab.ui import asking, jobs, models, safe, state

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Context:
    """What a page looks at: one comparison at one layer, and which of its vectors are at hand."""

    entry: Entry
    comparison: Comparison
    layer: int
    held: Held

    @property
    def id(self) -> str:
        return self.entry.id


def title(question: LiteralString, line: LiteralString) -> None:
    """The question of the page, and under it one line about how it is answered."""
    st.title(question, anchor=False)
    safe.html('<div class="el-quiet">{line}</div>', line=line)


def head(question: LiteralString, line: LiteralString) -> None:
    """`title` for the pages that show a comparison, with what can be done about it at the right."""
    left, right = st.columns([7, 3])
    with left:
        title(question, line)
    with right, st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        with st.popover("New comparison", width="content"):
            asking.form()
        with st.popover("Link", width="content"):
            st.caption("This view, as a link: comparison, layer, word and selection.")
            st.code(f"{st.context.url or ''}?{urlencode(st.query_params.to_dict())}", language=None)
    jobs.follow()


def label(entry: Entry) -> str:
    """A comparison in one line: before → after · corpus."""
    summary = entry.summary
    before, after = (models.short(str(summary[side])) for side in ("before", "after"))
    return f"{before} → {after}  ·  {summary['corpus_name']}"


def context(*, layers: bool = True) -> Context | None:
    """Draw the row of every page: which comparison, which layer (where a page has one). None where nothing is compared.

    Both are in the address bar.
    """
    entries = state.lab().comparisons()
    if not entries:
        return None
    by_id = {entry.id: entry for entry in entries}
    from_link("c", "comparison", by_id)
    left, right = st.columns([13, 8], vertical_alignment="bottom")
    with left:
        chosen = st.selectbox(
            "Before → after",
            list(by_id),
            format_func=lambda id: label(by_id[id]),
            key="comparison",
            persist_state="session",
        )
    st.query_params["c"] = chosen
    comparison = state.comparison(chosen)
    with right:
        layer = layer_strip(len(comparison.layers)) if layers else len(comparison.layers) - 1
    held = state.lab().held(chosen)
    if chosen == state.lab().shipped:
        safe.html(
            '<div class="el-quiet">This comparison came with EmbedLab: made beforehand on the bundled corpus by '
            "<code>python -m embedlab demo</code>, which makes it anew here, with the tuned model, in minutes.{half}"
            "</div>",
            half=half_said(held),
        )
    return Context(by_id[chosen], comparison, layer, held)


def half_said(held: Held) -> str:
    """What of the vectors came along, where these are in half precision; else nothing."""
    if not held.half:
        return ""
    layers = " and ".join(map(str, held.layers))
    return (
        f" Of its vectors those of layer {layers} came along, in half precision (float16): true distances, clusters "
        "and searches rest on them, readings and maps on full precision."
    )


def from_link(name: LiteralString, key: LiteralString, known: Mapping[str, object]) -> None:
    """A link opens what it names: on the first run of a visit the address bar decides what the widget `key` holds.

    For choices whose label is not their id: a bound selectbox would write its label. The page writes the id back.
    """
    linked = st.query_params.get(name)
    if linked in known and key not in st.session_state:
        st.session_state[key] = linked
    if st.session_state.get(key) not in known:
        st.session_state.pop(key, None)


def layer_strip(count: int) -> int:
    """The layer all views of the page are at; the last one unless the person or the link says otherwise."""
    layers = list(range(count))
    if "layer" in st.session_state and st.session_state["layer"] not in layers:
        del st.session_state["layer"]
    chosen = st.segmented_control(
        "Layer (0 = embeddings)",
        layers,
        default=layers[-1],
        required=True,
        key="layer",
        bind="query-params",
        format_func=str,
    )
    return layers[-1] if chosen is None else int(chosen)


def foot(command: str, facts: Mapping[str, object], measured: Sequence[tuple[str, str]]) -> None:
    """How to get this page again, from what, and how its numbers are made (`measured`: name and definition)."""
    safe.html('<div class="el-foot"></div>')
    with st.expander("Equivalent command, provenance, and how this is measured"):
        left, right = st.columns(2)
        with left:
            st.caption("The same on the command line")
            st.code(command, language="bash")
            st.caption("Provenance")
            rows = (
                safe.fragment("<tr><td>{k}</td><td class='r'>{v}</td></tr>", k=key, v=str(value))
                for key, value in facts.items()
            )
            safe.html('<table class="el-table">{rows}</table>', rows=safe.join(rows))
        with right:
            st.caption("How is this measured?")
            terms = (safe.fragment("<p><b>{n}</b> {d}</p>", n=name, d=definition) for name, definition in measured)
            safe.html('<div class="el-quiet">{terms}</div>', terms=safe.join(terms))


def measured() -> None:
    """The way to the page that says how every number is made."""
    st.page_link(page("method"), label="How is this measured? Formula, null, interval, limits and source of each")


def provenance(comparison: Comparison) -> dict[str, object]:
    """What the foot shows of a comparison."""
    p = comparison.provenance
    return {
        "Corpus": p.corpus_name,
        "Corpus hash": p.corpus_id[:16],
        "Weights before": p.before_fingerprint[:16],
        "Weights after": p.after_fingerprint[:16],
        "Neighbours k": p.k,
        "Words counted from": f"{p.min_count} uses",
        "Seed": p.seed,
        "Made": p.created,
        "Vectors at hand": _at_hand(state.lab().held(comparison.id)),
        **{f"{name} (version)": version for name, version in p.versions.items()},
        **{key.replace("_", " "): value for key, value in p.coverage.items()},
    }


def _at_hand(held: Held) -> str:
    if not held:
        return "none"
    which = "every layer" if held.whole else "layer " + ", ".join(map(str, held.layers))
    return f"{which}, {'half precision (float16)' if held.half else 'as read'}"


def page(name: LiteralString) -> str:
    """The absolute path of a page's script, as st.switch_page and st.page_link want it."""
    return str(ROOT / "pages" / f"{name}.py")


def empty(heading: LiteralString, line: LiteralString) -> None:
    """An empty state: what will be here. The caller puts the one button that gets it below."""
    safe.html('<div class="el-empty"><b>{heading}</b>{line}</div>', heading=heading, line=line)
