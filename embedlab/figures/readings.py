"""How a reading is said, in figures, on the screen and in the report: its name, its numbers, and where it stands."""

from typing import Literal

from embedlab.comparing.readings import READINGS, changed
from embedlab.types import Reading
from embedlab.wording import MISSING, bracket, difference, number

Standing = Literal[
    "changed",
    "differs, noise unknown",
    "within noise",
    "interval holds 0",
    "unchanged",
    "noise unknown",
    "no interval",
    "",
]

# metrics.md's entry -> the part of a list of readings that it stands in
GROUP_OF = {
    "Task": "The task",
    "A1": "Anisotropy",
    "A6": "Anisotropy",
    "A10": "Anisotropy",
    "A2": "Context",
    "A3": "Context",
    "A4": "Context",
    "A5": "Spectrum and dimension",
    "A7": "Spectrum and dimension",
    "A8": "Spectrum and dimension",
    "A9": "Neighbours",
    "A14": "Neighbours",
    "A11": "The two spaces side by side",
    "A12": "The two spaces side by side",
    "A13": "The two spaces side by side",
    "A15": "The two spaces side by side",
    "A16": "Senses",
    "A17": "Maps",
}
GROUPS = tuple(dict.fromkeys(GROUP_OF.values()))
OTHER = "Others"


def title_of(name: str) -> str:
    """How a reading is called."""
    return READINGS[name].title if name in READINGS else name.replace("_", " ").capitalize()


def meaning_of(name: str) -> str:
    """What a reading says, in one line."""
    return READINGS[name].meaning if name in READINGS else ""


def source_of(name: str) -> str:
    """The entry of metrics.md that defines a reading: A1 to A18, or Task."""
    return READINGS[name].source if name in READINGS else ""


def group_of(name: str) -> str:
    """Which part of a list a reading stands in."""
    return GROUP_OF.get(source_of(name), OTHER)


def grouped(names: list[str]) -> list[tuple[str, list[str]]]:
    """(group, its readings in the order of READINGS), empty groups left out."""
    order = {name: i for i, name in enumerate(READINGS)}
    listed = sorted(names, key=lambda name: order.get(name, len(order)))
    parts = [(group, [name for name in listed if group_of(name) == group]) for group in (*GROUPS, OTHER)]
    return [part for part in parts if part[1]]


def is_of_pair(reading: Reading) -> bool:
    """Whether a reading compares the two spaces, in place of having a before and an after."""
    return reading.value is not None or (reading.name in READINGS and READINGS[reading.name].of_pair)


def change_of(reading: Reading) -> float | None:
    """after - before, where there are both."""
    return None if reading.before is None or reading.after is None else reading.after - reading.before


def standing(reading: Reading) -> Standing:
    """Whether a reading changed, in words: colour and size only repeat what this says. Empty where it is undefined."""
    change = change_of(reading)
    if reading.value is None and change is None:
        return ""
    info = READINGS.get(reading.name)
    still = 0.0 if change is not None else None if info is None else info.still
    if still is None:  # nothing that changes: a p, a size
        return ""
    answer = changed(reading)
    if answer:
        return "changed" if reading.noise is not None else "differs, noise unknown"
    if answer is None:
        return "no interval" if change is not None else "noise unknown"
    if (reading.value if change is None else change) == still:
        return "unchanged"
    holds_zero = change is not None and reading.interval is not None and reading.interval[0] <= 0 <= reading.interval[1]
    return "interval holds 0" if holds_zero else "within noise"


def is_still(reading: Reading) -> bool:
    """Whether nothing can be made of a change: it is drawn grey and small, beside the word of `standing`."""
    return standing(reading) not in ("changed", "differs, noise unknown", "")


def said_standing(reading: Reading) -> str:
    """`standing`, with the direction where one end is better: `changed, better`; `differs, worse; noise unknown`."""
    words, which = standing(reading), tone(reading)
    if not which:
        return words
    head, _, rest = words.partition(", ")
    return f"{head}, {which}" + (f"; {rest}" if rest else "")


def said_change(reading: Reading) -> str:
    """`+.09 [.06, .12]`, or of a reading of the pair its value with its interval."""
    if reading.value is None:
        return difference(change_of(reading), reading.interval)
    interval = "" if reading.interval is None else f" {bracket(reading.interval)}"
    return f"{number(reading.value, reading.interval)}{interval}"


def said_noise(reading: Reading) -> str:
    """`± .03`: what two seeds differ by. Of the pair, the values that two seeds give: `.97 to 1`, `0 to .04`."""
    if reading.noise is None:
        return MISSING
    if reading.value is None:
        return f"± {number(reading.noise, reading.interval)}"
    info = READINGS.get(reading.name)
    if info is None or info.still is None:
        return number(reading.noise, reading.interval)
    low, high = sorted((reading.noise, info.still))
    ends = (f"{end:g}" if end == info.still else number(end, reading.interval) for end in (low, high))
    return " to ".join(ends)


def said_p(p: float | None) -> str:
    """`< .001`, `.012`; a p is never 0."""
    if p is None:
        return MISSING
    return "< .001" if p < 0.001 else number(p, places=3 if p < 0.1 else 2)


def tone(reading: Reading) -> Literal["better", "worse", ""]:
    """Which way a reading changed, where one end of it is better and it changed."""
    info, change = READINGS.get(reading.name), change_of(reading)
    if info is None or info.better == "neither" or not change or not changed(reading):
        return ""
    return "better" if (change > 0) == (info.better == "higher") else "worse"
