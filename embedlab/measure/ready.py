"""Rows that are asked again and again, one question at a time: what FAISS needs of them is made once."""

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64

from embedlab.errors import MeasureError
from embedlab.measure import neighbours
from embedlab.measure.rows import checked, norms, unit


class Ready:
    """The rows of X behind a FAISS index that is kept: `neighbours.nearest` without its n d of preparation a call.

    Holds one float32 copy of the unit rows beside X. Raises MeasureError for values that are not finite.

    >>> Ready(np.array([[1.0, 0.0], [1.0, 0.2], [0.0, 1.0]])).nearest(np.array([1.0, 0.0]), k=2)[0].tolist()
    [0, 1]
    """

    def __init__(self, X: Float[np.ndarray, "n d"]) -> None:
        checked(X, 1)
        self.rows = X
        self._space = neighbours._Space(X, norms(X), neighbours._flat(X, unit))

    def __len__(self) -> int:
        return len(self.rows)

    def nearest(
        self, query: Float[np.ndarray, "d"], k: int, exclude: int = -1
    ) -> tuple[Int64[np.ndarray, "k"], Float64[np.ndarray, "k"]]:
        """The k rows with the highest cosine to the query, best first, but for the row `exclude`: (rows, cosines).

        As exact, and with the same ties, as `neighbours.nearest`. Raises MeasureError as it does.
        """
        asked = checked(query[None], 1)
        candidates = len(self.rows) - (exclude >= 0)
        if not 1 <= k <= candidates:
            raise MeasureError(f"k is {k}, and there are {candidates} candidates: choose k between 1 and that.")
        ids, cosine = neighbours._settle(self._space, unit(asked), np.array([exclude]), k)
        return ids[0], cosine[0]

    def cosines(self, query: Float[np.ndarray, "d"], ids: Int64[np.ndarray, "m"]) -> Float64[np.ndarray, "m"]:
        """Cosine of the query with the rows named, in the order named; 0 with a zero row."""
        rows: Float32[np.ndarray, "1 m"] = np.asarray(ids)[None]
        return neighbours._cosines(self._space, rows, unit(checked(query[None], 1)))[0]
