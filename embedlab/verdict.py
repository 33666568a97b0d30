"""Did it help? HELPED, HARMED or NO EVIDENCE by rules that are printed beside the answer.

Task: the first of these that the corpus allows, on held-out rows at the last layer, before and after on the same items:
 1. senses: macro-F1 of the nearest sense centroid, mean over the target words;
 2. labels: macro-F1 of the nearest label centroid of whole texts;
 3. pairs: mean reciprocal rank of a text's partner among all held-out partners.
HELPED when the paired 95 % interval of the change lies above zero, HARMED when it lies below, else NO EVIDENCE.
Space: facts, by the rules of `_space`. Whether they exceed training noise cannot be said from one seed, and is not.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Float64

from embedlab.comparing.intervals import DRAWS, Interval
from embedlab.corpus import held_out
from embedlab.measure import senses, uncertainty
from embedlab.survey import Survey
from embedlab.surveying.plan import distinct_texts
from embedlab.types import Comparison, Corpus, Reading, TaskVerdict, Verdict
from embedlab.wording import bracket, count, decimals, difference, number, signed

LEAST_ITEMS = 10  # held-out items below which a corpus does not decide anything
COLLAPSED = 0.5  # mean cosine of random pieces from which on a space counts as collapsed ...
COLLAPSE_RISE = 0.2  # ... when training raised it by as much
MOST_PLACES = 4
NOISE = (
    "The noise floor is unknown, because only one seed was trained: "
    "another seed of the same recipe might change the space as much."
)


@dataclass(frozen=True)
class TaskScore:
    """A held-out score of both models, the interval of after - before, and the items newly right and newly wrong."""

    what: str
    items: int
    before: float
    after: float
    interval: Interval
    wins: int
    losses: int


def judged(comparison: Comparison, before: Survey, after: Survey, corpus: Corpus) -> Comparison:
    """The comparison with its verdict."""
    return replace(comparison, verdict=verdict(comparison, before, after, corpus))


def verdict(comparison: Comparison, before: Survey, after: Survey, corpus: Corpus) -> Verdict:
    """The verdict by the rules above."""
    score = _senses(comparison)
    if score is None:
        seed = comparison.provenance.seed
        score = _labels(before, after, corpus, seed) or _pairs(before, after, corpus, seed)
    space, reasons = _space(comparison)
    if score is None:
        line = f"The corpus has no senses, labels or pairs with {LEAST_ITEMS} held-out items: nothing to score."
        rule = "A task verdict needs a sense, label or related-text column; without one only the space is compared."
        return Verdict("NOT MEASURED", line, space, (rule, *reasons))
    answer = decide(score.interval)
    change = shown_change(score.after - score.before, score.interval)
    low, high = number(score.before, score.interval), number(score.after, score.interval)
    line = f"{score.what} {low} → {high}, {change}, on {count(score.items, 'held-out item')}"
    side = {"HELPED": "lies above zero", "HARMED": "lies below zero"}.get(answer, "includes zero")
    why = (
        f"Rule: {answer}, because the paired 95 % interval of the change in held-out {score.what} {side}.",
        f"{count(score.wins, 'held-out item')} newly right, {score.losses:,} newly wrong{_mcnemar(score)}.",
        *reasons,
    )
    return Verdict(answer, line, space, why, wins=score.wins, losses=score.losses)


def shown_change(change: float, interval: Interval) -> str:
    """A change with its interval; as many digits as keep an end that is not zero from being read as zero."""
    if interval == (0.0, 0.0) and change == 0:
        return difference(change, interval)
    places = decimals(change, interval)
    while places < MOST_PLACES and any(end != 0 and round(end, places) == 0 for end in interval):
        places += 1
    return f"{signed(change, places=places)} {bracket(interval, places=places)}"


def decide(interval: Interval) -> TaskVerdict:
    if interval[0] > 0:
        return "HELPED"
    return "HARMED" if interval[1] < 0 else "NO EVIDENCE"


def _mcnemar(score: TaskScore) -> str:
    if score.wins + score.losses == 0:
        return ""
    right_before = np.array([False] * score.wins + [True] * score.losses)
    p = uncertainty.mcnemar(right_before, ~right_before).p
    return f" (McNemar exact p {'< .001' if p < 0.001 else '= ' + number(p, places=3)})"


# -- the task --------------------------------------------------------------------------------------------------------


def _senses(comparison: Comparison) -> TaskScore | None:
    """Rule 1. The interval is that of the reading; wins and losses are held-out uses of the words that are in it."""
    reading = comparison.layers[-1].readings.get("wsd_centroid_macro_f1")
    if reading is None or reading.before is None or reading.after is None or reading.interval is None:
        return None
    uses = comparison.uses
    scored = {
        word
        for word, layers in comparison.sense_readings.items()
        if layers[-1].readings["wsd_centroid_macro_f1"].before is not None
    }
    rows = [i for i, u in enumerate(uses.occurrences) if uses.held_out[i] and u.sense is not None and u.word in scored]
    if len(rows) < LEAST_ITEMS:
        return None
    right_before = np.array([uses.predicted_before[-1][i] == uses.occurrences[i].sense for i in rows])
    right_after = np.array([uses.predicted_after[-1][i] == uses.occurrences[i].sense for i in rows])
    what = f"sense macro-F1 (mean over {count(len(scored), 'word')})"
    return _score(what, right_before, right_after, reading.before, reading.after, reading.interval)


def _score(
    what: str, right_before: np.ndarray, right_after: np.ndarray, before: float, after: float, interval: Interval
) -> TaskScore:
    wins, losses = int((right_after & ~right_before).sum()), int((right_before & ~right_after).sum())
    return TaskScore(what, len(right_before), before, after, interval, wins, losses)


def _last_texts(
    before: Survey, after: Survey
) -> tuple[Float32[np.ndarray, "n d"], Float32[np.ndarray, "n e"], np.ndarray]:
    """Whole-text vectors of both at the last layer, and which of them both have."""
    return np.asarray(before.texts[-1]), np.asarray(after.texts[-1]), before.seen_texts & after.seen_texts


def _labels(before: Survey, after: Survey, corpus: Corpus, seed: int) -> TaskScore | None:
    """Rule 2: centroids of whole texts from rows that are not held out; each distinct text with a label counts once."""
    if corpus.labels is None:
        return None
    place = {text: i for i, text in enumerate(distinct_texts(corpus)[0])}
    one, two, seen = _last_texts(before, after)
    label_of: dict[int, tuple[str, bool]] = {}
    for text, label, held in zip(corpus.texts, corpus.labels, held_out(corpus), strict=True):
        if label is not None and seen[place[text]]:
            label_of.setdefault(place[text], (label, bool(held)))
    rows = np.array(list(label_of), dtype=np.int64)
    names = np.array([label for label, _ in label_of.values()])
    test = np.array([held for _, held in label_of.values()], dtype=bool)
    if test.sum() < LEAST_ITEMS or len(set(names[~test])) < 2:
        return None
    guesses = [senses.centroid_predict(x[rows[~test]], names[~test], x[rows[test]]) for x in (one, two)]
    truth = names[test]
    met = sorted(
        {*truth, *guesses[0], *guesses[1]}
    )  # the same labels on both sides, else the means are of unlike things
    scores = [senses.macro_f1(truth, guess, senses=met) for guess in guesses]
    interval = uncertainty.bootstrap_macro_f1(truth, guesses[0], guesses[1], draws=DRAWS, seed=seed)
    what = f"label macro-F1 ({count(len(set(names)), 'label')})"
    return _score(what, guesses[0] == truth, guesses[1] == truth, scores[0], scores[1], interval)


def _pairs(before: Survey, after: Survey, corpus: Corpus, seed: int) -> TaskScore | None:
    """Rule 3: each held-out text looks for its partner among the partners of all held-out rows, by cosine."""
    if corpus.pairs is None:
        return None
    place = {text: i for i, text in enumerate(distinct_texts(corpus)[0])}
    one, two, seen = _last_texts(before, after)
    rows = zip(corpus.texts, corpus.pairs, held_out(corpus), strict=True)
    asked = {(place[text], place[partner]) for text, partner, held in rows if partner is not None and held}
    queries = sorted((q, p) for q, p in asked if seen[q] and seen[p] and q != p)
    if len(queries) < LEAST_ITEMS:
        return None
    ranks = [_ranks(x, queries) for x in (one, two)]
    reciprocal = [1 / rank for rank in ranks]
    interval = uncertainty.paired_bootstrap(reciprocal[0], reciprocal[1], draws=DRAWS, seed=seed)
    what = f"retrieval MRR (among {len({p for _, p in queries}):,} texts)"
    means = [float(r.mean()) for r in reciprocal]
    return _score(what, ranks[0] == 1, ranks[1] == 1, means[0], means[1], interval)


def _ranks(vectors: Float32[np.ndarray, "n d"], queries: list[tuple[int, int]]) -> Float64[np.ndarray, "query"]:
    """The rank of each query's partner, 1 = nearest; a tie counts against it, a query is no candidate of its own."""
    candidates = sorted({partner for _, partner in queries})
    column = {partner: i for i, partner in enumerate(candidates)}
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    ranks = np.empty(len(queries))
    for at, (query, partner) in enumerate(queries):
        cosine = unit[candidates] @ unit[query]
        if query in column:
            cosine[column[query]] = -np.inf
        ranks[at] = (cosine >= cosine[column[partner]]).sum()
    return ranks


# -- the space -------------------------------------------------------------------------------------------------------


def _space(comparison: Comparison) -> tuple[str, tuple[str, ...]]:
    """(one line of facts, the rules behind it) at the last layer."""
    last = comparison.layers[-1].readings
    if _nothing_moved(comparison):
        return "Nothing moved: every reading is equal, at every layer", ("Every number of both models is the same.",)
    parts, reasons = [], []
    cosine, rank, kept = (last.get(name) for name in ("mean_cosine", "effective_rank", "knn_jaccard"))
    if cosine is not None and cosine.before is not None and cosine.after is not None:
        rise = cosine.after - cosine.before
        collapsed = cosine.after >= COLLAPSED and rise >= COLLAPSE_RISE
        parts.append("COLLAPSE" if collapsed else "No collapse")
        parts.append(f"mean cosine {_from_to(cosine)}")
        limits = f"{number(COLLAPSED, places=1)} or more after a rise of {number(COLLAPSE_RISE, places=1)} or more"
        reasons.append(f"Collapse is a mean cosine of random pieces of {limits}; here {_from_to(cosine)}.")
    if rank is not None and rank.before is not None and rank.after is not None:
        parts.append(f"effective rank {_from_to(rank)}")
        if rank.after < rank.before / 2:
            reasons.append("The effective rank fell below half: far fewer directions are in use.")
    if kept is not None and kept.value is not None:
        parts.append(f"neighbours kept {number(kept.value, kept.interval)}")
    parts.append("noise floor unknown (one seed)")
    return " · ".join(parts), (*reasons, NOISE)


def _nothing_moved(comparison: Comparison) -> bool:
    moved = [r for layer in comparison.layers for r in layer.readings.values() if r.before != r.after]
    return not moved and not comparison.words.change.any() and not np.nan_to_num(comparison.words.drift, nan=1.0).any()


def _from_to(reading: Reading) -> str:
    if reading.before is None or reading.after is None:
        return "not defined"
    before, after = number(reading.before, reading.interval), number(reading.after, reading.interval)
    return f"{before} → {after} ({difference(reading.after - reading.before, reading.interval)})"
