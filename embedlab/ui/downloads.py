"""A comparison as files, made once for a plan and kept while the process lives."""

import streamlit as st

from embedlab.lab import ReportFormat
from embedlab.report import Plan
from embedlab.ui import state


def report(comparison_id: str, format: ReportFormat, plan: Plan) -> bytes:
    """One file of a comparison; where it is not at hand, a line says that it is being written."""
    return _report(str(state.lab().store.root), comparison_id, format, plan, has_map(comparison_id, plan))


def preview(comparison_id: str, plan: Plan) -> str:
    """The document as it will read, in the theme of the person."""
    root = str(state.lab().store.root)
    return _preview(root, comparison_id, plan, state.theme(), has_map(comparison_id, plan))


def has_map(comparison_id: str, plan: Plan) -> bool:
    """Whether the map of all words was drawn: the document changes when it is."""
    return state.lab().kept_overview(comparison_id, "words", plan.layer) is not None


@st.cache_data(show_spinner="Writing the document", max_entries=12)
def _preview(root: str, comparison_id: str, plan: Plan, theme: state.Theme, drawn: bool) -> str:
    return state.lab().report_preview(comparison_id, plan, theme).decode()


@st.cache_data(show_spinner="Writing the report", max_entries=12)
def _report(root: str, comparison_id: str, format: ReportFormat, plan: Plan, drawn: bool) -> bytes:
    return state.lab().report(comparison_id, format, plan)
