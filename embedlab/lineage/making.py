"""A fresh model of the lineage as a folder: words from a corpus, weights drawn by a seed, perhaps a table given.

Whether the table then moves is the plan's to say: random and tuned (no table, plan full), static (plan
frozen_embeddings), non-static (full), frozen then thawed (frozen_then_unfrozen); the names are Kim's (2014).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor
from transformers.utils import logging

from embedlab.errors import ModelError
from embedlab.lineage import opening, vocabulary
from embedlab.lineage.base import LineageConfig
from embedlab.lineage.kinds import KINDS, SPECIAL, Kind

MADE_HERE = ("vocab_size", "hidden_size", "pad_token_id", "coverage")  # settings that follow from the others
WORDS = {"min_count": 2, "most": 50_000, "lower": True}  # of the vocabulary: see `vocabulary.tokenizer`
AT_ONCE = 2**16  # rows copied: a table is large, and need not be in memory a third time

Table = tuple[Sequence[str], Float32[np.ndarray, "v d"]]


@dataclass(frozen=True)
class Joined:
    """The words of a model by row, and where those of them that a table has come from.

    `rows[i]` of the model is row `sources[i]` of the table. `coverage`: see LineageConfig.
    """

    words: tuple[str, ...]
    rows: tuple[int, ...] = ()
    sources: tuple[int, ...] = ()
    coverage: float | None = None


def make(
    kind: str, folder: Path, texts: Sequence[str], *, seed: int = 0, table: Table | None = None, **sizes: Any
) -> None:
    """Write config.json, model.safetensors and the tokenizer's files into `folder`, which the caller seals.

    `table`: words with their vectors (word2vec, GloVe, fastText). Its words are joined to those of the texts and its
    rows copied; all other rows are drawn normal with the spread of its numbers. A word is looked up as it stands, else
    (with `lower`) as the first word of the table that is it in lower case.
    `sizes`: settings of the kind's Config, and of the vocabulary min_count, most and lower.
    Raises ModelError for an unknown kind or size, a size that cannot be, a table that is none, or texts without words.
    """
    chosen = _kind(kind)
    config_class, model_class = opening.classes(chosen)
    words = {name: sizes.pop(name, value) for name, value in WORDS.items()}
    _require_known(chosen, config_class, sizes)
    joined = join(texts, table, **words)
    if table is not None:
        sizes = _with_table(chosen, sizes, table)
    if chosen.name != "elmo":  # whose table is one of letters
        sizes["vocab_size"] = len(joined.words)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            model = model_class(config_class(**sizes, coverage=joined.coverage))
        except (ValueError, TypeError) as error:
            raise ModelError(f"This {chosen.title} cannot be made: {error}.") from error
        if table is not None:
            rows: Any = model.get_input_embeddings()
            _fill(rows.weight, joined, table[1])
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary.write(vocabulary.of_words(joined.words[len(SPECIAL) :], lower=words["lower"]), folder)
    logging.disable_progress_bar()
    model.save_pretrained(folder)


def sizes_of(kind: str) -> dict[str, Any]:
    """Every size that `make` takes for a kind, with its default. Raises ModelError."""
    config_class, _ = opening.classes(_kind(kind))
    own = {f.name: getattr(config_class(), f.name) for f in fields(config_class) if f.name in _names(config_class)}
    return {**own, **WORDS}


def join(texts: Sequence[str], table: Table | None, *, min_count: int, most: int, lower: bool) -> Joined:
    """The words of the texts, commonest first, then the table's others in its own order."""
    for name, value in (("min_count", min_count), ("most", most)):
        if type(value) is not int or value < 1:
            raise ModelError(f"{name} is a whole number from 1, not {str(value)[:40]}.")
    if type(lower) is not bool:
        raise ModelError(f"lower is true or false, not {str(lower)[:40]}.")
    counted = vocabulary.counts(texts, lower=lower)
    if not counted:
        raise ModelError("The texts hold no word, so there is no vocabulary to make: give texts.")
    own = [*SPECIAL, *vocabulary.frequent(counted, min_count, most)]
    if table is None:
        return Joined(tuple(own))
    source_of = _lookup(table, lower)
    known = set(own)
    words = (*own, *(word for word in source_of if word not in known))
    found = [(row, source_of[word]) for row, word in enumerate(words) if word in source_of and row > 0]
    covered = sum(count for word, count in counted.items() if word in source_of)
    rows, sources = zip(*found, strict=True) if found else ((), ())
    return Joined(words, rows, sources, covered / counted.total())


def _lookup(table: Table, lower: bool) -> dict[str, int]:
    """Word as the model meets it -> row of the table. Raises ModelError for a table that is none."""
    words, vectors = table
    if vectors.ndim != 2 or len(words) != len(vectors) or not vectors.size:
        raise ModelError(f"A table of words has one vector a word: {len(words)} words and {vectors.shape} were given.")
    if not np.isfinite(vectors).all():
        raise ModelError("The table of words has numbers that are not finite: get it again.")
    exact = {word: row for row, word in reversed(list(enumerate(words)))}
    if not lower:
        return {word: exact[word] for word in dict.fromkeys(words)}
    first: dict[str, int] = {}
    for row, word in enumerate(words):
        first.setdefault(word if word in SPECIAL else vocabulary.lowered(word), row)
    return {word: exact.get(word, row) for word, row in first.items()}


def _fill(weight: Tensor, joined: Joined, vectors: Float32[np.ndarray, "v d"]) -> None:
    """Rows of the table where the words have one; the others drawn with its spread, that of padding 0."""
    with torch.no_grad():
        weight.normal_(0.0, float(vectors.std(dtype=np.float64)))
        weight[0] = 0.0
        rows, sources = np.array(joined.rows, dtype=np.int64), np.array(joined.sources, dtype=np.int64)
        for begin in range(0, len(rows), AT_ONCE):
            some = slice(begin, begin + AT_ONCE)
            weight[torch.from_numpy(rows[some])] = torch.from_numpy(vectors[sources[some]].astype(np.float32))


def _with_table(kind: Kind, sizes: Mapping[str, Any], table: Table) -> dict[str, Any]:
    if kind.name == "elmo":
        raise ModelError("ELMo makes words from their letters and takes no table of words: leave the table out.")
    width = int(table[1].shape[1])
    asked = sizes.get("embedding_size", width)
    if asked != width:
        raise ModelError(f"The table has vectors of {width} numbers, so embedding_size cannot be {str(asked)[:40]}.")
    return {**sizes, "embedding_size": width}


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise ModelError(f"There is no kind of model {name[:40]!r}: choose one of {', '.join(KINDS)}.")
    return KINDS[name]


def _names(config_class: type[LineageConfig]) -> list[str]:
    """The settings of a kind that a person may choose: its own and those of every kind."""
    ours = [c for c in config_class.__mro__ if issubclass(c, LineageConfig)]
    found = [name for c in reversed(ours) for name in c.__annotations__]
    return [name for name in dict.fromkeys(found) if name not in MADE_HERE]


def _require_known(kind: Kind, config_class: type[LineageConfig], sizes: Mapping[str, Any]) -> None:
    known = [*_names(config_class), *WORDS]
    for name in sizes:
        if name not in known:
            raise ModelError(f"{kind.title} has no size {name[:40]!r}: there are {', '.join(known)}.")
