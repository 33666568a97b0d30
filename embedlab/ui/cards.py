"""Figures on a page: only looked at, or clicked on, in the type of the page around them."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Literal

import plotly.graph_objects as go
import streamlit as st

from embedlab import figures

QUIET = {"displayModeBar": False}
# as in .streamlit/config.toml
FONT = '"Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, system-ui, sans-serif'


def dressed(figure: go.Figure) -> go.Figure:
    """The figure in the type of the page around it."""
    if figure.layout.font.family != FONT:
        figure.update_layout(font_family=FONT, hoverlabel_font_family=FONT)
    return figure


@st.cache_resource(show_spinner=False, max_entries=128)
def kept(key: tuple[Hashable, ...], _make: Callable[[], go.Figure]) -> go.Figure:
    """The figure that `key` names in full, theme included, made once: every script run draws a page anew. Not to be
    changed."""
    return dressed(_make())


def chart(figure: go.Figure, key: str) -> None:
    """A figure that is only looked at."""
    st.plotly_chart(dressed(figure), key=key, theme=None, config=QUIET, alt=figures.alt_text(figure))


def clickable(figure: go.Figure, key: str, on_select: Callable[[], None] | Literal["rerun"]) -> Mapping[str, Any]:
    """A figure whose points can be clicked; returns the event, as st.plotly_chart does."""
    event: Mapping[str, Any] = st.plotly_chart(
        dressed(figure),
        key=key,
        theme=None,
        on_select=on_select,
        selection_mode="points",
        config=QUIET,
        alt=figures.alt_text(figure),
    )
    return event


def custom(point: Mapping[str, Any]) -> Any:
    """The first of a clicked point's customdata, which plotly hands over as a value or as a list."""
    data = point["customdata"]
    return data[0] if isinstance(data, list) else data
