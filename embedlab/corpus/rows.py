"""Good rows become the columns of a corpus, one at a time; a row that cannot be one is refused with its reason."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from embedlab.corpus.columns import NUMBER, Columns
from embedlab.corpus.limits import MAX_SCORE, Refused, check_text, quoted
from embedlab.types import Corpus, Target

WHOLE_NUMBER = re.compile(r"\s*([+-]?\d{1,9})(?:\.0+)?\s*")  # 3.0 too: a table with gaps writes its numbers so


class Rows:
    """The columns of the corpus as they grow, one good row at a time."""

    def __init__(self, columns: Columns) -> None:
        roles = list(columns.chosen())
        self.place = {role: i for i, role in enumerate(roles)}
        self.has_target = any(role in self.place for role in ("target", "start", "token_index"))
        self.texts: list[str] = []
        self.labels: list[str | None] = []
        self.pairs: list[str | None] = []
        self.targets: list[Target | None] = []
        self.splits: list[str | None] = []
        self.negatives: list[str | None] = []
        self.scores: list[float | None] = []

    def add(self, values: Sequence[str | None]) -> None:
        """Keep a row. Raises Refused, having kept nothing of it."""
        text = values[self.place["text"]]
        if text is None or not text.strip():
            raise Refused("the text is empty")
        check_text(text)
        if len(self.place) > 1:
            given = {role: _trimmed(values[i], role) for role, i in self.place.items() if role != "text"}
            pair = values[self.place["pair"]] if given.get("pair") else None
            target = _target(text, given) if self.has_target else None
            split = _split(given.get("split"))
            negative = values[self.place["negative"]] if given.get("negative") else None
            _check_negative(text, pair, negative)
            score = _score(given.get("score"), pair)
            self.labels.append(given.get("label"))
            self.pairs.append(pair)
            self.targets.append(target)
            self.splits.append(split)
            self.negatives.append(negative)
            self.scores.append(score)
        self.texts.append(text)

    def corpus(self, name: str) -> Corpus:
        labels = tuple(self.labels) if "label" in self.place else None
        pairs = tuple(self.pairs) if "pair" in self.place else None
        targets = tuple(self.targets) if self.has_target else None
        splits = tuple(self.splits) if "split" in self.place else None
        negatives = tuple(self.negatives) if "negative" in self.place else None
        scores = tuple(self.scores) if "score" in self.place else None
        made = Corpus("", name, tuple(self.texts), labels, pairs, targets, splits, negatives, scores)
        return replace(made, id=content_id(made))


def content_id(corpus: Corpus) -> str:
    """sha256 of the canonical JSON of the columns: the same rows always have the same id, whatever the file was.

    Negatives and scores are left out where there are none, so that a corpus without them has the id it always had.
    """
    spans = None if corpus.targets is None else [t and [t.start, t.end, t.word, t.sense] for t in corpus.targets]
    content: dict[str, Any] = {"texts": corpus.texts, "labels": corpus.labels, "pairs": corpus.pairs}
    content |= {"targets": spans, "splits": corpus.splits}
    content |= {} if corpus.negatives is None else {"negatives": corpus.negatives}
    content |= {} if corpus.scores is None else {"scores": corpus.scores}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _trimmed(value: str | None, role: str) -> str | None:
    """A value beside the text, without outer white space; None where it is empty."""
    if value is None or not (value := value.strip()):
        return None
    return check_text(value, f"the {role.replace('_', ' ')}")


def _split(value: str | None) -> str | None:
    if value is None or value in ("train", "test"):
        return value
    if value.lower() in ("train", "test"):
        return value.lower()
    raise Refused("the split is neither train nor test")


def _check_negative(text: str, pair: str | None, negative: str | None) -> None:
    """Raises Refused where a row says that the same text is alike and is not."""
    if negative is not None and negative in (text, pair):
        raise Refused(f"the negative is the {'text' if negative == text else 'related text'} itself")


def _score(value: str | None, pair: str | None) -> float | None:
    """Raises Refused for what is no finite number, and for a score of a row without a related text."""
    if value is None:
        return None
    if pair is None:
        raise Refused("it has a score but no related text")
    if NUMBER.fullmatch(value) is None:
        if re.fullmatch(r"[+-]?[0-9][0-9.,'’ ]*", value) and "," in value:
            raise Refused(f"the score {quoted(value, 20)} has a comma: write decimals with a point, thousands without")
        if value.lower().lstrip("+-") in ("nan", "inf", "infinity"):
            raise Refused("the score is not a finite number")
        raise Refused(f"the score {quoted(value, 20)} is not a number")
    score = float(value)
    if abs(score) > MAX_SCORE:
        raise Refused("the score is too large: no scale of likeness goes beyond a million")
    return score + 0.0  # -0.0 is 0.0, or one number would have two ids


def _target(text: str, given: Mapping[str, str | None]) -> Target | None:
    """The target of a row, or None where its place is left empty. Raises Refused when the place is not in the text."""
    word = given.get("target")
    if "start" in given:
        if given["start"] is None and given["end"] is None:
            return None
        start, end = _number(given["start"], "start"), _number(given["end"], "end")
    elif "token_index" in given:
        if given["token_index"] is None:
            return None
        start, end = _token(text, _number(given["token_index"], "token index"))
    elif word is None:
        return None
    else:
        start, end = _whole_word(text, word)
    if start < 0 or end > len(text):
        raise Refused(f"the span {start} to {end} lies outside the text, which has {len(text)} characters")
    if start >= end:
        raise Refused(f"the span {start} to {end} is empty")
    surface = text[start:end]
    if surface.isspace():
        raise Refused(f"the span {start} to {end} holds only white space")
    return Target(start, end, word or surface.strip().lower(), given.get("sense"))


def _number(value: str | None, role: str) -> int:
    match = WHOLE_NUMBER.fullmatch(value or "")
    if match is None:
        raise Refused(f"the {role} is not a whole number")
    return int(match[1])


def _token(text: str, index: int) -> tuple[int, int]:
    """Characters of text.split()[index]."""
    tokens = text.split()
    if not 0 <= index < len(tokens):
        raise Refused(f"the token index {index} lies outside the text, which has {len(tokens)} tokens")
    end = 0
    for token in tokens[: index + 1]:
        start = text.index(token, end)
        end = start + len(token)
    return start, end


def _whole_word(text: str, word: str) -> tuple[int, int]:
    match = _pattern(word).search(text)
    if match is None:
        raise Refused("the target word does not occur in the text")
    return match.span()


@lru_cache(maxsize=4096)
def _pattern(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
