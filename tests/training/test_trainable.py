"""What a trainable model reads out of its encoder, against the encoder called plainly on one text at a time."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from embedlab.encoders import files, loading
from embedlab.training.pieces import Pieces
from embedlab.training.trainable import Trainable
from tests.training import tiny

Models = Callable[[str], Path]


def model_of(folder: Path) -> Trainable:
    return Trainable(loading.open_model(files.check_folder(folder), folder.name, "cpu"), "mean")


def some_pieces(rows: int, seed: int = 0) -> Pieces:
    rng = np.random.default_rng(seed)
    ids = tuple(rng.integers(5, 60, rng.integers(3, 25)).astype(np.int32) for _ in range(rows))
    first = np.array([rng.integers(0, len(row) - 1) for row in ids])
    last = np.array([rng.integers(low + 1, len(row) + 1) for low, row in zip(first, ids, strict=True)])
    return Pieces(ids, first, last, 0)


def alone(model: Trainable, ids: np.ndarray) -> torch.Tensor:
    found: torch.Tensor = model.encoder(input_ids=torch.from_numpy(ids.astype(np.int64))[None]).last_hidden_state[0]
    return found


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_vectors_and_hidden_pieces_are_those_of_each_text_alone(kind: str, tiny_models: Models) -> None:
    model, pieces = model_of(tiny_models(kind)), some_pieces(40)
    rng = np.random.default_rng(1)
    row = rng.permutation(np.repeat(np.arange(1, 33), 2))  # in no order, two a row, some rows not at all
    place = np.array([rng.integers(0, len(pieces.ids[i])) for i in row])
    with torch.no_grad():
        hidden = [alone(model, ids) for ids in pieces.ids]
        wanted = torch.stack([h[a:b].mean(0) for h, a, b in zip(hidden, pieces.first, pieces.last, strict=True)])
        assert torch.allclose(model.vectors(pieces), wanted, atol=1e-5)
        asked = torch.stack([hidden[i][j] for i, j in zip(row, place, strict=True)])
        assert torch.allclose(model.hidden_at(pieces, row, place), asked, atol=1e-5)


def test_the_gradient_of_hidden_pieces_reaches_the_rows_that_were_asked_and_no_other(tiny_models: Models) -> None:
    model = model_of(tiny_models("bert")).requires_grad_(True)
    pieces = Pieces((np.array([10, 11, 12]), np.array([20, 21])), np.zeros(2, np.int64), np.array([3, 2]), 0)
    model.hidden_at(pieces, np.array([1]), np.array([0]))[:, 0].sum().backward()
    assert model.table.grad is not None
    moved = set(torch.flatten(model.table.grad.abs().sum(1).nonzero()).tolist())
    assert moved == {20, 21}


def test_in_bf16_they_come_as_fp32(tiny_models: Models) -> None:
    model, pieces = model_of(tiny_models("bert")), some_pieces(4)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert model.vectors(pieces).dtype == torch.float32
        assert model.hidden_at(pieces, np.array([0]), np.array([1])).dtype == torch.float32
