"""The decoder that CoVe's encoder learns beside: it says the translation word by word (McCann et al. 2017, 2.2).

For each word t of the translation, from the states H of the text (the top LSTM, dropout 0.2 as everywhere in it):

    x_t = [z_(t-1); h~_(t-1)]          the word before and the last output ("input feeding", Luong et al. 2015)
    h_t = LSTM_2(LSTM_1(x_t))          beginning at the text's own [forward at its end; backward at its beginning]
    a_t = softmax(H (W_1 h_t + b_1))   "general" attention, over the pieces of the text alone
    h~_t = tanh(W_2 [H' a_t; h_t] + b_2)
    p(word t) = softmax(W h~_t + b)

While it learns and is scored the words before are those of the given translation (teacher forcing). The words it can
say are those of the training translations; the decoder is made anew for every run and is no part of the model that
comes out of it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from embedlab.encoders.alignment import PieceReader
from embedlab.errors import TrainingError
from embedlab.lineage import vocabulary
from embedlab.lineage.base import PAD, UNKNOWN
from embedlab.lineage.kinds import kind_of
from embedlab.training.batches import cut
from embedlab.training.evaluate import MOST_NATS, READ_TOKENS
from embedlab.training.mlm import SEEN
from embedlab.training.objectives import Examples, Masked, Material, Score
from embedlab.training.objectives.translation import asked
from embedlab.training.pieces import Pieces, read_pieces
from embedlab.training.trainable import Trainable, reading
from embedlab.types import Occurrence

BORDER = PAD  # stands before the first word and after the last one: no text holds it
FEWEST_TIMES = 2  # that a word must occur to be said
MOST_WORDS = 20_000  # that can be said: the softmax over them is most of the work
LAYERS = 2


@dataclass(frozen=True)
class Target:
    """The language of the partners: how a text of it is cut, and how many words it has, the first two being signs."""

    reader: PieceReader
    size: int

    @classmethod
    def of(cls, examples: Examples) -> "Target":
        """The words that the partners of the training rows hold twice or more, the commonest 20,000 of them."""
        texts = [use.text for use in examples.partners]
        found = vocabulary.tokenizer(texts, min_count=FEWEST_TIMES, most=MOST_WORDS)
        return cls(PieceReader(found, "the translations"), int(found.get_vocab_size()))

    def read(self, uses: Sequence[Occurrence], limit: int) -> Pieces:
        """The words of each text, at most `limit` with the border that ends it."""
        bare = read_pieces(self.reader, uses, "mean", limit - 1)
        ids = tuple(np.append(words, np.int32(BORDER)).astype(np.int32) for words in bare.ids)
        return Pieces(ids, np.zeros(len(ids), dtype=np.int64), bare.lengths + 1, bare.cut)


def learned(examples: Examples, texts: Pieces, target: Target, limit: int) -> Material:
    """Texts and partners as the decoder takes them. Raises TrainingError for a row of which nothing can be read."""
    partners = target.read(examples.partners, limit)
    for pieces, least, what in ((texts, 1, "text"), (partners, 2, "translation")):
        empty = np.flatnonzero(pieces.lengths < least)
        if len(empty):
            row = examples.uses[int(empty[0])].row
            raise TrainingError(
                f"Row {(row if row is not None else int(empty[0])) + 1} has a {what} without a word that can be read: "
                "remove it."
            )
    return Material(examples, (texts, partners), np.zeros((len(examples), 0), dtype=np.int64))


class Decoder(nn.Module):
    """`words`: of the target language; `width`: of its table; `hidden`: of the encoder's top layer and of its own."""

    def __init__(self, words: int, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.table = nn.Embedding(words, width)
        self.cells = nn.ModuleList(nn.LSTMCell(below, hidden) for below in (width + hidden, *[hidden] * (LAYERS - 1)))
        self.attention = nn.Linear(hidden, hidden)
        self.combine = nn.Linear(2 * hidden, hidden)
        self.out = nn.Linear(hidden, words)

    def forward(
        self,
        source: Float[Tensor, "n s hidden"],
        lengths: Int64[Tensor, "n"],
        before: Int64[Tensor, "n t"],
        counts: Int64[np.ndarray, "n"],
    ) -> Float[Tensor, "m hidden"]:
        """h~ of every word asked for: the first words of all rows, then the second ones, and so on.

        `before`: the word before each; row i asks for counts[i] words, at least one. Rows come in order of falling
        counts: a row that has ended takes no further part, so no padding is ever computed.
        """
        source = self._dropped(source)
        absent = torch.arange(source.shape[1], device=source.device)[None] >= lengths[:, None]
        start = self._start(source, lengths)
        states = [(start, torch.zeros_like(start)) for _ in self.cells]
        fed = torch.zeros_like(start)
        shown = self._dropped(self.table(before))
        found = []
        for t in range(shown.shape[1]):
            k = int((counts > t).sum())
            x = torch.cat([shown[:k, t], fed[:k]], dim=-1)
            for i, cell in enumerate(self.cells):
                h, c = states[i]
                states[i] = cell(x if i == 0 else self._dropped(x), (h[:k], c[:k]))
                x = states[i][0]
            scores = (source[:k] @ self.attention(x)[:, :, None])[:, :, 0].masked_fill(absent[:k], -torch.inf)
            seen = (scores.softmax(-1)[:, None] @ source[:k])[:, 0]
            fed = self._dropped(torch.tanh(self.combine(torch.cat([seen, x], dim=-1))))
            found.append(fed)
        return torch.cat(found)

    def _start(self, source: Float[Tensor, "n s hidden"], lengths: Int64[Tensor, "n"]) -> Float[Tensor, "n hidden"]:
        """[forward at the last piece; backward at the first]: where each direction has read the whole text."""
        half = source.shape[-1] // 2
        rows = torch.arange(len(source), device=source.device)
        return torch.cat([source[rows, lengths - 1, :half], source[:, 0, half:]], dim=-1)

    def _dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


def decoder(encoder: Any, target: Target, label: str) -> Decoder:
    """A fresh decoder for a model. Raises TrainingError for one that is no CoVe."""
    kind = kind_of(encoder.config.to_dict())
    if kind is None or kind.name != "cove":
        raise TrainingError(f"{label} is no CoVe model, and only those learn by translation: make one and train that.")
    config = encoder.config
    return Decoder(target.size, config.embedding_size, 2 * config.lstm_size, config.dropout)


def fit(model: Trainable, material: Material) -> None:
    """Start the bias of a fresh decoder at ln of how often each word occurs in the training translations.

    The first steps then need not learn how often words are said; the loss begins near the entropy of a single word.
    """
    out = _decoder(model).out
    counts = np.bincount(np.concatenate(material.sides[1].ids), minlength=out.out_features).astype(np.float64)
    with torch.no_grad():
        out.bias.copy_(model.tensor(np.log((counts + SEEN) / (counts + SEEN).sum())))


def logits(model: Trainable, masked: Masked) -> tuple[Float[Tensor, "m words"], Int64[Tensor, "m"]]:
    """What the decoder says at every word asked for, and which word it should be, in the same order."""
    head = _decoder(model)
    counts = np.bincount(masked.row, minlength=len(masked.pieces))
    order = np.argsort(-counts, kind="stable")
    asked_for = np.full((len(counts), int(counts.max(initial=0))), BORDER, dtype=np.int64)
    asked_for[masked.row, masked.place] = masked.target
    asked_for, counts = asked_for[order], counts[order]
    before = np.concatenate([np.full((len(counts), 1), BORDER), asked_for[:, :-1]], axis=1)
    inside = np.arange(asked_for.shape[1])[:, None] < counts[None]
    texts = masked.pieces[order]
    said = head(_source(model, texts), model.tensor(texts.lengths), model.tensor(before), counts)
    return head.out(said), model.tensor(asked_for.T[inside])


def _source(model: Trainable, texts: Pieces) -> Float[Tensor, "n s hidden"]:
    """The top LSTM's states of each text: the last layer without the table's part of it. Zero behind a text."""
    lengths = texts.lengths
    row = np.repeat(np.arange(len(texts), dtype=np.int64), lengths)
    place = np.arange(len(row), dtype=np.int64) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    flat = model.hidden_at(texts, row, place)[:, int(model.encoder.config.embedding_size) :]
    source = flat.new_zeros(len(texts), int(lengths.max(initial=1)), flat.shape[1])
    return source.index_put((model.tensor(row), model.tensor(place)), flat)


def _decoder(model: Trainable) -> Decoder:
    found = model.decoder
    if not isinstance(found, Decoder):
        raise TrainingError("This plan has no decoder for the translations.")
    return found


def token_loss(model: Trainable, masked: Masked) -> Float[Tensor, ""]:
    """The sum over the words asked for, the border that ends each text among them, of -ln p(word) [nats]."""
    found, target = logits(model, masked)
    with torch.autocast(found.device.type, enabled=False):
        return F.cross_entropy(found.float(), target, reduction="sum")


def score(model: Trainable, known: Material, side: Material) -> Score:
    """Share of the words of held-out translations that the decoder names first, given those before; [0, 1].

    The border is not asked for, and "unknown" is no answer: a word outside the vocabulary counts as not found. Beside
    it: the perplexity, e to the mean loss, which counts border and unknown words as the loss does; the same share where
    the texts are exchanged, each read for the translation of the row before it, which is what the decoder finds without
    them; and what always naming the commonest word would find.
    """
    every = asked(side, np.arange(len(side), dtype=np.int64))
    words = every.target != BORDER
    right, nats = _read(model, every)
    parts = {"perplexity": math.exp(min(nats / len(every), MOST_NATS))}
    if len(side) > 1:
        exchanged = replace(every, pieces=every.pieces[np.roll(np.arange(len(side)), -1)])
        parts["with the texts exchanged"] = _read(model, exchanged)[0] / int(words.sum())
    seen, counts = np.unique(np.concatenate(known.sides[1].ids), return_counts=True)
    spoken = np.flatnonzero((seen != BORDER) & (seen != UNKNOWN))
    commonest = seen[spoken[np.argmax(counts[spoken])]] if len(spoken) else -1
    parts["always the commonest word"] = float(np.mean(every.target[words] == commonest))
    parts["words outside the vocabulary"] = float(np.mean(every.target[words] == UNKNOWN))
    return Score(right / int(words.sum()), {**parts, "words of the translations": float(words.sum())})


def _read(model: Trainable, every: Masked) -> tuple[int, float]:
    """How many words are named first, and the sum of the loss [nats]."""
    right, nats = 0, 0.0
    lengths = every.pieces.lengths + np.bincount(every.row, minlength=len(every.pieces))
    with reading(model):
        for rows in cut(np.argsort(lengths, kind="stable").tolist(), lengths, READ_TOKENS, READ_TOKENS):
            found, target = logits(model, every.take(rows))
            nats += float(F.cross_entropy(found.float(), target, reduction="sum"))
            found[:, UNKNOWN] = -torch.inf
            right += int(((found.argmax(-1) == target) & (target != BORDER)).sum())
    return right, nats
