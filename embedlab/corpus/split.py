"""Which rows are held out: decided by the texts themselves, so every machine, run and day agrees."""

import hashlib
from collections import defaultdict
from typing import Any

import numpy as np

from embedlab.types import Corpus

Stratum = tuple[str, ...]


def held_out(corpus: Corpus, share: float = 0.25) -> np.ndarray[Any, np.dtype[np.bool_]]:
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
    members: dict[Stratum, list[str]] = defaultdict(list)
    for row in range(len(corpus)):
        members[_stratum(corpus, row)].append(corpus.texts[row])
    order = {text: hashlib.sha256(text.encode()).digest() for text in set(corpus.texts)}
    strata = {key: sorted(set(texts), key=lambda t: order[t]) for key, texts in members.items()}
    # small strata choose first: a large one has more ways to reach its share
    for key in sorted(strata, key=lambda k: (len(strata[k]), k)):
        _assign(strata[key], side, share)
    _repair(strata, side, fixed)
    rows = zip(corpus.texts, given, strict=True)
    return np.array([side[text] if split is None else split == "test" for text, split in rows], dtype=bool)


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
