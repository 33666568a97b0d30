from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from embedlab.encoders import files, loading
from embedlab.errors import ModelError, TrainingError
from embedlab.training import freezing, plans
from embedlab.training.trainable import Trainable
from embedlab.types import RunConfig, Stage
from tests.training import tiny

Models = Callable[[str], Path]


def trainable(folder: Path, classes: tuple[str, ...] = ()) -> Trainable:
    return Trainable(loading.open_model(files.check_folder(folder), folder.name, "cpu"), "mean", classes)


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_groups_come_bottom_to_top_and_miss_only_the_pooler(kind: str, tiny_models: Models) -> None:
    model = trainable(tiny_models(kind), ("a", "b"))
    groups = model.named_groups()
    layers = ["layer.0"] if kind == "albert" else ["layer.0", "layer.1"]
    assert list(groups) == ["embeddings", *layers, "head"]
    assert all(groups.values())
    taken = [name for members in groups.values() for name in members]
    assert len(taken) == len(set(taken)), "no parameter is in two groups"
    left = {name for name, _ in model.named_parameters()} - set(taken)
    assert all("pooler" in name for name in left), left
    vocabulary = max(p.numel() for p in groups["embeddings"].values())
    assert vocabulary == max(p.numel() for p in model.encoder.parameters()), "the token table is in the first group"


def test_a_kind_without_an_anatomy_is_refused(tiny_models: Models) -> None:
    model = trainable(tiny_models("bert"))
    model.encoder.config.model_type = "other"
    with pytest.raises(ModelError, match="other cannot be trained"):
        model.named_groups()


@pytest.mark.parametrize("kind", ["bert", "distilbert", "gpt2"])
def test_frozen_groups_move_by_exactly_nothing(kind: str, tiny_models: Models) -> None:
    model = trainable(tiny_models(kind))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    stages = (Stage(2, {"*": 1e-2}), Stage(4, {"layer.1": 1e-2}))  # the second must not be moved by the first's memory
    for number, stage in enumerate(stages):
        if number == 1:
            before = {name: p.detach().clone() for name, p in model.named_parameters()}
        adam = freezing.optimiser(model, freezing.apply(model, stage), weight_decay=0.5)
        for _ in range(3):
            adam.zero_grad(set_to_none=True)
            model.encoder(input_ids=torch.randint(5, 40, (3, 7))).last_hidden_state.pow(2).mean().backward()
            adam.step()
    top = set(model.named_groups()["layer.1"])
    for name, parameter in model.named_parameters():
        if name in top:
            assert not torch.equal(parameter, before[name]), name
        else:
            assert torch.equal(parameter, before[name]), name


def test_biases_and_norms_do_not_decay(tiny_models: Models) -> None:
    model = trainable(tiny_models("bert"))
    adam = freezing.optimiser(model, freezing.apply(model, Stage(1, {"*": 1e-3})), weight_decay=0.1)
    for part in adam.param_groups:
        assert all((p.ndim > 1) == (part["weight_decay"] > 0) for p in part["params"])


def test_the_first_key_that_fits_counts() -> None:
    groups = ["embeddings", "layer.0", "layer.1", "head"]
    assert freezing.rates({"head": 1.0, "layer.1": 0.5, "*": 0.1}, groups) == {
        "embeddings": 0.1,
        "layer.0": 0.1,
        "layer.1": 0.5,
        "head": 1.0,
    }
    assert freezing.rates({"layer.*": 0.5}, groups) == {"layer.0": 0.5, "layer.1": 0.5}
    with pytest.raises(TrainingError, match=r"no group 'layer.7'.*embeddings, layer.0"):
        freezing.rates({"*": 1.0, "layer.7": 0.5}, groups)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine", "stlr"])
@pytest.mark.parametrize("steps", [1, 2, 7, 200])
def test_schedules_stay_above_nothing_and_reach_their_peak(schedule: str, steps: int) -> None:
    shares = [freezing.share_of_rate(schedule, step, steps, 0.1) for step in range(steps)]  # type: ignore[arg-type]
    assert all(0 < share <= 1 for share in shares)
    if steps >= 7:
        assert max(shares) > 0.95
    if schedule != "constant" and steps == 200:
        assert shares.index(max(shares)) in (19, 20)
        assert shares[-1] < 0.05


def test_plans_say_what_trains_when() -> None:
    assert plans.full("labels", 10)[0].train == {"head": plans.HEAD_RATE, "*": plans.ENCODER_RATE}
    assert "embeddings" not in freezing.rates(plans.frozen_embeddings("senses", 10)[0].train, ["embeddings", "layer.0"])
    thaw = plans.plan("frozen_then_unfrozen", "pairs", 9, 3e-5)
    assert [stage.until_step for stage in thaw] == [3, 9]
    config = RunConfig("c", tiny.EncoderSpec("m"), thaw)
    assert [freezing.stage_at(config, step) for step in (0, 2, 3, 8)] == [(0, 0), (0, 0), (1, 3), (1, 3)]
    for wrong, reason in ((("none", "senses", 9, 1e-5), "no plan"), (("full", "senses", 0, 1e-5), "at least one step")):
        with pytest.raises(TrainingError, match=reason):
            plans.plan(*wrong)
    with pytest.raises(TrainingError, match="rate"):
        plans.plan("full", "senses", 9, 5.0)
