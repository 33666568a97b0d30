"""Linear layers on the CPU with weights packed for oneDNN: up to twice as fast as MKL on AMD, about equal on Intel.

fp32 stays fp32 (another order of the same sums). In bf16 the products are bf16 and what lies between the layers fp32.
The GELU after a layer of BERT and its kin is done while the layer's output is still near (7 % of the whole).
Where this build of torch cannot pack, or a packed layer would give other numbers, the layer stays as it was.
"""

from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers.activations import GELUActivation
from transformers.pytorch_utils import Conv1D

# oneDNN adds up a whole row of weights in one go. For rows of 1,536 this costs a tenth of the precision: the last layer
# of the bundled model is 1.01e-6 from float64, where MKL has 9.2e-7 and oneDNN in two halves 9.3e-7.
LONGEST_SUM = 768
LONG_ROW = 1024
TOLERANCE = {torch.float32: 1e-6, torch.bfloat16: 2e-2}  # relative L2, against the plain layer


class PackedLinear(nn.Module):
    """y = x W^T + b, then perhaps GELU; for inference only. Any float type in, the type of the packed weights out."""

    def __init__(self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype, gelu: bool = False) -> None:
        super().__init__()
        width = weight.shape[1]
        parts = weight.detach().to(dtype).split(width if width <= LONG_ROW else LONGEST_SUM, dim=1)
        self.packed = [torch.ops.mkldnn._reorder_linear_weight(part.contiguous()) for part in parts]
        self.bias = None if bias is None else bias.detach().to(dtype)
        self.dtype = dtype
        self.gelu = gelu

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(self.dtype)
        if len(self.packed) == 1:
            name, how = ("gelu", "none") if self.gelu else ("none", "")  # GELU "none": the exact one, by erf
            return torch.ops.mkldnn._linear_pointwise(x, self.packed[0], self.bias, name, [], how)
        first, *others = x.split(LONGEST_SUM, dim=-1)
        y = torch.ops.mkldnn._linear_pointwise(first.contiguous(), self.packed[0], self.bias, "none", [], "")
        for part, weight in zip(others, self.packed[1:], strict=True):
            y = torch.ops.mkldnn._linear_pointwise.binary(part.contiguous(), y, weight, None, "add")
        return nn.functional.gelu(y) if self.gelu else y


def pack(model: nn.Module, dtype: torch.dtype) -> int:
    """Replace the linear layers of a model by packed ones; returns how many were."""
    if not torch.backends.mkldnn.is_available():
        return 0
    count = 0
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            act = _act_after(parent, name)
            packed = _packed(layer, dtype, act)
            if packed is not None:
                setattr(parent, name, packed)
                if act is not None:
                    setattr(parent, "intermediate_act_fn", nn.Identity())  # noqa: B010
                count += 1
    return count


def _act_after(parent: nn.Module, name: str) -> nn.Module | None:
    """The exact GELU that follows a layer: BertIntermediate and its kin hold a `dense` and then the activation."""
    if name != "dense" or not type(parent).__name__.endswith("Intermediate"):
        return None
    act = dict(parent.named_children()).get("intermediate_act_fn")
    return act if type(act) is GELUActivation else None


def _packed(layer: nn.Module, dtype: torch.dtype, act: nn.Module | None) -> PackedLinear | None:
    """The packed twin of a linear layer, if it is no slower and gives the same numbers."""
    if type(layer) is nn.Linear:
        weight, bias = layer.weight, layer.bias
    elif type(layer) is Conv1D:  # GPT-2 keeps its weights the other way round
        weight, bias = layer.weight.T, layer.bias
    else:
        return None
    if dtype == torch.float32 and weight.shape[1] > LONG_ROW and _on_intel():
        return None
    with torch.inference_mode():
        probe = torch.linspace(-1, 1, 3 * weight.shape[1]).reshape(3, -1)
        truth = layer(probe) if act is None else act(layer(probe))
        try:
            packed = PackedLinear(weight, bias, dtype, gelu=act is not None)
            error = (packed(probe).float() - truth).norm()
        except (RuntimeError, AttributeError):  # another torch build, or a CPU without bf16
            return None
    return packed if bool(error <= TOLERANCE[dtype] * truth.norm()) else None


@cache
def _on_intel() -> bool:
    """MKL is as fast as oneDNN on Intel's processors alone, and then long rows need no halves."""
    about = Path("/proc/cpuinfo")
    return about.is_file() and "GenuineIntel" in about.read_text(errors="replace")
