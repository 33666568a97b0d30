"""The neighbours of a word, before and after: kept, lost, gained, each with its ranks."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from embedlab.errors import UserError
from embedlab.types import Comparison

Status = Literal["kept", "lost", "gained"]


@dataclass(frozen=True, slots=True)
class Move:
    """One neighbour. Ranks count from 1; rank and similarity are None where it is beyond the list that was kept."""

    word: str
    rank_before: int | None
    rank_after: int | None
    similarity_before: float | None
    similarity_after: float | None
    status: Status


def moves(comparison: Comparison, word: str, layer: int, k: int | None = None) -> list[Move]:
    """Every word that is among the k nearest before or after: kept and lost by their rank before, then the gained.

    `k` is that of the comparison unless given; up to as many as were kept (30 by default).
    Raises UserError for a word that was not counted, or a larger k.
    """
    table = comparison.words
    row = table.row(word)
    if row is None:
        raise UserError(f"The word {word!r} is not counted in this comparison: choose one of its words.")
    k = table.k if k is None else k
    ids_before = table.neighbours_before if table.ranked_before is None else table.ranked_before
    ids_after = table.neighbours_after if table.ranked_after is None else table.ranked_after
    cos_before = table.similarity_before if table.ranked_similarity_before is None else table.ranked_similarity_before
    cos_after = table.similarity_after if table.ranked_similarity_after is None else table.ranked_similarity_after
    if not 1 <= k <= ids_before.shape[2]:
        raise UserError(
            f"k is {k}, but this comparison keeps {ids_before.shape[2]} neighbours a word: ask for no more."
        )
    before = _ranks(ids_before[layer, row], cos_before[layer, row])
    after = _ranks(ids_after[layer, row], cos_after[layer, row])
    found = []
    for neighbour in dict.fromkeys((*before, *after)):
        rank_before, similarity_before = before.get(neighbour, (None, None))
        rank_after, similarity_after = after.get(neighbour, (None, None))
        near_before = rank_before is not None and rank_before <= k
        near_after = rank_after is not None and rank_after <= k
        if near_before or near_after:
            status: Status = "kept" if near_before and near_after else "lost" if near_before else "gained"
            place = (rank_before, rank_after, similarity_before, similarity_after)
            found.append(Move(table.words[neighbour], *place, status))
    kept_or_lost = [move for move in found if move.status != "gained"]
    gained = sorted((move for move in found if move.status == "gained"), key=lambda move: move.rank_after or 0)
    return [*kept_or_lost, *gained]


def _ranks(ids: np.ndarray, similarity: np.ndarray) -> dict[int, tuple[int, float]]:
    return {
        int(i): (rank, float(s)) for rank, (i, s) in enumerate(zip(ids, similarity, strict=True), start=1) if i >= 0
    }
