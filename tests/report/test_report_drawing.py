"""Our own drawing of a figure: everything on it, in its place, as well-formed SVG that runs nothing."""

import xml.etree.ElementTree as ET

import plotly.graph_objects as go
import pytest

from embedlab import figures, report
from embedlab.errors import UserError
from embedlab.figures.style import finish
from embedlab.report import FIGURES
from embedlab.report.drawing import draw
from embedlab.report.gallery import figure
from embedlab.report.svg import text_width
from tests.made import made, with_text
from tests.report.shelves import made_shelf, shelf_of

SVG = "{http://www.w3.org/2000/svg}"


def simple(**layout: object) -> go.Figure:
    """Three points whose places can be told by hand: x from 0 to 10, y from 0 to 1, no margins but the upper."""
    made = go.Figure(go.Scatter(x=[0, 5, 10], y=[0, 0.5, 1], mode="markers", marker={"size": 10, "color": "#5B7A99"}))
    made.update_xaxes(range=[0, 10], visible=False)
    made.update_yaxes(range=[0, 1], visible=False)
    made.update_layout(margin={"l": 0, "r": 0, "t": 100, "b": 0}, showlegend=False, **layout)
    return finish(made, "light", title="T", subtitle="", alt="Three points.", height=300)


def parts(drawing: str, tag: str) -> list[ET.Element]:
    return list(ET.fromstring(drawing).iter(SVG + tag))


def test_points_lie_where_arithmetic_puts_them() -> None:
    circles = parts(draw(simple(), 500), "circle")
    assert [(float(c.get("cx") or 0), float(c.get("cy") or 0)) for c in circles] == [(0, 300), (250, 200), (500, 100)]
    assert all(c.get("r") == "5" and c.get("fill") == "#5B7A99" for c in circles)


def test_a_missing_value_breaks_the_line_and_is_not_drawn_at_zero() -> None:
    broken = simple()
    broken.update_traces(y=[0, None, 1], mode="lines+markers")
    drawing = draw(broken, 500)
    assert len(parts(drawing, "circle")) == 2
    (line,) = [p for p in parts(drawing, "path") if "M0 300" in (p.get("d") or "")]
    assert (line.get("d") or "").count("M") == 2
    assert "L" not in (line.get("d") or "")


def test_bars_stand_on_each_other() -> None:
    stack = go.Figure([go.Bar(x=[1], y=[2], width=1, marker={"color": c}) for c in ("#111111", "#222222")])
    stack.update_xaxes(range=[0, 2], visible=False)
    stack.update_yaxes(range=[0, 4], visible=False)
    stack.update_layout(barmode="stack", margin={"l": 0, "r": 0, "t": 0, "b": 0})
    finish(stack, "light", title="", subtitle="", alt="", height=400)
    low, high = parts(draw(stack, 400), "rect")
    assert [float(low.get(side) or 0) for side in ("x", "y", "width", "height")] == [100, 200, 200, 200]
    assert [float(high.get(side) or 0) for side in ("x", "y", "width", "height")] == [100, 0, 200, 200]


def test_a_map_has_one_scale_on_both_axes() -> None:
    shelf = made_shelf(copies=1)
    drawn = figure(shelf, "senses", 3, "bank")
    linked = shelf.map_of("bank", 3)
    assert linked is not None
    shapes = parts(draw(drawn, 800), "circle") + parts(draw(drawn, 800), "polygon")
    assert len(shapes) >= 2 * len(linked.rows)
    trace = drawn.data[0]
    circles = parts(draw(drawn, 800), "circle")[: len(trace.x)]
    places = [(float(c.get("cx") or 0), float(c.get("cy") or 0)) for c in circles]
    (x0, y0), (x1, y1) = places[0], places[1]
    across = (x1 - x0) / float(trace.x[1] - trace.x[0])
    upwards = -(y1 - y0) / float(trace.y[1] - trace.y[0])
    assert across == pytest.approx(upwards, rel=0.02)


def test_markers_say_what_they_share_once_and_never_make_a_layer_each() -> None:
    pale = simple()
    pale.update_traces(
        x=[0, 1, 2, 2], y=[0, 0.5, 1, 0], mode="markers",
        marker={"opacity": [0.4, 0.4, 1, 0.4], "line": {"color": "#FFFFFF", "width": 0.5}, "color": "#5B7A99"},
    )  # fmt: skip
    drawing = draw(pale, 500)
    groups = [one for one in parts(drawing, "g") if one.get("stroke") == "#FFFFFF"]
    assert [(one.get("fill-opacity"), one.get("stroke-opacity"), len(one)) for one in groups] == [
        ("0.4", "0.4", 2), (None, None, 1), ("0.4", "0.4", 1)
    ]  # fmt: skip
    assert not any("opacity" in one.attrib for one in ET.fromstring(drawing).iter())  # a PDF gives each 900 bytes


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_figure_is_drawn_whole_and_within_its_page(name: str, theme: str) -> None:
    word = "bank" if name in ("moves", "senses") else None
    shown = figure(made_shelf(copies=1, overview=True), name, 3, word, theme)  # type: ignore[arg-type]
    drawing = draw(shown, theme=theme, ground=True)  # type: ignore[arg-type]
    root = ET.fromstring(drawing)
    assert root.find(SVG + "title") is not None
    description = root.find(SVG + "desc")
    assert description is not None
    assert description.text == figures.alt_text(shown)
    width, height = float(root.get("width") or 0), float(root.get("height") or 0)
    assert height == shown.layout.height
    for text in parts(drawing, "text"):
        assert -2 <= float(text.get("x") or 0) <= width
        assert 0 <= float(text.get("y") or 0) <= height + 2
        end = float(text.get("x") or 0) + text_width(text.text or "", float(text.get("font-size") or 0))
        assert text.get("text-anchor") != "start" or text.get("transform") or end <= width + 8, text.text
    for trace in shown.data:
        if trace.type == "scatter" and "markers" in (trace.mode or ""):
            known = sum(x is not None for x in trace.x)
            assert len(parts(drawing, "circle")) + len(parts(drawing, "polygon")) + len(parts(drawing, "path")) >= known


@pytest.mark.parametrize(
    "payload", ["</svg><script>window.hit=1</script>", '"><image href="javascript:hit()"/>', "a\x00\x1b\ufffeb"]
)
def test_what_people_wrote_stays_text(payload: str) -> None:
    comparison, maps = made(copies=1)
    hostile = shelf_of(with_text(comparison, payload), maps, overview=True)
    word = next(w for w in hostile.comparison.words.words if payload[:2] in w)
    for name in FIGURES:
        drawing = report.figure_file(hostile, name, 3, {"moves": word, "senses": "bank"}.get(name)).decode()
        root = ET.fromstring(drawing)
        assert {one.tag.removeprefix(SVG) for one in root.iter()} <= {
            "svg", "title", "desc", "g", "path", "rect", "circle", "polygon", "text",
        }  # fmt: skip
        assert not any(key.startswith("on") or "href" in key for one in root.iter() for key in one.attrib)


def test_a_png_is_the_drawing_at_twice_its_size() -> None:
    shelf = made_shelf(copies=1)
    picture = report.figure_file(shelf, "histogram", 3, format="png")
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    wide, high = (int.from_bytes(picture[at : at + 4], "big") for at in (16, 20))
    assert (wide, high) == pytest.approx((2 * 690, 2 * 320), abs=2)


def test_a_figure_of_a_word_needs_a_word_that_has_one() -> None:
    shelf = made_shelf(copies=1)
    for name, word in (("moves", None), ("moves", "nowhere"), ("senses", "loan"), ("map", None)):
        with pytest.raises(UserError):
            report.figure_file(shelf, name, 3, word)  # type: ignore[arg-type]


def test_a_kind_of_trace_that_is_not_known_is_an_error_and_not_a_hole() -> None:
    pie = simple()
    pie.add_trace(go.Heatmap(z=[[1]]))
    with pytest.raises(ValueError, match="heatmap"):
        draw(pie)
