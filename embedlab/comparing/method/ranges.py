"""The range of a reading and its better end, in words."""

from embedlab.comparing.readings import Better, ReadingInfo
from embedlab.wording import number

BETTER: dict[Better, str] = {
    "higher": "higher is better",
    "lower": "lower is better",
    "neither": "neither end is better",
}


def bounds(info: ReadingInfo) -> str:
    """The range of a reading: `[0, 1]`, `≥ 1`, `≤ 0`, `any`."""
    low, high = info.low, info.high
    if low is not None and high is not None:
        return f"[{_end(low)}, {_end(high)}]"
    if low is not None:
        return f"≥ {_end(low)}"
    return "any" if high is None else f"≤ {_end(high)}"


def _end(value: float) -> str:
    return "√2" if abs(value - 2**0.5) < 1e-12 else number(value, places=0 if value == int(value) else 1)
