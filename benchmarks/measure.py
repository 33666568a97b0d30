"""The measures against what they are held to, side by side in one run: `python -m benchmarks.measure`.

A1: mean_cosine of float32 rows against one pass over the memory (a sum over blocks), one thread each; with
--mapped also of a memory-mapped file of the same rows, made in that folder.
A14: two searches and the Jaccard of every row against two searches of FAISS's own IndexFlatIP for as many neighbours.
WSD: intervals of accuracy and macro-F1, paired, for --words words of --sentences test sentences, --draws draws each.
Runs alternate; printed are medians of --rounds, and their ratio.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from embedlab.measure import geometry, kernels, neighbours, uncertainty

BLOCK = 4096


def cloud(n: int, d: int, seed: int, file: Path | None = None) -> np.ndarray:
    """n float32 rows with a common direction, made in blocks; in a memory-mapped file where one is given."""
    X = np.empty((n, d), np.float32) if file is None else np.lib.format.open_memmap(file, "w+", np.float32, (n, d))
    rng = np.random.default_rng(seed)
    for start in range(0, n, BLOCK):
        X[start : start + BLOCK] = rng.standard_normal((min(BLOCK, n - start), d), dtype=np.float32) + np.float32(0.3)
    return X


def alternating(rounds: int, **sides: Callable[[], Any]) -> dict[str, float]:
    """Median seconds of each side; the sides take turns, so that what else the machine does hits both."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: median(taken) for name, taken in seconds.items()}


def told(title: str, seconds: dict[str, float], limit: float) -> None:
    (base, slow), *others = seconds.items()
    print(f"{title}\n  {base:<44}{slow:9.3f} s")
    for name, taken in others:
        print(f"  {name:<44}{taken:9.3f} s  {taken / slow:6.2f} x  (at most {limit})")


def one_pass(X: np.ndarray) -> float:
    """Every number read once, summed in blocks, the way numpy does it fastest."""
    return float(sum(float(X[start : start + BLOCK].sum()) for start in range(0, len(X), BLOCK)))


def mean_cosines(args: argparse.Namespace) -> None:
    warm = cloud(8, args.dimensions, 0)
    start = time.perf_counter()
    kernels.add_unit_rows(warm, np.zeros(args.dimensions), np.zeros(args.dimensions))
    print(f"compiling the loop, once a process{time.perf_counter() - start:21.3f} s")
    places = {"memory": None} | ({"a mapped file": Path(args.mapped) / "rows.npy"} if args.mapped else {})
    for place, file in places.items():
        X = cloud(args.rows, args.dimensions, 0, file)
        sides = {
            "one pass over the rows": lambda X=X: one_pass(X),
            "A1 mean_cosine": lambda X=X: geometry.mean_cosine(X),
        }
        told(f"A1, {args.rows:,} x {args.dimensions} in {place}", alternating(args.rounds, **sides), 1.5)
        del X, sides
        if file:
            file.unlink()


def overlaps(args: argparse.Namespace) -> None:
    import faiss

    n, k = args.neighbours, args.k
    X = cloud(n, args.dimensions, 1)
    Y = X + np.float32(0.5) * cloud(n, args.dimensions, 2)
    unit = [space / np.linalg.norm(space, axis=1)[:, None] for space in (X, Y)]

    def by_faiss() -> None:
        for space in unit:
            index = faiss.IndexFlatIP(space.shape[1])
            index.add(space)
            index.search(space, k + 1)  # itself is found first

    def ours() -> float:
        return float(neighbours.knn_jaccard(*(neighbours.nearest(space, k)[0] for space in (X, Y))).mean())

    sides = {f"two searches of IndexFlatIP, {k} + itself": by_faiss, "A14 nearest twice and knn_jaccard": ours}
    told(f"A14, {n:,} x {args.dimensions}", alternating(args.rounds, **sides), 1.2)
    found = tuple(neighbours.nearest(space, k)[0] for space in (X, Y))
    start = time.perf_counter()
    neighbours.second_order_cosine(X, Y, found=found)
    print(f"  second_order_cosine of known neighbours{time.perf_counter() - start:16.3f} s")


def intervals(args: argparse.Namespace) -> None:
    rng = np.random.default_rng(3)
    words = []
    for _ in range(args.words):
        y = rng.choice(["one", "two", "three"], args.sentences, p=[0.7, 0.2, 0.1])
        words.append((y, *(np.where(rng.random(len(y)) < right, y, rng.choice(y, len(y))) for right in (0.7, 0.8))))

    def resampled() -> None:
        for y, before, after in words:
            right = ((y == before).astype(float), (y == after).astype(float))
            uncertainty.paired_bootstrap(*right, draws=args.draws)
            uncertainty.bootstrap_macro_f1(y, before, after, draws=args.draws)

    seconds = alternating(args.rounds, resampled=resampled)["resampled"]
    what = f"accuracy and macro-F1 of {args.words} words, {args.draws:,} draws"
    print(f"WSD, {args.sentences} sentences a word\n  {what:<44}{seconds:9.3f} s  (at most 10)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of A1 (default 1,000,000)")
    parser.add_argument("--neighbours", type=int, default=50_000, help="rows of A14 (default 50,000)")
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--words", type=int, default=10)
    parser.add_argument("--sentences", type=int, default=500)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mapped", default="", metavar="FOLDER", help="also measure a memory-mapped file, made here")
    args = parser.parse_args()
    for part in (mean_cosines, overlaps, intervals):
        part(args)


if __name__ == "__main__":
    main()
