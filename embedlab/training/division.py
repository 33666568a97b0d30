"""What of a corpus is trained on, what chooses the best step, and what only reports. Torch-free."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from embedlab import corpus as corpora
from embedlab.training.objectives import Division, objective
from embedlab.types import Corpus, RunConfig

FEWEST_SELECTION = 10  # rows below which a choice between steps would be chance


def divide(corpus: Corpus, names: Sequence[str]) -> dict[str, Division]:
    """The division of every objective of a plan; the last one's is what is scored. Raises TrainingError.

    No rows are set aside to choose the best step where fewer than FEWEST_SELECTION of them could be scored.
    """
    held, selection = corpora.held_out(corpus), corpora.selection(corpus)
    if _with_a_choice(objective(names[-1]).split(corpus, held, selection)) < FEWEST_SELECTION:
        selection = np.zeros(len(corpus), dtype=bool)
    return {name: objective(name).split(corpus, held, selection) for name in dict.fromkeys(names)}


def trained_rows(corpus: Corpus, config: RunConfig) -> Bool[np.ndarray, "row"]:
    """[row] True where a run of this config trains on it."""
    trained = np.zeros(len(corpus), dtype=bool)
    for division in divide(corpus, [stage.objective for stage in config.stages]).values():
        trained[[use.row for use in division.train.uses if use.row is not None]] = True
    return trained


def _with_a_choice(division: Division) -> int:
    """How many selection examples can be right or wrong: their word has two classes to choose between."""
    train, asked = division.train, division.selection
    if not asked.classes:
        return len(asked)
    known: dict[str, set[str]] = defaultdict(set)
    for word, of_class in zip(train.words or ("",) * len(train), train.classes, strict=True):
        known[word].add(of_class)
    return sum(len(known[word]) > 1 for word in asked.words or ("",) * len(asked))
