"""Separate the senses of a word: supervised contrast between its uses."""

from collections.abc import Sequence

import numpy as np

from embedlab.errors import TrainingError
from embedlab.training import batches
from embedlab.training.objectives.base import Examples, Material, Objective, distinct
from embedlab.types import Corpus, Occurrence, RunConfig


def applies(corpus: Corpus) -> str | None:
    marked = [(t, text) for t, text in zip(corpus.targets or (), corpus.texts, strict=False) if t and t.sense]
    if not marked:
        return "it has no target words with senses."
    found = distinct(((t.word, str(t.sense)), text) for t, text in marked)
    words = [word for (word, _), texts in found.items() if len(texts) >= 3]
    if not any(words.count(word) >= 2 for word in set(words)):
        return "at least one word needs two senses with three different texts each."
    return None


def examples(corpus: Corpus, rows: Sequence[int]) -> Examples:
    uses = []
    for i in rows:
        target = (corpus.targets or ())[i]
        if target is not None and target.sense:
            uses.append(Occurrence(corpus.texts[i], target.start, target.end, target.sense, target.word, i))
    return Examples(tuple(uses), tuple(str(use.sense) for use in uses), tuple(str(use.word) for use in uses))


def epoch(material: Material, config: RunConfig, rng: np.random.Generator) -> batches.Epoch:
    those, lengths = material.examples, material.lengths
    made = batches.by_sense(those.words, those.classes, lengths, config.batch_tokens, config.batch_items, rng)
    if not made:
        raise TrainingError("No word keeps two senses with two training rows each: give more rows or fewer held out.")
    return made


SENSES = Objective(
    "senses",
    "Separate the senses of a word: uses of one sense move together, other senses and other words apart.",
    "macro-F1 of the nearest sense centroid, mean over words",
    ("text", "target", "sense"),
    applies,
    examples,
    epoch,
    apart=False,
)
