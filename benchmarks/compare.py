"""How long `embedlab compare` takes and how much memory it needs: two model states, every layer, N sentences.

    python -m benchmarks.compare [--sentences 5000] [--file TEXTS.txt] [--steps 10] [--precision fp32]

Without a file the sentences are made from the bundled corpus: each with one word exchanged for another of the corpus,
so that no two are equal. The tuned model is the bundled one after a few steps, in a workspace that is thrown away.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from embedlab import demo


def sentences(count: int) -> list[str]:
    """Distinct sentences made from the bundled ones, seeded."""
    rng = random.Random(0)
    texts = [*pd.read_csv(demo.senses_path())["text"], *pd.read_csv(demo.pairs_path())["answer"], *demo.canary_texts()]
    words = sorted({word for text in texts for word in text.split() if word.isalpha()})
    made = dict.fromkeys(texts)
    while len(made) < count:
        tokens = rng.choice(texts).split()
        tokens[rng.randrange(len(tokens))] = rng.choice(words)
        made[" ".join(tokens)] = None
    return list(made)[:count]


def embedlab(*words: str) -> dict[str, object]:
    done = subprocess.run([sys.executable, "-m", "embedlab", *words, "--json"], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    value: dict[str, object] = json.loads(done.stdout)
    return value


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--sentences", type=int, default=5000)
    options.add_argument("--file", type=Path)
    options.add_argument("--steps", type=int, default=10)
    options.add_argument("--precision", default="fp32")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        where = ("--workspace", folder)
        texts = given.file.read_text().splitlines()[: given.sentences] if given.file else sentences(given.sentences)
        (Path(folder) / "texts.txt").write_text("\n".join(texts))
        corpus = str(embedlab("corpus", "add", str(Path(folder) / "texts.txt"), *where)["id"])
        bundled = str(embedlab("corpus", "add", str(demo.senses_path()), "--text", "text", "--start", "start", "--end",
                               "end", "--target", "target", "--sense", "sense", *where)["id"])  # fmt: skip
        run = embedlab("finetune", "--corpus", bundled, "--objective", "senses", "--steps", str(given.steps), *where)
        start = time.perf_counter()
        embedlab("compare", "--before", "builtin", "--after", f"run:{run['id']}", "--corpus", corpus, "--word", "bank",
                 "--precision", given.precision, "--out", str(Path(folder) / "out"), *where)  # fmt: skip
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        words = sum(len(text.split()) for text in texts)
        made = json.loads((Path(folder) / "out" / "comparison.json").read_bytes())
        print(f"{len(texts)} sentences, {words} words, {len(made['layers'])} layers, {given.precision}")
        print(f"compare: {seconds:.1f} s wall, peak memory of any process {peak:.0f} MB")


if __name__ == "__main__":
    main()
