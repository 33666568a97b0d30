"""Groups that changed together: planted ones are found, and none where words share nothing."""

from itertools import combinations

import numpy as np
import pytest

from embedlab.comparing import groups
from embedlab.errors import MeasureError
from embedlab.measure.rows import unit

WIDE, MANY = 48, 90


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def planted(seed: int, sizes: tuple[int, ...], strength: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Displacements with a shared part for each planted group, and which group a row is in (-1: none)."""
    member = np.full(MANY, -1)
    moves = rng(seed).normal(size=(MANY, WIDE))
    first = 0
    for number, size in enumerate(sizes):
        shared = rng(1000 * seed + number).normal(size=WIDE)
        moves[first : first + size] += strength * shared * np.sqrt(WIDE) / np.linalg.norm(shared)
        member[first : first + size] = number
        first += size
    return moves, member


def test_cohesion_is_the_mean_pairwise_cosine() -> None:
    moves = rng(1).normal(size=(9, 5)) * rng(2).uniform(0.1, 9, size=(9, 1))
    assert groups.cohesion(moves) == pytest.approx(np.mean([cosine(a, b) for a, b in combinations(moves, 2)]))
    assert groups.cohesion(np.array([[1.0, 2.0], [2.0, 4.0]])) == pytest.approx(1.0)
    assert groups.cohesion(np.array([[1.0, 0.0], [-3.0, 0.0]])) == pytest.approx(-1.0)


def test_what_all_words_share_is_no_displacement() -> None:
    before = unit(rng(5).normal(size=(MANY, WIDE)))
    assert np.abs(groups.displacements(before, before)[0]).max() == 0
    shifted = before + 0.0
    shifted[7] = -shifted[7]
    moves, aligned = groups.displacements(before, shifted)
    lengths = np.linalg.norm(moves, axis=1)
    assert not aligned
    assert lengths.argmax() == 7
    assert np.delete(lengths, 7).max() == pytest.approx(2 / MANY, rel=1e-6)  # the mean displacement, taken off all


def test_a_rotation_is_taken_out_where_words_are_enough_to_fix_it() -> None:
    before = rng(6).normal(size=(200, 6))
    rotation = np.linalg.qr(rng(7).normal(size=(6, 6)))[0]
    moves, aligned = groups.displacements(before, before @ rotation)
    assert aligned
    assert np.abs(moves).max() < 1e-9
    few, aligned = groups.displacements(before[:20], before[:20] @ rotation)
    assert not aligned
    assert np.linalg.norm(few, axis=1).min() > 0.05


def test_layers_of_unlike_width_need_words_enough_for_a_rotation() -> None:
    before = rng(8).normal(size=(200, 6))
    moves, aligned = groups.displacements(before, np.pad(before, ((0, 0), (0, 2))))
    assert aligned
    assert np.abs(moves).max() < 1e-9
    with pytest.raises(MeasureError, match="40 could"):
        groups.displacements(before[:39], np.pad(before[:39], ((0, 0), (0, 2))))


def test_planted_groups_are_found_whole_and_called() -> None:
    moves, member = planted(11, (30, 30, 30))
    found = groups.judged(moves, 0)
    assert len(found.division.centres) == 3
    assert max(found.p.values()) < 0.02
    for group in range(3):
        of = member[found.division.member == group]
        assert len(of) > 24
        assert (of == np.bincount(of).argmax()).mean() > 0.95


def test_a_group_among_words_that_move_alone_is_the_one_that_is_called() -> None:
    moves, member = planted(15, (20,), strength=1.5)
    found = groups.judged(moves, 0)
    best = min(found.p, key=lambda group: (found.p[group], -found.strength[group]))
    assert found.p[best] < 0.01
    inside = member[found.division.member == best] == 0
    assert inside.sum() >= 18
    assert inside.mean() > 0.8


def test_one_group_of_all_stays_one_and_is_called() -> None:
    found = groups.judged(planted(12, (MANY,))[0], 0)
    assert len(found.division.centres) == 1
    assert found.p[0] < 0.01


def test_words_that_share_nothing_are_called_no_more_often_than_stated() -> None:
    p = [p for seed in range(8) for p in groups.judged(planted(seed, ())[0], seed).p.values()]
    assert np.mean(np.array(p) <= 0.05) <= 0.15
    assert min(p) > 0


def test_the_null_keeps_every_coordinate_and_shares_nothing() -> None:
    moves, _ = planted(13, (MANY,))
    dealt = groups._dealt(moves, rng(0))
    assert np.allclose(np.sort(np.abs(dealt), axis=0), np.sort(np.abs(moves), axis=0))
    assert groups.cohesion(moves) > 0.3
    assert abs(groups.cohesion(dealt)) < 0.05


def test_the_same_seed_gives_the_same_groups() -> None:
    moves, _ = planted(14, (20, 40))
    one, two = (groups.judged(moves, 3) for _ in range(2))
    assert one.p == two.p
    assert np.array_equal(one.division.member, two.division.member)
