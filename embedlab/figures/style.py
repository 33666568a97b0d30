"""The look of every figure: the colour tokens, one plotly template a theme, and the marks that stand beside colour.

Text that people wrote reaches plotly only through `escape`: titles, hover and tick labels read a small subset of HTML.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import plotly.graph_objects as go

from embedlab.wording import trim

Theme = Literal["light", "dark"]

SANS = "'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, system-ui, sans-serif"
MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one theme. Colour is never alone: every one of these has a mark or a word that says the same."""

    kept: str
    lost: str
    gained: str
    noise: str
    before: str
    after: str
    ink: str
    quiet: str
    line: str
    paper: str
    panel: str
    senses: tuple[str, ...]
    low: str  # sequential, one hue: from this ...
    high: str  # ... to this


# In its own order; its eighth colour, black, is the ink of the theme
OKABE_ITO = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")

LIGHT = Palette(
    kept="#5B7A99",
    lost="#C8553D",
    gained="#1B8A6B",
    noise="#B8BEC6",
    before="#7A6FB0",
    after="#D08A2E",
    ink="#1F2630",
    quiet="#5E6874",
    line="#DFE3E8",
    paper="#FFFFFF",
    panel="#F7F8FA",
    senses=(*OKABE_ITO, "#1F2630"),
    low="#DCE5EE",
    high="#2F5478",
)
DARK = Palette(
    kept="#8FB0CF",
    lost="#E8836D",
    gained="#4FC3A1",
    noise="#4A515C",
    before="#A79CDC",
    after="#F0B35C",
    ink="#E3E7EC",
    quiet="#9AA5B1",
    line="#303842",
    paper="#14181D",
    panel="#1A2027",
    senses=(*OKABE_ITO, "#E3E7EC"),
    low="#26384A",
    high="#A9CBEA",
)
# The shapes that go with the senses, in the same order: told apart without colour and in print
SHAPES = ("circle", "diamond", "square", "triangle-up", "x", "star", "triangle-down", "hexagon")
SHAPE_MARKS = ("●", "◆", "■", "▲", "✖", "★", "▼", "⬢")


def palette(theme: Theme) -> Palette:
    """The colours of a theme."""
    return LIGHT if theme == "light" else DARK


def repaint(theme: Theme) -> dict[str, str]:
    """Every colour of the other theme -> its colour in `theme`, faded ones too: for a page that follows its reader."""
    here, other = palette(theme), palette("dark" if theme == "light" else "light")
    colours: dict[str, str] = {}
    for name in Palette.__slots__:
        mine, theirs = getattr(here, name), getattr(other, name)
        pairs = zip(theirs, mine, strict=True) if isinstance(mine, tuple) else [(theirs, mine)]
        for old, new in pairs:
            colours[old] = new
            for share in FADES:
                colours[faded(old, share)] = faded(new, share)
    return colours


FADES = (0.08, 0.16, 0.35, 0.6)


def faded(colour: str, share: float) -> str:
    """A colour at an opacity out of FADES, as rgba()."""
    if share not in FADES:
        raise ValueError(f"opacity {share} is not one of {FADES}")
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share:g})"


def sense_colour(index: int, theme: Theme) -> str:
    """The Okabe-Ito colour of the i-th sense; after eight the shapes go on telling them apart."""
    colours = palette(theme).senses
    return colours[index % len(colours)]


def sense_shape(index: int) -> str:
    """The marker of the i-th sense: shifted by one for every turn through the colours, so that pairs do not repeat."""
    return SHAPES[(index + index // len(SHAPES)) % len(SHAPES)]


def sense_mark(index: int) -> str:
    """The same shape as a character, for text and tables."""
    return SHAPE_MARKS[(index + index // len(SHAPES)) % len(SHAPES)]


def escape(text: str, length: int | None = None) -> str:
    """A person's text for plotly: trimmed to `length`, on one line, with & < > as entities."""
    flat = trim(text, length if length is not None else 10_000)
    return flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@cache
def template(theme: Theme) -> go.layout.Template:
    """The plotly template `embedlab` of a theme: no box, a light grid, text in the ink of the page, no background."""
    p = palette(theme)
    axis: dict[str, Any] = {
        "showline": False,
        "zeroline": False,
        "gridcolor": p.line,
        "gridwidth": 1,
        "ticks": "",
        "automargin": True,
        "tickfont": {"size": 11, "color": p.quiet},
        "title": {"font": {"size": 12, "color": p.quiet}, "standoff": 8},
    }
    layout = go.Layout(
        font={"family": SANS, "size": 12, "color": p.ink},
        title={
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"l": 2, "t": 10},
            "font": {"size": 15, "color": p.ink, "weight": 600},
            "subtitle": {"font": {"size": 12, "color": p.quiet}},
        },
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        colorway=[p.kept, p.after, p.before, p.gained, p.lost],
        margin={"l": 8, "r": 16, "t": 64, "b": 36},
        xaxis=axis,
        yaxis=axis,
        hoverlabel={
            "bgcolor": p.paper,
            "bordercolor": p.line,
            "align": "left",
            "font": {"family": SANS, "size": 12, "color": p.ink},
        },
        legend={"font": {"size": 12, "color": p.ink}, "bgcolor": "rgba(0,0,0,0)", "borderwidth": 0},
        hovermode="closest",
        dragmode=False,
        newselection={"line": {"color": p.quiet, "width": 1, "dash": "dot"}},
    )
    return go.layout.Template(layout=layout)


def finish(figure: go.Figure, theme: Theme, *, title: str, subtitle: str, alt: str, height: int) -> go.Figure:
    """Give a figure its template, title, definition, height and alternative text; `title`, `subtitle` come escaped."""
    figure.update_layout(
        template=template(theme),
        title={"text": title, "subtitle": {"text": subtitle}},
        height=height,
        meta={"alt": alt},
    )
    return figure


def alt_text(figure: go.Figure) -> str:
    """What the figure shows, in words, for those who cannot see it."""
    meta = figure.layout.meta
    return str(meta["alt"]) if isinstance(meta, dict) and "alt" in meta else ""


def note(figure: go.Figure, text: str, theme: Theme, **where: Any) -> None:
    """A quiet line of text in the figure; `where` as in plotly's annotations."""
    notes(figure, [remark(text, theme, **where)])


def remark(text: str, theme: Theme, **where: Any) -> dict[str, Any]:
    """The annotation that `note` sets, for `notes`."""
    font = {"size": 11, "color": palette(theme).quiet}
    return {"text": text, "showarrow": False, "align": "left", "font": font} | where


def notes(figure: go.Figure, remarks: Sequence[Mapping[str, Any]]) -> None:
    """Many remarks at once: plotly reads all of a figure's annotations anew whenever one is added."""
    figure.layout.annotations = [*figure.layout.annotations, *remarks]


def heading(figure: go.Figure, text: str, theme: Theme, panel: int = 1, **where: Any) -> None:
    """A line of text at the upper left of one panel of a figure, counted from 1; `where` as in plotly's annotations."""
    axis = "" if panel == 1 else str(panel)
    place: dict[str, Any] = {"xref": f"x{axis} domain", "yref": f"y{axis} domain", "x": 0, "y": 1, "yshift": 3}
    note(figure, text, theme, **(place | {"xanchor": "left", "yanchor": "bottom"} | where))


def wrap(text: str, width: int, lines: int = 2) -> str:
    """Escaped text broken into at most `lines` lines of about `width` characters, with <br>."""
    out: list[str] = []
    for word in trim(text, width * lines).split(" "):
        if out and len(out[-1]) + 1 + len(word) <= width:
            out[-1] += f" {word}"
        elif len(out) < lines:
            out.append(word)
        else:
            out[-1] = trim(f"{out[-1]} {word}…", width + 1)
            break
    return "<br>".join(escape(line) for line in out)
