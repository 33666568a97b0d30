"""AWD-LSTM: a language model of LSTMs with dropout on everything but time (Merity et al. 2018, the body of ULMFiT).

    layer 0        the table of words                      [d]       whole words dropped, one mask a text beside it
    layer 1 .. n   an LSTM each, left to right             [h] .. [d] its state-to-state weights dropped (DropConnect)
    decoder        the table again (tied) and a bias       [v]       logits of the next word

Every text starts from a zero state, and none is carried on into the next. All masks come from torch's generator, and
there are none while it only reads. Published (wt103): d = 400, h = 1152, three layers; a fresh one is smaller.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from embedlab.errors import ModelError
from embedlab.lineage.base import LineageConfig, LineageModel, drop_features, require_share, require_whole
from embedlab.lineage.kinds import KINDS

DROPOUTS = ("embedding_dropout", "input_dropout", "hidden_dropout", "weight_dropout", "output_dropout")


class Config(LineageConfig):
    """`lstm_size`: h, of all layers but the last, which is as wide as the table (`hidden_size` = `embedding_size`).

    Dropouts, by what they hold back: whole words of the table (`embedding_dropout`), what the first layer reads
    (`input_dropout`), what lies between the layers (`hidden_dropout`), the weights from a state to the next
    (`weight_dropout`), what the decoder reads (`output_dropout`). As fastai has them for its language models.
    """

    model_type = KINDS["awd-lstm"].model_type
    hidden_size: int = 0
    lstm_size: int = 256
    num_hidden_layers: int = 3
    embedding_dropout: float = 0.02
    input_dropout: float = 0.25
    hidden_dropout: float = 0.15
    weight_dropout: float = 0.2
    output_dropout: float = 0.1
    head_pooling: str = "concat"

    def __post_init__(self, **settings: object) -> None:
        require_whole("lstm_size", self.lstm_size)
        require_whole("num_hidden_layers", self.num_hidden_layers)
        for name in DROPOUTS:
            require_share(name, getattr(self, name))
        if self.hidden_size not in (0, self.embedding_size):
            raise ValueError(f"hidden_size {self.hidden_size} is not embedding_size {self.embedding_size}")
        self.hidden_size = self.embedding_size
        super().__post_init__(**settings)


class Decoder(nn.Module):
    """What the state at a word says of the one that follows: h E^T + b, E the table of words (Press & Wolf 2017)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(size))

    def forward(self, hidden: Float[Tensor, "*n d"], table: Float[Tensor, "v d"]) -> Float[Tensor, "*n v"]:
        return F.linear(hidden, table, self.bias)


class Model(LineageModel):
    """Groups: embeddings, layer.0, ...; the bias of the decoder belongs to whoever trains it as a language model."""

    config_class = Config
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        widths = [config.embedding_size, *[config.lstm_size] * (config.num_hidden_layers - 1), config.embedding_size]
        words = nn.Embedding(config.vocab_size, config.embedding_size)
        bound = math.sqrt(3 / config.embedding_size)  # rows of length 1: the published 0.1 at d = 400
        nn.init.uniform_(words.weight, -bound, bound)
        self.embeddings = nn.ModuleDict({"words": words})
        self.layers = nn.ModuleList(nn.LSTM(below, above, batch_first=True) for below, above in pairwise(widths))
        self.decoder = Decoder(config.vocab_size)
        self.post_init()

    def states(
        self, input_ids: Int64[Tensor, "text piece"], lengths: Int64[Tensor, "text"]
    ) -> list[Float[Tensor, "text piece d"]]:
        """See `LineageModel.states`. Padding stands behind the words and is read after them: it changes nothing.

        Dropout between the layers has one mask a text, the same at all its pieces (Gal & Ghahramani 2016).
        """
        c = self.config
        found = [self._table(input_ids)]
        below = drop_features(found[0], c.input_dropout, self.training)
        for lstm in self.layers:
            found.append(self._layer(lstm, below))
            below = drop_features(found[-1], c.hidden_dropout, self.training)
        return found

    def next_words(self, states: Sequence[Float[Tensor, "text piece d"]]) -> tuple[Float[Tensor, "text piece d"]]:
        """What names the word after each piece: the top layer, with dropout while training."""
        return (drop_features(states[-1], self.config.output_dropout, self.training),)

    def logits(self, states: Sequence[Float[Tensor, "text piece d"]]) -> Float[Tensor, "text piece v"]:
        """Of the word after each piece."""
        (forward,) = self.next_words(states)
        found: Tensor = self.decoder(forward, self.get_input_embeddings().weight)
        return found

    def _table(self, ids: Int64[Tensor, "text piece"]) -> Float[Tensor, "text piece d"]:
        """Rows of the table; while training a word is held back wherever it stands in the batch, or nowhere."""
        rows: Tensor = self.get_input_embeddings()(ids)
        p = self.config.embedding_dropout
        if not self.training or p == 0:
            return rows
        kept = F.dropout(rows.new_ones(self.config.vocab_size), p)
        return rows * kept[ids][..., None]

    def _layer(self, lstm: nn.Module, below: Float[Tensor, "text piece d"]) -> Float[Tensor, "text piece h"]:
        p = self.config.weight_dropout
        if not self.training or p == 0:
            read: Tensor = lstm(below)[0]
            return read
        w = dict(lstm.named_parameters())
        recurrent = F.dropout(w["weight_hh_l0"], p)
        weights = [w["weight_ih_l0"], recurrent, w["bias_ih_l0"], w["bias_hh_l0"]]
        zero = below.new_zeros(1, len(below), recurrent.shape[1])
        dropped: Tensor = torch.lstm(below, [zero, zero], weights, True, 1, 0.0, True, False, True)[0]
        return dropped


# ---- the published weights -------------------------------------------------------------------------------------------

UNKNOWN_WORD, PADDING = "xxunk", "xxpad"  # fastai's names; ours are the first two rows of every table


def order(words: Sequence[str], name: str = "The vocabulary") -> Int64[np.ndarray, "v"]:
    """Which row of fastai's table stands at each of ours: its padding first, then its unknown word, then the others.

    Raises ModelError, naming the vocabulary `name`, where it lacks one of the two or holds a word twice.
    """
    for sign in (PADDING, UNKNOWN_WORD):
        if words.count(sign) != 1:
            raise ModelError(f"{name} has no {sign}, or more than one: it is no vocabulary of fastai's.")
    signs = [words.index(PADDING), words.index(UNKNOWN_WORD)]
    others = np.setdiff1d(np.arange(len(words), dtype=np.int64), signs)
    return np.concatenate([np.array(signs, dtype=np.int64), others])


def from_fastai(tensors: Mapping[str, np.ndarray], words: Sequence[str], name: str = "The file") -> Model:
    """A model, decoder included, from fastai's state dict (0.encoder.weight, 0.rnns.0..., 1.decoder...) and vocabulary.

    Row i of the model is row `order(words)[i]` of the file. Raises ModelError, naming the file `name`, where a weight
    is missing, of another shape than the others ask for or not finite, where the decoder is not tied to the table, and
    where the words are not as many as the rows.
    """
    place = order(words)
    table = _tensor(tensors, "0.encoder.weight", 2, name)
    if len(table) != len(words):
        raise ModelError(
            f"{name} has a table of {len(table):,} words, and the vocabulary has {len(words):,}: they do not belong "
            "together."
        )
    decoder = _tensor(tensors, "1.decoder.weight", 2, name) if "1.decoder.weight" in tensors else table
    if not np.array_equal(decoder, table):
        raise ModelError(f"{name} has a decoder of its own beside the table of words: only tied ones are read.")
    depth = sum(key.startswith("0.rnns.") and key.endswith(".weight_hh_l0_raw") for key in tensors)
    if depth < 1:
        raise ModelError(f"{name} holds no LSTM under 0.rnns: it is no AWD-LSTM of fastai's.")
    bias = _tensor(tensors, "1.decoder.bias", 1, name) if "1.decoder.bias" in tensors else np.zeros(len(table))
    if len(bias) != len(table):
        raise ModelError(f"{name} has a decoder of {len(bias):,} words over a table of {len(table):,}: it is damaged.")
    state = {"embeddings.words.weight": table[place], "decoder.bias": bias[place]}
    size = _tensor(tensors, "0.rnns.0.weight_hh_l0_raw", 2, name).shape[1]
    if not size or not table.size:
        raise ModelError(f"{name} has weights of no size, which cannot be: it is damaged.")
    config = Config(
        vocab_size=len(table), embedding_size=int(table.shape[1]), lstm_size=int(size), num_hidden_layers=int(depth)
    )
    for i in range(depth):
        for own, key in (
            ("weight_ih_l0", f"0.rnns.{i}.module.weight_ih_l0"),
            ("weight_hh_l0", f"0.rnns.{i}.weight_hh_l0_raw"),
            ("bias_ih_l0", f"0.rnns.{i}.module.bias_ih_l0"),
            ("bias_hh_l0", f"0.rnns.{i}.module.bias_hh_l0"),
        ):
            state[f"layers.{i}.{own}"] = _tensor(tensors, key, 2 if "weight" in own else 1, name)
    with torch.device("meta"):
        model = Model(config)
    for key, wanted in model.state_dict().items():
        if state[key].shape != tuple(wanted.shape):
            raise ModelError(
                f"{name} has {key} of shape {state[key].shape}, where its other weights ask for {tuple(wanted.shape)}."
            )
    weights = {key: torch.from_numpy(np.array(array, dtype=np.float32)) for key, array in state.items()}
    model.load_state_dict(weights, assign=True)
    return model.eval()


def _tensor(tensors: Mapping[str, np.ndarray], key: str, axes: int, name: str) -> np.ndarray:
    if key not in tensors:
        raise ModelError(f"{name} lacks {key}: it is no AWD-LSTM of fastai's.")
    found = tensors[key]
    if found.ndim != axes or found.dtype.kind != "f" or not np.isfinite(found).all():
        raise ModelError(f"{name} has a weight {key} that is not {axes}-dimensional or not finite: it is damaged.")
    return found
