import math

import numpy as np
import pytest
import torch

from embedlab.training import losses
from embedlab.training.evaluate import reciprocal_ranks


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


def test_supervised_contrastive_of_equal_vectors_is_ln_of_the_others() -> None:
    loss = losses.supervised_contrastive(torch.ones(6, 3), torch.tensor([0, 0, 1, 1, 2, 2]), 0.05)
    assert float(loss) == pytest.approx(math.log(5), abs=1e-5)


def test_in_batch_negatives_agree_with_sentence_transformers() -> None:
    """Its MultipleNegativesRankingLoss at scale 20 is our first direction; the second has the sides swapped."""
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(6, 8, generator=generator), torch.randn(6, 8, generator=generator)

    def one_way(x: torch.Tensor, y: torch.Tensor) -> float:
        scores = torch.nn.functional.cosine_similarity(x[:, None], y[None], dim=-1) * 20.0
        return float(torch.nn.functional.cross_entropy(scores, torch.arange(6)))

    codes = torch.arange(6), torch.arange(6) + 6
    loss = float(losses.in_batch_negatives(a, b, *codes, temperature=0.05))
    assert loss == pytest.approx((one_way(a, b) + one_way(b, a)) / 2, abs=1e-5)


def test_the_same_text_twice_is_no_negative() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(3, 8, generator=generator), torch.randn(3, 8, generator=generator)
    alone = losses.in_batch_negatives(a[:2], b[:2], torch.tensor([0, 1]), torch.tensor([5, 6]), 0.05)
    twice = losses.in_batch_negatives(
        torch.cat([a[:2], a[:1]]), torch.cat([b[:2], b[:1]]), torch.tensor([0, 1, 0]), torch.tensor([5, 6, 5]), 0.05
    )
    assert torch.isfinite(twice)
    # row 2 repeats row 0, so neither is the other's negative: both see only row 1, as row 0 did alone
    one, other = _each_row(a[:2], b[:2])
    assert float(twice) == pytest.approx(float((2 * one + _row_with_double(a, b)) / 3), abs=1e-4)
    assert float(alone) == pytest.approx(float((one + other) / 2), abs=1e-5)


def _each_row(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    s = torch.nn.functional.normalize(a, dim=-1) @ torch.nn.functional.normalize(b, dim=-1).T * 20
    both = -torch.log_softmax(s, -1).diagonal() / 2 - torch.log_softmax(s.T, -1).diagonal() / 2
    return both[0], both[1]


def _row_with_double(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The row that is not repeated sees the repeated one twice."""
    s = torch.nn.functional.normalize(a[:2], dim=-1) @ torch.nn.functional.normalize(b[:2], dim=-1).T * 20
    forward = torch.logsumexp(torch.stack([s[1, 1], s[1, 0], s[1, 0]]), 0) - s[1, 1]
    backward = torch.logsumexp(torch.stack([s[1, 1], s[0, 1], s[0, 1]]), 0) - s[1, 1]
    return (forward + backward) / 2


def test_cross_entropy_of_a_head_of_zeros_is_ln_of_the_classes() -> None:
    assert float(losses.cross_entropy(torch.zeros(4, 3), torch.tensor([0, 1, 2, 0]))) == pytest.approx(math.log(3))


def test_reciprocal_ranks_by_hand_and_in_a_collapsed_space() -> None:
    a = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    b = np.array([[1.0, 0.1], [1.0, 0.0]], dtype=np.float32)
    own = np.eye(2, dtype=bool)
    # a[0]: its partner (cosine .995) is behind the other (1); a[1]: its partner (0) is behind the other (.0995)
    assert reciprocal_ranks(a, b, b, own).tolist() == [0.5, 0.5]
    same = np.ones((5, 2), dtype=np.float32)
    assert reciprocal_ranks(same, same, same, np.eye(5, dtype=bool)).tolist() == pytest.approx([0.2] * 5)
