"""The score of a task, whichever it is, and the words that follow from it."""

from collections.abc import Sequence
from dataclasses import dataclass

from embedlab.comparing.intervals import Interval
from embedlab.comparing.readings import READINGS
from embedlab.types import Answer, Reading, TaskVerdict
from embedlab.verdict.rules import RULES, Rules, decide
from embedlab.wording import bracket, count, decimals, difference, number, signed

MOST_PLACES = 4
UNKNOWN_SEED = "whether another seed of the recipe would change it as much is unknown"


@dataclass(frozen=True)
class TaskScore:
    """The held-out scores of a task, the deciding one first.

    `what` names the deciding score, `item` what is asked, `test` the test behind its p; `how` says how it was taken.
    `won`, `lost`: the items newly right and newly wrong, in the order of the corpus. `seeds`: model states of the
    recipe behind the noise.
    """

    what: str
    items: int
    item: str
    scores: tuple[Reading, ...]
    won: tuple[Answer, ...]
    lost: tuple[Answer, ...]
    test: str
    how: tuple[str, ...] = ()
    seeds: int = 1

    @property
    def leading(self) -> tuple[float, float, Interval, float]:
        """(before, after, interval of the change, p) of the deciding score."""
        first = self.scores[0]
        if first.before is None or first.after is None or first.interval is None or first.p is None:
            raise ValueError("the deciding score lacks a number")
        return first.before, first.after, first.interval, first.p

    @property
    def noise(self) -> float | None:
        return self.scores[0].noise


def judge(score: TaskScore, rules: Rules = RULES) -> TaskVerdict:
    before, after, interval, p = score.leading
    return decide(after - before, interval, p, score.noise, rules)


def task_line(score: TaskScore) -> str:
    """One line: the score before and after, its change with interval, and what is known of seed noise."""
    before, after, interval, _ = score.leading
    scores = f"{number(before, interval)} → {number(after, interval)}, {shown_change(after - before, interval)}"
    line = f"{score.what} {scores}"
    line += f", on {count(score.items, 'held-out ' + score.item)}"
    if score.noise is not None:
        return f"{line}; seed noise {_shown_noise(score.noise, interval)} ({count(score.seeds, 'seed')})"
    return line if interval == (0.0, 0.0) else f"{line}; {UNKNOWN_SEED}"


def task_reasons(score: TaskScore, rules: Rules = RULES) -> tuple[str, ...]:
    """The rule and what it met, wins and losses, how the score was taken."""
    before, after, interval, p = score.leading
    answer = judge(score, rules)
    limit = number(rules.alpha, places=2)
    rule = (
        f"Rule: HELPED needs a paired 95 % interval of the change above zero, a p of at most {limit} ({score.test}) "
        "and, where other seeds were trained, a change beyond their noise; HARMED is the mirror of it."
    )
    side = "above zero" if interval[0] > 0 else "below zero" if interval[1] < 0 else "across or at zero"
    met = [f"the interval {bracket_shown(after - before, interval)} lies {side}", f"p {shown_p(p)}"]
    if score.noise is not None:
        beyond = "exceeds" if abs(after - before) > score.noise else "does not exceed"
        met.append(f"the change {beyond} the seed noise of {_shown_noise(score.noise, interval)}")
    else:
        met.append("no other seed was trained, so the seed noise is unknown")
    wins = (
        f"{count(len(score.won), score.item)} newly right, {len(score.lost):,} newly wrong, "
        f"of {score.items:,} held out.{_other_scores(score.scores[1:])}"
    )
    return (rule, f"{answer}: {'; '.join(met)}.", wins, *score.how)


def _other_scores(scores: Sequence[Reading]) -> str:
    """The scores that do not decide, in one sentence."""
    told = []
    for score in scores:
        if score.before is None or score.after is None:
            continue
        change = shown_change(score.after - score.before, score.interval) if score.interval else "no interval"
        p = f", p {shown_p(score.p)}" if score.p is not None else ""
        values = f"{number(score.before, score.interval)} → {number(score.after, score.interval)}"
        told.append(f"{READINGS[score.name].title} {values} ({change}{p})")
    return f" Beside it, without deciding: {'; '.join(told)}." if told else ""


def shown_p(p: float) -> str:
    """`= .031`, `< .001`."""
    return "< .001" if p < 0.001 else f"= {number(p, places=3) if p < 1 else '1'}"


def shown_change(change: float, interval: Interval) -> str:
    """A change with its interval; as many digits as keep an end that is not zero from being read as zero."""
    if interval == (0.0, 0.0) and change == 0:
        return difference(change, interval)
    places = _places(change, interval)
    return f"{signed(change, places=places)} {bracket(interval, places=places)}"


def bracket_shown(change: float, interval: Interval) -> str:
    return bracket(interval, places=_places(change, interval))


def _places(change: float, interval: Interval) -> int:
    places = decimals(change, interval)
    while places < MOST_PLACES and any(end != 0 and round(end, places) == 0 for end in interval):
        places += 1
    return places


def _shown_noise(noise: float, interval: Interval) -> str:
    return number(noise, places=max(2, _places(noise, interval)) if noise else 0)
