"""Tiny random models of every kind, and a small corpus with labels, pairs and senses, in a workspace of its own."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from embedlab import corpus as corpora
from embedlab import jobs
from embedlab.store import Store
from embedlab.training import worker
from embedlab.types import Corpus, EncoderSpec, Run, RunConfig, Stage

WORDS = {
    ("bank", "river"): "water fish mud reeds boat stream flood otter",
    ("bank", "money"): "loan cash interest account teller credit deposit vault",
    ("crane", "bird"): "wing nest feather marsh flock beak egg lake",
    ("crane", "machine"): "steel tower hook cable site load engine driver",
}
FILLER = "the a of and near with old new some big small this that one very again".split()
CANARY = tuple(  # sentences of letters: nothing the corpus speaks of
    " ".join("abcdefghijklmnopqrstuvwxyz"[(7 * i + 3 * j * j + j) % 26] for j in range(4 + i % 5)) for i in range(24)
)
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
KINDS = ("bert", "roberta", "distilbert", "mpnet", "electra", "modernbert", "gpt2", "gpt_neox", "ernie", "albert")


def rows(each: int = 12, seed: int = 0) -> list[dict[str, str]]:
    """Sentences about the four senses: target, sense, a topic label, and a related sentence."""
    rng = np.random.default_rng(seed)
    found = []
    for (word, sense), context in WORDS.items():
        for i in range(each):
            about = list(rng.permutation(context.split())[: 2 + i % 4])
            filler = list(rng.choice(FILLER, 3 + int(rng.integers(0, 5))))
            tokens = [str(t) for t in rng.permutation(about + filler)]
            place = int(rng.integers(0, len(tokens) + 1))
            tokens.insert(place, word)
            text = " ".join(tokens)
            pair = f"{context.split()[i % 8]} {i} " + " ".join(about)
            start = len(" ".join(tokens[:place])) + (place > 0)
            span = {"start": str(start), "end": str(start + len(word))}
            found.append({"text": text, "label": sense, "pair": pair, "target": word, "sense": sense, **span})
    return found


def triplets(each: int = 12, seed: int = 0) -> list[dict[str, str]]:
    """As `rows`, with a negative: the pair of a row about the other sense of the word."""
    found = rows(each, seed)
    n = len(found)
    # senses come in blocks, two of a word: the block beside it is the other sense
    other = [(i + each) if (i // each) % 2 == 0 else (i - each) for i in range(n)]
    return [{**found[i], "negative": f"no {found[j]['pair']} {i}"} for i, j in enumerate(other)]


def scored(each: int = 12, seed: int = 0) -> list[dict[str, str]]:
    """Texts with a text of the same sense (score 5), of the other sense (3) or about another word (0)."""
    found = rows(each, seed)
    table = []
    for i, row in enumerate(found):
        steps, score = [(0, "5"), (1, "3"), (2, "0")][i % 3]
        block = [0, 1, 2, 3][i // each] ^ steps
        table.append(
            {"text": row["text"], "pair": f"also {i} {found[block * each + i % each]['text']}", "score": score}
        )
    return table


def add_corpus(store: Store, table: Sequence[dict[str, str]] | None = None) -> Corpus:
    """Import rows as a person would, and keep them in the workspace."""
    table = rows() if table is None else table
    path = store.root / "rows.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    columns = corpora.Columns(**{name: name for name in table[0]})
    corpus = corpora.read(path, "rows.csv", columns).corpus
    store.put("corpora", corpus.id, "rows", {}, lambda folder: corpora.save(corpus, folder))
    return corpus


def tokenizer(folder: Path, pad: bool = True) -> Any:
    """A word-piece tokenizer that knows the words of the corpus and all letters."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = sorted({w for context in WORDS.values() for w in context.split()} | set(FILLER) | {"bank", "crane"})
    letters = list("abcdefghijklmnopqrstuvwxyz0123456789.,[]")
    vocabulary = [*SPECIAL, *letters, *(f"##{c}" for c in letters), *(w for w in words if w not in letters)]
    raw = Tokenizer(models.WordPiece({w: i for i, w in enumerate(vocabulary)}, unk_token="[UNK]"))
    raw.normalizer = normalizers.Lowercase()
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if pad:
        raw.post_processor = processors.TemplateProcessing(
            "[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    names: dict[str, Any] = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    names |= {"pad_token": "[PAD]"} if pad else {"eos_token": "[SEP]"}
    made = PreTrainedTokenizerFast(tokenizer_object=raw, model_max_length=64, **names)
    made.save_pretrained(folder)
    return made


def model(
    folder: Path,
    kind: str = "bert",
    seed: int = 0,
    dim: int = 32,
    layers: int = 2,
    *,
    mlm: bool = False,
    **settings: Any,
) -> Path:
    """A random model of a kind as a Hugging Face folder in safetensors, with tokenizer; with `mlm`, its head too."""
    import torch
    import transformers

    tok = tokenizer(folder, pad=not kind.startswith("gpt"))
    sizes: dict[str, Any] = {"vocab_size": len(tok), "pad_token_id": 0}
    if kind == "gpt2":
        sizes |= {
            "n_embd": dim,
            "n_layer": layers,
            "n_head": 2,
            "n_positions": 80,
            "bos_token_id": 2,
            "eos_token_id": 3,
        }
    elif kind == "distilbert":
        sizes |= {"dim": dim, "n_layers": layers, "n_heads": 2, "hidden_dim": 2 * dim, "max_position_embeddings": 80}
    else:
        sizes |= {"hidden_size": dim, "num_hidden_layers": layers, "num_attention_heads": 2}
        sizes |= {"intermediate_size": 2 * dim, "max_position_embeddings": 80}
    if kind in ("modernbert", "gpt_neox"):
        sizes |= {"bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
    torch.manual_seed(seed)
    made = (transformers.AutoModelForMaskedLM if mlm else transformers.AutoModel).from_config(
        transformers.AutoConfig.for_model(kind, **sizes | settings)
    )
    made.save_pretrained(folder)
    return folder


def config(corpus: Corpus, *stages: Stage, **other: Any) -> RunConfig:
    """Twelve steps of senses, everything trained, scored every four steps, unless said otherwise."""
    plan = stages or (Stage(12, {"*": 1e-3}, "linear", "senses"),)
    defaults: dict[str, Any] = {"batch_tokens": 256, "batch_items": 16, "eval_every": 4}
    return RunConfig(corpus.id, EncoderSpec("tiny"), plan, **{**defaults, **other})


def train(run: Path, store: Store) -> Run:
    """Do the work of a run in this very process; how it ended."""
    worker.main([str(run)])
    return jobs.look(store, run.name)
