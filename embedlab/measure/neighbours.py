"""Exact nearest neighbours through FAISS, and what follows from two lists of them (A14). The only module with FAISS."""

from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Int32, Int64

from embedlab.errors import MeasureError
from embedlab.measure.rows import checked, checked_pair, row_cosine, slices, unit

SPARE = 16  # candidates fetched beyond k, so that float64 decides about the last places
CLOSE = 1e-6  # cosines nearer than this are not told apart by float32
DECIMALS = 12  # cosines equal to twelve decimals differ by rounding only: ties, which go by index
QUERY_BLOCK = 4096  # queries FAISS gets at once
GATHER_BLOCK = 32  # queries whose candidates are copied at once: small enough to stay in the cache


def nearest(
    X: Float[np.ndarray, "n d"],
    k: int,
    queries: Float[np.ndarray, "m d"] | None = None,
    exclude: Int[np.ndarray, "m"] | None = None,
) -> tuple[Int32[np.ndarray, "m k"], Float32[np.ndarray, "m k"]]:
    """The k rows of X with the highest cosine to each query, best first: (rows of X, cosines).

    Without `queries` every row of X asks, and itself is excluded BY ITS INDEX, so duplicates stay candidates. With
    queries, exclude[i] is the row of X that query i may not find (-1: none). FAISS finds the candidates in float32,
    float64 decides; ties (equal to 1e-12) go by index. A zero row has cosine 0 with everything.
    Raises MeasureError for values that are not finite, and for k larger than the candidates. Source: A14.

    >>> nearest(np.array([[1.0, 0.0], [1.0, 0.2], [0.0, 1.0]]), k=1)[0].ravel().tolist()
    [1, 0, 1]
    """
    checked(X, 1)
    if queries is None:
        queries, exclude = X, np.arange(len(X))
    elif len(queries):
        checked(queries, 1)
    exclude = np.full(len(queries), -1) if exclude is None else exclude
    candidates = len(X) - int((exclude >= 0).any())
    if not 1 <= k <= candidates:
        raise MeasureError(f"k is {k}, and there are {candidates} candidate neighbours: choose k between 1 and that.")
    rows, asked = unit(X), unit(queries)
    index = _flat(rows.astype(np.float32), inner_product=True)
    ids = np.empty((len(asked), k), dtype=np.int32)
    similarity = np.empty((len(asked), k), dtype=np.float32)
    for part in slices(len(asked), QUERY_BLOCK):
        ids[part], similarity[part] = _settle(index, rows, asked[part], exclude[part], k)
    return ids, similarity


def _flat(rows: Float32[np.ndarray, "n d"], inner_product: bool) -> Any:
    """A FAISS index that compares with every row: exact, no training, no tuning."""
    import faiss

    index = faiss.IndexFlatIP(rows.shape[1]) if inner_product else faiss.IndexFlatL2(rows.shape[1])
    index.add(np.ascontiguousarray(rows))
    return index


def _settle(
    index: Any,
    rows: Float64[np.ndarray, "n d"],
    asked: Float64[np.ndarray, "b d"],
    exclude: Int[np.ndarray, "b"],
    k: int,
) -> tuple[Int64[np.ndarray, "b k"], Float64[np.ndarray, "b k"]]:
    """One block of queries: candidates from float32, order from float64, and a full look where float32 cannot tell."""
    fetch = min(len(rows), k + 1 + SPARE)
    found = index.search(asked.astype(np.float32), fetch)[1]
    cosine = _cosines(rows, found, asked).round(DECIMALS)
    cosine[found == exclude[:, None]] = -np.inf
    best = np.lexsort((found, -cosine))  # by cosine, then by index
    cosine, found = np.take_along_axis(cosine, best, 1), np.take_along_axis(found, best, 1)
    if fetch < len(rows):  # a row not fetched may be as near as the k-th: those queries see all rows in float64
        last = np.where(np.isfinite(cosine[:, -1]), cosine[:, -1], cosine[:, -2])
        for i in np.flatnonzero(cosine[:, k - 1] - last < CLOSE):
            found[i, :k], cosine[i, :k] = _all_rows(rows, asked[i], int(exclude[i]), k)
    return found[:, :k], cosine[:, :k]


def _cosines(
    rows: Float64[np.ndarray, "n d"], ids: Int[np.ndarray, "b f"], asked: Float64[np.ndarray, "b d"]
) -> Float64[np.ndarray, "b f"]:
    """Dot products of each query with the rows it names."""
    value = np.empty(ids.shape)
    for part in slices(len(ids), GATHER_BLOCK):
        value[part] = np.einsum("bfd,bd->bf", rows[ids[part]], asked[part])
    return value


def _all_rows(
    rows: Float64[np.ndarray, "n d"], query: Float64[np.ndarray, "d"], exclude: int, k: int
) -> tuple[Int64[np.ndarray, "k"], Float64[np.ndarray, "k"]]:
    cosine = (rows @ query).round(DECIMALS)
    if exclude >= 0:
        cosine[exclude] = -np.inf
    enough = np.partition(cosine, -k)[-k]
    ids = np.flatnonzero(cosine >= enough)
    ids = ids[np.lexsort((ids, -cosine[ids]))][:k]
    return ids, cosine[ids]


def two_nearest_distances(X: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n 2"]:
    """Euclidean distances of every row to its two nearest others, self excluded by index; rows should be distinct.

    Centred and scaled first (distances do not mind, float32 does), candidates by FAISS, distances in float64.

    >>> two_nearest_distances(np.array([[0.0], [1.0], [3.0]])).tolist()
    [[1.0, 3.0], [1.0, 2.0], [2.0, 3.0]]
    """
    checked(X, 3)
    rows = X.astype(np.float64)
    size = np.abs(rows).max() or 1.0
    rows /= size
    rows -= rows.mean(axis=0)
    index = _flat(rows.astype(np.float32), inner_product=False)
    distance = np.empty((len(X), 2))
    for part in slices(len(X), QUERY_BLOCK):
        asked = rows[part]
        found = index.search(asked.astype(np.float32), min(len(X), 3 + SPARE))[1]
        exact = np.empty(found.shape)
        for some in slices(len(found), GATHER_BLOCK):
            exact[some] = np.linalg.norm(rows[found[some]] - asked[some, None, :], axis=2)
        exact[found == np.arange(part.start, part.stop)[:, None]] = np.inf
        distance[part] = np.sort(exact, axis=1)[:, :2] * size
    return distance


def knn_jaccard(A: Int[np.ndarray, "n k"], B: Int[np.ndarray, "n j"]) -> Float64[np.ndarray, "n"]:
    """|A_i & B_i| / |A_i u B_i| of two neighbour lists, row by row; 1 - this is the change of row i.

    Range [0, 1]; 1 = the same neighbours, chance is about k/(2n). Neither end is good as such. Source: A14.

    >>> knn_jaccard(np.array([[1, 2]]), np.array([[2, 3]])).round(3).tolist()
    [0.333]
    """
    if len(A) != len(B):
        raise MeasureError(f"One list has {len(A)} rows and the other {len(B)}: they must be the same rows in order.")
    shared = np.empty(len(A))
    for part in slices(len(A)):
        shared[part] = (A[part][:, :, None] == B[part][:, None, :]).sum(axis=(1, 2))
    return shared / (A.shape[1] + B.shape[1] - shared)


def second_order_cosine(
    X: Float[np.ndarray, "n d"], Y: Float[np.ndarray, "n e"], k: int = 10
) -> Float64[np.ndarray, "n"]:
    """Cosine of row i's cosine SIMILARITIES, in X and in Y, to the union of its k nearest rows in both.

    Range [-1, 1]; 1 = the neighbourhood kept its shape. Near 1 wherever a space has a common direction: show it beside
    the value for random pairs. Source: A14; Hamilton et al. 2016 (local neighbourhood measure).

    >>> second_order_cosine(np.eye(3)[:, :2] + 1.0, np.eye(3)[:, :2] + 1.0, k=2).tolist()
    [1.0, 1.0, 1.0]
    """
    checked_pair(X, Y)
    a, b = nearest(X, k)[0], nearest(Y, k)[0]
    x, y = unit(X), unit(Y)
    value = np.empty(len(X))
    for part in slices(len(X), QUERY_BLOCK):
        union = np.hstack([a[part], b[part]])
        repeated = (b[part][:, :, None] == a[part][:, None, :]).any(axis=2)  # already there as a neighbour in X
        weight = np.hstack([np.ones_like(a[part], dtype=float), ~repeated])
        value[part] = row_cosine(weight * _cosines(x, union, x[part]), weight * _cosines(y, union, y[part]))
    return value
