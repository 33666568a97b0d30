"""Texts one after the other, without padding, against the same texts padded: the same vectors, pieces and gradients."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel

from embedlab.training import flat
from embedlab.training.pieces import Pieces
from embedlab.training.trainable import Trainable
from tests.training import tiny

KINDS = [kind for kind in tiny.KINDS if kind in flat.KINDS]


def some_pieces(lengths: list[int]) -> Pieces:
    rng = np.random.default_rng(0)
    ids = tuple(rng.integers(5, 40, n).astype(np.int32) for n in lengths)
    n = np.array(lengths)
    return Pieces(ids, np.zeros(len(n), dtype=np.int64), n, 0)


def both(folder: Path, kind: str) -> tuple[Trainable, Trainable]:
    """The same model reading without padding, and as transformers has it."""
    start = tiny.model(folder, kind)
    models = [Trainable(AutoModel.from_pretrained(start).eval(), "mean") for _ in range(2)]
    models[1].encoder.set_attn_implementation("eager")
    assert flat.able(models[0].encoder)
    assert not flat.able(models[1].encoder)
    return models[0], models[1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lengths", [[9, 3, 9, 17, 3, 1, 12], [5], [4, 4, 4]])
def test_the_same_as_padded(tmp_path: Path, kind: str, lengths: list[int]) -> None:
    pieces, found = some_pieces(lengths), []
    for model in both(tmp_path, kind):
        row = np.arange(len(lengths)).repeat(2)[::-1].copy()
        place = pieces.lengths[row] - 1
        vectors, single = model.vectors(pieces), model.hidden_at(pieces, row, place)
        (vectors.sin().sum() + single.cos().sum()).backward()
        grads = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        found.append((vectors.detach(), single.detach(), grads))
    for one, other in zip(*found, strict=True):
        assert one.shape == other.shape
        assert float((one - other).norm()) <= 1e-5 * float(other.norm())


def test_a_text_does_not_see_its_neighbours(tmp_path: Path) -> None:
    model, _ = both(tmp_path, "bert")
    alone, together = some_pieces([6]), some_pieces([6, 6, 9])
    assert torch.allclose(model.vectors(alone)[0], model.vectors(together)[0], atol=1e-6)


def test_a_kind_with_relative_positions_is_padded(tmp_path: Path) -> None:
    model = Trainable(AutoModel.from_pretrained(tiny.model(tmp_path, "modernbert")), "mean")
    assert not flat.able(model.encoder)
    assert model.vectors(some_pieces([3, 8])).shape == (2, 32)
