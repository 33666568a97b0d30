"""How fast a group learns at each step of a stage, as a share of its rate. Torch-free, since the screen draws it.

The schedules:

    constant   1
    linear     warm-up, then down a straight line to nothing (Devlin et al. 2019, BERT)
    cosine     warm-up, then down half a cosine to nothing (Loshchilov & Hutter 2017, SGDR without restarts)
    stlr       the slanted triangle of ULMFiT (Howard & Ruder 2018): up for a tenth, then down to 1/32
"""

import math

from embedlab.types import Schedule

CUT, RATIO = 0.1, 32  # of the slanted triangle, as in the paper


def share_of_rate(schedule: Schedule, step: int, steps: int, warmup: float) -> float:
    """The share of a group's rate that step `step` (from 0) of a stage of `steps` gets, in (0, 1]; 1 at the peak.

    Steps are counted from 1 where the papers count iterations, so that no step is wasted on a rate of nothing.
    `warmup`: share of the steps in which the rate rises (linear and cosine).
    """
    if schedule == "constant":
        return 1.0
    if schedule == "stlr":
        top = max(1, int(steps * CUT))
        p = (step + 1) / top if step < top else max(0.0, 1 - (step + 1 - top) / max(1, steps - top))
        return (1 + p * (RATIO - 1)) / RATIO
    rising = min(int(steps * warmup), steps - 1)
    if step < rising:
        return (step + 1) / (rising + 1)
    left = (steps - step) / (steps - rising)
    return left if schedule == "linear" else (1 - math.cos(math.pi * left)) / 2
