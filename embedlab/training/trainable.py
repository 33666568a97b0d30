"""A model that can be trained: a Hugging Face encoder, its groups of parameters bottom to top, and perhaps heads."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from embedlab.encoders.families import FAMILIES
from embedlab.lineage.base import LineageModel
from embedlab.training import flat
from embedlab.training import lora as adapters
from embedlab.training.anatomy import anatomy
from embedlab.training.pieces import Pieces
from embedlab.types import Lora, Pooling

if TYPE_CHECKING:
    from embedlab.training.mlm import MlmHead

HEADS = {"mlm_head": "mlm", "lm_head": "lm", "decoder": "decoder", "head": "head"}  # group -> where it lies
MIN_PACK = 8  # rows below which padding is cheaper than another pass
WASTE = 0.8  # a pack's shortest row is at least this share of its longest


class Trainable(nn.Module):
    """An encoder with its groups. What is in no group (BERT's pooler, which no objective uses) is never trained.

    Heads beside it, None where no objective of the plan has a use for one: `mlm` names hidden pieces, `lm` the words
    that come next, `decoder` those of a translation, `head` the label. Each is the group its name says in HEADS.

    With `lora` the encoder given is changed in place: its adapters are drawn from torch's generator, so seed it before.
    """

    encoder: Any  # a transformers PreTrainedModel, which is untyped

    def __init__(
        self,
        encoder: Any,
        pooling: Pooling,
        classes: Sequence[str] = (),
        *,
        mlm: "MlmHead | None" = None,
        lm: nn.Module | None = None,
        decoder: nn.Module | None = None,
        lora: Lora | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.pad = int(encoder.config.pad_token_id or 0)  # masked; RoBERTa counts its positions by it
        self.pooling = pooling
        self.head_pooling = str(encoder.config.head_pooling) if isinstance(encoder, LineageModel) else "mean"
        self.classes = tuple(classes)
        self.lora = lora
        if lora is not None:
            adapters.adapt(encoder, lora)
        if flat.able(encoder):
            encoder.set_attn_implementation(flat.NAME)
        self.mlm, self.lm, self.decoder = mlm, lm, decoder
        self.head: nn.Linear | None = None
        if classes:
            self.head = nn.Linear(self.width, len(classes))
            nn.init.zeros_(self.head.weight)  # no opinion yet: every class equally likely, and no seed in it
            nn.init.zeros_(self.head.bias)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def depth(self) -> int:
        """Groups of layers: layer.0 ... layer.(depth - 1). None for a table of words."""
        parts = anatomy(self.encoder.config.model_type)
        return len(self.encoder.get_submodule(parts.layers)) + bool(parts.crown)

    @property
    def width(self) -> int:
        """Of `vectors`."""
        return int(self.encoder.config.hidden_size) * (3 if self.head_pooling == "concat" else 1)

    @property
    def table(self) -> nn.Parameter:
        """[v, e]: the vectors of the pieces, as the first group holds them."""
        weight: nn.Parameter = self.encoder.get_input_embeddings().weight
        return weight

    def tensor(self, array: np.ndarray[Any, Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    # ---- groups ----------------------------------------------------------------------------------------------------

    @property
    def layer_groups(self) -> dict[str, list[nn.Parameter]]:
        """Group name -> parameters, bottom to top: embeddings, layer.0, ..., lora.0, ..., mlm_head, head."""
        return {name: list(named.values()) for name, named in self.named_groups().items()}

    def named_groups(self) -> dict[str, dict[str, nn.Parameter]]:
        """As `layer_groups`, each parameter by its full name. Adapters lie within layers but are their own groups."""
        parts = anatomy(str(self.encoder.config.model_type))
        places: dict[str, list[str]] = {"embeddings": [f"encoder.{place}" for place in parts.embeddings]}
        layers = range(self.depth)
        for i in layers:
            places[f"layer.{i}"] = [f"encoder.{parts.layers}.{i}"]
        if parts.crown:
            places[f"layer.{layers[-1]}"] = [f"encoder.{place}" for place in parts.crown]
        if parts.top:
            places[f"layer.{layers[-1]}"] += [f"encoder.{place}" for place in parts.top]
        if self.lora is not None:
            places |= {f"lora.{i}": [f"encoder.{parts.layers}.{i}"] for i in layers}
        parameters = dict(self.named_parameters())
        found = {
            group: {
                name: parameter
                for name, parameter in parameters.items()
                if adapters.is_adapter(name) == group.startswith("lora.")
                and any(name.startswith(place + ".") for place in below)
            }
            for group, below in places.items()
        }
        # by the weights themselves: AWD-LSTM brings its decoder with it, so there they bear the encoder's name
        name_of = {id(parameter): name for name, parameter in parameters.items()}
        for group, place in HEADS.items():
            head: nn.Module | None = getattr(self, place)
            if head is not None:
                found[group] = {name_of[id(parameter)]: parameter for parameter in head.parameters()}
        return found

    def merged_encoder(self) -> Any:
        """A plain transformers model, adapters merged in; without adapters the encoder itself. To be read only."""
        return self.encoder if self.lora is None else adapters.merged(self.encoder)

    # ---- vectors ---------------------------------------------------------------------------------------------------

    def vectors(self, pieces: Pieces) -> Float[Tensor, "n d"]:
        """[n, width] float32: the last layer over each row's pieces.

        Their mean; of a model of the lineage also their maximum, or last, maximum and mean side by side (concat
        pooling of Howard & Ruder 2018), as its config says.
        """
        order = np.argsort(-pieces.lengths, kind="stable")
        parts = [self._pooled(pieces, rows, hidden) for rows, hidden in self._read(pieces, order)]
        return torch.cat(parts)[self.tensor(_back(order))]

    def hidden_at(
        self, pieces: Pieces, row: Int64[np.ndarray, "m"], place: Int64[np.ndarray, "m"]
    ) -> Float[Tensor, "m d"]:
        """[m, d] float32: the last layer at single pieces: number `place[j]` (from 0) of row `row[j]`.

        Rows of which no piece is asked for are not read.
        """
        asked = np.unique(row)
        order = asked[np.argsort(-pieces.lengths[asked], kind="stable")]
        hidden, begin, start = [], 0, np.full(len(pieces), -1, dtype=np.int64)
        for rows, block in self._read(pieces, order):
            start[rows] = begin + block.shape[1] * np.arange(len(rows))
            begin += block.shape[0] * block.shape[1]
            hidden.append(block.flatten(0, 1))
        return torch.cat(hidden)[self.tensor(start[row] + place)].float()

    def _pooled(self, pieces: Pieces, rows: Int64[np.ndarray, "k"], hidden: Tensor) -> Float[Tensor, "k d"]:
        places = np.arange(hidden.shape[1])[None]
        picked = (places >= pieces.first[rows, None]) & (places < pieces.last[rows, None])
        if self.head_pooling == "max":
            return _highest(hidden, self.tensor(picked))
        share = (picked / picked.sum(1, keepdims=True)).astype(np.float32)
        mean = torch.bmm(self.tensor(share)[:, None].to(hidden.dtype), hidden)[:, 0].float()
        if self.head_pooling == "mean":
            return mean
        last = hidden[self.tensor(np.arange(len(rows))), self.tensor(pieces.last[rows] - 1)].float()
        return torch.cat([last, _highest(hidden, self.tensor(picked)), mean], dim=1)

    def _read(self, pieces: Pieces, order: Int64[np.ndarray, "n"]) -> Iterator[tuple[Int64[np.ndarray, "k"], Tensor]]:
        """Rows, longest first, in blocks with their last layer [k, longest, d].

        On a CPU without any padding where the kind of model allows it; else rows of like length are padded together.
        """
        if self.device.type == "cpu" and flat.able(self.encoder):
            yield from self._flat(pieces, order)
        else:
            yield from ((rows, self._padded(pieces, rows)) for rows in _packs(order, pieces.lengths))

    def _flat(self, pieces: Pieces, order: Int64[np.ndarray, "n"]) -> Iterator[tuple[Int64[np.ndarray, "k"], Tensor]]:
        lengths = pieces.lengths[order]
        ids = np.concatenate([pieces.ids[i] for i in order]).astype(np.int64)
        places = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        if FAMILIES[self.encoder.config.model_type].offset:
            places += self.pad + 1
        found, counts = np.unique(-lengths, return_counts=True)
        runs = [(int(count), -int(length)) for length, count in zip(found, counts, strict=True)]
        hidden = self.encoder(
            input_ids=self.tensor(ids)[None], position_ids=self.tensor(places)[None], runs=runs
        ).last_hidden_state[0]
        rows = np.split(order, np.cumsum(counts)[:-1])
        parts = hidden.split([texts * length for texts, length in runs])
        yield from ((some, part.unflatten(0, run)) for some, run, part in zip(rows, runs, parts, strict=True))

    def _padded(self, pieces: Pieces, rows: Int64[np.ndarray, "k"]) -> Tensor:
        lengths = pieces.lengths[rows]
        longest = int(lengths.max())
        ids = np.full((len(rows), longest), self.pad, dtype=np.int64)
        for i, row in enumerate(rows):
            ids[i, : lengths[i]] = pieces.ids[row]
        # without padding no mask is needed, and attention takes its faster way
        mask = None
        if int(lengths.min()) < longest:
            mask = self.tensor((np.arange(longest)[None] < lengths[:, None]).astype(np.int64))
        hidden: Tensor = self.encoder(input_ids=self.tensor(ids), attention_mask=mask).last_hidden_state
        return hidden


def _highest(hidden: Float[Tensor, "k piece d"], picked: Bool[Tensor, "k piece"]) -> Float[Tensor, "k d"]:
    """The maximum over the picked pieces, dimension by dimension."""
    return hidden.float().masked_fill(~picked[..., None], -torch.inf).amax(1)


def _packs(order: Int64[np.ndarray, "n"], lengths: Int64[np.ndarray, "all"]) -> Iterator[Int64[np.ndarray, "k"]]:
    """Rows, longest first, in runs that waste little on padding."""
    begin = 0
    for i in range(1, len(order)):
        if i - begin >= MIN_PACK and len(order) - i >= MIN_PACK and lengths[order[i]] < WASTE * lengths[order[begin]]:
            yield order[begin:i]
            begin = i
    yield order[begin:]


def _back(order: Int64[np.ndarray, "n"]) -> Int64[np.ndarray, "n"]:
    """Where each row went: the inverse of an order."""
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    return back


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
