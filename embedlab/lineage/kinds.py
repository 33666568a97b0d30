"""The kinds of models before transformers, and what is said of each. Torch-free."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PREFIX = "embedlab-"  # of model_type in config.json: ours, never a name that transformers knows
SPECIAL = ("[PAD]", "[UNK]")  # the first rows of every table of words
HEAD_POOLINGS = ("mean", "max", "concat")  # what a head reads of a text's last layer; concat: last, max and mean
SCRATCH = "Trained from scratch on little text: for the lesson, not for quality."


@dataclass(frozen=True)
class Kind:
    """`line`: what it is, in one sentence. `layers`: how many stand above the table of words.

    `made_of_all`: a last state of no layer of its own, made of those below (ELMo's mix, CoVe's [GloVe; CoVe]).
    """

    name: str
    title: str
    line: str
    layers: int
    made_of_all: bool = False

    @property
    def model_type(self) -> str:
        return PREFIX + self.name


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "table",
            "Table of words",
            "One vector a word whatever the sentence (nn.Embedding): bag-of-words, word2vec, GloVe, fastText.",
            0,
        ),
        Kind(
            "lstm",
            "LSTM",
            "A table of words read left to right and right to left by a long short-term memory.",
            1,
        ),
        Kind(
            "cnn",
            "CNN (Kim 2014)",
            "A table of words under filters of three, four and five words, the strongest answer of each kept.",
            1,
        ),
        Kind(
            "awd-lstm",
            "AWD-LSTM (ULMFiT)",
            "A language model of three LSTMs with dropout everywhere (Merity et al. 2018), the body of ULMFiT.",
            3,
        ),
        Kind(
            "elmo",
            "ELMo",
            "Words from their characters under a language model that reads both ways (Peters et al. 2018).",
            2,
            made_of_all=True,
        ),
        Kind(
            "cove",
            "CoVe",
            "The encoder of a translation model over GloVe (McCann et al. 2017).",
            2,
            made_of_all=True,
        ),
    )
}


def kind_of(config: Mapping[str, Any]) -> Kind | None:
    """The kind of a model by its config.json; None where it is a transformer."""
    name = str(config.get("model_type", ""))
    return KINDS.get(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else None
