"""Other seeds of the recipe, or two halves of the uses: what is called changed, and what stays grey."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embedlab import compare as comparing
from embedlab import survey
from embedlab.comparing.noise import reading_noise
from embedlab.comparing.sides import side_by_side
from embedlab.errors import UserError
from embedlab.measure import neighbours
from embedlab.measure.noise import pair_noise, seed_noise
from embedlab.survey import Survey
from embedlab.types import Comparison, Corpus, Reading
from tests.fakes import FakeEncoder, sense_corpus

WIDE = (48, 64, 64)  # in few dimensions fifty words are everybody's neighbours
MOVED = {"water": "loan", "cable": "nest", "wing": "cash", "vault": "hook"}
NOISE = 0.05


class SeededEncoder(FakeEncoder):
    """A fine-tuning with a seed: every word's vector is a little off, by chance, `restless` words by much more."""

    def __init__(self, seed: int, *, noise: float = NOISE, restless: tuple[str, ...] = (), **fake: object) -> None:
        super().__init__(0.3, dims=WIDE, **fake)  # type: ignore[arg-type]
        self.seed, self.noise, self.restless = seed, noise, restless
        self.spec = replace(self.spec, source=f"seed-{seed}")
        self.fingerprint += f"/{seed}/{noise}/{restless}"

    def _states(self, text: str, spans: list[tuple[int, int]], layer: int) -> np.ndarray:  # type: ignore[override]
        from tests.fakes import vector

        states = super()._states(text, spans, layer)
        for row, (start, end) in enumerate(spans):
            word = text[start:end].lower()
            size = 30 * self.noise if word in self.restless else self.noise
            states[row] = states[row] + size * vector(f"{self.seed}/{layer}/{word}", states.shape[1])
        return states


Take = Callable[[FakeEncoder], Survey]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return sense_corpus(16)


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory, corpus: Corpus) -> Take:
    """take(encoder): its survey of the corpus, all of one plan; each taken once."""
    folder = Path(tmp_path_factory.mktemp("seeds"))
    plan = survey.plan_survey(corpus, FakeEncoder(dims=WIDE), off_domain=["A comet.", "Tariffs rose again."])
    taken: dict[str, Survey] = {}

    def one(encoder: FakeEncoder) -> Survey:
        if encoder.fingerprint not in taken:
            taken[encoder.fingerprint] = survey.take_survey(encoder, plan, folder / str(len(taken)))
        return taken[encoder.fingerprint]

    return one


@pytest.fixture(scope="module")
def seeds(take: Take) -> list[Survey]:
    return [take(SeededEncoder(seed)) for seed in range(5)]


@pytest.fixture(scope="module")
def moved(take: Take, corpus: Corpus) -> Comparison:
    """Words moved by the recipe, whatever the seed; one restless word that every seed leaves elsewhere."""
    trained = [take(SeededEncoder(seed, moved=MOVED, restless=("feather",))) for seed in range(3)]
    return comparing.compare(take(SeededEncoder(9)), trained[0], corpus, replicates=trained[1:], k=5)


# -- other seeds -----------------------------------------------------------------------------------------------------


def test_three_seeds_in_both_roles_say_nothing_changed(seeds: list[Survey], corpus: Corpus) -> None:
    beyond, readings, called = 0, 0, []
    for before in (0, 2, 4):
        after, *others = [seeds[(before + step) % 5] for step in (1, 2, 3)]
        made = comparing.compare(seeds[before], after, corpus, replicates=others, k=5, layers=[0, 2])
        called += [made.words.changed(layer).any() for layer in range(2)]
        assert made.words.change.any()  # there is noise
        for layer in made.layers:
            for name, reading in layer.readings.items():
                info = comparing.READINGS[name]
                if reading.noise is None:
                    continue
                readings += 1
                if info.of_pair and info.still is not None and reading.value is not None:
                    beyond += abs(reading.value - info.still) > abs(reading.noise - info.still) + 1e-12
                elif reading.before is not None and reading.after is not None:
                    beyond += abs(reading.after - reading.before) > reading.noise + 1e-12
    assert not any(called)
    assert readings > 100
    assert beyond <= 0.1 * readings  # the readings of a layer go together: 6 layers, not hundreds of tries


def test_planted_words_are_called_changed_and_a_restless_word_is_grey(moved: Comparison) -> None:
    words = moved.words
    assert words.noise is not None
    assert words.q is not None
    feather = words.row("feather")
    for layer in range(3):
        changed = {words.words[i] for i in np.flatnonzero(words.changed(layer))}
        assert set(MOVED) <= changed
        assert "feather" not in changed
        still = [i for i, word in enumerate(words.words) if word not in (*MOVED.values(), *MOVED, "feather")]
        assert words.changed(layer)[still].mean() < 0.1  # those a moved word left or joined did change
    quiet = np.median(words.noise[2])
    assert words.change[2, feather] > quiet  # held against what other words do it would count
    assert words.noise[2, feather] > quiet


def test_word_noise_is_what_pairs_of_seeds_change(take: Take, seeds: list[Survey], corpus: Corpus) -> None:
    """Another route: without change between before and after no word is more than noise; the limits are the seeds'."""
    made = comparing.compare(seeds[0], seeds[0], corpus, replicates=seeds[1:3], k=5)
    assert not made.words.change.any()
    assert made.words.q is not None
    assert (made.words.q > 0.5).all()
    rows = np.arange(len(made.words.words))
    lists = [neighbours.nearest(np.asarray(one.word_means[1])[rows], 5)[0] for one in seeds[:3]]
    pairs = [1 - neighbours.knn_jaccard(lists[i], lists[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert made.words.noise is not None
    # fifty words are one bin: the limits spread about the mean change of the pairs, by less than the worst miss
    assert made.words.noise[1].mean() > np.mean(pairs)
    assert made.words.noise[1].max() <= np.max(pairs) + np.ptp(pairs)
    assert np.corrcoef(made.words.noise[1], np.mean(pairs, axis=0))[0, 1] > 0.9


def test_every_reading_has_its_noise(moved: Comparison, take: Take) -> None:
    for layer in moved.layers:
        for name, reading in layer.readings.items():
            info = comparing.READINGS[name]
            defined = reading.value is not None if info.of_pair else reading.after is not None
            if defined and (not info.of_pair or info.still is not None):
                assert reading.noise is not None, (layer.name, name)
            else:
                assert reading.noise is None
    for layers in moved.sense_readings.values():
        assert any(reading.noise is not None for layer in layers for reading in layer.readings.values())


def test_reading_noise_is_of_the_seeds_and_of_their_pairs(take: Take, corpus: Corpus, moved: Comparison) -> None:
    trained = [take(SeededEncoder(seed, moved=MOVED, restless=("feather",))) for seed in range(3)]
    alone = [comparing.compare(one, one, corpus, k=5, layers=[1]).layers[0].readings for one in trained]
    values = [float(one["mean_cosine"].after or 0) for one in alone]
    assert moved.layers[1].readings["mean_cosine"].noise == pytest.approx(seed_noise(values))
    both = [
        comparing.compare(trained[i], trained[j], corpus, k=5, layers=[1]).layers[0].readings
        for i, j in ((0, 1), (0, 2), (1, 2))
    ]
    found = [float(one["knn_jaccard"].value or 0) for one in both]
    assert moved.layers[1].readings["knn_jaccard"].noise == pytest.approx(pair_noise(found, 1.0, 0.0, 1.0))


def test_noise_is_unknown_where_a_seed_has_no_value() -> None:
    given = Reading("mean_cosine", 0.1, 0.2)
    one = [Reading("mean_cosine", 0.2, 0.3), Reading("mean_cosine", 0.2, 0.4), Reading("mean_cosine", 0.3, 0.4)]
    assert reading_noise(given, one, 3).noise == pytest.approx(seed_noise([0.2, 0.3, 0.4]))
    assert reading_noise(given, [Reading("mean_cosine", note="why")] * 3, 3).noise is None
    assert reading_noise(Reading("knn_jaccard", value=0.5), [Reading("knn_jaccard", note="why")], 2).noise is None
    assert reading_noise(Reading("mean_cosine", note="why"), one, 3).noise is None


def test_uses_have_the_noise_of_their_own_words(moved: Comparison) -> None:
    uses = moved.uses
    assert uses.noise is not None
    assert np.array_equal(np.isfinite(uses.noise), np.isfinite(uses.change))
    assert ((uses.noise >= 0) & (uses.noise <= 1)).all()
    assert np.mean(uses.change[0] > uses.noise[0]) < 0.15


def test_the_floor_says_what_it_is(moved: Comparison) -> None:
    assert moved.noise.kind == "seeds"
    assert "3 seeds of the recipe (seed-0, seed-1, seed-2)" in moved.noise.line
    assert [spec.source for spec in moved.noise.replicates] == ["seed-1", "seed-2"]
    coverage = moved.provenance.coverage
    assert coverage["other seeds of the recipe"] == 2
    assert coverage["off-domain texts"] == 2


def test_two_seeds_are_said_to_be_rough(seeds: list[Survey], corpus: Corpus) -> None:
    made = comparing.compare(seeds[0], seeds[1], corpus, replicates=[seeds[2]], k=5)
    assert "a third makes it surer" in made.noise.line
    assert not any(made.words.changed(layer).any() for layer in range(3))


def test_replicates_that_cannot_be_of_the_recipe_are_refused(take: Take, seeds: list[Survey], corpus: Corpus) -> None:
    other = take(FakeEncoder(dims=(48, 64)))
    with pytest.raises(UserError, match="has other layers than seed-1"):
        comparing.compare(seeds[0], seeds[1], corpus, replicates=[other], k=5)
    with pytest.raises(UserError, match="same weights as another seed"):
        comparing.compare(seeds[0], seeds[1], corpus, replicates=[seeds[2], seeds[1]], k=5)


def test_what_a_replicate_cannot_read_is_left_out(take: Take, seeds: list[Survey]) -> None:
    blind = take(SeededEncoder(7, blind=["water"]))
    sides = side_by_side(seeds[0], seeds[1], [blind])
    assert len(sides.words) == len(seeds[0].words) - 1
    assert len(sides.replicates) == 1


def test_replicates_are_part_of_the_identity(seeds: list[Survey], corpus: Corpus) -> None:
    others = ([], [seeds[2]], [seeds[3]])
    ids = {comparing.compare(seeds[0], seeds[1], corpus, replicates=some, k=5, layers=[0]).id for some in others}
    assert len(ids) == 3


# -- without other seeds ---------------------------------------------------------------------------------------------


def test_without_seeds_two_halves_of_the_uses_are_the_floor(take: Take, corpus: Corpus) -> None:
    before = take(SeededEncoder(0))
    made = comparing.compare(before, take(SeededEncoder(0, moved=MOVED)), corpus, k=5)
    assert made.noise.kind == "control"
    assert "whether another seed of the recipe would change as much" in made.noise.line
    assert made.noise.replicates == ()
    assert made.uses.noise is None
    assert all(reading.noise is None for layer in made.layers for reading in layer.readings.values())
    words = made.words
    assert words.noise is not None
    changed = {words.words[i] for i in np.flatnonzero(words.changed(1))}
    assert set(MOVED) <= changed


def test_the_control_is_the_change_between_the_means_of_both_halves(take: Take, corpus: Corpus) -> None:
    one = take(SeededEncoder(0))
    made = comparing.compare(one, one, corpus, k=5)
    assert made.words.noise is not None
    enough = (one.half_uses > 0) & (one.half_uses < one.seen_words)
    first = np.asarray(one.half_means[2])[enough].astype(float)
    counts = one.seen_words[enough, None]
    second = (np.asarray(one.word_means[2])[enough].astype(float) * counts - first * one.half_uses[enough, None]) / (
        counts - one.half_uses[enough, None]
    )
    null = 1 - neighbours.knn_jaccard(neighbours.nearest(first, 5)[0], neighbours.nearest(second, 5)[0])
    misses = null - null.mean()
    expected = min(1.0, float(null.mean() + np.quantile(misses, 0.95, method="higher")))
    np.testing.assert_allclose(made.words.noise[2][enough], expected, atol=1e-6)
    assert np.isnan(made.words.noise[2][~enough]).all()
    assert not any(made.words.changed(layer).any() for layer in range(3))


def test_words_used_once_have_no_floor_and_are_never_called_changed(tmp_path: Path) -> None:
    corpus = Corpus("9" * 64, "once", ("red green blue grey", "green red blue sand", "blue red green once"))
    one, two = FakeEncoder(0.1), FakeEncoder(0.1, moved={"once": "red"})
    plan = survey.plan_survey(corpus, one, min_count=1)
    before, after = (survey.take_survey(e, plan, tmp_path / e.fingerprint[:9]) for e in (one, two))
    made = comparing.compare(before, after, corpus, k=1)
    row = made.words.row("once")
    assert made.words.noise is not None
    assert np.isnan(made.words.noise[:, row]).all()
    assert not any(made.words.changed(layer)[row] for layer in range(3))
    assert np.isfinite(made.words.noise[:, made.words.row("red")]).all()
    wide = comparing.compare(before, after, corpus, k=5)  # three words have two halves: no five neighbours among them
    assert wide.words.noise is None
