"""Packed linear layers: the same numbers as plain ones, in the same shapes, or no packing at all."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertIntermediate
from transformers.pytorch_utils import Conv1D

from embedlab.encoders import packing
from embedlab.encoders.packing import LONGEST_SUM, PackedLinear, pack

needs_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")


@needs_onednn
@given(st.integers(1, 70), st.sampled_from([1, 7, 64, LONGEST_SUM, LONGEST_SUM + 5, 4 * LONGEST_SUM]), st.booleans())
@settings(max_examples=25)
def test_a_packed_layer_is_the_plain_one(rows: int, width: int, bias: bool) -> None:
    generator = torch.Generator().manual_seed(rows)
    layer = nn.Linear(width, 48, bias=bias).requires_grad_(False)
    x = torch.randn(2, rows, width, generator=generator)
    with torch.inference_mode():
        truth = layer.double()(x.double())
        ours = PackedLinear(layer.weight.float(), layer.bias.float() if bias else None, torch.float32)(x)
    assert ours.shape == truth.shape
    assert ours.dtype == torch.float32
    assert float((ours - truth).norm() / truth.norm()) < 1e-6


@needs_onednn
def test_all_kinds_of_linear_layers_are_replaced_and_nothing_else() -> None:
    model = nn.Sequential(nn.Linear(8, 8), Conv1D(12, 8), nn.LayerNorm(12), nn.Sequential(nn.Linear(12, 4, bias=False)))
    x = torch.randn(3, 5, 8)
    with torch.inference_mode():
        before = model(x)
        assert pack(model, torch.float32) == 3
        torch.testing.assert_close(model(x), before, rtol=1e-5, atol=1e-6)
    assert [type(m).__name__ for m in model.modules() if isinstance(m, nn.Linear | Conv1D)] == []
    assert isinstance(model[2], nn.LayerNorm)


@needs_onednn
@pytest.mark.parametrize("width", [64, 3 * LONGEST_SUM])
@pytest.mark.parametrize("intel", [True, False])
def test_the_gelu_of_bert_is_done_with_its_layer(width: int, intel: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_on_intel", lambda: intel)
    config = BertConfig(hidden_size=width, intermediate_size=96)
    part = BertIntermediate(config).requires_grad_(False)
    x = torch.randn(2, 7, width, generator=torch.Generator().manual_seed(1)) * 3
    with torch.inference_mode():
        before = part(x)
        assert pack(part, torch.float32) == (0 if intel and width > 1024 else 1)
        torch.testing.assert_close(part(x), before, rtol=1e-5, atol=2e-6)


@needs_onednn
def test_the_same_row_in_another_batch_has_the_same_bits() -> None:
    generator = torch.Generator().manual_seed(0)
    layer = PackedLinear(torch.randn(96, 2 * LONGEST_SUM, generator=generator), None, torch.float32)
    x = torch.randn(300, 2 * LONGEST_SUM, generator=generator)
    with torch.inference_mode():
        every = layer(x)
        for size in (1, 2, 5, 16, 17, 64, 299):
            assert torch.equal(layer(x[:size]), every[:size])
            assert torch.equal(layer(x[-size:]), every[-size:])


def test_without_onednn_the_model_stays_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    model = nn.Sequential(nn.Linear(4, 4))
    assert pack(model, torch.float32) == 0
    assert type(model[0]) is nn.Linear


@needs_onednn
def test_a_layer_that_would_give_other_numbers_stays_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PackedLinear, "forward", lambda self, x: torch.zeros(*x.shape[:-1], 4))
    model = nn.Sequential(nn.Linear(4, 4))
    assert pack(model, torch.float32) == 0
    assert type(model[0]) is nn.Linear
