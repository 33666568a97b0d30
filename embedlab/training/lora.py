"""LoRA (Hu et al. 2021) through peft: low-rank adapters beside the linear maps of the layers, and their way back in.

W x becomes W x + alpha / rank * B A x. B starts at 0, so the adapted model is the start model to the bit.
"""

import copy
from typing import Any

import torch
from torch import nn

from embedlab.errors import ModelError
from embedlab.training.anatomy import anatomy
from embedlab.types import Lora

ADAPTER = "default"  # peft's name for an adapter that needs none
MARKS = ("lora_A", "lora_B")  # in the names of an adapter's parameters; peft calls the weights beside it base_layer


def _config(encoder: Any, lora: Lora) -> Any:
    """peft's LoraConfig for this encoder: every adapted map by its full name. Raises ModelError where there is none."""
    from peft import LoraConfig

    kind = str(encoder.config.model_type)
    plan = anatomy(kind)
    paths = plan.targets(lora.targets)
    maps = {name for name, module in encoder.named_modules() if not list(module.children())}
    layers = range(len(encoder.get_submodule(plan.layers)))
    names = [f"{plan.layers}.{i}.{path}" for i in layers for path in paths]
    absent = [name for name in names if name not in maps]
    if absent:
        raise ModelError(
            f"LoRA does not fit this model of kind {kind}: it has no {absent[0]}. Train it with another plan."
        )
    sizes: dict[str, Any] = {"r": lora.rank, "lora_alpha": lora.alpha, "lora_dropout": lora.dropout}
    return LoraConfig(**sizes, target_modules=names, fan_in_fan_out=plan.transposed, bias="none")


def adapt(encoder: Any, lora: Lora) -> None:
    """Put adapters into an encoder, in place. A is drawn from torch's generator: seed it before."""
    from peft import inject_adapter_in_model

    inject_adapter_in_model(_config(encoder, lora), encoder, adapter_name=ADAPTER)


def is_adapter(name: str) -> bool:
    """Whether a parameter of this name belongs to an adapter."""
    return any(f".{mark}." in name for mark in MARKS)


def merged(encoder: Any) -> Any:
    """A plain transformers model with W + alpha / rank * B A in place of each adapted W; `encoder` stays as it is.

    What no adapter touches is shared with `encoder`, to the bit and without a copy: read it, do not train it.
    """
    from peft.tuners.lora import Linear

    with torch.no_grad():
        state = {}
        for name, tensor in encoder.state_dict().items():
            if not is_adapter(name):
                state[name.replace(".base_layer.", ".")] = tensor
        for name, module in encoder.named_modules():
            if isinstance(module, Linear):
                plain_map: Any = module.base_layer  # nn.Linear or GPT-2's Conv1D
                state[f"{name}.weight"] = plain_map.weight + module.get_delta_weight(ADAPTER)
    settings = copy.deepcopy(encoder.config)
    with torch.device("meta"):  # neither memory nor a draw from the generators
        plain = type(encoder)._from_config(settings, attn_implementation=settings._attn_implementation)
    plain.load_state_dict(state, assign=True)
    _share_buffers(plain, encoder)
    return plain.eval().requires_grad_(False)


def _share_buffers(plain: nn.Module, encoder: nn.Module) -> None:
    """Buffers that are in no state dict: positions, rotary frequencies."""
    for name, buffer in plain.named_buffers():
        if buffer.is_meta:
            owner, _, last = name.rpartition(".")
            plain.get_submodule(owner).register_buffer(last, encoder.get_buffer(name), persistent=False)
