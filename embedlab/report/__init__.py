"""A comparison to take away: a page, a paper, a notebook, tables, single figures, and what two of them differ by.

What needs plotly or typst is imported when it is asked for, not with the package.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from embedlab.report.plan import EVERYTHING, FIGURES, SECTIONS, FigureName, Plan, Section
from embedlab.report.tables import as_json, csv_bytes, guarded, parquet_bytes, tables

if TYPE_CHECKING:
    from embedlab.figures.style import Theme
    from embedlab.report.gallery import Shelf

__all__ = [
    "EVERYTHING",
    "FIGURES",
    "SECTIONS",
    "DrawingFormat",
    "FigureName",
    "Plan",
    "Section",
    "as_json",
    "csv_bytes",
    "figure_file",
    "guarded",
    "html",
    "parquet_bytes",
    "pdf",
    "tables",
]

DrawingFormat = Literal["svg", "png"]


def html(shelf: "Shelf", plan: Plan = EVERYTHING, texts: Sequence[str] = (), *, still: "Theme | None" = None) -> bytes:
    """The report as one offline file. `texts`: the corpus, for a real use of every neighbour. Raises UserError.

    `still`: without scripts, its figures as drawings in this theme.
    """
    from embedlab.report import content, document

    return document.html(content.gather(shelf, plan, texts), still)


def pdf(shelf: "Shelf", plan: Plan = EVERYTHING, texts: Sequence[str] = ()) -> bytes:
    """The report on paper: tagged, the readings of one layer unless more are named. Raises UserError."""
    from embedlab.report import content, paper

    last = len(shelf.comparison.layers) - 1
    short = replace(plan, layers=(last if plan.layer is None else plan.layer,)) if plan.layers is None else plan
    return paper.pdf(content.gather(shelf, short, texts, "pdf"))


def figure_file(
    shelf: "Shelf",
    name: FigureName,
    layer: int,
    word: str | None = None,
    *,
    theme: "Theme" = "light",
    format: DrawingFormat = "svg",
) -> bytes:
    """One figure of the report as a file. Raises UserError."""
    from embedlab.report import gallery, paper
    from embedlab.report.drawing import draw

    drawn = draw(gallery.figure(shelf, name, layer, word, theme), theme=theme, ground=True).encode()
    return drawn if format == "svg" else paper.png(drawn)
