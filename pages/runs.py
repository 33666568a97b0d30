"""Runs: what has been trained? All runs, their curves over each other, what differs; two compared, one taken away."""

import shlex
from collections.abc import Mapping, Sequence

import streamlit as st

from embedlab import figures
from embedlab.training import runfolder
from embedlab.types import Run
from embedlab.ui import cards, deleting, errors, frame, jobs, runtable, safe, shooting, state, takeaway

NEWEST = 3  # runs that are chosen when nobody has chosen
MOST_CURVES = 12  # more than that nobody tells apart


@errors.guarded
def page() -> None:
    frame.title(
        "What has been trained, and which was worth it?",
        "Tick runs: their curves over each other and what differs between them. Two of them can be compared, any "
        "deleted or taken away.",
    )
    jobs.follow()
    runs = state.lab().runs()
    names = {entry.id: entry.name for entry in state.lab().corpora()}
    alive = [run for run in runs if run.state in jobs.LIVE]
    chosen: list[Run] = []
    if runs:
        chosen = runtable.choose(runs, names, linked(runs))
        st.query_params["runs"] = ".".join(run.id for run in chosen)
        actions(chosen, names)
    else:
        frame.empty("Nothing has been trained yet", "Every training stands here, with its scores, from its first step.")
        if st.button("Train something", type="primary"):
            st.switch_page(frame.page("finetune"))
    if chosen:
        moving = any(run.state in jobs.LIVE for run in chosen)
        st.fragment(curves, run_every=2.0 if moving else None)([run.id for run in chosen])
        runtable.differences(chosen, names)
    shooting.section(runs, names)
    frame.foot(command(chosen), {"Runs": len(runs), "At work": len(alive)}, TERMS)


TERMS = (
    ("Score, before → kept", "held-out score of the start and of the step that is kept; higher is better. Scores of "
     "different objectives are different measures."),
    ("Canary", "of the nearest neighbours among everyday sentences far from the task, how many are still those of the "
     "start at the kept step (mean Jaccard). Low with a high score: bought dearly."),
    ("Loss", "what the step minimises, in nats. Only runs of the same objective and temperature can be held against "
     "each other by it."),
    ("Collateral change", "1 − the canary's mean Jaccard at the kept step. Task gain: score kept − score before."),
)  # fmt: skip


def linked(runs: Sequence[Run]) -> list[str]:
    """Which runs the address bar names; without one the newest."""
    given = st.query_params.get("runs")
    if given is None:
        return [run.id for run in runs[:NEWEST]]
    known = {run.id for run in runs}
    return [id for id in given.split(".") if id in known]


@errors.guarded
def curves(ids: Sequence[str]) -> None:
    """Score and loss of the chosen runs over their steps."""
    lab = state.lab()
    shown = [(runtable.name(lab.run(id)), runfolder.unbroken(lab.run_events(id))) for id in ids[:MOST_CURVES]]
    cards.chart(figures.curves_overlaid(shown, state.theme()), "overlaid")
    if len(ids) > MOST_CURVES:
        safe.html(
            '<div class="el-quiet">The first {shown} of {all} chosen runs are drawn.</div>',
            shown=MOST_CURVES,
            all=len(ids),
        )


def actions(chosen: Sequence[Run], names: Mapping[str, str]) -> None:
    """What can be done with the chosen runs."""
    lab = state.lab()
    left, middle, right = st.columns([9, 3, 3], vertical_alignment="bottom")
    with left:
        compare_two(chosen, names)
    with middle:
        finished = chosen[0] if len(chosen) == 1 and lab.has_model(chosen[0].id) else None
        with st.popover("Take it away", width="stretch", disabled=finished is None):
            if finished is not None:
                takeaway.buttons(finished)
    with right:
        gone = [run for run in chosen if run.state not in jobs.LIVE]
        if st.button("Delete …", key="delete", disabled=not gone, width="stretch"):
            deleting.ask([run.id for run in gone])


def compare_two(chosen: Sequence[Run], names: Mapping[str, str]) -> None:
    """Where two runs are chosen: the older one as before, the newer one as after, on a corpus of one's choice."""
    lab = state.lab()
    if len(chosen) != 2 or not all(lab.has_model(run.id) for run in chosen):
        said = "Choose two runs to compare them." if len(chosen) != 2 else "One of these two runs has no model yet."
        safe.html('<div class="el-quiet">{said}</div>', said=said)
        return
    after, before = chosen
    where, button = st.columns([5, 4], vertical_alignment="bottom")
    first = [before.config.corpus_id, after.config.corpus_id]
    order = sorted(names, key=lambda id: (id not in first, id != first[0]))
    with where:
        corpus = st.selectbox("Compare them on", order, format_func=names.__getitem__, key="runs_corpus")
    label = f"{before.id[:8]} → {after.id[:8]}: compare"
    with button:
        if st.button(label, type="primary", key="compare_two", width="stretch", disabled=corpus is None):
            st.session_state["task"] = lab.start_compare(f"run:{before.id}", f"run:{after.id}", corpus)
            st.switch_page(frame.page("compare"))


def command(chosen: Sequence[Run]) -> str:
    if len(chosen) == 2:
        after, before = chosen
        return shlex.join(
            ["python", "-m", "embedlab", "compare", "--before", f"run:{before.id}", "--after", f"run:{after.id}",
             "--corpus", before.config.corpus_id[:12]]
        )  # fmt: skip
    return shlex.join(["python", "-m", "embedlab", "runs", *(["show", chosen[0].id] if chosen else ["list"])])


page()
