"""A text lies nearer to its partner than to its negative."""

from collections.abc import Sequence

from embedlab.training.objectives.base import Examples, Objective, by_length, whole
from embedlab.types import Corpus

FEWEST = 8


def applies(corpus: Corpus) -> str | None:
    if not any(corpus.pairs or ()):
        return "it has no column of related texts."
    if not any(corpus.negatives or ()):
        return "it has no column of negatives."
    rows = zip(corpus.texts, corpus.pairs or (), corpus.negatives or (), strict=True)
    if len({(text, pair, other) for text, pair, other in rows if pair and other and pair != other}) < FEWEST:
        return "at least eight different rows with both a related text and another one as negative are needed."
    return None


def examples(corpus: Corpus, rows: Sequence[int]) -> Examples:
    pairs, negatives = corpus.pairs or (), corpus.negatives or ()
    rows = [i for i in rows if pairs[i] and negatives[i] and pairs[i] != negatives[i]]
    return Examples(
        tuple(whole(corpus.texts[i], i) for i in rows),
        partners=tuple(whole(str(pairs[i]), i) for i in rows),
        negatives=tuple(whole(str(negatives[i]), i) for i in rows),
    )


TRIPLETS = Objective(
    "triplets",
    "Order triplets: each text moves towards its partner and away from its own negative.",
    "share of triplets in the right order",
    ("text", "pair", "negative"),
    applies,
    examples,
    by_length,
    apart=True,
)
