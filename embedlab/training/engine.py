"""The gradients of a step: of one batch or of several, whole or in chunks, in one process or in several.

However the work is cut, the result is that of the whole step in exact arithmetic, dropout included. What the rows of a
loss have to do with each other says how it may be cut:

    apart   a mean of terms of single rows (labels, triplets, mlm): the gradients of chunks are added up
    joint   rows are compared with each other (pairs, scored, simcse, senses): cached gradients (Gao et al. 2021,
            arXiv:2101.06983): embed all chunks without a graph, take the loss and its gradient on the vectors, then
            send each chunk through again, from the same state of the random generators, with that gradient
"""

import gc
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from embedlab.errors import TrainingError
from embedlab.training import losses
from embedlab.training.batches import Batch
from embedlab.training.objectives import Material, Objective
from embedlab.training.pieces import Pieces
from embedlab.training.pool import Pool
from embedlab.training.trainable import Trainable
from embedlab.types import RunConfig

T = TypeVar("T")
Lengths = Int64[np.ndarray, "n"]
Loss = Callable[[Batch], Tensor]

FEWEST = 64  # tokens of a chunk below which cutting further would not help
MASKS, DROPOUT = 1, 2  # kinds of chance in a step, told apart from each other and from the order of the rows


class OutOfMemory(Exception):
    """Memory ran out in this process or in another one: the step is to be done again in smaller chunks."""


class Engine:
    """Leaves the gradient of a step in `.grad`.

    `chunk_tokens`: padded tokens that go through the model at a time (0: a whole batch). It is halved where memory runs
    out, so a resumed run gives it back the value it had.
    """

    def __init__(self, model: Trainable, config: RunConfig, pool: Pool) -> None:
        self.model, self.config, self.pool = model, config, pool
        self.chunk_tokens = config.chunk_tokens
        self.held = 0  # padded tokens of the largest batch of the present step, as one process holds it

    def gradients(
        self, goal: Objective, material: Material, batches: Sequence[Batch], key: tuple[int, ...]
    ) -> tuple[float, int]:
        """(loss [nats], real tokens) of a step; the gradient of that loss is in `.grad` of every process.

        The loss is the mean over all rows of all batches; for mlm over all hidden pieces. Rows of a joint loss are
        compared within their batch alone, so accumulated batches are no larger batch: their losses are averaged,
        weighted by rows. `key`: (seed, stage, step); dropout and masks follow from it and from nothing else.
        Where memory runs out `chunk_tokens` is halved and the step done again; raises TrainingError when that is of no
        use any more.
        """
        tokens = sum(int(material.lengths[rows].sum()) for rows in batches)
        while True:
            self.model.zero_grad(set_to_none=True)
            self.held = 0
            torch.manual_seed(_seed(*key, DROPOUT, self.pool.rank))
            try:
                return self._step(goal, material, batches, key), tokens
            except OutOfMemory:
                pass  # the graph hangs on the error: let go of it before anything else
            self.halve()
            self.model.zero_grad(set_to_none=True)
            gc.collect()
            if self.pool.device.type == "cuda":
                torch.cuda.empty_cache()

    def halve(self) -> None:
        """Half of `chunk_tokens`, or of what a batch held. Raises TrainingError below FEWEST tokens."""
        tokens = (self.chunk_tokens or self.held) // 2
        if tokens < FEWEST:
            raise TrainingError(
                f"Memory ran out even with {self.chunk_tokens or self.held} tokens at a time: lower longest (now "
                f"{self.config.longest}) or batch_tokens (now {self.config.batch_tokens}), or train a smaller model."
            )
        self.chunk_tokens = tokens

    def _step(self, goal: Objective, material: Material, batches: Sequence[Batch], key: tuple[int, ...]) -> float:
        if goal.reads == "tokens":
            loss = self._tokens(goal, material, batches, key)
        elif losses.joint(goal, self.config):
            rows = sum(len(batch) for batch in batches)
            loss = torch.stack([self._compare(goal, material, batch, len(batch) / rows) for batch in batches]).sum()
        else:
            loss = self._apart(goal, material, batches)
        return self._summed(loss)

    # ---- rows apart ----------------------------------------------------------------------------------------------

    def _apart(self, goal: Objective, material: Material, batches: Sequence[Batch]) -> Tensor:
        count = sum(len(rows) for rows in batches)
        longest = np.max([side.lengths for side in material.sides], axis=0)

        def loss(rows: Batch) -> Tensor:
            vectors = self._vectors(_joined([side[rows] for side in material.sides]))
            sides = vectors.unflatten(0, (len(material.sides), len(rows))).unbind()
            return losses.total(goal, self.model, sides, material, rows, self.config) * (len(rows) / count)

        return self._add_up(batches, longest, len(material.sides), loss)

    def _tokens(self, goal: Objective, material: Material, batches: Sequence[Batch], key: tuple[int, ...]) -> Tensor:
        """Masks are drawn once for the whole step, so that no cut of it can change them."""
        rng = np.random.default_rng([*key, MASKS])
        masked = goal.hide(material, np.concatenate(batches), self.config, rng)
        ends = np.cumsum([len(rows) for rows in batches])[:-1]

        def loss(which: Batch) -> Tensor:
            with self.pool.autocast(self.config.precision):
                return goal.token_loss(self.model, masked.take(which)) / len(masked.target)

        return self._add_up(np.split(np.arange(len(masked.pieces)), ends), masked.pieces.lengths, 1, loss)

    def _add_up(self, batches: Sequence[Batch], lengths: Lengths, sides: int, loss: Loss) -> Tensor:
        """The loss of this process' share, its gradient added chunk by chunk. A row costs `sides` texts."""

        def work() -> Tensor:
            total = torch.zeros((), dtype=torch.float64, device=self.pool.device)
            for rows in batches:
                own = rows[self._shares(sides * lengths[rows])[self.pool.rank]]
                for chunk in chunks(sides * lengths[own], self.chunk_tokens):
                    part = loss(own[chunk])
                    part.backward()
                    total += part.detach()
            return total

        return self._together(work)

    # ---- rows compared -------------------------------------------------------------------------------------------

    def _compare(self, goal: Objective, material: Material, rows: Batch, weight: float) -> Tensor:
        """The joint loss of one batch. Every process embeds its share of the texts and computes the whole loss.

        The last chunk keeps its graph, so a batch of one chunk goes through the model once.
        """
        texts = _joined([side[rows] for side in material.sides])
        shares = self._shares(texts.lengths)
        own = shares[self.pool.rank]
        parts = [texts[own[chunk]] for chunk in chunks(texts.lengths[own], self.chunk_tokens)]
        # a process without a share still brings vectors, none of them, of the right width
        vectors, states = self._together(lambda: self._embed(parts or [texts[shares[0][:1]]]))
        counts = [len(share) for share in shares]
        every = self.pool.gather(torch.cat([part.detach() for part in vectors])[: len(own)], counts)
        back = np.empty(len(texts), dtype=np.int64)
        back[np.concatenate(shares)] = np.arange(len(texts))

        def learn() -> Tensor:
            leaf = every[self._index(back)].requires_grad_()
            sides = leaf.unflatten(0, (len(material.sides), len(rows))).unbind()
            loss = losses.total(goal, self.model, sides, material, rows, self.config) * weight
            if self.pool.main:  # what the loss itself has to learn (a head) learns in one process, or it would n-fold
                loss.backward()
                slope = leaf.grad
            else:
                (slope,) = torch.autograd.grad(loss, leaf)
            assert slope is not None
            if parts and vectors[-1].requires_grad:
                self._again(parts, vectors[-1], states, slope[self._index(own)].split([len(part) for part in parts]))
            return loss.detach() if self.pool.main else torch.zeros_like(loss)

        return self._together(learn)

    def _embed(self, parts: Sequence[Pieces]) -> tuple[list[Tensor], list["Random"]]:
        """The vectors of every chunk, the last with its graph, and the random state before each of the others."""
        vectors, states = [], []
        with torch.no_grad():
            for part in parts[:-1]:
                states.append(Random(self.pool.device))
                vectors.append(self._vectors(part))
        return [*vectors, self._vectors(parts[-1])], states

    def _again(
        self, parts: Sequence[Pieces], last: Tensor, states: Sequence["Random"], slopes: Sequence[Tensor]
    ) -> None:
        """From the gradient on the vectors to that of the weights, the same dropout as before."""
        last.backward(slopes[-1])
        for part, state, slope in zip(parts[:-1], states, slopes[:-1], strict=True):
            state.restore()
            self._vectors(part).backward(slope)

    # ---- both ----------------------------------------------------------------------------------------------------

    def _vectors(self, texts: Pieces) -> Tensor:
        """All sides at once pack better than one by one. Autocast is around the model alone: losses are in float32, and
        its copies of the weights are let go of between chunks.
        """
        with self.pool.autocast(self.config.precision):
            return self.model.vectors(texts)

    def _index(self, rows: Lengths) -> Tensor:
        return torch.from_numpy(rows).to(self.pool.device)

    def _shares(self, costs: Lengths) -> list[Lengths]:
        """The rows of every process, longest first: dealt out in turn, so that all have like work."""
        order = np.argsort(-costs, kind="stable")
        shares = [order[rank :: self.pool.world] for rank in range(self.pool.world)]
        self.held = max(self.held, len(shares[0]) * int(costs[order[0]]))
        return shares

    def _together(self, work: Callable[[], T]) -> T:
        """Do something in every process before they exchange anything: where memory runs out in one, all stop."""
        done: list[T] = []
        try:
            done.append(work())
        except (RuntimeError, MemoryError) as error:
            if not _short_of_memory(error):
                raise
        if self.pool.most([not done])[0]:
            raise OutOfMemory
        return done[0]

    def _summed(self, loss: Tensor) -> float:
        """The loss over all processes; so is every gradient. A parameter that none of them reached has none."""
        if self.pool.world == 1:
            return float(loss)
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        reached = self.pool.most([parameter.grad is not None for parameter in trained])
        found = []
        for parameter in (p for p, any_process in zip(trained, reached, strict=True) if any_process):
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            found.append(parameter.grad)
        self.pool.sum([loss])
        self.pool.sum(found)
        return float(loss)


class Random:
    """The state of the generators that dropout draws from, as it was when this was made."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.cpu = torch.get_rng_state()
        self.gpu = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def restore(self) -> None:
        torch.set_rng_state(self.cpu)
        if self.gpu is not None:
            torch.cuda.set_rng_state(self.gpu, self.device)


def chunks(costs: Lengths, tokens: int) -> list[slice]:
    """Rows, longest first, as runs of at most `tokens` padded tokens (rows x longest); 0: one run.

    A row longer than `tokens` is a run by itself.
    """
    if len(costs) == 0:
        return []
    if tokens == 0:
        return [slice(0, len(costs))]
    found = []
    begin = 0
    while begin < len(costs):
        end = min(len(costs), begin + max(1, tokens // int(costs[begin])))
        found.append(slice(begin, end))
        begin = end
    return found


def _joined(sides: Sequence[Pieces]) -> Pieces:
    """The texts of several sides as one: row i of side s of n rows is text s * n + i."""
    if len(sides) == 1:
        return sides[0]
    return Pieces(
        tuple(ids for side in sides for ids in side.ids),
        np.concatenate([side.first for side in sides]),
        np.concatenate([side.last for side in sides]),
        sum(side.cut for side in sides),
    )


def _seed(*key: int) -> int:
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])


def _short_of_memory(error: Exception) -> bool:
    from accelerate.utils.memory import should_reduce_batch_size

    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or should_reduce_batch_size(error)
