"""Models that differ by the noise of a seed alone are told apart from before no more than 5 % of the time."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom

from embedlab.comparing.intervals import combined
from embedlab.comparing.senses import targets_of
from embedlab.measure.senses import centroid_predict, macro_f1
from embedlab.measure.uncertainty import bootstrap_macro_f1
from embedlab.types import Comparison, Corpus, LayerReadings, Occurrence, Reading, Uses
from embedlab.verdict.labels import label_score
from embedlab.verdict.pairs import pair_score
from embedlab.verdict.senses import sense_score
from embedlab.verdict.space import space
from embedlab.verdict.states import States
from embedlab.verdict.task import judge
from tests.verdict.made import LAYER, State, bare, label_corpus, pair_corpus

ROUNDS = 100
MOST = int(binom.ppf(0.99, ROUNDS, 0.05))  # false alarms that a true rate of 5 % stays within, 99 times of 100
FOUND = 20
USES, WORDS = 240, 4
LABELS = label_corpus([f"l{i % 4}" for i in range(200)], [i % 3 == 0 for i in range(200)])
PAIRS = pair_corpus(60, 50)
SENSES = Corpus("f" * 64, "senses", ("a", "b"))
Recipe = Callable[[np.random.Generator, float], Callable[[], State]]


def topics(rng: np.random.Generator, strength: float) -> Callable[[], State]:
    """A recipe: texts about four topics, so far apart. A call is a seed: the same texts, scattered otherwise."""
    base = strength * np.eye(8)[np.arange(200) % 4] + rng.normal(size=(200, 8))
    return lambda: State(base + 0.5 * rng.normal(size=base.shape))


def partners(rng: np.random.Generator, nearness: float) -> Callable[[], State]:
    """A recipe: texts and their partners, so near."""
    base = rng.normal(size=(60, 12))
    rows = np.vstack([base, base + rng.normal(size=base.shape) / nearness])
    return lambda: State(rows + 0.3 * rng.normal(size=rows.shape))


def senses(rng: np.random.Generator, strength: float) -> Callable[[], State]:
    """A recipe: words of two senses, so far apart, the second a third of the uses."""
    rare = np.arange(USES) % 3 == 2
    base = strength * np.where(rare, 1.0, -1.0)[:, None] * np.eye(8)[0] + rng.normal(size=(USES, 8))
    items = tuple(
        Occurrence(f"use {i}", 0, 3, "rare" if one else "common", f"w{i * WORDS // USES}", i)
        for i, one in enumerate(rare)
    )
    return lambda: State(base[:2], use_items=items, use_vectors=base + 0.3 * rng.normal(size=base.shape))


def sense_comparison(before: State, after: State) -> Comparison:
    """What a comparison says of the senses, by the measures that it uses."""
    held, name = np.arange(USES) % 4 == 3, "wsd_centroid_macro_f1"
    said, of_word = np.full((2, USES), "", dtype=object), {}
    for target in targets_of(before.use_items, held):
        for side, state in enumerate((before, after)):
            x = state.uses[0][target.rows]
            said[side, target.rows] = centroid_predict(x[target.train], target.senses[target.train], x)
        known, truth, (one, two) = ["common", "rare"], target.senses[target.test], said[:, target.rows[target.test]]
        interval = bootstrap_macro_f1(truth, one, two, draws=1000, senses=known)
        scores = [macro_f1(truth, guess, senses=known) for guess in (one, two)]
        of_word[target.word] = Reading(name, *scores, interval=interval)
    means = np.mean([(r.before, r.after) for r in of_word.values()], axis=0)
    changes, ends = [r.after - r.before for r in of_word.values()], [r.interval for r in of_word.values()]
    leading = Reading(name, *means.tolist(), interval=combined(changes, ends, [1 / WORDS] * WORDS))
    still = np.zeros((1, USES), dtype=np.float32)
    uses = Uses(before.use_items, held, still, still, (tuple(said[0]),), (tuple(said[1]),))
    words = {word: (LayerReadings(LAYER, {name: reading}),) for word, reading in of_word.items()}
    return bare(leading, uses=uses, senses=words)


def said(corpus: Corpus, *states: State) -> str:
    before, after, *replicates = states
    made = sense_comparison(before, after) if corpus is SENSES else bare()
    all_states = States(made, before, after, corpus, tuple(replicates))  # type: ignore[arg-type]
    score = sense_score(all_states) or label_score(all_states) or pair_score(all_states)
    assert score is not None
    return judge(score)


@pytest.mark.parametrize(("corpus", "recipe"), [(SENSES, senses), (LABELS, topics), (PAIRS, partners)])
def test_seeds_of_one_recipe_are_no_evidence(corpus: Corpus, recipe: Recipe) -> None:
    """A fourth seed plays before; after is one of three."""
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(ROUNDS):
        run = recipe(rng, 0.8)
        alarms += said(corpus, *(run() for _ in range(4))) != "NO EVIDENCE"
    assert alarms <= MOST


@pytest.mark.parametrize(
    ("corpus", "recipe", "weak", "strong"),
    [(SENSES, senses, 0.3, 2.5), (LABELS, topics, 0.8, 3.2), (PAIRS, partners, 0.7, 5.0)],
)
def test_planted_help_and_harm_are_found(corpus: Corpus, recipe: Recipe, weak: float, strong: float) -> None:
    """Senses and topics four to eight times as far apart, partners seven times as near: found 19 of 20, both ways."""
    rng = np.random.default_rng(2)
    found = {"HELPED": 0, "HARMED": 0}
    for _ in range(FOUND):
        dim, clear = recipe(rng, weak), recipe(rng, strong)
        found["HELPED"] += said(corpus, dim(), *(clear() for _ in range(3))) == "HELPED"
        found["HARMED"] += said(corpus, clear(), *(dim() for _ in range(3))) == "HARMED"
    assert min(found.values()) >= 0.95 * FOUND


def test_a_recipe_that_scatters_the_space_is_no_collateral_of_one_of_its_seeds() -> None:
    """Seeds share a third of the off-domain neighbours, and off-domain texts move most: one seed does as the others.

    That it forgot what the other seed knew is a fact all the same.
    """
    rng, home, off = np.random.default_rng(3), 60, 60
    corpus, scatter = label_corpus(["a"] * home, [False] * home), np.repeat([0.3, 1.0], [home, off])[:, None]
    alarms = 0
    for _ in range(ROUNDS):
        base = rng.normal(size=(home + off, 16))
        before, after, *others = (State(base + scatter * rng.normal(size=base.shape), off=off) for _ in range(4))
        states = States(bare(), before, after, corpus, tuple(others))  # type: ignore[arg-type]
        alarms += bool({*space(states, np.ones(home, dtype=bool)).findings} - {"FORGETTING"})
    assert alarms <= MOST
