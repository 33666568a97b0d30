"""How long the measures take: `python -m benchmarks.measure [rows] [dimensions]`, one line a measure.

Measures whose cost grows with the square of the rows run up to 20,000 rows; the others are meant for a million.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from embedlab.measure import drift, geometry, neighbours, uncertainty, words

SQUARE_UPTO = 20_000


def main(n: int = 10_000, d: int = 384) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d), dtype=np.float32)
    Y = X + np.float32(0.5) * rng.standard_normal((n, d), dtype=np.float32)
    linear: dict[str, Callable[[], Any]] = {
        "mean_cosine": lambda: geometry.mean_cosine(X),
        "mean_cosine_centred": lambda: geometry.mean_cosine_centred(X),
        "top_dimension_share": lambda: geometry.top_dimension_share(X),
        "isoscore": lambda: geometry.isoscore(X),
        "effective_rank": lambda: geometry.effective_rank(X),
        "partition_isotropy_log10": lambda: geometry.partition_isotropy_log10(X),
        "mev_uncentred": lambda: words.mev_uncentred(X),
        "cka_debiased": lambda: drift.cka_debiased(X, Y),
        "procrustes_distance": lambda: drift.procrustes_distance(X, Y),
        "drift_cosine": lambda: drift.drift_cosine(X, Y),
        "bootstrap_mean_cosine, 100 draws": lambda: uncertainty.bootstrap_mean_cosine(X, Y, draws=100),
    }
    square: dict[str, Callable[[], Any]] = {
        "nearest, k = 10": lambda: neighbours.nearest(X, 10),
        "second_order_cosine": lambda: neighbours.second_order_cosine(X, Y, 10),
        "two_nn": lambda: geometry.two_nn(X),
        "uniformity": lambda: geometry.uniformity(X),
    }
    neighbours.nearest(X[:100], 3)  # FAISS is imported before the clock starts
    for name, measure in (linear | square if n <= SQUARE_UPTO else linear).items():
        start = time.perf_counter()
        measure()
        print(f"{name:<36}{time.perf_counter() - start:8.3f} s")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
