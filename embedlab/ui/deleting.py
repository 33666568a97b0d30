"""Deleting runs: what goes, how much of the disk it frees, and who still needs it, before anything is done."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from embedlab import wording
from embedlab.lab.models import run_source
from embedlab.ui import cost, errors, jobs, runtable, safe, state


def ask(ids: Sequence[str]) -> None:
    """Open the dialog."""
    _dialog(tuple(ids))


@st.dialog("Delete for good?", width="medium")
@errors.guarded
def _dialog(ids: Sequence[str]) -> None:
    lab = state.lab()
    runs = [run for run in lab.runs() if run.id in ids]
    if not runs:  # deleted by the button below, which draws this dialog once more
        st.rerun()
    sizes = {run.id: size(lab.store.folder("runs", run.id)) for run in runs}
    rows = safe.join(
        safe.fragment(
            "<tr><td>{name}<small>{state} · {created}</small></td><td class='r'>{size} GB</td></tr>",
            name=runtable.name(run),
            state=jobs.STATES[run.state],
            created=run.created,
            size=cost.gigabytes(sizes[run.id]),
        )
        for run in runs
    )
    safe.html(
        '<table class="el-table">{rows}</table><div class="el-quiet el-gap">Goes: the settings, the curves, '
        "{checkpoints}. Frees {size} GB. It cannot be undone.</div>",
        rows=rows,
        checkpoints="the checkpoints, the states along the way and the finished model",
        size=cost.gigabytes(sum(sizes.values())),
    )
    warnings = used_by(ids)
    if warnings:
        safe.html(
            '<div class="el-card el-error el-gap"><div class="el-eyebrow">Still used</div><ul class="el-why">{lines}'
            "</ul></div>",
            lines=safe.join(safe.fragment("<li>{line}</li>", line=line) for line in warnings),
        )
    label = "Delete this run" if len(ids) == 1 else f"Delete these {wording.count(len(ids), 'run')}"
    with st.container(horizontal=True, gap="small"):
        pressed = st.button(label, type="primary", key="delete_sure", on_click=_delete, args=(ids,))
        if st.button("Keep", key="delete_not") or pressed:
            st.rerun()


@errors.guarded
def _delete(ids: Sequence[str]) -> None:
    for id in ids:
        state.lab().delete_run(id)


def used_by(ids: Sequence[str]) -> list[str]:
    """Who needs a run that is to go: comparisons that name it, and runs that began from it."""
    lab = state.lab()
    said = []
    for entry in lab.comparisons():
        if any(_names(str(entry.summary[side]), ids) for side in ("before", "after")):
            said.append(
                f"The comparison {entry.name} stays and can be read, but can be made again or scrubbed no longer."
            )
    for run in lab.runs():
        if run.id not in ids and _names(run.config.encoder.source, ids):
            said.append(f"Run {run.id[:12]} began from it and could not be resumed or repeated.")
    return said


def _names(source: str, ids: Sequence[str]) -> bool:
    """Whether a model source is a state of one of these runs; a source may cut the id short."""
    named = run_source(source)
    return named is not None and any(id.startswith(named.run) for id in ids)


def size(folder: Path) -> int:
    """Bytes of all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
