"""Fine-tune: teach the model something. What the data allow, how it is taught, what it costs; then the run, live."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from embedlab import wording
from embedlab.errors import UserError
from embedlab.store import Entry
from embedlab.training import canary
from embedlab.types import RunConfig
from embedlab.ui import cost, draft, errors, frame, jobs, models, plan, recipecards, runs, safe, settings, state

SEEDS = (1, 3, 5)
HEIGHT = 560  # of the three cards


@dataclass(frozen=True)
class Wish:
    """What the page asks for: a run, of which recipe, how many seeds of it, and how it is to be run."""

    config: RunConfig
    recipe: str
    changed: Mapping[str, Any]  # what was set otherwise than the recipe has it
    own_stages: bool  # the recipe names its stages itself, so that no plan can be named beside it
    seeds: int
    processes: int
    report_to: tuple[str, ...]


@errors.guarded
def page() -> None:
    frame.title(
        "Teach the model something",
        "Choose what to learn from, and how. Training runs in a process of its own: closing this page stops nothing.",
    )
    corpora = {entry.id: entry for entry in state.lab().corpora()}
    if not corpora:
        frame.empty(
            "There is no corpus yet", "A corpus is what the model learns from and what the comparison is read on."
        )
        if st.button("Add a corpus", type="primary"):
            st.switch_page(frame.page("corpus"))
        return
    kept = restore(corpora)
    data, method, price = (column.container(border=True, height=HEIGHT) for column in st.columns(3))
    go, panel = st.container(), st.expander("Every setting: plan, rates, LoRA, batches, canary, seeds")
    file, drawn = st.expander("The recipe as a file, to keep or to load"), st.container()
    with data:
        corpus = data_card(corpora)
    with method:
        model, chosen, seeds = method_card(corpus)
    wish = None
    if chosen is not None:
        with errors.guard():
            wish = wished(corpus, model, chosen, seeds, panel, kept, {id: one.name for id, one in corpora.items()})
    with price, errors.guard():
        cost.card(wish.config if wish else None, seeds)
    with go:
        start_row(wish)
    with file:
        recipecards.upload()
        if wish is not None:
            plan.as_file(wish.config, file_name(wish.config))
    if wish is not None:
        with drawn:
            plan.timeline(wish.config, "wish")
    jobs.follow_training()
    trained = state.lab().runs()
    if trained:
        runs.live(trained)
    facts = {"Corpus": corpus.name, "Corpus hash": corpus.id[:16], "Model": models.short(model)}
    frame.foot(command(wish, corpus, model), facts, TERMS)


TERMS = (
    ("Loss", "what the step minimises, in nats; it falls on what the model is shown and proves nothing by itself."),
    ("Held-out score", "measured on rows the training never sees: a quarter of the corpus, always the same ones. It "
     "only reports: the step that is kept is chosen on other rows, a tenth of the rest, which are not trained on: the "
     "latest whose score there is within one standard error of the best."),
    ("Canary", "everyday sentences far from the task, embedded at every evaluation: their mean cosine, their effective "
     f"rank, and how many of their neighbours are those of the start (mean Jaccard). It alarms where {canary.RULES}."),
    ("Rate", "the learning rate of a group of weights. It rises over the warm-up to its peak and falls as the schedule "
     "says; the timeline shows it on a log scale. A group that no stage names is frozen: the same to the bit."),
    ("Cost", "measured: three real steps of this very run, the longest batch of the first epoch among them, and one "
     "evaluation, on this machine. Reckoned: from the number of weights alone, an upper bound."),
    ("Seeds", "the same recipe with another order of the data. What differs between seeds is noise; three of them are "
     "the fewest that show how much."),
    ("Pause and resume", "goes on from the last checkpoint and gives the same weights as never having stopped."),
)  # fmt: skip


# ---- what was chosen before ------------------------------------------------------------------------------------------


def restore(corpora: Mapping[str, Entry]) -> dict[str, Any]:
    """On the first run of a visit, and after another page: what the draft holds, into the widgets. A link wins."""
    if draft.key("model") in st.session_state:
        return {}
    kept = draft.restore()
    folder = kept.get("model")
    if isinstance(folder, str) and folder not in models.known() and Path(folder).is_dir():
        st.session_state["folders"] = [*st.session_state.get("folders", []), folder]
    linked = st.query_params.get("corpus")
    if linked in corpora:
        st.session_state.setdefault(draft.key("corpus"), linked)
    known = {"corpus": corpora, "model": models.known(), "seeds": SEEDS}
    for name, values in known.items():
        if kept.get(name) in values:
            st.session_state.setdefault(draft.key(name), kept[name])
    for name in ("recipe", "own"):
        if isinstance(kept.get(name), str):
            st.session_state.setdefault(draft.key(name), kept[name])
    return kept


# ---- the cards -------------------------------------------------------------------------------------------------------


def data_card(corpora: Mapping[str, Entry]) -> Entry:
    """Which corpus, and what its columns allow."""
    safe.html('<div class="el-eyebrow">1 · Data</div>')
    if st.session_state.get(draft.key("corpus")) not in corpora:
        st.session_state.pop(draft.key("corpus"), None)
    chosen = st.selectbox("Corpus", list(corpora), format_func=lambda id: corpora[id].name, key=draft.key("corpus"))
    st.query_params["corpus"] = chosen
    choices = state.objectives(chosen)
    rows = safe.join(
        safe.fragment(
            '<tr><td><span class="el-mark" style="color:var({colour})">{mark}</span> '
            "{name}<small>{line}</small></td></tr>",
            colour="--gained" if choice.usable else "--quiet",
            mark="✓" if choice.usable else "–",
            name=choice.name,
            line=choice.line if choice.usable else sentence(choice.why_not),
        )
        for choice in sorted(choices, key=lambda choice: not choice.usable)
    )
    safe.html(
        '<div class="el-quiet">{rows_in} rows. What its columns allow:</div><table class="el-table">{rows}</table>',
        rows_in=wording.count(int(corpora[chosen].summary.get("rows", 0))),
        rows=rows,
    )
    return corpora[chosen]


def sentence(text: str) -> str:
    """Beginning with a capital."""
    return text[:1].upper() + text[1:]


def method_card(corpus: Entry) -> tuple[str, recipecards.Chosen | None, int]:
    """Which model, which recipe, how many seeds of it."""
    safe.html('<div class="el-eyebrow">2 · Method</div>')
    known = models.known()
    if st.session_state.get(draft.key("model")) not in known:
        st.session_state.pop(draft.key("model"), None)
    model = st.selectbox("Model", known, format_func=models.short, key=draft.key("model"))
    seeds = st.segmented_control(
        "Seeds (3 give the comparison a noise floor)", SEEDS, default=SEEDS[0] if draft.key("seeds") not in
        st.session_state else None, required=True, key=draft.key("seeds"),
    )  # fmt: skip
    return model, recipecards.choose(state.objectives(corpus.id), model), int(seeds or SEEDS[0])


def wished(
    corpus: Entry, model: str, chosen: recipecards.Chosen, seeds: int, place: Any, kept: Mapping[str, Any],
    names: Mapping[str, str],
) -> Wish:  # fmt: skip
    """The panel, filled by the recipe when that was chosen anew, and the run it makes; the draft is kept."""
    base = state.lab().run_config(model, corpus.id, recipe=chosen.recipe)
    usual = settings.values_of(base, chosen.plan)
    kind = state.lab().kind(model)
    usable = [choice.name for choice in state.objectives(corpus.id) if choice.usable and choice.fits(kind)]
    known = settings.fields(usable, list(names))
    fill(known, usual, chosen.name, kept)
    with place:
        values = settings.panel(known, names)
    beside = {"corpus": corpus.id, "model": model, "seeds": seeds, "recipe": chosen.name}
    draft.save({**beside, "own": st.session_state.get(draft.key("own")), "values": values})
    config = settings.config_of(values, base, usual, chosen.recipe)
    changed, launch = settings.changed(values, usual), (values["processes"], tuple(values["report_to"]))
    return Wish(config, chosen.name, changed, not chosen.plan, seeds, *launch)


def fill(known: Mapping[str, settings.Field], usual: Mapping[str, Any], recipe: str, kept: Mapping[str, Any]) -> None:
    """The values of the panel: the recipe's when it was chosen anew, the draft's after a reload, else as they are.

    A value that can no longer stand (its objective is not for this corpus) falls back to the recipe's.
    """
    anew = st.session_state.get("_filled") != recipe
    drafted = kept.get("values", {}) if kept.get("recipe") == recipe else {}
    for name, field in known.items():
        key = draft.key(name)
        if anew and not kept:
            st.session_state[key] = usual[name]
        wanted = st.session_state.get(key, drafted.get(name, usual[name]))
        st.session_state[key] = wanted if field.fits(wanted) else usual[name]
    st.session_state["_filled"] = recipe


# ---- starting --------------------------------------------------------------------------------------------------------


def start_row(wish: Wish | None) -> None:
    """The one button, and in words what it starts."""
    button, said = st.columns([2, 13], vertical_alignment="center")
    with button:
        kind: Literal["primary", "secondary"] = "secondary" if wish is None else "primary"
        pressed = st.button("Start", type=kind, disabled=wish is None, width="stretch")
    if wish is None:
        return
    with said:
        config = wish.config
        safe.html(
            '<div class="el-quiet">{goal}, {steps} on {weights}, rate up to {rate}{changed}{seeds}.</div>',
            goal=sentence(config.stages[-1].objective),
            steps=wording.count(config.max_steps, "step"),
            weights=models.short(config.encoder.source),
            rate=f"{settings.encoder_rate(config):.1e}",
            changed=f", {wording.count(len(wish.changed), 'setting')} changed from the recipe's"
            if wish.changed
            else "",
            seeds="" if wish.seeds == 1 else f", {wish.seeds} seeds one after another, each in one process",
        )
    if pressed:
        start(wish)


def start(wish: Wish) -> None:
    """Start the worker and go to its run; several seeds are trained one after another by a task."""
    lab = state.lab()
    if wish.seeds == 1:
        st.session_state["run"] = lab.finetune(wish.config, processes=wish.processes, report_to=wish.report_to)
    elif wish.processes > 1 or wish.report_to:
        raise UserError("Several seeds run in one process each and report to nobody: choose one seed, or leave these.")
    else:
        st.session_state["tune_task"] = lab.start_finetune(wish.config, seeds=wish.seeds)
    st.rerun()


def file_name(config: RunConfig) -> str:
    return f"{config.stages[-1].objective}-{config.max_steps}-steps.yaml"


def command(wish: Wish | None, corpus: Entry, model: str) -> str:
    """The same without a screen: the recipe by its name with what was changed, or as the file that this page offers."""
    words = ["python", "-m", "embedlab", "finetune", "--model", model, "--corpus", corpus.id[:12]]
    if wish is None:
        return shlex.join(words)
    unsayable = {"objective", "lora_dropout"} | (set(settings.STAGES) if wish.own_stages else set())
    if wish.recipe.startswith(recipecards.FILE) or wish.changed.keys() & unsayable:
        words += ["--recipe", file_name(wish.config)]
    else:
        words += ["--recipe", wish.recipe]
        for name, value in wish.changed.items():
            words += [f"--{name.replace('_', '-')}", said(name, value)]
    for name, value in (("seeds", wish.seeds), ("processes", wish.processes)):
        words += [f"--{name}", str(value)] if value > 1 else []
    words += [word for tracker in wish.report_to for word in ("--report-to", tracker)]
    return shlex.join(words)


def said(name: str, value: Any) -> str:
    """A setting as the command line takes it."""
    if name == "canary":
        return value[:12] or "none"
    return ",".join(value) if isinstance(value, list) else f"{value:g}" if isinstance(value, float) else str(value)


page()
