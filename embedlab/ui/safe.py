"""The one way by which anything becomes HTML on the screen.

Our own templates are literals; every value put into one is escaped, by the same rules as in the report.
Text of a person (corpus, names, words) may also go to st.text, st.code, st.dataframe and plotly, and nowhere else.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import LiteralString

import streamlit as st
from markupsafe import Markup

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def fragment(template: LiteralString, **values: object) -> Markup:
    """A piece of our own HTML with escaped values in its {places}."""
    return Markup(template).format(**values)  # noqa: S704  # the template is a literal, its values get escaped


def join(pieces: Iterable[Markup]) -> Markup:
    """Pieces made by `fragment`, one after the other."""
    return Markup("").join(pieces)


def html(template: LiteralString, **values: object) -> None:
    """Show a piece of our own HTML with escaped values in its {places}."""
    st.html(str(fragment(template, **values)))


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """UTF-8 CSV that no spreadsheet runs as a formula: text beginning with = + - @ TAB or CR gets an apostrophe."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([_inert(cell) for cell in row])
    return buffer.getvalue().encode("utf-8-sig")


def _inert(cell: object) -> object:
    return "'" + cell if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell
