"""Groups that changed together: words that moved in one direction, and whether that is more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from embedlab.comparing.directions import Division, divide, merged, trimmed
from embedlab.comparing.sides import pair_named
from embedlab.comparing.words import ROWS_PER_DIMENSION
from embedlab.errors import MeasureError
from embedlab.measure.rows import unit
from embedlab.measure.uncertainty import benjamini_hochberg
from embedlab.survey import Vectors
from embedlab.types import FALSE_SHARE, Comparison

VERSION = 1  # raise it when the same vectors would give other groups
LEAST_WORDS = 6  # below which there is nothing to divide
MOST_WORDS = 2_000  # those that changed most are grouped
SMALLEST = 3  # words of a group; fewer moved alone
MOST_GROUPS = 16
NULLS = 400  # groups of the null that p rests on, at least
FOLDS = 5
NEAR = 5  # words named that a group moved towards, and away from
STILL = 1e-6  # displacements of unit rows shorter than this are rounding

Moves = Float64[np.ndarray, "n d"]
Members = Int64[np.ndarray, "n"]


@dataclass(frozen=True)
class Group:
    """Words that moved alike, those nearest to the common direction first.

    `cohesion`: mean pairwise cosine of their displacements, in [-1, 1]; 1 = all moved the same way, 0 = unrelated.
    `p`: how often words that share no movement give a group as coherent; `q`: corrected over the groups (BH).
    `repeated`: the cohesion of the same words in the other seeds of the recipe, which had no part in finding them;
    None where there are none. `towards`, `away`: other words that the group moved to, and from.
    """

    words: tuple[str, ...]
    cohesion: float
    p: float
    q: float
    repeated: float | None
    towards: tuple[str, ...]
    away: tuple[str, ...]

    @property
    def called(self) -> bool:
        """Whether the group moved together by more than chance."""
        return self.q <= FALSE_SHARE


@dataclass(frozen=True)
class Groups:
    """The groups of one layer, the surest first. `words`: how many were divided; `alone`: of them in no group.

    `k`: into how many groups they were divided before those that are alike were made one. `chosen` says which words
    were divided, `aligned` whether a rotation was taken out. None found: `groups` is empty
    or holds none that is `called`, and `chosen` says why where there was nothing to divide.
    """

    layer: int
    groups: tuple[Group, ...]
    words: int
    alone: int
    k: int
    chosen: str
    aligned: bool
    nulls: int


def displacements(
    before: Float[np.ndarray, "n d"], after: Float[np.ndarray, "n e"], seed: int = 0
) -> tuple[Moves, bool]:
    """(after - before of every row, of unit length and centred, and whether a rotation was taken out first).

    What all words share is no change of one of them: the mean displacement is taken away, and from ROWS_PER_DIMENSION
    rows a dimension on also the best rotation, fitted on other rows than it moves (A15). Raises MeasureError for
    unlike widths with fewer rows than that.
    """
    width = max(before.shape[1], after.shape[1])
    enough = len(before) >= ROWS_PER_DIMENSION * width
    if before.shape[1] != after.shape[1] and not enough:
        raise MeasureError(
            f"The layers have {before.shape[1]} and {after.shape[1]} dimensions, and {len(before):,} words cannot fix "
            f"the rotation between them: {ROWS_PER_DIMENSION * width:,} could."
        )
    x, y = (np.pad(unit(side), ((0, 0), (0, width - side.shape[1]))) for side in (before, after))
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    if not enough or np.array_equal(x, y):
        return y - x, False
    fold = np.random.default_rng(seed).permutation(len(x)) % FOLDS
    moved = np.empty_like(y)
    for part in range(FOLDS):
        here = fold == part
        left, _, right = np.linalg.svd(x[~here].T @ y[~here])
        moved[here] = y[here] - x[here] @ (left @ right)
    return moved, True


def cohesion(moves: Moves) -> float:
    """Mean pairwise cosine of displacements: (|sum of unit rows|^2 - m) / (m (m - 1)), in [-1/(m-1), 1].

    >>> cohesion(np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 1.0]])).__round__(3)
    0.333
    """
    m = len(moves)
    total = unit(moves).sum(axis=0)
    return float((total @ total - m) / (m * (m - 1)))


def count_groups(n: int) -> int:
    """How many groups n words are first divided into: sqrt(n / 2), from 2 to MOST_GROUPS. Source: Mardia et al. 1979.

    >>> [count_groups(n) for n in (6, 40, 400, 2000)]
    [2, 4, 14, 16]
    """
    return int(np.clip(round(float(np.sqrt(n / 2))), 2, MOST_GROUPS))


def _dealt(moves: Moves, rng: np.random.Generator) -> Moves:
    """The null: every coordinate dealt anew among the words, with random signs: what two words shared is gone."""
    return rng.permuted(moves, axis=0) * rng.choice((-1.0, 1.0), size=moves.shape)


def _strength(directions: Moves, division: Division) -> dict[int, float]:
    """(m - 1) x cohesion of every group of SMALLEST words or more: what random directions keep near 0 at any size."""
    sizes = np.bincount(division.member[division.member >= 0], minlength=len(division.centres))
    return {
        group: (int(size) - 1) * cohesion(directions[division.member == group])
        for group, size in enumerate(sizes)
        if size >= SMALLEST
    }


class Judged(NamedTuple):
    division: Division
    strength: dict[int, float]
    p: dict[int, float]
    nulls: int


def judged(moves: Moves, seed: int = 0) -> Judged:
    """The groups of some displacements and their p: the same division of displacements that share nothing, NULLS
    groups in all or more, pooled; p = (as coherent + 1) / (groups + 1), in (0, 1].
    """
    rng = np.random.default_rng(seed)
    k = count_groups(len(moves))
    found = lambda rows: trimmed(rows, merged(rows, divide(rows, k, rng)))  # noqa: E731
    directions = unit(moves)
    division = found(directions)
    strength = _strength(directions, division)
    null: list[float] = []
    while len(null) < NULLS:
        dealt = unit(_dealt(moves, rng))
        null += _strength(dealt, found(dealt)).values() or [0.0]
    p = {group: (sum(other >= value for other in null) + 1) / (len(null) + 1) for group, value in strength.items()}
    return Judged(division, strength, p, len(null))


def groups(
    before: Vectors,
    after: Vectors,
    comparison: Comparison,
    layer: int,
    replicates: Sequence[Vectors] = (),
    seed: int = 0,
) -> Groups:
    """The words of a comparison that changed by more than noise at a layer, divided by how they moved.

    All its words where the floor is unknown, and at most MOST_WORDS. `replicates`: the surveys of the other seeds.
    Raises MeasureError where the layers have unlike widths and too few words.
    """
    pair = pair_named(before, after, comparison.layers[layer].name)
    place = {word: row for row, word in enumerate(before.words)}
    rows = np.array([place[word] for word in comparison.words.words], dtype=np.int64)
    old, new = (np.asarray(side.word_means[at][rows]) for side, at in ((before, pair.before), (after, pair.after)))
    moves, aligned = displacements(old, new, seed)
    which, chosen = _candidates(comparison, layer, np.linalg.norm(moves, axis=1) > STILL)
    if len(which) < LEAST_WORDS:
        return Groups(layer, (), len(which), len(which), 0, chosen, aligned, 0)
    found = judged(moves[which], seed)
    others = [displacements(old, np.asarray(one.word_means[pair.after][rows]), seed)[0] for one in replicates]
    q = dict(zip(found.p, benjamini_hochberg(np.array(list(found.p.values()))), strict=True)) if found.p else {}
    toward = unit(new - new.mean(axis=0)) if new.shape[1] == moves.shape[1] else None
    listed = [
        _described(comparison, which, found, group, float(q[group]), moves, others, toward) for group in found.strength
    ]
    listed.sort(key=lambda group: (group.q, -group.cohesion * len(group.words)))
    alone = len(which) - sum(len(group.words) for group in listed)
    return Groups(
        layer, tuple(listed), len(which), alone, count_groups(len(which)), chosen, aligned, found.nulls,
    )  # fmt: skip


def _candidates(comparison: Comparison, layer: int, moved: Bool[np.ndarray, "word"]) -> tuple[Members, str]:
    """The words to divide, and a sentence that says which."""
    table = comparison.words
    known = table.noise is not None and bool(np.isfinite(table.noise[layer]).any())
    able = moved & table.changed(layer) if known else moved
    rows = np.flatnonzero(able)
    what = "changed by more than noise" if known else "moved; what is noise is unknown here"
    if len(rows) < LEAST_WORDS:
        return rows, f"{len(rows)} of {len(moved):,} words {what}: fewer than {LEAST_WORDS} are not divided."
    if len(rows) <= MOST_WORDS:
        return rows, f"{len(rows):,} of {len(moved):,} words {what}: these are divided."
    order = np.argsort(-table.change[layer, rows], kind="stable")[:MOST_WORDS]
    return np.sort(rows[order]), f"{len(rows):,} words {what}: the {MOST_WORDS:,} that changed most are divided."


def _described(
    comparison: Comparison,
    which: Members,
    found: Judged,
    group: int,
    q: float,
    moves: Moves,
    others: Sequence[Moves],
    space: Moves | None,
) -> Group:
    centre = found.division.centres[group]
    rows = which[found.division.member == group]
    words = comparison.words.words
    order = np.argsort(-(unit(moves[rows]) @ centre), kind="stable")
    repeated = [cohesion(other[rows]) for other in others]
    towards: tuple[str, ...] = ()
    away: tuple[str, ...] = ()
    if space is not None:
        along = space @ centre
        along[rows] = 0.0
        ranked = np.argsort(-along, kind="stable")
        towards = tuple(words[i] for i in ranked[:NEAR] if along[i] > 0)
        away = tuple(words[i] for i in ranked[::-1][:NEAR] if along[i] < 0)
    return Group(
        words=tuple(words[row] for row in rows[order]),
        cohesion=cohesion(moves[rows]),
        p=found.p[group],
        q=q,
        repeated=float(np.mean(repeated)) if repeated else None,
        towards=towards,
        away=away,
    )
