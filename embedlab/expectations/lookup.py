"""What a statement looks up: vectors, uses and layers of a comparison, and the sentence when they are not there."""

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

import numpy as np
from jaxtyping import Float64, Int64

from embedlab.comparing.sides import LayerPair, pair_layers
from embedlab.corpus.limits import quoted
from embedlab.errors import UserError
from embedlab.expectations.grammar import Item, Nearer, Neighbours, Statement
from embedlab.survey import Survey
from embedlab.surveying.plan import words_of
from embedlab.types import Comparison, Corpus
from embedlab.wording import count


def require_words(statements: Sequence[Statement], corpus: Corpus, min_count: int = 2) -> None:
    """Raises UserError, before any model is read, for a plain word that a survey of the corpus will not count."""
    known = _counts(corpus)
    for statement in statements:
        asks = statement.asks
        plain: list[str] = []
        if isinstance(asks, Neighbours):
            plain = [asks.word, *asks.others]
        elif isinstance(asks, Nearer):
            plain = [i.word for i in (asks.item, asks.near, asks.far) if i.of_word]
        for word in plain:
            if known[word] < min_count:
                _no_word(statement, word, known[word], min_count, list(known))


@dataclass(frozen=True)
class Made:
    """A comparison with its surveys, and what several statements look up."""

    comparison: Comparison
    before: Survey
    after: Survey
    corpus: Corpus

    @cached_property
    def words(self) -> dict[str, int]:
        """Rows of the surveys by word; by its lower case too, where that is not a word itself (files have capitals)."""
        exact = {word: row for row, word in enumerate(self.before.words)}
        lowered = {word.lower(): row for word, row in reversed(exact.items())}
        return lowered | exact

    def table_row(self, word: str) -> int | None:
        """The row of a word in the word table; None where one of the models, or both, have no vector for it."""
        row = self.words.get(word)
        return None if row is None else self.comparison.words.row(self.before.words[row])

    @cached_property
    def layers(self) -> tuple[LayerPair, ...]:
        return pair_layers(self.before, self.after)

    def layer(self, statement: Statement, asked: int | None) -> tuple[int, LayerPair]:
        """(the place among the comparison's layers, the layer of each model)."""
        names = self.comparison.layer_names
        if asked is None:
            name = names[-1]
        elif asked < len(self.layers) and self.layers[asked].name in names:
            name = self.layers[asked].name
        else:
            there = [str(i) for i, pair in enumerate(self.layers) if pair.name in names]
            raise UserError(
                f"Line {statement.line}, {quoted(statement.text, 60)}: there is no layer {asked} in this comparison, "
                f"whose layers are {', '.join(there)}."
            )
        return names.index(name), next(pair for pair in self.layers if pair.name == name)


def vector_of(
    statement: Statement, item: Item, survey: Survey, layer: int, made: Made
) -> Float64[np.ndarray, "d"] | None:
    """The mean of the uses meant; None where this model has a vector for none of them."""
    if item.context is None and item.sense is None:
        row = made.words.get(item.word)
        if row is not None:
            return survey.word_means[layer][row].astype(np.float64) if survey.seen_words[row] else None
    uses = _uses(statement, item, made)
    seen = uses[survey.seen_uses[uses]]
    return np.asarray(survey.uses[layer][seen], dtype=np.float64).mean(axis=0) if len(seen) else None


def _uses(statement: Statement, item: Item, made: Made) -> Int64[np.ndarray, "use"]:
    """Rows of the survey's uses. Raises UserError, with what there is, where there is none."""
    items = made.before.use_items
    rows = [i for i, use in enumerate(items) if (use.word or use.surface).lower() == item.word]
    if not rows:
        unknown_word(statement, item.word, made)
    if item.context is not None:
        words = {i: {word for word, _, _ in words_of(items[i].text)} for i in rows}
        found = [i for i in rows if _holds(words[i], items[i].text, item.context)]
        if not found:
            beside = sorted({word for some in words.values() for word in some} - {item.word})
            _refuse(statement, f"no text with {quoted(item.word)} holds {quoted(item.context)}", item.context, beside)
        return np.array(found, dtype=np.int64)
    if item.sense is not None:
        wanted = item.sense.lower()
        found = [i for i in rows if (items[i].sense or "").lower() == wanted]
        if not found:
            senses = sorted({use.sense for use in (items[i] for i in rows) if use.sense})
            told = f"its senses are {', '.join(map(quoted, senses[:8]))}" if senses else "its uses have no senses"
            raise UserError(
                f"{_where(statement)}: {quoted(item.word)} has no sense {quoted(item.sense)} in this corpus; {told}."
            )
        return np.array(found, dtype=np.int64)
    return np.array(rows, dtype=np.int64)


def _holds(words: set[str], text: str, context: str) -> bool:
    """Whether a text holds a word, or the words of a phrase side by side."""
    if " " not in context:
        return context in words
    parts, said = context.split(), [word for word, _, _ in words_of(text)]
    return any(said[at : at + len(parts)] == parts for at in range(len(said) - len(parts) + 1))


def _where(statement: Statement) -> str:
    return f"Line {statement.line}, {quoted(statement.text, 60)}"


def _counts(corpus: Corpus) -> Counter[str]:
    """Uses of every word in the distinct texts, as a survey counts them."""
    return Counter(word for text in dict.fromkeys(corpus.texts) for word, _, _ in words_of(text))


def unknown_word(statement: Statement, word: str, made: Made) -> NoReturn:
    counted = _counts(made.corpus) or Counter(made.before.words)
    least = int(made.before.plan_facts.get("min_count", 1))
    _no_word(statement, word, counted[word], least, list(counted))


def _no_word(statement: Statement, word: str, uses: int, least: int, known: list[str]) -> NoReturn:
    if not uses:
        _refuse(statement, f"{quoted(word)} never occurs", word, known)
    if uses >= least:
        raise UserError(f"{_where(statement)}: the uses of {quoted(word)} were not read: ask for them with --word.")
    raise UserError(
        f"{_where(statement)}: {quoted(word)} has {count(uses, 'use')}, and words are counted from {least}: "
        "choose a smaller --min-count, or another word."
    )


def _refuse(statement: Statement, what: str, word: str, known: list[str]) -> NoReturn:
    candidates = [other for other in known if abs(len(other) - len(word)) <= 2][:20_000]
    near = difflib.get_close_matches(word, candidates, n=3, cutoff=0.7)
    told = f"near it are {', '.join(map(quoted, near))}" if near else "choose a word that is there"
    raise UserError(f"{_where(statement)}: {what}; {told}.")
