"""What makes a transformers folder one of sentence-transformers: its modules, its pooling, how long a text is read.

The three-module layout that every version of it reads; Normalize only where the start model had it. Torch-free.
"""

import json
from pathlib import Path
from typing import Any

from embedlab.store import write_json
from embedlab.types import Pooling

POOLING_MODES: dict[Pooling, str] = {"mean": "mean_tokens", "cls": "cls_token", "last": "lasttoken"}
ALL_MODES = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken")
LARGEST = 2**20  # bytes of a settings file


def write(folder: Path, start: Path, pooling: Pooling, width: int, longest: int) -> None:
    """modules.json, sentence_bert_config.json and 1_Pooling/ into `folder`, after those of `start` where it has them.

    `longest`: pieces of a text that are read, where the start model does not say.
    """
    names = [("", "Transformer"), ("1_Pooling", "Pooling"), *([("2_Normalize", "Normalize")] if unit(start) else [])]
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(names)
    ]
    write_json(folder / "modules.json", modules)
    most = most_pieces(start, longest)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": most, "do_lower_case": False})
    modes = {f"pooling_mode_{mode}": mode == POOLING_MODES[pooling] for mode in ALL_MODES}
    write_json(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": width, **modes})


def unit(folder: Path) -> bool:
    """Whether a model's vectors of texts are divided by their length."""
    said = _read(folder / "modules.json")
    modules = said if isinstance(said, list) else []
    return any(isinstance(m, dict) and str(m.get("type", "")).endswith(".Normalize") for m in modules)


def most_pieces(folder: Path, otherwise: int) -> int:
    """How many pieces of a text sentence-transformers reads."""
    said = _read(folder / "sentence_bert_config.json")
    stated = said.get("max_seq_length") if isinstance(said, dict) else None
    return stated if type(stated) is int and stated > 0 else otherwise


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes()) if path.stat().st_size <= LARGEST else None
    except (OSError, ValueError, RecursionError):
        return None
