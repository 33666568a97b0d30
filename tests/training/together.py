"""What a process of a pool does in the tests: exchanges by hand, or five steps of training whose weights are kept.

Started once under torchrun with two processes; the tests read what each of them wrote. `Tiny` is a model that a person
can check: every text by itself, two linear maps with dropout between them, the mean over the pieces that are pooled.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from embedlab.training import pool as pools
from embedlab.training.engine import Engine
from embedlab.training.objectives import Examples, Masked, Material
from embedlab.training.pieces import Pieces
from embedlab.training.pool import Pool
from embedlab.types import EncoderSpec, RunConfig, Stage

VOCABULARY, CLASSES, MASK = 40, 3, 39
KINDS = ("whole", "chunks", "short")
ROWS = 27  # odd: two processes cannot share them evenly


class Tiny(nn.Module):
    """With the methods of Trainable that objectives use."""

    def __init__(self, dropout: float = 0.0, dim: int = 8) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.embedding = nn.Embedding(VOCABULARY, dim)
        self.inner, self.outer = nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)
        self.unused = nn.Linear(dim, dim)  # as BERT's pooler: no objective reaches it
        self.head = nn.Linear(dim, CLASSES)
        self.mlm = nn.Linear(dim, VOCABULARY)
        self.drop = nn.Dropout(dropout)

    def _hidden(self, ids: np.ndarray[Any, Any]) -> Tensor:
        x = self.embedding(torch.from_numpy(ids.astype(np.int64)))
        return x + self.outer(self.drop(torch.tanh(self.inner(x))))

    def vectors(self, pieces: Pieces) -> Tensor:
        found = [
            self._hidden(ids)[a:b].mean(0) for ids, a, b in zip(pieces.ids, pieces.first, pieces.last, strict=True)
        ]
        return torch.stack(found)

    def hidden_at(self, pieces: Pieces, row: np.ndarray[Any, Any], place: np.ndarray[Any, Any]) -> Tensor:
        hidden = [self._hidden(ids) for ids in pieces.ids]
        return torch.stack([hidden[i][j] for i, j in zip(row, place, strict=True)])


@dataclass(frozen=True)
class Goal:
    """What the engine asks of an objective, without the rest of it."""

    name: str
    apart: bool
    reads: str = "vectors"
    sides: int = 1

    def loss(self, model: Any, vectors: tuple[Tensor, ...], material: Material, rows: Any, config: RunConfig) -> Tensor:
        if self.name == "labels":
            return F.cross_entropy(model.head(vectors[0]), torch.from_numpy(material.codes[rows, 0]))
        if self.name == "triplets":
            a, b, c = (F.normalize(x, dim=-1) for x in vectors)
            return F.softplus((a * c).sum(-1) - (a * b).sum(-1)).mean()
        a, b = (F.normalize(x, dim=-1) for x in vectors)
        return F.cross_entropy(a @ b.T / config.temperature, torch.arange(len(a)))  # InfoNCE, one way

    def hide(self, material: Material, rows: Any, config: RunConfig, rng: np.random.Generator) -> Masked:
        """One or two pieces of every row, always behind [MASK]: rows hide unlike numbers of pieces."""
        pieces = material.sides[0][rows]
        ids: list[np.ndarray[Any, Any]] = []
        found = []
        for i, old in enumerate(pieces.ids):
            new = old.copy()
            for place in sorted(rng.choice(len(old), 1 + int(rng.integers(0, 2)), replace=False)):
                found.append((i, int(place), int(old[place])))
                new[place] = MASK
            ids.append(new)
        row, place, target = np.array(found).T
        return Masked(Pieces(tuple(ids), pieces.first, pieces.last, 0), row, place, target)

    def token_loss(self, model: Any, masked: Masked) -> Tensor:
        logits = model.mlm(model.hidden_at(masked.pieces, masked.row, masked.place))
        return F.cross_entropy(logits, torch.from_numpy(masked.target), reduction="sum")


class Small(Tiny):
    """On a machine with room for so many padded tokens at a time; without room it raises `error`."""

    def __init__(self, room: int, error: Exception) -> None:
        super().__init__()
        self.room, self.error, self.refused = room, error, 0

    def _fit(self, pieces: Pieces) -> None:
        if len(pieces) * int(pieces.lengths.max()) > self.room:
            self.refused += 1
            raise self.error

    def vectors(self, pieces: Pieces) -> Tensor:
        self._fit(pieces)
        return super().vectors(pieces)

    def hidden_at(self, pieces: Pieces, row: np.ndarray[Any, Any], place: np.ndarray[Any, Any]) -> Tensor:
        self._fit(pieces)
        return super().hidden_at(pieces, row, place)


GPU_IS_FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
GOALS = {
    "labels": Goal("labels", apart=True),
    "triplets": Goal("triplets", apart=True, sides=3),
    "pairs": Goal("pairs", apart=False, sides=2),
    "labels, compared": Goal("labels", apart=False),  # as with an isotropy term: weights in the loss itself
    "mlm": Goal("mlm", apart=True, reads="tokens"),
}


def texts(n: int, seed: int) -> Pieces:
    """Texts of 2 to 11 pieces; the vector is the mean over all but the first."""
    rng = np.random.default_rng(seed)
    ids = tuple(rng.integers(0, VOCABULARY - 1, int(rng.integers(2, 12))).astype(np.int32) for _ in range(n))
    return Pieces(ids, np.ones(n, dtype=np.int64), np.array([len(row) for row in ids], dtype=np.int64), 0)


def material(goal: Goal, n: int = ROWS) -> Material:
    codes = np.random.default_rng(9).integers(0, CLASSES, (n, 1))
    return Material(Examples(()), tuple(texts(n, seed) for seed in range(goal.sides)), codes, None)


def config(**other: Any) -> RunConfig:
    return RunConfig("c", EncoderSpec("tiny"), (Stage(5, {"*": 1e-2}),), temperature=0.5, **other)


def train(goal: Goal, pool: Pool, model: Tiny | None = None, chunk_tokens: int = 0, steps: int = 5) -> dict[str, Any]:
    """Five steps of AdamW, all rows at each step: losses, tokens of a chunk at the end, weights and last gradients.

    The gradients beside the weights, since Adam takes the size out of them: one counted twice would not show.
    """
    model = Tiny() if model is None else model
    engine = Engine(model, config(chunk_tokens=chunk_tokens), pool)
    adam = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    found = []
    for step in range(steps):
        rows = np.random.default_rng(step).permutation(ROWS)
        batches = [rows[: ROWS - 2], rows[ROWS - 2 :]] if step % 2 else [rows]
        loss, _ = engine.gradients(goal, material(goal), batches, (0, 0, step))
        adam.step()
        found.append(loss)
    return {
        "losses": found,
        "chunk_tokens": engine.chunk_tokens,
        "weights": {name: p.detach().numpy() for name, p in model.named_parameters()},
        "gradients": {f"d {n}": p.grad.numpy() for n, p in model.named_parameters() if p.grad is not None},
    }


def exchange(pool: Pool) -> dict[str, Any]:
    """What every exchange gives, from numbers that tell the processes apart."""
    own = torch.full((3 * pool.rank, 2), float(pool.rank + 1))
    pools.BUCKET = 5
    summed = [torch.full((n,), 10.0 ** (n * pool.rank)) for n in (4, 1, 7, 2)]
    pool.sum(summed)
    decided = pool.decide({"stop": None, "step": 1 + pool.rank, "score": 0.1 * (1 + pool.rank), "why": "é"})
    pool.wait()
    return {
        "main": pool.main,
        "world": pool.world,
        "gathered": pool.gather(own, [0, 3]).tolist(),
        "unequal": pool.gather(torch.full((2 - pool.rank, 1), float(pool.rank + 1)), [2, 1]).tolist(),
        "summed": [tensor.tolist() for tensor in summed],
        "most": pool.most([pool.rank, 5 - pool.rank, True and pool.rank == 1]),
        "decided": decided,
    }


def main(out: Path) -> None:
    pool = Pool.join()
    (out / f"exchange_{pool.rank}.json").write_text(json.dumps(exchange(pool)))
    for name, goal in GOALS.items():
        for kind in KINDS:
            # in the last kind memory runs out in the second process alone, and the first must hear of it
            model = Small(120, GPU_IS_FULL) if kind == "short" and not pool.main else Tiny()
            result = train(goal, pool, model, 20 if kind == "chunks" else 0)
            tensors = result.pop("weights") | result.pop("gradients")
            np.savez(out / f"{name}_{kind}_{pool.rank}.npz", **result, **tensors)
    pool.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
