"""Texts one after the other, without padding: linear maps see one long row of pieces, attention each text by itself.

For CPUs, where padding is arithmetic like any other. On a GPU attention text by text is many small kernels, and packs
of like length are faster. Only kinds that learn the place of a piece from its number, which is given: relative
positions and windows are counted along the row.
"""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch import cat as joined
from torch.nn import functional as F
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

KINDS = ("bert", "roberta", "xlm-roberta", "camembert", "electra", "ernie", "distilbert", "albert")
NAME = "text_by_text"  # of the attention, as transformers knows it

Run = tuple[int, int]  # texts of one length that follow each other: how many, and how long


def able(encoder: Any) -> bool:
    """Whether an encoder can read texts so."""
    return encoder.config.model_type in KINDS and encoder.config._attn_implementation in ("sdpa", NAME)


def attend(
    module: nn.Module,
    query: Float[Tensor, "1 head piece c"],
    key: Float[Tensor, "1 head piece c"],
    value: Float[Tensor, "1 head piece c"],
    attention_mask: Tensor | None,
    *,
    runs: Sequence[Run] | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **other: Any,
) -> tuple[Tensor, None]:
    """Attention within each text of `runs`, as [1 piece head c]; without `runs` that of transformers."""
    if runs is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **other
        )
    sizes = [texts * length for texts, length in runs]
    # split, not slices: its gradient is one concatenation instead of a sum of padded parts
    parts = (x[0].transpose(0, 1).split(sizes) for x in (query, key, value))
    found = []
    for run, *three in zip(runs, *parts, strict=True):
        q, k, v = (x.unflatten(0, run).transpose(1, 2) for x in three)
        seen = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scaling)
        found.append(seen.transpose(1, 2).flatten(0, 1))
    return joined(found)[None], None


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, sdpa_mask)
