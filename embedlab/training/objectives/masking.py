"""Which pieces masked language modelling hides, and behind what. numpy only: no chunk and no process can change it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from embedlab.training.pieces import Pieces

AS_MASK, AS_OTHER = 0.8, 0.1  # of the hidden pieces; the rest is shown as it is (Devlin et al. 2019)


@dataclass(frozen=True)
class Vocabulary:
    """What hiding needs to know of a tokenizer: the id of its mask, how many ids there are, which are special, and how
    many special pieces stand `before` and `after` every text.
    """

    mask: int
    size: int
    special: tuple[int, ...]
    before: int
    after: int

    @property
    def ordinary(self) -> Int64[np.ndarray, "id"]:
        return np.setdiff1d(np.arange(self.size, dtype=np.int64), np.array(self.special, dtype=np.int64))


@dataclass(frozen=True)
class Masked:
    """Pieces of k rows with m of them hidden: piece place[j] of row[j] was target[j]. Ordered by row, then place."""

    pieces: Pieces
    row: Int64[np.ndarray, "m"]
    place: Int64[np.ndarray, "m"]
    target: Int64[np.ndarray, "m"]

    def __len__(self) -> int:
        return len(self.row)

    def take(self, rows: Int64[np.ndarray, "k"]) -> "Masked":
        """Some of the rows, in the order given, with what is hidden in them."""
        begin = np.searchsorted(self.row, rows)
        counts = np.searchsorted(self.row, rows, side="right") - begin
        kept = np.concatenate([np.arange(b, b + n) for b, n in zip(begin, counts, strict=True)] or [begin])
        row = np.repeat(np.arange(len(rows), dtype=np.int64), counts)
        return Masked(self.pieces[rows], row, self.place[kept], self.target[kept])


def hide(pieces: Pieces, vocabulary: Vocabulary, share: float, rng: np.random.Generator, plain: bool = False) -> Masked:
    """Hide `share` of the pieces of every row, rounded, at least one; special ones never (Devlin et al. 2019).

    Of the hidden ones 80 % show the mask, 10 % an ordinary piece drawn at random, 10 % themselves; with `plain` all
    show the mask.
    """
    lengths = pieces.lengths - vocabulary.before - vocabulary.after
    if int(lengths.min(initial=1)) < 1:
        raise ValueError("a row has nothing to hide")
    wanted = np.maximum(1, np.rint(share * lengths).astype(np.int64))
    inside = np.arange(int(lengths.max(initial=0)))[None] < lengths[:, None]
    order = np.argsort(np.where(inside, rng.random(inside.shape), np.inf), axis=1)
    picked = np.zeros_like(inside)
    np.put_along_axis(picked, order, np.arange(inside.shape[1])[None] < wanted[:, None], axis=1)
    row, place = np.nonzero(picked)
    place = place + vocabulary.before
    ids = [np.array(one) for one in pieces.ids]
    target = np.array([ids[i][j] for i, j in zip(row, place, strict=True)], dtype=np.int64)
    shown = _shown(target, vocabulary, rng, plain)
    for i, j, piece in zip(row, place, shown, strict=True):
        ids[i][j] = piece
    return Masked(Pieces(tuple(ids), pieces.first, pieces.last, pieces.cut), row.astype(np.int64), place, target)


def _shown(
    target: Int64[np.ndarray, "m"], vocabulary: Vocabulary, rng: np.random.Generator, plain: bool
) -> Int64[np.ndarray, "m"]:
    """What stands at the hidden places."""
    if plain:
        return np.full_like(target, vocabulary.mask)
    lot, other = rng.random(len(target)), rng.choice(vocabulary.ordinary, len(target))
    return np.where(lot < AS_MASK, vocabulary.mask, np.where(lot < AS_MASK + AS_OTHER, other, target))
