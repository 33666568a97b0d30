"""Run it: python -m benchmarks.calibration."""

import argparse
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


def jobs(folder: Path, seeds: int, nulls: int, repeats: int) -> Iterator[tuple[str, int, str, float, int]]:
    for kind in ("two seeds", "two halves"):
        yield from ((str(folder), seeds, kind, 0.0, number) for number in range(nulls))
    for kind, sizes in SIZES.items():
        yield from ((str(folder), seeds, kind, size, number) for size in sizes for number in range(repeats))


def main() -> None:
    arguments = argparse.ArgumentParser(description=ABOUT)
    arguments.add_argument("--seeds", type=int, default=12, help="seeds of the recipe that are trained")
    arguments.add_argument("--nulls", type=int, default=120, help="null comparisons of each kind")
    arguments.add_argument("--repeats", type=int, default=20, help="comparisons a planted size")
    arguments.add_argument("--processes", type=int, default=2)
    arguments.add_argument(
        "--work", type=Path, default=ROOT / "out" / "calibration", help="trainings and surveys, kept"
    )
    arguments.add_argument("--out", type=Path, default=ROOT / "docs", help="where calibration.md and .svg go")
    given = arguments.parse_args()
    world(str(given.work), given.seeds)  # trained and read before the pool starts
    nulls: dict[str, dict[str, list[float]]] = {kind: defaultdict(list) for kind in ("two seeds", "two halves")}
    power: dict[str, dict[float, list[float]]] = {kind: defaultdict(list) for kind in SIZES}
    todo = list(jobs(given.work, given.seeds, given.nulls, given.repeats))
    with ProcessPoolExecutor(given.processes) as pool:
        for done, (kind, size, found) in enumerate(pool.map(job, todo), 1):
            if kind in nulls:
                for name, said in found.items():
                    nulls[kind][name].append(said)
            else:
                power[kind][size].append(found)
            if done % 10 == 0:
                print(f"{done / len(todo):4.0%} {kind} {size or ''}", flush=True)
    curves = {kind: {size: float(np.mean(found)) for size, found in sizes.items()} for kind, sizes in power.items()}
    page = document(nulls, curves, given)
    atomic_write(given.out / "calibration.md", page.encode())
    atomic_write(given.out / "calibration.svg", drawing(curves).encode())
    print(page)


if __name__ == "__main__":
    main()
