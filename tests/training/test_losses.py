"""Every loss by hand, by another route, at the extremes, its gradient against finite differences."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from embedlab.training import losses
from embedlab.training.objectives import OBJECTIVES, Examples, Material, objective
from embedlab.types import Corpus, Occurrence
from tests.training import tiny

N = 6


def vectors(sides: int = 1, n: int = N, seed: int = 0, dtype: torch.dtype = torch.float32) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(n, 8, generator=generator, dtype=torch.float64).to(dtype) for _ in range(sides))


def unit(*degrees: float) -> Tensor:
    """Vectors in the plane."""
    angles = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    return torch.stack([torch.cos(angles), torch.sin(angles)], dim=1)


CODES = torch.arange(N), torch.arange(N) + N
CLASSES = torch.tensor([0, 0, 1, 1, 1, 2])
SCORES = torch.tensor([0.0, 1.0, 1.0, 2.5, 4.0, 5.0])

CASES: dict[str, tuple[int, Callable[..., Tensor]]] = {
    "pairs": (2, lambda a, b: losses.in_batch_negatives(a, b, *CODES, 0.05)),
    "pairs, same texts": (2, lambda a, b: losses.in_batch_negatives(a, b, CODES[0] // 2, CODES[1], 0.05)),
    "pairs, negatives": (3, lambda a, b, c: losses.in_batch_negatives(a, b, *CODES, 0.05, c, CODES[1] + N)),
    "triplets": (3, lambda a, b, c: losses.triplet(a, b, c, 0.05)),
    "scored": (2, lambda a, b: losses.cosent(a, b, SCORES, 0.05)),
    "simcse": (2, lambda a, b: losses.twice_seen(a, b, CODES[0], 0.05)),
    "senses": (1, lambda x: losses.supervised_contrastive(x, CLASSES, 0.05)),
    "labels": (1, lambda x: losses.cross_entropy(x, CLASSES)),
    "uniformity": (1, lambda x: losses.uniformity(x)),
}


@pytest.mark.parametrize("case", CASES)
def test_gradients_are_those_of_finite_differences(case: str) -> None:
    sides, loss = CASES[case]
    x = tuple(side.requires_grad_() for side in vectors(sides, dtype=torch.float64))
    assert torch.autograd.gradcheck(loss, x)


@pytest.mark.parametrize("case", CASES)
def test_half_precision_is_summed_in_fp32(case: str) -> None:
    sides, loss = CASES[case]
    x = vectors(sides, dtype=torch.bfloat16)
    assert loss(*x).dtype == torch.float32
    torch.testing.assert_close(loss(*x), loss(*(side.float() for side in x)), atol=0, rtol=0)


def test_the_loss_of_a_step_is_not_rounded_by_autocast() -> None:
    """A cosine / 0.05 in bf16 is off by up to .08."""
    goal, config = objective("simcse"), tiny.config(corpus(), isotropy=1.0)
    rows, x = np.arange(N), vectors(2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = losses.total(goal, FakeModel(), x, material(), rows, config)
    torch.testing.assert_close(inside, losses.total(goal, FakeModel(), x, material(), rows, config), atol=0, rtol=0)


@pytest.mark.parametrize("n", [2, N])
def test_vectors_that_are_all_alike(n: int) -> None:
    """Every loss is what chance gives, and its gradient is finite."""
    ln, alike = math.log, [torch.ones(n, 4, requires_grad=True) for _ in range(3)]
    a, codes, half = alike[0], (torch.arange(n), torch.arange(n) + n), torch.arange(n) % 2
    wanted = {
        losses.in_batch_negatives(a, alike[1], *codes, 0.05): ln(n),
        losses.in_batch_negatives(a, alike[1], *codes, 0.05, alike[2], codes[1] + n): (ln(2 * n) + ln(n)) / 2,
        losses.triplet(a, alike[1], alike[2], 0.05): ln(2),
        losses.cosent(a, alike[1], torch.arange(n), 0.05): ln(1 + n * (n - 1) / 2),
        losses.twice_seen(a, alike[1], codes[0], 0.05): ln(n),
        losses.supervised_contrastive(a, half, 0.05): ln(n - 1) if n > 2 else 0.0,
        losses.uniformity(a): 0.0,
    }
    for found, value in wanted.items():
        assert float(found.detach()) == pytest.approx(value, abs=1e-5)
        found.backward(retain_graph=True)
        assert all(x.grad is None or bool(torch.isfinite(x.grad).all()) for x in alike)


def test_a_single_row() -> None:
    """One pair has no wrong answer; a gradient of zero, not one that is no number."""
    a, b, c = (side.requires_grad_() for side in vectors(3, n=1))
    one = torch.tensor([0])
    for loss in (
        losses.in_batch_negatives(a, b, one, one + 1, 0.05),
        losses.twice_seen(a, b, one, 0.05),
        losses.cosent(a, b, torch.tensor([3.0]), 0.05),
        losses.supervised_contrastive(a, one, 0.05),
        losses.uniformity(a),
    ):
        loss.backward()
        assert float(loss.detach()) == 0.0
        assert a.grad is not None
        assert float(a.grad.abs().max()) == 0.0
    assert float(losses.triplet(a, b, c, 0.05).detach()) > 0.0


@pytest.mark.parametrize("case", [name for name in CASES if name != "labels"])
def test_a_vector_of_zeros_gives_a_number(case: str) -> None:
    sides, loss = CASES[case]
    x = tuple(torch.zeros(N, 8, requires_grad=True) for _ in range(sides))
    value = loss(*x)
    value.backward()
    assert bool(torch.isfinite(value))
    assert all(side.grad is not None and bool(torch.isfinite(side.grad).all()) for side in x)


def test_the_order_of_the_rows_changes_nothing() -> None:
    order = torch.randperm(N, generator=torch.Generator().manual_seed(1))
    a, b, c = vectors(3, dtype=torch.float64)
    codes = CODES[0] // 2, CODES[1] // 2, torch.tensor([-1, 7, 3, 20, 21, 22])

    def every(rows: Tensor) -> list[Tensor]:
        one, other, third = a[rows], b[rows], c[rows]
        return [
            losses.in_batch_negatives(one, other, codes[0][rows], codes[1][rows], 0.05, third, codes[2][rows]),
            losses.triplet(one, other, third, 0.05),
            losses.cosent(one, other, SCORES[rows], 0.05),
            losses.twice_seen(one, other, codes[0][rows], 0.05),
            losses.supervised_contrastive(one, CLASSES[rows], 0.05),
            losses.uniformity(one),
        ]

    torch.testing.assert_close(every(order), every(torch.arange(N)))


# ---- pairs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hard", [False, True])
def test_in_batch_negatives_agree_with_sentence_transformers(hard: bool) -> None:
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    x = vectors(3 if hard else 2)
    ways = {"directions": ("query_to_doc", "doc_to_query"), "partition_mode": "per_direction"}
    theirs = MultipleNegativesRankingLoss(torch.nn.Module(), **ways).compute_loss_from_embeddings(list(x), None)
    negatives = (x[2], torch.arange(N) + 2 * N) if hard else ()
    torch.testing.assert_close(losses.in_batch_negatives(x[0], x[1], *CODES, 0.05, *negatives), theirs)


def test_in_batch_negatives_by_hand() -> None:
    """Texts at 0 and 90 degrees, partners at 0 and 60, temperature 1, a negative at 180 beside the first."""
    a, b, hard = unit(0, 90), unit(0, 60), unit(180, 5)
    forward = [math.log(math.e + math.exp(0.5) + math.exp(-1)) - 1, math.log(1 + math.exp(s60 := 3**0.5 / 2) + 1) - s60]
    backward = [math.log(math.e + 1) - 1, math.log(math.exp(0.5) + math.exp(s60)) - s60]
    codes = torch.tensor([0, 1]), torch.tensor([2, 3]), torch.tensor([4, -1])  # the second has none
    loss = losses.in_batch_negatives(a, b, *codes[:2], 1.0, hard, codes[2])
    assert float(loss) == pytest.approx((sum(forward) / 2 + sum(backward) / 2) / 2, abs=1e-6)


@pytest.mark.parametrize("code", [0, 6, 7, -1])
def test_a_negative_that_is_the_text_or_one_of_its_partners_is_none(code: int) -> None:
    """Rows 0 and 1 are one text with two partners (6 and 7): none of the three is wrong for it."""
    a, b, c = vectors(3)
    codes = torch.tensor([0, 0, 2, 3, 4, 5]), torch.arange(N) + N
    fits = torch.tensor([20, 21, 22, 23, 24, 25])
    planted = fits.clone()
    planted[5] = code
    x = a.clone().requires_grad_()
    losses.in_batch_negatives(x, b, *codes, 0.05, 100 * c, planted).backward()
    other = a.clone().requires_grad_()
    moved = torch.cat([c[:5], -c[5:]])
    losses.in_batch_negatives(other, b, *codes, 0.05, 100 * moved, planted).backward()
    assert x.grad is not None
    assert other.grad is not None
    torch.testing.assert_close(x.grad[:2], other.grad[:2])
    assert torch.allclose(x.grad[2:], other.grad[2:]) == (code == -1)


def test_the_same_text_twice_is_no_negative() -> None:
    a, b = (side[:3] for side in vectors(2))
    alone = losses.in_batch_negatives(a[:2], b[:2], torch.tensor([0, 1]), torch.tensor([5, 6]), 0.05)
    twice = losses.in_batch_negatives(
        torch.cat([a[:2], a[:1]]), torch.cat([b[:2], b[:1]]), torch.tensor([0, 1, 0]), torch.tensor([5, 6, 5]), 0.05
    )
    assert torch.isfinite(twice)
    # row 2 repeats row 0, so neither is the other's negative: both see only row 1, as row 0 did alone
    one, other = _each_row(a[:2], b[:2])
    assert float(twice) == pytest.approx(float((2 * one + _row_with_double(a, b)) / 3), abs=1e-4)
    assert float(alone) == pytest.approx(float((one + other) / 2), abs=1e-5)


def _each_row(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    s = F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).T * 20
    both = -torch.log_softmax(s, -1).diagonal() / 2 - torch.log_softmax(s.T, -1).diagonal() / 2
    return both[0], both[1]


def _row_with_double(a: Tensor, b: Tensor) -> Tensor:
    """The row that is not repeated sees the repeated one twice."""
    s = F.normalize(a[:2], dim=-1) @ F.normalize(b[:2], dim=-1).T * 20
    forward = torch.logsumexp(torch.stack([s[1, 1], s[1, 0], s[1, 0]]), 0) - s[1, 1]
    backward = torch.logsumexp(torch.stack([s[1, 1], s[0, 1], s[0, 1]]), 0) - s[1, 1]
    return (forward + backward) / 2


# ---- triplets, scored, simcse ----------------------------------------------------------------------------------------


def test_triplets_by_hand() -> None:
    """Partner at 60, negative at 90 degrees: behind by a cosine of .5; and the other way round."""
    a = unit(0, 0)
    loss = losses.triplet(a, unit(60, 90), unit(90, 60), 0.25)
    assert float(loss) == pytest.approx((math.log(1 + math.exp(-2)) + math.log(1 + math.exp(2))) / 2)


def test_triplets_are_ranking_with_one_negative_of_their_own() -> None:
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    x = vectors(3)
    rank = MultipleNegativesRankingLoss(torch.nn.Module())
    rows = [rank.compute_loss_from_embeddings([side[i : i + 1] for side in x], None) for i in range(N)]
    torch.testing.assert_close(losses.triplet(*x, 0.05), torch.stack(rows).mean())


def test_triplets_tend_to_the_hard_margin_of_sentence_transformers() -> None:
    from sentence_transformers.sentence_transformer.losses import TripletLoss
    from sentence_transformers.sentence_transformer.losses.triplet import TripletDistanceMetric

    x = vectors(3, dtype=torch.float64)
    hard = TripletLoss(torch.nn.Module(), TripletDistanceMetric.COSINE, triplet_margin=0.0)
    torch.testing.assert_close(1e-4 * losses.triplet(*x, 1e-4), hard.compute_loss_from_embeddings(list(x), None))


def test_cosent_agrees_with_sentence_transformers() -> None:
    from sentence_transformers.sentence_transformer.losses import CoSENTLoss

    x = vectors(2)
    theirs = CoSENTLoss(torch.nn.Module()).compute_loss_from_embeddings(list(x), SCORES)
    torch.testing.assert_close(losses.cosent(*x, SCORES, 0.05), theirs)


def test_cosent_by_hand() -> None:
    """Cosines 1, .5 and 0; the scores want the first below both others, which are equal to each other."""
    loss = losses.cosent(unit(0, 0, 0), unit(0, 60, 90), torch.tensor([1.0, 2.0, 2.0]), 0.5)
    assert float(loss) == pytest.approx(math.log(1 + math.exp(0.5 / 0.5) + math.exp(1 / 0.5)))


def test_scores_count_by_their_order_alone() -> None:
    x = vectors(2)
    torch.testing.assert_close(losses.cosent(*x, SCORES, 0.05), losses.cosent(*x, torch.exp(SCORES) - 40, 0.05))


def test_equal_scores_teach_nothing() -> None:
    a, b = (side.requires_grad_() for side in vectors(2))
    loss = losses.cosent(a, b, torch.full((N,), 3.0), 0.05)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert a.grad is not None
    assert float(a.grad.abs().max()) == 0.0


def test_simcse_is_one_way_ranking() -> None:
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    x = vectors(2)
    theirs = MultipleNegativesRankingLoss(torch.nn.Module()).compute_loss_from_embeddings(list(x), None)
    torch.testing.assert_close(losses.twice_seen(*x, CODES[0], 0.05), theirs)


def test_the_same_text_in_another_row_is_no_wrong_answer() -> None:
    a, b = vectors(2)
    first = losses.twice_seen(a[:2], b[:2], torch.tensor([7, 7]), 0.05)
    assert float(first) == 0.0


# ---- senses, uniformity, labels --------------------------------------------------------------------------------------


def contrastive_by_hand(x: np.ndarray, classes: list[int], t: float) -> float:
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    rows = []
    for i in range(len(x)):
        others = [j for j in range(len(x)) if j != i]
        positives = [j for j in others if classes[j] == classes[i]]
        if positives:
            total = math.log(sum(math.exp(x[i] @ x[j] / t) for j in others))
            rows.append(np.mean([total - x[i] @ x[j] / t for j in positives]))
    return float(np.mean(rows))


def test_supervised_contrastive_by_hand() -> None:
    x = np.random.default_rng(0).standard_normal((7, 5))
    classes = [0, 0, 1, 1, 1, 2, 3]
    loss = losses.supervised_contrastive(torch.from_numpy(x), torch.tensor(classes), 0.1)
    assert float(loss) == pytest.approx(contrastive_by_hand(x, classes, 0.1), abs=1e-5)


def test_uniformity_by_hand_and_as_its_authors_wrote_it() -> None:
    assert float(losses.uniformity(unit(0, 180))) == pytest.approx(-8.0), "opposite: a distance of 2"
    by_hand = math.log((2 * math.exp(-4) + math.exp(-8)) / 3)
    assert float(losses.uniformity(unit(0, 90, 180))) == pytest.approx(by_hand)
    (x,) = vectors(dtype=torch.float64)
    theirs = torch.pdist(F.normalize(x, dim=1), p=2).pow(2).mul(-2).exp().mean().log()
    torch.testing.assert_close(losses.uniformity(x), theirs)


def test_cross_entropy_agrees_with_torch_and_starts_at_ln_of_the_classes() -> None:
    (x,) = vectors()
    torch.testing.assert_close(losses.cross_entropy(x, CLASSES), F.cross_entropy(x, CLASSES))
    assert float(losses.cross_entropy(torch.zeros(4, 3), torch.tensor([0, 1, 2, 0]))) == pytest.approx(math.log(3))


# ---- of a step -------------------------------------------------------------------------------------------------------


class FakeModel:
    """What a loss asks of a model: a head, and arrays as tensors."""

    head = staticmethod(lambda x: x[:, :3])

    def tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array))


def corpus() -> Corpus:
    return Corpus("0", "made", ("a", "b"))


def material() -> Material:
    """Six rows that every objective can take, apart from their pieces."""
    codes = torch.stack([*CODES, CODES[1] + N], dim=1).numpy()
    codes[:, 0] = CLASSES.numpy()
    return Material(Examples((Occurrence("a", 0, 1),) * N), (), codes, SCORES.numpy())


@pytest.mark.parametrize("name", [name for name, goal in OBJECTIVES.items() if goal.reads == "vectors"])
def test_a_step_lowers_the_loss_and_as_much_uniformity_as_is_asked_for(name: str) -> None:
    goal, rows, x = objective(name), np.array([5, 0, 3, 2]), vectors(3, n=4)
    plain, spread = tiny.config(corpus()), tiny.config(corpus(), isotropy=0.5)
    alone = losses.total(goal, FakeModel(), x, material(), rows, plain)
    torch.testing.assert_close(alone, goal.loss(FakeModel(), x, material(), rows, plain), atol=0, rtol=0)
    both = losses.total(goal, FakeModel(), x, material(), rows, spread)
    torch.testing.assert_close(both, alone + 0.5 * losses.uniformity(x[0]))


@pytest.mark.parametrize("name", [name for name, goal in OBJECTIVES.items() if goal.reads == "vectors" and goal.apart])
def test_where_rows_are_apart_the_loss_of_a_batch_is_the_mean_over_its_rows(name: str) -> None:
    goal, x, config = objective(name), vectors(3), tiny.config(corpus())
    whole = losses.total(goal, FakeModel(), x, material(), np.arange(N), config)
    rows = [
        losses.total(goal, FakeModel(), tuple(s[i : i + 1] for s in x), material(), np.array([i]), config)
        for i in range(N)
    ]
    torch.testing.assert_close(whole, torch.stack(rows).mean())


def test_rows_are_joint_where_they_are_compared() -> None:
    plain, spread = tiny.config(corpus()), tiny.config(corpus(), isotropy=0.1)
    assert {name for name, goal in OBJECTIVES.items() if losses.joint(goal, plain)} == {
        "pairs", "scored", "simcse", "senses",
    }  # fmt: skip
    assert {name for name, goal in OBJECTIVES.items() if not losses.joint(goal, spread)} == {
        "mlm", "lm", "translation", "skipgram", "cbow", "glove",
    }  # fmt: skip
