"""What a person reads of a comparison or of readings: lines of plain text."""

from typing import Any

from embedlab.types import Comparison
from embedlab.wording import difference, number

LISTED = 10


def summary(comparison: Comparison) -> list[str]:
    """What a person reads first: the verdict, the last layer, the words that moved most."""
    last = comparison.layers[-1]
    lines = [
        f"{comparison.verdict.task}: {comparison.verdict.task_line}",
        comparison.verdict.space_line,
        f"{last.name}:",
    ]
    for reading in last.readings.values():
        if reading.value is not None:
            lines.append(f"  {reading.name:<32} {number(reading.value)}")
        elif reading.before is not None and reading.after is not None:
            change = difference(reading.after - reading.before, reading.interval)
            lines.append(f"  {reading.name:<32} {number(reading.before)} -> {number(reading.after)}  {change}")
    return [*lines, comparison.noise.line, *_most_changed(comparison)]


def _most_changed(comparison: Comparison) -> list[str]:
    """The words that changed by more than noise, most changed first; how many there are."""
    table = comparison.words
    changed = table.changed(-1)
    order = [i for i in table.change[-1].argsort(kind="stable")[::-1] if changed[i]][:LISTED]
    names = ", ".join(f"{table.words[i]} {number(float(table.change[-1][i]))}" for i in order)
    head = f"{int(changed.sum()):,} of {len(table.words):,} words changed by more than noise"
    return [f"{head}: {names}" if order else f"{head}."]


def expected(comparison: Comparison) -> list[str]:
    """Each expectation, with the numbers behind it."""
    return [f"{'held' if one.after else 'FAILED'}: {one.statement} ({one.detail})" for one in comparison.expectations]


def coverage_lines(value: dict[str, Any]) -> list[str]:
    """What two files share, and what was chosen or left out in reading them."""
    shared = value.get("coverage")
    lines = [] if shared is None else [", ".join(f"{name} {item}" for name, item in shared.items())]
    return [*lines, *value.get("notes", ())]


def reading_lines(readings: dict[str, Any]) -> list[str]:
    lines = []
    for name, reading in readings.items():
        shown = [
            f"{key} {number(reading[key])}" for key in ("before", "after", "value") if reading.get(key) is not None
        ]
        lines.append(f"  {name:<32} {'  '.join(shown) or 'undefined'}  {reading.get('note') or ''}".rstrip())
    return lines
