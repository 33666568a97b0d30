"""Drawing a map of everything from its page: what it will cost, how far it is, and the way to stop it."""

from datetime import UTC, datetime

import streamlit as st

from embedlab.comparing.overview import What
from embedlab.figures.overview import HEIGHT as MAP_HEIGHT
from embedlab.jobs import Task
from embedlab.measure.overview import cost
from embedlab.ui import errors, frame, jobs, safe, state

TASK, STOPPED = "map_task", "map_stopped"  # in the session: what was asked for, and whether it was asked to stop
CLEAR = 0.05  # share done from which the time so far tells the time left
NEXT_S = 8.0  # what another layer saves: the process is up and the compiler has run


def offer(view: frame.Context, what: What) -> None:
    """What will be here, and the buttons that get it; while it is being drawn, how far it is."""
    lab = state.lab()
    can = lab.can_overview(view.id)
    items, width = lab.overview_size(view.id, what) if can else (0, 0)
    took = cost(items, width).seconds
    if following(took):
        return
    if not can:
        frame.empty(
            "The vectors of this comparison are not in the workspace",
            "They were deleted, or came along for some layers only. Compare the two "
            "models again with New comparison; two files again on the command line: compare --before --after.",
        )
        return
    if what == "rows":
        frame.empty(
            "This map has not been drawn yet",
            "Every row that the two files share will lie here twice, before and after, in one frame, compared one by "
            "one or not. It is drawn once, in the background, and kept.",
        )
    else:
        frame.empty(
            "This map has not been drawn yet",
            "All of them will lie here twice, before and after, in one frame. It is drawn once for a layer, in the "
            "background, and kept.",
        )
    layers = len(view.comparison.layers)
    one, every, _ = st.columns([3, 3, 4])
    of = f"{items:,} {what}" if what == "rows" else f"layer {view.layer}"
    if one.button(f"Draw {of} (about {jobs.duration(took)})", type="primary", width="stretch"):
        _start(lab.start_overview(view.id, what, [view.layer]))
    all_layers = jobs.duration(took + (layers - 1) * max(1.0, took - NEXT_S))
    if layers > 1 and every.button(f"Draw all {layers} layers (about {all_layers})", width="stretch"):
        _start(lab.start_overview(view.id, what, range(layers)))


def _start(task: str) -> None:
    st.session_state[TASK] = task
    st.session_state[STOPPED] = False
    st.rerun()


def following(took: float) -> bool:
    """Whether the map this visit asked for is being drawn: its progress is shown then. `took`: about so long [s]."""
    asked = st.session_state.get(TASK)
    if asked is None:
        return False
    task = state.lab().task(asked)
    if task.state in jobs.LIVE:
        st.fragment(_follow, run_every=1.0)(asked, took)
        return True
    del st.session_state[TASK]
    if task.state == "cancelled":
        safe.html('<div class="el-quiet" role="status">The map was stopped; nothing of it was kept.</div>')
    elif task.state != "done":
        errors.show(task.message, task.name)
    return False


@errors.guarded
def _follow(asked: str, took: float) -> None:
    task = state.lab().task(asked)
    if task.state not in jobs.LIVE:
        st.rerun(scope="app")
    stopped = bool(st.session_state.get(STOPPED))
    with st.container(border=True, height=MAP_HEIGHT):
        how = f"{task.what or 'starting'} · about {jobs.duration(left(task, took))} left"
        jobs.bar(task.name, task.share, "stopping at the end of this part" if stopped else how)
        st.button("Stop", key="map-stop", on_click=_stop, args=(asked,), disabled=stopped)


@errors.guarded
def _stop(asked: str) -> None:
    state.lab().cancel_task(asked)
    st.session_state[STOPPED] = True


def left(task: Task, took: float) -> float:
    """Seconds to the end of a task: as the time so far says, and at first as was estimated."""
    if task.share < CLEAR:
        return took
    begun = datetime.strptime(task.created, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    so_far = (datetime.now(UTC) - begun).total_seconds()
    return so_far * (1 - task.share) / task.share
