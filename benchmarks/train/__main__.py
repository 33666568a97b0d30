"""Run it: python -m benchmarks.train."""

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from dataclasses import asdict
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.train import __doc__ as ABOUT
from benchmarks.train.summary import report
from benchmarks.train.work import (
    EMBEDLAB,
    EMBEDLAB_OWN,
    RUNGS,
    SENTENCE_TRANSFORMERS,
    TASKS,
    TRANSFORMERS,
    TRANSFORMERS_GROUPED,
    Job,
    Task,
)
from embedlab.encoders import resolve_builtin
from embedlab.store import atomic_write

PEERS = (SENTENCE_TRANSFORMERS, TRANSFORMERS, TRANSFORMERS_GROUPED)
OUT = Path(__file__).resolve().parents[2] / "out" / "train.json"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    add("--part", nargs="+", choices=("sides", "ladder"), default=["sides", "ladder"])
    add("--precision", nargs="+", choices=("fp32", "bf16"), help="fp32, and bf16 where the processor has it")
    add("--steps", type=int, default=40)
    add("--items", type=int, default=32, help="rows of a batch")
    add("--warm", type=int, default=3, help="first steps that are not timed")
    add("--rounds", type=int, default=3)
    add("--threads", type=int, default=2)
    add("--start", type=Path, default=resolve_builtin(), help="folder of the start model, of BERT's kind")
    add("--out", type=Path, default=OUT)
    given = parser.parse_args()
    if given.rounds < 3:
        parser.error("--rounds: at least 3, or the median says little")
    if given.steps <= given.warm:
        parser.error("--steps: more than --warm")
    return given


def has_bf16() -> bool:
    """Whether the processor computes in bf16. Linux alone says so."""
    about = Path("/proc/cpuinfo")
    flags = about.read_text(errors="replace") if about.is_file() else ""
    return any(name in flags.split() for name in ("avx512_bf16", "amx_bf16", "bf16"))


def systems(task: Task, part: list[str]) -> list[str]:
    """What is measured for a task, in the order of the table."""
    found = [*PEERS, EMBEDLAB, EMBEDLAB_OWN]
    if task == "mlm" or find_spec("datasets") is None:
        found.remove(SENTENCE_TRANSFORMERS)
    if task == "pairs":  # rows that are compared stay in random company: by length, negatives would be picked by length
        found.remove(TRANSFORMERS_GROUPED)
        found.remove(EMBEDLAB_OWN)
    if "sides" not in part:
        found = [name for name in found if name.startswith(EMBEDLAB)]
    without_use = {"labels": RUNGS[2:3], "mlm": (), "pairs": RUNGS[2:]}[task]
    return found + [name for name in RUNGS if "ladder" in part and name not in without_use]


def measured(job: Job) -> dict[str, Any]:
    """What one process found. Raises RuntimeError with what it said last."""
    command = [sys.executable, "-m", "benchmarks.train.child", json.dumps(asdict(job))]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2])
    if done.returncode:
        raise RuntimeError(f"{job.system}, {job.task}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().split("\n")[-1])
    return found


def main() -> int:
    given = options()
    precisions = given.precision or (["fp32", "bf16"] if has_bf16() else ["fp32"])
    if "bf16" not in precisions:
        print("This processor has no bf16 arithmetic: bf16 is not measured.")
    if find_spec("datasets") is None:
        print("sentence-transformers' Trainer needs the package datasets, which is not installed: it is left out.")
    about = {key: getattr(given, key) for key in ("steps", "items", "warm", "rounds", "threads")}
    print(", ".join(f"{name} {value}" for name, value in about.items()), flush=True)
    versions = {name: version(name) for name in ("torch", "transformers", "accelerate", "sentence-transformers")}
    results: dict[str, Any] = {**about, "versions": versions, "tasks": {}}
    for task in given.tasks:
        for precision in precisions:
            names, found = systems(task, given.part), defaultdict(list)
            for turn in range(given.rounds):
                for name in names if turn % 2 == 0 else reversed(names):  # nobody always goes first
                    sizes = (given.steps, given.items, given.warm, given.threads)
                    found[name].append(measured(Job(name, task, str(given.start), turn, *sizes, precision)))
            data, table = report(task, precision, {name: found[name] for name in names})
            results["tasks"][f"{task} {precision}"] = data
            print(table, flush=True)
            given.out.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(given.out, json.dumps(results, indent=1).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
