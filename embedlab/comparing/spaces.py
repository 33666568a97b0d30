"""The readings of the space at one layer: the random pieces of A1 (one a text, the same characters in both models)."""

from functools import partial

import numpy as np
from jaxtyping import Float32, Float64, Int64

from embedlab.comparing.intervals import Interval, combined, draws_for, half_samples
from embedlab.comparing.readings import READINGS
from embedlab.comparing.sides import LayerPair, Pair, Sides, defined, reading
from embedlab.measure import drift, geometry, uncertainty
from embedlab.types import Reading

ONE_SPACE = {
    "mean_cosine_centred": geometry.mean_cosine_centred,
    "top_dimension_share": geometry.top_dimension_share,
    "isoscore": geometry.isoscore,
    "participation_ratio": geometry.participation_ratio,
    "effective_rank": geometry.effective_rank,
}
TWO_SPACES = {
    "cka_debiased": drift.cka_debiased,
    "cka_linear": drift.cka_linear,
    "procrustes_distance": drift.procrustes_distance,
}


def space_readings(sides: Sides, layer: LayerPair, seed: int) -> dict[str, Reading]:
    """Anisotropy, spectrum, similarity of the two spaces, and similarity within a sentence, with intervals."""
    pair = sides.pair("background", layer, sides.background)
    readings = {"mean_cosine": reading("mean_cosine", pair, geometry.mean_cosine)}
    readings |= {name: reading(name, pair, measure) for name, measure in ONE_SPACE.items()}
    readings["isotropic_isoscore"] = reading(
        "isotropic_isoscore", pair, lambda x: geometry.isotropic_isoscore(*x.shape)
    )
    for name, measure in TWO_SPACES.items():
        value, note = defined(partial(measure, pair.before, pair.after))
        readings[name] = Reading(name, value=value, note=note)
    intervals = _still(readings) if pair.same else _intervals(pair, readings, seed)
    readings |= {name: _with(readings[name], interval) for name, interval in intervals.items()}
    readings |= _self_similarity(sides, layer, readings["mean_cosine"], seed)
    return readings | _within_sentence(sides, layer, seed)


def _with(given: Reading, interval: Interval) -> Reading:
    """The reading with its interval, cut to the range of the reading where it is one of the pair."""
    if given.value is None:
        return Reading(given.name, given.before, given.after, interval=interval, note=given.note)
    info = READINGS[given.name]
    low = interval[0] if info.low is None else max(interval[0], info.low)
    high = interval[1] if info.high is None else min(interval[1], info.high)
    return Reading(given.name, value=given.value, interval=(low, high), note=given.note)


def _still(readings: dict[str, Reading]) -> dict[str, Interval]:
    """Unchanged data: no change, with certainty."""
    found: dict[str, Interval] = {}
    for name, given in readings.items():
        if given.value is not None:
            found[name] = (given.value, given.value)
        elif given.before is not None and name != "isotropic_isoscore":
            found[name] = (0.0, 0.0)
    return found


def _intervals(pair: Pair, readings: dict[str, Reading], seed: int) -> dict[str, Interval]:
    found: dict[str, Interval] = {}
    if readings["mean_cosine"].before is not None and readings["mean_cosine"].after is not None:
        found["mean_cosine"] = uncertainty.bootstrap_mean_cosine(
            pair.before, pair.after, draws=draws_for(len(pair.before)), seed=seed
        )
    full = {name: given.value for name, given in readings.items() if given.value is not None}
    for name in ONE_SPACE:
        given = readings[name]
        if given.before is not None and given.after is not None:
            full[name] = given.after - given.before
    return found | half_samples(len(pair.before), lambda some: statistics(pair, some), full, (seed, 2))


def statistics(pair: Pair, rows: Int64[np.ndarray, "m"]) -> dict[str, float]:
    """The readings of A1, A5, A7, A11 and A12 of some rows, after - before or of the pair, all from three products.

    What the functions of embedlab.measure give one by one (a test holds them together), fast enough to be done often.
    """
    x, one = _one_space(pair.before[rows])
    y, two = _one_space(pair.after[rows])
    found = {name: two[name] - one[name] for name in one}
    cross = x.T @ y
    n = len(rows)
    square_x, square_y = np.square(x, dtype=np.float64).sum(axis=1), np.square(y, dtype=np.float64).sum(axis=1)
    products = [
        np.square(cross, dtype=np.float64).sum(),
        np.square(x.T @ x, dtype=np.float64).sum(),
        np.square(y.T @ y, dtype=np.float64).sum(),
    ]
    sizes = [(square_x, square_y), (square_x, square_x), (square_y, square_y)]
    unbiased = [
        product - n / (n - 2) * (a @ b) + a.sum() * b.sum() / ((n - 1) * (n - 2))
        for product, (a, b) in zip(products, sizes, strict=True)
    ]
    with np.errstate(invalid="ignore", divide="ignore"):
        found["cka_linear"] = products[0] / np.sqrt(products[1] * products[2])
        found["cka_debiased"] = unbiased[0] / np.sqrt(unbiased[1] * unbiased[2])
        nuclear = np.linalg.svd(cross, compute_uv=False).sum(dtype=np.float64) / np.sqrt(
            square_x.sum() * square_y.sum()
        )
        found["procrustes_distance"] = np.sqrt(max(0.0, 2 - 2 * nuclear))
    return found


def _one_space(rows: Float32[np.ndarray, "m d"]) -> tuple[Float32[np.ndarray, "m d"], dict[str, float]]:
    """(centred rows, the readings of ONE_SPACE)."""
    n, dim = rows.shape
    mean = rows.mean(axis=0, dtype=np.float64)
    x = (rows - mean).astype(np.float32)
    common = _unit(rows).mean(axis=0, dtype=np.float64)
    centred = _unit(x)
    wide = n < dim  # the smaller of the two products has the same eigenvalues
    spectrum = np.linalg.eigvalsh(x @ x.T if wide else x.T @ x).astype(np.float64).clip(0)
    singular = np.sqrt(spectrum)
    shares = (
        singular[singular > 1e-6 * singular.max()] if singular.max() > 0 else np.ones(1)
    )  # float32: what is less is rounding
    shares = shares / shares.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = spectrum.sum() ** 2 / np.square(spectrum).sum()
        return x, {
            "mean_cosine_centred": float((np.square(centred.sum(axis=0, dtype=np.float64)).sum() - n) / (n * (n - 1))),
            "top_dimension_share": float(np.square(common).max() / np.square(common).sum()),
            "participation_ratio": float(ratio),
            "isoscore": float((ratio - 1) / (dim - 1)),
            "effective_rank": float(np.exp(-(shares * np.log(shares)).sum())),
        }


def _unit(rows: Float32[np.ndarray, "m d"]) -> Float32[np.ndarray, "m d"]:
    """Rows of length one; zero rows stay zero."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length > 0, length, 1)


def _self_similarity(sides: Sides, layer: LayerPair, ground: Reading, seed: int) -> dict[str, Reading]:
    """A2: the unweighted mean over the words used five times or more in both models; and above the mean cosine.

    Words are resampled for the first; words, and sentences on their own, for the second.
    """
    one = sides.before.self_similarity[layer.before, sides.words]
    two = sides.after.self_similarity[layer.after, sides.words]
    plain = _mean_of("self_similarity", one, two, "No word is used five times or more.", seed)
    name = "self_similarity_adjusted"
    if plain.before is None or plain.after is None or ground.before is None or ground.after is None:
        return {plain.name: plain, name: Reading(name, note=plain.note or ground.note)}
    interval = None
    if plain.interval is not None and ground.interval is not None:
        changes = (plain.after - plain.before, ground.after - ground.before)
        interval = combined(changes, (plain.interval, ground.interval), (1, -1))
    adjusted = Reading(name, plain.before - ground.before, plain.after - ground.after, interval=interval)
    return {plain.name: plain, name: adjusted}


def _within_sentence(sides: Sides, layer: LayerPair, seed: int) -> dict[str, Reading]:
    """A3 and its null, each on the texts where both models have it."""
    why = "No text has two pieces or more, and no more than there are other texts."
    found = {}
    for name, field in (("intra_sentence_similarity", "intra"), ("intra_sentence_null", "intra_null")):
        one, two = getattr(sides.before, field)[layer.before], getattr(sides.after, field)[layer.after]
        found[name] = _mean_of(name, one, two, why, seed)
    return found


def _mean_of(
    name: str, before: Float64[np.ndarray, "unit"], after: Float64[np.ndarray, "unit"], why: str, seed: int
) -> Reading:
    """The mean over the units (words, sentences) that have a value in both, which are resampled together."""
    rows = np.flatnonzero(np.isfinite(before) & np.isfinite(after))
    if not len(rows):
        return Reading(name, note=why)
    one, two = before[rows], after[rows]
    interval = uncertainty.paired_bootstrap(one, two, draws=draws_for(len(one)), seed=seed) if len(rows) > 1 else None
    return Reading(name, float(one.mean()), float(two.mean()), interval=interval)
