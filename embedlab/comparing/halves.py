"""Silhouette and clustering of many halves of a word's uses at once, from the cosines of all of them (A16, A18).

A half takes half of every sense, so that rare senses stay. The spread of these numbers makes the intervals; the values
themselves come from embedlab.measure.senses.
"""

import numpy as np
from jaxtyping import Float32, Float64, Int64

from embedlab.comparing.quick import unit

HALVES = 20
MOST_OF_A_SENSE = 100  # in a half; more uses only cost time
INITS = 5
ROUNDS = 25
LEAST_OF_A_SENSE = 4  # two in a half: a single use has no silhouette and no cluster


class Halves:
    """The same halves for both models. `m` of `n` uses are in each; None from `of` where a sense has too few uses."""

    def __init__(self, senses: Int64[np.ndarray, "use"], seed: int) -> None:
        sizes = np.bincount(senses)
        share = min(0.5, MOST_OF_A_SENSE / sizes.max())
        rng = np.random.default_rng([seed, len(senses)])
        taken = [max(2, int(share * size)) for size in sizes]
        self.n, self.m, self.count, self.least = len(senses), sum(taken), len(sizes), min(taken)
        drawn = []
        for sense, size in enumerate(taken):
            members = np.flatnonzero(senses == sense)
            drawn.append(np.array([rng.permutation(members)[:size] for _ in range(HALVES)]))
        self.rows = np.concatenate(drawn, axis=1)
        self.senses = np.repeat(np.arange(self.count), taken)
        places = np.concatenate([np.flatnonzero(self.senses == sense)[: self.least] for sense in range(self.count)])
        self.balanced, self.balanced_senses = self.rows[:, places], self.senses[places]
        self.seed = seed

    @staticmethod
    def of(names: np.ndarray, seed: int) -> "Halves | None":
        senses = np.unique(names, return_inverse=True)[1]
        sizes = np.bincount(senses)
        return Halves(senses, seed) if len(sizes) > 1 and sizes.min() >= LEAST_OF_A_SENSE else None

    def silhouettes(self, uses: Float32[np.ndarray, "use d"]) -> list[float]:
        """silhouette_cosine_macro of every half."""
        cosine = _squares(uses, self.rows)
        member = (self.senses[:, None] == np.arange(self.count)).astype(np.float32)
        size = member.sum(axis=0)
        along = cosine @ member
        own_size = size[self.senses]
        own = np.take_along_axis(along, np.broadcast_to(self.senses[None, :, None], (*along.shape[:2], 1)), 2)[:, :, 0]
        a = (own_size - own) / (own_size - 1)
        other = np.where(member[None] > 0, np.inf, 1 - along / size)
        b = other.min(axis=2)
        a, b = a.clip(0), b.clip(0)
        largest = np.maximum(a, b)
        value = np.divide(b - a, largest, out=np.zeros_like(a), where=largest > 0)
        return [float(x) for x in (value @ member / size).mean(axis=1)]

    def clusterings(self, uses: Float32[np.ndarray, "use d"]) -> tuple[list[float], list[float]]:
        """(V, adjusted Rand index) of every half, as many uses of every sense."""
        cosine = _squares(uses, self.balanced)
        found = kernel_kmeans(cosine, self.count, np.random.default_rng([self.seed, 1]))
        return agreement(self.balanced_senses, found, self.count)


def _squares(uses: Float32[np.ndarray, "use d"], rows: Int64[np.ndarray, "half m"]) -> Float32[np.ndarray, "half m m"]:
    rows_of = unit(uses)[rows]
    return np.asarray(rows_of @ rows_of.transpose(0, 2, 1))


def kernel_kmeans(
    cosine: Float32[np.ndarray, "half m m"], count: int, rng: np.random.Generator
) -> Int64[np.ndarray, "half m"]:
    """KMeans of unit rows from their cosines: best of INITS starts by k-means++, all halves in step."""
    halves, m, _ = cosine.shape
    each = np.arange(halves)
    best = np.zeros((halves, m), dtype=np.int64)
    lowest = np.full(halves, np.inf)
    for _ in range(INITS):
        centres = [rng.integers(0, m, halves)]
        away = 1 - cosine[each, centres[0]]
        for _ in range(count - 1):
            weight = away.clip(1e-9).cumsum(axis=1)
            centres.append((weight < rng.random((halves, 1)) * weight[:, -1:]).sum(axis=1).clip(max=m - 1))
            away = np.minimum(away, 1 - cosine[each, centres[-1]])
        distance = np.stack([1 - cosine[each, centre] for centre in centres], axis=2)
        found = distance.argmin(axis=2)
        for _ in range(ROUNDS):
            member = (found[:, :, None] == np.arange(count)).astype(np.float32)
            size = member.sum(axis=1)[:, None, :]
            with np.errstate(invalid="ignore", divide="ignore"):
                along = cosine @ member / size
                distance = (member * along).sum(axis=1, keepdims=True) / size - 2 * along
            distance = np.where(size > 0, distance, np.inf)
            new = distance.argmin(axis=2)
            if (new == found).all():
                break
            found = new
        inertia = distance.min(axis=2).sum(axis=1)
        better = inertia < lowest
        best[better], lowest[better] = found[better], inertia[better]
    return best


def agreement(
    truth: Int64[np.ndarray, "m"], found: Int64[np.ndarray, "half m"], count: int
) -> tuple[list[float], list[float]]:
    """(V measure, adjusted Rand index) of each row of cluster numbers against the truth."""
    m = len(truth)
    true = (truth[:, None] == np.arange(count)).astype(np.float64)
    said = (found[:, :, None] == np.arange(count)).astype(np.float64)
    table = true.T @ said
    rows, columns = table.sum(axis=2), table.sum(axis=1)

    def entropy(counts: Float64[np.ndarray, "half some"]) -> Float64[np.ndarray, "half"]:
        share = counts / m
        return -(share * np.log(np.where(share > 0, share, 1))).sum(axis=1)

    joint = entropy(table.reshape(len(found), -1))
    of_truth, of_found = entropy(rows), entropy(columns)
    total = of_truth + of_found
    v = np.divide(2 * (total - joint), total, out=np.ones(len(found)), where=total > 0)

    def pairs(counts: Float64[np.ndarray, "half ..."]) -> Float64[np.ndarray, "half"]:
        return (counts * (counts - 1) / 2).reshape(len(found), -1).sum(axis=1)

    both, one, two = pairs(table), pairs(rows), pairs(columns)
    chance = one * two / (m * (m - 1) / 2)
    room = (one + two) / 2 - chance
    ari = np.divide(both - chance, room, out=np.ones(len(found)), where=room != 0)
    return v.tolist(), ari.tolist()
