"""Encoders: from a name of a model state to vectors of its every layer. Importing this costs no torch."""

from pathlib import Path

from embedlab.encoders.extract import open_snapshot, take_snapshot, write_snapshot
from embedlab.encoders.info import ModelInfo, describe
from embedlab.encoders.places import local_folder, resolve_builtin
from embedlab.encoders.protocol import Encoder, Precision, Progress
from embedlab.encoders.static import StaticEncoder, static_file
from embedlab.types import EncoderSpec

__all__ = [
    "Encoder",
    "ModelInfo",
    "Precision",
    "Progress",
    "StaticEncoder",
    "describe",
    "load",
    "local_folder",
    "open_snapshot",
    "resolve_builtin",
    "static_file",
    "take_snapshot",
    "write_snapshot",
]


def load(spec: EncoderSpec, folder: Path | None = None, *, device: str | None = None) -> Encoder:
    """The model state a spec names, ready to read (imports torch, but for a file of word vectors).

    `folder` is where it lies, for sources that only the workspace can find (run:ID); else it is looked up.
    `device` is "cpu" or "cuda"; by default the GPU where there is one. Raises ModelError.
    """
    words = static_file(spec) if folder is None else None
    if words is not None:
        return StaticEncoder(spec, words)
    place = folder if folder is not None else local_folder(spec)
    from embedlab.encoders.transformer import TransformerEncoder

    return TransformerEncoder(spec, place, device)
