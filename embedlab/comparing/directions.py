"""Rows divided by their direction: spherical k-means, what is alike made one, and what only leans let go."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from embedlab.measure.rows import unit

ALIKE = 0.75  # of the cohesion of the looser of two groups: as alike as that across, they are one
STARTS, ROUNDS = 3, 30

Directions = Float64[np.ndarray, "n d"]


class Division(NamedTuple):
    """Which group every row is in (-1: none), and the mean direction of each."""

    member: Int64[np.ndarray, "n"]
    centres: Float64[np.ndarray, "k d"]


def divide(directions: Directions, k: int, rng: np.random.Generator) -> Division:
    """Spherical k-means of unit rows: the best of STARTS beginnings, each from rows far apart."""
    best, found = -np.inf, Division(np.zeros(len(directions), dtype=np.int64), directions[:1])
    for _ in range(1 if k == 1 else STARTS):
        centres = _far_apart(directions, k, rng)
        member = np.full(len(directions), -1)
        for _ in range(ROUNDS):
            near = directions @ centres.T
            now = near.argmax(axis=1)
            if np.array_equal(now, member):
                break
            member = now
            sums = np.zeros_like(centres)
            np.add.at(sums, member, directions)
            empty = np.flatnonzero(np.bincount(member, minlength=k) == 0)
            sums[empty] = directions[np.argsort(near.max(axis=1))[: len(empty)]]
            centres = unit(sums)
        fit = float(np.einsum("ij,ij->", directions, centres[member]))
        if fit > best:
            best, found = fit, Division(member.astype(np.int64), centres)
    return found


def merged(directions: Directions, division: Division) -> Division:
    """Groups that are as alike across as within made one, the most alike pair first, until none are.

    Alike: the mean cosine between two groups is ALIKE times the cohesion of the looser one, or more.
    """
    member, k = division.member, len(division.centres)
    sums, sizes = np.zeros_like(division.centres), np.bincount(member, minlength=k).astype(float)
    np.add.at(sums, member, directions)
    into = np.arange(k)
    while True:
        with np.errstate(invalid="ignore", divide="ignore"):
            own = (np.einsum("ij,ij->i", sums, sums) - sizes) / (sizes * (sizes - 1))
            across = (sums @ sums.T) / np.outer(sizes, sizes)
        own[sizes < 2] = np.inf
        looser = np.minimum(own[:, None], own[None, :])
        ratio = np.where((looser > 0) & np.isfinite(looser) & np.isfinite(across), across / looser, -np.inf)
        np.fill_diagonal(ratio, -np.inf)
        one, two = sorted(int(i) for i in np.unravel_index(ratio.argmax(), ratio.shape))
        if ratio[one, two] < ALIKE:
            break
        sums[one], sizes[one] = sums[one] + sums[two], sizes[one] + sizes[two]
        sums[two], sizes[two] = 0.0, 0.0
        into[into == two] = one
    left, place = np.unique(into[member], return_inverse=True)
    return Division(place.astype(np.int64), unit(sums[left]))


def trimmed(directions: Directions, division: Division) -> Division:
    """Groups without the rows that only lean to them: -1 for those whose cosine with the sum of the others of their
    group is under half of what its upper quarter has."""
    member, k = division.member, len(division.centres)
    sums = np.zeros_like(division.centres)
    np.add.at(sums, member, directions)
    others = sums[member] - directions
    near = np.einsum("ij,ij->i", directions, unit(others))
    quarter = np.array([np.quantile(near[member == group], 0.75) for group in range(k)])
    left = np.where(near >= quarter[member] / 2, member, -1)
    sums[:] = 0
    np.add.at(sums, left[left >= 0], directions[left >= 0])
    return Division(left, unit(sums))


def _far_apart(directions: Directions, k: int, rng: np.random.Generator) -> Float64[np.ndarray, "k d"]:
    """k rows, each drawn with chances by its squared distance to those drawn (k-means++, Arthur 2007)."""
    chosen = [int(rng.integers(len(directions)))]
    far = 2 - 2 * directions @ directions[chosen[0]]
    for _ in range(k - 1):
        weight = far.clip(min=1e-12)
        chosen.append(int(rng.choice(len(directions), p=weight / weight.sum())))
        far = np.minimum(far, 2 - 2 * directions @ directions[chosen[-1]])
    return directions[chosen].copy()
