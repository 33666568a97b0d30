"""What is wrong with the space, if anything: collapse, forgetting, collateral. Apart from the task, by stated rules.

Each rule asks for a size (a limit of `Rules`) and for certainty (the whole 95 % interval beyond that limit). Collapse
and forgetting are far larger than what seeds differ by, and a model that collapsed did so whatever its sister seeds
did: they are not asked. Collateral has no such size, so it has to exceed what the seeds differ by, where those are
known.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from embedlab.comparing.intervals import combined, draws_for
from embedlab.errors import MeasureError
from embedlab.measure import geometry, uncertainty
from embedlab.measure.noise import seed_noise
from embedlab.types import Collateral, Comparison, Reading, SpaceFinding
from embedlab.verdict.regions import IN_DOMAIN, OFF_DOMAIN, SEEN, collateral, neighbours_of, places
from embedlab.verdict.rules import RULES, Rules
from embedlab.verdict.states import States
from embedlab.wording import bracket, count, difference, number, percent

NO_TEXTS = "There are no off-domain texts, so it was not asked."
NOTHING = "Nothing moved: every reading is equal, at every layer"


@dataclass(frozen=True)
class Judged:
    """One rule about the space: whether it holds (None: it could not be asked), and the sentences that say so."""

    finding: SpaceFinding
    holds: bool | None
    why: tuple[str, ...]


@dataclass(frozen=True)
class Space:
    """The line, the reasons, the findings and the figures by region."""

    line: str
    why: tuple[str, ...]
    findings: tuple[SpaceFinding, ...]
    collateral: tuple[Collateral, ...]


UNTRAINED = "The start was drawn at random, so there was nothing to forget or to stir."


def space(
    states: States, trained: Bool[np.ndarray, "row"] | None, rules: Rules = RULES, *, untrained: bool = False
) -> Space:
    """The verdict about the space at the last layer. `untrained`: before was drawn at random."""
    by_region = tuple(collateral(states, place, rules) for place in places(states, trained, rules))
    if nothing_moved(states.comparison, by_region):
        return Space(NOTHING, ("Every number of both models is the same.",), (), by_region)
    off = next((c for c in by_region if c.region == OFF_DOMAIN), None)
    home = next((c for c in by_region if c.region in (SEEN, IN_DOMAIN)), None)
    judged: tuple[Judged, ...] = (_collapse(states, rules),)
    if not untrained:
        judged += (_forgetting(off, rules), _collateral(off, home, rules))
    findings = tuple(one.finding for one in judged if one.holds)
    why = (*([UNTRAINED] if untrained else []), *(sentence for one in judged for sentence in one.why), _seeds(states))
    return Space(_line(states, judged, off), why, findings, by_region)


def nothing_moved(comparison: Comparison, by_region: Sequence[Collateral]) -> bool:
    """Every reading, every word and every whole text is the same to the last bit."""
    moved = [r for layer in comparison.layers for r in layer.readings.values() if r.before != r.after]
    words = comparison.words.change.any() or np.nan_to_num(comparison.words.drift, nan=1.0).any()
    return not moved and not words and all(one.drift.value == 0 for one in by_region)


# -- the rules -------------------------------------------------------------------------------------------------------


def _collapse(states: States, rules: Rules) -> Judged:
    """Random pieces, or off-domain texts, are becoming alike; or far fewer directions are in use."""
    readings = states.comparison.layers[-1].readings
    off = off_domain_cosine(states)
    alike = [(what, r) for what, r in (("random pieces", readings.get("mean_cosine")), ("off-domain texts", off)) if r]
    rank = readings.get("effective_rank")
    held = [collapsed(r, rules) for _, r in alike] + ([rank_fell(rank, rules)] if rank else [])
    known = [one for one in held if one is not None]
    told = [f"mean cosine of {what} {_from_to(r)}" for what, r in alike if r.before is not None and r.after is not None]
    told += [f"effective rank {_from_to(rank)}" for rank in [rank] if rank and rank.before is not None]
    rule = (
        f"COLLAPSE: less than {percent(rules.collapse_spread)} of 1 − mean cosine is left, of random pieces or of "
        f"off-domain texts, or less than {percent(rules.collapse_rank)} of the effective rank, with the whole interval."
    )
    return Judged("COLLAPSE", any(known) if known else None, (rule + _here(told, known),))


def _here(told: Sequence[str], known: Sequence[bool]) -> str:
    if not known:
        return " It could not be asked of these data."
    return f" {_verb(any(known))}: {'; '.join(told)}."


def _verb(holds: bool) -> str:
    return "It holds" if holds else "It does not hold"


def collapsed(cosine: Reading, rules: Rules = RULES) -> bool | None:
    """(1 - c_after) / (1 - c_before) below the limit, with its interval: c rises by over (1 - limit)(1 - c_before)."""
    if cosine.before is None or cosine.after is None:
        return None
    least = (1 - rules.collapse_spread) * (1 - cosine.before)
    change = cosine.after - cosine.before
    certain = cosine.interval is not None and cosine.interval[0] > least
    return change > least and certain


def rank_fell(rank: Reading, rules: Rules = RULES) -> bool | None:
    """after below the limit times before, with its interval."""
    if rank.before is None or rank.after is None:
        return None
    most = -(1 - rules.collapse_rank) * rank.before
    change = rank.after - rank.before
    certain = rank.interval is not None and rank.interval[1] < most
    return change < most and certain


def off_domain_cosine(states: States) -> Reading | None:
    """Mean cosine of the off-domain texts in each model (A1); None where there are fewer than two."""
    rows = states.after.off_domain[states.seen[states.after.off_domain]]
    if len(rows) < 2:
        return None
    before, after, *others = states.each_text(rows)
    try:
        one, two, *rest = [geometry.mean_cosine(x) for x in (before, after, *others)]
        interval = uncertainty.bootstrap_mean_cosine(before, after, draws=draws_for(len(rows)), seed=states.seed)
    except MeasureError as error:
        return Reading("mean_cosine", note=str(error))
    return Reading("mean_cosine", one, two, interval=interval, noise=seed_noise([two, *rest]))


def _forgetting(off: Collateral | None, rules: Rules) -> Judged:
    """The off-domain texts lost most of their neighbours among themselves."""
    rule = (
        f"FORGETTING: off-domain texts keep less than {percent(rules.forgetting)} of their nearest "
        "off-domain texts, the interval below that too"
    )
    interval = off.kept.interval if off is not None else None
    if off is None or interval is None:
        return Judged("FORGETTING", None, (f"{rule}. {NO_TEXTS}",))
    kept, k = off.kept, neighbours_of(off.texts, rules)
    chance = k / (off.texts - 1)
    if chance > rules.chance:
        least = math.ceil(rules.k / rules.chance) + 1
        few = f"It was not asked: of {count(off.texts, 'text')} {percent(chance)} are kept by chance; give {least}."
        return Judged("FORGETTING", None, (f"{rule}. {few}",))
    holds = interval[1] < rules.forgetting
    told = (
        f"{_verb(holds)}: {_value(kept)} of the {k} nearest of {count(off.texts, 'text')} are kept "
        f"(by chance {number(chance, places=2)})."
    )
    return Judged("FORGETTING", holds, (f"{rule}. {told}",))


def less_than_seeds(kept: Reading) -> bool:
    """Whether fewer neighbours are kept than two seeds of the recipe share at worst."""
    return kept.noise is None or (kept.interval is not None and kept.interval[1] < kept.noise)


def _collateral(off: Collateral | None, home: Collateral | None, rules: Rules) -> Judged:
    """Off-domain texts moved further than the texts in training, and it was no harmless turn of the whole space.

    Training is meant to move what it is shown; what it is not shown should move less. A drift alone may be a turn that
    all texts share and that changes no distance, so the neighbours must have been stirred too.
    """
    where = "texts in domain" if home is not None and home.region == IN_DOMAIN else "texts seen in training"
    rule = (
        f"COLLATERAL: off-domain texts moved further than {where}, the interval of the difference above zero, and keep "
        f"less than {percent(rules.stirred)} of their neighbours, the interval below that too (else it may be a "
        "harmless turn of the whole space)"
    )
    if off is None or home is None:
        return Judged("COLLATERAL", None, (f"{rule}. {NO_TEXTS}",))
    if min(off.texts, home.texts) < rules.least_texts:
        return Judged("COLLATERAL", None, (f"{rule}. It was not asked: it needs {rules.least_texts} texts of each.",))
    moved, stayed, kept = off.drift, home.drift, off.kept
    if moved.value is None or stayed.value is None or kept.interval is None or not (moved.interval and stayed.interval):
        return Judged("COLLATERAL", None, (f"{rule}. {moved.note or kept.note or 'It could not be asked.'}",))
    apart = combined((moved.value, stayed.value), (moved.interval, stayed.interval), (1, -1))
    further = apart[0] > 0 and (moved.noise is None or moved.interval[0] > moved.noise)
    holds = further and kept.interval[1] < rules.stirred and less_than_seeds(kept)
    noise = "" if moved.noise is None else ", both beyond what seeds differ by"
    told = (
        f"{_verb(holds)}: drift off domain {_value(moved)}, {where} {_value(stayed)}, "
        f"difference {difference(moved.value - stayed.value, apart)}, kept {_value(kept)}."
    )
    return Judged("COLLATERAL", holds, (f"{rule}{noise}. {told}",))


# -- the words -------------------------------------------------------------------------------------------------------


def _line(states: States, judged: Sequence[Judged], off: Collateral | None) -> str:
    """Answer first: the findings, or which are ruled out; then how far off-domain texts moved and what they kept."""
    found = [one.finding for one in judged if one.holds]
    clear = [f"no {one.finding.lower()}" for one in judged if one.holds is False]
    answer = ", ".join(found) if found else ", ".join(clear) or "collapse not measured"
    parts = [answer[:1].upper() + answer[1:]]
    if off is not None and off.drift.value is not None:
        parts.append(_moved(off.drift))
    if off is not None and off.kept.value is not None:
        parts.append(f"neighbours kept {number(off.kept.value, places=2)}")
    if off is None:
        last = states.comparison.layers[-1].readings
        cosine, words = last.get("mean_cosine"), last.get("knn_jaccard")
        if cosine is not None and cosine.before is not None and cosine.after is not None:
            parts.append(f"mean cosine {_from_to(cosine)}")
        if words is not None and words.value is not None:
            parts.append(f"word neighbours kept {_value(words)}")
        parts.append("off-domain texts not looked at")
    if not states.replicates:
        parts.append("seed noise unknown")
    return " · ".join(parts)


def _moved(drift: Reading) -> str:
    """How far the off-domain texts moved: in units of seed noise where it is known."""
    if drift.value is not None and drift.noise:
        return f"off-domain texts moved {number(drift.value / drift.noise, places=1)}× seed noise"
    return f"off-domain texts moved {_value(drift)}"


def _seeds(states: States) -> str:
    if states.replicates:
        seeds = count(len(states.trained), "seed")
        return f"Seed noise comes from {seeds} of the recipe; collateral counts only beyond it."
    return (
        "Only one seed of the recipe was trained: another might change the space as much, and how much that is "
        "is unknown."
    )


def _value(reading: Reading) -> str:
    """`.62 [.58, .66]`."""
    if reading.value is None:
        return "not defined"
    text = number(reading.value, reading.interval)
    interval = reading.interval
    return text if interval is None or interval[0] == interval[1] else f"{text} {bracket(interval)}"


def _from_to(reading: Reading) -> str:
    if reading.before is None or reading.after is None:
        return "not defined"
    before, after = number(reading.before, reading.interval), number(reading.after, reading.interval)
    return f"{before} → {after} ({difference(reading.after - reading.before, reading.interval)})"
