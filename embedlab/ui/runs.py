"""The trainings on the screen: one run with its curves and its canary, the seeds of its recipe, what to do next."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import streamlit as st

from embedlab import figures, wording
from embedlab.store import is_sealed
from embedlab.training import runfolder
from embedlab.training.recipes import same_recipe
from embedlab.types import Run
from embedlab.ui import cards, errors, frame, jobs, plan, safe, state


def live(runs: Sequence[Run]) -> None:
    """One run, drawn anew every second while it or another seed of its recipe lives, and the list of all."""
    by_id = {run.id: run for run in runs}
    linked = st.query_params.get("run")
    if "run" not in st.session_state and linked in by_id:
        st.session_state["run"] = linked
    if "tune_task" in st.session_state and st.session_state.get("tune_newest") != runs[0].id:
        st.session_state["run"] = st.session_state["tune_newest"] = runs[0].id  # the next seed has begun
    if st.session_state.get("run") not in by_id:
        st.session_state.pop("run", None)
    safe.html('<div class="el-eyebrow el-gap">Runs</div>')
    chosen = st.selectbox(
        "Run", list(by_id), format_func=lambda id: line(by_id[id]), key="run", label_visibility="collapsed"
    )
    st.query_params["run"] = chosen
    seeds = of_recipe(by_id[chosen], runs)
    alive = [run.id for run in seeds if run.state in jobs.LIVE]
    st.fragment(watch, run_every=1.0 if alive else None)(chosen, [run.id for run in seeds], alive)


def line(run: Run) -> str:
    """A run in one line of the list."""
    objective = run.config.stages[-1].objective
    score = (
        f" · score {wording.number(run.score_before)} → {wording.number(run.score)}" if run.score is not None else ""
    )
    where = f"{jobs.STATES[run.state]} at step {run.step} of {run.config.max_steps}"
    return f"{run.id[:8]} · {objective} · seed {run.config.seed} · {where}{score} · {run.created}"


def of_recipe(run: Run, runs: Sequence[Run]) -> list[Run]:
    """The run and the newest of every other seed of its recipe, by seed."""
    by_seed = {run.config.seed: run}
    for other in runs:
        if same_recipe(other.config, run.config):
            by_seed.setdefault(other.config.seed, other)
    return [by_seed[seed] for seed in sorted(by_seed)]


@errors.guarded
def watch(id: str, seeds: Sequence[str], were_alive: Sequence[str]) -> None:
    """The run as it stands: numbers, canary, curves, the other seeds, and what can be done now."""
    lab = state.lab()
    group = [lab.run(each) for each in seeds]
    if [run.id for run in group if run.state in jobs.LIVE] != list(were_alive):
        st.rerun(scope="app")
    run = next(run for run in group if run.id == id)
    events = runfolder.unbroken(lab.run_events(id))
    said = alarms(events)
    head, actions = st.columns([5, 2], vertical_alignment="center")
    with head:
        standing(run, memory_mb(events))
    with actions:
        buttons(run, said)
    if said is not None:
        notice(run, said, events)
    if len(group) > 1:
        table(group)
    cards.chart(figures.run_curves(events, theme=state.theme()), f"curves-{id}")
    with st.expander("What trains when in this run"):
        plan.timeline(run.config, id)


def memory_mb(events: Sequence[Mapping[str, Any]]) -> float | None:
    """The most the run has held so far, as its steps tell it."""
    return max((event["memory_mb"] for event in events if event.get("memory_mb") is not None), default=None)


def standing(run: Run, memory: float | None) -> None:
    """How it stands, in numbers and a bar."""
    alive = run.state in jobs.LIVE
    safe.html(
        '<div class="el-facts"><div><b>{state}</b><span>step {step} of '
        "{steps}</span></div><div><b>{loss}</b><span>loss, nats</span></div>"
        "<div><b>{score}</b><span>held-out score, before → {end}</span></div><div><b>{rate}</b><span>tokens a "
        "second</span></div><div><b>{memory}</b><span>GB held at most</span></div>"
        '<div><b>{left}</b><span>{what}</span></div></div><div class="el-bar"><i style="width:{percent}%"></i></div>'
        '<div class="el-quiet">{name} {message}</div>',
        state=jobs.STATES[run.state].capitalize(),
        step=f"{run.step:,}",
        steps=f"{run.config.max_steps:,}",
        loss=wording.number(run.loss),
        score=f"{wording.number(run.score_before)} → {wording.number(run.score)}",
        end="now" if alive else "kept",
        name=f"Score: {run.score_name}, on rows the training never sees." if run.score_name else "",
        rate=wording.MISSING if run.tokens_per_s is None else f"{run.tokens_per_s:,.0f}",
        memory=wording.MISSING if memory is None else wording.number(memory * 2**20 / 1e9, places=1),
        left=jobs.duration(run.eta_s) if alive else jobs.duration(run.elapsed_s),
        what="left" if alive else "taken",
        percent=f"{100 * jobs.share(run):.1f}",
        message=run.message,
    )


def buttons(run: Run, said: Mapping[str, Any] | None) -> None:
    """What to do next, the likeliest first."""
    lab = state.lab()
    if run.state in jobs.LIVE:
        exact = "Saves and stops; resuming gives the same bits."
        if st.button("Pause", key=f"pause-{run.id}", width="stretch", help=exact):
            lab.pause(run.id)
        if st.button("Stop, keep the best", key=f"cancel-{run.id}", width="stretch"):
            lab.cancel(run.id)
        return
    ended_by_canary = run.state == "cancelled" and run.config.on_alarm == "stop" and said is not None
    resumable = run.state != "done" and not ended_by_canary
    if resumable and st.button("Resume", type="primary", key=f"resume-{run.id}", width="stretch"):
        lab.resume(run.id)
        st.rerun(scope="app")
    kind: Literal["primary", "secondary"] = "primary" if run.state == "done" else "secondary"
    if is_sealed(lab.run_folder(run.id)) and st.button(
        "Compare before and after", type=kind, key=f"compare-{run.id}", width="stretch"
    ):
        st.session_state["task"] = lab.start_compare(run.config.encoder.source, f"run:{run.id}", run.config.corpus_id)
        st.switch_page(frame.page("compare"))
    st.page_link(frame.page("runs"), label="All runs")


# ---- the canary ------------------------------------------------------------------------------------------------------


def alarms(events: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The last look at the canary, where it had an alarm."""
    seen = [event for event in events if event.get("type") == "canary"]
    return seen[-1] if seen and seen[-1].get("alarms") else None


def notice(run: Run, said: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> None:
    """The alarm in words; while the run lives, with what one can do. "Go on" silences it until it says more."""
    alive, heard = run.state in jobs.LIVE, f"heard-{run.id}"
    if alive and len(said["alarms"]) <= st.session_state.get(heard, 0):
        return
    best = next((event["best_step"] for event in reversed(events) if event.get("type") == "eval"), 0)
    safe.html(
        '<div class="el-card el-error" role="alert"><div class="el-eyebrow">Canary alarm at step {step}</div>'
        '<ul class="el-why">{said}</ul><div class="el-quiet">{kept}</div></div>',
        step=f"{said['step']:,}",
        said=safe.join(safe.fragment("<li>{alarm}</li>", alarm=alarm) for alarm in said["alarms"]),
        kept=_kept(alive, int(best), events),
    )
    if alive:
        with st.container(horizontal=True, gap="small"):
            if st.button("Stop and keep the best", type="primary", key=f"alarm-stop-{run.id}"):
                state.lab().cancel(run.id)
            st.button("Go on", key=f"alarm-on-{run.id}", on_click=_hear, args=(heard, len(said["alarms"])))


def _hear(key: str, number: int) -> None:
    st.session_state[key] = number


def _kept(alive: bool, best: int, events: Sequence[Mapping[str, Any]]) -> str:
    """Which step stopping keeps, and whether it had an alarm of its own."""
    if not best:
        return "No step has been measured yet that could be kept."
    rang = any(event.get("type") == "canary" and event["step"] == best and event.get("alarms") for event in events)
    verb = "Stopping keeps" if alive else "Kept is"
    return f"{verb} step {best:,}, the best so far, {'which had an alarm too' if rang else 'which had no alarm'}."


# ---- the seeds of a recipe -------------------------------------------------------------------------------------------


def table(group: Sequence[Run]) -> None:
    """Every seed of the recipe: how far it is, and its score."""
    rows = safe.join(
        safe.fragment(
            '<tr><td>seed {seed}<small>{id}</small></td><td>{state}<div class="el-bar"><i style="width:{percent}%"></i>'
            '</div></td><td class="r">{before} → {after}</td></tr>',
            seed=run.config.seed,
            id=run.id[:8],
            state=f"{jobs.STATES[run.state]}, step {run.step:,} of {run.config.max_steps:,}",
            percent=f"{100 * jobs.share(run):.0f}",
            before=wording.number(run.score_before),
            after=wording.number(run.score),
        )
        for run in group
    )
    safe.html(
        '<div class="el-eyebrow el-gap">The seeds of this recipe</div><table class="el-table"><tr><th>seed</th>'
        '<th>how far</th><th class="r">held-out score</th></tr>{rows}</table>'
        '<div class="el-quiet">What differs between seeds is noise: a change counts where it is larger.</div>',
        rows=rows,
    )
