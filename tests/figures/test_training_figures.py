"""The figures of trainings: the timeline of a plan, runs over each other, recipes against each other, the frames."""

import json
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import pytest

from embedlab import figures
from embedlab.figures.shootout import means
from embedlab.figures.timeline import rate_words
from embedlab.training import plans
from embedlab.types import EncoderSpec, Frame, RunConfig, Stage
from tests.figures.test_run_curves import EVENTS

PAYLOAD = "<b onclick=alert(1)>&amp;</b>"
PLAN = RunConfig(
    "c" * 64,
    EncoderSpec("builtin"),
    (
        Stage(40, {"head": 1e-3, "layer.1": 2e-5}, "constant", "labels"),
        Stage(100, {"head": 1e-3, "*": 2e-5}, "linear", "labels"),
    ),
)
DEPTH = 2
GROUPS = plans.groups(DEPTH, PLAN)


@dataclass(frozen=True)
class Point:
    recipe: str
    seed: int
    gain: float
    collateral: float


SHOTS = [
    Point("full", 0, 0.10, 0.5),
    Point("full", 1, 0.14, 0.7),
    Point("LoRA", 0, 0.08, 0.1),
    Point(f"mine {PAYLOAD}", 0, -0.02, 0.3),
]
FRAMES = (
    Frame(0, 0.7),
    Frame(50, 0.8, 0.9, (), kept=True),
    Frame(100, 0.95, 0.7, ("Unrelated sentences are becoming alike.",)),
)


def drawn(theme: figures.Theme) -> dict[str, go.Figure]:
    spans = plans.timeline(PLAN, DEPTH)
    return {
        "timeline": figures.timeline(PLAN, spans, GROUPS, theme),
        "shootout": figures.shootout(SHOTS, theme),
        "overlaid": figures.curves_overlaid([("one", EVENTS), (PAYLOAD, EVENTS[:60])], theme),
        "frames": figures.frames_line(FRAMES, {0: 1.0, 50: 0.6, 100: 0.2}, 50, theme),
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_they_have_title_definition_words_and_a_clear_ground(theme: figures.Theme) -> None:
    for name, figure in drawn(theme).items():
        assert figure.layout.title.text, name
        assert figure.layout.title.subtitle.text, name
        assert len(figures.alt_text(figure)) > 30, name
        assert figure.layout.template.layout.plot_bgcolor == "rgba(0,0,0,0)", name
        assert "NaN" not in figure.to_json(), name


def test_a_persons_text_is_escaped() -> None:
    for name, figure in drawn("light").items():
        value = figure.to_dict()
        value["layout"]["meta"] = None  # alternative text is text: whoever places it escapes it
        assert "<b onclick" not in json.dumps(value, default=str), name


# ---- the timeline ----------------------------------------------------------------------------------------------------


def cells(figure: go.Figure, stage: int) -> np.ndarray:
    """[group, bin] of log10 rates of a stage, NaN where frozen."""
    return np.array(figure.data[1 + stage].z, dtype=float)


def test_groups_stand_bottom_to_top_and_frozen_ones_are_grey() -> None:
    figure = drawn("light")["timeline"]
    assert [name.strip() for name in figure.layout.yaxis.ticktext] == ["embeddings", "layer.0", "layer.1", "head"]
    grey = np.array(figure.data[0].z, dtype=float)
    assert np.isfinite(grey).tolist() == [[True, False], [True, False], [False, False], [False, False]]
    trains = [np.isfinite(cells(figure, stage)).all(axis=1).tolist() for stage in (0, 1)]
    assert trains == [[False, False, True, True], [True] * 4]
    assert [shape.x0 for shape in figure.layout.shapes] == [40], "the border between the stages"
    assert "Never trained" not in figures.alt_text(figure)


def test_the_colour_is_the_rate_of_that_step_on_a_log_scale() -> None:
    figure = drawn("light")["timeline"]
    constant = cells(figure, 0)
    assert np.allclose(constant[2], np.log10(2e-5))
    assert np.allclose(constant[3], -3)
    linear = cells(figure, 1)[3]
    assert linear.max() == pytest.approx(-3)
    assert linear.argmax() == 6, "a tenth of sixty steps is warm-up"
    assert (np.diff(linear[7:]) < 0).all()
    assert figure.data[2].x[0] == 40
    assert figure.data[2].x[-1] == 100
    step_70 = int(np.searchsorted(figure.data[2].x, 70)) - 1
    left = (60 - (69 - 40)) / 54
    assert 10 ** linear[step_70] == pytest.approx(1e-3 * left, rel=0.05)


def test_the_table_beside_it_joins_neighbours_that_train_alike() -> None:
    rows = figures.timeline_rows(plans.timeline(PLAN, DEPTH))
    assert rows[:2] == [("1 to 40", "layer.1", "2e-5", "labels"), ("1 to 40", "head", "1e-3", "labels")]
    assert rows[2][:2] == ("41 to 100", "embeddings to layer.1")
    assert rows[2][2].split(" → ")[1] == "2e-5"
    assert len(rows) == 4


@pytest.mark.parametrize(("rate", "said"), [(2e-5, "2e-5"), (1.26e-4, "1.3e-4"), (1e-3, "1e-3"), (0.0, "0")])
def test_rates_are_written_as_the_field_writes_them(rate: float, said: str) -> None:
    assert rate_words(rate) == said


def test_a_group_that_never_trains_is_named() -> None:
    config = RunConfig("c" * 64, EncoderSpec("builtin"), (Stage(9, {"layer.1": 1e-4}, "linear", "pairs"),))
    figure = figures.timeline(config, plans.timeline(config, DEPTH), plans.groups(DEPTH, config))
    assert "Never trained: embeddings, layer.0." in figures.alt_text(figure)


# ---- recipes against each other --------------------------------------------------------------------------------------


def test_one_point_a_seed_and_a_cross_at_the_mean() -> None:
    figure = figures.shootout(SHOTS)
    points, cross = figure.data[0], figure.data[1]
    assert list(zip(points.x, points.y, points.customdata, strict=True)) == [(0.5, 0.10, 0), (0.7, 0.14, 1)]
    assert (cross.x[0], cross.y[0]) == pytest.approx((0.6, 0.12))
    assert cross.marker.symbol == "cross-thin"
    assert means(SHOTS[:2]) == pytest.approx((0.6, 0.12))
    shapes = {trace.marker.symbol for trace in figure.data[::2]}
    assert len(shapes) == 3, "recipes differ in shape, not in colour alone"


def test_every_recipe_is_named_in_the_plot_and_the_good_corner_is_marked() -> None:
    figure = figures.shootout(SHOTS)
    texts = [note.text for note in figure.layout.annotations]
    assert "full" in texts
    assert "LoRA" in texts
    assert any("gain without collateral" in text for text in texts)
    assert figure.layout.xaxis.range[0] <= 0 <= figure.layout.yaxis.range[1]
    assert figure.layout.yaxis.range[0] < -0.02
    assert "full over 2 seeds: gain +.120, collateral .60" in figures.alt_text(figure)


def test_names_of_recipes_at_one_place_do_not_cover_each_other() -> None:
    shots = [*(Point(f"recipe {i}", 0, 0.1, 0.4) for i in range(4)), Point("far", 0, 0.2, 0.9)]
    named = [note for note in figures.shootout(shots).layout.annotations if note.text.startswith("recipe")]
    assert len({(note.xanchor, note.yanchor) for note in named}) == 4


def test_a_name_at_the_edge_is_written_inward() -> None:
    shots = [Point("a recipe with a long name", 0, 0.1, 0.9), Point("another", 0, 0.05, 0.0)]
    named = {note.text: note.xanchor for note in figures.shootout(shots).layout.annotations}
    assert named["a recipe with a long name"] == "right", "to the left of its mean"
    assert named["another"] == "left"


def test_without_a_shot_there_is_a_sentence() -> None:
    assert "No recipe has been run" in figures.alt_text(figures.shootout([]))


# ---- runs over each other --------------------------------------------------------------------------------------------


def test_raw_loss_is_thin_behind_the_smoothed_one() -> None:
    figure = figures.curves_overlaid([("one", EVENTS)])
    score, raw, smooth = figure.data
    assert list(score.x) == [0, 50, 100]
    assert raw.line.width < smooth.line.width
    assert raw.opacity < 1
    assert list(raw.y) == [2.0 / i for i in range(1, 101)]
    assert smooth.y[0] == pytest.approx(2.0)
    assert min(raw.y) < smooth.y[-1] < max(raw.y)


def test_names_at_the_ends_keep_apart() -> None:
    figure = figures.curves_overlaid([(f"run {i}", EVENTS) for i in range(5)])
    at = sorted(note.y for note in figure.layout.annotations if "run " in note.text)
    assert len(at) == 5
    assert np.diff(at).min() > 0.01


def test_without_a_run_or_an_event_there_is_a_sentence() -> None:
    assert figures.alt_text(figures.curves_overlaid([])) == "No run is chosen."
    assert "nothing measured yet" in figures.alt_text(figures.curves_overlaid([("one", [])]))


# ---- the frames ------------------------------------------------------------------------------------------------------


def test_the_line_shows_score_and_canary_and_the_step_that_is_shown() -> None:
    figure = drawn("light")["frames"]
    assert [(trace.name, list(trace.y)) for trace in figure.data] == [
        ("held-out score", [0.7, 0.8, 0.95]),
        ("canary neighbours kept", [1.0, 0.6, 0.2]),
    ]
    assert [shape.x0 for shape in figure.layout.shapes] == [50]
    assert "Step 50 is shown; held-out score: .70 at 0, .80 at 50" in figures.alt_text(figure)
