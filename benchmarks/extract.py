"""Contextual vectors of every piece: EmbedLab beside sentence-transformers, on the same sentences, in one run.

    python -m benchmarks.extract [--corpus FILE ...] [--sentences 1500] [--rounds 5] [--threads 2] [--bf16] [--json]

The two sides take turns and the medians over the rounds are compared. Tokens are pieces with the special ones, the same
for both. sentence-transformers gives the last layer (encode(output_value="token_embeddings"), batches of 32, which it
sorts by length); EmbedLab is asked for the same ("last layer") and for what a comparison reads ("all layers").
Error: relative L2 against a float64 forward pass of the same model, one text at a time, on a sample.
A line of a corpus file may hold tab-separated columns: the last one is the text. Without --corpus: the bundled corpus,
its sentences also joined in twos and threes, which makes new texts of other lengths.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embedlab import corpus as corpora
from embedlab import demo, encoders
from embedlab.encoders.protocol import Encoder, Precision
from embedlab.types import EncoderSpec, Occurrence

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LONGEST = 200  # pieces: sentence-transformers cuts this model's texts at 256, so longer ones would not be the same work
SAMPLE = 40  # sentences whose error is measured


def made_texts(count: int) -> list[str]:
    """Sentences of the bundled corpus, then two and three of them joined."""
    single = [text for path, columns in demo.CORPORA for text in corpora.read(path, path.name, columns).corpus.texts]
    rng = np.random.default_rng(0)
    texts = list(dict.fromkeys(single))
    while len(texts) < count:
        chosen = rng.choice(len(single), int(rng.integers(2, 4)), replace=False)
        texts.append(" ".join(single[i] for i in chosen))
    return texts[:count]


def read_texts(paths: Sequence[Path], count: int) -> list[str]:
    """As many lines of each file, so that several files are mixed."""
    share = -(-count // len(paths))
    lines = [line.rsplit("\t", 1)[-1].strip() for path in paths for line in path.read_text().split("\n")[:share]]
    return list(dict.fromkeys(line for line in lines if line))[:count]


def every_piece(encoder: Encoder, texts: Sequence[str]) -> list[Occurrence]:
    spans = zip(texts, encoder.units(texts), strict=True)
    return [Occurrence(text, *span) for text, own in spans for span in dict.fromkeys(own)]


def ours(encoder: Encoder, asked: Sequence[Occurrence], layers: Sequence[int] | None, precision: Precision) -> None:
    for _ in encoder.encode(asked, layers=layers, precision=precision):
        pass


def errors(
    encoder: Encoder, theirs: "SentenceTransformer", texts: Sequence[str], precisions: Sequence[Precision]
) -> dict[str, float]:
    """Relative L2 error of the last layer against float64, over the pieces of some of the texts: theirs and ours."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = encoders.resolve_builtin()
    model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float64).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    last = len(encoder.layers) - 1
    wrong = dict.fromkeys(("sentence-transformers", *precisions), 0.0)
    size = 0.0
    for text in texts[:: max(1, len(texts) // SAMPLE)]:
        read = tokenizer(text, return_tensors="pt", return_offsets_mapping=True, split_special_tokens=True)
        with torch.inference_mode():
            truth = model(input_ids=read["input_ids"]).last_hidden_state[0].numpy()
        spans = [(int(s), int(e)) for s, e in read["offset_mapping"][0] if e > s]
        rows = [i for i, (s, e) in enumerate(read["offset_mapping"][0]) if e > s]
        asked = [Occurrence(text, *span) for span in spans if span != (0, len(text))]
        kept = [row for row, span in zip(rows, spans, strict=True) if span != (0, len(text))]
        right = truth[kept]
        size += float((right**2).sum())
        [found] = theirs.encode([text], output_value="token_embeddings", show_progress_bar=False)
        wrong["sentence-transformers"] += float(((found.numpy()[kept] - right) ** 2).sum())
        for precision in precisions:
            for order, [array] in encoder.encode(asked, layers=[last], precision=precision):
                wrong[precision] += float(((array - right[order]) ** 2).sum())
    return {name: (value / size) ** 0.5 for name, value in wrong.items()}


def take_turns(sides: dict[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """Median (wall, CPU) seconds of each side, after one round that does not count."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, side in sides.items():
            wall, cpu = time.perf_counter(), time.process_time()
            side()
            if turn:
                found[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: tuple(map(statistics.median, zip(*times, strict=True))) for name, times in found.items()}  # type: ignore[misc]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, nargs="+")
    parser.add_argument("--sentences", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bf16", action="store_true", help="EmbedLab in bf16 too")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.rounds < 3:
        parser.error("--rounds: at least 3, or the median says little")

    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(options.threads)
    encoder = encoders.load(EncoderSpec("builtin"), device="cpu")
    texts = read_texts(options.corpus, options.sentences) if options.corpus else made_texts(options.sentences)
    counts = [len(spans) + 2 for spans in encoder.units(texts)]
    texts = [text for text, count in zip(texts, counts, strict=True) if 2 < count <= LONGEST]
    tokens = sum(count for count in counts if 2 < count <= LONGEST)
    asked = every_piece(encoder, texts)
    theirs = SentenceTransformer(str(encoders.resolve_builtin()), device="cpu", local_files_only=True)
    last = [len(encoder.layers) - 1]
    sides: dict[str, Callable[[], object]] = {
        "sentence-transformers, last layer": lambda: theirs.encode(
            texts, output_value="token_embeddings", batch_size=32, show_progress_bar=False
        ),
        "EmbedLab fp32, last layer": lambda: ours(encoder, asked, last, "fp32"),
        "EmbedLab fp32, all layers": lambda: ours(encoder, asked, None, "fp32"),
    }
    if options.bf16:
        sides["EmbedLab bf16, all layers"] = lambda: ours(encoder, asked, None, "bf16")
    error = errors(encoder, theirs, texts, ["fp32", "bf16"] if options.bf16 else ["fp32"])
    times = take_turns(sides, options.rounds)
    base = times["sentence-transformers, last layer"]
    rows = {
        name: {
            "tokens_per_s": tokens / wall,
            "ratio": base[0] / wall,
            "tokens_per_cpu_s": tokens / cpu,
            "cpu_ratio": base[1] / cpu,
        }
        for name, (wall, cpu) in times.items()
    }
    about = {"sentences": len(texts), "tokens": tokens, "threads": options.threads, "rounds": options.rounds}
    if options.json:
        json.dump({**about, "sides": rows, "relative_error_to_float64": error}, sys.stdout, indent=1)
        print()
        return 0
    print(", ".join(f"{name} {value:,}" for name, value in about.items()))
    print(f"{'':36}{'tokens/s':>10}{'ratio':>8}{'tokens/CPU s':>14}{'ratio':>8}")
    for name, row in rows.items():
        print(
            f"{name:36}{row['tokens_per_s']:>10,.0f}{row['ratio']:>8.2f}{row['tokens_per_cpu_s']:>14,.0f}{row['cpu_ratio']:>8.2f}"
        )
    print("relative L2 error to float64: " + ", ".join(f"{name} {value:.1e}" for name, value in error.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
