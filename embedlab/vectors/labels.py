"""Can the labels be told apart? The readings of A16 with labels in the place of senses."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Bool

from embedlab.comparing.intervals import DRAWS, Interval
from embedlab.comparing.sides import Pair, defined
from embedlab.errors import MeasureError
from embedlab.measure import senses
from embedlab.measure.uncertainty import bootstrap_macro_f1, mcnemar, paired_bootstrap
from embedlab.types import Reading
from embedlab.vectorfiles import VectorError
from embedlab.vectors.pairs import INTERVAL_ROWS
from embedlab.vectors.spaces import Readings

KNN = 5  # neighbours that vote for a label (A16)
HELD_OUT = 0.25
MAX_LABELS = 1_000
CLUSTERING_WORK = 5_000_000  # rows x labels


def stratified(labels: np.ndarray, seed: int, share: float = HELD_OUT) -> Bool[np.ndarray, "n"]:
    """Which rows are held out: `share` of every label, at least one and never all; a label's only row stays in."""
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if len(rows) > 1:
            held_out[rng.permutation(rows)[: min(len(rows) - 1, max(1, round(share * len(rows))))]] = True
    return held_out


def of_labels(pair: Pair, labels: np.ndarray, held_out: np.ndarray | None, seed: int) -> Readings:
    """Can the labels be told apart? Scores on held-out rows; silhouette and clustering on all of them (A16)."""
    kinds = len(np.unique(labels))
    if kinds > MAX_LABELS:
        raise VectorError(f"There are {kinds:,} different labels, more than {MAX_LABELS:,}: give groups, not names.")
    how = "the file's own split"
    if held_out is None:
        held_out, how = stratified(labels, seed), f"{HELD_OUT:.0%} of every label, drawn by the seed"
    train = ~held_out
    note = f"Tested on {int(held_out.sum()):,} held-out rows ({how}), trained on {int(train.sum()):,}."
    return (
        _scores(pair, "centroid", senses.centroid_predict, labels, train, note, seed)
        | _scores(pair, "knn", _vote, labels, train, note, seed)
        | {"silhouette_cosine_macro": _silhouette(pair, labels)}
        | _clustering(pair, labels, kinds)
    )


def _vote(rows: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    return np.asarray(senses.knn_predict(rows, labels, asked, k=min(KNN, len(rows))))


def _why_not(labels: np.ndarray, train: Bool[np.ndarray, "n"]) -> str | None:
    if len(np.unique(labels[train])) < 2:
        return "Fewer than two labels have rows to learn from."
    return "No row is held out to be tested on." if train.all() else None


def _scores(
    pair: Pair,
    kind: str,
    predict: Callable[..., np.ndarray],
    labels: np.ndarray,
    train: Bool[np.ndarray, "n"],
    note: str,
    seed: int,
) -> Readings:
    """Accuracy and macro-F1 of one way to predict; paired bootstrap over the held-out rows for the change."""
    names = [f"wsd_{kind}_accuracy", f"wsd_{kind}_macro_f1"]
    why = _why_not(labels, train)
    if why is not None:
        return {name: Reading(name, note=why) for name in names}
    truth = labels[~train]
    one, two = _each(pair, lambda rows: predict(rows[train], labels[train], rows[~train]))
    intervals: list[Interval | None] = [(0.0, 0.0), (0.0, 0.0)]
    if len(truth) > INTERVAL_ROWS:
        intervals = [None, None]
    elif not np.array_equal(one, two):
        was, now = ((guess == truth).astype(np.float64) for guess in (one, two))
        intervals = [paired_bootstrap(was, now, draws=DRAWS, seed=seed), bootstrap_macro_f1(truth, one, two, seed=seed)]
    found: Readings = {}
    for name, score, interval in zip(names, (senses.accuracy, senses.macro_f1), intervals, strict=True):
        found[name] = Reading(name, float(score(truth, one)), float(score(truth, two)), interval=interval, note=note)
    accuracy = found[names[0]]
    p = mcnemar(one == truth, two == truth).p
    return found | {accuracy.name: replace(accuracy, p=p, note=f"{note} p: McNemar, exact.")}


def _each(pair: Pair, of: Callable[[np.ndarray], Any]) -> tuple[Any, Any]:
    """The same of both spaces; once where they are equal, so that nothing can differ."""
    one = of(pair.before)
    return one, one if pair.same else of(pair.after)


def _silhouette(pair: Pair, labels: np.ndarray) -> Reading:
    one, two = _each(pair, lambda rows: defined(lambda: senses.silhouette_cosine_macro(rows, labels)))
    still = (0.0, 0.0) if pair.same and one[0] is not None else None
    return Reading("silhouette_cosine_macro", one[0], two[0], interval=still, note=one[1] or two[1])


def _clustering(pair: Pair, labels: np.ndarray, kinds: int) -> Readings:
    names = ("clustering_v", "clustering_ari")
    if kinds * len(labels) > CLUSTERING_WORK:
        too_much = "Clustering so many rows into so many labels takes too long: give a sample."
        return {name: Reading(name, note=too_much) for name in names}
    try:
        one, two = _each(pair, lambda rows: senses.clustering_scores(rows, labels))
    except MeasureError as error:
        return {name: Reading(name, note=str(error)) for name in names}
    still, note = (0.0, 0.0) if pair.same else None, "KMeans on balanced draws, mean of 5 seeds."
    return {
        "clustering_v": Reading("clustering_v", one.v, two.v, interval=still, note=note),
        "clustering_ari": Reading("clustering_ari", one.ari, two.ari, interval=still, note=note),
    }
