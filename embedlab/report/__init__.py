"""A comparison to take away: one offline HTML file, the same numbers as JSON, tables for CSV and parquet."""

from collections.abc import Iterable, Sequence

from embedlab.report.tables import as_json, guarded, tables, to_csv, to_parquet
from embedlab.types import Comparison, LinkedMap

__all__ = ["as_json", "guarded", "html", "tables", "to_csv", "to_parquet"]


def html(
    comparison: Comparison,
    maps: Iterable[LinkedMap] = (),
    *,
    texts: Sequence[str] | None = None,
    words: Sequence[str] | None = None,
    layer: int | None = None,
) -> bytes:
    """The whole report as one offline file: see `document.html`. Plotly is imported here, not with the package."""
    from embedlab.report import document

    return document.html(comparison, maps, texts=texts, words=words, layer=layer)
