"""The figures of the Anatomy page: what they draw of one made sentence, in both themes, with words beside them."""

import re

import numpy as np
import plotly.graph_objects as go
import pytest

from embedlab import figures
from embedlab.encoders.inside import Inside, Piece
from embedlab.figures import style
from embedlab.figures.attention import attention_maps, head_changes
from embedlab.figures.path import Line, through_layers
from embedlab.types import LayerInfo

PAYLOAD = "<b>x</b>"
TEXT = f"red {PAYLOAD} fox"


def seen(seed: int, heads: int = 2, text: str = TEXT, attention: bool = True) -> Inside:
    rng = np.random.default_rng(seed)
    spans = [(0, 0), *((text.index(word), text.index(word) + len(word)) for word in text.split())]
    count = len(spans)
    blocks = rng.dirichlet(np.ones(count), (3, heads, count)).astype(np.float32)
    return Inside(
        "made",
        text,
        tuple(Piece(text[s:e] or "[CLS]", i, s, e) for i, (s, e) in enumerate(spans)),
        tuple(LayerInfo(f"layer {i}", 4) for i in range(4)),
        tuple(rng.standard_normal((4, count, 4)).astype(np.float32)),
        attention=tuple(blocks) if attention else (),
        without_table="none",
        without_positions="none",
        without_attention="" if attention else "It reads word after word.",
    )


BEFORE, AFTER = seen(0), seen(1)
CHANGE = np.array([[0.0, 0.2], [0.1, 0.0], [0.3, 0.05]])
LINES = [
    Line("before", (1.0, 0.8, None, 0.5), "before"),
    Line("after", (1.0, 0.7, 0.6, 0.4), "after"),
    Line("before others", (0.1, 0.2, 0.2, 0.3), "any other word"),
]


def all_figures(theme: figures.Theme) -> dict[str, go.Figure]:
    return {
        "mean": attention_maps(BEFORE, AFTER, 1, None, 1, theme),
        "head": attention_maps(BEFORE, AFTER, 3, 1, None, theme),
        "alone": attention_maps(BEFORE, seen(1, attention=False), 2, 0, 0, theme),
        "unlike": attention_maps(BEFORE, seen(1, text="red fox"), 2, 0, 0, theme),
        "heads": head_changes(CHANGE, 2, 1, theme),
        "lines": through_layers(f"“{PAYLOAD}”", "cosine", LINES, 2, theme),
        "lengths": through_layers("Length", "of the vector", LINES[:1], None, theme, cosines=False),
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_figure_has_title_definition_and_words_and_escapes(theme: figures.Theme) -> None:
    for name, figure in all_figures(theme).items():
        assert figure.layout.title.text, name
        assert figure.layout.title.subtitle.text, name
        assert len(figures.alt_text(figure)) > 30, name
        figure.layout.meta = None  # words, escaped by whoever places them
        assert PAYLOAD not in figure.to_json(), name
        assert "NaN" not in figure.to_json(), name


def test_dark_is_light_with_other_colours() -> None:
    exchange = style.repaint("dark")

    def painted(text: str) -> str:
        return re.sub(r"#[0-9A-F]{6}|rgba\([^)]*\)", lambda found: exchange.get(found[0], found[0]), text)

    light, dark = all_figures("light"), all_figures("dark")
    for name in light:
        assert painted(light[name].to_json()) == dark[name].to_json(), name


def test_the_maps_are_the_weights_and_their_difference() -> None:
    one, two, change = attention_maps(BEFORE, AFTER, 3, 1, 2).data
    np.testing.assert_allclose(one.z, BEFORE.attention[2][1])
    np.testing.assert_allclose(two.z, AFTER.attention[2][1])
    np.testing.assert_allclose(change.z, np.subtract(two.z, one.z))
    mean = attention_maps(BEFORE, AFTER, 3, None, 2).data[0]
    np.testing.assert_allclose(mean.z, (BEFORE.attention[2][0] + BEFORE.attention[2][1]) / 2, atol=1e-7)


def test_both_maps_share_a_scale_and_the_difference_has_its_zero_in_the_middle() -> None:
    layout = attention_maps(BEFORE, AFTER, 2, 0).layout
    both = np.stack([BEFORE.attention[1][0], AFTER.attention[1][0]])
    assert (layout.coloraxis.cmin, layout.coloraxis.cmax) == (0, pytest.approx(both.max()))
    assert layout.coloraxis2.cmin == -layout.coloraxis2.cmax
    same = attention_maps(BEFORE, BEFORE, 2, 0)
    assert not np.any(same.data[2].z)
    assert same.layout.coloraxis2.cmax > 0


def test_what_cannot_be_held_against_each_other_is_not() -> None:
    figure = attention_maps(BEFORE, seen(1, text="red fox"), 2, 0)
    assert len(figure.data) == 2
    figure = attention_maps(BEFORE, seen(1, attention=False), 2, 0)
    assert len(figure.data) == 1
    assert "It reads word after word." in figures.alt_text(figure)
    assert len(attention_maps(BEFORE, seen(1, heads=1), 2, 1).data) == 1


def test_the_row_of_the_piece_is_framed_in_every_map() -> None:
    figure = attention_maps(BEFORE, AFTER, 1, 0, 2)
    assert [(shape.y0, shape.y1) for shape in figure.layout.shapes] == [(1.5, 2.5)] * 3
    assert all(tuple(figure.layout[f"yaxis{n}"].range) == (3.5, -0.5) for n in ("", "2", "3"))


def test_one_square_a_head_with_what_a_click_needs() -> None:
    figure = head_changes(CHANGE, 2, 1)
    (squares,) = figure.data
    drawn = {tuple(place): value for place, value in zip(squares.customdata, squares.marker.color, strict=True)}
    assert drawn == {(1, 0): 0.0, (1, 1): 0.2, (2, 0): 0.1, (2, 1): 0.0, (3, 0): 0.3, (3, 1): 0.05}
    assert "layer 3, head 0 changed most: .300" in figures.alt_text(figure)
    assert "No head reads differently" in figures.alt_text(head_changes(np.zeros((3, 2)), 1, None))
    whole = head_changes(CHANGE, 2, None).layout.shapes[0]
    assert (whole.x0, whole.x1) == (-0.5, 1.5)


def test_lines_keep_their_marks_and_leave_gaps_where_nothing_is_defined() -> None:
    before, after, others = through_layers("To its start", "cosine", LINES, 2).data
    assert (before.marker.symbol, after.marker.symbol) == ("circle", "diamond")
    assert (others.mode, others.line.dash) == ("lines", "dot")
    assert list(before.y) == [1.0, 0.8, None, 0.5]
    assert not before.connectgaps
    undefined = through_layers("To its start", "cosine", [Line("before", (None, None), "before")])
    assert "before is undefined" in figures.alt_text(undefined)


def test_a_flat_line_of_cosines_is_no_drama() -> None:
    low, high = through_layers("t", "d", [Line("pair", (1.0, 0.9999), "p")]).layout.yaxis.range
    assert high - low >= 0.1
    assert low < 0.9999 < 1 < high
