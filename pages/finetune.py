"""Fine-tune: teach the model something. What the data allow, how it is taught, what it costs; then the run, live."""

import shlex
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from embedlab import figures, wording
from embedlab.encoders.protocol import Precision
from embedlab.store import Entry
from embedlab.types import Run
from embedlab.ui import cards, cost, errors, frame, jobs, models, safe, state

PLANS = {"full": "Whole model", "frozen_embeddings": "Embeddings frozen"}
PLAN_LINES = {
    "full": "Every weight learns, the token table included.",
    "frozen_embeddings": "The token table stays as it is, to the bit; every layer above it learns.",
}
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
STATES = {
    "queued": "waiting to start",
    "running": "running",
    "done": "done",
    "cancelled": "stopped",
    "failed": "failed",
}


@dataclass(frozen=True)
class Wish:
    """What the three cards say."""

    corpus: Entry
    model: str
    objective: str | None
    plan: str
    steps: int
    rate: float
    seed: int
    eval_every: int
    precision: Precision


@errors.guarded
def page() -> None:
    frame.title(
        "Teach the model something",
        "Choose what to learn from, and how. Training runs in a process of its own: closing this page stops nothing.",
    )
    lab = state.lab()
    corpora = lab.corpora()
    if not corpora:
        frame.empty(
            "There is no corpus yet", "A corpus is what the model learns from and what the comparison is read on."
        )
        if st.button("Add a corpus", type="primary"):
            st.switch_page(frame.page("corpus"))
        return
    wish = cards_row(corpora)
    if st.button("Start", type="primary", disabled=wish.objective is None, width=160):
        start(wish)
    runs = lab.runs()
    if runs:
        live(runs)
    frame.foot(command(wish), {"Corpus": wish.corpus.name, "Corpus hash": wish.corpus.id[:16]}, TERMS)


TERMS = (
    ("Loss", "what the step minimises, in nats; it falls on what the model is shown and proves nothing by itself."),
    ("Held-out score", "measured on rows the training never sees: a quarter of the corpus, always the same ones."),
    ("Resume", "goes on from the last checkpoint and gives the same weights as never having stopped."),
)  # fmt: skip


def cards_row(corpora: list[Entry]) -> Wish:
    """Data, method, cost: side by side, the same height whatever is chosen."""
    data, method, price = st.columns(3)
    with data, st.container(border=True, height=404):
        corpus = data_card(corpora)
    with method, st.container(border=True, height=404):
        wish = method_card(corpus)
    with price, st.container(border=True, height=404):
        cost.card(wish.model, wish.steps, wish.precision)
    return wish


def data_card(corpora: list[Entry]) -> Entry:
    """Which corpus, and what its columns allow."""
    by_id = {entry.id: entry for entry in corpora}
    linked = st.query_params.get("corpus")
    if "tune_corpus" not in st.session_state and linked in by_id:
        st.session_state["tune_corpus"] = linked
    safe.html('<div class="el-eyebrow">1 · Data</div>')
    chosen = st.selectbox(
        "Corpus", list(by_id), format_func=lambda id: by_id[id].name, key="tune_corpus", persist_state="session"
    )
    st.query_params["corpus"] = chosen
    choices = state.objectives(chosen)
    rows = safe.join(
        safe.fragment(
            '<tr><td><span class="el-mark" style="color:var({colour})">{mark}</span> '
            "{name}<small>{line}</small></td></tr>",
            colour="--gained" if choice.usable else "--quiet",
            mark="✓" if choice.usable else "–",
            name=choice.name,
            line=choice.line if choice.usable else sentence(choice.why_not or ""),
        )
        for choice in choices
    )
    safe.html(
        '<div class="el-quiet">{rows_in} rows. What its columns allow:</div><table class="el-table">{rows}</table>',
        rows_in=wording.count(int(by_id[chosen].summary.get("rows", 0))),
        rows=rows,
    )
    return by_id[chosen]


def sentence(text: str) -> str:
    """Beginning with a capital."""
    return text[:1].upper() + text[1:]


def method_card(corpus: Entry) -> Wish:
    """Which model, what it learns, which weights may move; the numbers wait in a popover."""
    safe.html('<div class="el-eyebrow">2 · Method</div>')
    model = st.selectbox("Model", models.known(), format_func=models.short, key="tune_model")
    usable = {choice.name: choice for choice in state.objectives(corpus.id) if choice.usable}
    first = list(usable).index("senses") if "senses" in usable else 0
    objective = (
        st.radio("Learn from", list(usable), index=first, horizontal=True, key=f"objective-{corpus.id[:8]}")
        if usable
        else None
    )
    steps_usual, rate_usual = (usable[objective].steps, usable[objective].rate) if objective else (200, 2e-5)
    plan = st.radio("What may move", list(PLANS), format_func=PLANS.__getitem__, horizontal=True, key="plan")
    with st.popover("Steps, rate, seed", width="stretch"):
        steps = st.number_input("Steps", 1, 100_000, steps_usual, step=50, key=f"steps-{objective}")
        rate = st.number_input(
            "Learning rate of the encoder", 1e-7, 1e-2, rate_usual, format="%.1e", step=1e-5, key=f"rate-{objective}"
        )
        every = st.number_input("Measure the held-out score every … steps", 1, 10_000, 50, key="every")
        seed = st.number_input("Seed", 0, 2**31 - 1, 0, key="seed")
        precision: Precision = st.radio("Precision", PRECISIONS, horizontal=True, key="precision")
    safe.html(
        '<div class="el-quiet">{line} {steps} steps at {rate}.</div>',
        line=PLAN_LINES[plan],
        steps=f"{steps:,}",
        rate=f"{rate:.1e}",
    )
    return Wish(corpus, model, objective, plan, int(steps), float(rate), int(seed), int(every), precision)


def start(wish: Wish) -> None:
    """Start the worker and go to its run."""
    assert wish.objective is not None  # the button is disabled without one
    lab = state.lab()
    config = lab.run_config(
        wish.model, wish.corpus.id, wish.objective, plan=wish.plan, steps=wish.steps, rate=wish.rate, seed=wish.seed,
        eval_every=min(wish.eval_every, wish.steps), precision=wish.precision,
    )  # fmt: skip
    st.session_state["run"] = lab.finetune(config)
    st.rerun()


def live(runs: list[Run]) -> None:
    """One run, drawn anew every second while it lives, and the list of all."""
    by_id = {run.id: run for run in runs}
    linked = st.query_params.get("run")
    if "run" not in st.session_state and linked in by_id:
        st.session_state["run"] = linked
    if st.session_state.get("run") not in by_id:
        st.session_state.pop("run", None)
    safe.html('<div class="el-eyebrow el-gap">Runs</div>')
    chosen = st.selectbox(
        "Run", list(by_id), format_func=lambda id: run_line(by_id[id]), key="run", label_visibility="collapsed"
    )
    st.query_params["run"] = chosen
    alive = by_id[chosen].state in jobs.LIVE
    st.fragment(watch, run_every=1.0 if alive else None)(chosen, alive)


def run_line(run: Run) -> str:
    """A run in one line of the list."""
    objective = run.config.stages[-1].objective
    score = (
        f" · score {wording.number(run.score_before)} → {wording.number(run.score)}" if run.score is not None else ""
    )
    where = f"{STATES[run.state]} at step {run.step} of {run.config.max_steps}"
    return f"{run.id[:8]} · {objective} · {where}{score} · {run.created}"


@errors.guarded
def watch(id: str, was_alive: bool) -> None:
    """The run as it stands: numbers, curves, and what can be done now."""
    lab = state.lab()
    run = lab.run(id)
    if was_alive and run.state not in jobs.LIVE:
        st.rerun(scope="app")
    head, actions = st.columns([5, 2], vertical_alignment="center")
    with head:
        standing(run)
    with actions:
        buttons(run)
    figure = figures.run_curves(lab.run_events(id), theme=state.theme())
    cards.chart(figure, f"curves-{id}")


def standing(run: Run) -> None:
    """How it stands, in four numbers and a bar."""
    score = f"{wording.number(run.score_before)} → {wording.number(run.score)}"
    safe.html(
        '<div class="el-facts"><div><b>{state}</b><span>step {step} of '
        "{steps}</span></div><div><b>{loss}</b><span>loss, nats</span></div>"
        "<div><b>{score}</b><span>held-out score, before → now</span></div><div><b>{rate}</b><span>tokens a "
        "second</span></div>"
        '<div><b>{left}</b><span>{what}</span></div></div><div class="el-bar"><i style="width:{percent}%"></i></div>'
        '<div class="el-quiet">{name} {message}</div>',
        state=STATES[run.state].capitalize(),
        step=f"{run.step:,}",
        steps=f"{run.config.max_steps:,}",
        loss=wording.number(run.loss),
        score=score,
        name=f"Score: {run.score_name}, on rows the training never sees." if run.score_name else "",
        rate=wording.MISSING if run.tokens_per_s is None else f"{run.tokens_per_s:,.0f}",
        left=jobs.duration(run.eta_s) if run.state in jobs.LIVE else jobs.duration(run.elapsed_s),
        what="left" if run.state in jobs.LIVE else "taken",
        percent=f"{100 * jobs.share(run):.1f}",
        message=run.message,
    )


def buttons(run: Run) -> None:
    """What to do next, the likeliest first."""
    lab = state.lab()
    if run.state in jobs.LIVE:
        if st.button("Stop, keep the best", key=f"cancel-{run.id}", width="stretch"):
            lab.cancel(run.id)
        return
    if run.state != "done" and st.button("Resume", type="primary", key=f"resume-{run.id}", width="stretch"):
        lab.resume(run.id)
        st.rerun(scope="app")
    kind: Literal["primary", "secondary"] = "primary" if run.state == "done" else "secondary"
    if run.state in models.KEPT and st.button(
        "Compare before and after", type=kind, key=f"compare-{run.id}", width="stretch"
    ):
        st.session_state["task"] = lab.start_compare(run.config.encoder.source, f"run:{run.id}", run.config.corpus_id)
        st.switch_page(frame.page("compare"))


def command(wish: Wish) -> str:
    given = {
        "model": wish.model,
        "corpus": wish.corpus.id[:12],
        "objective": wish.objective or "senses",
        "plan": wish.plan,
        "steps": str(wish.steps),
        "rate": f"{wish.rate:g}",
        "seed": str(wish.seed),
        "eval-every": str(min(wish.eval_every, wish.steps)),
        "precision": wish.precision,
    }
    options = [part for name, value in given.items() for part in (f"--{name}", value)]
    return shlex.join(["python", "-m", "embedlab", "finetune", *options])


page()
