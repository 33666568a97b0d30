"""Our plotly figures as SVG, drawn by ourselves: for the PDF and for files, without a browser.

Not all of plotly: what the figures of this house use (lines, markers, text, bars, bands, marked ranges, notes, legends,
one colour scale, panels), laid out as plotly lays it out. A kind of trace it does not know is an error, never a hole.
"""

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go

from embedlab.figures.layers import DEFINITION
from embedlab.figures.style import Theme, alt_text, palette
from embedlab.report import svg
from embedlab.report.axes import Axis, axes_of, mapped, merged
from embedlab.report.svg import Font, Mark, Pen

PRINT_WIDTH = 690  # px: the text of an A4 page
ROOMY = 880  # px: narrower figures leave the definitions in their panels to the table beside them
LEGEND_GAP = 18
COLOURS = ("#5B7A99", "#D08A2E")


def draw(figure: go.Figure, width: int = PRINT_WIDTH, *, theme: Theme = "light", ground: bool = False) -> str:
    """One figure as an SVG document of `width` px and its own height; `ground`: with the paper of the theme behind."""
    layout = merged(figure.layout.template.layout.to_plotly_json(), figure.layout.to_plotly_json())
    height = float(layout.get("height", 400))
    axes = axes_of(figure, layout, width, height)
    p = palette(theme)
    body = [
        *(axis.grid(axes) for axis in axes.values()),
        *_shapes(layout, axes, below=True),
        *(_clipped(trace, axes, layout, figure) for trace in figure.data),
        *_shapes(layout, axes, below=False),
        *(axis.ticks(axes) for axis in axes.values()),
        *_legend(figure, layout, axes),
        *_scale(figure, axes, p.ink),
        *(
            _note(note, axes)
            for note in layout.get("annotations", ())
            if width >= ROOMY or note.get("name") != DEFINITION
        ),
        *_title(layout),
    ]
    title = svg.plain(str(layout.get("title", {}).get("text", "")))
    return svg.document(width, height, body, title=title, alt=alt_text(figure), paper=p.paper if ground else None)


# -- traces -----------------------------------------------------------------------------------------------------------


def _clipped(trace: Any, axes: dict[str, Axis], layout: dict[str, Any], figure: go.Figure) -> str:
    said = trace.to_plotly_json()
    x, y = axes[said.get("xaxis", "x")], axes[said.get("yaxis", "y")]
    if said["type"] == "bar":
        return _bars(trace, said, figure, x, y)
    if said["type"] not in ("scatter", "scattergl"):
        raise ValueError(f"a trace of type {said['type']} cannot be drawn")
    points = mapped(said, x, y)
    mode, parts = said.get("mode", "lines"), []
    line = said.get("line", {})
    if "lines" in mode:
        fill = said.get("fillcolor") if said.get("fill") == "toself" else None
        pen = Pen(
            line.get("color", COLOURS[0]) if line.get("width", 2) else None,
            line.get("width", 2),
            line.get("dash", "solid"),
        )
        parts.append(svg.path(points, pen, fill))
    if "markers" in mode:
        parts.append(_markers(said, points))
    if "text" in mode.split("+"):
        parts.append(_texts(said, points, layout))
    return "<g>" + "".join(parts) + "</g>"


def _markers(said: dict[str, Any], points: list[tuple[float, float] | None]) -> str:
    look, edge, chosen = said.get("marker", {}), said.get("marker", {}).get("line", {}), said.get("selectedpoints")
    out = []
    colours, picked = _colours(look, len(points)), frozenset(chosen or ())
    for i, point in enumerate(points):
        if point is None:
            continue
        pen = Pen(_of(edge.get("color"), i), _of(edge.get("width", 0), i) or 0)
        size, opacity = float(_of(look.get("size", 6), i)), float(_of(look.get("opacity", 1), i))
        colour = colours[i]
        if chosen is not None:
            other = said.get("selected" if i in picked else "unselected", {}).get("marker", {})
            size, opacity, colour = other.get("size", size), other.get("opacity", opacity), other.get("color", colour)
        out.append(Mark(*point, str(_of(look.get("symbol", "circle"), i)), size, colour, pen, opacity))
    return svg.markers(out)


def _colours(look: dict[str, Any], count: int) -> list[str]:
    """A colour for every marker; numbers go through the two ends of the colour scale."""
    given = look.get("color", COLOURS[0])
    listed = [_of(given, i) for i in range(count)]
    if not any(isinstance(one, (int, float, np.number)) for one in listed):
        return [str(one) for one in listed]
    (_, low), (_, high) = look["colorscale"]
    least, most = float(look["cmin"]), float(look["cmax"])
    return [_between(low, high, (float(one) - least) / (most - least or 1.0)) for one in listed]


def _between(low: str, high: str, share: float) -> str:
    part = min(1.0, max(0.0, share if math.isfinite(share) else 0.0))
    ends = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in (low, high)]
    return "#" + "".join(f"{round(a + part * (b - a)):02X}" for a, b in zip(*ends, strict=True))


def _of(value: Any, i: int) -> Any:
    """The value of the i-th point: one for all, or one each."""
    return value[i] if isinstance(value, (list, tuple, np.ndarray)) else value


def _texts(said: dict[str, Any], points: list[tuple[float, float] | None], layout: dict[str, Any]) -> str:
    font = {"size": 12, "color": layout["font"]["color"]} | said.get("textfont", {})
    vertical, _, side = str(said.get("textposition", "middle center")).partition(" ")
    anchor = {"left": "end", "center": "middle", "right": "start"}[side or "center"]
    out = []
    for i, point in enumerate(points):
        text = _of(said.get("text", ""), i)
        if point is None or not text:
            continue
        size = float(_of(font["size"], i))
        drop = {"top": -0.45, "middle": 0.35, "bottom": 1.15}[vertical] * size
        out.append(svg.write(point[0], point[1] + drop, str(text), Font(size, _of(font["color"], i), anchor)))
    return "".join(out)


def _bars(trace: Any, said: dict[str, Any], figure: go.Figure, x: Axis, y: Axis) -> str:
    """Upright bars, each on top of those of the traces before it."""
    before = [t for t in figure.data[: list(figure.data).index(trace)] if t.type == "bar"]
    base = np.sum([np.asarray(t.y, dtype=float) for t in before], axis=0) if before else np.zeros(len(said["x"]))
    font = {"size": 11, "color": "#000000"} | said.get("textfont", {})
    out = []
    for i, (place, tall) in enumerate(zip(said["x"], said["y"], strict=True)):
        left, right = x.at(float(place) - said["width"] / 2), x.at(float(place) + said["width"] / 2)
        low, high = y.at(float(base[i])), y.at(float(base[i]) + float(tall))
        if tall:
            colour = str(_of(said["marker"]["color"], i))
            out.append(svg.rect(left, high, right - left, low - high, colour, Pen(None), 1.5))
        text = _of(said.get("text", ""), i)
        if text:
            where = Font(font["size"], font["color"], "middle")
            out.append(svg.write((left + right) / 2, high - 4, str(text), where))
    return "<g>" + "".join(out) + "</g>"


# -- what stands around ----------------------------------------------------------------------------------------------


def _shapes(layout: dict[str, Any], axes: dict[str, Axis], *, below: bool) -> list[str]:
    out = []
    for shape in layout.get("shapes", ()):
        if (shape.get("layer") == "below") is not below:
            continue
        x0, x1 = (_place(shape[end], shape.get("xref", "x"), axes) for end in ("x0", "x1"))
        y0, y1 = (_place(shape[end], shape.get("yref", "y"), axes) for end in ("y0", "y1"))
        line = shape.get("line", {})
        pen = Pen(line.get("color") if line.get("width", 1) else None, line.get("width", 1), line.get("dash", "solid"))
        if shape["type"] == "line":
            out.append(svg.path([(x0, y0), (x1, y1)], pen))
        else:
            out.append(svg.rect(min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0), shape.get("fillcolor"), pen))
    return out


def _place(value: float, reference: str, axes: dict[str, Axis]) -> float:
    """Where a value lies that refers to an axis, to the share of its panel (`x domain`), or of the page (`paper`)."""
    name, _, domain = reference.partition(" ")
    if name == "paper":  # which direction is said by the caller's axis: resolved in `_note`
        raise ValueError("a shape on the paper cannot be drawn")
    return axes[name].share(float(value)) if domain else axes[name].at(float(value))


def _note(note: dict[str, Any], axes: dict[str, Axis]) -> str:
    """An annotation without an arrow."""
    places = []
    for key, first in (("x", "x"), ("y", "y")):
        reference = note.get(f"{key}ref", first)
        value = float(note[key])
        places.append(axes[first].paper(value) if reference == "paper" else _place(value, reference, axes))
    x = places[0] + note.get("xshift", 0)
    y = places[1] - note.get("yshift", 0)
    font = note.get("font", {})
    size, text = float(font.get("size", 12)), str(note["text"])
    lines = text.split("<br>")
    tall = size * 1.3 * len(lines)
    top = {"top": y, "middle": y - tall / 2, "bottom": y - tall}[_auto(note.get("yanchor"), "middle")]
    anchor = {"left": "start", "center": "middle", "right": "end"}[_auto(note.get("xanchor"), "center")]
    ground = ""
    if note.get("bgcolor"):
        wide = max(svg.text_width(svg.plain(line), size) for line in lines)
        left = {"start": x, "middle": x - wide / 2, "end": x - wide}[anchor]
        ground = svg.rect(left - 1, top, wide + 2, tall, note["bgcolor"], Pen(None))
    style = Font(size, font.get("color", "#000000"), anchor, 600 if font.get("weight", 400) > 400 else 400)
    return ground + svg.write(x, top + size, text, style)


def _auto(value: str | None, default: str) -> str:
    return default if value in (None, "auto") else str(value)


def _title(layout: dict[str, Any]) -> list[str]:
    title = layout.get("title", {})
    subtitle = title.get("subtitle", {})
    big, small = title.get("font", {}), subtitle.get("font", {})
    size, under = float(big.get("size", 15)), float(small.get("size", 12))
    out = []
    if title.get("text"):
        out.append(svg.write(2, 10 + size, title["text"], Font(size, big.get("color", "#000000"), weight=600)))
    if subtitle.get("text"):
        width = layout["_width"] - 4
        out.append(
            svg.write(
                2,
                10 + size + under * 1.5,
                _fitted(subtitle["text"], under, width),
                Font(under, small.get("color", "#000000")),
            )
        )
    return out


def _fitted(text: str, size: float, width: float) -> str:
    """A subtitle that is too long for the width, broken at one of its middle dots or spaces."""
    if svg.text_width(svg.plain(text), size) <= width:
        return text
    for mark in (" · ", " "):
        parts = text.split(mark)
        for cut in range(len(parts) - 1, 0, -1):
            head = mark.join(parts[:cut])
            if svg.text_width(svg.plain(head), size) <= width:
                return f"{head}<br>{mark.join(parts[cut:])}"
    return text


def _legend(figure: go.Figure, layout: dict[str, Any], axes: dict[str, Axis]) -> list[str]:
    """Horizontal, at its place above the panels, wrapped upwards into as many rows as it needs."""
    shown = [t for t in figure.data if t.showlegend and t.type in ("scatter", "scattergl") and t.name]
    if layout.get("showlegend") is False or not shown:
        return []
    place, font = layout.get("legend", {}), layout.get("legend", {}).get("font", {})
    size, left = float(font.get("size", 12)), axes["x"].paper(float(place.get("x", 0)))
    rows: list[list[tuple[float, Any]]] = [[]]
    x = left
    for trace in shown:
        wide = 20 + svg.text_width(svg.plain(trace.name), size) + LEGEND_GAP
        if x + wide > layout["_width"] and rows[-1]:
            rows.append([])
            x = left
        rows[-1].append((x, trace))
        x += wide
    bottom = axes["y"].paper(float(place.get("y", 1)))
    out = []
    for number, row in enumerate(rows):
        y = bottom - 9 - (len(rows) - 1 - number) * size * 1.5
        for x, trace in row:
            look = trace.marker
            symbol = look.symbol if isinstance(look.symbol, str) else "circle"
            colour = look.color if isinstance(look.color, str) else COLOURS[0]
            out.append(svg.markers([Mark(x + 8, y, symbol, 9, colour, Pen(None))]))
            out.append(svg.write(x + 18, y + size * 0.35, trace.name, Font(size, font.get("color", "#000000"))))
    return out


def _scale(figure: go.Figure, axes: dict[str, Axis], ink: str) -> list[str]:
    """The colour scale of the one trace that shows it: steps from low to high with its three marks under them."""
    for trace in figure.data:
        look = trace.marker.to_plotly_json() if trace.type in ("scatter", "scattergl") else {}
        if look.get("showscale"):
            break
    else:
        return []
    bar, ((_, low), (_, high)) = look["colorbar"], look["colorscale"]
    page = axes["x"].paper(1) - axes["x"].paper(0)
    wide, right = float(bar["len"]) * page, axes["x"].paper(float(bar["x"])) - float(bar.get("xpad", 0))
    y, steps = axes["y"].paper(float(bar["y"])) - 26, 24
    out = [
        svg.rect(
            right - wide + i * wide / steps, y, wide / steps + 0.4, 8, _between(low, high, (i + 0.5) / steps), Pen(None)
        )
        for i in range(steps)
    ]
    font = bar.get("tickfont", {})
    least, most = float(look["cmin"]), float(look["cmax"])
    for value, text in zip(bar["tickvals"], bar["ticktext"], strict=True):
        share = (float(value) - least) / (most - least or 1.0)
        anchor = "start" if share < 0.05 else "end" if share > 0.95 else "middle"
        style = Font(float(font.get("size", 10)), font.get("color", ink), anchor)
        out.append(svg.write(right - wide + share * wide, y + 19, str(text).strip(), style))
    return out
