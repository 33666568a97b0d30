"""decide, the swap test and the probe: by hand, at the extremes, by another route."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from embedlab.verdict.probe import probe_predict, strength
from embedlab.verdict.rules import Rules, decide
from embedlab.verdict.swap import Graded
from embedlab.verdict.task import shown_change, shown_p


def test_decide_needs_interval_test_and_seeds_to_agree() -> None:
    assert decide(0.1, (0.01, 0.2), 0.01, None) == "HELPED"
    assert decide(-0.1, (-0.2, -0.01), 0.01, None) == "HARMED"
    assert decide(0.1, (0.01, 0.2), 0.01, 0.09) == "HELPED"
    for interval, p, noise in (
        ((0.0, 0.2), 0.01, None),
        ((-0.1, 0.1), 0.01, None),
        ((0.0, 0.0), 0.01, None),
        ((0.01, 0.2), 0.06, None),
        ((0.01, 0.2), 0.01, 0.1),
    ):
        assert decide(0.1, interval, p, noise) == "NO EVIDENCE"
    assert decide(0.1, (0.01, 0.2), 0.06, None, Rules(alpha=0.1)) == "HELPED"


def graded(truth: str, before: str, after: str, classes: int = 2) -> Graded:
    columns = [np.array([int(x) for x in answers], dtype=np.int64) for answers in (truth, before, after)]
    return Graded(*columns, weight=np.full(classes, 1 / classes))


def test_the_swap_test_by_hand() -> None:
    # two answers won, none lost: of the four ways to swap only "none" and "both" differ as much
    won = graded("0011", "0000", "0011")
    assert won.score(won.before) == pytest.approx((2 / 3 + 0) / 2)
    assert won.score(won.after) == 1.0
    assert won.swap_p(0) == 0.5
    assert graded("0011", "0101", "0101").swap_p(0) == 1.0
    assert graded("01" * 8, "10" * 8, "01" * 8).swap_p(0) == pytest.approx(1 / 10_000, rel=2)  # drawn, never 0


def test_the_swap_test_by_another_route() -> None:
    rng = np.random.default_rng(0)
    truth, before, after = (rng.integers(0, 3, 40) for _ in range(3))
    after[9:] = before[9:]
    answers = Graded(truth, before, after, weight=np.full(3, 1 / 3))

    def change(one: np.ndarray, two: np.ndarray) -> float:
        scores = [f1_score(truth, said, labels=[0, 1, 2], average="macro", zero_division=0) for said in (one, two)]
        return abs(float(scores[1] - scores[0]))

    observed, null = change(before, after), []
    differ = np.flatnonzero(before != after)
    for pattern in product((False, True), repeat=len(differ)):
        one, two = before.copy(), after.copy()
        swap = differ[list(pattern)]
        one[swap], two[swap] = after[swap], before[swap]
        null.append(change(one, two))
    assert len(differ) > 4
    assert answers.swap_p(0) == pytest.approx(np.mean(np.array(null) >= observed - 1e-12))
    for said in (before, after):
        assert answers.score(said) == pytest.approx(f1_score(truth, said, average="macro", labels=[0, 1, 2]))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_the_swap_test_does_not_mind_order_or_direction(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 12))
    draw = st.lists(st.integers(0, 2), min_size=n, max_size=n)
    truth, before, after = (np.array(data.draw(draw)) for _ in range(3))
    weight, order = np.full(3, 1 / 3), np.array(data.draw(st.permutations(range(n))))
    p = Graded(truth, before, after, weight).swap_p(0)
    assert 0 < p <= 1
    assert Graded(truth, after, before, weight).swap_p(0) == pytest.approx(p)
    assert Graded(truth[order], before[order], after[order], weight).swap_p(0) == pytest.approx(p)


def test_the_swap_test_of_many_answers_is_calibrated() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(200):
        truth = rng.integers(0, 3, 60)
        said = [np.where(rng.random(60) < 0.7, truth, rng.integers(0, 3, 60)) for _ in range(2)]
        found.append(Graded(truth, *said, weight=np.full(3, 1 / 3)).swap_p(0))
    assert np.mean(np.array(found) <= 0.05) <= 0.09  # 5 %, and two standard errors of 200 draws


def test_the_probe_is_the_pipeline_written_out() -> None:
    rng = np.random.default_rng(0)
    labels = np.array(["a", "b", "c"])[rng.integers(0, 3, 90)]
    rows = rng.normal(size=(90, 5)) * [1, 10, 100, 1e-3, 1] + (labels[:, None] == np.array(["a", "b", "c", "a", "b"]))
    train, test = rows[:60], rows[60:]
    mean, sd = train.mean(axis=0), train.std(axis=0)
    plain = LogisticRegression(C=2.0, max_iter=1000).fit((train - mean) / sd, labels[:60])
    assert strength(5) == 2.0
    assert probe_predict(train, labels[:60], test).tolist() == plain.predict((test - mean) / sd).tolist()
    assert (
        probe_predict(train * 7 + 3, labels[:60], test * 7 + 3).tolist() == plain.predict((test - mean) / sd).tolist()
    )


def test_the_probe_at_the_extremes() -> None:
    rows, labels = np.repeat(np.eye(3), 10, axis=0), np.repeat(np.array(["a", "b", "c"]), 10)
    assert probe_predict(rows, labels, np.eye(3)).tolist() == ["a", "b", "c"]
    alike = probe_predict(np.ones((9, 2)), np.array(list("aaaaaaabb")), np.ones((4, 2)))
    assert alike.tolist() == ["a"] * 4  # nothing to go by: the commonest
    assert len(probe_predict(rows, labels, np.zeros((0, 3)))) == 0


def test_an_end_of_the_interval_that_decides_is_never_shown_as_zero() -> None:
    assert shown_change(-0.2, (-0.31, -0.004)) == "−.200 [−.310, −.004]"
    assert shown_change(0.09, (0.06, 0.12)) == "+.09 [.06, .12]"
    assert shown_change(0.0, (0.0, 0.0)) == "0"
    assert (shown_p(0.0312), shown_p(0.0002), shown_p(1.0)) == ("= .031", "< .001", "= 1")
