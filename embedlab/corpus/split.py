"""Which rows are held out, and which choose the best step: decided by the texts, so every machine and day agrees."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from embedlab.types import Corpus

Stratum = tuple[str, ...]
Rows = np.ndarray[Any, np.dtype[np.bool_]]

SELECTION = 0.1  # of a stratum's training texts
SMALLEST = 8  # training texts of a stratum that can spare one
WIDELY_SHARED = 20  # other rows that show the same text: too many to lose them for one row that chooses


def held_out(corpus: Corpus, share: float = 0.25) -> Rows:
    """[row] True where a row is never trained on.

    A split given with the corpus wins row by row. Elsewhere texts are ordered by their sha256 and about `share` of each
    stratum is held out: (word, sense) of the target, else the label, else all rows. A text is on one side only, and a
    stratum with two or more texts has at least one on each side (a text in several strata may rule that out).
    Raises ValueError for a share outside (0, 1).
    """
    if not 0 < share < 1:
        raise ValueError("share lies between 0 and 1")
    given = corpus.splits or (None,) * len(corpus)
    side: dict[str, bool] = {}
    for text, split in zip(corpus.texts, given, strict=True):
        if split is not None:
            side[text] = side.get(text, False) or split == "test"
    fixed = frozenset(side)
    strata = _strata(corpus, range(len(corpus)))
    # small strata choose first: a large one has more ways to reach its share
    for key in sorted(strata, key=lambda k: (len(strata[k]), k)):
        _assign(strata[key], side, share)
    _repair(strata, side, fixed)
    rows = zip(corpus.texts, given, strict=True)
    return np.array([side[text] if split is None else split == "test" for text, split in rows], dtype=bool)


def selection(corpus: Corpus, share: float = SELECTION) -> Rows:
    """[row] True where a row chooses the best step of a training: never trained on, never held out.

    About `share` of the training texts of each stratum (see `held_out`, whose order it goes on with), at least one
    where there are SMALLEST or more and none where there are fewer; never more, so a text in several strata is taken
    only where all of them can spare it. Texts joined by a pair are taken together or not at all, and none that is
    joined to a held-out row: no training row shares a text or a partner with a selection row.

    Negatives are often the partners of other rows, and joined by them most rows would be one group. Instead a group
    that shows a text of a held-out row, as a negative or against one, is not taken; and the rows that share a text
    with a group by way of a negative, which therefore are not trained on either, count against the share as well.
    """
    held = held_out(corpus)
    groups = [group for group in _joined(corpus) if not held[group].any()]
    rivals = _Rivals(corpus, held)
    strata = _strata(corpus, [row for group in groups for row in group])
    spare = {key: 0 if len(texts) < SMALLEST else max(1, round(share * len(texts))) for key, texts in strata.items()}
    chosen, lost = np.zeros(len(corpus), dtype=bool), held.copy()
    for group in sorted(groups, key=lambda rows: min(_digest(corpus.texts[row]) for row in rows)):
        beside = rivals.of(group)
        if beside is None:
            continue
        taken = [row for row in {*group, *beside} if not lost[row]]
        cost = {key: len(texts) for key, texts in _strata(corpus, taken).items()}
        if all(number <= spare.get(key, 0) for key, number in cost.items()):
            chosen[group] = True
            lost[taken] = True
            for key, number in cost.items():
                spare[key] -= number
    return chosen


class _Rivals:
    """Which rows share a text with others by way of a negative."""

    def __init__(self, corpus: Corpus, held: Rows) -> None:
        self._corpus = corpus
        self._rows: dict[str, list[int]] = defaultdict(list)
        self._tested: set[str] = set()
        if corpus.negatives is None:
            return
        for row in range(len(corpus)):
            for text in _shown(corpus, row):
                self._rows[text].append(row)
                if held[row]:
                    self._tested.add(text)

    def of(self, group: list[int]) -> set[int] | None:
        """The rows that share a text with those of a group; None where the group may not be taken."""
        if self._corpus.negatives is None:
            return set()
        found: set[int] = set()
        for text in {text for row in group for text in _shown(self._corpus, row)}:
            if text in self._tested or len(self._rows[text]) > WIDELY_SHARED + len(group):
                return None
            found.update(self._rows[text])
        return found


def _shown(corpus: Corpus, row: int) -> set[str]:
    """The text of a row, its partner and its negative, where it has them."""
    columns = (corpus.texts, corpus.pairs, corpus.negatives)
    return {text for column in columns if column is not None and (text := column[row]) is not None}


def _joined(corpus: Corpus) -> list[list[int]]:
    """Rows that share a text or a partner, directly or through others, together."""
    above = list(range(len(corpus)))

    def top(row: int) -> int:
        while above[row] != row:
            above[row] = above[above[row]]
            row = above[row]
        return row

    first: dict[str, int] = {}
    for row, (text, partner) in enumerate(zip(corpus.texts, corpus.pairs or (None,) * len(corpus), strict=True)):
        for shown in (text, partner):
            if shown is not None:
                above[top(row)] = top(first.setdefault(shown, row))
    groups: dict[int, list[int]] = defaultdict(list)
    for row in range(len(corpus)):
        groups[top(row)].append(row)
    return list(groups.values())


def _strata(corpus: Corpus, rows: Iterable[int]) -> dict[Stratum, list[str]]:
    """The different texts of each stratum, in the order of their digests."""
    members: dict[Stratum, set[str]] = defaultdict(set)
    for row in rows:
        members[_stratum(corpus, row)].add(corpus.texts[row])
    return {key: sorted(texts, key=_digest) for key, texts in members.items()}


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _stratum(corpus: Corpus, row: int) -> Stratum:
    target = corpus.targets[row] if corpus.targets is not None else None
    if target is not None:
        return ("sense", target.word, target.sense or "")
    label = corpus.labels[row] if corpus.labels is not None else None
    return ("all",) if label is None else ("label", label)


def _assign(texts: list[str], side: dict[str, bool], share: float) -> None:
    """Give every text without a side one, so that the stratum comes near its share."""
    free = [text for text in texts if text not in side]
    wanted = min(max(round(share * len(texts)), 1), len(texts) - 1)
    missing = max(0, wanted - sum(side.get(text, False) for text in texts))
    for i, text in enumerate(free):
        side[text] = i < missing
    # all others were held out by another stratum: one must stay for training
    if len(texts) > 1 and free and all(side[text] for text in texts):
        side[free[-1]] = False


def _repair(strata: dict[Stratum, list[str]], side: dict[str, bool], fixed: frozenset[str]) -> None:
    """Where texts shared between strata left one of them on one side, move a text that no other stratum needs there."""
    one_sided = sorted(key for key, texts in strata.items() if len(texts) > 1 and len({side[t] for t in texts}) == 1)
    of_text: dict[str, list[Stratum]] = defaultdict(list)
    for key, texts in strata.items() if one_sided else ():
        for text in texts:
            of_text[text].append(key)
    for key in one_sided:
        texts = strata[key]
        if len({side[text] for text in texts}) == 2:  # mended by a move before
            continue
        for text in texts:
            others = [strata[other] for other in of_text[text] if other != key and len(strata[other]) > 1]
            if text not in fixed and all(sum(side[t] == side[text] for t in other) > 1 for other in others):
                side[text] = not side[text]
                break
