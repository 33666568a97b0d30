"""Alignment (A10): how near are uses, or texts, that mean the same."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float64, Int64

from embedlab.comparing.intervals import combined, draws_for
from embedlab.comparing.sides import LayerPair, Pair, Sides
from embedlab.comparing.swaps import flipped
from embedlab.errors import MeasureError
from embedlab.measure import geometry
from embedlab.measure.intervals import keep_zero
from embedlab.measure.rows import is_zero, row_cosine, unit
from embedlab.measure.uncertainty import bootstrap_mean_cosine, paired_bootstrap, sign_flip_p
from embedlab.surveying.plan import distinct_texts
from embedlab.types import Corpus, Reading

NO_PAIRS = "Needs held-out uses of one sense in different sentences, or related texts."


def related_texts(corpus: Corpus, held_out: Bool[np.ndarray, "row"]) -> Int64[np.ndarray, "pair 2"]:
    """Held-out texts and their related texts, as rows of a survey's whole texts; all where none is held out."""
    place = {text: i for i, text in enumerate(distinct_texts(corpus)[0])}
    partners = corpus.pairs or (None,) * len(corpus)
    rows = [i for i, partner in enumerate(partners) if partner is not None]
    rows = [i for i in rows if held_out[i]] or rows
    found = dict.fromkeys((place[corpus.texts[i]], place[partners[i] or ""]) for i in rows)
    return np.array(list(found), dtype=np.int64).reshape(-1, 2)


def of_related(
    sides: Sides, layer: LayerPair, related: Int64[np.ndarray, "pair 2"], seed: int, intervals: bool
) -> Reading:
    """Alignment of related texts: mean squared distance on the sphere, resampled and tested by pair."""
    pairs = related[sides.whole[related].all(axis=1)]
    one, two = (sides.pair("texts", layer, pairs[:, column]) for column in (0, 1))
    kept = np.ones(len(pairs), dtype=bool)
    for side in (one, two):
        kept &= ~(is_zero(side.before) | is_zero(side.after))
    if not kept.any():
        return Reading("alignment", note=NO_PAIRS)
    before = 2 - 2 * row_cosine(one.before[kept], two.before[kept])
    after = before if one.same and two.same else 2 - 2 * row_cosine(one.after[kept], two.after[kept])
    note = f"Of {len(before):,} related texts."
    plain = Reading("alignment", float(before.mean()), float(after.mean()), note=note)
    if not intervals or len(before) < 2:
        return plain
    interval = paired_bootstrap(before, after, draws=draws_for(len(before)), seed=seed)
    return replace(plain, interval=interval, p=sign_flip_p(before, after, permutations=1_999, seed=seed))


def of_senses(
    pair: Pair,
    names: np.ndarray,
    texts: Int64[np.ndarray, "use"],
    seed: int,
    intervals: bool,
) -> tuple[Reading, Float64[np.ndarray, "sentence"]]:
    """Alignment of one word: 2 - 2 mean cosine of the uses of a sense in different sentences, mean over its senses.

    Of a sentence with several uses of the sense the first counts. Also what each sentence contributes to the change
    when before and after are swapped there (see swaps.mean_cosine_p): none between spaces of unlike width.
    """
    nothing = np.zeros(0)
    groups = [_first_uses(pair, names == name, texts) for name in sorted(set(names) - {""})]
    groups = [rows for rows in groups if len(rows) > 1]
    if not groups:
        return Reading("alignment", note=NO_PAIRS), nothing
    try:
        before = [2 - 2 * geometry.mean_cosine(pair.before[rows]) for rows in groups]
        after = before if pair.same else [2 - 2 * geometry.mean_cosine(pair.after[rows]) for rows in groups]
    except MeasureError as error:
        return Reading("alignment", note=str(error)), nothing
    found = Reading("alignment", float(np.mean(before)), float(np.mean(after)))
    if not intervals:
        return found, nothing
    ends = []
    for rows in groups:
        low, high = bootstrap_mean_cosine(pair.before[rows], pair.after[rows], draws=draws_for(len(rows)), seed=seed)
        ends.append((-2 * high, -2 * low))
    change = [b - a for a, b in zip(before, after, strict=True)]
    interval = combined(change, ends, [1 / len(groups)] * len(groups))
    if not pair.same_width:
        return replace(found, interval=interval), nothing
    parts = np.concatenate([_contributions(pair, rows) for rows in groups]) / len(groups)
    p = 1.0 if pair.same else flipped(parts, seed)
    return replace(found, interval=keep_zero(interval, p), p=p), parts


def _first_uses(pair: Pair, of_sense: Bool[np.ndarray, "use"], texts: Int64[np.ndarray, "use"]) -> np.ndarray:
    """The first use of the sense in each sentence, among those with a direction in both spaces."""
    rows = np.flatnonzero(of_sense & ~(is_zero(pair.before) | is_zero(pair.after)))
    return np.sort(rows[np.unique(texts[rows], return_index=True)[1]])


def _contributions(pair: Pair, rows: Int64[np.ndarray, "n"]) -> Float64[np.ndarray, "n"]:
    x, y, n = unit(pair.before[rows]), unit(pair.after[rows]), len(rows)
    return -2 * ((x.sum(axis=0) + y.sum(axis=0)) @ (y - x).T) / (n * (n - 1))
