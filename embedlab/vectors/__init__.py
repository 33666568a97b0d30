"""Every number of the house on vectors made elsewhere: what `python -m embedlab measure` prints.

Rows are points; the rows of `after` are the same things as those of `before`, by name where both files have names, else
by place. No corpus is needed, and no torch but by whoever embeds texts. Names and form of the result are those of the
JSON contract: a number that is undefined is None with a note, never NaN.
"""

from pathlib import Path
from typing import Any

from embedlab.comparing.sides import Pair
from embedlab.types import Reading
from embedlab.vectorfiles import VectorError, read_labels
from embedlab.vectors.labels import of_labels, stratified
from embedlab.vectors.loading import Embed, Matched, load_vectors, matched
from embedlab.vectors.pairs import PAIR_NAMES, of_rows
from embedlab.vectors.spaces import ONE_SPACE, of_spaces

__all__ = ["ONE_SPACE", "PAIR_NAMES", "Embed", "Matched", "load_vectors", "matched", "measure_vectors", "stratified"]


def measure_vectors(
    before: Path,
    after: Path | None,
    labels: Path | None,
    *,
    k: int = 10,
    raw_norm: bool = False,
    seed: int = 0,
    layer: int | None = None,
    embed: Embed | None = None,
) -> dict[str, Any]:
    """All readings of one or two sources of vectors (see `load_vectors`), as plain values ready for JSON.

    {"n", "dim", "k", "readings": {name: {"before", "after"} or {"value"}, with "interval", "p" and "note" where there
    are}}; "dim_after" where the widths differ, "coverage" {"before", "after", "shared", "order"} where rows go together
    by name, "notes" on what was chosen or left out in reading. `interval` is the 95 % interval of after - before, or of
    value. Labels go with the rows of before.
    Raises UserError for files that cannot be read or do not fit each other, and for a k larger than the candidates.
    """
    first = load_vectors(before, layer=layer, embed=embed)
    second = first if after is None else load_vectors(after, layer=layer, embed=embed)
    both = matched(first, second)
    n = len(both.before)
    if not 1 <= k < n:
        raise VectorError(f"k is {k}, and a vector has {n - 1:,} others: choose k between 1 and {n - 1:,}.")
    pair = Pair(both.before, both.after)
    readings = of_spaces(pair, k, seed, raw_norm=raw_norm, both=after is not None)
    if after is not None:
        readings |= of_rows(pair, k, seed)
    if labels is not None:
        names, held_out = read_labels(labels, len(first))
        readings |= of_labels(pair, names[both.places], None if held_out is None else held_out[both.places], seed)
    result: dict[str, Any] = {"n": n, "dim": first.dim, "k": k}
    if second.dim != first.dim:
        result["dim_after"] = second.dim
    if both.coverage is not None and after is not None:
        result["coverage"] = both.coverage
    read = (first,) if after is None else (first, second)
    notes = [f"{source.file}: {note}" for source in read for note in source.notes]
    if notes:
        result["notes"] = notes
    return result | {"readings": {name: _plain(reading, after is not None) for name, reading in readings.items()}}


def _plain(reading: Reading, both: bool) -> dict[str, Any]:
    """A reading as JSON has it: numbers, null where undefined, and nothing that is not there."""
    if reading.name in PAIR_NAMES:
        found: dict[str, Any] = {"value": reading.value}
    else:
        found = {"before": reading.before} | ({"after": reading.after} if both else {})
    if reading.interval is not None and both:
        found["interval"] = list(reading.interval)
    if reading.p is not None and both:
        found["p"] = reading.p
    return found | ({"note": reading.note} if reading.note else {})
