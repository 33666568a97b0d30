"""Cosines in the order of the scores that people gave."""

from collections.abc import Sequence

from embedlab.training.objectives.base import Examples, Objective, at_random, whole
from embedlab.types import Corpus

FEWEST = 8


def applies(corpus: Corpus) -> str | None:
    if not any(corpus.pairs or ()):
        return "it has no column of related texts."
    if corpus.scores is None or all(score is None for score in corpus.scores):
        return "it has no column of scores."
    rows = zip(corpus.texts, corpus.pairs or (), corpus.scores, strict=True)
    found = {(text, pair, score) for text, pair, score in rows if pair and score is not None}
    if len(found) < FEWEST:
        return "at least eight different pairs with a score are needed."
    return "all its scores are equal, so there is no order to learn." if len({s for *_, s in found}) < 2 else None


def examples(corpus: Corpus, rows: Sequence[int]) -> Examples:
    pairs, scores = corpus.pairs or (), corpus.scores or ()
    kept = [(i, str(pairs[i]), float(score)) for i in rows if pairs[i] and (score := scores[i]) is not None]
    return Examples(
        tuple(whole(corpus.texts[i], i) for i, _, _ in kept),
        partners=tuple(whole(pair, i) for i, pair, _ in kept),
        scores=tuple(score for _, _, score in kept),
    )


SCORED = Objective(
    "scored",
    "Follow scores: of any two pairs in a batch, the one with the higher score must have the higher cosine.",
    "rank correlation (Spearman) of cosine and score",
    ("text", "pair", "score"),
    applies,
    examples,
    at_random,
    apart=False,
)
