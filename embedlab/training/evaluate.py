"""The scores of a run, on held-out and on selection rows: the same function before the first step and ever after.

All three scores read the frozen vectors and need no head, so before and after compare like with like. Each takes
several sides at once, so that the training rows behind the centroids are read once. Rows that a large corpus has too
many of are sampled, by a fixed seed: the same rows every time.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float32

from embedlab.errors import TrainingError
from embedlab.measure.senses import accuracy, centroid_predict, macro_f1
from embedlab.training.batches import cut
from embedlab.training.objectives import Examples, Material, Score
from embedlab.training.pieces import Pieces
from embedlab.training.trainable import Trainable, reading

MOST_SCORED = 2000  # rows of a side scored: a standard error of one point, in seconds
MOST_A_CLASS = 50  # training rows behind a centroid: more hardly move it
READ_TOKENS = 2048  # padded tokens a forward pass without gradients


def sample(examples: Examples, *, centroids: bool) -> Examples:
    """The rows that are scored, or that make centroids, of more than it takes; the same ones every time."""
    order = np.random.default_rng(0).permutation(len(examples))
    if not centroids or not examples.classes:
        return examples.take(np.sort(order[:MOST_SCORED]).tolist())
    taken: dict[tuple[str, str], int] = {}
    rows = []
    for row in order.tolist():
        key = (examples.words[row] if examples.words else "", examples.classes[row])
        taken[key] = taken.get(key, 0) + 1
        if taken[key] <= MOST_A_CLASS:
            rows.append(row)
    return examples.take(sorted(rows))


def vectors(model: Trainable, pieces: Pieces) -> Float32[np.ndarray, "n d"]:
    """Frozen vectors of all rows, in their order, in fp32."""
    order = np.argsort(pieces.lengths, kind="stable")
    out: Float32[np.ndarray, "n d"] | None = None
    with reading(model):
        for batch in cut(order.tolist(), pieces.lengths, READ_TOKENS, READ_TOKENS):
            block = model.vectors(pieces[batch]).cpu().numpy()
            if out is None:
                out = np.empty((len(pieces), block.shape[1]), dtype=np.float32)
            out[batch] = block
    if out is None:
        raise ValueError("there is nothing to read")
    return out


def _by_centroid(
    known: Material, x: Float32[np.ndarray, "n d"], side: Material, y: Float32[np.ndarray, "m d"]
) -> Score:
    """Nearest class centroid within each word (one nameless word for labels), mean over the words with a choice."""
    classes, truth = np.array(known.examples.classes), np.array(side.examples.classes)
    words, asked = (np.array(e.words or ("",) * len(e)) for e in (known.examples, side.examples))
    f1, right = [], []
    for word in np.unique(asked):
        of_word, rows = words == word, np.flatnonzero(asked == word)
        if len(np.unique(classes[of_word])) < 2:
            continue
        predicted = centroid_predict(x[of_word], classes[of_word], y[rows])
        f1.append(float(macro_f1(truth[rows], predicted)))
        right.append(float(accuracy(truth[rows], predicted)))
    if not f1:
        raise TrainingError("No held-out row has two classes to choose between: give more rows, or other splits.")
    return Score(float(np.mean(f1)), {"accuracy": float(np.mean(right))})


def _labels(model: Trainable, train: Material, sides: Sequence[Material]) -> list[Score]:
    """Macro-F1 of the nearest label centroid; beside it how often the head is right, once there is one."""
    x, scores = vectors(model, train.pieces), []
    for side in sides:
        y = vectors(model, side.pieces)
        score = _by_centroid(train, x, side, y)
        if model.head is not None:
            with reading(model):
                logits = model.head(model.tensor(y)).cpu().numpy()
            predicted = np.array(model.classes)[logits.argmax(1)]
            right = float(np.mean(predicted == np.array(side.examples.classes)))
            score = Score(score.value, {**score.parts, "accuracy of the head": right})
        scores.append(score)
    return scores


def _senses(model: Trainable, train: Material, sides: Sequence[Material]) -> list[Score]:
    x = vectors(model, train.pieces)
    return [_by_centroid(train, x, side, vectors(model, side.pieces)) for side in sides]


def _pairs(model: Trainable, train: Material, sides: Sequence[Material]) -> list[Score]:
    """MRR and recall@1 of each side by itself."""
    return [_retrieval(model, side) for side in sides]


def _retrieval(model: Trainable, side: Material) -> Score:
    """Each text looks for its partner among all partners of its side.

    A rival counts as ahead when it is as near (a space fallen into one point scores chance, not 1). The text itself
    and its other partners are no rivals.
    """
    if side.partner_pieces is None:
        raise ValueError("pairs have partners")
    a, b = vectors(model, side.pieces), vectors(model, side.partner_pieces)
    code_a, code_b = side.codes[:, 0], side.codes[:, 1]
    _, first = np.unique(code_b, return_index=True)
    rank = reciprocal_ranks(a, b, b[first], _no_rival(code_a, code_b, code_b[first]))
    return Score(float(rank.mean()), {"recall@1": float(np.mean(rank == 1.0)), "candidates": float(len(first))})


def _no_rival(code_a: np.ndarray, code_b: np.ndarray, candidates: np.ndarray) -> Bool[np.ndarray, "n c"]:
    """Which candidates are no wrong answer for a row: its own text, its partner, and other partners of its text."""
    none = (code_a[:, None] == candidates[None]) | (code_b[:, None] == candidates[None])
    for code in np.unique(code_a):
        rows = np.flatnonzero(code_a == code)
        if len(rows) > 1:
            none[rows] |= np.isin(candidates, code_b[rows])[None]
    return none


def reciprocal_ranks(
    a: Float32[np.ndarray, "n d"],
    b: Float32[np.ndarray, "n d"],
    candidates: Float32[np.ndarray, "c d"],
    no_rival: Bool[np.ndarray, "n c"],
) -> Float32[np.ndarray, "n"]:
    """1 / (1 + how many rivals are at least as near to a[i] as b[i] is), by cosine."""
    a, b, candidates = (v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12) for v in (a, b, candidates))
    own = np.einsum("nd,nd->n", a, b)
    ahead = (a @ candidates.T >= own[:, None] - 1e-6) & ~no_rival  # 1e-6: equal, but for the order of summing
    return (1.0 / (1 + ahead.sum(1))).astype(np.float32)


SCORES: dict[str, Callable[[Trainable, Material, Sequence[Material]], list[Score]]] = {
    "labels": _labels,
    "pairs": _pairs,
    "senses": _senses,
}
