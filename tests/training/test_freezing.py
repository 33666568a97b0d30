from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from embedlab.encoders import files, loading
from embedlab.errors import ModelError, TrainingError
from embedlab.training import freezing, mlm, plans
from embedlab.training.anatomy import groups_of_layers
from embedlab.training.trainable import Trainable
from embedlab.types import Lora, Stage
from tests.training import tiny

Models = Callable[[str], Path]


def trainable(folder: Path, classes: tuple[str, ...] = (), adapters: Lora | None = None) -> Trainable:
    encoder = loading.open_model(files.check_folder(folder), folder.name, "cpu")
    return Trainable(encoder, "mean", classes, lora=adapters)


@pytest.mark.parametrize("adapters", [None, Lora()])
@pytest.mark.parametrize("kind", tiny.KINDS)
def test_groups_come_bottom_to_top_and_miss_only_the_pooler(
    kind: str, adapters: Lora | None, tiny_models: Models
) -> None:
    model = trainable(tiny_models(kind), ("a", "b"), adapters)
    groups = model.named_groups()
    config = tiny.RunConfig("c", tiny.EncoderSpec("m"), (Stage(1, {"*": 1.0}, objective="labels"),), lora=adapters)
    assert tuple(groups) == plans.groups(model.depth, config), "the screen's groups are the model's"
    assert model.depth == groups_of_layers(files.check_folder(tiny_models(kind)).config)
    assert all(groups.values())
    taken = [name for members in groups.values() for name in members]
    assert len(taken) == len(set(taken)), "no parameter is in two groups"
    left = {name for name, _ in model.named_parameters()} - set(taken)
    assert all("pooler" in name for name in left), left
    assert all(("lora_" in name) == group.startswith("lora.") for group, named in groups.items() for name in named)
    vocabulary = max(p.numel() for p in model.encoder.parameters())
    assert vocabulary == max(p.numel() for p in groups["embeddings"].values()), "the token table is in the first group"
    assert any(p is model.table for p in groups["embeddings"].values())


def test_a_head_of_hidden_pieces_is_a_group_of_its_own(tiny_models: Models) -> None:
    folder = tiny_models("bert")
    source = files.check_folder(folder)
    encoder = loading.open_model(source, "bert", "cpu")
    head, _ = mlm.open_head(source, encoder)
    model = Trainable(encoder, "mean", ("a", "b"), mlm=head)
    assert list(model.named_groups())[-2:] == ["mlm_head", "head"]
    assert set(model.named_groups()["mlm_head"]) == {f"mlm.{name}" for name, _ in head.named_parameters()}
    freezing.apply(model, Stage(1, {"*": 1e-3}, objective="mlm"))
    assert not any(name.startswith("head.") for name in freezing.trained(model)), "nothing teaches it in this stage"


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
    assert plans.rates({"head": 1.0, "layer.1": 0.5, "*": 0.1}, groups) == {
        "embeddings": 0.1,
        "layer.0": 0.1,
        "layer.1": 0.5,
        "head": 1.0,
    }
    assert plans.rates({"layer.*": 0.5}, groups) == {"layer.0": 0.5, "layer.1": 0.5}
    with pytest.raises(TrainingError, match=r"no group 'layer.7'.*embeddings, layer.0"):
        plans.rates({"*": 1.0, "layer.7": 0.5}, groups)


def test_a_step_is_adamw_written_out_by_hand(tiny_models: Models) -> None:
    """Three steps of Loshchilov & Hutter's AdamW in float64: m, v, their bias correction, decay apart from both."""
    model = trainable(tiny_models("bert"), ("a", "b"))
    chosen = freezing.apply(model, Stage(3, {"head": 1e-2, "layer.1": 2e-3}))
    adam = freezing.optimiser(model, chosen, weight_decay=0.3)
    rate_of = {name: chosen[group] for group in chosen for name in model.named_groups()[group]}
    weights = {name: p.detach().double().clone() for name, p in freezing.trained(model).items()}
    assert weights.keys() == rate_of.keys()
    m = {name: torch.zeros_like(w) for name, w in weights.items()}
    v = {name: torch.zeros_like(w) for name, w in weights.items()}
    b1, b2 = 0.9, 0.999
    for t, share in enumerate((0.5, 1.0, 0.25), 1):
        torch.manual_seed(t)
        for p in freezing.trained(model).values():
            p.grad = torch.randn_like(p)
        freezing.set_rate(adam, share)
        for name, p in freezing.trained(model).items():
            gradient, rate = p.grad.double(), rate_of[name] * share  # type: ignore[union-attr]
            m[name] = b1 * m[name] + (1 - b1) * gradient
            v[name] = b2 * v[name] + (1 - b2) * gradient**2
            decay = 0.3 if p.ndim > 1 else 0.0
            step = (m[name] / (1 - b1**t)) / ((v[name] / (1 - b2**t)).sqrt() + 1e-8)
            weights[name] = weights[name] - rate * decay * weights[name] - rate * step
        adam.step()
    for name, p in freezing.trained(model).items():
        assert torch.allclose(p.double(), weights[name], atol=2e-7, rtol=1e-6), name
