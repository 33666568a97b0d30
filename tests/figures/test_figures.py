"""Every figure: what it shows of a comparison whose numbers are known, in both themes, with words beside it."""

import json
import re
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from embedlab import figures
from embedlab.compare import moves
from embedlab.errors import UserError
from embedlab.figures import style
from embedlab.types import Comparison, LinkedMap, Reading
from embedlab.wording import number
from tests.made import made, with_text, without_replicates

EVENTS = [
    {"type": "ready", "device": "cpu"},
    {"type": "eval", "step": 0, "score": 0.82, "score_name": "sense macro-F1"},
    *({"type": "step", "step": i, "loss": 2.0 / i} for i in range(1, 101)),
    {"type": "eval", "step": 50, "score": 0.91, "score_name": "sense macro-F1", "best_step": 50},
    {"type": "eval", "step": 100, "score": 0.9, "score_name": "sense macro-F1", "best_step": 50},
]
PAYLOAD = "<b onclick=alert(1)>&amp;</b>"


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return made()[0]


@pytest.fixture(scope="module")
def linked() -> LinkedMap:
    return made()[1]["bank", 3]


def all_figures(comparison: Comparison, linked: LinkedMap, theme: figures.Theme) -> dict[str, go.Figure]:
    names = list(comparison.layers[0].readings)
    return {
        "strip": figures.layer_strip(comparison, names, 2, theme),
        "histogram": figures.change_histogram(comparison, 3, theme),
        "ranking": figures.change_ranking(comparison, 3, 18, theme),
        "moves": figures.rank_moves(comparison, "bank", 3, theme),
        "maps": figures.linked_maps(linked, comparison.uses, theme=theme),
        "maps_change": figures.linked_maps(linked, comparison.uses, colour_by="change", theme=theme),
        "maps_predicted": figures.linked_maps(linked, comparison.uses, colour_by="predicted", theme=theme),
        "curves": figures.run_curves(EVENTS, theme),
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_figure_has_title_definition_words_and_a_clear_ground(
    comparison: Comparison, linked: LinkedMap, theme: figures.Theme
) -> None:
    for name, figure in all_figures(comparison, linked, theme).items():
        assert figure.layout.title.text, name
        assert figure.layout.title.subtitle.text, name
        assert len(figures.alt_text(figure)) > 30, name
        assert figure.layout.height >= 200, name
        assert figure.layout.template.layout.plot_bgcolor == "rgba(0,0,0,0)", name
        assert "NaN" not in figure.to_json(), name


def test_figures_do_not_depend_on_when_they_are_made(comparison: Comparison, linked: LinkedMap) -> None:
    one, two = (all_figures(comparison, linked, "light") for _ in range(2))
    assert {name: figure.to_json() for name, figure in one.items()} == {
        n: figure.to_json() for n, figure in two.items()
    }


def test_dark_is_light_with_other_colours(comparison: Comparison, linked: LinkedMap) -> None:
    """The report carries the light figure only and exchanges colours: that must give exactly the dark figure."""
    exchange = style.repaint("dark")

    def painted(text: str) -> str:
        return re.sub(r"#[0-9A-F]{6}|rgba\([^)]*\)", lambda found: exchange.get(found[0], found[0]), text)

    light, dark = all_figures(comparison, linked, "light"), all_figures(comparison, linked, "dark")
    for name in light:
        assert painted(light[name].to_json()) == dark[name].to_json(), name


def test_what_people_wrote_is_escaped_everywhere(linked: LinkedMap) -> None:
    comparison, maps = made()
    hostile = with_text(comparison, PAYLOAD)
    for name, figure in all_figures(hostile, maps["bank", 3], "light").items():
        drawn = figure.to_dict()
        drawn["layout"]["meta"] = None  # alternative text is text: whoever places it escapes it
        for trace in drawn["data"]:
            trace.pop("customdata", None)  # never drawn
            trace.pop("legendgroup", None)
        assert "<b onclick" not in json.dumps(drawn, default=str), name


def test_the_strip_shows_both_states_the_interval_and_the_layer(comparison: Comparison) -> None:
    figure = figures.layer_strip(comparison, ["mean_cosine"], 2)
    lines = [trace for trace in figure.data if trace.mode == "lines+markers"]
    expected = [
        [getattr(row.readings["mean_cosine"], side) for row in comparison.layers] for side in ("before", "after")
    ]
    assert [list(line.y) for line in lines] == expected
    assert [line.marker.symbol for line in lines] == ["circle", "diamond"]
    bands = [trace for trace in figure.data if trace.fill == "toself"]
    reading = comparison.layers[0].readings["mean_cosine"]
    assert reading.interval is not None
    assert bands[1].y[0] == pytest.approx(reading.before + reading.interval[0])
    assert figure.layout.shapes[0].x0 == 2


def test_the_strip_says_why_a_reading_is_missing(comparison: Comparison) -> None:
    figure = figures.layer_strip(comparison, ["mean_cosine", "effective_rank", "no_such_reading"])
    assert any("Needs more rows" in note.text for note in figure.layout.annotations)
    assert sum(trace.mode == "lines+markers" for trace in figure.data) == 2


def test_the_strip_of_one_layer_and_of_none(comparison: Comparison) -> None:
    alone = replace(comparison, layers=comparison.layers[:1])
    assert figures.layer_strip(alone, ["mean_cosine", "knn_jaccard"]).data
    assert figures.layer_strip(comparison, []).layout.title.text


def test_the_strip_shows_the_noise_beside_the_interval_of_one_space_and_of_the_pair(comparison: Comparison) -> None:
    grey = style.faded(style.LIGHT.noise, 0.35)
    for name in ("mean_cosine", "knn_jaccard"):
        reading = comparison.layers[3].readings[name]
        figure = figures.layer_strip(comparison, [name])
        (band,) = [trace for trace in figure.data if trace.fillcolor == grey]
        edges = {y for x, y in zip(band.x, band.y, strict=True) if x == 3}
        assert reading.noise is not None
        middle = reading.before
        expected = {reading.noise, 1.0} if middle is None else {middle - reading.noise, middle + reading.noise}
        assert sorted(edges) == pytest.approx(sorted(expected))
        dashed = [trace for trace in figure.data if trace.mode == "lines" and trace.line.dash == "dash"]
        assert sorted(trace.y[3] for trace in dashed) == pytest.approx(sorted(expected))
    quiet = figures.layer_strip(without_replicates(comparison), ["mean_cosine", "knn_jaccard"])
    assert not [trace for trace in quiet.data if trace.fillcolor == grey]


def test_the_strip_says_which_band_is_which(comparison: Comparison) -> None:
    subtitle = figures.layer_strip(comparison, ["mean_cosine"]).layout.title.subtitle.text
    assert "95 % interval" in subtitle
    assert "noise" in subtitle


def test_the_histogram_counts_every_word_once_above_or_within_noise(comparison: Comparison) -> None:
    figure = figures.change_histogram(comparison, 3)
    more, within = figure.data
    change, above = comparison.words.change[3], comparison.words.changed(3)
    assert 0 < above.sum() < len(change) / 2  # else the made comparison shows nothing
    for bar, members in ((more, above), (within, ~above)):
        assert sum(bar.y) == members.sum()
        for at, n in zip(bar.x, bar.y, strict=True):
            assert n == (members & np.isclose(change, at, atol=1e-5)).sum()
    assert (more.marker.color, within.marker.color) == (style.LIGHT.kept, style.LIGHT.noise)
    assert comparison.words.noise is not None
    floor = number(float(np.median(comparison.words.noise[3])), places=2)
    assert figure.layout.annotations[0].text == f"noise floor {floor}"
    assert f"{int(above.sum())} words changed by more than noise" in figures.alt_text(figure)


def test_the_histogram_says_that_noise_is_unknown(comparison: Comparison) -> None:
    bare = replace(comparison, words=replace(comparison.words, noise=None, q=None))
    figure = figures.change_histogram(bare, 3)
    assert len(figure.data) == 1
    assert "noise unknown" in figure.layout.title.subtitle.text
    assert "unknown" in figures.alt_text(figure)


def test_the_ranking_is_led_by_what_exceeds_noise_then_by_change_then_drift(comparison: Comparison) -> None:
    order, above = figures.most_changed(comparison, 3), comparison.words.changed(3)
    keys = [(not above[i], -comparison.words.change[3, i], -comparison.words.drift[3, i]) for i in order]
    assert keys == sorted(keys)
    largest = int(above.sum())
    figure = figures.change_ranking(comparison, 3, largest + 4)
    assert [int(datum[0]) for datum in figure.data[1].customdata] == order[: largest + 4]
    assert list(figure.data[1].marker.size) == [11] * largest + [7] * 4
    assert comparison.words.noise is not None
    assert list(figure.data[2].x) == pytest.approx(comparison.words.noise[3, order[: largest + 4]].tolist())
    said = [note.text for note in figure.layout.annotations]
    assert [("within noise" in text) for text in said] == [False] * largest + [True] * 4


def test_a_range_of_change_leaves_the_bars_beyond_it_faint_and_counts_its_words(comparison: Comparison) -> None:
    low, high = 0.3, 0.8
    plain, ranged = (figures.change_histogram(comparison, 3, span=span) for span in (None, (low, high)))
    for trace in plain.data:
        assert trace.selectedpoints is None
    for trace in ranged.data:
        inside = [i for i, at in enumerate(trace.x) if low <= at <= high]
        assert 0 < len(inside) < len(trace.x)
        assert list(trace.selectedpoints) == inside
        assert trace.unselected.marker.opacity < trace.selected.marker.opacity
    [box] = [shape for shape in ranged.layout.shapes if (shape.x0, shape.x1) == (low, high)]
    assert len(ranged.layout.shapes) == len(plain.layout.shapes) + 1
    assert box.line.width > 0  # an edge, not a tint alone
    within = sum(low <= float(at) <= high for at in comparison.words.change[3])
    said = figures.alt_text(ranged).removeprefix(figures.alt_text(plain))
    assert str(within) in said
    assert ".30" in said
    assert ".80" in said


def test_a_range_takes_the_bars_at_its_ends_and_one_without_a_bar_takes_none(comparison: Comparison) -> None:
    bars = list(figures.change_histogram(comparison, 3).data[0].x)
    low, high = bars[1], bars[4]
    ends = figures.change_histogram(comparison, 3, span=(float(np.float32(low)), float(np.float32(high))))
    inside = [i for i, at in enumerate(bars) if low - 1e-6 <= at <= high + 1e-6]
    assert list(ends.data[0].selectedpoints) == inside
    between = (min(bars) + 0.001, min(bars) + 0.002) if sorted(bars)[1] - min(bars) > 0.003 else (2.0, 3.0)
    assert list(figures.change_histogram(comparison, 3, span=between).data[0].selectedpoints) == []


def test_the_neighbour_that_is_told_more_of_is_bold_wherever_it_stands_and_no_other(comparison: Comparison) -> None:
    found = moves(comparison, "bank", 3, 10)
    kept = next(move.word for move in found if move.status == "kept")
    lost = next(move.word for move in found if move.status == "lost")
    for lit, sides in ((kept, 2), (lost, 1), (None, 0), ("no such word", 0)):
        figure = figures.rank_moves(comparison, "bank", 3, top=10, lit=lit)
        labels = [text for trace in figure.data if trace.mode == "text" for text in trace.text]
        bold = [text for text in labels if text.startswith("<b>")]
        assert len(bold) == sides, lit
        assert all(lit is not None and lit in text for text in bold)


def test_rank_moves_shows_what_the_comparison_says_with_marks_beside_colour(comparison: Comparison) -> None:
    figure = figures.rank_moves(comparison, "bank", 3, top=10)
    listed = moves(comparison, "bank", 3, 10)
    before, after = (trace for trace in figure.data if trace.mode == "markers")
    assert list(before.customdata) == [m.word for m in listed if m.status != "gained"]
    assert list(after.customdata) == [m.word for m in listed if m.status != "lost"]
    assert sorted(before.y) == sorted(after.y) == list(range(1, 11))
    symbols = dict(zip(before.customdata, before.marker.symbol, strict=True)) | dict(
        zip(after.customdata, after.marker.symbol, strict=True)
    )
    wanted = {"kept": "circle", "lost": "circle-open", "gained": "circle-open-dot"}
    assert symbols == {m.word: wanted[m.status] for m in listed}
    written = [text for trace in figure.data if trace.mode == "text" for text in trace.text]
    assert {f"− {m.word}" for m in listed if m.status == "lost"} <= set(written)
    assert {f"+ {m.word}" for m in listed if m.status == "gained"} <= set(written)


def test_rank_moves_grows_with_its_rows_and_asks_for_no_more_than_was_kept(comparison: Comparison) -> None:
    short, long = (figures.rank_moves(comparison, "bank", 3, top=top) for top in (10, 30))
    ranked = comparison.words.ranked_before
    assert ranked is not None
    assert max(max(t.y) for t in long.data if t.mode == "markers") == ranked.shape[2]
    assert long.layout.height - short.layout.height >= 20 * (ranked.shape[2] - 10)
    with pytest.raises(UserError, match="not counted"):
        figures.rank_moves(comparison, "nowhere", 3)


def test_the_two_maps_share_one_frame_and_one_scale(comparison: Comparison, linked: LinkedMap) -> None:
    figure = figures.linked_maps(linked, comparison.uses)
    layout = figure.layout
    assert layout.xaxis.range == layout.xaxis2.range
    assert layout.yaxis.range == layout.yaxis2.range
    assert layout.xaxis2.matches == "x"
    assert layout.yaxis2.matches == "y"
    assert layout.yaxis.scaleanchor == "x"
    assert not any(axis.showticklabels for axis in (layout.xaxis, layout.xaxis2, layout.yaxis, layout.yaxis2))
    assert "axes mean nothing" in layout.title.subtitle.text


def test_every_use_stands_on_both_maps_under_its_own_id_selected_or_not(
    comparison: Comparison, linked: LinkedMap
) -> None:
    chosen = [int(linked.rows[i]) for i in (0, 5, 25)]
    figure = figures.linked_maps(linked, comparison.uses, selected=chosen)
    for side, xy in (("x", linked.before), ("x2", linked.after)):
        traces = [trace for trace in figure.data if trace.xaxis == side]
        ids = [int(datum[0]) for trace in traces for datum in trace.customdata]
        assert sorted(ids) == sorted(linked.rows.tolist())
        picked = [int(trace.customdata[at][0]) for trace in traces for at in trace.selectedpoints]
        assert sorted(picked) == sorted(chosen)
        places = {int(d[0]): (x, y) for t in traces for d, x, y in zip(t.customdata, t.x, t.y, strict=True)}
        for row, place in zip(linked.rows.tolist(), xy.tolist(), strict=True):
            assert places[row] == pytest.approx(tuple(place))
    assert all(trace.unselected.marker.opacity > 0.3 for trace in figure.data)


def test_uses_within_noise_are_small_and_pale_and_say_so(comparison: Comparison, linked: LinkedMap) -> None:
    within = figures.uses_within_noise(comparison.uses, linked.layer)
    assert 0 < within[linked.rows].sum() < len(linked.rows)
    figure = figures.linked_maps(linked, comparison.uses)
    for trace in figure.data:
        rows = [int(datum[0]) for datum in trace.customdata]
        assert [size < max(trace.marker.size) for size in trace.marker.size] == within[rows].tolist()
        assert [opacity < 0.5 for opacity in trace.marker.opacity] == within[rows].tolist()
        assert [("within its noise" in text) for text in trace.text] == within[rows].tolist()
    unknown = replace(comparison.uses, noise=None)
    assert len({size for t in figures.linked_maps(linked, unknown).data for size in t.marker.size}) == 1


def test_senses_differ_in_shape_as_well_as_colour() -> None:
    looks = [(style.sense_colour(i, "light"), style.sense_shape(i)) for i in range(24)]
    assert len(set(looks)) == 24
    assert len({style.sense_shape(i) for i in range(8)}) == 8


def test_a_map_of_uses_without_senses_stands_in_grey(comparison: Comparison, linked: LinkedMap) -> None:
    bare = replace(comparison.uses, occurrences=tuple(replace(u, sense=None) for u in comparison.uses.occurrences))
    figure = figures.linked_maps(linked, bare)
    assert [trace.name for trace in figure.data] == ["sense not given"] * 2


def test_curves_read_the_events_of_a_run_also_a_resumed_one() -> None:
    figure = figures.run_curves([*EVENTS, {"type": "step", "step": 60, "loss": 9.0}])
    losses = dict(zip(figure.data[1].x, figure.data[1].customdata, strict=True))
    assert len(losses) == 100
    assert losses[60] == 9.0
    assert list(figure.data[2].y) == [0.82, 0.91, 0.9]
    assert "kept .910 at step 50" in figures.alt_text(figure)


def test_curves_of_a_run_that_has_not_begun() -> None:
    assert figures.alt_text(figures.run_curves([])) == "No step has been trained yet."


def test_a_reading_of_the_pair_is_drawn_once() -> None:
    comparison, _ = made()
    figure = figures.layer_strip(comparison, ["knn_jaccard"])
    assert sum(trace.mode == "lines+markers" for trace in figure.data) == 1
    assert isinstance(comparison.layers[0].readings["knn_jaccard"], Reading)
