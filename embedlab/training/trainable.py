"""A model that can be trained: a Hugging Face encoder, its groups of parameters bottom to top, and perhaps a head."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor, nn

from embedlab.errors import ModelError
from embedlab.training.pieces import Pieces
from embedlab.types import Pooling

MIN_PACK = 8  # rows below which padding is cheaper than another pass
WASTE = 0.8  # a pack's shortest row is at least this share of its longest


@dataclass(frozen=True)
class Anatomy:
    """Where a kind of model keeps what comes before its layers, its layers, and what comes after them."""

    embeddings: tuple[str, ...]
    layers: str
    top: tuple[str, ...] = ()


ANATOMIES: dict[str, Anatomy] = {
    "bert": Anatomy(("embeddings",), "encoder.layer"),
    "roberta": Anatomy(("embeddings",), "encoder.layer"),
    "xlm-roberta": Anatomy(("embeddings",), "encoder.layer"),
    "camembert": Anatomy(("embeddings",), "encoder.layer"),
    "electra": Anatomy(("embeddings", "embeddings_project"), "encoder.layer"),
    "distilbert": Anatomy(("embeddings",), "transformer.layer"),
    # one table of relative positions serves all layers of MPNet, so it belongs below them
    "mpnet": Anatomy(("embeddings", "encoder.relative_attention_bias"), "encoder.layer"),
    "modernbert": Anatomy(("embeddings",), "layers", ("final_norm",)),
    "gpt2": Anatomy(("wte", "wpe"), "h", ("ln_f",)),
    "gpt_neox": Anatomy(("embed_in",), "layers", ("final_layer_norm",)),
    "ernie": Anatomy(("embeddings",), "encoder.layer"),
    # ALBERT's layers share their weights: one group for all of them
    "albert": Anatomy(("embeddings", "encoder.embedding_hidden_mapping_in"), "encoder.albert_layer_groups"),
}


class Trainable(nn.Module):
    """An encoder with its groups. What is in no group (BERT's pooler, which no objective uses) is never trained."""

    encoder: Any  # a transformers PreTrainedModel, which is untyped

    def __init__(self, encoder: Any, pooling: Pooling, classes: Sequence[str] = ()) -> None:
        super().__init__()
        self.encoder = encoder
        self.pad = int(encoder.config.pad_token_id or 0)  # masked; RoBERTa counts its positions by it
        self.pooling = pooling
        self.classes = tuple(classes)
        self.head: nn.Linear | None = None
        if classes:
            self.head = nn.Linear(int(encoder.config.hidden_size), len(classes))
            nn.init.zeros_(self.head.weight)  # no opinion yet: every class equally likely, and no seed in it
            nn.init.zeros_(self.head.bias)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def tensor(self, array: np.ndarray[Any, Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    @property
    def layer_groups(self) -> dict[str, list[nn.Parameter]]:
        """Group name -> parameters, bottom to top: embeddings, layer.0, layer.1, ..., head."""
        return {name: list(named.values()) for name, named in self.named_groups().items()}

    def named_groups(self) -> dict[str, dict[str, nn.Parameter]]:
        """As `layer_groups`, each parameter by its full name."""
        kind = str(self.encoder.config.model_type)
        anatomy = ANATOMIES.get(kind)
        if anatomy is None:
            raise ModelError(f"Models of kind {kind} cannot be trained here: choose one of {', '.join(ANATOMIES)}.")
        places: dict[str, list[str]] = {"embeddings": [f"encoder.{place}" for place in anatomy.embeddings]}
        depth = len(self.encoder.get_submodule(anatomy.layers))
        for i in range(depth):
            places[f"layer.{i}"] = [f"encoder.{anatomy.layers}.{i}"]
        places[f"layer.{depth - 1}"] += [f"encoder.{place}" for place in anatomy.top]
        if self.head is not None:
            places["head"] = ["head"]
        parameters = dict(self.named_parameters())
        return {
            group: {
                name: parameter
                for name, parameter in parameters.items()
                if any(name.startswith(place + ".") for place in below)
            }
            for group, below in places.items()
        }

    def vectors(self, pieces: Pieces) -> Tensor:
        """[n, d] float32: the mean of the last layer over each row's pieces.

        Rows of like length go through the model together, so that little of the work is padding.
        """
        order = np.argsort(-pieces.lengths, kind="stable")
        parts = [self._pack(pieces, rows) for rows in _packs(order, pieces.lengths)]
        back = np.empty(len(order), dtype=np.int64)
        back[order] = np.arange(len(order))
        return torch.cat(parts)[self.tensor(back)]

    def _pack(self, pieces: Pieces, rows: Int64[np.ndarray, "k"]) -> Tensor:
        lengths = pieces.lengths[rows]
        longest = int(lengths.max())
        ids = np.full((len(rows), longest), self.pad, dtype=np.int64)
        for i, row in enumerate(rows):
            ids[i, : lengths[i]] = pieces.ids[row]
        places = np.arange(longest)[None]
        picked = (places >= pieces.first[rows, None]) & (places < pieces.last[rows, None])
        share = (picked / picked.sum(1, keepdims=True)).astype(np.float32)
        # without padding no mask is needed, and attention takes its faster way
        mask = None if int(lengths.min()) == longest else self.tensor((places < lengths[:, None]).astype(np.int64))
        hidden = self.encoder(input_ids=self.tensor(ids), attention_mask=mask).last_hidden_state
        return torch.bmm(self.tensor(share)[:, None].to(hidden.dtype), hidden)[:, 0].float()


def _packs(order: Int64[np.ndarray, "n"], lengths: Int64[np.ndarray, "n"]) -> Iterator[Int64[np.ndarray, "k"]]:
    """Rows, longest first, in runs that waste little on padding."""
    begin = 0
    for i in range(1, len(order)):
        if i - begin >= MIN_PACK and len(order) - i >= MIN_PACK and lengths[order[i]] < WASTE * lengths[order[begin]]:
            yield order[begin:i]
            begin = i
    yield order[begin:]


@contextmanager
def reading(model: nn.Module) -> Iterator[None]:
    """No dropout and no gradients while the block runs; as it was afterwards."""
    was = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was)
