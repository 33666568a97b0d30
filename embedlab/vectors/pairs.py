"""The readings row by row: neighbours kept, drift, alignment of row i with row i, and a map of the first space."""

from collections.abc import Callable

import numpy as np

from embedlab.comparing.intervals import DRAWS, Interval
from embedlab.comparing.sides import Pair, defined
from embedlab.errors import MeasureError
from embedlab.measure import drift, geometry, neighbours, projection
from embedlab.measure.uncertainty import paired_bootstrap
from embedlab.types import Reading
from embedlab.vectors.spaces import OF_PAIR, Readings

INTERVAL_ROWS = 50_000  # a bootstrap of more takes minutes and says what the eye sees anyway
ROW_BY_ROW = ("knn_jaccard", "second_order_cosine", "drift_cosine", "drift_cosine_aligned")
PAIR_NAMES = frozenset({*OF_PAIR, *ROW_BY_ROW, "alignment", "trustworthiness", "continuity"})


def of_rows(pair: Pair, k: int, seed: int) -> Readings:
    """What is known because row i of before and row i of after are the same thing; not CKA and its kin."""
    x, y = pair.before, pair.after
    measures: dict[str, Callable[[], float]] = {"alignment": lambda: geometry.alignment(*_shared(pair))}
    if y.shape[1] == 2 < x.shape[1]:  # the second file is a map of the first
        measures["trustworthiness"] = lambda: projection.trustworthiness(x, y, k)
        measures["continuity"] = lambda: projection.continuity(x, y, k)
    found: Readings = {}
    for name, measure in measures.items():
        value, note = defined(measure)
        if pair.same and value is not None:
            value = 0.0  # of alignment: a map has another width
        if name == "alignment" and note is None:
            note = "Row i before and row i after taken as the positive pair."
        found[name] = Reading(name, value=value, interval=_still(value) if pair.same else None, note=note)
    return found | _row_by_row(pair, k, seed)


def _shared(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Both, for numbers that need the same coordinates."""
    if not pair.same_width:
        widths = f"{pair.before.shape[1]} and {pair.after.shape[1]}"
        raise MeasureError(f"The files have {widths} dimensions: no coordinates are shared. CKA does without.")
    return pair.before, pair.after


def _still(value: float | None) -> Interval | None:
    return None if value is None else (value, value)


def _row_by_row(pair: Pair, k: int, seed: int) -> Readings:
    """Means over the rows, with intervals over rows (their candidate neighbours stay as they are)."""
    x, y = pair.before, pair.after
    measures: dict[str, Callable[[], np.ndarray]] = {
        "knn_jaccard": lambda: neighbours.knn_jaccard(neighbours.nearest(x, k)[0], neighbours.nearest(y, k)[0]),
        "second_order_cosine": lambda: neighbours.second_order_cosine(x, y, k),
        "drift_cosine": lambda: drift.drift_cosine(*_shared(pair)),
        "drift_cosine_aligned": lambda: drift.drift_cosine_aligned(x, y, seed=seed),
    }
    found: Readings = {}
    for name in ROW_BY_ROW:
        try:
            values = np.asarray(measures[name](), dtype=np.float64)
        except MeasureError as error:
            found[name] = Reading(name, note=str(error))
            continue
        if np.ptp(values) == 0:  # the mean of equal numbers is that number, to the last bit
            found[name] = Reading(name, value=float(values[0]), interval=_still(float(values[0])))
            continue
        few = len(values) <= INTERVAL_ROWS
        interval = paired_bootstrap(np.zeros(len(values)), values, draws=DRAWS, seed=seed) if few else None
        found[name] = Reading(name, value=float(values.mean()), interval=interval)
    return found
