"""The lineage's classifiers and language models: what they reach, what ULMFiT's stages give, what training costs.

    python -m benchmarks.lineage times   [--only bow,elmo] [--rows 5000]
    python -m benchmarks.lineage words   [--only bow,lstm] [--words bank,crane] [--seeds 3]
    python -m benchmarks.lineage stages  [--labels 50,100,200,400] [--seeds 5]
    (all: [--workspace DIR] [--kit ../shared/kit])

times   wall seconds of every default on 5,000 sentences of CoarseWSD-20, the run's own process and evaluation included;
        CoVe translates into the same sentence with its words spelt backwards.
words   CoarseWSD-20, a classifier of whole sentences for each of the ten words from scratch on its train rows, its own
        head asked for every test row: accuracy and macro-F1 over all senses, mean over seeds, with the 95 % interval of
        that mean over resampled test rows; beside fastText's figures (kit/measured). The best step is chosen on a tenth
        of the train rows.
stages  ULMFiT in small on the topics of the bundled sentences: three stages (a language model on the train sentences of
        CoarseWSD-20, then on the sentences to be told apart, then the classifier) against the classifier from scratch,
        by how many sentences have a label; five seeds, each with its own held-out quarter and its own labels. Both know
        the same words: those used three times and more in all of these sentences.

Results in out/lineage-PART.json. CoarseWSD-20 is CC BY-NC 4.0 and no part of this project.
"""

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.senses import WORDS, rows
from embedlab import demo
from embedlab.cli.printing import Printer
from embedlab.corpus import Columns
from embedlab.lab import Lab
from embedlab.lab.walk import SYSTEMS, System
from embedlab.measure.senses import accuracy, macro_f1
from embedlab.types import Run

CLASSIFIERS = {  # name -> kind and recipe
    "bow": ("table", "bag-of-words"),
    "lstm": ("lstm", "word-classifier"),
    "cnn": ("cnn", "word-classifier"),
    "ulmfit": ("awd-lstm", "ulmfit"),
}
DRAWS = 2000
CLASS = Columns(text="text", label="label", split="split")


def corpus_of(lab: Lab, name: str, texts: Sequence[dict[str, str | None]], columns: Columns) -> str:
    """A corpus of the workspace from rows; the same rows give the same one."""
    path = lab.root / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in texts))
    return lab.add_corpus(path, columns).id


def trained(lab: Lab, source: str, corpus: str, objective: str | None = None, **settings: Any) -> Run:
    config = lab.run_config(source, corpus, objective, canary="", **settings)
    (run,) = lab.finetune_seeds(config, 1, Printer(False).progress)
    return run


def answered(lab: Lab, run: Run, texts: Sequence[str]) -> np.ndarray:
    """What the classifier of a run says of each text: its own model and head, as they were kept."""
    from safetensors.torch import load_file

    from embedlab.encoders import files, loading
    from embedlab.training import evaluate, material
    from embedlab.training.pieces import read_pieces
    from embedlab.training.trainable import Trainable
    from embedlab.types import Occurrence

    folder = lab.run_folder(run.id).parent
    source = files.check_folder(folder / "model", run.id)
    classes = json.loads((folder / "head" / "labels.json").read_text())
    model = Trainable(loading.open_model(source, run.id, "cpu"), run.config.encoder.pooling, classes)
    assert model.head is not None
    model.head.load_state_dict(load_file(folder / "head" / "head.safetensors"))
    reader = loading.open_tokenizer(source, run.id)
    uses = [Occurrence(text, 0, len(text), None, None) for text in texts]
    pieces = read_pieces(reader, uses, run.config.encoder.pooling, material.limit(source, run.config))
    with evaluate.reading(model):
        logits = model.head(model.tensor(evaluate.vectors(model, pieces)))
    return np.array(classes)[logits.argmax(1).cpu().numpy()]


# ---- times -----------------------------------------------------------------------------------------------------------


def times(lab: Lab, asked: argparse.Namespace) -> dict[str, Any]:
    sentences = rows(asked.kit, WORDS)
    order = np.random.default_rng(0).permutation(len(sentences))[: asked.rows]
    texts = [
        {
            "text": sentences[i]["text"],
            "label": f"{sentences[i]['word']}/{sentences[i]['sense']}",
            "other": " ".join(word[::-1] for word in sentences[i]["text"].split()),
        }
        for i in order.tolist()
    ]
    labelled = corpus_of(lab, "times", texts, Columns(text="text", label="label"))
    parallel = corpus_of(lab, "parallel", texts, Columns(text="text", pair="other"))
    found = {}
    for system in SYSTEMS:
        if system.kind and (not asked.only or system.name in asked.only.split(",")):
            corpus = parallel if system.name == "cove" else labelled
            found[system.name] = timed(lab, system, corpus)
            one = found[system.name]
            score = "" if one["score"] is None else f"{one['score_name']} {one['before']:.3f} -> {one['score']:.3f}"
            print(
                f"{system.title:<24}{one['wall_s']:>8.1f} s  ({one['run_s']:.1f} s by the run)   "
                f"{one['steps']} steps, {one['parameters'] / 1e6:.1f} M parameters   {score}",
                flush=True,
            )
    return found


def timed(lab: Lab, system: System, corpus: str) -> dict[str, Any]:
    began = time.perf_counter()
    source = lab.new_model(system.kind, corpus, **system.sizes)
    made = time.perf_counter()
    run = trained(lab, source, corpus, system.objective, recipe=system.recipe)
    return {
        "wall_s": time.perf_counter() - made, "made_s": made - began, "run_s": run.elapsed_s, "steps": run.step,
        "parameters": lab.model(f"run:{run.id}").parameters, "score_name": run.score_name, "before": run.score_before,
        "score": run.score,
    }  # fmt: skip


# ---- words -----------------------------------------------------------------------------------------------------------


def words(lab: Lab, asked: argparse.Namespace) -> dict[str, Any]:
    published = json.loads((asked.kit / "measured" / "published_coarsewsd20.json").read_text())["words"]
    families = asked.only.split(",") if asked.only else list(CLASSIFIERS)
    found: dict[str, Any] = {}
    for word in asked.words.split(","):
        texts = [{**row, "label": row["sense"]} for row in rows(asked.kit, [word])]
        corpus = corpus_of(lab, f"word-{word}", texts, CLASS)
        test = [row for row in texts if row["split"] == "test"]
        truth = np.array([row["sense"] for row in test])
        theirs = {name: published[word][name] for name in ("mfs", "ftx_base", "ftx_crawl")}
        found[word] = {"n": len(test), "published": theirs, "families": {}}
        for family in families:
            kind, recipe = CLASSIFIERS[family]
            said, seconds = [], []
            for seed in range(asked.seeds):
                run = trained(lab, lab.new_model(kind, corpus, seed=seed), corpus, recipe=recipe, seed=seed)
                said.append(answered(lab, run, [row["text"] for row in test]))
                seconds.append(run.elapsed_s)
            found[word]["families"][family] = {**scored(truth, said), "seconds": seconds}
            show_word(word, family, found[word])
            keep("words", found)
    for family in families:
        f1 = [found[word]["families"][family]["macro_f1"] for word in found]
        right = [found[word]["families"][family]["accuracy"] for word in found]
        ahead = [
            word
            for word in found
            if found[word]["families"][family]["macro_f1"] > found[word]["published"]["ftx_base"]["macro_f1"]
        ]
        print(f"{family:<8} mean accuracy {np.mean(right):.3f}, macro-F1 {np.mean(f1):.3f}; above ftx_base: {ahead}")
    for name in ("mfs", "ftx_base", "ftx_crawl"):
        f1 = [found[word]["published"][name]["macro_f1"] for word in found]
        right = [found[word]["published"][name]["acc"] for word in found]
        print(f"{name:<10} mean accuracy {np.mean(right):.3f}, macro-F1 {np.mean(f1):.3f}")
    return found


def scored(truth: np.ndarray, said: Sequence[np.ndarray]) -> dict[str, Any]:
    """Means over the seeds; intervals of those means over test rows resampled within each sense, and the seeds' own."""
    senses = np.unique(truth)
    f1, right = (
        [float(measure(truth, answers)) for answers in said]
        for measure in (lambda y, p: macro_f1(y, p, senses=senses), accuracy)
    )
    rng = np.random.default_rng(0)
    drawn = np.empty((DRAWS, 2))
    places = [np.flatnonzero(truth == sense) for sense in senses]
    code = {sense: i for i, sense in enumerate(senses)}
    y = np.array([code[sense] for sense in truth])
    p = np.array([[code.get(sense, len(senses)) for sense in answers] for answers in said])
    for draw in range(DRAWS):
        rows_ = np.concatenate([rng.choice(place, len(place)) for place in places])
        drawn[draw] = np.mean([_f1_and_accuracy(y[rows_], one[rows_], len(senses)) for one in p], axis=0)
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    return {
        "macro_f1": float(np.mean(f1)), "macro_f1_interval": [low[0], high[0]], "macro_f1_seeds": f1,
        "accuracy": float(np.mean(right)), "accuracy_interval": [low[1], high[1]], "accuracy_seeds": right,
    }  # fmt: skip


def _f1_and_accuracy(y: np.ndarray, p: np.ndarray, senses: int) -> tuple[float, float]:
    hits = np.bincount(y[y == p], minlength=senses)[:senses]
    both = np.bincount(y, minlength=senses)[:senses] + np.bincount(p, minlength=senses)[:senses]
    return float(np.mean(2 * hits / both)), float(np.mean(y == p))


def show_word(word: str, family: str, of_word: dict[str, Any]) -> None:
    one = of_word["families"][family]
    (low, high), (worse, better) = one["macro_f1_interval"], one["accuracy_interval"]
    theirs = "  ".join(f"{name} {f['acc']:.3f}/{f['macro_f1']:.3f}" for name, f in of_word["published"].items())
    print(
        f"{word:<9}{family:<8} accuracy {one['accuracy']:.3f} [{worse:.3f}, {better:.3f}]   macro-F1 "
        f"{one['macro_f1']:.3f} [{low:.3f}, {high:.3f}] (seeds {min(one['macro_f1_seeds']):.3f} to "
        f"{max(one['macro_f1_seeds']):.3f})   {theirs}   {np.mean(one['seconds']):.0f} s",
        flush=True,
    )


# ---- stages ----------------------------------------------------------------------------------------------------------


def stages(lab: Lab, asked: argparse.Namespace) -> dict[str, Any]:
    with demo.senses_path().open(encoding="utf-8", newline="") as file:
        sentences = [{"text": row["text"], "label": row["topic"]} for row in csv.DictReader(file)]
    general = [{"text": row["text"]} for row in rows(asked.kit, WORDS) if row["split"] == "train"]
    plain = Columns(text="text")
    every = corpus_of(lab, "words", [*general, *({"text": row["text"]} for row in sentences)], plain)
    first = corpus_of(lab, "general", general, plain)
    fresh = [lab.new_model("awd-lstm", every, seed=seed, min_count=3) for seed in range(asked.seeds)]
    wide = trained(lab, fresh[0], first, recipe="language-model", steps=asked.general_steps)
    counts = [int(count) for count in asked.labels.split(",")]
    found: dict[str, Any] = {str(count): {"three stages": [], "from scratch": []} for count in counts}
    for seed in range(asked.seeds):
        order = np.random.default_rng(seed).permutation(len(sentences)).tolist()
        test, train = order[: len(order) // 4], order[len(order) // 4 :]
        second = corpus_of(lab, f"target-{seed}", [{"text": sentences[i]["text"]} for i in train], plain)
        near = trained(
            lab, f"run:{wide.id}", second, "lm", plan="discriminative", steps=150, rate=4e-3, schedule="stlr",
            batch_items=64, batch_tokens=2048, seed=seed,
        )  # fmt: skip
        for count in counts:
            given = [
                {**sentences[i], "split": "test" if i in set(test) else "train"} for i in [*test, *train[:count]]
            ]
            corpus = corpus_of(lab, f"labels-{seed}-{count}", given, CLASS)
            held = [row for row in given if row["split"] == "test"]
            for name, start in (("three stages", f"run:{near.id}"), ("from scratch", fresh[seed])):
                plan = "gradual_unfreezing" if name == "three stages" else "full"
                run = trained(
                    lab, start, corpus, "labels", plan=plan, steps=300, rate=5e-3, schedule="stlr", batch_items=64,
                    batch_tokens=2048, seed=seed,
                )  # fmt: skip
                said = answered(lab, run, [row["text"] for row in held])
                found[str(count)][name].append(float(np.mean(said == np.array([row["label"] for row in held]))))
            now = found[str(count)]
            print(f"seed {seed}, {count} labels: " + ", ".join(f"{n} {v[-1]:.3f}" for n, v in now.items()), flush=True)
            keep("stages", found)
    for count, both in found.items():
        three, scratch = np.array(both["three stages"]), np.array(both["from scratch"])
        gain = three - scratch
        print(
            f"{count:>5} labels: three stages {three.mean():.3f}, from scratch {scratch.mean():.3f}, "
            f"{gain.mean():+.3f} ({gain.min():+.3f} to {gain.max():+.3f} over {len(gain)} seeds)"
        )
    return found


def keep(part: str, found: dict[str, Any]) -> None:
    out = Path(f"out/lineage-{part}.json")
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(found, indent=1))


PARTS = {"times": times, "words": words, "stages": stages}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("part", choices=PARTS)
    options.add_argument("--only", help="systems (times) or classifiers (words), with commas")
    options.add_argument("--rows", type=int, default=5000)
    options.add_argument("--words", default=",".join(WORDS))
    options.add_argument("--general-steps", type=int, default=1500)
    options.add_argument("--labels", default="50,100,200,400")
    options.add_argument("--seeds", type=int)
    options.add_argument("--kit", type=Path, default=Path("../shared/kit"))
    options.add_argument("--workspace", type=Path)
    asked = options.parse_args()
    if asked.seeds is None:
        asked.seeds = 5 if asked.part == "stages" else 3
    lab = Lab(asked.workspace or Path(tempfile.mkdtemp(prefix="embedlab-lineage-")))
    keep(asked.part, PARTS[asked.part](lab, asked))


if __name__ == "__main__":
    main()
