"""What sense fine-tuning of the bundled model gives on CoarseWSD-20: nearest centroid, every word, tested on test.

    python -m benchmarks.senses [--recipe FILE ...] [--words bank,crane] [--workspace DIR] [--kit ../shared/kit]

One run over all words a recipe, on the train rows; its step is chosen on a tenth of the train rows, never on test.
Then every test use is given the sense of the nearest mean of the train uses of its word (metrics A16), by the bundled
model and by the tuned one. Macro-F1 with a 95 % interval (stratified bootstrap, 10,000 draws), the change with its
paired interval, training time, and what the canary says it cost elsewhere. Results in out/senses.json.

CoarseWSD-20 (Loureiro, Rezaee, Pilehvar, Camacho-Collados 2021) is CC BY-NC 4.0 and no part of this project.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from embedlab.cli.printing import Printer
from embedlab.corpus import Columns
from embedlab.lab import Lab
from embedlab.measure.answers import bootstrap_macro_f1
from embedlab.measure.senses import accuracy, centroid_predict, macro_f1
from embedlab.types import Corpus

WORDS = ("apple", "bank", "club", "crane", "java", "mole", "pitcher", "seal", "spring", "square")
COLUMNS = Columns(text="text", target="word", token_index="index", sense="sense", split="split")
RECIPES = [Path(__file__).parent / "recipes" / f"senses_{how}.yaml" for how in ("full", "frozen", "lora")]


def rows(kit: Path, words: Sequence[str]) -> list[dict[str, str]]:
    """The rows of both splits: text, the token's number among text.split(), word, sense, split."""
    found = []
    for word in words:
        folder = kit / "coarsewsd20" / word
        senses = json.loads((folder / "classes_map.txt").read_text())
        for split in ("train", "test"):
            data = (folder / f"{split}.data.txt").read_text().split("\n")
            gold = (folder / f"{split}.gold.txt").read_text().split("\n")
            for line, number in zip(data, gold, strict=True):
                if line:
                    index, text = line.split("\t")
                    sense = senses[number]
                    found.append({"text": text, "index": index, "word": word, "sense": sense, "split": split})
    return found


def answers(lab: Lab, source: str, corpus: Corpus) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """word -> (true, predicted) senses of its test rows: the nearest centroid of its train rows, at the last layer."""
    last = lab.model(source).layers
    vectors = lab.embed(source, corpus.id, "targets", layers=[last]).layers[0]
    assert corpus.targets is not None
    assert corpus.splits is not None
    word = np.array([target.word for target in corpus.targets if target])
    sense = np.array([str(target.sense) for target in corpus.targets if target])
    test = np.array([split == "test" for split in corpus.splits])
    found = {}
    for one in np.unique(word).tolist():
        known, asked = (word == one) & ~test, (word == one) & test
        found[one] = sense[asked], centroid_predict(vectors[known], sense[known], vectors[asked])
    return found


def table(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Per word: macro-F1 before and after, both with accuracy, the interval of after and of the change."""
    found = {}
    for word, (truth, old) in before.items():
        new = after[word][1]
        senses = np.unique(truth)
        wrong = senses[(np.searchsorted(senses, truth) + 1) % len(senses)]  # never right: macro-F1 0
        found[word] = {
            "n": len(truth),
            "before": macro_f1(truth, old),
            "after": macro_f1(truth, new),
            "accuracy": accuracy(truth, new),
            "interval": np.clip(bootstrap_macro_f1(truth, wrong, new, senses=senses), 0.0, 1.0).tolist(),
            "change_interval": bootstrap_macro_f1(truth, old, new),
        }
    return found


def show(recipe: str, words: dict[str, Any], facts: dict[str, Any]) -> None:
    print(f"\n{recipe}: {facts['seconds']:.0f} s, {facts['step']} steps, step {facts['best_step']} kept")
    print(f"{'word':<10}{'n':>6}{'before':>9}{'after':>9}   {'95 %':<16}{'change':>9}   95 %")
    for word, row in words.items():
        low, high = row["interval"]
        worse, better = row["change_interval"]
        print(
            f"{word:<10}{row['n']:>6}{row['before']:>9.3f}{row['after']:>9.3f}   [{low:.3f}, {high:.3f}]"
            f"{row['after'] - row['before']:>+9.3f}   [{worse:+.3f}, {better:+.3f}]"
        )
    print(f"{'mean':<16}{facts['before']:>9.3f}{facts['after']:>9.3f}   canary: {facts['collateral']}", flush=True)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--recipe", action="append", help="a bundled recipe or a file; may be repeated")
    options.add_argument("--words", default=",".join(WORDS))
    options.add_argument("--kit", type=Path, default=Path("../shared/kit"))
    options.add_argument("--workspace", type=Path)
    options.add_argument("--seed", type=int, default=0)
    asked = options.parse_args()
    words = tuple(asked.words.split(","))
    place = asked.workspace or Path(tempfile.mkdtemp(prefix="embedlab-senses-"))
    lab = Lab(place)
    source = place / "coarsewsd20.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows(asked.kit, words)))
    corpus = lab.corpus(lab.add_corpus(source, COLUMNS).id)
    before = answers(lab, "builtin", corpus)
    results: dict[str, Any] = {}
    for recipe in asked.recipe or RECIPES:
        config = lab.run_config("builtin", corpus.id, "senses", recipe=recipe, seed=asked.seed)
        (run,) = lab.finetune_seeds(config, 1, Printer(False).progress)
        found = table(before, answers(lab, f"run:{run.id}", corpus))
        shot = next(shot for shot in lab.shots(corpus.id) if shot.run_id == run.id)
        facts = {
            "seconds": run.elapsed_s, "step": run.step, "best_step": run.best_step, "run": run.id,
            "before": float(np.mean([row["before"] for row in found.values()])),
            "after": float(np.mean([row["after"] for row in found.values()])),
            "collateral": shot.collateral,
        }  # fmt: skip
        show(Path(recipe).stem, found, facts)
        results[Path(recipe).stem] = {**facts, "words": found, "config": lab.config_of(run.id)}
        out = Path("out/senses.json")
        out.parent.mkdir(exist_ok=True)
        out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
