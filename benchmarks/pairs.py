"""What training on pairs gives the bundled model: retrieval on held-out pairs of the bundled corpora, and its price.

    python -m benchmarks.pairs [--recipe pairs] [--steps 120] [--rate 5e-5] [--workspace DIR]

Two sets of pairs. `answers`: the 240 questions of pairs.csv with their answers. `senses`: the 750 sentences of
senses.csv two by two, both using their word in one sense, so that a sentence is to find another that means the same by
it (a few held-out pairs share a sense: the best possible score lies below 1). Each text stands in one pair; a quarter
of the pairs is held out, no text of it is trained on. Every held-out text looks for its partner among all of them;
mean reciprocal rank and recall with the paired 95 % interval of the change, and what became of the canary's neighbours.
"""

import argparse
import csv
import json
import tempfile
from pathlib import Path

import numpy as np

from embedlab import demo
from embedlab.cli.printing import Printer
from embedlab.corpus import Columns
from embedlab.lab import Lab

SCORES = ("mrr", "recall_1", "recall_10")


def sense_pairs(out: Path, seed: int = 0) -> Path:
    """The sentences of senses.csv two by two, both of one sense; an odd one out is left."""
    with demo.senses_path().open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rng = np.random.default_rng(seed)
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "answer"))
        for sense in sorted({row["sense"] for row in rows}):
            texts = [str(text) for text in rng.permutation([row["text"] for row in rows if row["sense"] == sense])]
            writer.writerows(zip(texts[::2], texts[1::2], strict=False))
    return out


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--recipe", default="pairs")
    options.add_argument("--steps", type=int, default=120)
    options.add_argument("--rate", type=float, default=5e-5)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--workspace", type=Path)
    asked = options.parse_args()
    place = asked.workspace or Path(tempfile.mkdtemp(prefix="embedlab-pairs-"))
    lab = Lab(place)
    found = {}
    for name, path in {"answers": demo.pairs_path(), "senses": sense_pairs(place / "sense-pairs.csv")}.items():
        corpus = lab.add_corpus(path, Columns(text="text", pair="answer")).id
        config = lab.run_config(
            "builtin", corpus, "pairs", recipe=asked.recipe, canary="bundled", seed=asked.seed,
            steps=asked.steps, rate=asked.rate,
        )  # fmt: skip
        (run,) = lab.finetune_seeds(config, 1, Printer(False).progress)
        made = lab.compare("builtin", f"run:{run.id}", corpus)
        shot = next(shot for shot in lab.shots(corpus) if shot.run_id == run.id)
        scores = {score.name: score for score in made.verdict.scores}
        print(f"\n{name}: {run.elapsed_s:.0f} s, {run.step} steps, step {run.best_step} kept")
        for score in (scores[wanted] for wanted in SCORES):
            assert score.before is not None and score.after is not None and score.interval is not None  # noqa: PT018
            low, high = score.interval
            change = f"{score.after - score.before:+.3f} [{low:+.3f}, {high:+.3f}]"
            print(f"  {score.name:<12}{score.before:>7.3f} ->{score.after:>7.3f}   {change}")
        print(f"  {made.verdict.task}; {made.verdict.space_line}")
        print(f"  canary: {shot.collateral:.3f} of its neighbours changed", flush=True)
        found[name] = {
            "seconds": run.elapsed_s, "verdict": made.verdict.task, "collateral": shot.collateral,
            "config": lab.config_of(run.id),
            **{score: [scores[score].before, scores[score].after, scores[score].interval] for score in SCORES},
        }  # fmt: skip
    out = Path("out/pairs.json")
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
