"""What every model of the lineage has in common: it looks like a model of transformers from outside.

So the encoders read it, the training core trains it and its folder is written and opened as any other.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from embedlab.lineage.kinds import HEAD_POOLINGS, PREFIX, SPECIAL

PAD, UNKNOWN = range(len(SPECIAL))  # the first two rows of every table of words: "[PAD]", "[UNK]"


class LineageConfig(PretrainedConfig):
    """Sizes that every kind has. A kind adds its own as fields with defaults, and its `model_type`.

    `vocab_size`: rows of the table; `embedding_size`: its width; `hidden_size`: the width of the last layer;
    `head_pooling`: how the last layer becomes what a head reads (mean, max, or last, max and mean side by side).
    `coverage`: the share, in [0, 1], of the words of the corpus it was made on whose vectors came from a table; None
    where no table was given. Raises ValueError for sizes and settings that cannot be.
    """

    model_type = PREFIX
    pad_token_id: int = PAD
    vocab_size: int = 2
    embedding_size: int = 100
    hidden_size: int = 100
    num_hidden_layers: int = 0
    max_position_embeddings: int = 4096
    head_pooling: str = "mean"
    coverage: float | None = None

    def __post_init__(self, **settings: object) -> None:
        for name in ("vocab_size", "embedding_size", "hidden_size", "max_position_embeddings"):
            require_whole(name, getattr(self, name))
        if self.head_pooling not in HEAD_POOLINGS:
            raise ValueError(f"head_pooling is one of {', '.join(HEAD_POOLINGS)}, not {str(self.head_pooling)[:40]!r}")
        super().__post_init__(**settings)


def require_whole(name: str, value: object, low: int = 1) -> None:
    """Raises ValueError where a setting is no whole number from `low`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ValueError(f"{name} is a whole number from {low}, not {str(value)[:40]!r}")


def require_share(name: str, value: object) -> None:
    """Raises ValueError where a setting is no number in [0, 1)."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1:
        raise ValueError(f"{name} is a number from 0 and below 1, not {str(value)[:40]!r}")


def words_table(config: LineageConfig) -> nn.ModuleDict:
    """The table as most kinds keep it: fresh rows standard normal, as those of nn.Embedding, that of padding 0."""
    return nn.ModuleDict({"words": nn.Embedding(config.vocab_size, config.embedding_size, padding_idx=PAD)})


class LineageModel(PreTrainedModel):
    """Give `states`; the rest follows. Group names are those of every model: embeddings, layer.0, layer.1, ...

    Subclasses set `config_class`, keep their table of words in `embeddings` (an nn.Embedding in
    `embeddings.words`, unless words are read otherwise), their layers in `layers` (an nn.ModuleList), and end
    __init__ with `self.post_init()`.
    """

    config_class: type[LineageConfig]
    base_model_prefix = ""
    _supports_sdpa = True  # there is no attention: any will do
    embeddings: nn.Module
    layers: nn.ModuleList

    def states(
        self, input_ids: Int64[Tensor, "text piece"], lengths: Int64[Tensor, "text"]
    ) -> list[Float[Tensor, "text piece d"]]:
        """The vectors of every piece at the table of words and at each layer above it; widths may differ.

        `lengths`: pieces of each text; what stands behind them is padding, whose vectors nobody reads and which must
        not change the others.
        """
        raise NotImplementedError

    def forward(
        self,
        input_ids: Int64[Tensor, "text piece"],
        attention_mask: Tensor | None = None,
        **_: Any,
    ) -> BaseModelOutput:
        if attention_mask is None:
            lengths = torch.full((len(input_ids),), input_ids.shape[1], device=input_ids.device)
        else:
            lengths = attention_mask.sum(1)
        states = self.states(input_ids, lengths)
        return BaseModelOutput(last_hidden_state=states[-1], hidden_states=tuple(states))

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.get_submodule("words")

    def _init_weights(self, module: nn.Module) -> None:
        """Torch's own initialisation stands, which draws from its seeded generator."""


def inside(lengths: Int64[Tensor, "text"], longest: int) -> Bool[Tensor, "text piece 1"]:
    """True at the pieces of each text, False at the padding behind them."""
    return (torch.arange(longest, device=lengths.device)[None] < lengths[:, None])[..., None]


def drop_features(states: Float[Tensor, "text piece d"], share: float, training: bool) -> Float[Tensor, "text piece d"]:
    """Dropout with one mask a text, the same at all its pieces.

    The mean and the maximum over pieces are then the dropped-out mean and maximum, so this is dropout of the vector
    that a head reads, wherever it is pooled.
    """
    mask = F.dropout(torch.ones_like(states[:, :1]), share, training)
    return states * mask if training and share > 0 else states
