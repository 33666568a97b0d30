"""Compare without a corpus: two files of named vectors, word by word, through the same comparison as two models.

The names both files have are the words, one vector each, in the order of the file before; rows without names are known
by their number. Nothing here reads a text, so what needs texts (uses, senses, the task, forgetting) is not
measured, and says so; of the space only a collapse is judged.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from embedlab.compare import compare
from embedlab.corpus.limits import shown
from embedlab.expectations import Statement, check
from embedlab.survey import Survey
from embedlab.types import Comparison, Corpus, NoiseFloor
from embedlab.vectorfiles import VectorError
from embedlab.vectors import load_vectors, matched
from embedlab.vectors.tables import table_survey
from embedlab.verdict import judged
from embedlab.wording import count

MOST_WORDS = 50_000  # compared: the time grows with the square, and 50,000 take minutes
TASK_LINE = "Two tables of vectors hold no held-out data to test on: the task was not measured."
FLOOR = NoiseFloor(
    "control",
    "Of each word one vector is known, and none of its uses: what noise alone would change is unknown, so no word is "
    "called changed.",
)

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Tables:
    """Two files as surveys of the same words, an empty corpus that goes with them, and what was left out."""

    before: Survey
    after: Survey
    corpus: Corpus
    coverage: dict[str, int | float | str]


def compare_files(
    before: Path,
    after: Path,
    *,
    k: int = 10,
    seed: int = 0,
    layer: int | None = None,
    most: int = MOST_WORDS,
    expect: Sequence[Statement] = (),
    id: str | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> Comparison:
    """The comparison of two files (or folders of `embed --out`, at `layer`) on the names they share.

    At most `most` names are compared, the first of before: tables are ordered by frequency, and the coverage says so.
    `expect`: statements about words and readings, checked as `expectations.check` does.
    Raises UserError for files that cannot be read or share too little, and for a k larger than the words allow.
    """
    report = progress or (lambda _share, _what: None)
    report(0.0, "reading the vectors")
    made = tables(before, after, layer=layer, most=most, seed=seed)
    words = len(made.before.words)
    if not 1 <= k < words:
        raise VectorError(f"--k is {k}, and {words:,} rows are compared: choose a k between 1 and {words - 1:,}.")
    found = compare(
        made.before, made.after, made.corpus, k=k, seed=seed, id=id, command=command,
        progress=lambda share, what: report(0.2 + 0.8 * share, what),
    )  # fmt: skip
    provenance = replace(found.provenance, coverage=made.coverage)
    found = judged(replace(found, provenance=provenance, noise=FLOOR), made.before, made.after, made.corpus)
    found = replace(found, verdict=replace(found.verdict, task="NOT MEASURED", task_line=TASK_LINE))
    return replace(found, expectations=check(expect, found, made.before, made.after, made.corpus)) if expect else found


def tables(before: Path, after: Path, *, layer: int | None = None, most: int = MOST_WORDS, seed: int = 0) -> Tables:
    """Both files as surveys of their shared names. Raises UserError as `compare_files` does."""
    first, second = load_vectors(before, layer=layer), load_vectors(after, layer=layer)
    both = matched(first, second)
    names = both.names or tuple(str(row) for row in range(1, len(both.before) + 1))
    used = min(len(names), most)
    coverage: dict[str, int | float | str] = {
        "rows before": len(first),
        "rows after": len(second),
        "rows shared": len(names),
        "rows compared": used,
        "order": "that of before" if both.names is not None else "by place: neither file names its rows",
    }
    if used < len(names):
        coverage["rows left out"] = f"{count(len(names) - used)} after the first {used:,}, which the time allows"
    for side, notes in (("before", first.notes), ("after", second.notes)):
        coverage |= {f"note {number} on {side}": note for number, note in enumerate(notes, 1)}
    plan = hashlib.sha256("\n".join(names[:used]).encode("utf-8", "surrogatepass")).hexdigest()
    surveys = [
        table_survey(str(path), _float32(rows[:used], path.name), names=names[:used], plan=plan, seed=seed)
        for path, rows in ((before, both.before), (after, both.after))
    ]
    corpus = Corpus(plan, f"no corpus: {shown(before.name)} and {shown(after.name)}", ())
    return Tables(surveys[0], surveys[1], corpus, coverage)


def _float32(rows: Float[np.ndarray, "n d"], source: str) -> Float32[np.ndarray, "n d"]:
    with np.errstate(over="ignore"):
        vectors = np.ascontiguousarray(rows, dtype=np.float32)
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite)) + 1
        raise VectorError(
            f"{shown(source)}, row {row:,} of those compared is too large for float32: scale the vectors."
        )
    return vectors
