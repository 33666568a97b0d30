"""Who takes part in a run: one process, or several under torchrun that share the rows of every batch.

Built on accelerate, which opens the connection (gloo between CPUs, nccl between GPUs) and sets the device. One process
alone needs none of it and loads none of it. Under torchrun every process holds the whole model and the whole corpus.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from embedlab.errors import TrainingError

T = TypeVar("T")

PATIENCE = timedelta(hours=2)  # the others wait while the first process evaluates and writes
BUCKET = 2**24  # numbers summed in one message: few enough messages that their delay does not count, 64 MB each


@dataclass(frozen=True)
class Pool:
    """This process among those of the run. Alone it is `Pool(device)`, and every exchange returns what it is given."""

    device: torch.device
    rank: int = 0
    world: int = 1

    @classmethod
    def join(cls) -> "Pool":
        """The processes torchrun started, or this one alone. Raises TrainingError when there are too few GPUs."""
        cuda = torch.cuda.is_available()
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls(torch.device("cuda" if cuda else "cpu"))
        here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        if cuda and here > torch.cuda.device_count():
            raise TrainingError(f"{here} processes need {here} GPUs, and {torch.cuda.device_count()} are here.")
        from accelerate import PartialState

        state = PartialState(cpu=not cuda, backend="nccl" if cuda else "gloo", timeout=PATIENCE)
        return cls(state.device, state.process_index, state.num_processes)

    @property
    def main(self) -> bool:
        """Whether this is the process that writes and decides."""
        return self.rank == 0

    def autocast(self, precision: str) -> AbstractContextManager[Any]:
        """Where the model runs: as it stands ("fp32"), or in bfloat16, which has fp32's range: no loss scaling."""
        return nullcontext() if precision == "fp32" else torch.autocast(self.device.type, dtype=torch.bfloat16)

    def gather(self, own: Float[Tensor, "k d"], counts: Sequence[int]) -> Float[Tensor, "n d"]:
        """The rows of all processes, first process first; process r brings counts[r] rows. No gradient passes."""
        if self.world == 1:
            return own.detach()
        from accelerate.utils import operations

        padded = own.new_zeros((max(counts), own.shape[1]))
        padded[: len(own)] = own.detach()
        every = operations.gather(padded).unflatten(0, (self.world, max(counts)))
        return torch.cat([every[r, :count] for r, count in enumerate(counts)])

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Put into every tensor its sum over the processes. All bring tensors of the same shapes in the same order."""
        if self.world == 1:
            return
        from accelerate.utils import operations

        with torch.no_grad():
            for bucket in _buckets(tensors):
                flat = operations.reduce(torch.cat([tensor.reshape(-1) for tensor in bucket]), "sum")
                for tensor, part in zip(bucket, flat.split([tensor.numel() for tensor in bucket]), strict=True):
                    tensor.copy_(part.view_as(tensor))

    def most(self, numbers: Sequence[int]) -> list[int]:
        """The largest of every number over the processes (of flags: whether any process has it)."""
        if self.world == 1:
            return [int(number) for number in numbers]
        from accelerate.utils import operations

        largest = operations.reduce(torch.tensor(numbers, dtype=torch.int64, device=self.device), "max")
        return [int(number) for number in largest.tolist()]

    def decide(self, value: T) -> T:
        """What the first process says, in all of them. `value`: anything JSON holds (a tuple arrives as a list)."""
        if self.world == 1:
            return value
        from accelerate.utils import operations

        said = json.dumps(value).encode()
        length = self.most([len(said) if self.main else 0])[0]
        wire = torch.zeros(length, dtype=torch.uint8, device=self.device)
        if self.main:
            wire += torch.tensor(list(said), dtype=torch.uint8, device=self.device)
        heard: T = json.loads(bytes(operations.broadcast(wire).tolist()))
        return value if self.main else heard

    def wait(self) -> None:
        """Until all processes are here."""
        if self.world > 1:
            self.most([0])

    def close(self) -> None:
        """Take leave of the others, at the end of the process."""
        if self.world > 1:
            torch.distributed.destroy_process_group()


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Consecutive tensors, together at most BUCKET numbers; a larger one by itself."""
    bucket: list[Tensor] = []
    size = 0
    for tensor in tensors:
        if bucket and size + tensor.numel() > BUCKET:
            yield bucket
            bucket, size = [], 0
        bucket.append(tensor)
        size += tensor.numel()
    if bucket:
        yield bucket
