"""A table of words under filters of a few words' width (Kim 2014, "Convolutional Neural Networks for Sentence
Classification"): the head reads each filter's strongest answer in the text.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from embedlab.lineage.base import (
    LineageConfig,
    LineageModel,
    drop_features,
    inside,
    require_share,
    require_whole,
    words_table,
)
from embedlab.lineage.kinds import KINDS

WIDEST = 64  # words under one filter


class Config(LineageConfig):
    """`windows`: the widths of the filters, in words; `filters`: how many of each. `dropout`: of what the head reads.

    Kim's: windows of 3, 4 and 5, 100 filters each, dropout of a half. `hidden_size` is filters times windows. Raises
    ValueError where another one is.
    """

    model_type = KINDS["cnn"].model_type
    windows: tuple[int, ...] | list[int] = (3, 4, 5)
    filters: int = 100
    num_hidden_layers: int = 1
    hidden_size: int = 0
    dropout: float = 0.5
    head_pooling: str = "max"

    def __post_init__(self, **settings: object) -> None:
        require_whole("filters", self.filters)
        require_share("dropout", self.dropout)
        if not isinstance(self.windows, list | tuple) or not 1 <= len(self.windows) <= WIDEST:
            raise ValueError("windows are the widths of the filters, for instance 3, 4, 5")
        for width in self.windows:
            require_whole("a window", width)
            if width > WIDEST:
                raise ValueError(f"a window has at most {WIDEST} words, not {width}")
        if self.num_hidden_layers != 1:
            raise ValueError("num_hidden_layers of a CNN is 1: its filters stand side by side")
        width = self.filters * len(self.windows)
        if self.hidden_size not in (0, width):
            raise ValueError(f"hidden_size of a CNN is filters times windows, {width}")
        self.hidden_size = width
        super().__post_init__(**settings)


class Filters(nn.Module):
    """relu(filters) at every piece, the filter centred there: of an even window the longer half lies ahead.

    Beyond the ends of a text all vectors are 0, as in Kim's own code.
    """

    def __init__(self, width: int, filters: int, windows: tuple[int, ...]) -> None:
        super().__init__()
        self.windows = windows
        self.convolutions = nn.ModuleList(nn.Conv1d(width, filters, window) for window in windows)

    def forward(
        self, below: Float[Tensor, "text piece d"], lengths: Int64[Tensor, "text"]
    ) -> Float[Tensor, "text piece f"]:
        rows = (below * inside(lengths, below.shape[1])).transpose(1, 2)
        found = [
            convolution(F.pad(rows, ((window - 1) // 2, window // 2)))
            for window, convolution in zip(self.windows, self.convolutions, strict=True)
        ]
        return torch.cat(found, dim=1).relu().transpose(1, 2)


class Model(LineageModel):
    """Groups: embeddings, layer.0 (all filters)."""

    config_class = Config
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.embeddings = words_table(config)
        self.layers = nn.ModuleList([Filters(config.embedding_size, config.filters, tuple(config.windows))])
        self.post_init()

    def states(
        self, input_ids: Int64[Tensor, "text piece"], lengths: Int64[Tensor, "text"]
    ) -> list[Float[Tensor, "text piece d"]]:
        table: Tensor = self.get_input_embeddings()(input_ids)
        (filters,) = self.layers
        return [table, drop_features(filters(table, lengths), self.config.dropout, self.training)]
