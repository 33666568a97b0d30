"""The head of masked language modelling: hidden state -> dense -> gelu -> LayerNorm -> the table of the model + bias.

The last map is the word embedding itself ("tied": Press & Wolf 2017), so the head learns beside a table it shares.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import functional as F

from embedlab.encoders import files
from embedlab.errors import TrainingError
from embedlab.training.objectives import Material
from embedlab.training.trainable import Trainable

FRESH = 0.02  # the spread of new weights in BERT; a fresh head starts as small, so small that gelu is straight there
SEEN = 0.1  # times that a piece no text shows counts as seen


@dataclass(frozen=True)
class Layout:
    """Where a kind of model keeps its head in a folder, and what of it the config says."""

    dense: str
    norm: str
    bias: tuple[str, ...]
    activation: str = ""  # key of the config; "": gelu, whatever the layers use
    epsilon: str = "layer_norm_eps"
    biases: bool = True  # of dense and norm

    @property
    def weights(self) -> dict[str, tuple[str, ...]]:
        """Name in the head -> names it may have in a folder, the present one first."""
        found = {
            "dense.weight": (f"{self.dense}.weight",),
            "norm.weight": (f"{self.norm}.weight", f"{self.norm}.gamma"),
            "bias": self.bias,
        }
        if self.biases:
            found |= {"dense.bias": (f"{self.dense}.bias",), "norm.bias": (f"{self.norm}.bias", f"{self.norm}.beta")}
        return found


_BERT = Layout(
    "cls.predictions.transform.dense",
    "cls.predictions.transform.LayerNorm",
    ("cls.predictions.bias", "cls.predictions.decoder.bias"),
    "hidden_act",
)
_ROBERTA = Layout("lm_head.dense", "lm_head.layer_norm", ("lm_head.bias", "lm_head.decoder.bias"))
LAYOUTS: dict[str, Layout] = {
    "bert": _BERT,
    "ernie": _BERT,
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "mpnet": _ROBERTA,
    "distilbert": Layout("vocab_transform", "vocab_layer_norm", ("vocab_projector.bias",), "activation", ""),
    "electra": Layout("generator_predictions.dense", "generator_predictions.LayerNorm", ("generator_lm_head.bias",)),
    "modernbert": Layout("head.dense", "head.norm", ("decoder.bias",), "classifier_activation", "norm_eps", False),
    "albert": Layout(
        "predictions.dense", "predictions.LayerNorm", ("predictions.bias", "predictions.decoder.bias"), "hidden_act"
    ),
}


class MlmHead(nn.Module):
    """[m hidden] and the table [vocabulary width] -> logits [m vocabulary].

    Fresh, dense is a small identity, so that LayerNorm gives the hidden state back at unit size (where the table is
    narrower than the model: a random map); `fit` then sets its bias.
    """

    def __init__(
        self, hidden: int, width: int, size: int, activation: str, epsilon: float, biases: bool = True
    ) -> None:
        super().__init__()
        from transformers.activations import ACT2FN

        self.dense = nn.Linear(hidden, width, bias=biases)
        self.activation = ACT2FN[activation]
        self.norm = nn.LayerNorm(width, eps=epsilon, bias=biases)
        self.bias = nn.Parameter(torch.zeros(size))
        if hidden == width:
            self.dense.weight.data = FRESH * torch.eye(width)
        else:
            generator = torch.Generator().manual_seed(0)
            self.dense.weight.data = FRESH * torch.randn(width, hidden, generator=generator)
        if biases:
            nn.init.zeros_(self.dense.bias)

    def forward(self, hidden: Float[Tensor, "m hidden"], table: Float[Tensor, "v width"]) -> Float[Tensor, "m v"]:
        return F.linear(self.norm(self.activation(self.dense(hidden))), table, self.bias)

    def folder_weights(self, kind: str) -> dict[str, Tensor]:
        """The weights under the names that transformers gives them in a folder of this kind."""
        own = self.state_dict()
        return {names[0]: own[name] for name, names in LAYOUTS[kind].weights.items()}


def open_head(source: files.ModelFiles, encoder: Any) -> tuple[MlmHead, bool]:
    """The head of a model folder, and whether its weights came from there; a fresh one where it has none.

    Raises TrainingError for a kind of model that no text was hidden from.
    """
    kind = str(encoder.config.model_type)
    if kind not in LAYOUTS:
        raise TrainingError(
            f"Models of kind {kind} do not learn from hidden pieces: for mlm choose one of {', '.join(LAYOUTS)}."
        )
    layout, config = LAYOUTS[kind], encoder.config
    size, width = encoder.get_input_embeddings().weight.shape
    activation = str(getattr(config, layout.activation)) if layout.activation else "gelu"
    epsilon = float(getattr(config, layout.epsilon)) if layout.epsilon else 1e-12
    head = MlmHead(int(config.hidden_size), int(width), int(size), activation, epsilon, layout.biases)
    if getattr(config, "tie_word_embeddings", True):
        found = _brought(source, layout, head.state_dict())
        if found is not None:
            head.load_state_dict(found)
            return head, True
    return head, False


def _brought(source: files.ModelFiles, layout: Layout, wanted: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """The weights of a head in a folder; None unless all are there and fit."""
    names: dict[str, str] = {}
    for name, candidates in layout.weights.items():
        held = [c for c in candidates if c in source.tensors and source.tensors[c].shape == tuple(wanted[name].shape)]
        if not held:
            return None
        names[held[0]] = name
    return {names[name]: tensor.float() for name, tensor in _read(source, names)}


def _read(source: files.ModelFiles, names: Mapping[str, str]) -> Iterator[tuple[str, Tensor]]:
    for file in source.weights:
        with safe_open(source.folder / file, framework="pt") as weights:
            for name in names.keys() & set(weights.keys()):
                yield name, weights.get_tensor(name)


def fit(model: Trainable, material: Material) -> None:
    """Start the bias of a fresh head at ln of how often each piece occurs in the training texts.

    With a random head the encoder is torn about until the head has learned: Adam gives random gradients full steps. On
    all-MiniLM-L6-v2, 60 steps at 1e-4 on 600 sentences, whole texts had drifted (mean 1 - cosine) by .61 with a random
    head, .21 with the identity and .12 with this; perplexity 885, 379 and 348. The score before training is then what
    frequency finds, and says little of the model.
    """
    if model.mlm is None or material.vocabulary is None:
        raise TrainingError("This plan has no head for masked language modelling.")
    counts = np.bincount(np.concatenate(material.sides[0].ids), minlength=len(model.mlm.bias)).astype(np.float64)
    counts[list(material.vocabulary.special)] = 0.0
    with torch.no_grad():
        model.mlm.bias.copy_(model.tensor(np.log((counts + SEEN) / (counts + SEEN).sum())))
