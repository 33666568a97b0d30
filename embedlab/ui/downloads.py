"""A comparison as files, made once and kept while the process lives."""

from collections.abc import Iterator

import streamlit as st

from embedlab.lab import ReportFormat
from embedlab.types import Comparison
from embedlab.ui import safe, state


def report(comparison_id: str, format: ReportFormat) -> bytes:
    return _report(str(state.lab().store.root), comparison_id, format)


@st.cache_data(show_spinner="Writing the report", max_entries=8)
def _report(root: str, comparison_id: str, format: ReportFormat) -> bytes:
    return state.lab().report(comparison_id, format)


HEADER = ("layer", "word", "uses", "change", "drift")


def word_rows(comparison: Comparison) -> Iterator[tuple[str, str, int, float, float]]:
    """(layer, word, uses, change, drift) of every word at every layer."""
    table = comparison.words
    for number, layer in enumerate(comparison.layer_names):
        for row, word in enumerate(table.words):
            yield layer, word, int(table.counts[row]), float(table.change[number, row]), float(table.drift[number, row])


def words_csv(comparison: Comparison) -> bytes:
    return safe.csv_bytes(HEADER, word_rows(comparison))
