"""Which examples make up a step. A pure function of (seed, stage, step): resuming needs no saved position.

Every maker returns the batches of one epoch as lists of row numbers into the training examples.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Int64

Batch = Int64[np.ndarray, "row"]
Epoch = list[Batch]
Lengths = Int64[np.ndarray, "n"]

POOL = 50  # batches drawn together before sorting by length: long enough to pack well, short enough to stay random
EACH = 4  # uses of one sense in a batch: three positives each, and room for eight senses in a batch of 32


def generator(seed: int, stage: int, epoch: int) -> np.random.Generator:
    return np.random.default_rng([seed, stage, epoch])


def cut(order: Sequence[int], lengths: Lengths, tokens: int, items: int) -> Epoch:
    """Consecutive rows as batches of at most `items` rows and `tokens` padded tokens (rows x longest).

    A row longer than `tokens` is a batch by itself.
    """
    batches: Epoch = []
    current: list[int] = []
    longest = 0
    for row in order:
        longest_then = max(longest, int(lengths[row]))
        if current and (len(current) == items or longest_then * (len(current) + 1) > tokens):
            batches.append(np.array(current, dtype=np.int64))
            current, longest_then = [], int(lengths[row])
        current.append(int(row))
        longest = longest_then
    if current:
        batches.append(np.array(current, dtype=np.int64))
    return batches


def by_length(lengths: Lengths, tokens: int, items: int, rng: np.random.Generator) -> Epoch:
    """Rows of like length together: shuffled, sorted by length inside pools of POOL batches, batches shuffled.

    Padding in corpus order triples the work at 32 rows a batch; sorted it costs 2 %.
    """
    order = rng.permutation(len(lengths))
    pools = [order[i : i + POOL * items] for i in range(0, len(order), POOL * items)]
    batches: Epoch = []
    for pool in pools:
        batches += cut(pool[np.argsort(lengths[pool], kind="stable")].tolist(), lengths, tokens, items)
    return [batches[i] for i in rng.permutation(len(batches))]


def at_random(lengths: Lengths, tokens: int, items: int, rng: np.random.Generator) -> Epoch:
    """Rows in random company, for losses that compare the rows of a batch: sorted by length, negatives would be picked
    by length. The forward pass packs by length itself, so `tokens` counts real ones. Never a row by itself: the second
    of two long ones goes over the budget, and a last one left over is dealt out anew next epoch.
    """
    batches: Epoch = []
    current: list[int] = []
    used = 0
    for row in rng.permutation(len(lengths)).tolist():
        if len(current) == items or (len(current) > 1 and used + int(lengths[row]) > tokens):
            batches.append(np.array(current, dtype=np.int64))
            current, used = [], 0
        current.append(row)
        used += int(lengths[row])
    if len(current) > 1 or not batches:
        batches.append(np.array(current, dtype=np.int64))
    return batches


def by_sense(
    words: Sequence[str], senses: Sequence[str], lengths: Lengths, tokens: int, items: int, rng: np.random.Generator
) -> Epoch:
    """Batches in which every word shows at least two senses and every sense at least two uses.

    The uses of a sense are dealt in hands of EACH; a bundle is one hand of each sense of a word (as many senses as a
    batch holds); a batch is several bundles of different words. A rare sense is dealt again and again, so each bundle
    has something to tell apart. Every word has as many bundles an epoch as the median word needs to show all its uses:
    the score is a mean over words, and a word with thousands of uses would leave the others no room. What it has more
    is shown in later epochs. Words with one sense, or senses with one use, are left out.
    """
    groups: dict[str, dict[str, list[int]]] = {}
    for row, (word, sense) in enumerate(zip(words, senses, strict=True)):
        groups.setdefault(word, {}).setdefault(sense, []).append(row)
    dealt: dict[str, list[list[list[int]]]] = {}
    for word in sorted(groups):
        hands = [_hands(rng.permutation(rows).tolist()) for _, rows in sorted(groups[word].items()) if len(rows) > 1]
        if len(hands) > 1:
            dealt[word] = hands
    turns = int(np.median([max(map(len, hands)) for hands in dealt.values()])) if dealt else 0
    bundles: list[tuple[str, list[int]]] = []
    for word, hands in dealt.items():
        at_once = min(len(hands), max(2, items // EACH))
        for turn in range(turns):
            shown = [(turn + i) % len(hands) for i in range(at_once)]
            bundles.append((word, [row for s in shown for row in hands[s][turn % len(hands[s])]]))
    return _pack([bundles[i] for i in rng.permutation(len(bundles))], lengths, tokens, items)


def _hands(rows: list[int]) -> list[list[int]]:
    """Rows in hands of EACH; a last hand of one joins the one before, since a use needs a partner."""
    hands = [rows[i : i + EACH] for i in range(0, len(rows), EACH)]
    if len(hands) > 1 and len(hands[-1]) == 1:
        lonely = hands.pop()
        hands[-1] += lonely
    return hands


def _pack(bundles: Sequence[tuple[str, list[int]]], lengths: Lengths, tokens: int, items: int) -> Epoch:
    """Bundles as batches: real tokens and rows within the budget, one bundle of a word a batch. First fit, in order."""
    open_batches: list[tuple[set[str], list[int], int]] = []
    done: list[list[int]] = []
    for word, rows in bundles:
        size = int(lengths[rows].sum())
        for i, (present, batch, used) in enumerate(open_batches):
            if word not in present and len(batch) + len(rows) <= items and used + size <= tokens:
                open_batches[i] = (present | {word}, batch + rows, used + size)
                break
        else:
            open_batches.append(({word}, list(rows), size))
            if len(open_batches) > POOL:
                done.append(open_batches.pop(0)[1])
    return [np.array(batch, dtype=np.int64) for batch in [*done, *(batch for _, batch, _ in open_batches)]]


def walk(epoch_of: Callable[[int], Epoch]) -> Callable[[int], Batch]:
    """step (counted from the start of the stage) -> batch, over as many epochs as it takes.

    Epochs may differ in their number of batches, so the walk counts from the first; two epochs are kept.
    """
    ends: list[int] = []
    epoch = lru_cache(maxsize=2)(epoch_of)

    def at(step: int) -> Batch:
        while not ends or ends[-1] <= step:
            ends.append((ends[-1] if ends else 0) + len(epoch(len(ends))))
        number = next(i for i, end in enumerate(ends) if step < end)
        batches = epoch(number)
        return batches[step - (ends[number] - len(batches))]

    return at
