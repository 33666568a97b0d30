"""What a process notes while it trains: time, real tokens and loss of every step, and memory."""

import resource
import time
from dataclasses import dataclass, field
from typing import Any


def memory_mb() -> float:
    """The most this process has held in main memory so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, 1)


@dataclass
class Clock:
    """`seen` is called once a step with its loss and real tokens, `tick` when the step is done."""

    loss: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    before_mb: float = 0.0

    def start(self) -> None:
        self.before_mb = memory_mb()

    def seen(self, loss: float, tokens: int) -> None:
        self.loss.append(loss)
        self.tokens.append(tokens)

    def tick(self) -> None:
        self.wall.append(time.perf_counter())
        self.cpu.append(time.process_time())

    def result(self, warm: int, items: int) -> dict[str, Any]:
        """Rates from the end of step `warm` to the end of the last one."""
        tokens = sum(self.tokens[warm:])
        wall, cpu = self.wall[-1] - self.wall[warm - 1], self.cpu[-1] - self.cpu[warm - 1]
        return {
            "tokens_per_s": tokens / wall,
            "tokens_per_cpu_s": tokens / cpu,
            "step_s": wall / (len(self.wall) - warm),
            "peak_mb": memory_mb(),
            "before_mb": self.before_mb,
            "samples": [items * (i + 1) for i in range(len(self.loss))],
            "tokens": self.tokens,
            "loss": self.loss,
        }
