"""Fine-tune: teach the model something. What the data allow, how it is taught, what it costs; then the run, live."""

import shlex
from dataclasses import dataclass, replace
from typing import Literal

import streamlit as st

from embedlab import wording
from embedlab.encoders.protocol import Precision
from embedlab.store import Entry
from embedlab.training import canary
from embedlab.ui import cost, errors, frame, jobs, models, runs, safe, state

OnAlarm = Literal["tell", "stop"]

PLANS = {"full": "Whole model", "frozen_embeddings": "Embeddings frozen"}
PLAN_LINES = {
    "full": "Every weight learns, the token table included.",
    "frozen_embeddings": "The token table stays as it is, to the bit; every layer above it learns.",
}
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
SEEDS = (1, 3)
ON_ALARM: dict[OnAlarm, str] = {"tell": "Tell me", "stop": "Stop, keep the best step before it"}
HEIGHT = 472  # of the three cards


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
    seeds: int
    on_alarm: OnAlarm


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
    jobs.follow_training()
    trained = lab.runs()
    if trained:
        runs.live(trained)
    frame.foot(command(wish), {"Corpus": wish.corpus.name, "Corpus hash": wish.corpus.id[:16]}, TERMS)


TERMS = (
    ("Loss", "what the step minimises, in nats; it falls on what the model is shown and proves nothing by itself."),
    ("Held-out score", "measured on rows the training never sees: a quarter of the corpus, always the same ones. It "
     "only reports: the step that is kept is chosen on other rows, a tenth of the rest, which are not trained on: the "
     "latest whose score there is within one standard error of the best."),
    ("Canary", "everyday sentences far from the task, embedded at every evaluation: their mean cosine, their effective "
     f"rank, and how many of their neighbours are those of the start (mean Jaccard). It alarms where {canary.RULES}."),
    ("Seeds", "the same recipe with another order of the data. What differs between seeds is noise; three of them are "
     "the fewest that show how much."),
    ("Resume", "goes on from the last checkpoint and gives the same weights as never having stopped."),
)  # fmt: skip


def cards_row(corpora: list[Entry]) -> Wish:
    """Data, method, cost: side by side, the same height whatever is chosen."""
    data, method, price = st.columns(3)
    with data, st.container(border=True, height=HEIGHT):
        corpus = data_card(corpora)
    with method, st.container(border=True, height=HEIGHT):
        wish = method_card(corpus)
    with price, st.container(border=True, height=HEIGHT):
        cost.card(wish.model, wish.steps, wish.precision, wish.seeds)
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
    seeds = st.segmented_control(
        "Seeds (3 seeds give the comparison a noise floor)", SEEDS, default=SEEDS[0], required=True, key="seeds"
    )
    with st.popover("Steps, rate, seed, canary", width="stretch"):
        steps = st.number_input("Steps", 1, 100_000, steps_usual, step=50, key=f"steps-{objective}")
        rate = st.number_input(
            "Learning rate of the encoder", 1e-7, 1e-2, rate_usual, format="%.1e", step=1e-5, key=f"rate-{objective}"
        )
        every = st.number_input("Measure the held-out score every … steps", 1, 10_000, 50, key="every")
        seed = st.number_input("Seed (the first, where there are several)", 0, 2**31 - 1 - max(SEEDS), 0, key="seed")
        precision: Precision = st.radio("Precision", PRECISIONS, horizontal=True, key="precision")
        on_alarm: OnAlarm = st.radio(
            "When the canary alarms", list(ON_ALARM), format_func=ON_ALARM.__getitem__, horizontal=True, key="on_alarm"
        )
    safe.html(
        '<div class="el-quiet">{line} {steps} steps at {rate}.</div>',
        line=PLAN_LINES[plan],
        steps=f"{steps:,}",
        rate=f"{rate:.1e}",
    )
    return Wish(
        corpus, model, objective, plan, int(steps), float(rate), int(seed), int(every), precision,
        int(seeds or SEEDS[0]), on_alarm,
    )  # fmt: skip


def start(wish: Wish) -> None:
    """Start the worker and go to its run; several seeds are trained one after another by a task."""
    assert wish.objective is not None  # the button is disabled without one
    lab = state.lab()
    config = lab.run_config(
        wish.model, wish.corpus.id, wish.objective, plan=wish.plan, steps=wish.steps, rate=wish.rate, seed=wish.seed,
        eval_every=min(wish.eval_every, wish.steps), precision=wish.precision,
    )  # fmt: skip
    config = replace(config, on_alarm=wish.on_alarm)
    if wish.seeds == 1:
        st.session_state["run"] = lab.finetune(config)
    else:
        st.session_state["tune_task"] = lab.start_finetune(config, seeds=wish.seeds)
    st.rerun()


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
        "seeds": str(wish.seeds),
        "on-alarm": wish.on_alarm,
    }
    options = [part for name, value in given.items() for part in (f"--{name}", value)]
    return shlex.join(["python", "-m", "embedlab", "finetune", *options])


page()
