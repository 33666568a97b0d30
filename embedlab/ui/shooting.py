"""The shoot-out: recipes on one corpus, what each gains on the task and what it stirs far from it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import streamlit as st

from embedlab import figures, wording
from embedlab.figures.shootout import by_recipe, means
from embedlab.lab.tuning import Shot
from embedlab.types import Run, RunConfig
from embedlab.ui import cards, jobs, models, recipecards, runtable, safe, state

SEEDS = (1, 3, 5)
RUN = "run:"  # a recipe to shoot that is a run's


def section(runs: Sequence[Run], corpora: Mapping[str, str]) -> None:
    """Everything finished on a corpus as points, and the way to add recipes."""
    safe.html('<div class="el-eyebrow el-gap">Shoot-out</div>')
    safe.html(
        '<div class="el-quiet">Which recipe gains the most and stirs the least? Every finished run with a canary is a '
        "point.</div>"
    )
    if not corpora:
        safe.html('<div class="el-empty"><b>There is no corpus left</b>Add one on the Corpus page.</div>')
        return
    left, right = st.columns([3, 2], gap="medium")
    with left:
        used = [run.config.corpus_id for run in runs]
        order = sorted(corpora, key=lambda id: used.index(id) if id in used else len(used))
        corpus = st.selectbox("On the corpus", order, format_func=corpora.__getitem__, key="shoot_corpus")
    shots = state.lab().shots(corpus)
    usable = [choice.name for choice in state.objectives(corpus) if choice.usable]
    by_use = sorted(usable, key=recipecards.PREFERRED.index)
    goals = list(dict.fromkeys([*(shot.objective for shot in shots), *by_use]))
    if not goals:
        safe.html('<div class="el-empty"><b>This corpus allows no training</b>Nothing to learn from.</div>')
        return
    with right:
        goal = st.selectbox("Learning from (only one score compares)", goals, key="shoot_goal")
    jobs.follow_training()
    draw([replace(shot, recipe=shot.recipe.removeprefix(f"{goal}, ")) for shot in shots if shot.objective == goal])
    ask(corpus, goal, runs)


def draw(shots: Sequence[Shot]) -> None:
    """The plot and its table; those without a canary are named."""
    seen = [shot for shot in shots if shot.collateral is not None]
    if not seen:
        safe.html(
            '<div class="el-empty"><b>No finished run with a canary on this corpus</b>Choose recipes below and start: '
            "each becomes a point a seed.</div>"
        )
        return
    left, right = st.columns([3, 2], gap="medium")
    with left:
        cards.chart(figures.shootout(seen, state.theme()), "shootout")
    with right:
        table(seen)
        if len(seen) < len(shots):
            safe.html(
                '<div class="el-quiet">Not drawn, their collateral is unknown: {left_out} without a canary.</div>',
                left_out=wording.count(len(shots) - len(seen), "run"),
            )


def table(shots: Sequence[Shot]) -> None:
    """Every recipe with its means and, where there are several seeds, their range."""
    rows = []
    for recipe, same in by_recipe(shots).items():
        collateral, gain = means(same)
        gains = [shot.gain for shot in same]
        rows.append(
            safe.fragment(
                "<tr><td>{recipe}<small>{seeds}, {time} each</small></td><td class='r'>{gain}<small>{range}</small>"
                "</td><td class='r'>{collateral}</td></tr>",
                recipe=recipe,
                seeds=wording.count(len(same), "seed"),
                time=jobs.duration(sum(shot.seconds for shot in same) / len(same)),
                gain=wording.signed(gain, places=3),
                range=""
                if len(same) == 1
                else f"{wording.signed(min(gains), places=3)} to {wording.signed(max(gains), places=3)}",
                collateral=wording.number(collateral, places=2),
            )
        )
    safe.html(
        '<div class="el-scroll" tabindex="0" role="group" aria-label="Table"'
        ' style="max-height: 26rem"><table class="el-table"><tr><th>recipe</th>'
        '<th class="r">gain, mean</th><th class="r">collateral</th></tr>{rows}</table></div>',
        rows=safe.join(rows),
    )


# ---- asking for one --------------------------------------------------------------------------------------------------


def ask(corpus: str, goal: str, runs: Sequence[Run]) -> None:
    """Choose recipes, bundled or of runs, and train them one after another."""
    lab = state.lab()
    what, model, seeds, go = st.columns([6, 3, 3, 2], vertical_alignment="bottom")
    with model:
        source = st.selectbox("Model", models.known(), format_func=models.short, key="shoot_model")
    usable, _ = recipecards.allowed(state.objectives(corpus), source)
    titles = {one.name: one.title for one in usable if one.objective == goal}
    seen: dict[str, str] = {}
    for run in runs:
        if run.config.stages[-1].objective == goal:
            seen.setdefault(f"{RUN}{run.id}", f"as run {runtable.name(run)}")
    options = {**titles, **seen}
    with what:
        chosen = st.multiselect(
            "Recipes to train", list(options), format_func=options.__getitem__, key=f"shoot-{corpus[:8]}-{goal}",
            placeholder="bundled recipes, or those of runs",
        )  # fmt: skip
    with seeds:
        number = st.segmented_control("Seeds of each", SEEDS, default=3, required=True, key="shoot_seeds")
    with go:
        kind: Literal["primary", "secondary"] = "primary" if chosen else "secondary"
        pressed = st.button("Start", type=kind, key="shoot", disabled=not chosen, width="stretch")
    if pressed:
        configs = [config(name, source, corpus, runs) for name in chosen]
        st.session_state["tune_task"] = lab.start_shootout(configs, seeds=int(number or 1))
        st.rerun()


def config(name: str, model: str, corpus: str, runs: Sequence[Run]) -> RunConfig:
    """A recipe, bundled or of a run, on this model and corpus; with a canary, or there is no collateral to see."""
    lab = state.lab()
    if not name.startswith(RUN):
        return lab.run_config(model, corpus, recipe=name)
    run = next(run for run in runs if run.id == name.removeprefix(RUN))
    base = lab.run_config(model, corpus, run.config.stages[-1].objective)
    watched = run.config.canary or "bundled"
    return replace(run.config, corpus_id=base.corpus_id, encoder=base.encoder, seed=0, canary=watched)
