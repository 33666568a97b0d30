"""p by swapping: were before and after the same, whose vector is whose would not matter, sentence by sentence (A18)."""

import numpy as np
from jaxtyping import Float32, Float64, Int64

from embedlab.comparing import quick
from embedlab.comparing.sides import Pair
from embedlab.measure.rows import is_zero, slices, unit
from embedlab.measure.uncertainty import permutation_p, sample_rows, sign_flip_p

PERMUTATIONS = 99
ROWS = 500  # each permutation measures both spaces anew
FLIPS = 1_999
MANY = 20_000  # units


def mean_cosine_p(pair: Pair, seed: int, units: Int64[np.ndarray, "n"] | None = None) -> float:
    """Two-sided p that the mean cosine did not change.

    Before and after swapped in some sentences, the sum S of all unit vectors stays, and |sum after|^2 - |sum before|^2
    = S . sum(after - before): linear in the signs of the swaps, so a sign flip of S . (y_i - x_i) is the swap itself.
    units[i] is the sentence of row i where rows share sentences.
    """
    if pair.same:
        return 1.0
    kept = ~(is_zero(pair.before) | is_zero(pair.after))
    if not kept.any():
        return 1.0
    total = _unit_sum(pair.before[kept]) + _unit_sum(pair.after[kept])
    parts = _along(pair.after[kept], total) - _along(pair.before[kept], total)
    if units is not None:
        parts = np.bincount(np.unique(units[kept], return_inverse=True)[1], weights=parts)
    return flipped(parts, seed)


def cosine_influences(pair: Pair) -> Float64[np.ndarray, "n"]:
    """What each row adds to mean cosine after - before, n-fold: twice its dot product with the mean unit row."""
    sums = [_unit_sum(side) / len(side) for side in (pair.before, pair.after)]
    return 2 * (_along(pair.after, sums[1]) - _along(pair.before, sums[0]))


def _unit_sum(rows: Float32[np.ndarray, "n d"]) -> Float64[np.ndarray, "d"]:
    return np.sum([unit(rows[part]).sum(axis=0) for part in slices(len(rows))], axis=0)


def _along(rows: Float32[np.ndarray, "n d"], direction: Float64[np.ndarray, "d"]) -> Float64[np.ndarray, "n"]:
    return np.concatenate([unit(rows[part]) @ direction for part in slices(len(rows))])


def flipped(contributions: Float64[np.ndarray, "unit"], seed: int) -> float:
    """Two-sided p of the sum of what each unit contributes to the change, by sign flips.

    Of many units the flipped sum is normal with the sum of their squares for variance: no draw is needed then.
    """
    from scipy.stats import norm

    n = len(contributions)
    if not contributions.any():
        return 1.0
    if n > MANY:
        z = abs(contributions.sum()) / np.linalg.norm(contributions)
        return max(1 / (FLIPS + 1), float(2 * norm.sf(z)))
    return sign_flip_p(np.zeros(n), contributions, permutations=FLIPS, seed=seed)


def swap_ps(pair: Pair, k: int, seed: int) -> tuple[dict[str, float], str | None]:
    """Two-sided p of the spectrum, the dimension, hubness and uniformity, and a note where only some rows are swapped.

    All from the products of the rows of both spaces together, of which a swap only chooses others.
    """
    names = (*quick.SPECTRAL, *quick.NEIGHBOURLY)
    if pair.same:
        return dict.fromkeys(names, 1.0), None
    kept = np.flatnonzero(~(is_zero(pair.before) | is_zero(pair.after)))
    rows = kept[sample_rows(len(kept), ROWS, seed)]
    n = len(rows)
    if n <= max(k + 1, 3):
        return {}, None
    both = _Both(np.vstack([pair.before[rows], pair.after[rows]]).astype(np.float32), k)
    rng = np.random.default_rng([seed, n])
    each = np.arange(n)
    observed = quick.difference(both.numbers(each + n), both.numbers(each))
    null: dict[str, list[float]] = {name: [] for name in observed}
    for _ in range(PERMUTATIONS):
        swap = n * rng.integers(0, 2, n)
        drawn = quick.difference(both.numbers(each + n - swap), both.numbers(each + swap))
        for name, value in drawn.items():
            null[name].append(abs(value))
    found = {}
    for name in names:
        values = np.array(null[name])
        if np.isfinite(observed[name]) and np.isfinite(values).all():
            found[name] = permutation_p(abs(observed[name]), values)
    some = f"{n:,} pieces drawn by the seed" if n < len(kept) else "before and after piece by piece"
    return found, f"p by swapping {some}, {PERMUTATIONS} times."


class _Both:
    """The rows of both spaces, one above the other, and the products any half of them needs."""

    def __init__(self, rows: Float32[np.ndarray, "rows d"], k: int) -> None:
        self.rows, self.k = rows, k
        unit_rows, centred = quick.unit(rows), quick.centred(rows)
        self.cosine, self.product = unit_rows @ unit_rows.T, centred @ centred.T

    def numbers(self, some: Int64[np.ndarray, "n"]) -> quick.Numbers:
        rows = self.rows[some]
        square = np.ix_(some, some)
        # repeated rows stay: a distance of 0 is taken as the smallest there is, the same in every permutation
        near = quick.of_products(self.cosine[square], self.product[square], self.k)
        return quick.spectral(rows, quick.centred(rows)) | near
