"""All runs in a table to choose from, and what differs between those chosen."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from embedlab import wording
from embedlab.training import recipes, runfolder
from embedlab.types import Run
from embedlab.ui import jobs, models, safe, state

ROW = 35  # height of a row of the table, pixels
SHOWN = 9  # rows seen at once; the others are scrolled to


def name(run: Run) -> str:
    """A run in few words: the first digits of its id, its seed, its recipe; the beginning alone tells it apart."""
    return f"{run.id[:6]} · seed {run.config.seed} · {recipes.describe(run.config)}"


def canary_kept(run: Run) -> float | None:
    """Of the canary's neighbours, how many are still those of the start at the kept step (else at the last look)."""
    ended = run.state not in jobs.LIVE
    found = _looks(str(state.lab().store.root), run.id, run.state, -1 if ended else run.step)
    return found.get(run.best_step or -1, found.get(max(found, default=-1)))


@st.cache_data(show_spinner=False, max_entries=512)
def _looks(root: str, id: str, standing: str, step: int) -> dict[int, float]:
    """Step -> neighbours kept, of every look at the canary; read again only while the run goes on."""
    return runfolder.canary_kept(state.lab().run_events(id))


def choose(runs: Sequence[Run], corpora: Mapping[str, str], first: Sequence[str]) -> list[Run]:
    """Draw the table; returns the runs that are ticked. `first`: those ticked before anybody ticks."""
    table = pd.DataFrame(
        {
            "recipe": [recipes.describe(run.config) for run in runs],
            "model": [models.short(run.config.encoder.source) for run in runs],
            "corpus": [corpora.get(run.config.corpus_id, "deleted") for run in runs],
            "state": [f"{jobs.STATES[run.state]}, step {run.step:,} of {run.config.max_steps:,}" for run in runs],
            "before": [run.score_before for run in runs],
            "kept": [run.score for run in runs],
            "canary": [canary_kept(run) for run in runs],
            "took": [jobs.duration(run.elapsed_s) for run in runs],
            "seed": [run.config.seed for run in runs],
            "begun": [run.created.replace("T", " ").removesuffix("Z")[:16] for run in runs],
            "run": [run.id[:12] for run in runs],
        }
    )
    number = st.column_config.NumberColumn
    event = st.dataframe(
        table,
        hide_index=True,
        row_height=ROW,
        height=ROW * (min(len(runs), SHOWN) + 1) + 3,
        key=f"runs-{len(runs)}-{runs[0].id}",  # a new run moves every row: begin again from the address bar
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [row for row, run in enumerate(runs) if run.id in first]}},
        column_config={
            "before": number("score before", format="%.3f", help="Held-out score of the start model."),
            "kept": number("kept", format="%.3f", help="Held-out score of the step that is kept; higher is better."),
            "canary": number(
                "canary kept", format="%.2f", help="Neighbours of the canary that are still those of the start."
            ),
            "begun": "begun (UTC)",
        },
        alt=f"{wording.count(len(runs), 'run')}, newest first, with recipe, state, scores and canary.",
    )
    return [runs[row] for row in sorted(event["selection"]["rows"]) if row < len(runs)]


# ---- what differs ----------------------------------------------------------------------------------------------------


def flat(run: Run, corpora: Mapping[str, str]) -> dict[str, str]:
    """Everything that was asked of a run, one line a setting, in words."""
    config = run.config
    plain = recipes.to_plain(config)
    found = {
        "corpus": corpora.get(config.corpus_id, config.corpus_id[:12]),
        "model": models.short(config.encoder.source),
        "steps": f"{config.max_steps:,}",
    }
    for number, stage in enumerate(config.stages, 1):
        trained = ", ".join(f"{group} {rate:g}" for group, rate in stage.train.items())
        found[f"stage {number}"] = f"{stage.objective} until step {stage.until_step:,}, {stage.schedule}: {trained}"
    for key, value in plain.items():
        if key == "lora":
            found[key] = "none" if value is None else ", ".join(f"{k} {_word(v)}" for k, v in value.items())
        elif key not in ("corpus_id", "encoder", "stages"):
            found[key.replace("_", " ")] = _word(value)
    return found


def _word(value: object) -> str:
    if isinstance(value, list | tuple):
        return " and ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def differing(runs: Sequence[Run], corpora: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """(setting, its value in every run) of the settings in which the runs are not all alike."""
    each = [flat(run, corpora) for run in runs]
    names = dict.fromkeys(key for one in each for key in one)
    rows = [(key, [one.get(key, wording.MISSING) for one in each]) for key in names]
    return [(key, values) for key, values in rows if len(set(values)) > 1]


def differences(runs: Sequence[Run], corpora: Mapping[str, str]) -> None:
    """The settings of the chosen runs side by side: only what differs."""
    if len(runs) < 2:
        return
    safe.html('<div class="el-eyebrow el-gap">What differs between them</div>')
    rows = differing(runs, corpora)
    if not rows:
        safe.html('<div class="el-quiet">Nothing: the same was asked of all of them.</div>')
        return
    head = safe.join(safe.fragment("<th>{id}</th>", id=run.id[:8]) for run in runs)
    body = safe.join(
        safe.fragment(
            "<tr><td>{key}</td>{values}</tr>",
            key=key,
            values=safe.join(safe.fragment("<td>{value}</td>", value=value) for value in values),
        )
        for key, values in rows
    )
    safe.html(
        '<div class="el-scroll" tabindex="0" role="group" aria-label="Table"'
        '><table class="el-table"><tr><th>setting</th>{head}</tr>{body}</table></div>'
        '<div class="el-quiet">Every other setting is the same.</div>',
        head=head,
        body=body,
    )
