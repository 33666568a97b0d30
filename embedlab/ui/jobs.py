"""What is running: in the sidebar of every page, polled by a fragment. Work itself runs in processes of its own."""

import streamlit as st

from embedlab.jobs import Task
from embedlab.types import Run
from embedlab.ui import errors, safe, state

LIVE = ("queued", "running")
STATES = {  # of a run, in words
    "queued": "waiting to start",
    "running": "running",
    "paused": "paused",
    "done": "done",
    "cancelled": "stopped",
    "failed": "failed",
}
POLL_S = 2.0


def duration(seconds: float | None) -> str:
    """Time as a person says it: 40 s, 3 min, 1 h 20."""
    if seconds is None:
        return "not known yet"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds // 3600:.0f} h {seconds % 3600 / 60:02.0f}"


def left(seconds: float | None) -> str:
    """`3 min left`, or that this is not known yet."""
    return "time left not known yet" if seconds is None else f"{duration(seconds)} left"


def busy() -> bool:
    """Whether a task of the lab (a comparison, an estimate, a take-away ...) is at work."""
    return any(task.state in LIVE for task in state.lab().tasks())


def running() -> list[tuple[str, float, str]]:
    """(what, share done, how it stands) of every job at work."""
    lab = state.lab()
    found = [
        (
            f"Fine-tune · {run.id[:8]} · seed {run.config.seed}",
            share(run),
            f"step {run.step} of {run.config.max_steps} · {left(run.eta_s)}",
        )
        for run in lab.runs()
        if run.state in LIVE
    ]
    found += [(task.name, task.share, task.what) for task in lab.tasks() if task.state in LIVE]
    return found


def share(run: Run) -> float:
    return min(1.0, run.step / run.config.max_steps)


def sidebar() -> None:
    """Jobs at work, each with a bar; nothing where nothing runs. When one ends the whole page is drawn again."""
    active = running()
    st.session_state["_jobs"] = len(active)
    if active:
        st.fragment(_poll, run_every=POLL_S)()


@errors.guarded
def _poll() -> None:
    active = running()
    if len(active) != st.session_state.get("_jobs"):
        st.rerun(scope="app")
    for what, done, how in active:
        bar(what, done, how)


def follow() -> None:
    """The comparison this visit asked for: its progress, then the comparison itself, or why there is none."""
    task = _asked("task")
    if task is not None and task.state == "done":
        st.session_state["comparison"] = task.result["id"]


def follow_training() -> None:
    """The trainings this visit asked for (several seeds, a shoot-out): how far they are, or why they ended early."""
    _asked("tune_task")


def follow_walk() -> None:
    """The walk through the lineage this visit asked for: its progress, then the walk itself, or why there is none."""
    task = _asked("walk_task")
    if task is not None and task.state == "done":
        st.session_state["walk"] = task.result["id"]


def follow_estimate() -> None:
    """The measurement of cost this visit asked for: its progress, or why there is none. Its result is the lab's."""
    _asked("tune_estimate")


def _asked(key: str) -> Task | None:
    """The task a key of the session names: its progress while it lives; once ended forgotten, and a failure told."""
    asked = st.session_state.get(key)
    if asked is None:
        return None
    task = state.lab().task(asked)
    if task.state in LIVE:
        st.fragment(_follow, run_every=1.0)(asked)
        return None
    del st.session_state[key]
    if task.state != "done":
        errors.show(task.message, task.name)
    return task


@errors.guarded
def _follow(asked: str) -> None:
    task = state.lab().task(asked)
    if task.state not in LIVE:
        st.rerun(scope="app")
    with st.container(border=True):
        bar(task.name, task.share, task.what or "starting")


def bar(what: str, done: float, how: str) -> None:
    """A job: its name, how far it is, what it is doing."""
    safe.html(
        '<div class="el-job"><b>{what}</b><div class="el-bar"><i style="width:{percent}%"></i></div>'
        '<span class="el-quiet">{how}</span></div>',
        what=what,
        percent=f"{100 * done:.0f}",
        how=how,
    )
