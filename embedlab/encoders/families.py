"""The kinds of models that are known here: what is safe to build from a config, and how each reads a text.

A kind not in this table is refused: a config of an unknown kind could ask for anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from embedlab.lineage.kinds import KINDS as LINEAGE
from embedlab.lineage.kinds import kind_of

DEPTH = ("num_hidden_layers", "n_layer", "n_layers")
WIDTH = ("hidden_size", "n_embd", "dim")
POSITIONS = ("max_position_embeddings", "n_positions")
LONGEST = 512  # pieces, where neither the config nor the tokenizer says


@dataclass(frozen=True)
class Family:
    """`title` for people. `learned`: the model holds a table of positions, so its length is a hard limit.

    `offset`: positions begin after the padding id, so the first so many are never used (RoBERTa and its kin).
    `attention`: the one implementation used; the fast one where transformers has it for this kind.
    """

    title: str
    learned: bool = True
    offset: bool = False
    attention: Literal["sdpa", "eager"] = "sdpa"


FAMILIES: Mapping[str, Family] = {
    "bert": Family("BERT"),
    "roberta": Family("RoBERTa", offset=True),
    "xlm-roberta": Family("XLM-RoBERTa", offset=True),
    "camembert": Family("CamemBERT", offset=True),
    "distilbert": Family("DistilBERT"),
    "mpnet": Family("MPNet", offset=True, attention="eager"),
    "electra": Family("ELECTRA"),
    "albert": Family("ALBERT"),
    "ernie": Family("ERNIE"),
    "modernbert": Family("ModernBERT", learned=False),
    "gpt2": Family("GPT-2"),
    "gpt_neox": Family("GPT-NeoX", learned=False),
    **{kind.model_type: Family(kind.title, learned=False) for kind in LINEAGE.values()},
}


def first_of(config: Mapping[str, Any], names: tuple[str, ...], default: int) -> int:
    """The first of these settings that is there: kinds spell the same thing differently."""
    return next((int(config[name]) for name in names if config.get(name) is not None), default)


def depth_of(config: Mapping[str, Any]) -> int:
    """How many layers stand above the embedding layer."""
    kind = kind_of(config)
    if kind is not None:
        return first_of(config, DEPTH, kind.layers)
    return first_of(config, DEPTH, 22 if config["model_type"] == "modernbert" else 12)


def width_of(config: Mapping[str, Any]) -> int:
    return first_of(config, WIDTH, 768)


def longest_input(config: Mapping[str, Any]) -> int:
    """How many pieces, special ones included, the model reads at once."""
    kind = config["model_type"]
    family = FAMILIES[kind]
    positions = first_of(config, POSITIONS, {"gpt2": 1024, "modernbert": 8192, "gpt_neox": 2048}.get(kind, LONGEST))
    if not family.offset:
        return positions
    # MPNet's padding position is 1 whatever the config says (transformers, MPNetEmbeddings)
    padding = 1 if kind == "mpnet" else config.get("pad_token_id", 1)
    return positions - (1 if padding is None else int(padding)) - 1
