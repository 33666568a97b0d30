"""The readings of the spaces, as a comparison makes them of a layer: values, 95 % intervals and p (A18)."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64

from embedlab.comparing.sides import LayerPair, Pair, Sides, defined, side_by_side
from embedlab.comparing.spaces import ONE_SPACE, TWO_SPACES, space_readings
from embedlab.measure import geometry
from embedlab.measure.rows import is_zero
from embedlab.types import Reading
from embedlab.vectors.tables import LAYER, table_survey

OF_PAIR = (*TWO_SPACES, "rsa_spearman_cosine", "rsa_p")

Readings = dict[str, Reading]


@dataclass(frozen=True)
class _Rows(Sides):
    """Two matrices whose rows all go together: no copy of them is made."""

    given: Pair | None = None

    def pair(self, field: str, layer: LayerPair, rows: Int64[np.ndarray, "n"]) -> Pair:
        if self.given is None:
            raise ValueError("there are no rows")
        return self.given


def of_spaces(pair: Pair, k: int, seed: int, *, raw_norm: bool = False, both: bool = True) -> Readings:
    """Every reading of one space, and with `both` of the two, their intervals and p.

    `raw_norm`: partition isotropy of the vectors as they are; it has no interval then.
    """
    before = table_survey("before", pair.before, seed=seed)
    after = before if pair.same else table_survey("after", pair.after, seed=seed)
    sides = side_by_side(before, after)
    rows = _Rows(**{**sides.__dict__, "given": pair})
    found = space_readings(rows, LayerPair(LAYER, 0, 0), seed, k, intervals=both)
    names = (*ONE_SPACE, *OF_PAIR) if both else tuple(ONE_SPACE)
    readings = {name: _in_words_of_rows(found[name]) for name in names}
    if raw_norm:
        readings["partition_isotropy_log10"] = _raw_partition(pair)
    zeros = max(int(is_zero(side).sum()) for side in (pair.before, pair.after))
    cosine = readings["mean_cosine"]
    if zeros and cosine.note is None:
        note = f"{zeros:,} rows are zero: they have no direction, and cosines leave them out."
        readings["mean_cosine"] = replace(cosine, note=note)
    return readings


def _in_words_of_rows(reading: Reading) -> Reading:
    return reading if reading.note is None else replace(reading, note=reading.note.replace("pieces", "rows"))


def _raw_partition(pair: Pair) -> Reading:
    values = [
        defined(lambda side=side: geometry.partition_isotropy_log10(side, raw_norm=True))  # type: ignore[misc]
        for side in ((pair.before,) if pair.same else (pair.before, pair.after))
    ]
    still = (0.0, 0.0) if pair.same and values[0][0] is not None else None
    note = next((why for _, why in values if why), None)
    return Reading("partition_isotropy_log10", values[0][0], values[-1][0], interval=still, note=note)
