"""The bundled corpus, written for this project: senses in context, related pairs, everyday sentences (DATASHEET.md).

Beside it stand the results that come with EmbedLab, so that the first visit finds an answer: made beforehand by
`python -m embedlab demo --ship` from this corpus and the bundled model, without the tuned weights. With them come, as
snapshots of a workspace, the maps of everything and the groups of every layer, and the vectors of the last one.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embedlab.corpus import Columns
from embedlab.store import is_sealed

_HERE = Path(__file__).parent
RESULTS = _HERE / "results"

# How the demo fine-tunes: minutes on two cores, and enough steps to see senses part; three seeds for a noise floor.
RUN: Mapping[str, Any] = {"plan": "full", "steps": 60, "rate": 5e-5, "eval_every": 30}
SEEDS = 3


def senses_path() -> Path:
    """senses.csv: text, start, end (characters, end exclusive), target (headword), sense, topic."""
    return _HERE / "senses.csv"


def pairs_path() -> Path:
    """pairs.csv: text (what somebody asks) and answer (what answers it)."""
    return _HERE / "pairs.csv"


def canary_texts() -> tuple[str, ...]:
    """Everyday sentences far from the training data: a fine-tune that moves them has moved more than its task."""
    return tuple((_HERE / "canary.txt").read_text(encoding="utf-8").splitlines())


def results_folder() -> Path | None:
    """The results that come with EmbedLab, or None where they were left out."""
    return RESULTS if is_sealed(RESULTS) else None


def snapshots_folder() -> Path | None:
    """What goes with these results beside them, by the name that each has in a workspace; None where they were left
    out."""
    folder = results_folder()
    return None if folder is None else folder.parent / "snapshots"


CORPORA: tuple[tuple[Path, Columns], ...] = (  # the first is what the demo trains on
    (senses_path(), Columns(text="text", label="topic", target="target", start="start", end="end", sense="sense")),
    (pairs_path(), Columns(text="text", pair="answer")),
)
