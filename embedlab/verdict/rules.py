"""Every threshold of the verdict, in one place. Their values are printed in the reasons beside the answer."""

from dataclasses import dataclass

from embedlab.comparing.intervals import Interval
from embedlab.types import TaskVerdict


@dataclass(frozen=True)
class Rules:
    """The limits. Shares lie in 0..1.

    least_items: held-out items below which a corpus decides nothing. alpha: the largest p that still decides.
    collapse_spread: how much of 1 - mean cosine must be left, collapse_rank: how much of the effective rank.
    forgetting: share of the off-domain neighbours that must be kept; chance: the most that unrelated spaces may share
    where that is asked, k / (n - 1), since few texts keep many neighbours by chance. stirred: kept neighbours from
    which on a region counts as undisturbed, however far it moved. least_texts: texts below which the drift of a region
    decides nothing. k: neighbours of a text.
    most_texts: texts of a region that are measured; most_training: training texts a probe is fitted on; most_cosines:
    queries times candidates of a retrieval. These keep large corpora within a minute or so, and are told when met.
    """

    least_items: int = 10
    alpha: float = 0.05
    collapse_spread: float = 2 / 3
    collapse_rank: float = 0.5
    forgetting: float = 0.5
    chance: float = 0.25
    stirred: float = 0.8
    least_texts: int = 10
    k: int = 10
    most_texts: int = 5_000
    most_training: int = 20_000
    most_cosines: int = 100_000_000


RULES = Rules()


def decide(change: float, interval: Interval, p: float, noise: float | None, rules: Rules = RULES) -> TaskVerdict:
    """HELPED or HARMED where interval, test and, if known, the noise of the seeds agree; else NO EVIDENCE.

    The test is asked too because a percentile bootstrap of few changed answers is too narrow: four won and none lost
    shut zero out of it, and a fair coin does that one time in eight.
    """
    if p > rules.alpha or (noise is not None and abs(change) <= noise):
        return "NO EVIDENCE"
    if interval[0] > 0:
        return "HELPED"
    return "HARMED" if interval[1] < 0 else "NO EVIDENCE"
