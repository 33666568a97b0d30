"""Raw text: find hidden pieces from what surrounds them (Devlin et al. 2019)."""

from collections.abc import Sequence

from embedlab.training.objectives.base import Examples, Objective, by_length, whole
from embedlab.types import Corpus

FEWEST = 16


def applies(corpus: Corpus) -> str | None:
    if len(set(corpus.texts)) < FEWEST:
        return "at least sixteen different texts are needed."
    return None


def examples(corpus: Corpus, rows: Sequence[int]) -> Examples:
    return Examples(tuple(whole(corpus.texts[i], i) for i in rows))


MLM = Objective(
    "mlm",
    "Learn the language of the texts: pieces are hidden, and the model must say which stood there.",
    "share of hidden pieces found",
    ("text",),
    applies,
    examples,
    by_length,
    apart=True,
    reads="tokens",
    kinds=(),
)
