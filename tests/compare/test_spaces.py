"""The readings of the space: by hand, against the measures one by one, and how often their intervals hold the truth."""

from dataclasses import replace

import numpy as np
import pytest

from embedlab.comparing import quick, spaces, swaps
from embedlab.comparing.readings import READINGS
from embedlab.comparing.sides import Pair, Sides, side_by_side
from embedlab.comparing.spaces import (
    CLOSE_UP,
    HUBS,
    ONE_SPACE,
    PAIRWISE_ROWS,
    TWO_SPACES,
    Space,
    space_readings,
)
from embedlab.measure import drift, geometry
from embedlab.measure.uncertainty import swap_p
from embedlab.types import Reading
from tests.compare.conftest import Surveys
from tests.fakes import FakeEncoder, sense_corpus

MOVED = {"water": "loan", "cable": "nest"}
OF_SPACE = {name for name, info in READINGS.items() if info.source in ("A1", "A2", "A3", *"A5 A6 A7 A8 A9 A11".split())}
OF_SPACE |= {"uniformity", "procrustes_distance", "rsa_spearman_cosine", "rsa_p"}


@pytest.fixture(scope="module")
def sides(surveys: Surveys) -> Sides:
    return side_by_side(*surveys(sense_corpus(30), FakeEncoder(0.4), FakeEncoder(0.8, moved=MOVED)))


@pytest.fixture(scope="module")
def full(sides: Sides) -> dict[str, Reading]:
    return space_readings(sides, sides.layers[-1], seed=0, k=5)


def two_clouds(rng: np.random.Generator, n: int, d: int, *, cone: bool) -> Pair:
    """Two noisy versions of one cloud: every population value is the same before and after."""
    scale = np.arange(1, d + 1) ** -0.7 if cone else np.ones(d)
    middle = np.r_[1.5, 0.5, np.zeros(d - 2)] if cone else np.zeros(d)
    points = rng.normal(size=(n, d)) * scale + middle
    one, two = (points + 0.5 * rng.normal(size=(n, d)) * scale for _ in range(2))
    return Pair(one.astype(np.float32), two.astype(np.float32))


# -- values ----------------------------------------------------------------------------------------------------------


def test_all_readings_of_the_space_are_there_with_an_interval(full: dict[str, Reading]) -> None:
    assert set(full) == OF_SPACE
    without = {name for name, reading in full.items() if reading.interval is None}
    assert without == {"isotropic_isoscore", "duplicates_removed", "rsa_p"}
    for name, reading in full.items():
        if reading.interval is not None:
            change = reading.value if reading.value is not None else reading.after - reading.before  # type: ignore[operator]
            assert reading.interval[0] <= change <= reading.interval[1], name


def test_values_are_those_of_the_measures(sides: Sides, full: dict[str, Reading]) -> None:
    pair = sides.pair("background", sides.layers[-1], sides.background)
    x, y = pair.before, pair.after
    assert full["two_nn"].after == geometry.two_nn(y)
    assert full["hubness_skew"].before == geometry.hubness(x, 5).skew
    assert full["max_k_occurrence"].after == geometry.hubness(y, 5).max_k_occurrence
    assert full["uniformity"].before == geometry.uniformity(x)
    assert full["partition_isotropy_log10"].after == geometry.partition_isotropy_log10(y)
    assert full["rsa_spearman_cosine"].value == drift.rsa_spearman_cosine(x, y)
    assert full["rsa_p"].value == full["rsa_spearman_cosine"].p
    # IsoScore* by hand: eigenvalues a fifth of the way to their mean
    values = np.linalg.eigvalsh(np.cov(x.T.astype(np.float64)))
    shrunk = 0.8 * values + 0.2 * values.mean()
    ratio = shrunk.sum() ** 2 / (shrunk**2).sum()
    assert full["isoscore_star"].before == pytest.approx((ratio - 1) / (len(values) - 1))
    assert full["isoscore_star"].before == pytest.approx(
        geometry.isoscore_star(x, quick.ZETA, values.mean() * np.eye(len(values))), rel=1e-9
    )
    assert full["isoscore_star"].note is not None
    assert "0.2" in full["isoscore_star"].note


def test_the_light_version_has_the_same_values_and_nothing_else(sides: Sides, full: dict[str, Reading]) -> None:
    light = space_readings(sides, sides.layers[-1], seed=0, k=5, intervals=False)
    assert list(light) == list(full)
    for name, reading in light.items():
        assert reading.interval is None
        assert reading.p is None
        if name != "rsa_p":
            assert (reading.before, reading.after, reading.value) == (
                full[name].before,
                full[name].after,
                full[name].value,
            )


def test_a_space_with_itself_does_not_change(sides: Sides) -> None:
    same = replace(sides, after=sides.before)
    for name, reading in space_readings(same, sides.layers[-1], seed=0, k=5).items():
        if name in ("rsa_p", "isotropic_isoscore"):
            continue
        info = READINGS[name]
        if info.of_pair:
            assert (reading.value, reading.interval) == (info.still, (info.still, info.still))
        else:
            assert reading.before == reading.after is not None
            assert reading.interval == (0.0, 0.0), name
            assert reading.p in (1.0, None)


def test_above_the_limit_pairs_of_rows_are_sampled_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, sides: Sides
) -> None:
    monkeypatch.setattr("embedlab.comparing.spaces.PAIRWISE_ROWS", 50)
    assert PAIRWISE_ROWS == 20_000
    readings = space_readings(sides, sides.layers[-1], seed=0, k=7, intervals=False)
    for name in (*HUBS, *CLOSE_UP):
        assert readings[name].note == "Of 50 pieces drawn by the seed."
    assert readings["isoscore"].note is None


def test_too_few_pieces_for_k_are_undefined_with_a_note(surveys: Surveys) -> None:
    corpus = sense_corpus(2)
    few = side_by_side(*surveys(corpus, FakeEncoder(), FakeEncoder(0.5)))
    found = space_readings(few, few.layers[-1], seed=0, k=9)
    assert found["hubness_skew"].before is None
    assert found["hubness_skew"].note is not None
    assert found["isoscore"].interval is None  # fewer than twenty rows


# -- the fast path ---------------------------------------------------------------------------------------------------


def test_the_quick_statistics_are_those_of_the_measures(sides: Sides) -> None:
    pair = sides.pair("background", sides.layers[2], sides.background)
    rows = np.arange(0, len(pair.before), 2)
    for some in (rows, rows[:9]):  # more rows than dimensions, and fewer
        x, y = pair.before[some], pair.after[some]
        one, two = Space(x, 3, 0), Space(y, 3, 0)
        quickly = quick.statistics(pair, some) | quick.partitions(pair, some) | quick.close_up(pair)(some)
        for name in (*quick.SPECTRAL, *CLOSE_UP, "partition_isotropy_log10"):
            assert quickly[name] == pytest.approx(ONE_SPACE[name](two) - ONE_SPACE[name](one), abs=3e-3), name
        for name, of_two in TWO_SPACES.items():
            assert quickly[name] == pytest.approx(of_two(x, y), abs=1e-4), name
        assert quick.rsa(pair, some)["rsa_spearman_cosine"] == pytest.approx(drift.rsa_spearman_cosine(x, y), abs=1e-3)


def test_hubs_of_a_sample_come_from_longer_lists(sides: Sides) -> None:
    rows = sides.pair("background", sides.layers[2], sides.background).before
    space = Space(rows, 4, 0)
    some = np.sort(np.random.default_rng(0).choice(len(rows), 3 * len(rows) // 4, replace=False))
    wanted = geometry.hubness(rows[some], 4)
    found = quick.hubs_among(space.near, some, 4)
    assert found["hubness_skew"] == pytest.approx(wanted.skew)
    assert found["antihub_share"] == wanted.antihub_share
    assert found["max_k_occurrence"] == wanted.max_k_occurrence


# -- p by swapping ---------------------------------------------------------------------------------------------------


def test_swapping_mean_cosines_in_closed_form_is_swapping_them() -> None:
    pair = two_clouds(np.random.default_rng(3), 12, 4, cone=True)
    exact = swap_p(geometry.mean_cosine, pair.before, pair.after, permutations=1500)
    assert swaps.mean_cosine_p(pair, 0) == pytest.approx(exact, abs=0.05)  # one counts all 4096, the other draws


def test_many_rows_are_read_in_closed_form_as_few_are_by_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = two_clouds(np.random.default_rng(5), 400, 8, cone=True)
    value = geometry.mean_cosine(pair.after) - geometry.mean_cosine(pair.before)
    drawn, p = spaces._mean_cosine_interval(pair, value, 0), swaps.mean_cosine_p(pair, 0)
    monkeypatch.setattr(spaces, "PAIRWISE_ROWS", 100)
    monkeypatch.setattr(swaps, "MANY", 100)
    low, high = spaces._mean_cosine_interval(pair, value, 0)
    assert high - low == pytest.approx(drawn[1] - drawn[0], rel=0.1)
    assert low < value < high
    assert swaps.mean_cosine_p(pair, 0) == pytest.approx(p, abs=0.04)
    assert swaps.flipped(np.ones(200), 0) == 1 / 2000  # never 0


def test_a_planted_change_is_found_by_swapping_and_none_where_there_is_none() -> None:
    rng = np.random.default_rng(0)
    pair = two_clouds(rng, 150, 8, cone=False)
    flat = Pair(pair.before, pair.after * np.r_[3.0, np.ones(7)].astype(np.float32))
    found, note = swaps.swap_ps(flat, 5, 0)
    assert note == "p by swapping before and after piece by piece, 99 times."
    assert found["isoscore"] == found["participation_ratio"] == found["effective_rank"] == 0.01
    still, _ = swaps.swap_ps(pair, 5, 0)
    assert set(still) == {*quick.SPECTRAL, *quick.NEIGHBOURLY}
    assert min(still.values()) > 0.01
    assert set(swaps.swap_ps(Pair(pair.before, pair.before.copy()), 5, 0)[0].values()) == {1.0}


def test_unlike_widths_have_no_p_but_intervals(surveys: Surveys) -> None:
    unlike = side_by_side(*surveys(sense_corpus(16), FakeEncoder(), FakeEncoder(dims=(12, 20, 24))))
    last = space_readings(unlike, unlike.layers[-1], seed=0, k=5)
    assert last["mean_cosine"].p is None
    assert last["isoscore"].p is None
    assert last["isoscore"].interval is not None
    assert last["intra_sentence_similarity"].p is not None  # means over sentences need no shared coordinates


# -- how often the intervals hold the truth --------------------------------------------------------------------------


@pytest.mark.parametrize("cone", [False, True])
def test_intervals_hold_no_change_where_there_is_none(cone: bool) -> None:
    """A short version of the simulation: 300 repetitions gave .937 to 1 at n = 100..500, d = 16..64."""
    held: dict[str, list[bool]] = {}
    for trial in range(40):
        pair = two_clouds(np.random.default_rng([trial, cone]), 100, 16, cone=cone)
        both = Space(pair.before, 10, trial), Space(pair.after, 10, trial)
        readings = {name: spaces._of_each(name, both) for name in ONE_SPACE}
        for name, (low, high) in spaces._intervals(pair, both, readings, trial).items():
            held.setdefault(name, []).append(low <= 0 <= high)
    assert {len(values) for values in held.values()} == {40}
    for name, values in held.items():
        assert np.mean(values) >= 0.85, name  # 95 % of 40 falls below this once in a hundred times
    assert np.mean([x for values in held.values() for x in values]) >= 0.95
