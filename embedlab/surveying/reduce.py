"""From what one pass collected to what a survey keeps: word means, self-similarity (A2), the null of A3."""

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from embedlab.measure.words import MIN_USES
from embedlab.surveying.block import Groups

TEXTS_AT_ONCE = 1000


def word_means(total: Float64[np.ndarray, "word d"], uses: Int64[np.ndarray, "word"]) -> Float32[np.ndarray, "word d"]:
    """The mean vector of each word over its uses; zeros for a word no use of which was seen."""
    return (total / np.maximum(uses, 1)[:, None]).astype(np.float32)


def self_similarity(
    unit_sum: Float64[np.ndarray, "frequent d"], nonzero: Int64[np.ndarray, "word"]
) -> Float64[np.ndarray, "word"]:
    """A2 in closed form, (|sum of unit vectors|^2 - n) / (n(n-1)); NaN for words with fewer than MIN_USES uses."""
    value = np.full(len(nonzero), np.nan)
    n = nonzero[: len(unit_sum)].astype(np.float64)
    enough = n >= MIN_USES
    square = np.einsum("wd,wd->w", unit_sum, unit_sum)
    value[: len(unit_sum)][enough] = (square[enough] - n[enough]) / (n[enough] * (n[enough] - 1))
    return value


def intra(
    total: Float64[np.ndarray, "text d"], units: Float64[np.ndarray, "text d"], count: Float64[np.ndarray, "text"]
) -> Float64[np.ndarray, "text"]:
    """A3 of each text from sums over its pieces: mean_i cos(x_i, m) = (sum of unit vectors . m) / (n |m|).

    total: the sum of the vectors; units: of their unit vectors; count: how many have a direction (zero rows have no
    cosine and are dropped). NaN for fewer than two pieces, or where they cancel out.
    """
    length = np.linalg.norm(total, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.einsum("td,td->t", units, total) / (count * length)
    return np.where((count >= 2) & (length > 0), value, np.nan)


def intra_null(
    background: Float32[np.ndarray, "text d"],
    seen: Bool[np.ndarray, "text"],
    pieces: Int64[np.ndarray, "text"],
    seed: int,
) -> Float64[np.ndarray, "text"]:
    """A3's null: for a text of n pieces, the same number of n random pieces of n other texts.

    The draw depends on the seed, the text and n only, so two models whose pieces agree are given the same draws.
    NaN for texts with fewer than two pieces, or more pieces than there are other texts.
    """
    value = np.full(len(pieces), np.nan)
    pool = np.flatnonzero(seen)
    others = len(pool) - seen.astype(np.int64)  # for each text, without itself
    possible = np.flatnonzero((pieces >= 2) & (pieces <= others))
    vectors = background.astype(np.float64)
    length = np.linalg.norm(vectors, axis=1)
    unit = vectors / np.where(length > 0, length, 1)[:, None]
    directed = (length > 0).astype(np.float64)[:, None]
    for first in range(0, len(possible), TEXTS_AT_ONCE):
        some = possible[first : first + TEXTS_AT_ONCE]
        drawn = [_others(pool, int(text), int(pieces[text]), seed) for text in some]
        owner = np.repeat(np.arange(len(some)), pieces[some])
        groups = Groups(np.concatenate(drawn), owner, len(some), len(vectors))
        value[some] = intra(groups.sums(vectors), groups.sums(unit), groups.sums(directed)[:, 0])
    return value


def _others(pool: Int64[np.ndarray, "seen"], text: int, n: int, seed: int) -> Int64[np.ndarray, "n"]:
    """n different texts of the (ascending) pool, not this one: drawn as places among the others, stepping over it."""
    at = int(np.searchsorted(pool, text))
    inside = at < len(pool) and int(pool[at]) == text
    drawn = np.random.default_rng([seed, text]).choice(len(pool) - inside, n, replace=False)
    return pool[drawn + (drawn >= at) if inside else drawn]
