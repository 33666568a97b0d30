"""A comparison as files, made once and kept while the process lives."""

from collections.abc import Iterator

import numpy as np
import streamlit as st
from jaxtyping import Float32

from embedlab.lab import ReportFormat
from embedlab.types import Comparison
from embedlab.ui import safe, state


def report(comparison_id: str, format: ReportFormat) -> bytes:
    return _report(str(state.lab().store.root), comparison_id, format)


@st.cache_data(show_spinner="Writing the report", max_entries=8)
def _report(root: str, comparison_id: str, format: ReportFormat) -> bytes:
    return state.lab().report(comparison_id, format)


HEADER = ("layer", "word", "uses", "change", "noise", "q", "more_than_noise", "drift")


def word_rows(comparison: Comparison) -> Iterator[tuple[object, ...]]:
    """A row as HEADER says of every word at every layer; noise and q are empty where they are unknown."""
    table = comparison.words
    for number, layer in enumerate(comparison.layer_names):
        above = table.changed(number)
        for row, word in enumerate(table.words):
            floor, q = (_known(array, number, row) for array in (table.noise, table.q))
            change, drift = float(table.change[number, row]), float(table.drift[number, row])
            more = "" if floor == "" else bool(above[row])
            yield layer, word, int(table.counts[row]), change, floor, q, more, drift


def _known(array: Float32[np.ndarray, "layer word"] | None, layer: int, row: int) -> float | str:
    return "" if array is None or not np.isfinite(array[layer, row]) else float(array[layer, row])


def words_csv(comparison: Comparison) -> bytes:
    return safe.csv_bytes(HEADER, word_rows(comparison))
