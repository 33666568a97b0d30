"""Plans as stages: which group learns when, at which rate, and what a timeline says of it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedlab.errors import TrainingError
from embedlab.training import freezing, plans
from embedlab.training.schedules import share_of_rate
from embedlab.types import EncoderSpec, Lora, RunConfig, Stage

DEPTH = 4
OBJECTIVES = ("labels", "pairs", "mlm", "senses")


def run(*stages: Stage, lora: Lora | None = None) -> RunConfig:
    return RunConfig("c", EncoderSpec("m"), stages, lora=lora)


def trained(stage: Stage, depth: int = DEPTH) -> dict[str, float]:
    lora = Lora() if any(key.startswith("lora") for key in stage.train) else None
    return plans.stage_rates(stage, plans.groups(depth, run(stage, lora=lora)))


def test_groups_come_bottom_to_top_with_the_heads_that_are_learnt() -> None:
    stages = (Stage(1, {"*": 1.0}, objective="mlm"), Stage(2, {"*": 1.0}, objective="labels"))
    assert plans.groups(2, run(*stages, lora=Lora())) == (
        "embeddings", "layer.0", "layer.1", "lora.0", "lora.1", "mlm_head", "head",
    )  # fmt: skip
    assert plans.groups(1, run(Stage(1, {"*": 1.0}, objective="pairs"))) == ("embeddings", "layer.0")


def test_full_and_frozen_embeddings() -> None:
    layers = {f"layer.{i}": 3e-5 for i in range(DEPTH)}
    (full,) = plans.plan("full", "labels", 10, 3e-5, depth=DEPTH)
    assert trained(full) == {"embeddings": 3e-5, **layers, "head": plans.HEAD_RATE}
    (frozen,) = plans.plan("frozen_embeddings", "mlm", 10, 3e-5, depth=DEPTH)
    assert trained(frozen) == {**layers, "mlm_head": plans.MLM_HEAD_RATE}


def test_frozen_then_unfrozen_thaws_after_a_third() -> None:
    first, second = plans.plan("frozen_then_unfrozen", "pairs", 9, 3e-5, depth=DEPTH)
    assert (first.until_step, second.until_step) == (3, 9)
    assert trained(second).keys() - trained(first).keys() == {"embeddings"}
    config = run(first, second)
    assert [freezing.stage_at(config, step) for step in (0, 2, 3, 8)] == [(0, 0), (0, 0), (1, 3), (1, 3)]


def test_top_layers_trains_the_top_and_no_more() -> None:
    (stage,) = plans.plan("top_layers", "labels", 10, 3e-5, depth=DEPTH, layers=2)
    assert trained(stage) == {"layer.2": 3e-5, "layer.3": 3e-5, "head": plans.HEAD_RATE}
    (every,) = plans.plan("top_layers", "pairs", 10, 3e-5, depth=DEPTH, layers=DEPTH)
    assert list(trained(every)) == [f"layer.{i}" for i in range(DEPTH)]


def test_discriminative_rates_fall_by_the_decay_a_layer() -> None:
    (stage,) = plans.plan("discriminative", "labels", 10, 1e-3, depth=3)
    assert trained(stage, 3) == {
        "head": plans.HEAD_RATE,
        "layer.2": 1e-3,
        "layer.1": pytest.approx(1e-3 / 2.6),
        "layer.0": pytest.approx(1e-3 / 6.76),
        "embeddings": pytest.approx(1e-3 / 17.576),
    }
    (flat,) = plans.plan("discriminative", "pairs", 10, 1e-3, depth=3, decay=1.0)
    assert set(trained(flat, 3).values()) == {1e-3}


def test_gradual_unfreezing_thaws_one_group_at_a_time_from_the_top() -> None:
    stages = plans.plan("gradual_unfreezing", "labels", 100, 1e-3, depth=DEPTH, schedule="stlr")
    opened = [set(trained(stage)) for stage in stages]
    order = ["head", "layer.3", "layer.2", "layer.1", "layer.0", "embeddings"]
    assert opened == [set(order[: i + 1]) for i in range(len(order))]
    assert [stage.until_step for stage in stages] == [10, 20, 30, 40, 50, 100]
    assert all(trained(stage).items() <= trained(stages[-1]).items() for stage in stages), "a rate never changes"
    without_head = plans.plan("gradual_unfreezing", "pairs", 100, 1e-3, depth=DEPTH)
    assert list(trained(without_head[0])) == ["layer.3"]


@given(st.integers(2, 300), st.integers(1, 30), st.sampled_from(OBJECTIVES))
def test_gradual_unfreezing_fits_any_depth_into_any_steps(steps: int, depth: int, objective: str) -> None:
    stages = plans.plan("gradual_unfreezing", objective, steps, 1e-3, depth=depth)
    ends = [stage.until_step for stage in stages]
    assert ends == sorted(set(ends))
    assert ends[-1] == steps
    opened = [set(trained(stage, depth)) for stage in stages]
    assert all(less < more for less, more in pairwise(opened)), "each stage thaws something, and freezes nothing"
    assert opened[-1] == set(plans.groups(depth, run(*stages)))


@pytest.mark.parametrize("kind", plans.PLANS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_plan_trains_the_head_of_its_objective_at_its_own_rate(kind: str, objective: str) -> None:
    stages = plans.plan(kind, objective, 20, 3e-5, depth=DEPTH, layers=2 if kind == "top_layers" else None)
    assert stages[-1].until_step == 20
    for stage in stages:
        rates = trained(stage)
        assert ("head" in rates) == (objective == "labels")
        assert ("mlm_head" in rates) == (objective == "mlm")
        assert rates.get("head", plans.HEAD_RATE) == plans.HEAD_RATE
        assert any(group.startswith("lora.") for group in rates) == (kind == "lora")
        if kind == "lora":
            assert not any(group.startswith(("layer.", "embeddings")) for group in rates)


def test_the_head_of_another_objective_is_not_trained() -> None:
    stages = (Stage(5, {"*": 1e-3}, objective="mlm"), Stage(9, {"*": 1e-3}, objective="labels"))
    groups = plans.groups(1, run(*stages))
    assert list(plans.stage_rates(stages[0], groups)) == ["embeddings", "layer.0", "mlm_head"]
    assert list(plans.stage_rates(stages[1], groups)) == ["embeddings", "layer.0", "head"]
    with pytest.raises(TrainingError, match="no group 'head'"):
        plans.stage_rates(Stage(5, {"head": 1e-3}, objective="mlm"), groups)


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (("none", "senses", 9, 1e-5, {}), "no plan 'none'"),
        (("full", "senses", 0, 1e-5, {}), "at least one step"),
        (("full", "senses", 9, 5.0, {}), "rate of 5 cannot be right"),
        (("full", "senses", 9, 1e-5, {"schedule": "wavy"}), "no schedule 'wavy'"),
        (("discriminative", "senses", 9, 1e-5, {"decay": 0.5}), "decay of 0.5"),
        (("full", "senses", 9, 1e-5, {"layers": 2}), "takes no number of layers"),
        (("top_layers", "senses", 9, 1e-5, {}), "needs the number of layers"),
        (("top_layers", "senses", 9, 1e-5, {"layers": 5}), "4 layers: top_layers takes 1 to 4"),
        (("gradual_unfreezing", "senses", 1, 1e-5, {}), "at least two steps"),
        (("frozen_then_unfrozen", "senses", 1, 1e-5, {}), "at least two steps"),
    ],
)
def test_a_plan_that_is_not_right_says_what(ask: tuple[str, str, int, float, dict[str, object]], says: str) -> None:
    with pytest.raises(TrainingError, match=says):
        plans.plan(*ask[:4], depth=DEPTH, **ask[4])  # type: ignore[arg-type]


def test_a_timeline_has_the_rates_that_training_gives() -> None:
    config = run(
        Stage(10, {"layer.*": 2e-5}, "constant", "pairs"), Stage(40, {"layer.1": 1e-4, "*": 1e-5}, "cosine", "pairs")
    )
    spans = plans.timeline(config, 2)
    assert [(s.stage, s.group, s.begin, s.end) for s in spans] == [
        (0, "layer.0", 0, 10), (0, "layer.1", 0, 10),
        (1, "embeddings", 10, 40), (1, "layer.0", 10, 40), (1, "layer.1", 10, 40),
    ]  # fmt: skip
    assert spans[0].rates == (2e-5, 2e-5, 2e-5)
    last = [share_of_rate("cosine", step, 30, config.warmup) for step in range(30)]
    assert spans[-1].rates == pytest.approx((1e-4 * last[0], 1e-4 * max(last), 1e-4 * last[-1]))
    with pytest.raises(TrainingError, match=r"no group 'layer.1'"):
        plans.timeline(config, 1)


def test_of_a_table_of_words_only_the_head_learns_while_the_table_is_frozen() -> None:
    """A table has no layers: every plan gives stages that name groups it has, or one sentence."""
    groups = plans.groups(0, RunConfig("c", EncoderSpec("table"), (Stage(1, {"*": 1e-3}, objective="labels"),)))
    assert groups == ("embeddings", "head")

    def trained(kind: str) -> list[list[str]]:
        return [list(plans.stage_rates(stage, groups)) for stage in plans.plan(kind, "labels", 30, depth=0)]

    assert trained("full") == trained("discriminative") == [["embeddings", "head"]]
    assert trained("frozen_embeddings") == [["head"]]
    assert trained("frozen_then_unfrozen") == trained("gradual_unfreezing") == [["head"], ["embeddings", "head"]]
    for kind, objective, more in (
        ("lora", "labels", {}),
        ("top_layers", "labels", {"layers": 1}),
        ("frozen_embeddings", "pairs", {}),
        ("frozen_then_unfrozen", "senses", {}),
    ):
        with pytest.raises(TrainingError, match="A table of words has no layers"):
            plans.plan(kind, objective, 30, depth=0, **more)
    assert plans.plan("gradual_unfreezing", "pairs", 30, depth=0)[-1].train == {"embeddings": plans.ENCODER_RATE}
