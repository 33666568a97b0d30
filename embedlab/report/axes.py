"""Where things lie on a figure of ours: its axes with their range, their panel, their grid and their ticks."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go

from embedlab.report import svg
from embedlab.report.svg import Font, Pen


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` on top of `base`, dictionaries within dictionaries too."""
    out = dict(base)
    for key, value in over.items():
        out[key] = merged(out[key], value) if isinstance(value, dict) and isinstance(out.get(key), dict) else value
    return out


@dataclass
class Axis:
    """One axis: values from `low` to `high` over the pixels from `start` to `end` (upright: start below end).

    `frame`: the pixels between the margins, of which the axis takes the share `start` to `end`.
    """

    name: str
    said: dict[str, Any]
    low: float
    high: float
    start: float
    end: float
    frame: tuple[float, float]
    marks: list[tuple[float, str]] = field(default_factory=list)

    @property
    def upright(self) -> bool:
        return self.name.startswith("y")

    def at(self, value: float) -> float:
        """The pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def share(self, share: float) -> float:
        """The pixel of a share of the panel."""
        return self.start + share * (self.end - self.start)

    def paper(self, share: float) -> float:
        """The pixel of a share of the whole area between the margins."""
        return self.frame[0] + share * (self.frame[1] - self.frame[0])

    def partner(self, axes: dict[str, "Axis"]) -> "Axis":
        other = "x" if self.upright else "y"
        return axes[str(self.said.get("anchor", other + self.name[1:]))]

    def grid(self, axes: dict[str, "Axis"]) -> str:
        """Grid lines, and the line of the axis itself where it has one."""
        if self.said.get("visible") is False:
            return ""
        other, out = self.partner(axes), []
        pen = Pen(self.said.get("gridcolor"), self.said.get("gridwidth", 1))
        if self.said.get("showgrid", True):
            out += [self._across(self.at(value), other, pen) for value, _ in self.marks if self._holds(value)]
        if self.said.get("showline"):
            line = Pen(self.said.get("linecolor"), self.said.get("linewidth", 1))
            cross = (other.start, other.end) if self.said.get("mirror") else (other.start,)
            out += [
                svg.path(
                    [(self.start, y), (self.end, y)] if not self.upright else [(y, self.start), (y, self.end)], line
                )
                for y in cross
            ]
        return "".join(out)

    def _across(self, place: float, other: "Axis", pen: Pen) -> str:
        ends = (
            [(other.start, place), (other.end, place)] if self.upright else [(place, other.start), (place, other.end)]
        )
        return svg.path(ends, pen)

    def _holds(self, value: float) -> bool:
        return min(self.low, self.high) - 1e-9 <= value <= max(self.low, self.high) + 1e-9

    def ticks(self, axes: dict[str, "Axis"]) -> str:
        """The numbers or words at the ticks, and the title of the axis."""
        if self.said.get("visible") is False:
            return ""
        other, out = self.partner(axes), []
        font = self.said.get("tickfont", {})
        size, colour = float(font.get("size", 11)), font.get("color", "#000000")
        if self.said.get("showticklabels", True):
            for value, text in self.marks:
                if not self._holds(value):
                    continue
                if self.upright:
                    style = Font(size, colour, "end")
                    out.append(svg.write(other.start - 4, self.at(value) + size * 0.35, text, style))
                else:
                    out.append(svg.write(self.at(value), other.start + size + 5, text, Font(size, colour, "middle")))
        title = (self.said.get("title") or {}).get("text")
        if title:
            font = self.said["title"].get("font", {})
            size, colour = float(font.get("size", 12)), font.get("color", "#000000")
            middle = (self.start + self.end) / 2
            if self.upright:
                widest = max((svg.text_width(svg.plain(text), size) for _, text in self.marks), default=0)
                style = Font(size, colour, "middle")
                out.append(svg.write(max(size, other.start - widest - 10), middle, title, style, turned=True))
            else:
                out.append(svg.write(middle, other.start + size * 2 + 12, title, Font(size, colour, "middle")))
        return "".join(out)


def axes_of(figure: go.Figure, layout: dict[str, Any], width: float, height: float) -> dict[str, Axis]:
    """Every axis of a figure, with room kept for its ticks as plotly's automargin does; adds `_width` to the layout."""
    layout["_width"] = width
    template = figure.layout.template.layout
    defaults = {"x": template.xaxis.to_plotly_json(), "y": template.yaxis.to_plotly_json()}
    said = {
        name[0] + name[5:]: merged(defaults[name[0]], layout[name])
        for name in sorted(layout)
        if name[1:5] == "axis" and name[0] in "xy"
    }
    margin = {"l": 8, "r": 16, "t": 64, "b": 36} | layout.get("margin", {})
    ranges = {name: _range(name, one, figure) for name, one in said.items()}
    marks = {name: _marks(one, *ranges[name]) for name, one in said.items()}
    left, bottom = _room(said, marks, margin)
    frames = {"x": (left, width - margin["r"]), "y": (height - bottom, margin["t"])}
    axes = {}
    for name, one in said.items():
        frame, domain = frames[name[0]], one.get("domain", (0.0, 1.0))
        start, end = (frame[0] + share * (frame[1] - frame[0]) for share in domain)
        inset = _inset(name, one, said, marks) if name[0] == "x" and domain[0] > 0 else 0.0
        axes[name] = Axis(name, one, *ranges[name], start + inset, end, frame, marks[name])
    _equal(axes)
    return axes


def _room(
    said: dict[str, dict[str, Any]], marks: dict[str, list[tuple[float, str]]], margin: dict[str, float]
) -> tuple[float, float]:
    """(left margin, bottom margin): as given, or as much as the labels at the edge need."""
    left, bottom = float(margin["l"]), float(margin["b"])
    for name, one in said.items():
        if one.get("visible") is False or not one.get("automargin"):
            continue
        titled = bool((one.get("title") or {}).get("text"))
        size = float(one.get("tickfont", {}).get("size", 11))
        domain = one.get("domain", (0.0, 1.0))
        labelled = one.get("showticklabels", True)
        if name[0] == "x" and titled:
            bottom = max(bottom, size * 2 + 30)
        elif name[0] == "y" and labelled and said.get("x" + name[1:], {}).get("domain", (0.0, 1.0))[0] == 0:
            left = max(left, _widest(marks[name], size) + 8 + (20 if titled else 0))
        elif name[0] == "x" and labelled and domain[0] == 0:
            bottom = max(bottom, size + 12)
    return left, bottom


def _inset(
    name: str, one: dict[str, Any], said: dict[str, dict[str, Any]], marks: dict[str, list[tuple[float, str]]]
) -> float:
    """How far an inner panel is moved to the right, so that its labels do not reach into its neighbour."""
    upright = said.get(str(one.get("anchor", "y" + name[1:])), {})
    if upright.get("visible") is False or not upright.get("showticklabels", True):
        return 0.0
    return _widest(marks["y" + name[1:]], float(upright.get("tickfont", {}).get("size", 11))) * 0.6


def _widest(marks: list[tuple[float, str]], size: float) -> float:
    return max((svg.text_width(svg.plain(text), size) for _, text in marks), default=0.0)


def _range(name: str, said: dict[str, Any], figure: go.Figure) -> tuple[float, float]:
    """The range of an axis: as given, or that of all that lies on it with a twentieth beside it."""
    given = said.get("range")
    if given is not None:
        return float(given[0]), float(given[1])
    values: list[float] = []
    for trace in figure.data:
        if (getattr(trace, f"{name[0]}axis") or name[0]) == name:
            listed = getattr(trace, name[0])
            values += [float(v) for v in (() if listed is None else listed) if v is not None and math.isfinite(v)]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    beside = 0.06 * (high - low) or 0.5
    return low - beside, high + beside


def _marks(said: dict[str, Any], low: float, high: float) -> list[tuple[float, str]]:
    """The ticks of an axis: those given, or round numbers, at most `nticks` of them."""
    if said.get("tickvals") is not None:
        texts = said.get("ticktext")
        values = [float(value) for value in said["tickvals"]]
        return list(zip(values, [f"{v:g}" for v in values] if texts is None else map(str, texts), strict=True))
    low, high = min(low, high), max(low, high)
    most = int(said.get("nticks", 6) or 6)
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    step *= next(m for m in (1, 2, 2.5, 5, 10, 20, 50) if (high - low) / (step * m) <= most)
    first = math.ceil(low / step - 1e-9)
    ticks = [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]
    return [(tick, f"{tick:,.10g}".replace("-", "−")) for tick in ticks]


def _equal(axes: dict[str, Axis]) -> None:
    """One scale on both axes of a map: the range that has too many pixels grows evenly on both sides (`constrain`)."""
    if axes["y"].said.get("scaleanchor") != "x":
        return
    x, y = axes["x"], axes["y"]
    px = min(abs(x.end - x.start) / abs(x.high - x.low), abs(y.end - y.start) / abs(y.high - y.low))
    for axis in (x, y):
        middle, half = (axis.low + axis.high) / 2, abs(axis.end - axis.start) / px / 2
        sign = 1 if axis.high > axis.low else -1
        axis.low, axis.high = middle - sign * half, middle + sign * half
    for axis in axes.values():
        if axis.said.get("matches") in ("x", "y"):
            first = axes[axis.said["matches"]]
            axis.low, axis.high = first.low, first.high


def mapped(said: dict[str, Any], x: Axis, y: Axis) -> list[tuple[float, float] | None]:
    """The points of a trace in pixels; None where a value is missing."""
    out: list[tuple[float, float] | None] = []
    for a, b in zip(np.asarray(said["x"], dtype=object), np.asarray(said["y"], dtype=object), strict=True):
        known = a is not None and b is not None and math.isfinite(a) and math.isfinite(b)
        out.append((x.at(float(a)), y.at(float(b))) if known else None)
    return out
