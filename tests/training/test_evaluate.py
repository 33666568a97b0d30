"""Scores by hand, by another route, and in a space that fell into one point."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from embedlab.training import evaluate
from embedlab.training.evaluate import correlation, cosines, reciprocal_ranks
from embedlab.training.objectives import Examples, Material, Score, objective
from embedlab.training.pieces import Pieces
from embedlab.types import Occurrence


class Planted(torch.nn.Module):
    """A model whose vectors are given: a text of one piece has the vector of its number."""

    def __init__(self, table: Sequence[Sequence[float]]) -> None:
        super().__init__()
        self.given = torch.tensor(table, dtype=torch.float32)

    def vectors(self, pieces: Pieces) -> torch.Tensor:
        return self.given[torch.tensor([int(ids[0]) for ids in pieces.ids])]


def plane(*degrees: float) -> list[list[float]]:
    return [[float(np.cos(np.deg2rad(d))), float(np.sin(np.deg2rad(d)))] for d in degrees]


def material(*sides: Sequence[int], scores: Sequence[float] | None = None) -> Material:
    """Rows of texts by number; -1: no such text."""
    uses = tuple(Occurrence(f"text {i}", 0, 6) for i in sides[0])
    return Material(
        Examples(uses),
        tuple(pieces([max(0, i) for i in side]) for side in sides),
        np.array(sides, dtype=np.int64).T,
        None if scores is None else np.array(scores, dtype=np.float32),
    )


def pieces(ids: Sequence[int]) -> Pieces:
    n = len(ids)
    return Pieces(tuple(np.array([i], dtype=np.int32) for i in ids), np.zeros(n, np.int64), np.ones(n, np.int64), 0)


def score(name: str, model: Planted, side: Material) -> Score:
    (found,) = objective(name).scores(model, side, [side])
    return found


def test_reciprocal_ranks_by_hand_and_in_a_collapsed_space() -> None:
    a = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    b = np.array([[1.0, 0.1], [1.0, 0.0]], dtype=np.float32)
    own = np.eye(2, dtype=bool)
    # a[0]: its partner (cosine .995) is behind the other (1); a[1]: its partner (0) is behind the other (.0995)
    assert reciprocal_ranks(a, b, b, own).tolist() == [0.5, 0.5]
    same = np.ones((5, 2), dtype=np.float32)
    assert reciprocal_ranks(same, same, same, np.eye(5, dtype=bool)).tolist() == pytest.approx([0.2] * 5)


def test_pairs_look_among_partners_and_hard_negatives() -> None:
    """Texts at 0 and 90 degrees, partners at 10 and 60, negatives at 5 (of the first) and none."""
    model = Planted(plane(0, 90, 10, 60, 5))
    plain = score("pairs", model, material([0, 1], [2, 3]))
    assert (plain.value, plain.parts["recall@1"], plain.parts["candidates"]) == (1.0, 1.0, 2)
    hard = score("pairs", model, material([0, 1], [2, 3], [4, -1]))
    assert (hard.value, hard.parts["recall@1"], hard.parts["candidates"]) == (0.75, 0.5, 3)


def test_a_negative_that_is_the_partner_of_the_same_text_is_no_rival() -> None:
    model = Planted(plane(0, 10, 5, 180))
    found = score("pairs", model, material([0, 0], [1, 2], [2, 3]))
    assert found.value == 1.0


def test_triplets_by_hand() -> None:
    """Right, wrong, and as near as each other, which is a guess."""
    model = Planted(plane(0, 10, 50, -50))
    found = score("triplets", model, material([0, 0, 0], [1, 2, 2], [2, 1, 3]))
    assert found.value == pytest.approx(0.5)
    ahead = np.cos(np.deg2rad(10)) - np.cos(np.deg2rad(50))
    assert found.parts["cosine ahead"] == pytest.approx((ahead - ahead + 0.0) / 3, abs=1e-6)
    assert score("triplets", model, material([0, 0], [1, 1], [2, 3])).value == 1.0


def test_scored_pairs_agree_with_scipy() -> None:
    rng = np.random.default_rng(0)
    table = rng.standard_normal((40, 6)).astype(np.float32)
    wanted = rng.integers(0, 5, 20).astype(float)
    model, side = Planted(table.tolist()), material(range(20), range(20, 40), scores=wanted)
    found = score("scored", model, side)
    sims = (table[:20] * table[20:]).sum(1) / np.linalg.norm(table[:20], axis=1) / np.linalg.norm(table[20:], axis=1)
    assert found.value == pytest.approx(float(spearmanr(sims, wanted).statistic), abs=1e-6)
    assert found.parts["correlation (Pearson)"] == pytest.approx(float(np.corrcoef(sims, wanted)[0, 1]), abs=1e-5)


@pytest.mark.parametrize(("order", "value"), [([3, 2, 1], 1.0), ([1, 2, 3], -1.0), ([2, 2, 2], 0.0)])
def test_the_score_of_scored_pairs_reaches_from_upside_down_to_right(order: list[float], value: float) -> None:
    model = Planted(plane(0, 10, 40, 80))
    assert score("scored", model, material([0, 0, 0], [1, 2, 3], scores=order)).value == pytest.approx(value)


@pytest.mark.parametrize(
    ("name", "chance"), [("pairs", 1 / 5), ("simcse", 1 / 5), ("triplets", 1 / 2), ("scored", 0.0)]
)
def test_a_space_fallen_into_one_point_scores_chance(name: str, chance: float) -> None:
    model = Planted([[1.0, 2.0, 3.0]] * 15)
    sides = [range(5), range(5, 10)] + ([range(10, 15)] if name == "triplets" else [])
    side = material(*sides, scores=[1, 2, 3, 4, 5] if name == "scored" else None)
    assert score(name, model, side).value == pytest.approx(chance)


@pytest.mark.parametrize("name", ["pairs", "triplets", "scored", "simcse"])
def test_the_order_of_the_rows_changes_no_score(name: str) -> None:
    rng = np.random.default_rng(1)
    model = Planted(rng.standard_normal((60, 4)).tolist())
    sides = np.arange(60).reshape(3, 20)[: 3 if name == "triplets" else 2]
    order, wanted = rng.permutation(20), rng.random(20)
    one = score(name, model, material(*sides.tolist(), scores=wanted))
    other = score(name, model, material(*sides[:, order].tolist(), scores=wanted[order]))
    assert one.value == pytest.approx(other.value)


def test_a_vector_of_zeros_has_a_cosine_of_zero_and_a_constant_no_correlation() -> None:
    assert cosines(np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32)).tolist() == [0.0]
    assert correlation(np.ones(4), np.arange(4.0)) == 0.0


# ---- mlm: what the head finds --------------------------------------------------------------------------------------


class Speller(torch.nn.Module):
    """A model that always expects piece `always`, with a share of one half."""

    def __init__(self, size: int, always: int) -> None:
        super().__init__()
        self.size, self.always = size, always
        self.table = torch.zeros(size, 2)
        self.asked: list[list[int]] = []

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array)

    def hidden_at(self, pieces: Pieces, row: np.ndarray, place: np.ndarray) -> torch.Tensor:
        self.asked += [ids.tolist() for ids in pieces.ids]
        return torch.zeros(len(row), 2)

    def mlm(self, hidden: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(len(hidden), self.size)
        logits[:, self.always] = float(np.log(self.size - 1))
        return logits


def test_hidden_pieces_by_hand(masked_material: Callable[..., Material]) -> None:
    """All pieces are 7, or all are 8: an even guess costs ln 2 where right, ln(2 * 9) where wrong."""
    side = masked_material([[7] * 10, [8] * 10, [7] * 4])
    model = Speller(10, always=7)
    found = evaluate.SCORES["mlm"](model, masked_material([[8] * 10, [7] * 4]), [side])[0]
    assert found.parts["hidden pieces"] == 2 + 2 + 1
    assert found.value == pytest.approx(3 / 5)
    nats = (3 * np.log(2) + 2 * np.log(18)) / 5
    assert found.parts["perplexity"] == pytest.approx(float(np.exp(nats)), rel=1e-5)
    assert found.parts["always the commonest piece"] == pytest.approx(2 / 5), "8, in what was learned from"
    assert all({1, 2} >= {ids[0], ids[-1]} for ids in model.asked)
    assert sum(ids.count(3) for ids in model.asked) == 5, "all behind the mask"
    again = Speller(10, always=7)
    evaluate.SCORES["mlm"](again, side, [side])
    assert again.asked == model.asked, "the same pieces every time"


@pytest.fixture
def masked_material() -> Callable[..., Material]:
    from embedlab.training.objectives import Vocabulary

    def make(rows: Sequence[Sequence[int]]) -> Material:
        ids = tuple(np.array([1, *row, 2], dtype=np.int32) for row in rows)
        lengths = np.array([len(one) for one in ids])
        side = Pieces(ids, np.zeros(len(ids), np.int64), lengths, 0)
        uses = tuple(Occurrence("text", 0, 4) for _ in ids)
        vocabulary = Vocabulary(mask=3, size=10, special=(0, 1, 2, 3), before=1, after=1)
        return Material(Examples(uses), (side,), np.zeros((len(ids), 1), np.int64), vocabulary=vocabulary)

    return make
