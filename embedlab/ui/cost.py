"""What a training will cost: from the size of the model and the speed this machine showed in its last run."""

import streamlit as st

from embedlab import wording
from embedlab.types import Run
from embedlab.ui import jobs, safe, state

ADAM_BYTES = 16  # a weight, its gradient and Adam's two moments, four bytes each
CHECKPOINT_BYTES = 12  # a weight and the two moments
KEPT = 2  # checkpoints on disk at a time, and the finished model beside them


@st.cache_data(show_spinner=False, ttl=60)
def _parameters(root: str, source: str) -> int:
    return int(state.lab().model(source).parameters)


def measured(runs: list[Run], source: str) -> Run | None:
    """The newest finished run of the same model: what this machine really did."""
    finished = [run for run in runs if run.state == "done" and run.config.encoder.source == source and run.step]
    return finished[0] if finished else None


def card(source: str, steps: int, precision: str, seeds: int = 1) -> None:
    """Time, memory and disk of `seeds` runs one after another; each says whether it was measured or reckoned."""
    weights = _parameters(str(state.lab().store.root), source)
    last = measured(state.lab().runs(), source)
    if last is None:
        time, how = "not measured yet", "the first seconds of the run will tell"
    else:
        time = jobs.duration(seeds * steps * last.elapsed_s / last.step)
        how = f"measured: {last.elapsed_s / last.step:.2f} s a step in run {last.id[:8]}"
    if seeds > 1:
        how += f"; {seeds} runs, one after another"
    safe.html(
        '<div class="el-eyebrow">3 · Cost</div><table class="el-table">'
        "<tr><td>Time<small>{how}</small></td><td class='r'>{time}</td></tr>"
        "<tr><td>Memory<small>reckoned: weights, gradients, Adam's moments, and 1 GB for the work</small></td>"
        "<td class='r'>{memory} GB</td></tr>"
        "<tr><td>Disk<small>reckoned: two checkpoints and the finished model{each}</small></td><td class='r'>{disk} "
        "GB</td></tr>"
        "<tr><td>Weights<small>in {precision}</small></td><td class='r'>{weights} M</td></tr></table>"
        "<div class='el-quiet'>The worker checks the disk before it starts and stops at the last good step if "
        "anything fails.</div>",
        how=how,
        time=time,
        memory=wording.number(weights * ADAM_BYTES / 1e9 + 1.0, places=1),
        disk=wording.number(seeds * weights * (CHECKPOINT_BYTES * KEPT + 4) / 1e9, places=1),
        each=" of every seed" if seeds > 1 else "",
        weights=wording.number(weights / 1e6, places=1),
        precision=precision,
    )
