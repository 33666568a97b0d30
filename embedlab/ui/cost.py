"""What a training will cost: measured on a few real steps where the person asked, else reckoned, and said which."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from embedlab import wording
from embedlab.training import runfolder
from embedlab.types import Run, RunConfig
from embedlab.ui import jobs, safe, state

ADAM_BYTES = 16  # a weight, its gradient and Adam's two moments, four bytes each
WORK_BYTES = 1e9  # what a batch and the libraries take, roughly
TASK = "tune_estimate"  # the session key of the measurement this visit asked for
Row = tuple[str, str, str]  # what, how much, how it was found


@st.cache_data(show_spinner=False, ttl=60)
def _parameters(root: str, source: str) -> int:
    return int(state.lab().model(source).parameters)


def last_run(source: str) -> Run | None:
    """The newest finished run of the same model: what this machine really did."""
    return next(
        (run for run in state.lab().runs() if run.state == "done" and run.config.encoder.source == source and run.step),
        None,
    )


def card(config: RunConfig | None, seeds: int) -> None:
    """Time, memory and disk of `seeds` runs one after another, each with how it was found; and the way to measure."""
    safe.html('<div class="el-eyebrow">3 · Cost</div>')
    if config is None:
        safe.html('<div class="el-quiet">Choose what to learn from and how: then it can be measured.</div>')
        return
    jobs.follow_estimate()
    found = state.lab().estimate(config)
    rows = reckoned(config, seeds) if found is None else measured(found, config, seeds)
    body = safe.join(
        safe.fragment(
            "<tr><td>{what}<small>{how}</small></td><td class='r'>{much}</td></tr>", what=what, how=how, much=much
        )
        for what, much, how in rows
    )
    safe.html('<table class="el-table">{body}</table>', body=body)
    asked = st.session_state.get(TASK) is not None
    if found is None and st.button("Measure on three steps", disabled=asked, key="measure", width="stretch"):
        st.session_state[TASK] = state.lab().start_estimate(config)
        st.rerun()
    safe.html(
        "<div class='el-quiet'>{said}</div>",
        said="The worker checks the disk before it starts and stops at the last good step if anything fails."
        if found is not None
        else "Three real steps, the longest batch among them, and one evaluation; nothing of it is kept.",
    )


def measured(found: Mapping[str, Any], config: RunConfig, seeds: int) -> list[Row]:
    """Rows of what three steps of this very run showed on this machine."""
    step, evaluation = (wording.number(float(found[name])) for name in ("step_s", "eval_s"))
    each = f"; {seeds} runs, one after another" if seeds > 1 else ""
    return [
        ("Time", jobs.duration(seeds * found["seconds"]), f"measured: {step} s a step, {evaluation} s a look{each}"),
        ("Memory", f"{gigabytes(found['memory_mb'] * 2**20)} GB", "measured: the most that steps and evaluation held"),
        ("Disk", f"{gigabytes(seeds * found['disk_bytes'])} GB", disk_words(config, "counted")),
        ("Speed", f"{found['tokens_per_s']:,.0f} tokens/s", f"measured in {config.precision}"),
        (
            "Weights that train",
            f"{wording.number(found['trained'] / 1e6, places=1)} M",
            f"of {wording.number(found['parameters'] / 1e6, places=1)} M, in the stage that trains most",
        ),
    ]


def reckoned(config: RunConfig, seeds: int) -> list[Row]:
    """Rows of what can be said before anything was measured."""
    source, steps = config.encoder.source, config.max_steps
    weights = _parameters(str(state.lab().store.root), source)
    last = last_run(source)
    each = f"; {seeds} runs, one after another" if seeds > 1 else ""
    if last is None:
        time, how = "not known yet", f"only measuring tells{each}"
    else:
        pace = last.elapsed_s / last.step
        time = f"about {jobs.duration(seeds * steps * pace)}"
        how = f"reckoned from run {last.id[:8]}, {wording.number(pace)} s a step{each}"
    disk = seeds * runfolder.disk_needed(weights, weights, config)
    return [
        ("Time", time, how),
        (
            "Memory",
            f"up to {gigabytes(weights * ADAM_BYTES + WORK_BYTES)} GB",
            "reckoned: weights, gradients, Adam's moments, and 1 GB for the work",
        ),
        ("Disk", f"up to {gigabytes(disk)} GB", disk_words(config, "reckoned")),
        ("Weights", f"{wording.number(weights / 1e6, places=1)} M", f"in {config.precision}"),
    ]


def disk_words(config: RunConfig, how: str) -> str:
    return f"{how}: checkpoints, the finished model, and at most {wording.count(config.frames, 'state')} along the way"


def gigabytes(size: float) -> str:
    """Bytes as GB (10^9), one decimal; below a tenth two."""
    return wording.number(size / 1e9, places=1 if size >= 1e8 else 2)
