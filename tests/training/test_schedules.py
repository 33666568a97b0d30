"""Each schedule against its formula as the papers write it, at the ends, and at once over many lengths."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from embedlab.training.schedules import share_of_rate

SCHEDULES = ("constant", "linear", "cosine", "stlr")


def shares(schedule: str, steps: int, warmup: float = 0.0) -> list[float]:
    return [share_of_rate(schedule, step, steps, warmup) for step in range(steps)]  # type: ignore[arg-type]


def test_linear_is_the_schedule_of_bert_as_transformers_has_it() -> None:
    from transformers import get_linear_schedule_with_warmup

    steps, rising = 200, 20
    adam = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = get_linear_schedule_with_warmup(adam, rising, steps)
    rates = []
    for _ in range(steps):
        rates.append(theirs.get_last_lr()[0])
        adam.step()
        theirs.step()
    ours = shares("linear", steps, 0.1)
    assert ours[rising:] == pytest.approx(rates[rising:]), "after the warm-up they are the same"
    assert rates[0] == 0, "the first step of theirs moves nothing; ours counts from one"
    assert ours[:rising] == pytest.approx([(step + 1) / (rising + 1) for step in range(rising)])


def test_cosine_is_sgdr_with_one_period_after_the_warm_up() -> None:
    """eta = (1 + cos(pi T_cur / T_i)) / 2 (Loshchilov & Hutter 2017, formula 5, eta_min 0)."""
    assert shares("cosine", 80) == pytest.approx([(1 + math.cos(math.pi * step / 80)) / 2 for step in range(80)])
    warm = shares("cosine", 100, 0.2)
    assert warm[20:] == pytest.approx(shares("cosine", 80))
    assert warm[:20] == pytest.approx([(step + 1) / 21 for step in range(20)])


def test_the_slanted_triangle_is_that_of_ulmfit() -> None:
    """Formula 3 of Howard & Ruder 2018 with cut_frac 0.1 and ratio 32, at t = 1 ... T."""
    total, cut_frac, ratio = 300, 0.1, 32
    cut = math.floor(total * cut_frac)

    def paper(t: int) -> float:
        p = t / cut if t < cut else 1 - (t - cut) / (cut * (1 / cut_frac - 1))
        return (1 + p * (ratio - 1)) / ratio

    assert shares("stlr", total) == pytest.approx([paper(t) for t in range(1, total + 1)])
    assert shares("stlr", total)[-1] == pytest.approx(1 / ratio)
    assert shares("stlr", total, 0.5) == shares("stlr", total), "it has its own way up"


@given(st.sampled_from(SCHEDULES), st.integers(1, 400), st.floats(0, 0.99))
def test_any_length_and_any_warm_up_stay_in_bounds_and_reach_the_peak_once(
    name: str, steps: int, warmup: float
) -> None:
    found = shares(name, steps, warmup)
    assert all(0 < share <= 1 for share in found)
    assert max(found) == pytest.approx(1)
    top = found.index(max(found))
    assert found[: top + 1] == sorted(found[: top + 1])
    assert found[top:] == sorted(found[top:], reverse=True)
    assert name != "constant" or set(found) == {1.0}
