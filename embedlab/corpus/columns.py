"""Which column means what: guessed from names first, from content second, chosen by a person always."""

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from embedlab.corpus.limits import quoted
from embedlab.errors import CorpusError

COUNT = re.compile(r"\s*\d{1,9}(\.0+)?\s*")
NUMBER = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\s*")  # a decimal point, no thousands
Sample = Sequence[Sequence[str | None]]

NAMES: dict[str, tuple[str, ...]] = {
    "text": (
        "text", "sentence", "sentence1", "text1", "text_a", "content", "body", "review", "tweet", "document", "message",
        "question", "premise", "anchor", "query", "passage_text", "abstract", "comment", "utterance", "context",
        "sentence_a", "sentence_1", "text_1", "question1", "sent0", "sent1",
    ),
    "pair": (
        "pair", "sentence2", "text2", "text_b", "answer", "positive", "hypothesis", "passage", "response", "paraphrase",
        "translation", "related", "sentence_b", "sentence_2", "text_2", "question2", "sent2", "sent1", "pos",
    ),
    "negative": (
        "negative", "hard_negative", "neg", "hard_neg", "text3", "sentence3", "text_c", "sentence_c", "text_3",
        "sentence_3", "negative_1", "negative_passage", "distractor",
    ),
    "score": (
        "score", "similarity", "sim", "similarity_score", "gold_score", "relatedness", "relatedness_score",
        "mean_score",
    ),
    "label": (
        "label", "labels", "class", "category", "topic", "sentiment", "intent", "y", "stars", "rating", "target",
    ),
    "target": ("target", "word", "headword", "lemma", "target_word", "keyword"),
    "start": ("start", "begin", "char_start", "start_char", "span_start", "target_start", "start_offset", "offset"),
    "end": ("end", "stop", "char_end", "end_char", "span_end", "target_end", "end_offset"),
    "token_index": (
        "token_index", "token_idx", "tok_index", "word_index", "target_index", "token", "position", "index", "idx",
    ),
    "sense": ("sense", "sense_id", "sense_label", "sense_key", "meaning", "synset"),
    "split": ("split", "fold", "subset", "partition", "set"),
}  # fmt: skip
LABELS_TOO = ("positive", "negative", "pos", "neg")  # what a table of feelings without a header says in its first row


@dataclass(frozen=True)
class Columns:
    """The column of each role, by name; None where there is none.

    `pair` holds a text related to the text, `negative` one that looks alike and is not; `score` says as a number how
    alike text and pair are, higher is more, on any scale. A negative may stand without a pair, a score may not.
    `target` holds the headword, `start` and `end` (exclusive) a character span, `token_index` the place of the target
    among text.split() instead. With `target` alone, its first whole-word use in the text is meant.
    """

    text: str | None = None
    label: str | None = None
    pair: str | None = None
    target: str | None = None
    start: str | None = None
    end: str | None = None
    token_index: str | None = None
    sense: str | None = None
    split: str | None = None
    negative: str | None = None
    score: str | None = None

    def chosen(self) -> dict[str, str]:
        """Role -> column name, for the roles that have one."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) is not None}


def normal(name: str) -> str:
    return re.sub(r"[\s\-.]+", "_", name.strip().lower())


def is_known_name(name: str) -> bool:
    """Whether a first row with this cell is a header."""
    return normal(name) not in LABELS_TOO and any(normal(name) in names for names in NAMES.values())


def check(columns: Columns, available: Sequence[str], name: str) -> None:
    """Raises CorpusError for a column that is not there, or for roles that contradict each other."""
    for column in columns.chosen().values():
        if column not in available:
            near = difflib.get_close_matches(column, available, n=1)
            have = ", ".join(quoted(c) for c in available[:12]) + (", …" if len(available) > 12 else "")
            meant = f" (did you mean {quoted(near[0])}?)" if near else ""
            raise CorpusError(f"{name} has no column {quoted(column)}{meant}: it has {have}.")
    if columns.text is None:
        raise CorpusError(f"No column of {name} looks like text: choose the text column.")
    if (columns.start is None) != (columns.end is None):
        raise CorpusError("A target span needs both a start and an end column: choose the other one too.")
    if columns.start is not None and columns.token_index is not None:
        raise CorpusError("Choose either start and end columns or a token index column, not both.")
    if columns.sense is not None and not (columns.target or columns.start or columns.token_index):
        raise CorpusError(
            "A sense column needs the word it is about: choose a target, a start and end, or a token index column too."
        )
    if columns.score is not None and columns.pair is None:
        raise CorpusError("A score says how alike two texts are: choose the column of the related text too.")


def guess(available: Sequence[str], sample: Sample) -> Columns:
    """The likely role of every column, from its name, confirmed by the values of the first rows."""
    free = dict.fromkeys(available)
    values = {column: [row[i] for row in sample] for i, column in enumerate(available)}

    def take(role: str, fits: Callable[[Sequence[str | None]], bool]) -> str | None:
        for wanted in NAMES[role]:
            for column in free:
                if normal(column) == wanted and fits(values[column]):
                    del free[column]
                    return column
        return None

    text = take("text", _is_prose) or take("text", _is_text) or _longest(free, values)
    if text is None:
        return Columns()
    free.pop(text, None)
    texts = values[text]
    split = take("split", lambda v: _mostly(x.strip().lower() in ("train", "test") for x in _given(v)))
    start = take("start", _are_counts)
    end = take("end", _are_counts) if start else None
    token_index = None
    if start is None or end is None:
        start = end = None
        token_index = take("token_index", lambda v: _index_tokens(v, texts))
    target = take("target", lambda v: _occur_in(v, texts) or (bool(start or token_index) and _is_text(v)))
    placed = bool(start or token_index or target)
    sense = take("sense", lambda v: bool(_given(v))) if placed else None
    pair = take("pair", _is_prose)
    negative = take("negative", _is_prose)
    # of two texts even a label in fractions is a score; without a pair there is nothing that a score could be about
    score = (take("score", _are_numbers) or take("label", _are_fractions)) if pair else None
    label = take("label", lambda v: bool(_given(v))) or (_few_values(free, values) if not placed and not pair else None)
    return Columns(text, label, pair, target, start, end, token_index, sense, split, negative, score)


def _mostly(facts: Iterable[bool]) -> bool:
    """More than half, and at least one: a few bad rows do not undo a guess, they are refused later."""
    known = list(facts)
    return sum(known) > 0.5 * len(known)


def _given(values: Sequence[str | None]) -> list[str]:
    return [v for v in values if v is not None and v.strip()]


def _is_text(values: Sequence[str | None]) -> bool:
    given = _given(values)
    return bool(given) and not all(re.fullmatch(r"\s*[+-]?[\d.,]+\s*", v) for v in given)


def _is_prose(values: Sequence[str | None]) -> bool:
    """Several words in most values: a text, not a label."""
    given = _given(values)
    return _mostly(len(v) > 25 or " " in v.strip() for v in given)


def _longest(free: dict[str, None], values: dict[str, list[str | None]]) -> str | None:
    lengths = {c: float(np.mean([len(v) for v in _given(values[c])])) for c in free if _is_text(values[c])}
    return max(lengths, key=lambda c: lengths[c], default=None)


def _are_counts(values: Sequence[str | None]) -> bool:
    return _mostly(COUNT.fullmatch(v) is not None for v in _given(values))


def _are_numbers(values: Sequence[str | None]) -> bool:
    return _mostly(NUMBER.fullmatch(v) is not None for v in _given(values))


def _are_fractions(values: Sequence[str | None]) -> bool:
    """Numbers, not all of them whole: grades of likeness rather than the numbers of classes."""
    numbers = [float(v) for v in _given(values) if NUMBER.fullmatch(v)]
    return _are_numbers(values) and any(not number.is_integer() for number in numbers)


def _index_tokens(values: Sequence[str | None], texts: Sequence[str | None]) -> bool:
    """Whether the numbers point at tokens of their texts. A mere row number (0 1 2 ... or 1 2 3 ...) does not count."""
    if not _are_counts(values):
        return False
    pairs = [(int(float(v)), t) for v, t in zip(values, texts, strict=True) if v and COUNT.fullmatch(v) and t]
    numbers = [n for n, _ in pairs]
    is_row_number = len(numbers) > 2 and any(numbers == list(range(first, first + len(numbers))) for first in (0, 1))
    return not is_row_number and _mostly(n < len(t.split()) for n, t in pairs)


def _occur_in(values: Sequence[str | None], texts: Sequence[str | None]) -> bool:
    """Whether most values are a word of their text, or its stem (bank for banks): a target rather than a label."""
    pairs = [(v.strip().lower(), t.lower()) for v, t in zip(values, texts, strict=True) if v and v.strip() and t]
    return _mostly(v in t for v, t in pairs)


def _few_values(free: dict[str, None], values: dict[str, list[str | None]]) -> str | None:
    """A column of short values that repeat."""
    for column in free:
        given = _given(values[column])
        short = all(len(v) <= 40 for v in given)
        if len(given) >= 4 and short and 1 < len(set(given)) <= len(given) / 2:
            return column
    return None
