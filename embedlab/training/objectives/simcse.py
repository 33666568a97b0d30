"""Raw text: a text seen twice through different dropout finds itself (SimCSE, Gao et al. 2021).

Raw text has no right answers to hold out, so the score makes some: the first half of a held-out text must find its
second half among the second halves of all. It says whether what belongs to one text lies together and apart from other
texts; it cannot say whether texts that mean the same in other words do, and halves may share a name.
"""

from collections.abc import Sequence

from embedlab.training.objectives.base import Examples, Objective, at_random, whole
from embedlab.types import Corpus

FEWEST = 16
SHORTEST = 8  # characters of a text with no white space, which is cut at its middle


def applies(corpus: Corpus) -> str | None:
    if len({text for text in corpus.texts if halves(text) is not None}) < FEWEST:
        return "at least sixteen different texts of two words or more are needed."
    return None


def examples(corpus: Corpus, rows: Sequence[int]) -> Examples:
    return Examples(tuple(whole(corpus.texts[i], i) for i in rows if halves(corpus.texts[i]) is not None))


def halves(text: str) -> tuple[str, str] | None:
    """A text cut at the white space nearest to its middle (without any, at the middle); None where it is too short."""
    text = text.strip()
    spaces = [i for i, sign in enumerate(text) if sign.isspace()]
    if not spaces and len(text) < SHORTEST:
        return None
    place = min(spaces, key=lambda i: abs(2 * i + 1 - len(text))) if spaces else len(text) // 2
    return text[:place].rstrip(), text[place:].lstrip()


def asked(examples: Examples) -> Examples:
    """What the score asks: the first half of each text, its partner the second half."""
    cut = [halves(use.text) for use in examples.uses]
    rows = [use.row if use.row is not None else i for i, use in enumerate(examples.uses)]
    found = [(whole(two[0], i), whole(two[1], i)) for two, i in zip(cut, rows, strict=True) if two is not None]
    return Examples(tuple(first for first, _ in found), partners=tuple(second for _, second in found))


SIMCSE = Objective(
    "simcse",
    "Spread raw text: each text, seen twice through different dropout, must find itself among the batch (SimCSE).",
    "mean reciprocal rank of the second half of a text, given its first half",
    ("text",),
    applies,
    examples,
    at_random,
    apart=False,
)
