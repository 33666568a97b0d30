"""Where the rows of one block of vectors belong: which text, word, use and random piece each is."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64

from embedlab.surveying.items import TextItems


class Groups:
    """Rows of a block in groups (the pieces of a text, the uses of a word), where a row may be in several."""

    def __init__(
        self, rows: Int64[np.ndarray, "member"], groups: Int64[np.ndarray, "member"], count: int, n: int
    ) -> None:
        from scipy.sparse import csr_array

        self.members = csr_array((np.ones(len(rows)), (groups, rows)), shape=(count, n))

    def sums(self, vectors: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "group d"]:
        return np.asarray(self.members @ vectors)


class Block:
    """The index arrays of one block, which holds all occurrences of its texts."""

    def __init__(self, texts: Sequence[TextItems], place: Int64[np.ndarray, "n"], n: int) -> None:
        def rows(lists: Sequence[Sequence[int]]) -> Int64[np.ndarray, "m"]:
            return place[np.array([row for some in lists for row in some], dtype=np.int64)]

        surveyed = [items for items in texts if items.pieces]
        ground = [items for items in surveyed if items.background >= 0]
        self.texts = np.array([items.text for items in texts], dtype=np.int64)
        self.whole = rows([[items.whole] for items in texts])
        self.surveyed = np.array([items.text for items in surveyed], dtype=np.int64)
        self.pieces = np.array([len(items.pieces) for items in surveyed], dtype=np.int64)
        owner = np.repeat(np.arange(len(surveyed)), self.pieces)
        self.of_text = Groups(rows([items.pieces for items in surveyed]), owner, len(surveyed), n)
        words = np.array([word for items in surveyed for word in items.word_ids], dtype=np.int64)
        self.words, owner, self.word_uses = np.unique(words, return_inverse=True, return_counts=True)
        uses_of_words = rows([items.words for items in surveyed])
        self.of_word = Groups(uses_of_words, owner, len(self.words), n)
        half = np.array([one for items in surveyed for one in items.halves], dtype=bool)
        self.of_half = Groups(uses_of_words[half], owner[half], len(self.words), n)
        self.half_uses = np.bincount(owner[half], minlength=len(self.words))
        self.ground = np.array([items.text for items in ground], dtype=np.int64)
        self.ground_rows = rows([[items.background] for items in ground])
        self.uses = np.array([use for items in surveyed for use in items.use_ids], dtype=np.int64)
        self.use_rows = rows([items.uses for items in surveyed])
