"""Models: which states of a model there are: the bundled one, folders the person names, finished runs."""

import streamlit as st

from embedlab import wording
from embedlab.encoders import ModelInfo
from embedlab.errors import UserError
from embedlab.ui import errors, frame, making, safe, state


@errors.guarded
def page() -> None:
    frame.title(
        "Which models are there?",
        "The one that comes with EmbedLab, the runs you finished, what you made or brought, and any encoder folder on "
        "this machine with safetensors weights.",
    )
    lab = state.lab()
    known = lab.models()
    folders: list[str] = st.session_state.setdefault("folders", [])
    named = [info for folder in folders if (info := describe(folder)) is not None]
    cards(known, named)
    made = st.session_state.pop("_made", None)
    if made is not None:
        st.toast(f"{made} is there: fine-tune it, or compare it.")
    add_folder(folders)
    st.header("From before transformers", anchor=False)
    making.forms()
    frame.foot(
        "python -m embedlab models list",
        {"Models": len(known) + len(named)},
        (
            ("Nothing is run", "sizes come from config.json and the safetensors header."),
            ("Refused", "folders with pickle weights only, with code of their own, or whose sizes disagree."),
        ),
    )  # fmt: skip


def describe(folder: str) -> ModelInfo | None:
    """A folder's model, or a card that says why not."""
    try:
        return state.lab().model(folder)
    except UserError as error:
        errors.show(str(error), "This folder cannot be used")
        return None


def cards(known: list[ModelInfo], named: list[ModelInfo]) -> None:
    """One card a model, three a row."""
    models = [*known, *named]
    for first in range(0, len(models), 3):
        for column, info in zip(st.columns(3), models[first : first + 3], strict=False):
            with column:
                card(info)


def card(info: ModelInfo) -> None:
    kinds = {"builtin": "bundled", "run": "finished run", "model": "made here"}
    kind = kinds.get(info.source.partition(":")[0], "folder")
    safe.html(
        '<div class="el-card"><div class="el-eyebrow">{kind}</div><div class="el-line">{name}</div>'
        '<div class="el-quiet" style="margin-bottom:.6rem">{source} · {architecture}</div><div class="el-facts">'
        "<div><b>{layers}</b><span>layers</span></div><div><b>{dim}</b><span>dimensions</span></div>"
        "<div><b>{parameters} M</b><span>weights</span></div><div><b>{length}</b><span>pieces at once</span></div>"
        "<div><b>{size} MB</b><span>on disk</span></div></div></div>",
        kind=kind,
        name=info.name,
        source=info.source,
        architecture=info.architecture,
        layers=info.layers,
        dim=info.dim,
        parameters=wording.number(info.parameters / 1e6, places=1),
        length=info.max_length,
        size=wording.number(info.size_bytes / 1e6, places=0),
    )


def add_folder(folders: list[str]) -> None:
    """A folder of this machine, by its path."""
    st.header("Use a model of your own", anchor=False)
    with st.form("folder", border=False):
        field, button = st.columns([5, 1], vertical_alignment="bottom")
        with field:
            path = st.text_input(
                "Folder on this machine: config.json, tokenizer files and model.safetensors",
                placeholder="/home/me/models/my-encoder",
            ).strip()
        with button:
            asked = st.form_submit_button("Add", width="stretch")
    if asked and path and path not in folders:
        with st.spinner("Reading the folder"):
            info = describe(path)
        if info is not None:
            folders.append(path)
            st.rerun()


page()
