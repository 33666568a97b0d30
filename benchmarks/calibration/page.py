"""docs/calibration.md and docs/calibration.svg."""

from collections import defaultdict
from typing import Any

import numpy as np

from benchmarks.calibration.planted import MEANING
from benchmarks.calibration.world import RECIPE, REPLICATES
from embedlab.measure.uncertainty import wilson


def document(nulls: dict[str, dict[str, list[float]]], curves: dict[str, dict[float, float]], given: Any) -> str:
    options = f"--seeds {given.seeds} --nulls {given.nulls} --repeats {given.repeats}"
    recipe = f"senses, {RECIPE['steps']} steps, rate {RECIPE['rate']:g}"
    lines = [
        "# Calibration",
        "",
        "How often EmbedLab says that something changed when nothing did, and how often it finds what was planted.",
        f"Made by `python -m benchmarks.calibration {options}` on the bundled corpus with the bundled model",
        f"({recipe}), last layer, with the limits the product ships with, through the same functions.",
        f"Where seeds are compared there are {REPLICATES} replicates, as in the demo.",
        "Comparisons share seeds, so the intervals here are a little too narrow.",
    ]
    titles = {
        "two seeds": "Two seeds of one recipe, in both roles",
        "two halves": "The same model on two halves of the corpus, without replicates",
    }
    for kind, found in nulls.items():
        lines += [
            "",
            f"## Null: {titles[kind]}",
            "",
            "| family | claims | said | 95 % interval | largest single claim |",
            "|---|--:|--:|---|---|",
        ]
        lines += [_row(family, names) for family, names in families(found).items()]
    lines += [
        "",
        "## Power",
        "",
        "![share found by size](calibration.svg)",
        "",
        "| planted | " + "sizes and share found | what it is |",
        "|---|---|---|",
    ]
    for kind, sizes in curves.items():
        shares = ", ".join(f"{size:g}: {share:.0%}" for size, share in sorted(sizes.items()))
        lines.append(f"| {kind} | {shares} | {MEANING[kind]} |")
    return "\n".join(lines) + "\n"


def families(found: dict[str, list[float]]) -> dict[str, dict[str, list[float]]]:
    grouped: dict[str, dict[str, list[float]]] = defaultdict(dict)
    for name, said in found.items():
        family, _, what = name.partition(":")
        grouped[family][what] = said
    return grouped


def _row(family: str, names: dict[str, list[float]]) -> str:
    every = np.concatenate([np.array(said) for said in names.values()])
    low, high = wilson(round(float(every.sum())), len(every))
    worst = max(names, key=lambda name: float(np.mean(names[name])))
    return (
        f"| {family} | {len(every):,} | {every.mean():.1%} | {low:.1%} to {high:.1%} "
        f"| {worst}: {np.mean(names[worst]):.1%} |"
    )


def drawing(curves: dict[str, dict[float, float]]) -> str:
    """One small chart a planted kind, as SVG: the size across, the share found upwards, a line at 95 %."""
    wide, high, gap = 220, 150, 34
    parts, wanted = [], 30 + 0.05 * high
    for number, (kind, sizes) in enumerate(curves.items()):
        left = number * (wide + gap) + gap
        most = max(sizes)
        points = [(left + wide * size / most, 30 + high * (1 - share)) for size, share in sorted(sizes.items())]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts += [
            f'<text x="{left}" y="18" font-size="13">{kind}</text>',
            f'<rect x="{left}" y="30" width="{wide}" height="{high}" fill="none" stroke="#B8BEC6"/>',
            f'<path d="M{left} {wanted}h{wide}" stroke="#B8BEC6" stroke-dasharray="4 3"/>',
            f'<polyline points="{line}" fill="none" stroke="#1B8A6B" stroke-width="2"/>',
        ]
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="#1B8A6B"/>' for x, y in points]
        parts += [
            f'<text x="{x:.1f}" y="{high + 46}" font-size="11" text-anchor="middle">{size:g}</text>'
            for (x, _), size in zip(points, sorted(sizes), strict=True)
        ]
    width, height = len(curves) * (wide + gap) + gap, high + 60
    label = "Share of planted changes found, by size; dashed: 95 %"
    head = f'viewBox="0 0 {width} {height}" font-family="sans-serif" fill="#5C6570" role="img" aria-label="{label}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {head}>{"".join(parts)}</svg>\n'
