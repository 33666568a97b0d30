"""CoVe: the encoder of a translation model over a table of words (McCann et al. 2017, "Learned in Translation").

    layer 0           the table of words (GloVe)                     [d]
    layers 1, 2       a bidirectional LSTM each, [forward; backward] [2 h]
    layer 3, the last [layer 0; layer 2], what the paper gives on    [d + 2 h]
Published: d = 300, h = 300. Layer 3 stands for the vector [GloVe; CoVe]; it has no weights of its own.
"""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from embedlab.errors import ModelError
from embedlab.lineage.base import LineageConfig, LineageModel, require_share, require_whole, words_table
from embedlab.lineage.kinds import KINDS
from embedlab.lineage.lstm import BothWays

GATES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
DIRECTIONS = {"": "forwards", "_reverse": "backwards"}  # as published: as BothWays has them


class Config(LineageConfig):
    """`lstm_size`: h, of one direction. `dropout`: of the input of every layer while training (McCann et al.: 0.2).

    `hidden_size` is d + 2 h and need not be given. Raises ValueError where another one is.
    """

    model_type = KINDS["cove"].model_type
    embedding_size: int = 300
    lstm_size: int = 300
    num_hidden_layers: int = 2
    hidden_size: int = 0
    dropout: float = 0.2

    def __post_init__(self, **settings: object) -> None:
        require_whole("lstm_size", self.lstm_size)
        require_whole("num_hidden_layers", self.num_hidden_layers)
        require_share("dropout", self.dropout)
        width = self.embedding_size + 2 * self.lstm_size
        if self.hidden_size not in (0, width):
            raise ValueError(f"hidden_size of CoVe is embedding_size and twice its lstm_size, {width}")
        self.hidden_size = width
        super().__post_init__(**settings)


class Model(LineageModel):
    """Groups: embeddings, layer.0, layer.1."""

    config_class = Config
    config: Config
    embeddings: nn.ModuleDict

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        h = config.lstm_size
        widths = [config.embedding_size, *[2 * h] * config.num_hidden_layers]
        self.embeddings = words_table(config)
        self.layers = nn.ModuleList(BothWays(below, h) for below, _ in pairwise(widths))
        self.post_init()

    def states(
        self, input_ids: Int64[Tensor, "text piece"], lengths: Int64[Tensor, "text"]
    ) -> list[Float[Tensor, "text piece d"]]:
        table: Tensor = self.embeddings["words"](input_ids)
        found = [table]
        for layer in self.layers:
            below = F.dropout(found[-1], self.config.dropout, self.training)
            found.append(layer(below, lengths))
        return [*found, torch.cat([table, found[-1]], dim=-1)]


# ---- the published weights -------------------------------------------------------------------------------------------


def from_lstm(tensors: Mapping[str, np.ndarray], table: Float32[np.ndarray, "v d"], name: str = "The file") -> Model:
    """A model from published weights, as `load_lstm` reads them, and a table of words.

    `table`: row 0 padding, row 1 unknown words, then those of the vocabulary. Raises ModelError as `load_lstm` does.
    """
    layers = _layers(tensors, name)
    if table.ndim != 2 or not len(table):
        raise ValueError("a table of words has rows and columns")
    config = Config(
        vocab_size=len(table),
        embedding_size=table.shape[1],
        lstm_size=layers[0]["weight_hh"].shape[1],
        num_hidden_layers=len(layers),
    )
    model = Model(config)
    model.embeddings["words"].load_state_dict({"weight": torch.from_numpy(table)})
    load_lstm(model, tensors, name)
    return model.eval()


def load_lstm(model: Model, tensors: Mapping[str, np.ndarray], name: str = "The file") -> None:
    """Put the weights of an nn.LSTM(d, h, 2, bidirectional=True) into the layers of a model; its table stays.

    `tensors`: its state dict as published (wmtlstm: weight_ih_l0, ..., bias_hh_l1_reverse), bare or behind a prefix
    ("rnn.", "rnn1."), or as two modules of one layer each ("rnn1.", "rnn2."); anything else in the file (a table, a
    decoder) is not read. Raises ModelError, naming the file `name`, where a weight is missing, of another shape than
    the others or the model ask for, or not finite.
    """
    layers = _layers(tensors, name)
    width, h = layers[0]["weight_ih"].shape[1], layers[0]["weight_hh"].shape[1]
    config = model.config
    if config.embedding_size != width:
        raise ModelError(
            f"{name} reads vectors of {width} numbers, and the table of words has {config.embedding_size}: "
            f"give a table of {width} (the published CoVe reads GloVe 840B.300d)."
        )
    if (config.lstm_size, config.num_hidden_layers) != (h, len(layers)):
        raise ModelError(
            f"{name} holds {len(layers)} layers of {h} numbers a direction, and the model has "
            f"{config.num_hidden_layers} of {config.lstm_size}: make it with lstm_size {h}."
        )
    names = {f"{ours}.{gate}_l0": f"{gate}{way}" for gate in GATES for way, ours in DIRECTIONS.items()}
    for layer, weights in zip(model.layers, layers, strict=True):
        layer.load_state_dict({key: torch.from_numpy(weights[own].astype(np.float32)) for key, own in names.items()})


def _layers(tensors: Mapping[str, np.ndarray], name: str) -> list[dict[str, np.ndarray]]:
    """The weights of each layer, bottom to top, under the names of GATES and DIRECTIONS; shapes and numbers checked."""
    mark = "weight_ih_l"
    found = sorted((key.split(mark)[0], int(key.split(mark)[1])) for key in tensors if key.split(mark)[-1].isdigit())
    prefixes = {prefix for prefix, _ in found}
    expected = [(prefix, 0) for prefix in sorted(prefixes)] if len(prefixes) > 1 else [(*prefixes, k) for k in (0, 1)]
    if found != expected or len(found) != 2:
        raise ModelError(
            f"{name} does not hold one LSTM of two layers (weight_ih_l0 and weight_ih_l1): it is no CoVe encoder."
        )
    layers = []
    for prefix, number in found:
        names = {f"{gate}{way}": f"{prefix}{gate}_l{number}{way}" for gate in GATES for way in DIRECTIONS}
        missing = [key for key in names.values() if key not in tensors]
        if missing:
            raise ModelError(f"{name} lacks {missing[0]}: a CoVe encoder reads both ways, with biases.")
        layers.append({own: tensors[key] for own, key in names.items()})
    if any(weights[gate].ndim != 2 for weights in layers for gate in GATES[:2]):
        raise ModelError(f"{name} holds LSTM weights that are no matrices: it is damaged.")
    h, below = layers[0]["weight_hh"].shape[1], layers[0]["weight_ih"].shape[1]
    for weights in layers:
        shapes = {"weight_ih": (4 * h, below), "weight_hh": (4 * h, h), "bias_ih": (4 * h,), "bias_hh": (4 * h,)}
        for key, tensor in weights.items():
            if tensor.shape != shapes[key.removesuffix("_reverse")]:
                raise ModelError(f"{name} has {key} of shape {tensor.shape}, which does not fit its other weights.")
            if tensor.dtype.kind != "f" or not np.isfinite(tensor).all():
                raise ModelError(f"{name} has a weight {key} that is not a number everywhere: it is damaged.")
        below = 2 * h
    return layers
