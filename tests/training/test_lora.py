"""LoRA: the start is the start model, the weights beside it do not move, and merged it is the same model again."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from embedlab.encoders import files, loading
from embedlab.errors import ModelError
from embedlab.training import freezing
from embedlab.training.trainable import Trainable
from embedlab.types import Lora, Stage
from tests.training import tiny

Models = Callable[[str], Path]
IDS = torch.tensor([[2, 9, 17, 30, 8, 3], [2, 40, 11, 11, 6, 3]])


def encoder(folder: Path) -> torch.nn.Module:
    return loading.open_model(files.check_folder(folder), folder.name, "cpu")


def hidden(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=IDS).last_hidden_state
    return found


def train(model: Trainable, steps: int = 3) -> None:
    adam = freezing.optimiser(model, freezing.apply(model, Stage(steps, {"lora.*": 1e-2})), weight_decay=0.1)
    for _ in range(steps):
        adam.zero_grad(set_to_none=True)
        model.encoder(input_ids=IDS).last_hidden_state.pow(3).mean().backward()
        adam.step()


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_from_the_start_model_through_training_to_a_plain_model(kind: str, tiny_models: Models) -> None:
    start = encoder(tiny_models(kind))
    before, names = hidden(start), set(start.state_dict())
    weights = {name: p.clone() for name, p in start.named_parameters()}
    model = Trainable(start, "mean", ("a", "b"), lora=Lora(rank=3, alpha=6.0))
    assert torch.equal(hidden(model.encoder), before), "B starts at 0: the start is the start model, to the bit"

    train(model)
    after = hidden(model.encoder)
    assert (after - before).abs().max() > 1e-3, "the adapters learned something"
    left = {name.replace(".base_layer", ""): p for name, p in model.encoder.named_parameters() if "lora_" not in name}
    assert left.keys() == weights.keys()
    assert all(torch.equal(left[name], weights[name]) for name in weights), "and nothing else moved"

    drawn, adapted = torch.get_rng_state(), {name: p.clone() for name, p in model.named_parameters()}
    plain = model.merged_encoder()
    assert torch.equal(drawn, torch.get_rng_state()), "merging draws nothing"
    assert type(plain) is type(encoder(tiny_models(kind)))
    assert set(plain.state_dict()) == names
    assert torch.allclose(hidden(plain), after, atol=5e-6, rtol=1e-5)
    assert torch.equal(plain.get_input_embeddings().weight, weights_of_table(start, weights))
    assert all(torch.equal(p, adapted[name]) for name, p in model.named_parameters()), "the trained one is untouched"


def weights_of_table(start: torch.nn.Module, weights: dict[str, torch.Tensor]) -> torch.Tensor:
    name = next(n for n, p in start.named_parameters() if p is start.get_input_embeddings().weight)  # type: ignore[operator]
    return weights[name]


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_every_layer_is_adapted_alike_and_only_where_asked(kind: str, tiny_models: Models) -> None:
    attention = Trainable(encoder(tiny_models(kind)), "mean", lora=Lora(targets=("attention",))).named_groups()
    both = Trainable(
        encoder(tiny_models(kind)), "mean", lora=Lora(targets=("attention", "feed_forward"))
    ).named_groups()
    layers = [group for group in both if group.startswith("lora.")]
    assert len(layers) == sum(group.startswith("layer.") for group in both)
    for group in layers:
        assert len(attention[group]) in (4, 8), "two or four maps of attention, A and B of each"
        assert len(both[group]) == len(attention[group]) + 4, "and two of the feed-forward"
        assert attention[group].keys() < both[group].keys()


def test_the_merged_weight_is_that_of_the_paper(tiny_models: Models) -> None:
    """W + alpha / rank * B A, by hand, for a map that holds its weight as [out, in] and one that holds it turned."""
    for kind, path in (("bert", "encoder.layer.1.intermediate.dense"), ("gpt2", "h.1.mlp.c_fc")):
        model = Trainable(encoder(tiny_models(kind)), "mean", lora=Lora(rank=2, alpha=5.0))
        train(model, 2)
        held = dict(model.encoder.named_parameters())
        w, a, b = (
            held[f"{path}.{end}"] for end in ("base_layer.weight", "lora_A.default.weight", "lora_B.default.weight")
        )
        change = 2.5 * b @ a
        merged = dict(model.merged_encoder().named_parameters())[f"{path}.weight"]
        assert torch.allclose(merged, w + (change.T if kind == "gpt2" else change), atol=1e-7)


def test_the_adapters_follow_from_the_seed_and_carry_over_by_name(tiny_models: Models) -> None:
    def made(seed: int) -> Trainable:
        torch.manual_seed(seed)
        return Trainable(encoder(tiny_models("bert")), "mean", lora=Lora())

    one, same, other = made(1), made(1), made(2)
    a = "encoder.encoder.layer.0.attention.self.query.lora_A.default.weight"
    weights = [dict(model.named_parameters()) for model in (one, same, other)]
    assert torch.equal(weights[0][a], weights[1][a])
    assert not torch.equal(weights[0][a], weights[2][a])
    train(one)
    assert list(weights[0]) == list(weights[2]), "names do not depend on what was trained"
    other.load_state_dict(one.state_dict())
    assert torch.equal(hidden(other.encoder), hidden(one.encoder))


def test_a_model_without_the_maps_is_refused(tiny_models: Models) -> None:
    model = encoder(tiny_models("bert"))
    model.config.model_type = "distilbert"
    model.transformer = model.encoder
    with pytest.raises(ModelError, match=r"it has no transformer.layer.0.attention.q_lin"):
        Trainable(model, "mean", lora=Lora())
