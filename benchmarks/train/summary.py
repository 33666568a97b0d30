"""From what the processes measured to medians, ratios, sameness of the losses, and the table."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.train.work import EMBEDLAB, SENTENCE_TRANSFORMERS, TRANSFORMERS

RATES = ("tokens_per_s", "tokens_per_cpu_s", "step_s", "peak_mb", "before_mb")
Found = Mapping[str, Sequence[Mapping[str, Any]]]  # system -> what each round measured, a seed each


def medians(found: Found) -> dict[str, dict[str, float]]:
    return {
        name: {key: statistics.median(one[key] for one in rounds) for key in RATES} for name, rounds in found.items()
    }


def better_peer(rates: Mapping[str, Mapping[str, float]]) -> str | None:
    """The faster of the two Trainers on the rows as they come; None where neither was measured."""
    peers = [name for name in (SENTENCE_TRANSFORMERS, TRANSFORMERS) if name in rates]
    return max(peers, key=lambda name: rates[name]["tokens_per_cpu_s"], default=None)


def last_quarter(loss: Sequence[float]) -> float:
    """The mean loss over the last quarter of the steps."""
    return float(np.mean(loss[-max(1, len(loss) // 4) :]))


def sameness(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean loss of the last quarter, ours less theirs, over the seeds, with its 95 % t-interval.

    `spread`: standard deviation of theirs from seed to seed, which is what a run leaves to chance.
    """
    a, b = (np.array([last_quarter(one["loss"]) for one in side]) for side in (ours, theirs))
    difference = a - b
    error = float(difference.std(ddof=1)) / len(a) ** 0.5
    reach = float(stats.t.ppf(0.975, len(a) - 1)) * error
    middle = float(difference.mean())
    return {
        "ours": float(a.mean()),
        "theirs": float(b.mean()),
        "difference": middle,
        "interval": [middle - reach, middle + reach],
        "spread": float(b.std(ddof=1)),
        "same": abs(middle) <= reach,
    }


def quarters(rounds: Sequence[Mapping[str, Any]]) -> list[float]:
    """The mean loss of each quarter of the samples, over the seeds."""
    curve = np.mean([one["loss"] for one in rounds], axis=0)
    return [float(part.mean()) for part in np.array_split(curve, 4)]


def report(task: str, precision: str, found: Found) -> tuple[dict[str, Any], str]:
    """(for the JSON, for the eye)."""
    rates = medians(found)
    base = better_peer(rates)
    head = f"{'':34}{'tokens/s':>10}{'tokens/CPU s':>14}{'ratio':>8}{'s/step':>8}{'peak MB':>9}{'to train':>10}"
    lines = [f"\n{task}, {precision}", f"{head}   loss by quarters"]
    for name, row in rates.items():
        ratio = row["tokens_per_cpu_s"] / rates[base]["tokens_per_cpu_s"] if base else float("nan")
        losses = " ".join(f"{value:.4f}" for value in quarters(found[name]))
        lines.append(
            f"{name:34}{row['tokens_per_s']:>10,.0f}{row['tokens_per_cpu_s']:>14,.0f}{ratio:>8.2f}{row['step_s']:>8.2f}"
            f"{row['peak_mb']:>9,.0f}{row['peak_mb'] - row['before_mb']:>10,.0f}   {losses}"
        )
    data: dict[str, Any] = {"rates": rates, "better_peer": base, "rounds": dict(found)}
    if base and EMBEDLAB in found:
        data["sameness"] = one = sameness(found[EMBEDLAB], found[base])
        low, high = one["interval"]
        lines.append(
            f"loss of the last quarter: EmbedLab {one['ours']:.4f}, {base} {one['theirs']:.4f}; difference "
            f"{one['difference']:+.4f} [{low:+.4f}, {high:+.4f}], seeds differ by {one['spread']:.4f}: "
            f"{'the same' if one['same'] else 'NOT the same'}"
        )
    return data, "\n".join(lines)
