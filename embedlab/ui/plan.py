"""The plan of a run on the screen: the timeline with its table beside it, and the recipe as a file."""

import streamlit as st

from embedlab import figures
from embedlab.training import plans
from embedlab.types import RunConfig
from embedlab.ui import cards, safe, state


def depth(source: str) -> int:
    return _depth(str(state.lab().store.root), source)


@st.cache_data(show_spinner=False, ttl=60)
def _depth(root: str, source: str) -> int:
    return state.lab().depth(source)


def timeline(config: RunConfig, key: str) -> None:
    """Which group trains when at which rate: the figure, and the same as a table."""
    groups = plans.groups(depth(config.encoder.source), config)
    spans = state.lab().timeline(config)
    left, right = st.columns([7, 4], gap="medium")
    with left:
        cards.chart(figures.timeline(config, spans, groups, state.theme()), f"timeline-{key}")
    with right:
        rows = safe.join(
            safe.fragment(
                "<tr><td class='el-num'>{steps}</td><td>{group}</td><td>{goal}</td><td class='r'>{rate}</td></tr>",
                steps=steps,
                group=group,
                rate=rate,
                goal=goal,
            )
            for steps, group, rate, goal in figures.timeline_rows(spans)
        )
        frozen = [group for group in groups if group not in {span.group for span in spans}]
        safe.html(
            '<div class="el-scroll" tabindex="0" role="group" aria-label="Table"'
            ' style="max-height: 26rem"><table class="el-table"><tr><th>steps</th><th>trains</th>'
            '<th>for</th><th class="r">rate: first → peak → last</th></tr>{rows}</table></div>'
            '<div class="el-quiet">{frozen}</div>',
            rows=rows,
            frozen=f"Never trained, the same to the bit: {', '.join(frozen)}." if frozen else "",
        )


def as_file(config: RunConfig, name: str) -> None:
    """The recipe as YAML, shown and to be downloaded."""
    text = state.lab().recipe_text(config)
    st.code(text, language="yaml")
    st.download_button("Download the recipe", text, file_name=name, mime="application/yaml", on_click="ignore")
