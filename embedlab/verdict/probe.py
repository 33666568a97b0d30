"""A probe on frozen embeddings: how well a plain linear model reads labels off vectors that stay as they are."""

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float

from embedlab.measure.rows import slices

STEPS = 1_000


def strength(width: int) -> float:
    """C = 10 / d: before any data is seen a label's score has a spread of about 3 whatever the width d, so that models
    of unlike width are held back alike; the data outweigh it as rows grow."""
    return 10 / width


def probe_predict(train: Float[np.ndarray, "n d"], labels: np.ndarray, test: Float[np.ndarray, "m d"]) -> np.ndarray:
    """Labels [m] by L2-regularised logistic regression on features of mean 0 and variance 1 over the training rows.

    C = `strength`(d). Nothing is drawn by lot: the problem is convex, solved by L-BFGS in float64.
    Source: the protocol of SentEval (Conneau & Kiela 2018).

    >>> probe_predict(np.array([[0.0], [0.1], [1.0], [1.1]]), np.array(list("aabb")), np.array([[0.2], [2.0]])).tolist()
    ['a', 'b']
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model: Any = make_pipeline(StandardScaler(), LogisticRegression(C=strength(train.shape[1]), max_iter=STEPS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a probe still turning after 1,000 steps has its answers
        model.fit(train.astype(np.float64), labels)
    parts = [model.predict(test[part].astype(np.float64)) for part in slices(len(test))]
    return np.concatenate(parts) if parts else np.array([], dtype=labels.dtype)
