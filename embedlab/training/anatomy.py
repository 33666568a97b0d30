"""Where each kind of model keeps its parts: what groups and adapters are made from. Torch-free."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embedlab.encoders.families import depth_of
from embedlab.errors import ModelError
from embedlab.lineage.kinds import KINDS as LINEAGE


@dataclass(frozen=True)
class Anatomy:
    """Where a kind of model keeps what comes before its layers, its layers, and what comes after them.

    `attention` and `feed_forward`: the linear maps of one layer, as paths within it, that LoRA may adapt.
    `transposed`: they hold their weights as [in, out] (GPT-2's Conv1D). `top`: goes with the last layer; `crown`: is
    a layer of its own above the others.
    """

    embeddings: tuple[str, ...]
    layers: str
    attention: tuple[str, ...]
    feed_forward: tuple[str, ...]
    top: tuple[str, ...] = ()
    transposed: bool = False
    crown: tuple[str, ...] = ()

    def targets(self, chosen: tuple[str, ...]) -> tuple[str, ...]:
        """The paths of "attention", "feed_forward" or both. Raises ModelError for a model that has neither."""
        if not self.attention:
            raise ModelError(
                "LoRA stands beside the linear maps of attention, and a model before transformers has none: choose "
                "another plan."
            )
        return tuple(path for name in chosen for path in {"attention": self.attention}.get(name, self.feed_forward))


_BERT_ATTENTION = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense")
_BERT_FEED = ("intermediate.dense", "output.dense")
_BERT = Anatomy(("embeddings",), "encoder.layer", _BERT_ATTENTION, _BERT_FEED)

ANATOMIES: Mapping[str, Anatomy] = {
    "bert": _BERT,
    "roberta": _BERT,
    "xlm-roberta": _BERT,
    "camembert": _BERT,
    "ernie": _BERT,
    "electra": Anatomy(("embeddings", "embeddings_project"), "encoder.layer", _BERT_ATTENTION, _BERT_FEED),
    "distilbert": Anatomy(
        ("embeddings",),
        "transformer.layer",
        ("attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin"),
        ("ffn.lin1", "ffn.lin2"),
    ),
    # one table of relative positions serves all layers of MPNet, so it belongs below them
    "mpnet": Anatomy(
        ("embeddings", "encoder.relative_attention_bias"),
        "encoder.layer",
        ("attention.attn.q", "attention.attn.k", "attention.attn.v", "attention.attn.o"),
        _BERT_FEED,
    ),
    "modernbert": Anatomy(("embeddings",), "layers", ("attn.Wqkv", "attn.Wo"), ("mlp.Wi", "mlp.Wo"), ("final_norm",)),
    "gpt2": Anatomy(
        ("wte", "wpe"), "h", ("attn.c_attn", "attn.c_proj"), ("mlp.c_fc", "mlp.c_proj"), ("ln_f",), transposed=True
    ),
    "gpt_neox": Anatomy(
        ("embed_in",),
        "layers",
        ("attention.query_key_value", "attention.dense"),
        ("mlp.dense_h_to_4h", "mlp.dense_4h_to_h"),
        ("final_layer_norm",),
    ),
    # ALBERT's layers share their weights: one group for all of them
    "albert": Anatomy(
        ("embeddings", "encoder.embedding_hidden_mapping_in"),
        "encoder.albert_layer_groups",
        tuple(f"albert_layers.0.attention.{name}" for name in ("query", "key", "value", "dense")),
        ("albert_layers.0.ffn", "albert_layers.0.ffn_output"),
    ),
    # the mix of ELMo's layers is what a head reads, so it thaws first
    **{
        kind.model_type: Anatomy(("embeddings",), "layers", (), (), crown=("mix",) if name == "elmo" else ())
        for name, kind in LINEAGE.items()
    },
}


def anatomy(kind: str) -> Anatomy:
    """Of a kind of model (its config's model_type). Raises ModelError for one that is not known."""
    found = ANATOMIES.get(kind)
    if found is None:
        raise ModelError(f"Models of kind {kind} cannot be trained here: choose one of {', '.join(ANATOMIES)}.")
    return found


def groups_of_layers(config: Mapping[str, Any]) -> int:
    """How many groups layer.0, layer.1, ... a model of this config.json has: its depth, but one where layers share."""
    if config["model_type"] == "albert":
        return int(config.get("num_hidden_groups") or 1)
    return depth_of(config) + bool(anatomy(str(config["model_type"])).crown)
