"""Language models that read word by word: what they say of a word's neighbours, the loss of it, and its score.

    AWD-LSTM    the word after each, by its own decoder: the table of words again, and a bias
    ELMo        the word after each from its left half, the word before each from its right half; both by one softmax
                over the words of the training texts, made anew for every run and no part of the model that comes out
                (the published one has no such part either)

The softmax is a full one. A text starts from a zero state and what stands at its ends is not asked for.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from embedlab.encoders.alignment import PieceReader
from embedlab.errors import TrainingError
from embedlab.lineage import awd_lstm, characters
from embedlab.lineage.base import UNKNOWN
from embedlab.lineage.kinds import kind_of
from embedlab.training.batches import cut
from embedlab.training.evaluate import MOST_NATS, READ_TOKENS
from embedlab.training.mlm import SEEN
from embedlab.training.objectives import Examples, Masked, Material, Score
from embedlab.training.objectives.lm import asked
from embedlab.training.pieces import Pieces
from embedlab.training.trainable import Trainable, reading

FEWEST_TIMES = 2  # that a word must occur for ELMo to say it
MOST_WORDS = 20_000  # that it can say: the softmax over them is most of the work
SLICE = 512  # words whose logits lie in memory at a time while scoring


class Softmax(nn.Module):
    """For ELMo: [m d] -> logits of class 0, any other word, and of `words`; numbers are those of `characters`."""

    def __init__(self, words: Sequence[str], width: int) -> None:
        super().__init__()
        numbers = np.array([characters.number_of(word) for word in words], dtype=np.int64)
        self._order = np.argsort(numbers)
        self._numbers = numbers[self._order]
        self.out = nn.Linear(width, len(words) + 1)

    @classmethod
    def of(cls, reader: PieceReader, examples: Examples, width: int) -> "Softmax":
        """The words that the training texts hold twice or more, the commonest 20,000 of them, by falling count."""
        read = reader.read([use.text for use in examples.uses])
        numbers, counts = np.unique(np.concatenate([text.ids for text in read]), return_counts=True)
        found = zip(characters.words(numbers.tolist()), counts.tolist(), strict=True)
        ranked = sorted((-count, word) for word, count in found if count >= FEWEST_TIMES)
        return cls([word for _, word in ranked[:MOST_WORDS]], width)

    def classes(self, numbers: Int64[np.ndarray, "m"]) -> Int64[np.ndarray, "m"]:
        """0 for a word that cannot be said."""
        if len(self._numbers) == 0:
            return np.zeros(len(numbers), dtype=np.int64)
        place = np.minimum(np.searchsorted(self._numbers, numbers), len(self._numbers) - 1)
        return np.where(self._numbers[place] == numbers, self._order[place] + 1, 0)

    def forward(self, hidden: Float[Tensor, "m d"]) -> Float[Tensor, "m c"]:
        logits: Tensor = self.out(hidden)
        return logits


def open_head(encoder: Any, reader: PieceReader, examples: Examples, label: str) -> nn.Module:
    """What says words from the vectors of a model: its own decoder, or a fresh softmax over the words of `examples`.

    Raises TrainingError for a model that reads no text word by word.
    """
    kind = kind_of(encoder.config.to_dict())
    if isinstance(encoder, awd_lstm.Model):
        own: nn.Module = encoder.decoder
        return own
    if kind is None or kind.name != "elmo":
        raise TrainingError(
            f"{label} does not read text word by word: for lm choose an AWD-LSTM or an ELMo, for other models mlm."
        )
    return Softmax.of(reader, examples, int(encoder.config.hidden_size) // 2)


def is_fresh(head: nn.Module) -> bool:
    """Whether a decoder has learnt nothing yet: it is a new softmax, or its bias is zero."""
    return isinstance(head, Softmax) or not bool(_bias(head).any())


def fit(model: Trainable, material: Material) -> None:
    """Start the bias of a fresh decoder at ln of how often each word is asked for in the training texts.

    The first steps then need not learn how often words occur; the loss begins near the entropy of a single word.
    """
    head = _head(model)
    every = asked(material, np.arange(len(material), dtype=np.int64))
    counts = np.bincount(_classes(head, every.target), minlength=len(_bias(head))).astype(np.float64)
    with torch.no_grad():
        _bias(head).copy_(model.tensor(np.log((counts + SEEN) / (counts + SEEN).sum())))


def token_loss(model: Trainable, masked: Masked) -> Float[Tensor, ""]:
    """The sum over the words asked for of -ln p(word) [nats]; of both directions the mean (Peters et al. 2018)."""
    each = [_nats(_said(model, hidden), target) for hidden, target in neighbours(model, masked)]
    return torch.stack(each).mean()


def neighbours(model: Trainable, masked: Masked) -> list[tuple[Float[Tensor, "m d"], Int64[Tensor, "m"]]]:
    """For each direction the vectors that name a neighbour, and the class of the word that stands there.

    Left to right as `masked` says; right to left the same pairs of neighbours, asked the other way.
    """
    head = _head(model)
    ids, lengths = _padded(masked.pieces)
    states = model.encoder.states(model.tensor(ids), model.tensor(lengths))
    found = []
    for back, hidden in enumerate(model.encoder.next_words(states)):
        target = ids[masked.row, masked.place] if back else masked.target
        picked = hidden[model.tensor(masked.row), model.tensor(masked.place + back)]
        found.append((picked, model.tensor(_classes(head, target))))
    return found


def score(model: Trainable, known: Material, side: Material) -> Score:
    """Share of the words of held-out texts that are named first, given all words before (and given all after: ELMo).

    In [0, 1]. "Unknown" is no answer: a word outside the vocabulary counts as not found. Beside it the perplexity, e to
    the mean loss, in which such words count as one word more; what always naming the commonest word would find; and how
    many words lie outside. Perplexities compare between models of the same vocabulary alone.
    """
    head = _head(model)
    every = asked(side, np.arange(len(side), dtype=np.int64))
    if not len(every):
        raise TrainingError("No held-out text has two words that this model can read: give more rows.")
    unknown = _unknown(head)
    right, nats = 0, 0.0
    wanted = []
    lengths = np.maximum(every.pieces.lengths, 1)
    with reading(model):
        for rows in cut(np.argsort(lengths, kind="stable").tolist(), lengths, READ_TOKENS, READ_TOKENS):
            for hidden, target in neighbours(model, every.take(rows)):
                for logits, some in _sliced(model, hidden, target):
                    nats += float(_nats(logits, some))
                    logits[:, unknown] = -torch.inf
                    right += int(((logits.argmax(-1) == some) & (some != unknown)).sum())
                wanted.append(target.cpu().numpy())
    classes = np.concatenate(wanted)
    shown = np.bincount(_classes(head, asked(known, np.arange(len(known), dtype=np.int64)).target))
    shown[unknown : unknown + 1] = 0
    parts = {
        "perplexity": math.exp(min(nats / len(classes), MOST_NATS)),
        "always the commonest word": float(np.mean(classes == shown.argmax())) if shown.any() else 0.0,
        "words outside the vocabulary": float(np.mean(classes == unknown)),
        "words asked for": float(len(classes)),
    }
    return Score(right / len(classes), parts)


def _sliced(
    model: Trainable, hidden: Float[Tensor, "m d"], target: Int64[Tensor, "m"]
) -> Iterator[tuple[Float[Tensor, "k c"], Int64[Tensor, "k"]]]:
    for begin in range(0, len(hidden), SLICE):
        yield _said(model, hidden[begin : begin + SLICE]).float(), target[begin : begin + SLICE]


def _padded(pieces: Pieces) -> tuple[Int64[np.ndarray, "k longest"], Int64[np.ndarray, "k"]]:
    lengths = pieces.lengths
    ids = np.zeros((len(pieces), max(1, int(lengths.max(initial=1)))), dtype=np.int64)
    for i, one in enumerate(pieces.ids):
        ids[i, : len(one)] = one
    return ids, lengths.astype(np.int64)


def _said(model: Trainable, hidden: Float[Tensor, "m d"]) -> Float[Tensor, "m c"]:
    head = _head(model)
    logits: Tensor = head(hidden) if isinstance(head, Softmax) else head(hidden, model.table)
    return logits


def _nats(logits: Float[Tensor, "m c"], target: Int64[Tensor, "m"]) -> Float[Tensor, ""]:
    with torch.autocast(logits.device.type, enabled=False):
        exact = logits if logits.dtype == torch.float64 else logits.float()
        return F.cross_entropy(exact, target, reduction="sum")


def _classes(head: nn.Module, pieces: Int64[np.ndarray, "m"]) -> Int64[np.ndarray, "m"]:
    """What a decoder calls these pieces."""
    return head.classes(pieces) if isinstance(head, Softmax) else pieces


def _unknown(head: nn.Module) -> int:
    return 0 if isinstance(head, Softmax) else UNKNOWN


def _bias(head: nn.Module) -> nn.Parameter:
    found = head.out.bias if isinstance(head, Softmax) else head.bias
    assert isinstance(found, nn.Parameter)
    return found


def _head(model: Trainable) -> nn.Module:
    found = model.lm
    if not isinstance(found, Softmax | awd_lstm.Decoder):
        raise TrainingError("This plan has no head for the words of a language model.")
    return found
