"""What nearest neighbours say of one cloud: intrinsic dimension (A8) and hubness (A9)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from embedlab.errors import MeasureError
from embedlab.measure.neighbours import nearest, two_nearest_distances
from embedlab.measure.rows import checked, first_appearances, is_zero, number


class TwoNN(NamedTuple):
    """Intrinsic dimension by both estimators, and how many exact duplicates were left out."""

    linear: float
    mle: float
    duplicates_removed: int


class Hubness(NamedTuple):
    """How unevenly rows serve as neighbours: skewness, share of rows that serve none, most served by one."""

    skew: float
    antihub_share: float
    max_k_occurrence: int


# ---------------------------------------------------------------- A8


def two_nn_all(X: Float[np.ndarray, "n d"]) -> TwoNN:
    """Intrinsic dimension from mu = r2/r1, Euclidean on the vectors as they are, exact duplicates left out first.

    linear: slope through the origin of -log(1 - i/N) on log mu, largest 10 % of mu dropped. mle: (N-1) / sum log mu.
    Range > 0; neither end is good. Low by a third at true dimension 32: compare at equal n, never with repeated rows.
    Every pair is looked at: n^2 d operations. Source: A8; Facco et al. 2017.

    >>> two_nn_all(np.array([[0.0], [1.0], [3.0], [3.0], [7.0]])).duplicates_removed
    1
    """
    kept = first_appearances(checked(X))
    rows = X if len(kept) == len(X) else X[kept]
    removed = len(X) - len(rows)
    if len(rows) < 3:
        raise MeasureError(f"Only {len(rows)} rows are different, and two neighbours each need three: give more data.")
    r = two_nearest_distances(rows)
    log_mu = np.sort(np.log(r[:, 1]) - np.log(r[:, 0]))
    n = len(log_mu)
    used = max(2, int(n * 0.9))
    x, y = log_mu[:used], -np.log1p(-np.arange(1, used + 1) / n)
    why = "every row is as far from its second neighbour as from its first"
    if not x.any():
        raise MeasureError(f"This number is not defined for the data: {why}.")
    return TwoNN(number((x @ y) / (x @ x), why), number((n - 1) / log_mu.sum(), why), removed)


def two_nn(X: Float[np.ndarray, "n d"]) -> float:
    """Intrinsic dimension, linear TwoNN: see two_nn_all.

    >>> round(two_nn(np.array([[0.0], [1.0], [3.0], [7.0], [12.0]])), 6)
    1.837324
    """
    return two_nn_all(X).linear


def two_nn_mle(X: Float[np.ndarray, "n d"]) -> float:
    """Intrinsic dimension, maximum likelihood TwoNN: see two_nn_all.

    >>> round(two_nn_mle(np.array([[0.0], [1.0], [3.0], [7.0], [12.0]])), 6)
    1.329719
    """
    return two_nn_all(X).mle


def duplicates_removed(X: Float[np.ndarray, "n d"]) -> int:
    """How many rows repeat an earlier row exactly. Range [0, n-1]. Source: A8.

    >>> duplicates_removed(np.array([[1.0], [1.0], [2.0]]))
    1
    """
    return len(X) - len(first_appearances(checked(X, 1)))


# ---------------------------------------------------------------- A9


def hubness_of(ids: Int[np.ndarray, "n k"]) -> Hubness:
    """Hubness from neighbours already known: N_k(i) = how often i is among another row's k nearest.

    >>> hubness_of(np.array([[1], [0], [1], [1]])).max_k_occurrence
    3
    """
    n = len(ids)
    served = np.bincount(ids.ravel(), minlength=n).astype(np.float64)
    if len(served) != n or served.sum() != ids.size:
        raise ValueError("the neighbours are not rows of the same space")
    spread = served - served.mean()
    variance = (spread**2).mean()
    skew = (spread**3).mean() / variance**1.5 if variance > 0 else 0.0  # all serve alike: no hubs at all
    return Hubness(float(skew), float((served == 0).mean()), int(served.max()))


def hubness(X: Float[np.ndarray, "n d"], k: int = 10) -> Hubness:
    """Skewness g1 of N_k by cosine, the share of antihubs (N_k = 0) and the largest N_k.

    skew range (-inf, inf), 0 = nobody is a hub; lower is better for search. Self excluded by index, ties by index.
    Zero rows are left out. Every pair is looked at: n^2 d operations. Source: A9; Radovanovic et al. 2010.

    >>> hubness(np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), k=1)
    Hubness(skew=0.0, antihub_share=0.0, max_k_occurrence=1)
    """
    zero = is_zero(checked(X))
    return hubness_of(nearest(X[~zero] if zero.any() else X, k)[0])
