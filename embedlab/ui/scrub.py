"""A slider over the model states a run kept along the way: before against each of them, where that was compared."""

from collections.abc import Mapping, Sequence

import streamlit as st

from embedlab import figures
from embedlab.errors import UserError
from embedlab.lab.models import run_source
from embedlab.training import runfolder
from embedlab.types import Frame
from embedlab.ui import cards, errors, frame, jobs, safe, state

STEP = "step"  # the slider, and the step in the address bar
OF = "_step_of"  # the comparison the slider was last set to


def slider(view: frame.Context) -> None:
    """Where `after` is a run that kept states: the slider, what to look for, and what has not been compared yet."""
    found = states(view)
    if found is None:
        return
    run, frames = found
    steps = [one.step for one in frames]
    here = step_of(view, frames)
    align(view.id, steps, here)
    left, right = st.columns([5, 8], gap="medium")
    made = compared(view, run, frames)
    with left:
        safe.html('<div class="el-eyebrow el-gap">Along the training</div>')
        at = int(
            st.select_slider(
                "Step of the run", steps, key=STEP, on_change=_move, args=(dict(made), view.id),
                format_func=lambda step: label(frames, step),
            )
        )  # fmt: skip
        st.query_params[STEP] = str(at)
        _said(view, run, frames, at, here, made)
    with right:
        kept = runfolder.canary_kept(state.lab().run_events(run))
        figure = figures.frames_line(frames, kept, at, state.theme())
        safe.html('<div class="el-quiet el-gap">Held-out score and canary neighbours kept; dotted: the slider.</div>')
        figure.update_layout(title=None, height=130, margin={"t": 10})
        cards.chart(figure, f"frames-{run}-{at}")


def states(view: frame.Context) -> tuple[str, tuple[Frame, ...]] | None:
    """(the whole id of the run, its states), or None where after is no run, or one that is not here (any more)."""
    named = run_source(view.comparison.after.source)
    if named is None:
        return None
    try:
        run = state.lab().run(named.run).id
        frames = state.lab().frames(run)
    except UserError:
        return None
    return (run, frames) if len(frames) > 1 else None


def step_of(view: frame.Context, frames: Sequence[Frame]) -> int | None:
    """The step that this comparison shows: the one it names, else the kept one."""
    named = run_source(view.comparison.after.source)
    if named is not None and named.step is not None:
        return named.step
    return next((one.step for one in frames if one.kept), None)


def compared(view: frame.Context, run: str, frames: Sequence[Frame]) -> dict[int, str]:
    """Step -> the newest comparison of the same before with that state of the run, on the same corpus."""
    kept = next((one.step for one in frames if one.kept), None)
    found: dict[int, str] = {}
    for entry in state.lab().comparisons():
        named = run_source(str(entry.summary["after"]))
        same = (entry.summary["before"], entry.summary["corpus_id"]) == (
            view.comparison.before.source, view.comparison.provenance.corpus_id,
        )  # fmt: skip
        if named is None or not same or not run.startswith(named.run):
            continue
        step = kept if named.step is None else named.step
        if step is not None:
            found.setdefault(step, entry.id)
    shown = step_of(view, frames)
    return found if shown is None else found | {shown: view.id}


def align(comparison: str, steps: Sequence[int], here: int | None) -> None:
    """The slider stands at the step that is shown, unless the person (or the link) has just put it elsewhere."""
    linked = st.query_params.get(STEP, "")
    if st.session_state.get(OF) is None and linked.isdigit() and int(linked) in steps:
        st.session_state[STEP] = int(linked)
    elif st.session_state.get(OF) != comparison or st.session_state.get(STEP) not in steps:
        st.session_state[STEP] = here if here in steps else steps[-1]
    st.session_state[OF] = comparison


@errors.guarded
def _move(made: Mapping[int, str], shown: str) -> None:
    """The comparison of that step, where there is one; else only the slider moves and offers to make it."""
    other = made.get(st.session_state[STEP])
    if other is not None and other != shown:
        st.session_state["comparison"] = st.session_state[OF] = other


def label(frames: Sequence[Frame], step: int) -> str:
    """A step on the slider: the start, the kept one, one with an alarm."""
    one = next(one for one in frames if one.step == step)
    if step == 0:
        return "0, the start"
    return f"{step:,}{', kept' if one.kept else ''}{', alarm' if one.alarms else ''}"


def _said(
    view: frame.Context, run: str, frames: Sequence[Frame], at: int, here: int | None, made: Mapping[int, str]
) -> None:
    """Which step the page shows, and the buttons for what has not been compared."""
    lab, before, corpus = state.lab(), view.comparison.before.source, view.comparison.provenance.corpus_id
    missing = [one.step for one in frames if one.step not in made]
    safe.html(
        '<div class="el-quiet">{said} {done} of {all} steps are compared.</div>',
        said=f"This page shows step {at:,}."
        if at == here
        else f"Step {at:,} has not been compared: this page still "
        f"shows {'the run' if here is None else f'step {here:,}'}.",
        done=len(frames) - len(missing),
        all=len(frames),
    )
    k = view.comparison.provenance.k
    busy = jobs.busy()
    with st.container(horizontal=True, gap="small"):
        if at != here and at not in made and st.button(
            f"Compare step {at:,}", type="primary", key="compare_step", disabled=busy
        ):  # fmt: skip
            st.session_state["task"] = lab.start_compare(before, f"run:{run}@{at}", corpus, k=k)
            st.rerun()
        if missing and st.button("Compare every step", key="compare_every", disabled=busy):
            sources = [f"run:{run}@{step}" for step in missing]
            st.session_state["task"] = lab.start_compare_each(before, sources, corpus, k=k)
            st.rerun()
