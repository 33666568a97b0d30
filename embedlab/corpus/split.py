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
    """
    held = held_out(corpus)
    groups = [group for group in _joined(corpus) if not held[group].any()]
    strata = _strata(corpus, [row for group in groups for row in group])
    spare = {key: 0 if len(texts) < SMALLEST else max(1, round(share * len(texts))) for key, texts in strata.items()}
    chosen = np.zeros(len(corpus), dtype=bool)
    for group in sorted(groups, key=lambda rows: min(_digest(corpus.texts[row]) for row in rows)):
        cost = {key: len(texts) for key, texts in _strata(corpus, group).items()}
        if all(number <= spare[key] for key, number in cost.items()):
            chosen[group] = True
            for key, number in cost.items():
                spare[key] -= number
    return chosen


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
