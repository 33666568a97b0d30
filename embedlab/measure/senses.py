"""Can the senses of a word be told apart? Nearest centroid, nearest uses, silhouette, clustering (A16)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int, Int64

from embedlab.errors import MeasureError
from embedlab.measure.neighbours import nearest
from embedlab.measure.rows import checked, column_means, is_zero, slices, unit

Labels = Sequence[Any] | np.ndarray
STARTS = 3  # of KMeans on every balanced draw: the draws are five already


class Clustering(NamedTuple):
    """V measure and adjusted Rand index of KMeans against the true senses: mean and worst of the seeds."""

    v: float
    ari: float
    v_min: float
    ari_min: float


def _labels(y: Labels, n: int) -> np.ndarray:
    array = np.asarray(y)
    if array.shape != (n,):
        raise MeasureError(f"There are {n} rows and {array.size} sense labels: each row needs one.")
    return array


def centroid_predict(train: Float[np.ndarray, "n d"], y: Labels, test: Float[np.ndarray, "m d"]) -> np.ndarray:
    """The sense whose centroid (plain mean of its raw training vectors) has the highest cosine with each test row.

    Returns labels [m]; ties go to the first sense in sorted order. Source: A16; Loureiro et al. 2021 (1NN).

    >>> centroid_predict(np.array([[1.0, 0.0], [0.0, 1.0]]), ["river", "money"], np.array([[2.0, 1.0]])).tolist()
    ['river']
    """
    labels = _labels(y, len(checked(train, 1)))
    senses, of = np.unique(labels, return_inverse=True)
    centroids = np.stack([column_means(train[of == sense]) for sense in range(len(senses))])
    towards, test = unit(centroids).T, checked(test, 1)
    return senses[np.concatenate([(unit(test[b]) @ towards).round(12).argmax(axis=1) for b in slices(len(test))])]


def knn_predict(train: Float[np.ndarray, "n d"], y: Labels, test: Float[np.ndarray, "m d"], k: int = 5) -> np.ndarray:
    """The commonest sense among the k training rows of highest cosine; a draw goes to the first in sorted order.

    Returns labels [m]. Raises MeasureError where k exceeds the training rows. Source: A16.

    >>> knn_predict(np.array([[1.0, 0.0], [0.0, 1.0], [0.1, 1.0]]), [0, 1, 1], np.array([[0.0, 3.0]]), k=3).tolist()
    [1]
    """
    senses, of = np.unique(_labels(y, len(train)), return_inverse=True)
    votes = np.zeros((len(test), len(senses)), dtype=np.int64)
    near = nearest(train, k, queries=checked(test, 1))[0]
    np.add.at(votes, (np.arange(len(test))[:, None], of[near]), 1)
    return senses[votes.argmax(axis=1)]


def accuracy(y: Labels, predicted: Labels) -> float:
    """Share of rows whose predicted sense is the true one. Range [0, 1]; higher is better. Source: A16.

    >>> accuracy(["a", "b"], ["a", "a"])
    0.5
    """
    truth = np.asarray(y)
    if len(truth) == 0:
        raise MeasureError("There is no labelled test row to score.")
    return float((truth == _labels(predicted, len(truth))).mean())


def macro_f1(y: Labels, predicted: Labels, senses: Labels | None = None) -> float:
    """Unweighted mean over senses of 2 tp / (true + predicted); 0 for a sense never met (zero_division = 0).

    Range [0, 1]; higher is better; the leading score, since always saying the commonest sense has high accuracy.
    `senses`: all senses of the word; default those of y and predicted. Source: A16.

    >>> round(macro_f1(["a", "a", "b"], ["a", "a", "a"]), 6)
    0.4
    """
    truth = np.asarray(y)
    if len(truth) == 0:
        raise MeasureError("There is no labelled test row to score.")
    guess = _labels(predicted, len(truth))
    names = np.unique(np.concatenate([truth, guess])) if senses is None else np.unique(np.asarray(senses))
    true, said = truth[:, None] == names, guess[:, None] == names
    total = true.sum(0) + said.sum(0)
    return float((2 * (true & said).sum(0) / np.maximum(total, 1)).mean())


def _sense_rows(X: Float[np.ndarray, "n d"], y: Labels) -> tuple[Float64[np.ndarray, "m d"], np.ndarray, np.ndarray]:
    """Unit rows, sense number of each, and the senses, over the rows with a direction."""
    labels = _labels(y, len(checked(X)))
    kept = ~is_zero(X)
    senses, of = np.unique(labels[kept], return_inverse=True)
    if len(senses) < 2:
        raise MeasureError("All uses have the same sense, so there is nothing to separate.")
    return unit(X[kept]), of, senses


def silhouette_cosine_per_class(X: Float[np.ndarray, "n d"], y: Labels) -> dict[Any, float]:
    """Mean silhouette of each true sense: (b - a) / max(a, b), a = mean cosine distance to the own sense, b to the
    nearest other; 0 for a sense with one use. Exact in O(n senses d), since mean_j cos(x, x_j) = x . mean_j x_j^.

    Range [-1, 1] a sense; higher is better separated. Zero rows are left out. Source: A16; Rousseeuw 1987.

    >>> silhouette_cosine_per_class(np.array([[1.0, 0], [1, 0], [0, 1], [0, 2]]), ["a", "a", "b", "b"])
    {'a': 1.0, 'b': 1.0}
    """
    rows, of, senses = _sense_rows(X, y)
    size = np.bincount(of)
    sums = np.zeros((len(senses), rows.shape[1]))
    np.add.at(sums, of, rows)
    along = rows @ sums.T  # [row, sense]: sum of cosines with that sense
    each = np.arange(len(rows))
    own = (size[of] - along[each, of]) / np.maximum(size[of] - 1, 1)
    other = 1.0 - along / size
    other[each, of] = np.inf
    a, b = own.round(15).clip(0), other.min(axis=1).round(15).clip(0)
    largest = np.maximum(a, b)
    value = np.divide(b - a, largest, out=np.zeros(len(rows)), where=(largest > 0) & (size[of] > 1))
    means = np.bincount(of, weights=value) / size
    return {
        sense.item() if isinstance(sense, np.generic) else sense: float(m)
        for sense, m in zip(senses, means, strict=True)
    }


def silhouette_cosine_macro(X: Float[np.ndarray, "n d"], y: Labels) -> float:
    """Unweighted average over senses of silhouette_cosine_per_class: rare senses count as much as common ones.

    Range [-1, 1]; higher is better separated. Source: A16.

    >>> silhouette_cosine_macro(np.array([[1.0, 0], [1, 0], [0, 1], [0, 2]]), [0, 0, 1, 1])
    1.0
    """
    return float(np.mean(list(silhouette_cosine_per_class(X, y).values())))


def clustering_scores(X: Float[np.ndarray, "n d"], y: Labels, seeds: int = 5) -> Clustering:
    """KMeans on unit rows, k = the number of senses, on balanced draws (every sense as often as the rarest).

    v in [0, 1] (V measure), ari in [-0.5, 1] (adjusted Rand index); higher is better. Natural class sizes would hide a
    rare sense. Zero rows are left out. Raises MeasureError where a sense has fewer than two uses. Source: A16.

    >>> clustering_scores(np.array([[1.0, 0], [1, 0.1], [0, 1], [0.1, 1]]), [0, 0, 1, 1], seeds=2).ari
    1.0
    """
    from sklearn.cluster import KMeans

    if seeds < 1:
        raise MeasureError("Clustering needs at least one seed.")
    rows, of, senses = _sense_rows(X, y)
    least = int(np.bincount(of).min())
    if least < 2:
        raise MeasureError("One sense has a single use, and a balanced draw needs two of each: give more uses.")
    if len(np.unique(rows.round(12), axis=0)) < len(senses):
        raise MeasureError("There are fewer different vectors than senses, so they cannot be clustered.")
    scores = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        drawn = np.concatenate([rng.choice(np.flatnonzero(of == c), least, replace=False) for c in range(len(senses))])
        found = _kmeans(KMeans(len(senses), n_init=STARTS, random_state=seed), rows[drawn])
        scores.append(_agreement(of[drawn], found))
    v, ari = np.array(scores).T
    return Clustering(float(v.mean()), float(ari.mean()), float(v.min()), float(ari.min()))


def _agreement(one: Int64[np.ndarray, "n"], two: Int[np.ndarray, "n"]) -> tuple[float, float]:
    """(V measure, adjusted Rand index) of two partitions, from their table of counts.

    V = 2 I / (H1 + H2), I the mutual information (Rosenberg & Hirschberg 2007); ARI: Hubert & Arabie 1985.
    """
    table = np.zeros((int(one.max()) + 1, int(two.max()) + 1))
    np.add.at(table, (one, two), 1)
    n, rows, columns = len(one), table.sum(axis=1), table.sum(axis=0)
    shares = table[table > 0] / n
    by_chance = np.outer(rows, columns)[table > 0] / n**2
    entropies = sum(float(-(m[m > 0] / n * np.log(m[m > 0] / n)).sum()) for m in (rows, columns))
    v = 1.0 if entropies == 0 else 2 * float((shares * np.log(shares / by_chance)).sum()) / entropies
    pairs, of_rows, of_columns = (float((m * (m - 1)).sum()) / 2 for m in (table, rows, columns))
    expected, most = of_rows * of_columns / (n * (n - 1) / 2), (of_rows + of_columns) / 2
    return max(0.0, v), 1.0 if most == expected else (pairs - expected) / (most - expected)


def _kmeans(model: Any, rows: Float64[np.ndarray, "n d"]) -> np.ndarray:
    """Cluster numbers; a draw with fewer different points than clusters is no reason for a warning on the screen."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit_predict(rows)
