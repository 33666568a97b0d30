"""A table of words under bidirectional LSTMs (Hochreiter & Schmidhuber 1997; Graves & Schmidhuber 2005)."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from embedlab.lineage.base import LineageConfig, LineageModel, drop_features, require_share, require_whole, words_table
from embedlab.lineage.kinds import KINDS


class Config(LineageConfig):
    """`lstm_size`: h, of one direction. `dropout`: of what a head reads and of what an upper LSTM reads, in training.

    `hidden_size` is 2 h. Raises ValueError where another one is. The head reads the maximum over the pieces, as that
    of Conneau et al. 2017.
    """

    model_type = KINDS["lstm"].model_type
    lstm_size: int = 100
    num_hidden_layers: int = 1
    hidden_size: int = 0
    dropout: float = 0.5
    head_pooling: str = "max"

    def __post_init__(self, **settings: object) -> None:
        require_whole("lstm_size", self.lstm_size)
        require_whole("num_hidden_layers", self.num_hidden_layers)
        require_share("dropout", self.dropout)
        if self.hidden_size not in (0, 2 * self.lstm_size):
            raise ValueError(f"hidden_size of an LSTM read both ways is twice its lstm_size, {2 * self.lstm_size}")
        self.hidden_size = 2 * self.lstm_size
        super().__post_init__(**settings)


class BothWays(nn.Module):
    """[forward; backward] at every piece; each direction starts from zero at its own end of the text."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.forwards = nn.LSTM(width, size, batch_first=True)
        self.backwards = nn.LSTM(width, size, batch_first=True)

    def forward(
        self, below: Float[Tensor, "text piece d"], lengths: Int64[Tensor, "text"]
    ) -> Float[Tensor, "text piece h2"]:
        # every text turned round within its own length, so that no direction reads padding before words
        places = torch.arange(below.shape[1], device=below.device)[None]
        turned = torch.where(places < lengths[:, None], lengths[:, None] - 1 - places, places)[..., None]
        ahead = self.forwards(below)[0]
        back = self.backwards(torch.take_along_dim(below, turned, dim=1))[0]
        return torch.cat([ahead, torch.take_along_dim(back, turned, dim=1)], dim=-1)


class Model(LineageModel):
    """Groups: embeddings, layer.0, and one more for each further LSTM."""

    config_class = Config
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.embeddings = words_table(config)
        widths = [config.embedding_size, *[config.hidden_size] * (config.num_hidden_layers - 1)]
        self.layers = nn.ModuleList(BothWays(width, config.lstm_size) for width in widths)
        self.post_init()

    def states(
        self, input_ids: Int64[Tensor, "text piece"], lengths: Int64[Tensor, "text"]
    ) -> list[Float[Tensor, "text piece d"]]:
        found = [self.get_input_embeddings()(input_ids)]
        for layer in self.layers:
            found.append(drop_features(layer(found[-1], lengths), self.config.dropout, self.training))
        return found
