"""What can be taken away of a run: a folder in a form that other tools read, written in the background."""

import io
import zipfile
from pathlib import Path

import streamlit as st

from embedlab.takeaway import Format
from embedlab.types import Run
from embedlab.ui import cost, deleting, errors, jobs, safe, state

FORMATS: dict[Format, tuple[str, str]] = {
    "sentence-transformers": ("sentence-transformers", "A folder for SentenceTransformer(...), with a model card."),
    "transformers": ("transformers", "A folder that AutoModel.from_pretrained(...) loads; LoRA merged in."),
    "lora": ("LoRA adapter", "The adapter alone, as peft loads it beside the start model."),
    "word2vec": ("word2vec, text", "One vector a word of the corpus: the mean over its uses in the last layer."),
    "word2vec-bin": ("word2vec, binary", "The same, smaller and faster to load."),
    "projector": ("Projector", "vectors.tsv and metadata.tsv, for the embedding projector."),
}
MOST_ZIPPED = 400 * 2**20  # bytes that go through the browser; larger folders are named only


def buttons(run: Run) -> None:
    """One row a format: what it is, and the button that writes it, or where it lies once written."""
    for format, (title, line) in FORMATS.items():
        if format == "lora" and run.config.lora is None:
            continue
        out = folder_of(run, format)
        left, right = st.columns([3, 2], vertical_alignment="center")
        with left:
            safe.html("<b>{title}</b><div class='el-quiet'>{line}</div>", title=title, line=line)
        with right:
            if out.exists() and not jobs.busy():
                _written(out, run, format)
            elif st.button("Write it", key=f"take-{format}-{run.id}", width="stretch", disabled=jobs.busy()):
                _start(run, format, out)


def folder_of(run: Run, format: Format) -> Path:
    """Where a format of a run is written: beside the workspace's other folders."""
    ending = {"word2vec": ".txt", "word2vec-bin": ".bin"}.get(format, "")
    return state.lab().root / "takeaway" / f"{run.id}-{format}{ending}"


def _start(run: Run, format: Format, out: Path) -> None:
    with errors.guard():
        state.lab().start_take_away(f"run:{run.id}", format, out)
        st.rerun()


def _written(out: Path, run: Run, format: Format) -> None:
    size = deleting.size(out) if out.is_dir() else out.stat().st_size
    safe.html(
        '<div class="el-quiet">Written, {size} GB, in</div><code>{out}</code>', size=cost.gigabytes(size), out=str(out)
    )
    if size <= MOST_ZIPPED:
        st.download_button(
            "Download as zip", lambda: zipped(out), file_name=f"{run.id[:12]}-{format}.zip", mime="application/zip",
            key=f"zip-{format}-{run.id}", on_click="ignore", width="stretch",
        )  # fmt: skip


def zipped(out: Path) -> bytes:
    """A folder (or one file) as the bytes of a zip; weights do not get smaller, so nothing is compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(out.rglob("*")) if out.is_dir() else [out]:
            if path.is_file():
                archive.write(path, path.relative_to(out.parent))
    return buffer.getvalue()
