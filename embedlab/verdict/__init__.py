"""Did it help? HELPED, HARMED or NO EVIDENCE for the task, and what is wrong with the space, by rules that are printed.

Task: the first of these that the corpus allows, on held-out rows at the last layer, both models on the same items:
 1. senses: macro-F1 of the nearest sense centroid, mean over the target words;
 2. labels: macro-F1 of a probe on frozen embeddings of whole texts;
 3. pairs: mean reciprocal rank of a text's partner among all held-out partners.
HELPED when the paired 95 % interval of the change lies above zero, a test by swapping agrees, and the change exceeds
the noise between seeds of the recipe where those are known; HARMED mirrored; else NO EVIDENCE.
Space: COLLAPSE, FORGETTING, COLLATERAL by the rules of `space`. All limits are in `Rules`.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from embedlab.survey import Survey
from embedlab.types import Comparison, Corpus, Verdict
from embedlab.verdict.labels import label_score
from embedlab.verdict.pairs import pair_score
from embedlab.verdict.rules import RULES, Rules
from embedlab.verdict.senses import sense_score
from embedlab.verdict.space import space
from embedlab.verdict.states import States
from embedlab.verdict.task import judge, task_line, task_reasons

__all__ = ["RULES", "Rules", "judged", "verdict"]


def judged(
    comparison: Comparison,
    before: Survey,
    after: Survey,
    corpus: Corpus,
    *,
    replicates: Sequence[Survey] = (),
    trained: Bool[np.ndarray, "row"] | None = None,
    untrained: bool = False,
) -> Comparison:
    """The comparison with its verdict. `replicates`: other seeds of the recipe of `after`, over the same plan.

    trained[i]: row i of the corpus was trained on by the after model; None where that is unknown. `untrained`: the
    before model was drawn at random, so it had nothing to forget.
    """
    found = verdict(comparison, before, after, corpus, replicates=replicates, trained=trained, untrained=untrained)
    return replace(comparison, verdict=found)


def verdict(
    comparison: Comparison,
    before: Survey,
    after: Survey,
    corpus: Corpus,
    *,
    replicates: Sequence[Survey] = (),
    trained: Bool[np.ndarray, "row"] | None = None,
    untrained: bool = False,
    rules: Rules = RULES,
) -> Verdict:
    """The verdict by the rules above."""
    states = States(comparison, before, after, corpus, tuple(replicates))
    of_space = space(states, trained, rules, untrained=untrained)
    score = sense_score(states, rules) or label_score(states, rules) or pair_score(states, rules)
    if score is None:
        line = f"The corpus has no senses, labels or pairs with {rules.least_items} held-out items: nothing to score."
        rule = "A task verdict needs a sense, label or related-text column; without one only the space is compared."
        why = (rule, *of_space.why)
        return Verdict(
            "NOT MEASURED", line, of_space.line, why, findings=of_space.findings, collateral=of_space.collateral
        )
    return Verdict(
        judge(score, rules),
        task_line(score),
        of_space.line,
        (*task_reasons(score, rules), *of_space.why),
        scores=score.scores,
        won=score.won,
        lost=score.lost,
        findings=of_space.findings,
        collateral=of_space.collateral,
    )
