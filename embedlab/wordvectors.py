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

from embedlab.compare import compare
from embedlab.corpus.limits import shown
from embedlab.expectations import Statement, check
from embedlab.survey import Survey
from embedlab.types import Comparison, Corpus, NoiseFloor
from embedlab.vectorfiles import VectorError
from embedlab.vectors.both import Both, float32
from embedlab.vectors.tables import table_survey
from embedlab.verdict import judged
from embedlab.wording import count

VERSION = 2  # of which rows are compared; raise it when the same files would give others
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


def compare_both(
    both: Both,
    *,
    k: int = 10,
    seed: int = 0,
    most: int | None = None,
    expect: Sequence[Statement] = (),
    id: str | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> Comparison:
    """The comparison of what two files share, of at most `most` rows (see `tables`).

    `expect`: statements about words and readings, checked as `expectations.check` does.
    Raises UserError for vectors too large for float32, and for a k larger than the words allow.
    """
    made = tables(both, most=most, seed=seed)
    words = len(made.before.words)
    if not 1 <= k < words:
        raise VectorError(f"--k is {k}, and {words:,} rows are compared: choose a k between 1 and {words - 1:,}.")
    found = compare(
        made.before, made.after, made.corpus, k=k, seed=seed, id=id, command=command, progress=progress,
    )  # fmt: skip
    provenance = replace(found.provenance, coverage=made.coverage)
    found = judged(replace(found, provenance=provenance, noise=FLOOR), made.before, made.after, made.corpus)
    found = replace(found, verdict=replace(found.verdict, task="NOT MEASURED", task_line=TASK_LINE))
    return replace(found, expectations=check(expect, found, made.before, made.after, made.corpus)) if expect else found


def tables(both: Both, *, most: int | None = None, seed: int = 0) -> Tables:
    """What two files share as surveys. Of more than `most` rows (None: MOST_WORDS) some are compared: coverage says.

    With names the first of before: tables of words are ordered by frequency. Without names a sample drawn by the
    seed: rows by place may be sorted by anything, and the first would stand for themselves alone.
    """
    n, used = len(both), min(len(both), MOST_WORDS if most is None else most)
    coverage: dict[str, int | float | str] = {
        "rows before": both.rows[0],
        "rows after": both.rows[1],
        "rows shared": n,
        "rows compared": used,
        "order": "that of before" if both.names is not None else "by place: neither file names its rows",
    }
    chosen = np.arange(used)
    if used < n and both.names is not None:
        coverage["rows left out"] = f"{count(n - used)} after the first {used:,}, which the time allows"
    elif used < n:
        chosen = np.sort(np.random.default_rng(seed).choice(n, used, replace=False))
        coverage["rows left out"] = f"{count(n - used)}: {used:,} were drawn by seed {seed}, which the time allows"
    for side, notes in zip(("before", "after"), both.notes, strict=True):
        coverage |= {f"note {number} on {side}": note for number, note in enumerate(notes, 1)}
    names = [both.name(row) for row in chosen.tolist()]
    plan = hashlib.sha256("\n".join(names).encode("utf-8", "surrogatepass")).hexdigest()
    before, after = (
        table_survey(source, float32(rows if used == n else rows[chosen], source), names=names, plan=plan, seed=seed)
        for source, rows in zip(both.sources, (both.before, both.after), strict=True)
    )
    one, two = (shown(Path(source).name) for source in both.sources)
    return Tables(before, after, Corpus(plan, f"no corpus: {one} and {two}", ()), coverage)
