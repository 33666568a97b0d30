"""Means over words and sentences, as the surveys hold them: self-similarity, similarity within a sentence (A2, A3)."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float64

from embedlab.comparing.intervals import combined, draws_for
from embedlab.comparing.sides import LayerPair, Sides
from embedlab.measure import uncertainty
from embedlab.types import Reading


def self_similarity(sides: Sides, layer: LayerPair, ground: Reading, seed: int, intervals: bool) -> dict[str, Reading]:
    """A2: the unweighted mean over the words used five times or more in both models; and above the mean cosine.

    Words are resampled for the first; words, and sentences on their own, for the second.
    """
    one = sides.before.self_similarity[layer.before, sides.words]
    two = sides.after.self_similarity[layer.after, sides.words]
    plain = _mean_of("self_similarity", one, two, "No word is used five times or more.", seed, intervals)
    name = "self_similarity_adjusted"
    if plain.before is None or plain.after is None or ground.before is None or ground.after is None:
        return {plain.name: plain, name: Reading(name, note=plain.note or ground.note)}
    interval = None
    if plain.interval is not None and ground.interval is not None:
        changes = (plain.after - plain.before, ground.after - ground.before)
        interval = combined(changes, (plain.interval, ground.interval), (1, -1))
    adjusted = Reading(name, plain.before - ground.before, plain.after - ground.after, interval=interval)
    return {plain.name: plain, name: adjusted}


def within_sentence(sides: Sides, layer: LayerPair, seed: int, intervals: bool) -> dict[str, Reading]:
    """A3 and its null, each on the texts where both models have it."""
    why = "No text has two pieces or more, and no more than there are other texts."
    found = {}
    for name, field in (("intra_sentence_similarity", "intra"), ("intra_sentence_null", "intra_null")):
        one, two = getattr(sides.before, field)[layer.before], getattr(sides.after, field)[layer.after]
        found[name] = _mean_of(name, one, two, why, seed, intervals)
    return found


def _mean_of(
    name: str,
    before: Float64[np.ndarray, "unit"],
    after: Float64[np.ndarray, "unit"],
    why: str,
    seed: int,
    intervals: bool,
) -> Reading:
    """The mean over the units (words, sentences) that have a value in both, resampled and tested together."""
    rows = np.flatnonzero(np.isfinite(before) & np.isfinite(after))
    if not len(rows):
        return Reading(name, note=why)
    one, two = before[rows], after[rows]
    plain = Reading(name, float(one.mean()), float(two.mean()))
    if not intervals or len(rows) < 2:
        return plain
    p = uncertainty.sign_flip_p(one, two, permutations=1_999, seed=seed)
    return replace(plain, interval=uncertainty.paired_bootstrap(one, two, draws=draws_for(len(rows)), seed=seed), p=p)
