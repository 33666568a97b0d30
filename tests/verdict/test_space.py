"""COLLAPSE, FORGETTING, COLLATERAL: planted, ruled out, and held against the seeds; the figures by region."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity

from embedlab.types import Reading, Verdict
from embedlab.verdict import RULES, verdict
from embedlab.verdict.regions import neighbours_of, overlap
from embedlab.verdict.space import collapsed, rank_fell
from tests.verdict.made import State, comparison, label_corpus, pair_corpus

HOME, OFF, WIDTH = 120, 60, 24
CORPUS = label_corpus([f"l{i % 3}" for i in range(HOME)], [i % 4 == 0 for i in range(HOME)])
TRAINED = np.array([i % 4 != 0 for i in range(HOME)])
BASE = np.random.default_rng(5).normal(size=(HOME + OFF, WIDTH))


def state(*, home: float = 0.0, off: float = 0.0, cone: float = 0.0, seed: int = 0, first: int = 1) -> State:
    """BASE, the corpus moved by `home` and the off-domain texts by `off` (noise of this seed), all by a common `cone`.

    first > 1 squeezes all but the first dimensions.
    """
    rng = np.random.default_rng(seed)
    moved = BASE + rng.normal(size=BASE.shape) * np.repeat([home, off], [HOME, OFF])[:, None]
    moved = moved + cone * np.eye(WIDTH)[0] * np.sqrt(WIDTH)
    if first > 1:
        moved[:, first:] *= 0.01
    return State(moved, off=OFF)


def say(after: State, *replicates: State, before: State | None = None, trained: np.ndarray | None = TRAINED) -> Verdict:
    one = before or state()
    made = comparison(one, after)
    return verdict(made, one, after, CORPUS, replicates=replicates, trained=trained)  # type: ignore[arg-type]


def test_a_space_squeezed_into_a_cone_is_a_collapse() -> None:
    found = say(state(cone=1.5))
    assert found.findings == ("COLLAPSE",)
    assert found.space_line.startswith("COLLAPSE · off-domain texts moved")
    assert any(reason.startswith("COLLAPSE: less than 67 % of 1 − mean cosine is left") for reason in found.why)
    assert any("It holds: mean cosine of random pieces" in reason for reason in found.why)


def test_a_space_that_lost_its_directions_is_a_collapse() -> None:
    assert "COLLAPSE" in say(state(first=6)).findings


def test_off_domain_texts_alone_becoming_alike_is_a_collapse() -> None:
    moved = BASE.copy()
    moved[HOME:] += 2 * np.sqrt(WIDTH) * np.eye(WIDTH)[0]
    assert "COLLAPSE" in say(State(moved, off=OFF)).findings


def test_a_small_change_is_no_finding() -> None:
    found = say(state(home=0.3, off=0.05))
    assert found.findings == ()
    assert found.space_line.startswith("No collapse, no forgetting, no collateral · off-domain texts moved")
    assert found.space_line.endswith("seed noise unknown")
    assert any("Only one seed of the recipe was trained" in reason for reason in found.why)


def test_off_domain_neighbours_lost_is_forgetting() -> None:
    found = say(state(home=0.1, off=2.0))
    assert found.findings == ("FORGETTING", "COLLATERAL")
    assert found.space_line.startswith("FORGETTING, COLLATERAL")


def test_a_start_drawn_at_random_has_nothing_to_forget_but_what_was_made_of_it_may_be_collapsed() -> None:
    for moved, findings in ((state(home=0.1, off=2.0), ()), (state(cone=1.5), ("COLLAPSE",))):
        one = state()
        found = verdict(comparison(one, moved), one, moved, CORPUS, trained=TRAINED, untrained=True)  # type: ignore[arg-type]
        assert found.findings == findings
        assert any("drawn at random" in reason for reason in found.why)


def test_a_turn_of_the_whole_space_is_no_finding_however_far_it_moves() -> None:
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(WIDTH, WIDTH)))[0]
    found = say(State(BASE @ turn, off=OFF))
    assert found.findings == ()
    assert found.collateral[-1].drift.value == pytest.approx(1, abs=0.2)
    assert found.collateral[-1].kept.value == 1.0


def test_what_other_seeds_do_as_well_is_no_collateral() -> None:
    """The recipe itself scatters the off-domain texts: one run against another forgot what that one knew, no more."""
    scattered = [state(off=2.0, home=0.1, seed=seed) for seed in range(4)]
    null = say(scattered[1], scattered[2], scattered[3], before=scattered[0])
    assert null.findings == ("FORGETTING",)
    assert "moved 1.0× seed noise" in null.space_line or "moved .9× seed noise" in null.space_line
    # three seeds that agree with each other, but not with before
    agreed = [
        State(scattered[1].vectors + 0.02 * np.random.default_rng(i).normal(size=BASE.shape), off=OFF) for i in range(3)
    ]
    found = say(agreed[0], *agreed[1:])
    assert found.findings == ("FORGETTING", "COLLATERAL")
    assert any("Seed noise comes from 3 seeds" in reason for reason in found.why)


def test_a_collapsed_model_is_collapsed_whatever_other_seeds_did() -> None:
    before, after = state(), state(cone=1.5)
    wide = comparison(before, after, noise={"mean_cosine": 2.0, "effective_rank": 30.0})
    others = (state(cone=0.0, seed=1), state(cone=3.0, seed=2))
    assert "COLLAPSE" in verdict(wide, before, after, CORPUS, replicates=others).findings  # type: ignore[arg-type]


def test_the_regions_and_their_figures_by_another_route() -> None:
    before, after = state(), state(home=0.5, off=1.0)
    found = say(after).collateral
    assert [(c.region, c.texts) for c in found] == [
        ("seen in training", 90), ("unseen in domain", 30), ("off domain", 60)
    ]  # fmt: skip
    rows = [np.flatnonzero(TRAINED), np.flatnonzero(~TRAINED), np.arange(HOME, HOME + OFF)]
    for one, some in zip(found, rows, strict=True):
        x, y = before.texts[0][some].astype(float), after.texts[0][some].astype(float)
        assert one.drift.value == pytest.approx(1 - np.diag(cosine_similarity(x, y)).mean())
        lists = []
        for cosine in (cosine_similarity(x), cosine_similarity(y)):
            np.fill_diagonal(cosine, -np.inf)
            lists.append((-cosine).argsort(axis=1)[:, :10])
        shared = [len(set(a) & set(b)) / 10 for a, b in zip(*lists, strict=True)]
        assert one.kept.value == pytest.approx(np.mean(shared))
        for reading in (one.drift, one.kept):
            assert reading.interval is not None
            assert reading.interval[0] < reading.value < reading.interval[1]  # type: ignore[operator]
            assert reading.noise is None


def test_where_training_is_unknown_the_domain_is_one_region() -> None:
    found = say(state(home=0.5), trained=None)
    assert [(c.region, c.texts) for c in found.collateral] == [("in domain", HOME), ("off domain", OFF)]
    assert any("further than texts in domain" in reason for reason in found.why)


def test_a_related_text_of_a_trained_row_was_seen() -> None:
    corpus = pair_corpus(20, 5)
    one, two = (State(np.random.default_rng(i).normal(size=(40, 4))) for i in (0, 1))
    trained = np.arange(20) >= 5
    found = verdict(comparison(one, two), one, two, corpus, trained=trained)  # type: ignore[arg-type]
    assert [(c.region, c.texts) for c in found.collateral] == [("seen in training", 30), ("unseen in domain", 10)]
    assert "off-domain texts not looked at" in found.space_line
    assert any("There are no off-domain texts" in reason for reason in found.why)


def test_models_of_unlike_width_have_neighbours_but_no_drift() -> None:
    wide = State(np.hstack([BASE, np.zeros((HOME + OFF, 4))]), off=OFF)
    found = say(wide)
    assert found.collateral[-1].drift.value is None
    assert "differ in width" in (found.collateral[-1].drift.note or "")
    assert found.collateral[-1].kept.value == 1.0
    assert found.findings == ()
    assert "moved" not in found.space_line


def test_the_same_model_moved_nowhere() -> None:
    one = state()
    same = say(State(one.vectors.copy(), off=OFF), state(seed=1, off=0.2), before=one)
    assert same.findings == ()
    assert same.space_line == "Nothing moved: every reading is equal, at every layer"
    for region in same.collateral:
        assert (region.drift.value, region.drift.interval) == (0.0, (0.0, 0.0))
        assert (region.kept.value, region.kept.interval) == (1.0, (1.0, 1.0))


def test_collapse_by_hand() -> None:
    def cosine(after: float, interval: tuple[float, float] | None) -> Reading:
        return Reading("mean_cosine", 0.1, after, interval=interval)

    assert collapsed(cosine(0.5, (0.35, 0.45)))  # .5 / .9 is below two thirds, and a rise of .35 still is
    assert not collapsed(cosine(0.5, (0.25, 0.45)))  # a rise of .25 is not: it takes .3
    assert not collapsed(cosine(0.39, (0.28, 0.3)))
    assert not collapsed(cosine(0.5, None))
    assert collapsed(Reading("mean_cosine", note="too few")) is None
    assert rank_fell(Reading("effective_rank", 40, 18, interval=(-23.0, -21.0)))
    assert not rank_fell(Reading("effective_rank", 40, 18, interval=(-25.0, -19.0)))


def test_few_off_domain_texts_keep_neighbours_by_chance_and_are_not_asked() -> None:
    before = State(BASE[: HOME + 30], off=30)
    after = State(np.vstack([BASE[:HOME], np.random.default_rng(8).normal(size=(30, WIDTH))]), off=30)
    found = say(after, before=before)
    assert "FORGETTING" not in found.findings
    assert "forgetting" not in found.space_line
    assert any("of 30 texts 34 % are kept by chance; give 41." in reason for reason in found.why)


def test_how_many_neighbours() -> None:
    assert [neighbours_of(n) for n in (2, 3, 10, 21, 500)] == [0, 1, 4, 10, 10]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(0, 1000))
def test_overlap_counts_what_two_lists_share(k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, two = (np.array([rng.choice(12, k, replace=False) for _ in range(5)], dtype=np.int32) for _ in range(2))
    plain = [len(set(a) & set(b)) / k for a, b in zip(one.tolist(), two.tolist(), strict=True)]
    assert overlap(one, two).tolist() == pytest.approx(plain)


def test_every_limit_is_printed_in_the_reasons() -> None:
    why = " ".join(say(state(off=0.3)).why)
    for limit in (
        f"{RULES.collapse_spread:.0%}",
        f"{RULES.collapse_rank:.0%}",
        f"{RULES.stirred:.0%}",
        f"{RULES.forgetting:.0%}",
        ".05",
    ):
        assert limit.replace("%", " %") in why
