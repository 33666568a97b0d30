"""Does a text find its partner? Rank, reciprocal rank, nDCG and recall of one relevant item a query."""

import numpy as np
from jaxtyping import Float, Float64, Int, Int64

from embedlab.errors import MeasureError
from embedlab.measure.rows import checked, slices, unit

QUERY_BLOCK = 512
CANDIDATE_BLOCK = 4096
DECIMALS = 12  # cosines equal to twelve decimals differ by rounding only: ties


def ranks(
    vectors: Float[np.ndarray, "n d"],
    queries: Int[np.ndarray, "q"],
    partners: Int[np.ndarray, "q"],
    candidates: Int[np.ndarray, "c"],
) -> Int64[np.ndarray, "q"]:
    """Rank of each query's partner among the candidates by cosine, 1 = nearest; ties count against the partner.

    queries, partners, candidates: rows of `vectors`. A query never competes with its own partner; a row named twice
    among the candidates counts once. rank = 1 + how many other candidates are at least as near. Range [1, c]. A zero
    row has cosine 0 with everything. O(q c d) in blocks. Raises MeasureError where a partner is no candidate, or is the
    query itself.

    >>> rows = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [1.0, 0.0]])
    >>> ranks(rows, np.array([0, 2]), np.array([1, 1]), np.array([0, 1, 2, 3])).tolist()
    [2, 1]
    """
    checked(vectors, 1)
    pool = np.unique(candidates)
    if not np.isin(partners, pool).all():
        raise MeasureError("A partner is not among the candidates, so it can never be found: add it to them.")
    if (queries == partners).any():
        raise MeasureError("A query is its own partner, and would always find itself: give pairs of two texts.")
    found = np.empty(len(queries), dtype=np.int64)
    for part in slices(len(queries), QUERY_BLOCK):
        asked, own = unit(vectors[queries[part]]), unit(vectors[partners[part]])
        goal = np.einsum("ij,ij->i", asked, own).round(DECIMALS)[:, None]
        ahead = np.zeros(len(asked), dtype=np.int64)
        for block in slices(len(pool), CANDIDATE_BLOCK):
            rows = pool[block]
            near = (asked @ unit(vectors[rows]).T).round(DECIMALS) >= goal
            near &= (rows != queries[part][:, None]) & (rows != partners[part][:, None])
            ahead += near.sum(axis=1)
        found[part] = 1 + ahead
    return found


def reciprocal_rank(found: Int[np.ndarray, "q"]) -> Float64[np.ndarray, "q"]:
    """1 / rank of each query; its mean is MRR. Range (0, 1]; higher is better. Source: Voorhees 1999.

    >>> reciprocal_rank(np.array([1, 2, 4])).tolist()
    [1.0, 0.5, 0.25]
    """
    return 1.0 / _places(found)


def ndcg_at(found: Int[np.ndarray, "q"], k: int) -> Float64[np.ndarray, "q"]:
    """1 / log2(1 + rank) where the rank is at most k, else 0: nDCG@k with one relevant item, the ideal being rank 1.

    Range [0, 1]; higher is better. Source: Jarvelin & Kekalainen 2002.

    >>> ndcg_at(np.array([1, 3, 11]), 10).tolist()
    [1.0, 0.5, 0.0]
    """
    places = _places(found)
    return np.where(places <= _depth(k), 1.0 / np.log2(1.0 + places), 0.0)


def recall_at(found: Int[np.ndarray, "q"], k: int) -> Float64[np.ndarray, "q"]:
    """1 where the partner is among the k nearest, else 0; its mean is recall@k. Range [0, 1]; higher is better.

    >>> recall_at(np.array([1, 3, 11]), 10).tolist()
    [1.0, 1.0, 0.0]
    """
    return (_places(found) <= _depth(k)).astype(np.float64)


def _places(found: Int[np.ndarray, "q"]) -> Float64[np.ndarray, "q"]:
    if (found < 1).any():
        raise MeasureError("A rank counts from 1.")
    return found.astype(np.float64)


def _depth(k: int) -> int:
    if k < 1:
        raise MeasureError(f"k is {k}: give 1 or more places.")
    return k
