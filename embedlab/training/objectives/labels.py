"""Tell labels apart, through a classifier on the vector of the text."""

from collections.abc import Sequence

from embedlab.training.objectives.base import Examples, Objective, by_length, distinct, whole
from embedlab.types import Corpus


def applies(corpus: Corpus) -> str | None:
    found = distinct(zip(corpus.labels or (), corpus.texts, strict=False))
    if not found:
        return "it has no label column."
    if sum(len(texts) > 1 for texts in found.values()) < 2:
        return "at least two labels with two different texts each are needed."
    return None


def examples(corpus: Corpus, rows: Sequence[int]) -> Examples:
    labels = corpus.labels or ()
    rows = [i for i in rows if labels[i] is not None]
    return Examples(tuple(whole(corpus.texts[i], i) for i in rows), classes=tuple(str(labels[i]) for i in rows))


LABELS = Objective(
    "labels",
    "Tell labels apart: texts with the same label move together, through a classifier on their vector.",
    "macro-F1 of the nearest label centroid",
    ("text", "label"),
    applies,
    examples,
    by_length,
    apart=True,
)
