"""Exact nearest neighbours through FAISS, and what follows from two lists of them (A14). The only module with FAISS."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Int32, Int64

from embedlab.errors import MeasureError
from embedlab.measure.rows import blocks, checked, checked_pair, norms, row_cosine, slices, unit

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
    Every pair is looked at, m n d operations; FAISS holds one float32 copy of X, the rest goes in blocks. Raises
    MeasureError for values that are not finite, and for k larger than the candidates. Source: A14.

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
    space = _Space(X, norms(X), _flat(X, unit))
    ids = np.empty((len(queries), k), dtype=np.int32)
    similarity = np.empty((len(queries), k), dtype=np.float32)
    for part in slices(len(queries), QUERY_BLOCK):
        ids[part], similarity[part] = _settle(space, unit(queries[part]), exclude[part], k)
    return ids, similarity


class _Space(NamedTuple):
    """Rows as given, their lengths, and FAISS's float32 copy of the unit rows: no float64 copy of all of them."""

    rows: Float[np.ndarray, "n d"]
    length: Float64[np.ndarray, "n"]
    index: Any


def _flat(X: Float[np.ndarray, "n d"], prepared: Callable[[np.ndarray], np.ndarray], inner_product: bool = True) -> Any:
    """A FAISS index that compares with every row: exact, no training, no tuning."""
    import faiss

    index = faiss.IndexFlatIP(X.shape[1]) if inner_product else faiss.IndexFlatL2(X.shape[1])
    for part in slices(len(X), QUERY_BLOCK):
        index.add(prepared(X[part]).astype(np.float32))
    return index


def _settle(
    space: _Space, asked: Float64[np.ndarray, "b d"], exclude: Int[np.ndarray, "b"], k: int
) -> tuple[Int64[np.ndarray, "b k"], Float64[np.ndarray, "b k"]]:
    """One block of queries: candidates from float32, order from float64, and a full look where float32 cannot tell."""
    n = len(space.rows)
    fetch = min(n, k + 1 + SPARE)
    rough, found = space.index.search(asked.astype(np.float32), fetch)
    rough[found == exclude[:, None]] = -np.inf
    # the candidates that float32 leaves in reach of the k-th place; what is further down needs no second look
    within = np.partition(rough, fetch - k, axis=1)[:, fetch - k] - CLOSE
    looked = max(int((rough >= within[:, None]).sum(axis=1).max(initial=k)), k)
    best = np.argsort(-rough, axis=1, kind="stable")[:, :looked]
    found, last = np.take_along_axis(found, best, 1), np.where(np.isfinite(rough), rough, np.inf).min(axis=1)
    cosine = _cosines(space, found, asked).round(DECIMALS)
    cosine[found == exclude[:, None]] = -np.inf
    best = np.lexsort((found, -cosine))  # by cosine, then by index
    cosine, found = np.take_along_axis(cosine, best, 1), np.take_along_axis(found, best, 1)
    if fetch < n:  # a row not fetched may be as near as the k-th: those queries see all rows in float64
        for i in np.flatnonzero(cosine[:, k - 1] - last < CLOSE):
            found[i, :k], cosine[i, :k] = _all_rows(space, asked[i], int(exclude[i]), k)
    return found[:, :k], cosine[:, :k]


def _cosines(
    space: _Space, ids: Int[np.ndarray, "b f"], asked: Float64[np.ndarray, "b d"]
) -> Float64[np.ndarray, "b f"]:
    """Cosine of each query, a unit row, with the rows it names."""
    value = np.empty(ids.shape)
    for part in slices(len(ids), GATHER_BLOCK):
        value[part] = np.einsum("bfd,bd->bf", space.rows[ids[part]].astype(np.float64), asked[part])
    length = space.length[ids]
    return value / np.where(length > 0, length, 1.0)


def _all_rows(
    space: _Space, query: Float64[np.ndarray, "d"], exclude: int, k: int
) -> tuple[Int64[np.ndarray, "k"], Float64[np.ndarray, "k"]]:
    """The k nearest by cosine, then index, among all rows in float64."""
    along = np.concatenate([block @ query for block in blocks(space.rows)])
    cosine = (along / np.where(space.length > 0, space.length, 1.0)).round(DECIMALS)
    if exclude >= 0:
        cosine[exclude] = -np.inf
    enough = np.partition(cosine, -k)[-k]
    ids = np.flatnonzero(cosine >= enough)
    ids = ids[np.lexsort((ids, -cosine[ids]))][:k]
    return ids, cosine[ids]


class Ready:
    """The rows of X behind a FAISS index that is kept: `nearest` without its n d of preparation a call.

    Holds one float32 copy of the unit rows beside X. Raises MeasureError for values that are not finite.

    >>> Ready(np.array([[1.0, 0.0], [1.0, 0.2], [0.0, 1.0]])).nearest(np.array([1.0, 0.0]), k=2)[0].tolist()
    [0, 1]
    """

    def __init__(self, X: Float[np.ndarray, "n d"]) -> None:
        checked(X, 1)
        self.rows = X
        self._space = _Space(X, norms(X), _flat(X, unit))

    def __len__(self) -> int:
        return len(self.rows)

    def nearest(
        self, query: Float[np.ndarray, "d"], k: int, exclude: int = -1
    ) -> tuple[Int64[np.ndarray, "k"], Float64[np.ndarray, "k"]]:
        """The k rows with the highest cosine to the query, best first, but for the row `exclude`: (rows, cosines).

        As exact, and with the same ties, as `nearest`. Raises MeasureError as it does.
        """
        asked = checked(query[None], 1)
        candidates = len(self.rows) - (exclude >= 0)
        if not 1 <= k <= candidates:
            raise MeasureError(f"k is {k}, and there are {candidates} candidates: choose k between 1 and that.")
        ids, cosine = _settle(self._space, unit(asked), np.array([exclude]), k)
        return ids[0], cosine[0]

    def cosines(self, query: Float[np.ndarray, "d"], ids: Int64[np.ndarray, "m"]) -> Float64[np.ndarray, "m"]:
        """Cosine of the query with the rows named, in the order named; 0 with a zero row."""
        rows: Float32[np.ndarray, "1 m"] = np.asarray(ids)[None]
        return _cosines(self._space, rows, unit(checked(query[None], 1)))[0]


def two_nearest_distances(X: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n 2"]:
    """Euclidean distances of every row to its two nearest others, self excluded by index; rows should be distinct.

    Centred and scaled first (distances do not mind, float32 does), candidates by FAISS, distances in float64.

    >>> two_nearest_distances(np.array([[0.0], [1.0], [3.0]])).tolist()
    [[1.0, 3.0], [1.0, 2.0], [2.0, 3.0]]
    """
    checked(X, 3)
    size = max(float(np.abs(X[part]).max()) for part in slices(len(X))) or 1.0
    middle = sum((X[part] / size).sum(axis=0, dtype=np.float64) for part in slices(len(X))) / len(X)

    def centred(rows: np.ndarray) -> np.ndarray:
        return rows.astype(np.float64) / size - middle

    index = _flat(X, centred, inner_product=False)
    distance = np.empty((len(X), 2))
    for part in slices(len(X), QUERY_BLOCK):
        asked = centred(X[part])
        found = index.search(asked.astype(np.float32), min(len(X), 3 + SPARE))[1]
        exact = np.empty(found.shape)
        for some in slices(len(found), GATHER_BLOCK):
            exact[some] = np.linalg.norm(centred(X[found[some]]) - asked[some, None, :], axis=2)
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


Found = tuple[Int[np.ndarray, "n k"], Int[np.ndarray, "n j"]]  # neighbours of the same rows in two spaces


def second_order_cosine(
    X: Float[np.ndarray, "n d"], Y: Float[np.ndarray, "n e"], k: int = 10, found: Found | None = None
) -> Float64[np.ndarray, "n"]:
    """Cosine of row i's cosine SIMILARITIES, in X and in Y, to the union of its k nearest rows in both.

    Range [-1, 1]; 1 = the neighbourhood kept its shape. Near 1 wherever a space has a common direction: show it beside
    second_order_chance. `found`: the ids of nearest(X, k) and nearest(Y, k) where they are known already; without
    them two searches of n^2 d operations. Source: A14; Hamilton et al. 2016 (local neighbourhood measure).

    >>> second_order_cosine(np.eye(3)[:, :2] + 1.0, np.eye(3)[:, :2] + 1.0, k=2).tolist()
    [1.0, 1.0, 1.0]
    """
    checked_pair(X, Y)
    return _second_order(X, Y, found or (nearest(X, k)[0], nearest(Y, k)[0]), np.arange(len(X)))


def second_order_chance(
    X: Float[np.ndarray, "n d"], Y: Float[np.ndarray, "n e"], k: int = 10, found: Found | None = None, seed: int = 0
) -> Float64[np.ndarray, "n"]:
    """second_order_cosine of each row of X with ANOTHER row of Y, seeded: what a common direction alone gives.

    Range [-1, 1]. Every row of Y is asked once, none about itself. Source: A14 (random word pairs).

    >>> second_order_chance(np.eye(4), np.eye(4), k=1).shape
    (4,)
    """
    checked_pair(X, Y)
    order = np.random.default_rng(seed).permutation(len(X))
    other = np.empty_like(order)
    other[order] = np.roll(order, 1)  # one round through all rows: never oneself
    return _second_order(X, Y, found or (nearest(X, k)[0], nearest(Y, k)[0]), other)


def _second_order(
    X: Float[np.ndarray, "n d"], Y: Float[np.ndarray, "n e"], found: Found, partner: Int[np.ndarray, "n"]
) -> Float64[np.ndarray, "n"]:
    """Row i of X against row partner[i] of Y, over the union of the neighbours of each in its own space."""
    a, b = found
    if not len(a) == len(b) == len(X):
        raise MeasureError(f"The neighbours are of {len(a)} and {len(b)} rows, the spaces have {len(X)}: give all.")
    x, y = (_Space(space, norms(space), None) for space in (X, Y))
    value = np.empty(len(X))
    for part in slices(len(X), QUERY_BLOCK):
        near, far = a[part], b[partner[part]]
        union = np.hstack([near, far])
        repeated = (far[:, :, None] == near[:, None, :]).any(axis=2)  # already there as a neighbour in X
        weight = np.hstack([np.ones(near.shape), ~repeated])
        value[part] = row_cosine(
            weight * _cosines(x, union, unit(X[part])), weight * _cosines(y, union, unit(Y[partner[part]]))
        )
    return value
