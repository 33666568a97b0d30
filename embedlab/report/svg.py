"""Shapes and text of a drawing as SVG elements; everything a person wrote is escaped, nothing in it can run."""

import html
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

# All of the same widths, so that what is measured here fits on any machine
FONTS = "'Liberation Sans', Arial, Helvetica, 'DejaVu Sans', sans-serif"
# Marks that these fonts lack: placed as runs of their own, or a reader sets the whole line in the font that has them
MARKS = re.compile(r"([│→←○●◆◉■▲✖★▼⬢✓✗]+)")
BARE = re.compile("[^\\t\\n\\r\\x20-\\uD7FF\\uE000-\\uFFFD\\U00010000-\\U0010FFFF]")  # what XML 1.0 cannot hold
TAGS = re.compile(r"(<b>|</b>|<br>|<span style='color:#[0-9A-Fa-f]{6}'>|</span>)")
RGBA = re.compile(r"rgba\((\d+),(\d+),(\d+),([0-9.]+)\)")
DASHES = {"dash": "6 4", "dot": "1.5 3", "solid": ""}
# Widths of Helvetica in 1/1000 em, from the space to the tilde (Adobe Core 14 AFM)
LETTERS = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, *[556] * 10, 278, 278, 584, 584,
    584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611,
    722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
)  # fmt: skip
OTHERS = {"−": 584, "·": 333, "–": 556, "’": 222, "“": 333, "”": 333, "…": 1000, "│": 602, "\u00a0": 278}
WIDE = 850  # a mark, or a letter not listed


def clean(text: str) -> str:
    """The text without the characters that XML cannot hold."""
    return BARE.sub("", text)


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a line of plain text is, px; bold is a fourteenth wider."""
    em = sum(LETTERS[ord(c) - 32] if " " <= c <= "~" else OTHERS.get(c, WIDE) for c in text) / 1000
    return size * em * (1.07 if bold else 1.0)


def plain(text: str) -> str:
    """Plotly's small subset of HTML as plain text, on one line."""
    return html.unescape(TAGS.sub(lambda tag: " " if tag[0] == "<br>" else "", text))


def paint(kind: str, colour: str | None) -> str:
    """`fill` or `stroke` with a colour, as hex and opacity: not every reader of SVG knows rgba()."""
    if colour is None or colour in ("none", "rgba(0,0,0,0)"):
        return f' {kind}="none"'
    found = RGBA.fullmatch(colour.replace(" ", ""))
    if found is None:
        return f" {kind}={quoteattr(clean(colour))}"
    red, green, blue = (int(found[i]) for i in (1, 2, 3))
    return f' {kind}="#{red:02X}{green:02X}{blue:02X}" {kind}-opacity="{found[4]}"'


def at(value: float) -> str:
    """A coordinate with two decimals and no needless zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if math.isfinite(value) else "0"


@dataclass(frozen=True, slots=True)
class Pen:
    """A line: its colour, width in px, and plotly's name of its dashes."""

    colour: str | None
    width: float = 1.0
    dash: str = "solid"

    @property
    def attributes(self) -> str:
        if not self.width or self.colour is None:
            return ' stroke="none"'
        dashes = DASHES.get(self.dash, "")
        return (
            f'{paint("stroke", self.colour)} stroke-width="{at(self.width)}"'
            + (f' stroke-dasharray="{dashes}"' if dashes else "")
            + ' stroke-linejoin="round"'
        )


@dataclass(frozen=True, slots=True)
class Font:
    """How a text is set. `anchor`: start, middle or end."""

    size: float
    colour: str
    anchor: str = "start"
    weight: int = 400


@dataclass(slots=True)
class Run:
    """A piece of a line in one look."""

    text: str
    colour: str
    bold: bool

    def width(self, size: float) -> float:
        return text_width(self.text, size, bold=self.bold)


def runs_of(text: str, font: Font) -> list[list[Run]]:
    """Plotly's subset of HTML as lines of runs; marks are runs of their own."""
    lines: list[list[Run]] = [[]]
    colours, bold = [font.colour], font.weight > 400
    for piece in TAGS.split(clean(text)):
        if piece == "<br>":
            lines.append([])
        elif piece in ("<b>", "</b>"):
            bold = piece == "<b>" or font.weight > 400
        elif piece.startswith("<span style='color:"):
            colours.append(piece[19:26])
        elif piece == "</span>":
            colours = colours[:-1] or [font.colour]
        else:
            lines[-1] += [Run(run, colours[-1], bold) for run in MARKS.split(html.unescape(piece)) if run]
    return lines


def write(x: float, y: float, text: str, font: Font, *, turned: bool = False) -> str:
    """Lines of text, the baseline of the first at y; `text` in plotly's subset of HTML, entities and all."""
    turn = f' transform="rotate(-90 {at(x)} {at(y)})"' if turned else ""
    out = []
    for row, line in enumerate(runs_of(text, font)):
        anchor, left = font.anchor, x
        if len(line) > 1:  # several runs are placed one by one, from the left
            total = sum(run.width(font.size) for run in line)
            left, anchor = x - total * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor], "start"
        for run in line:
            family = " font-family=\"'DejaVu Sans'\"" if MARKS.fullmatch(run.text) else ""
            weight = ' font-weight="700"' if run.bold else ""
            out.append(
                f'<text x="{at(left)}" y="{at(y + row * font.size * 1.3)}" font-size="{at(font.size)}" '
                f'text-anchor="{anchor}"{paint("fill", run.colour)}{family}'
                f'{weight}{turn} xml:space="preserve">{escape(run.text)}</text>'
            )
            left += run.width(font.size)
    return "".join(out)


def path(points: Sequence[tuple[float, float] | None], pen: Pen, fill: str | None = None) -> str:
    """A line through the points; None breaks it. Closed where it is filled."""
    steps, lift = [], True
    for point in points:
        if point is None:
            lift = True
            continue
        steps.append(f"{'M' if lift else 'L'}{at(point[0])} {at(point[1])}")
        lift = False
    if not steps:
        return ""
    return f'<path d="{"".join(steps)}{"Z" if fill else ""}"{paint("fill", fill)}{pen.attributes}/>'


def rect(x: float, y: float, width: float, height: float, fill: str | None, pen: Pen, radius: float = 0) -> str:
    """A rectangle by its upper left corner."""
    corner = f' rx="{at(radius)}"' if radius else ""
    return (
        f'<rect x="{at(x)}" y="{at(y)}" width="{at(max(0, width))}" height="{at(max(0, height))}"{corner}'
        f"{paint('fill', fill)}{pen.attributes}/>"
    )


@cache
def outline(symbol: str) -> tuple[tuple[float, float], ...]:
    """The corners of a marker of radius 1, y down as in SVG; none for a circle."""
    corners: dict[str, tuple[float, int, float]] = {
        "square": (45, 4, 1.25), "diamond": (0, 4, 1.3), "triangle-up": (-90, 3, 1.25), "triangle-down": (90, 3, 1.25),
        "hexagon": (-90, 6, 1.1),
    }  # fmt: skip
    if symbol == "star":
        turns = [(-90.0 + 36 * i, 1.35 if i % 2 == 0 else 0.55) for i in range(10)]
    elif symbol == "x":
        turns = [(a + d, r) for a in (45.0, 135.0, 225.0, 315.0) for d, r in ((-13, 1.25), (13, 1.25), (45, 0.42))]
    elif symbol in corners:
        start, count, radius = corners[symbol]
        turns = [(start + 360 * i / count, radius) for i in range(count)]
    else:
        return ()
    return tuple((r * math.cos(math.radians(a)), r * math.sin(math.radians(a))) for a, r in turns)


@dataclass(frozen=True, slots=True)
class Mark:
    """One of plotly's markers that we use, `size` px across; `-open` is hollow, `-dot` has a dot in the middle."""

    x: float
    y: float
    symbol: str
    size: float
    colour: str
    edge: Pen
    opacity: float = 1.0


def markers(marks: Iterable[Mark]) -> str:
    """Markers one above the other; what neighbours have in common, edge and opacity, is said once for them all.

    Opacity is said of fill and edge, not of the marker: as a layer of its own each would weigh a kilobyte in a PDF.
    """
    out = []
    for shared, group in groupby(marks, key=_shared):
        shapes = "".join(_shape(mark) for mark in group)
        out.append(f"<g{shared}>{shapes}</g>" if shared else shapes)
    return "".join(out)


def _shared(mark: Mark) -> str:
    opacity = f' fill-opacity="{at(mark.opacity)}" stroke-opacity="{at(mark.opacity)}"' if mark.opacity < 1 else ""
    return ("" if "-open" in mark.symbol or mark.symbol.startswith("line-ns") else mark.edge.attributes) + opacity


def _shape(mark: Mark) -> str:
    """The shape with what is its own; a filled one has its edge from `_shared`."""
    x, y, size = mark.x, mark.y, mark.size
    if mark.symbol.startswith("line-ns"):
        return path([(x, y - size / 2), (x, y + size / 2)], Pen(mark.colour, mark.edge.width))
    hollow = "-open" in mark.symbol
    filled = paint("fill", mark.colour)
    look = paint("fill", None) + Pen(mark.colour, mark.edge.width or 1).attributes if hollow else filled
    dot = f'<circle cx="{at(x)}" cy="{at(y)}" r="{at(size / 6)}"{filled}/>' if "-dot" in mark.symbol else ""
    corners = outline(mark.symbol.replace("-open", "").replace("-dot", ""))
    if not corners:
        return f'<circle cx="{at(x)}" cy="{at(y)}" r="{at(size / 2)}"{look}/>{dot}'
    points = " ".join(f"{at(x + cx * size / 2)},{at(y + cy * size / 2)}" for cx, cy in corners)
    return f'<polygon points="{points}"{look}/>{dot}'


def document(width: float, height: float, body: Sequence[str], *, title: str, alt: str, paper: str | None) -> str:
    """A whole SVG document that stands alone, with its title and its description for those who cannot see it."""
    ground = rect(0, 0, width, height, paper, Pen(None)) if paper else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{at(width)}" height="{at(height)}" '
        f'viewBox="0 0 {at(width)} {at(height)}" role="img" font-family={quoteattr(FONTS)}>'
        f"<title>{escape(clean(title))}</title><desc>{escape(clean(alt))}</desc>{ground}{''.join(body)}</svg>"
    )
