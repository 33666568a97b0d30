"""Comparisons in which nothing changed."""

from collections import defaultdict
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.calibration.world import Claims, World, claims, compared, drawn, world
from embedlab import compare as comparing
from embedlab import corpus as corpora
from embedlab import verdict
from embedlab.lab import Lab
from embedlab.measure.words import MIN_USES, self_similarity
from embedlab.survey import Survey
from embedlab.types import Corpus


def null_of_seeds(world: World, number: int) -> Claims:
    before, after, others = drawn(world, np.random.default_rng([1, number]))
    return claims(compared(world, before, after, others, number))


class Occurrences:
    """Every word of the corpus at the last layer of the bundled model, once: what halves are drawn from."""

    def __init__(self, folder: Path, survey: Survey, corpus: Corpus, last: int) -> None:
        lab = Lab(folder / "workspace")
        snapshot = lab.embed("builtin", corpus.id, "all-words", layers=[last])
        self.vectors = snapshot.layers[0]
        surfaces = np.array([item.surface.lower() for item in snapshot.occurrences])
        self.rows_of = {word: np.flatnonzero(surfaces == word) for word in survey.words}
        self.rows_of = {word: rows for word, rows in self.rows_of.items() if len(rows) >= 4}
        texts = np.array([item.text for item in snapshot.occurrences])
        self.first_of_text = np.unique(texts, return_index=True)[1]
        place = {(item.text, item.start): i for i, item in enumerate(snapshot.occurrences)}
        held = corpora.held_out(corpus)
        self.groups: dict[tuple[str, str, bool], list[int]] = defaultdict(list)  # (word, sense, held out) -> uses
        self.use_row: dict[int, int] = {}
        for number, use in enumerate(survey.use_items):
            row = place.get((use.text, use.start))
            if row is not None and use.row is not None:
                self.use_row[number] = row
                self.groups[str(use.word), str(use.sense), bool(held[use.row])].append(number)


@cache
def occurrences(folder: str, seeds: int) -> Occurrences:
    here = world(folder, seeds)
    return Occurrences(Path(folder), here.surveys[0], here.corpus, here.last)


def null_of_halves(here: World, given: Occurrences, number: int) -> Claims:
    """The same model on two halves: what differs is which uses of a word, sense or corpus were drawn."""
    rng = np.random.default_rng([3, number])
    base = here.surveys[0]
    halves: tuple[dict[str, list[np.ndarray]], ...] = (defaultdict(list), defaultdict(list))
    uses: list[int] = []
    for members in given.groups.values():
        order = rng.permutation(members)[: len(members) // 2 * 2].reshape(2, -1)
        uses += order[0].tolist()
        for half, some in zip(halves, order, strict=True):
            half["uses"].append(np.array([given.use_row[i] for i in some]))
    words = list(given.rows_of)
    for word in words:
        rows = rng.permutation(given.rows_of[word])
        for half, some in zip(halves, (rows[: len(rows) // 2], rows[len(rows) // 2 :]), strict=True):
            half["words"].append(some)
    texts = rng.permutation(given.first_of_text)[: len(given.first_of_text) // 2 * 2].reshape(2, -1)
    made = [_half(base, given, words, uses, half, rows) for half, rows in zip(halves, texts, strict=True)]
    comparison = comparing.compare(made[0], made[1], here.corpus, seed=number)
    return claims(verdict.judged(comparison, made[0], made[1], here.corpus), paired=False)


def _half(
    base: Survey, given: Occurrences, words: list[str], uses: list[int], half: dict[str, list[np.ndarray]],
    ground: np.ndarray,
) -> Survey:  # fmt: skip
    """A survey of one layer that holds one half. Its own halves serve the control, as those of any survey."""
    vectors = given.vectors
    counts = np.array([len(rows) for rows in half["words"]])
    order = np.argsort(-np.array([len(given.rows_of[word]) for word in words]), kind="stable")
    n = len(ground)
    alone = np.full((1, n), np.nan)
    return replace(
        base,
        plan_id="halves",
        layers=base.layers[-1:],
        words=tuple(words[i] for i in order),
        counts=counts[order],
        seen_words=counts[order],
        word_means=(_means(vectors, [half["words"][i] for i in order]),),
        half_means=(_means(vectors, [half["words"][i][::2] for i in order]),),
        half_uses=np.array([len(half["words"][i][::2]) for i in order]),
        self_similarity=np.array([[_alike(vectors[half["words"][i]]) for i in order]]),
        background=(np.asarray(vectors[ground]),),
        seen_background=np.ones(n, dtype=bool),
        intra=alone,
        intra_null=alone,
        pieces=np.ones(n, dtype=np.int64),
        use_items=tuple(base.use_items[i] for i in uses),
        uses=(np.asarray(vectors[np.concatenate(half["uses"])]),),
        seen_uses=np.ones(len(uses), dtype=bool),
        texts=base.texts[-1:],  # whole texts stay as they are: regions are not asked of halves
        off_domain=np.zeros(0, dtype=np.int64),
    )


def _means(vectors: np.ndarray, members: list[np.ndarray]) -> np.ndarray:
    return np.stack([vectors[rows].mean(axis=0) for rows in members]).astype(np.float32)


def _alike(rows: np.ndarray) -> float:
    return self_similarity(rows) if len(rows) >= MIN_USES else np.nan
