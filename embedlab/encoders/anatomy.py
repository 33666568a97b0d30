"""Looking into a model state with one sentence: `inside`, and the same word in two sentences."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int64

from embedlab.encoders.inside import Inside, Near, Piece, SameWord, word_in_both
from embedlab.encoders.protocol import Encoder
from embedlab.encoders.static import StaticEncoder
from embedlab.errors import ModelError
from embedlab.types import Occurrence

MOST = 64  # pieces of a text, special ones included: a sentence, and maps of attention that can be read
NEIGHBOURS = 10  # entries of the table named for each piece

# kind of the lineage -> why there is no attention, why no position is added
WITHOUT: Mapping[str, tuple[str, str]] = {
    "table": (
        "A table of words has no attention: no word looks at another.",
        "No position is added: the order of the words leaves no trace.",
    ),
    "lstm": (
        "An LSTM has no attention: it reads word after word and carries a state along.",
        "No position is added: the order is in the reading, left to right and right to left.",
    ),
    "cnn": (
        "A CNN has no attention: each filter sees a window of three, four or five words.",
        "No position is added: a filter sees the order within its window only.",
    ),
    "awd-lstm": (
        "An AWD-LSTM has no attention: it reads word after word and carries a state along.",
        "No position is added: the order is in the reading, left to right.",
    ),
    "elmo": (
        "ELMo has no attention: two LSTMs read the sentence, one in each direction.",
        "No position is added: the order is in the reading, left to right and right to left.",
    ),
    "cove": (
        "CoVe has no attention: its encoder reads the sentence in both directions; the attention of the translation "
        "model sat in the decoder, which is not kept.",
        "No position is added: the order is in the reading, left to right and right to left.",
    ),
}
ROTARY = "No position is added here: attention turns the vectors by their place instead (rotary positions)."
FROM_CHARACTERS = "ELMo has no table of words: it makes each word's first vector from its characters."


def inside(encoder: Encoder, text: str) -> Inside:
    """What a model state makes of one sentence, step by step (imports torch, but for a file of word vectors).

    Read alone and in fp32, with the attention written out (the same numbers as `encode` but for rounding).
    Raises ModelError for a text of no piece, or of more than MOST.
    """
    if isinstance(encoder, StaticEncoder):
        return _in_table(encoder, text)
    from embedlab.encoders.transformer import TransformerEncoder
    from embedlab.encoders.unfolding import unfold

    if not isinstance(encoder, TransformerEncoder):
        raise ModelError(f"{encoder.spec.source} cannot be looked into: choose a model folder, a run or word vectors.")
    return unfold(encoder, text)


def same_word(encoder: Encoder, first: str, second: str, word: str) -> SameWord:
    """Whether a word has the same vector in two sentences, layer by layer. Raises ModelError as `inside` does,
    and where a sentence does not hold the word."""
    return word_in_both(inside(encoder, first), inside(encoder, second), word)


def _in_table(encoder: StaticEncoder, text: str) -> Inside:
    """A file of word vectors: the known words and their rows, nothing above them."""
    spans = encoder.units([text])[0]
    require_length(text, len(spans), MOST, encoder.label)
    rows = np.empty((len(spans), encoder.layers[0].dim), dtype=np.float32)
    for at, (vectors,) in encoder.encode([Occurrence(text, *span) for span in spans]):
        rows[at] = vectors
    ids = np.array([row for _, row in encoder._words(text)], dtype=np.int64)
    names = encoder._table.names or ()
    attention, positions = WITHOUT["table"]
    return Inside(
        source=encoder.spec.source,
        text=text,
        pieces=tuple(Piece(names[id], int(id), *span) for id, span in zip(ids, spans, strict=True)),
        layers=encoder.layers,
        states=(rows,),
        rows=rows.copy(),
        near=nearest_entries(encoder._table.rows, ids, names),
        without_positions=positions,
        without_attention=attention,
    )


def require_length(text: str, pieces: int, most: int, label: str) -> None:
    """One sentence, all of it: nothing is cut off in silence."""
    if not text.strip():
        raise ModelError("There is no sentence: type one.")
    if not pieces:
        raise ModelError(f"{label} knows no word of this sentence: type another, or choose another model.")
    if pieces > most:
        raise ModelError(f"This sentence has {pieces} pieces for {label}; at most {most} are shown: shorten it.")


def nearest_entries(
    table: Float[np.ndarray, "entry width"], ids: Int64[np.ndarray, "piece"], names: Sequence[str]
) -> tuple[tuple[Near, ...], ...]:
    """For each piece the entries of the table whose rows have the highest cosine with its row, itself left out."""
    from embedlab.measure.neighbours import nearest

    k = min(NEIGHBOURS, len(table) - 1)
    if k < 1:
        return tuple(() for _ in ids)
    distinct, back = np.unique(ids, return_inverse=True)
    found, cosines = nearest(table, k, table[distinct], distinct)
    lists = [
        tuple(Near(names[entry], float(value)) for entry, value in zip(*pair, strict=True))
        for pair in zip(found, cosines, strict=True)
    ]
    return tuple(lists[i] for i in back)
