"""Which recipe: the bundled ones that the corpus allows, the others with the reason, and a file of one's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import streamlit as st

from embedlab.errors import TrainingError
from embedlab.store import atomic_write
from embedlab.training.recipes import MAX_RECIPE_BYTES, Bundled, Choice
from embedlab.ui import draft, errors, safe, state

FILE = "file:"  # a recipe of the person's own: this and the digest of its text
PREFERRED = (  # what a corpus is most likely for
    "senses", "labels", "pairs", "scored", "triplets", "translation", "simcse", "mlm", "lm", "skipgram", "cbow",
    "glove",
)  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """A recipe as it was chosen: `recipe` is what Lab.run_config takes. `plan`: the plan its stages are of, or ""."""

    name: str
    recipe: str | Path
    plan: str = ""


def allowed(choices: Sequence[Choice], model: str) -> tuple[list[Bundled], list[tuple[Bundled, str]]]:
    """The bundled recipes that a corpus allows, and the others with the reason."""
    reasons = {choice.name: "" if choice.usable else choice.why_not for choice in choices}
    listed = state.lab().recipes(model)
    usable = [one for one in listed if reasons.get(one.objective) == ""]
    refused = [(one, reasons[one.objective]) for one in listed if reasons.get(one.objective)]
    return sorted(usable, key=lambda one: PREFERRED.index(one.objective)), refused


def choose(choices: Sequence[Choice], model: str) -> Chosen | None:
    """Draw the cards; None where the corpus allows nothing."""
    usable, refused = allowed(choices, model)
    by_name = {one.name: one for one in usable}
    own = st.session_state.get(draft.key("own"))
    options = [*by_name, *([own] if own and file_of(own).is_file() else [])]
    if not options:
        safe.html('<div class="el-empty"><b>No recipe fits</b>The columns of this corpus allow none of them.</div>')
        _refused(refused)
        return None
    key = draft.key("recipe")
    if st.session_state.get(key) not in options:
        st.session_state[key] = options[0]
    chosen = st.radio(
        "Recipe",
        options,
        format_func=lambda name: by_name[name].title if name in by_name else "Your recipe file",
        captions=[by_name[name].line if name in by_name else f"Loaded from a file, {name[5:13]}" for name in options],
        key=key,
    )
    _refused(refused)
    if chosen in by_name:
        return Chosen(chosen, chosen, by_name[chosen].plan)
    return Chosen(chosen, file_of(chosen))


def _refused(refused: Sequence[tuple[Bundled, str]]) -> None:
    """What the corpus does not allow, by reason."""
    by_reason: dict[str, list[str]] = {}
    for one, reason in refused:
        by_reason.setdefault(reason, []).append(one.title)
    rows = safe.join(
        safe.fragment(
            '<tr><td><span class="el-mark">–</span> {titles}<small>{reason}</small></td></tr>',
            titles=", ".join(titles),
            reason=reason[:1].upper() + reason[1:],
        )
        for reason, titles in by_reason.items()
    )
    if by_reason:
        safe.html(
            '<div class="el-quiet el-gap">Not for this corpus:</div><table class="el-table el-quiet">{rows}</table>',
            rows=rows,
        )


# ---- a file of one's own ---------------------------------------------------------------------------------------------


def upload() -> None:
    """A recipe file in; it is kept in the workspace and chosen."""
    st.file_uploader(
        "Load a recipe file (YAML)", type=["yaml", "yml"], key=draft.key("upload"), on_change=_take,
        label_visibility="visible",
    )  # fmt: skip


@errors.guarded
def _take() -> None:
    given = st.session_state[draft.key("upload")]
    if given is None:
        return
    data = given.getvalue()
    if len(data) > MAX_RECIPE_BYTES:
        raise TrainingError(f"This recipe is over {MAX_RECIPE_BYTES // 1000} kB: that is no recipe.")
    name = FILE + sha256(data).hexdigest()[:16]
    atomic_write(file_of(name), data)
    st.session_state[draft.key("own")] = st.session_state[draft.key("recipe")] = name


def file_of(name: str) -> Path:
    """Where a recipe of the person's own is kept; a name that is none of ours leads nowhere."""
    digest = name.removeprefix(FILE)
    good = name.startswith(FILE) and digest.isalnum()
    return state.lab().root / "recipes" / (f"own-{digest}.yaml" if good else "none")
