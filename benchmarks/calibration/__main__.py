"""Run it: python -m benchmarks.calibration."""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.calibration import __doc__ as ABOUT
from benchmarks.calibration.nulls import null_of_halves, null_of_seeds, occurrences
from benchmarks.calibration.page import document, drawing
from benchmarks.calibration.planted import SIZES, planted
from benchmarks.calibration.world import world
from embedlab.store import atomic_write

NULLS = ("two seeds", "two halves")
ROOT = Path(__file__).resolve().parents[2]


def job(given: tuple[str, int, str, float, int]) -> tuple[str, float, Any]:
    """One comparison in a process of the pool: (kind, size, what it claims or the share found)."""
    folder, seeds, kind, size, number = given
    here = world(folder, seeds)
    if kind == "two seeds":
        return kind, size, null_of_seeds(here, number)
    if kind == "two halves":
        return kind, size, null_of_halves(here, occurrences(folder, seeds), number)
    return kind, size, planted(here, kind, size, number)


def jobs(given: argparse.Namespace) -> Iterator[tuple[str, int, str, float, int]]:
    folder, seeds = str(given.work), given.seeds
    for kind in (kind for kind in NULLS if kind in given.kinds):
        yield from ((folder, seeds, kind, 0.0, number) for number in range(given.nulls))
    for kind in (kind for kind in SIZES if kind in given.kinds):
        yield from ((folder, seeds, kind, size, number) for size in SIZES[kind] for number in range(given.repeats))


def options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(description=ABOUT)
    add = arguments.add_argument
    add("--seeds", type=int, default=12, help="seeds of the recipe that are trained")
    add("--nulls", type=int, default=120, help="null comparisons of each kind")
    add("--repeats", type=int, default=20, help="comparisons a planted size")
    add("--kinds", nargs="+", choices=(*NULLS, *SIZES), default=(*NULLS, *SIZES), metavar="KIND", help="only these")
    add("--processes", type=int, default=2)
    add("--work", type=Path, default=ROOT / "out" / "calibration", help="trainings, surveys and findings, kept")
    add("--out", type=Path, default=ROOT / "docs", help="where calibration.md and .svg go")
    return arguments.parse_args()


def main() -> None:
    given = options()
    world(str(given.work), given.seeds)  # trained and read before the pool starts
    found: dict[str, dict[str, list[float]]] = {kind: defaultdict(list) for kind in given.kinds}
    todo = list(jobs(given))
    with ProcessPoolExecutor(given.processes) as pool:
        for done, (kind, size, claims) in enumerate(pool.map(job, todo), 1):
            for name, said in claims.items() if kind in NULLS else [(f"{size:g}", claims)]:
                found[kind][name].append(said)
            if done % 10 == 0:
                print(f"{done / len(todo):4.0%} {kind} {size or ''}", flush=True)
    kept = given.work / "found.json"  # so that one kind can be done again
    known = (json.loads(kept.read_bytes()) if kept.is_file() else {}) | found
    atomic_write(kept, json.dumps(known).encode())
    nulls = {kind: known[kind] for kind in NULLS if kind in known}
    curves = {
        kind: {float(size): float(np.mean(said)) for size, said in known[kind].items()}
        for kind in SIZES
        if kind in known
    }
    page = document(nulls, curves, given)
    atomic_write(given.out / "calibration.md", page.encode())
    atomic_write(given.out / "calibration.svg", drawing(curves).encode())
    print(page)


if __name__ == "__main__":
    main()
