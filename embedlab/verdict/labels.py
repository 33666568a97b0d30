"""Rule 2: can the labels be read off the whole texts by a probe on frozen embeddings?"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from embedlab.comparing.intervals import Interval, draws_for
from embedlab.measure import senses, uncertainty
from embedlab.measure.noise import seed_noise
from embedlab.types import Answer, Reading
from embedlab.verdict.probe import probe_predict, strength
from embedlab.verdict.rules import RULES, Rules
from embedlab.verdict.states import States
from embedlab.verdict.task import TaskScore
from embedlab.wording import count, number

SWAPS = 9_999
FEWEST_SWAPS = 999
SWAP_CELLS = 20_000_000  # swaps x held-out texts


@dataclass(frozen=True)
class Labelled:
    """The distinct texts with a label, in the order of the corpus: row among whole texts, label, held out or not."""

    texts: tuple[str, ...]
    rows: Int64[np.ndarray, "n"]
    labels: np.ndarray
    held_out: Bool[np.ndarray, "n"]


def label_score(states: States, rules: Rules = RULES) -> TaskScore | None:
    """Macro-F1 of a probe over the labels met in the held-out texts; None where the corpus does not allow it."""
    items = labelled(states)
    if items is None or items.held_out.sum() < rules.least_items or len(set(items.labels[~items.held_out])) < 2:
        return None
    test = np.flatnonzero(items.held_out)
    train, all_training = training_rows(items, rules.most_training), int((~items.held_out).sum())
    guesses = _guesses(states, items, train, test)
    truth = items.labels[test]
    before, after = guesses[0], guesses[1]
    met = sorted(set(truth.tolist()))  # the same labels for every model, else the means are of unlike things
    right = [guess == truth for guess in guesses]
    macro = [senses.macro_f1(truth, guess, senses=met) for guess in guesses]
    accuracy = [float(hit.mean()) for hit in right]
    interval = _macro_interval(truth, before, after, states.seed)
    swaps = min(SWAPS, max(FEWEST_SWAPS, SWAP_CELLS // len(test)))
    p = uncertainty.macro_f1_swap_p(truth, before, after, permutations=swaps, seed=states.seed)
    leading = Reading("probe_macro_f1", macro[0], macro[1], interval=interval, p=p, noise=seed_noise(macro[1:]))
    hits = [hit.astype(float) for hit in right[:2]]
    plain = Reading(
        "probe_accuracy", accuracy[0], accuracy[1], noise=seed_noise(accuracy[1:]),
        interval=uncertainty.paired_bootstrap(hits[0], hits[1], draws=draws_for(len(test)), seed=states.seed),
        p=uncertainty.mcnemar(right[0], right[1]).p,
    )  # fmt: skip
    won, lost = (_answers(items, test, before, after, rows) for rows in (right[1] & ~right[0], right[0] & ~right[1]))
    return TaskScore(
        what=f"probe macro-F1 ({count(len(met), 'label')})",
        items=len(test),
        item="text",
        scores=(leading, plain),
        won=won,
        lost=lost,
        test="the two models' answers swapped by text",
        how=_how(states, len(train), all_training),
        seeds=len(states.trained),
    )


def labelled(states: States) -> Labelled | None:
    """Each distinct text with its first label. Held out: none of its rows is trained on (given splits may differ)."""
    corpus = states.corpus
    if corpus.labels is None:
        return None
    label_of: dict[str, str] = {}
    held_of: dict[str, bool] = {}
    for text, label, held in zip(corpus.texts, corpus.labels, states.held_out, strict=True):
        held_of[text] = held_of.get(text, True) and bool(held)
        if label is not None:
            label_of.setdefault(text, label)
    texts = tuple(text for text in label_of if states.seen[states.place[text]])
    rows = np.array([states.place[text] for text in texts], dtype=np.int64)
    labels = np.array([label_of[text] for text in texts], dtype=object).astype(str)
    return Labelled(texts, rows, labels, np.array([held_of[text] for text in texts], dtype=bool))


def training_rows(items: Labelled, most: int) -> Int64[np.ndarray, "train"]:
    """Where the probe learns: all texts not held out; of more than `most`, of every label the same share, one at least.

    Taken in the order of the sha256 of the texts, so that every model, machine and day takes the same.
    """
    train = np.flatnonzero(~items.held_out)
    if len(train) <= most:
        return train
    of_label: dict[str, list[int]] = defaultdict(list)
    for row in sorted(train.tolist(), key=lambda row: hashlib.sha256(items.texts[row].encode()).digest()):
        of_label[items.labels[row]].append(row)
    share = most / len(train)
    chosen = [row for rows in of_label.values() for row in rows[: max(1, round(share * len(rows)))]]
    return np.array(sorted(chosen), dtype=np.int64)


def _guesses(
    states: States, items: Labelled, train: Int64[np.ndarray, "n"], test: Int64[np.ndarray, "m"]
) -> list[np.ndarray]:
    """What the probe says of the held-out texts on the vectors of before, after and each replicate."""
    learns, asked = states.each_text(items.rows[train]), states.each_text(items.rows[test])
    guesses: list[np.ndarray] = []
    for i, (x, y) in enumerate(zip(learns, asked, strict=True)):
        same = i == 1 and x is learns[0] and y is asked[0]
        guesses.append(guesses[0] if same else probe_predict(x, items.labels[train], y))
    return guesses


def _macro_interval(truth: np.ndarray, before: np.ndarray, after: np.ndarray, seed: int) -> Interval:
    """The bootstrap averages over labels met or said; those only said have F1 0, and do not count here."""
    share = len({*truth, *before, *after}) / len(set(truth))
    low, high = uncertainty.bootstrap_macro_f1(truth, before, after, draws=draws_for(len(truth)), seed=seed)
    return low * share, high * share


def _answers(
    items: Labelled, test: Int64[np.ndarray, "m"], before: np.ndarray, after: np.ndarray, chosen: Bool[np.ndarray, "m"]
) -> tuple[Answer, ...]:
    return tuple(
        Answer(items.texts[test[i]], str(items.labels[test[i]]), str(before[i]), str(after[i]))
        for i in np.flatnonzero(chosen)
    )


def _how(states: States, used: int, training: int) -> tuple[str, ...]:
    widths = {states.texts(state, np.zeros(1, dtype=np.int64)).shape[1] for state in (states.before, states.after)}
    held_back = " and ".join(number(strength(width)) for width in sorted(widths))
    on = f"{count(used, 'text')} that {'is' if used == 1 else 'are'} not held out"
    if used < training:
        on = f"{used:,} of the {training:,} texts that are not held out, of every label the same share, by their sha256"
    return (
        "The probe is a logistic regression on the vectors as they are at the last layer, features standardised on the "
        f"training texts, C = 10 / width = {held_back}, fitted anew for each model on {on}; every distinct text counts "
        "once, and every label met in the held-out texts equally.",
    )
