"""A model folder somebody else made: looked at before anything is built from it.

Only files named here are ever read; sizes in headers and configs are compared with the file before memory is taken.
No torch, no transformers.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from embedlab.encoders.families import DEPTH, FAMILIES, POSITIONS, WIDTH, depth_of, first_of, longest_input, width_of
from embedlab.errors import ModelError
from embedlab.lineage.kinds import HEAD_POOLINGS, Kind, kind_of
from embedlab.store import sha256

MEGA = 2**20
WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")
INDEX = "model.safetensors.index.json"
TOKENIZER_FILES = (
    "added_tokens.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "spiece.model",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
)
LIMITS = {"config.json": MEGA, INDEX: 4 * MEGA, "modules.json": MEGA, "tokenizer_config.json": 8 * MEGA}
LIMITS |= {name: 64 * MEGA for name in TOKENIZER_FILES if name not in LIMITS}
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")
HEADER_LIMIT = 8 * MEGA  # 20,000 tensors with long names; parsing costs about 30 times that in memory
TENSOR_BYTES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2}
TENSOR_BYTES |= {"I8": 1, "U8": 1, "BOOL": 1}
FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
# how often a constructor runs a loop: every turn makes at least one tensor of the file
LOOPS = (*DEPTH, "num_hidden_groups", "inner_group_num")
LARGEST = 2**24  # of any whole number in a config
# settings that name program code, another folder or a way of loading; nothing here needs them
UNSAFE_KEYS = (
    "_name_or_path",
    "auto_map",
    "compression_config",
    "custom_pipelines",
    "num_labels",
    "quantization_config",
)
KEPT_OBJECTS = ("rope_parameters", "rope_scaling")


@dataclass(frozen=True)
class Tensor:
    """One entry of a safetensors header."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class ModelFiles:
    """A folder that passed. `config`: what a model may be built from; `names`: the files that may be read."""

    folder: Path
    config: Mapping[str, Any]
    names: tuple[str, ...]
    weights: tuple[str, ...]
    tensors: Mapping[str, Tensor]

    @property
    def parameters(self) -> int:
        """Numbers in the weight files; counters and position ids left out."""
        return sum(tensor.size for tensor in self.tensors.values() if tensor.dtype in FLOATS)

    @property
    def size_bytes(self) -> int:
        return sum((self.folder / name).stat().st_size for name in self.weights)

    def fingerprint(self) -> str:
        """sha256 over the names and bytes of config, tokenizer and weights: equal ones give equal numbers."""
        lines = [f"{name} {digest(self.folder / name)}\n" for name in sorted(self.names)]
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def digest(path: Path) -> str:
    """sha256 of a file, computed once a process and again whenever its size, time or inode changed."""
    stat = path.stat()
    return _digest(path, (stat.st_size, stat.st_mtime_ns, stat.st_ino))


@lru_cache(maxsize=256)
def _digest(path: Path, _state: tuple[int, int, int]) -> str:
    return sha256(path)


def check_folder(folder: Path, source: str | None = None) -> ModelFiles:
    """The safe part of a model folder. `source` is how the person named it, for the error's sentence.

    Raises ModelError for a folder that is not there, holds only pickles, is of an unknown kind, or whose numbers
    do not fit its files.
    """
    label = source or folder.name
    if not folder.is_dir():
        raise ModelError(f"There is no model folder {label}. Give a folder, a hub id, run:ID or builtin.")
    folder = _inner_folder(folder, label)
    present = {path.name for path in folder.iterdir() if path.is_file()}
    weights = _weights(folder, present, label)
    if "config.json" not in present:
        raise ModelError(f"{label} has no config.json: it is not a Hugging Face model folder.")
    names = ("config.json", *(name for name in TOKENIZER_FILES if name in present), *weights)
    for name in names:
        if (folder / name).stat().st_size > LIMITS.get(name, math.inf):
            raise ModelError(f"{label}/{name} is over {LIMITS[name] // MEGA} MB, larger than any real one.")
    tensors = _tensors(folder, weights, label)
    config = _config(read_json_object(folder / "config.json", label), tensors, label)
    if not {"tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model"} & set(names):
        raise ModelError(f"{label} has no tokenizer (tokenizer.json). Save the tokenizer into the same folder.")
    return ModelFiles(folder, config, names, weights, tensors)


def read_json_object(path: Path, label: str) -> dict[str, Any]:
    """A JSON object of a size already checked. Raises ModelError when it is not one."""
    try:
        value = json.loads(path.read_bytes(), parse_constant=_no_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{label}/{path.name} is not readable JSON. The folder is damaged: get it again.") from error
    if not isinstance(value, dict):
        raise ModelError(f"{label}/{path.name} is not a JSON object. The folder is damaged: get it again.")
    return value


def read_header(path: Path, label: str) -> dict[str, Tensor]:
    """The table of contents of a safetensors file, every entry compared with the file's size.

    Raises ModelError for a header that is too long, not JSON, or points outside the file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 10 or length > size - 8:
            raise ModelError(f"{label}/{path.name} is cut short or is not a safetensors file. Get it again.")
        if length > HEADER_LIMIT:
            raise ModelError(
                f"{label}/{path.name} has a header of {length / 1e6:.0f} MB; real ones stay under "
                f"{HEADER_LIMIT / 1e6:.0f} MB. It was not loaded."
            )
        raw = file.read(length)
    try:
        entries = json.loads(raw, parse_constant=_no_constant)
        entries.pop("__metadata__", None)
        return {str(name): _tensor(entry, size - 8 - length) for name, entry in entries.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{label}/{path.name} has a damaged safetensors header. Get the file again.") from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _tensor(entry: Any, room: int) -> Tensor:
    tensor = Tensor(entry["dtype"], tuple(entry["shape"]))
    begin, end = entry["data_offsets"]
    whole = all(type(n) is int and 0 <= n < 2**40 for n in (*tensor.shape, begin, end))
    if not whole or len(tensor.shape) > 8 or not begin <= end <= room:
        raise ValueError("outside the file")
    if end - begin != tensor.size * TENSOR_BYTES[tensor.dtype]:
        raise ValueError("shape and bytes differ")
    return tensor


def _inner_folder(folder: Path, label: str) -> Path:
    """Where the transformer is: older sentence-transformers folders keep it one level down (0_Transformer)."""
    modules = folder / "modules.json"
    if (folder / "config.json").is_file() or not modules.is_file():
        return folder
    if modules.stat().st_size > LIMITS["modules.json"]:
        raise ModelError(f"{label}/modules.json is larger than any real one (over 1 MB): not loaded.")
    inner = folder / "0_Transformer"
    return inner if inner.is_dir() else folder


def _weights(folder: Path, present: set[str], label: str) -> tuple[str, ...]:
    if "model.safetensors" in present:
        return ("model.safetensors",)
    if INDEX not in present:
        pickles = sorted(name for name in present if name.endswith(PICKLES))
        if pickles:
            raise ModelError(
                f"{label} has only pickle weights ({pickles[0]}), which can run any program when opened: "
                "convert to safetensors (load it where you trust it, then save_pretrained) and try again."
            )
        raise ModelError(f"{label} has no model.safetensors: it is not a Hugging Face model folder with weights.")
    if (folder / INDEX).stat().st_size > LIMITS[INDEX]:
        raise ModelError(f"{label}/{INDEX} is larger than any real one (over 4 MB): not loaded.")
    places = read_json_object(folder / INDEX, label).get("weight_map")
    shards = sorted({str(name) for name in places.values()}) if isinstance(places, dict) else []
    if not shards or not all(WEIGHTS.fullmatch(name) and name in present for name in shards):
        raise ModelError(f"{label}/{INDEX} names weight files that are not in the folder. Get the folder again.")
    return (*shards, INDEX)


def _tensors(folder: Path, weights: tuple[str, ...], label: str) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for name in weights:
        if name != INDEX:
            tensors |= read_header(folder / name, label)
    return tensors


def _config(raw: Mapping[str, Any], tensors: Mapping[str, Tensor], label: str) -> dict[str, Any]:
    """The settings a model may be built from, once their numbers fit the weights."""
    kind = raw.get("model_type")
    if kind not in FAMILIES:
        if "auto_map" in raw:
            raise ModelError(f"{label} brings its own program code (auto_map), which is never run here: not loaded.")
        known = ", ".join(sorted(FAMILIES))
        raise ModelError(f"{label} is a model of kind {str(kind)[:40]!r}, not known here. Choose one of {known}.")
    config = {
        key: value
        for key, value in raw.items()
        if key not in UNSAFE_KEYS
        and not key.startswith("_")
        and "implementation" not in key
        and (not isinstance(value, dict) or key in KEPT_OBJECTS)
    }
    for key, value in config.items():
        numbers = _flat(value)
        if any(type(n) is int and abs(n) > LARGEST for n in numbers):
            raise ModelError(f"{label}/config.json has {key} = {str(value)[:40]}, beyond any real model: not loaded.")
    ours = kind_of(config)
    for key in (*LOOPS, *WIDTH, *POSITIONS, "vocab_size", *(("embedding_size",) if ours else ())):
        low = 0 if ours is not None and ours.layers == 0 and key in DEPTH else 1
        if key in config and (type(config[key]) is not int or config[key] < low):
            said = str(config[key])[:40]
            raise ModelError(f"{label}/config.json has {key} = {said}: it must be a whole number from {low}.")
    if ours is not None:
        _fits_kind(ours, config, tensors, label)
    _fits(config, tensors, label)
    return config


def _flat(value: Any) -> list[Any]:
    """A setting's values: of a list those in it, of a list of lists those in these."""
    if not isinstance(value, list):
        return [value]
    return [one for item in value for one in (item if isinstance(item, list) else [item])]


def _fits_kind(kind: Kind, config: Mapping[str, Any], tensors: Mapping[str, Tensor], label: str) -> None:
    """What only models of the lineage have: further counts and lists that a constructor goes through, and pooling."""
    pooling = config.get("head_pooling", HEAD_POOLINGS[0])
    if pooling not in HEAD_POOLINGS:
        said = str(pooling)[:40]
        raise ModelError(f"{label}/config.json has head_pooling = {said}: it is one of {', '.join(HEAD_POOLINGS)}.")
    for key, value in config.items():
        turns = len(value) if isinstance(value, list) else value if key.endswith("_layers") else 0
        if type(turns) is not int or turns > len(tensors):
            raise ModelError(
                f"{label}/config.json says {key} = {str(value)[:40]}, but the weights of this {kind.title} hold "
                f"{len(tensors)} tensors in all: not loaded."
            )


def _fits(config: Mapping[str, Any], tensors: Mapping[str, Tensor], label: str) -> None:
    """Layers and tables of the config against the weights: what is not in the file need not be built."""
    for key in LOOPS:
        if config.get(key, 0) > len(tensors):
            raise ModelError(
                f"{label}/config.json says {key} = {config[key]}, but the weights hold {len(tensors)} tensors in all: "
                "not loaded."
            )
    available = sum(tensor.size for tensor in tensors.values())
    width = config.get("embedding_size") or width_of(config)
    rows = first_of(config, ("vocab_size",), 1)
    if FAMILIES[config["model_type"]].learned:
        rows += first_of(config, POSITIONS, 1)
    if rows * width > available or depth_of(config) * width_of(config) > available:
        raise ModelError(
            f"{label}/config.json describes tables of {rows:,} x {width:,}, but the weights hold {available:,} numbers "
            "in all: not loaded."
        )
    if longest_input(config) < 8:
        raise ModelError(f"{label}/config.json lets the model read {longest_input(config)} pieces at once: too few.")
