"""What a model is, from its files alone: no torch, nothing loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedlab.encoders.families import FAMILIES, depth_of, longest_input, width_of
from embedlab.encoders.files import check_folder, read_json_object
from embedlab.encoders.places import local_folder
from embedlab.encoders.static import shape_of, static_file
from embedlab.lineage.kinds import kind_of
from embedlab.types import EncoderSpec, Pooling

BUILTIN_NAME = "all-MiniLM-L6-v2"


@dataclass(frozen=True)
class ModelInfo:
    """One model for a list. `layers` without the embedding layer, as a comparison shows them; `dim` of its vectors;
    `max_length` in pieces, special ones included (longer texts are read in windows); `parameters` as the weight files
    hold them.
    """

    source: str
    name: str
    family: str
    architecture: str
    layers: int
    dim: int
    parameters: int
    max_length: int
    size_bytes: int
    pooling: Pooling = "mean"


def describe(spec: EncoderSpec, folder: Path | None = None) -> ModelInfo:
    """Layers, width and size of the model a spec names. Raises ModelError for a folder that would not be loaded."""
    words = static_file(spec) if folder is None else None
    if words is not None:
        return _describe_words(spec, words)
    place = folder if folder is not None else local_folder(spec)
    files = check_folder(place, label_of(spec, place))
    kind = kind_of(files.config)
    return ModelInfo(
        source=spec.source,
        name=BUILTIN_NAME if spec.source == "builtin" else label_of(spec, place),
        family=FAMILIES[files.config["model_type"]].title,
        architecture=_architecture(files.config),
        layers=depth_of(files.config) + int(kind is not None and kind.made_of_all),
        dim=width_of(files.config),
        parameters=files.parameters,
        max_length=longest_input(files.config),
        size_bytes=files.size_bytes,
        pooling=pooling_of(place),
    )


def _architecture(config: Mapping[str, Any]) -> str:
    """The class that transformers has for it; of a model of the lineage its kind."""
    kind = kind_of(config)
    if kind is not None:
        return kind.model_type
    said = config.get("architectures")
    return str(said[0]) if isinstance(said, list) and said else ""


def _describe_words(spec: EncoderSpec, path: Path) -> ModelInfo:
    """A table of word vectors: no layer stands above its words."""
    shape = shape_of(path)
    return ModelInfo(
        source=spec.source,
        name=path.name,
        family="Word vectors",
        architecture="word2vec binary" if shape.binary else "word2vec text",
        layers=0,
        dim=shape.dim,
        parameters=shape.rows * shape.dim,
        max_length=0,
        size_bytes=path.stat().st_size,
    )


def label_of(spec: EncoderSpec, folder: Path) -> str:
    """How to name a model to a person: what they typed, but of a folder only its last part."""
    source = spec.source
    if source == "builtin":
        return "builtin"
    return source if source.startswith("run:") or not Path(source).expanduser().exists() else folder.name


def pooling_of(folder: Path) -> Pooling:
    """How this model turns a text into one vector (1_Pooling of sentence-transformers); mean where unsaid."""
    path = folder / "1_Pooling" / "config.json"
    if not path.is_file() or path.stat().st_size > 2**20:
        return "mean"
    said = read_json_object(path, f"{folder.name}/1_Pooling")
    if said.get("pooling_mode_cls_token") is True or said.get("pooling_mode") == "cls":
        return "cls"
    if said.get("pooling_mode_lasttoken") is True or said.get("pooling_mode") == "lasttoken":
        return "last"
    return "mean"
