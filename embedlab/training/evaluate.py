"""The scores of a run, on held-out and on selection rows: the same function before the first step and ever after.

All scores but that of mlm read the frozen vectors and need no head, so before and after compare like with like. Each
takes several sides at once, so that the training rows behind the centroids are read once. Rows that a large corpus has
too many of are sampled, by a fixed seed: the same rows every time.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, Int64
from scipy.stats import rankdata

from embedlab.errors import TrainingError
from embedlab.measure.senses import accuracy, centroid_predict, macro_f1
from embedlab.training import losses
from embedlab.training.batches import cut
from embedlab.training.objectives import Examples, Material, Score, hide
from embedlab.training.pieces import Pieces
from embedlab.training.trainable import Trainable, reading

MOST_SCORED = 2000  # rows of a side scored: a standard error of one point, in seconds
MOST_A_CLASS = 50  # training rows behind a centroid: more hardly move it
READ_TOKENS = 2048  # padded tokens a forward pass without gradients
EQUAL = 1e-6  # cosines as near as this differ by the order of summing
SCORED_SHARE = 0.15  # pieces hidden for the score, whatever the run hides: scores of all runs compare
MOST_NATS = 700.0  # a perplexity beyond e^700 is no number any more


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
    x, scores = vectors(model, train.sides[0]), []
    for side in sides:
        y = vectors(model, side.sides[0])
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
    x = vectors(model, train.sides[0])
    return [_by_centroid(train, x, side, vectors(model, side.sides[0])) for side in sides]


def _pairs(model: Trainable, known: Material, sides: Sequence[Material]) -> list[Score]:
    """MRR and recall@1 of each side by itself."""
    return [_retrieval(model, side) for side in sides]


def _retrieval(model: Trainable, side: Material) -> Score:
    """Each text looks for its partner among all partners of its side, and the hard negatives where there are such.

    A rival counts as ahead when it is as near (a space fallen into one point scores chance, not 1). The text itself
    and its other partners are no rivals.
    """
    a, *rest = (vectors(model, pieces) for pieces in side.sides)
    code_a, codes = side.codes[:, 0], side.codes[:, 1:].T.ravel()
    found, first = np.unique(codes, return_index=True)
    first = first[found >= 0]
    no_rival = _no_rival(code_a, side.codes[:, 1], codes[first])
    rank = reciprocal_ranks(a, rest[0], np.concatenate(rest)[first], no_rival)
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
    ahead = (a @ candidates.T >= own[:, None] - EQUAL) & ~no_rival
    return (1.0 / (1 + ahead.sum(1))).astype(np.float32)


def _triplets(model: Trainable, known: Material, sides: Sequence[Material]) -> list[Score]:
    """Share of triplets whose partner is nearer than the negative; equally near ones count half, which is chance."""
    scores = []
    for side in sides:
        a, partner, negative = (vectors(model, pieces) for pieces in side.sides)
        ahead = cosines(a, partner) - cosines(a, negative)
        right = np.where(np.abs(ahead) <= EQUAL, 0.5, ahead > 0)
        scores.append(Score(float(right.mean()), {"cosine ahead": float(ahead.mean())}))
    return scores


def _scored(model: Trainable, known: Material, sides: Sequence[Material]) -> list[Score]:
    """Spearman's rank correlation of cosine and score, in [-1, 1]; beside it Pearson's. 0 where either has no order."""
    scores = []
    for side in sides:
        assert side.scores is not None, "scored material has scores"
        a, b = (vectors(model, pieces) for pieces in side.sides)
        found, wanted = cosines(a, b).round(6), side.scores.astype(np.float64)
        parts = {"correlation (Pearson)": correlation(found, wanted)}
        scores.append(Score(correlation(rankdata(found), rankdata(wanted)), parts))
    return scores


def _mlm(model: Trainable, known: Material, sides: Sequence[Material]) -> list[Score]:
    """Share of hidden pieces that the head names first; beside it the perplexity, and what guessing would find.

    The same pieces are hidden every time, 15 % of each text and all behind the mask, whatever the run hides. It needs
    the head: where the start model brought none, the score before says what a fresh head can read off the vectors.
    """
    pieces, counts = np.unique(np.concatenate(known.sides[0].ids), return_counts=True)
    return [_found(model, side, pieces[np.argsort(-counts, kind="stable")]) for side in sides]


def _found(model: Trainable, side: Material, by_frequency: Int64[np.ndarray, "piece"]) -> Score:
    assert side.vocabulary is not None, "material of this objective has a vocabulary"
    masked = hide(side.sides[0], side.vocabulary, SCORED_SHARE, np.random.default_rng(0), plain=True)
    right, nats = 0, 0.0
    lengths = masked.pieces.lengths
    with reading(model):
        for rows in cut(np.argsort(lengths, kind="stable").tolist(), lengths, READ_TOKENS, READ_TOKENS):
            part = masked.take(rows)
            logits, target = losses.piece_logits(model, part).float(), model.tensor(part.target)
            right += int((logits.argmax(-1) == target).sum())
            nats += float(torch.nn.functional.cross_entropy(logits, target, reduction="sum"))
    ordinary = by_frequency[np.isin(by_frequency, side.vocabulary.ordinary)]
    guess = float(np.mean(masked.target == ordinary[0])) if len(ordinary) else 0.0
    parts = {"perplexity": math.exp(min(nats / len(masked), MOST_NATS)), "always the commonest piece": guess}
    return Score(right / len(masked), {**parts, "hidden pieces": float(len(masked))})


def cosines(a: Float32[np.ndarray, "n d"], b: Float32[np.ndarray, "n d"]) -> Float64[np.ndarray, "n"]:
    """Row by row; 0 where a vector is zero."""
    sizes = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.einsum("nd,nd->n", a, b, dtype=np.float64) / np.maximum(sizes, 1e-12)


def correlation(x: Float64[np.ndarray, "n"], y: Float64[np.ndarray, "n"]) -> float:
    """Pearson's, in [-1, 1]; 0 where one of them is constant."""
    x, y = x - x.mean(), y - y.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(np.clip(x @ y / size, -1.0, 1.0)) if size > 0 else 0.0


SCORES: dict[str, Callable[[Trainable, Material, Sequence[Material]], list[Score]]] = {
    "labels": _labels,
    "pairs": _pairs,
    "triplets": _triplets,
    "scored": _scored,
    "simcse": _pairs,  # of a text, the first half looks for the second: see objectives.simcse
    "mlm": _mlm,
    "senses": _senses,
}
