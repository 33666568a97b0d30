"""Bring related texts together, against all other partners of the batch and, where given, hard negatives."""

from collections.abc import Sequence

from embedlab.training.objectives.base import Examples, Objective, at_random, whole
from embedlab.types import Corpus

FEWEST = 8


def applies(corpus: Corpus) -> str | None:
    found = {(text, pair) for text, pair in zip(corpus.texts, corpus.pairs or (), strict=False) if pair}
    if not found:
        return "it has no column of related texts."
    scores = {s for s, pair in zip(corpus.scores or (), corpus.pairs or (), strict=False) if pair and s is not None}
    if len(scores) > 1:
        return "its pairs have unlike scores, so not all of them belong together: choose scored."
    return "at least eight different pairs are needed." if len(found) < FEWEST else None


def examples(corpus: Corpus, rows: Sequence[int]) -> Examples:
    pairs, negatives = corpus.pairs or (), corpus.negatives
    rows = [i for i in rows if pairs[i]]
    hard = [negatives[i] if negatives is not None else None for i in rows]
    return Examples(
        tuple(whole(corpus.texts[i], i) for i in rows),
        partners=tuple(whole(str(pairs[i]), i) for i in rows),
        negatives=()
        if negatives is None
        else tuple(whole(n, i) if n else None for n, i in zip(hard, rows, strict=True)),
    )


PAIRS = Objective(
    "pairs",
    "Bring related texts together: of all partners in a batch, each text must find its own; negatives, where there are "
    "such, are further wrong answers.",
    "mean reciprocal rank of the right partner",
    ("text", "pair"),
    applies,
    examples,
    at_random,
    apart=False,
)
