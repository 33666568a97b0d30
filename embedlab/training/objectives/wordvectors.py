"""Raw text: vectors of words from the company they keep (word2vec: Mikolov et al. 2013; GloVe: Pennington et al. 2014).

Their own algorithms train a whole table, epoch by epoch, outside the loop of batches: see training/tablework.py. There
is no held-out score, since nothing in a text says which vector is right: the comparison shows what they learnt.
"""

from collections.abc import Sequence

import numpy as np

from embedlab.errors import TrainingError
from embedlab.training import batches
from embedlab.training.objectives.base import Examples, Material, Objective, whole
from embedlab.types import Corpus, RunConfig

FEWEST = 16


def applies(corpus: Corpus) -> str | None:
    if len({text for text in corpus.texts if len(text.split()) > 1}) < FEWEST:
        return "at least sixteen different texts of two words or more are needed."
    return None


def examples(corpus: Corpus, rows: Sequence[int]) -> Examples:
    return Examples(tuple(whole(corpus.texts[i], i) for i in rows))


def epoch(material: Material, config: RunConfig, rng: np.random.Generator) -> batches.Epoch:
    raise TrainingError("Word vectors are trained by a run of their own, with no other stage beside it.")


def _table(name: str, line: str) -> Objective:
    return Objective(name, line, "", ("text",), applies, examples, epoch, apart=True, reads="words", kinds=("table",))


SKIPGRAM = _table("skipgram", "Word vectors: from a word, say which others stand around it (word2vec skip-gram).")
CBOW = _table("cbow", "Word vectors: from those around it, say which word stands there (word2vec CBOW).")
GLOVE = _table("glove", "Word vectors: products that give how often two words stand together (GloVe).")
