"""Collateral: how far whole texts moved, and whether they kept their neighbours, by region (A14, A15).

Seen in training, unseen but of the same corpus, off domain. The vectors are those of the last compared layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64

from embedlab.comparing.intervals import Interval, draws_for
from embedlab.measure import uncertainty
from embedlab.measure.neighbours import knn_jaccard, nearest
from embedlab.measure.noise import pair_noise
from embedlab.measure.rows import row_cosine
from embedlab.types import Collateral, Reading, Region
from embedlab.verdict.rules import RULES, Rules
from embedlab.verdict.states import States

OFF_DOMAIN: Region = "off domain"
SEEN: Region = "seen in training"
UNSEEN: Region = "unseen in domain"
IN_DOMAIN: Region = "in domain"
Vectors = Float32[np.ndarray, "n d"]


@dataclass(frozen=True)
class Place:
    """One region: its texts that are measured, as rows of the whole texts, and how many it has."""

    region: Region
    rows: Int64[np.ndarray, "n"]
    texts: int


def places(states: States, trained: Bool[np.ndarray, "row"] | None, rules: Rules = RULES) -> list[Place]:
    """The regions that have texts. A related text of a trained row was seen in training as well.

    Of more than `most_texts` texts as many are drawn, seeded; the note of the readings says so.
    """
    found: dict[Region, list[int]] = {}
    if trained is None:
        found[IN_DOMAIN] = list(range(len(states.place)))
    else:
        corpus = states.corpus
        met = {text for text, yes in zip(corpus.texts, trained, strict=True) if yes}
        met |= {p for p, yes in zip(corpus.pairs or (), trained, strict=False) if yes and p is not None}
        found[SEEN] = [row for text, row in states.place.items() if text in met]
        found[UNSEEN] = [row for text, row in states.place.items() if text not in met]
    found[OFF_DOMAIN] = states.after.off_domain.tolist()
    made = []
    for region, rows in found.items():
        kept = np.array([row for row in rows if states.seen[row]], dtype=np.int64)
        if len(kept):
            some = kept[uncertainty.sample_rows(len(kept), rules.most_texts, states.seed)]
            made.append(Place(region, some, len(kept)))
    return made


def collateral(states: States, place: Place, rules: Rules = RULES) -> Collateral:
    """Drift and neighbours kept of one region, with intervals by text and the noise of the seeds."""
    vectors = states.each_text(place.rows)
    note = None
    if len(place.rows) < place.texts:
        note = f"Measured on {len(place.rows):,} of {place.texts:,} texts, drawn by the seed."
    drift = _drift(vectors, states.seed, note)
    return Collateral(place.region, len(place.rows), drift, _kept(vectors, states.seed, rules, note))


def _drift(vectors: Sequence[Vectors], seed: int, note: str | None) -> Reading:
    """Mean of 1 - cosine of the same text before and after, coordinates as they are. Range [0, 2]. A15."""
    before, after, *others = vectors
    if before.shape[1] != after.shape[1]:
        return Reading("drift_cosine", note="The two models differ in width, so their coordinates cannot be compared.")
    moved = 1 - row_cosine(before, after)
    between = [float((1 - row_cosine(x, y)).mean()) for x, y in combinations([after, *others], 2)]
    noise = pair_noise(between, 0.0, 0.0, 2.0)
    interval = by_text(moved, seed, 2.0)
    return Reading("drift_cosine", value=float(moved.mean()), interval=interval, noise=noise, note=note)


def neighbours_of(texts: int, rules: Rules = RULES) -> int:
    """How many neighbours a text of a region has: at most half of the others, so that not all are neighbours."""
    return min(rules.k, (texts - 1) // 2)


def _kept(vectors: Sequence[Vectors], seed: int, rules: Rules, note: str | None) -> Reading:
    """Mean share of the k nearest texts of the region that are the same in both: |A & B| / k. Range [0, 1]. A14."""
    name, k = "neighbours_kept", neighbours_of(len(vectors[0]), rules)
    if k < 1:
        return Reading(name, note="Fewer than three texts: there are no neighbours to keep.")
    before, after, *others = vectors
    lists: list[Int32[np.ndarray, "n k"]] = [nearest(x, k)[0] for x in (before, *others)]
    lists.insert(1, lists[0] if after is before else nearest(after, k)[0])
    shared = overlap(lists[0], lists[1])
    between = [float(overlap(a, b).mean()) for a, b in combinations(lists[1:], 2)]
    noise = pair_noise(between, 1.0, 0.0, 1.0)
    return Reading(name, value=float(shared.mean()), interval=by_text(shared, seed, 1.0), noise=noise, note=note)


def overlap(one: Int32[np.ndarray, "n k"], two: Int32[np.ndarray, "n k"]) -> Float64[np.ndarray, "n"]:
    """|A & B| / k of lists of the same length, from J = |A & B| / (2k - |A & B|)."""
    jaccard = knn_jaccard(one, two)
    return 2 * jaccard / (1 + jaccard)


def by_text(values: Float64[np.ndarray, "text"], seed: int, high: float) -> Interval | None:
    """95 % interval of a mean over texts, cut to [0, high]; None for a single text."""
    if len(values) < 2:
        return None
    low, top = uncertainty.paired_bootstrap(np.zeros(len(values)), values, draws=draws_for(len(values)), seed=seed)
    return max(0.0, low), min(high, top)
