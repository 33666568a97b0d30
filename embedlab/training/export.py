"""The finished model as a folder that transformers and sentence-transformers load alike.

    config.json, model.safetensors, the tokenizer's files        AutoModel and AutoTokenizer
    modules.json, sentence_bert_config.json, 1_Pooling/          SentenceTransformer, with the same pooling
A head is no part of it: head.safetensors and labels.json lie in the run's head/ folder.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from embedlab.encoders.families import longest_input
from embedlab.encoders.files import TOKENIZER_FILES, ModelFiles
from embedlab.encoders.loading import staged
from embedlab.store import sealed_folder, write_json
from embedlab.training.checkpoint import save_tensors
from embedlab.training.trainable import Trainable
from embedlab.types import Pooling

POOLING_MODES: dict[Pooling, str] = {"mean": "mean_tokens", "cls": "cls_token", "last": "lasttoken"}
ALL_MODES = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken")


def export(model: Trainable, source: ModelFiles, start: Path, run: Path) -> Path:
    """Write run/model (sealed), and run/head where there is one.

    `start` is the folder the run began from, `source` the part of it that passed the checks.
    """
    weights = sum(4 * p.numel() for p in model.parameters())
    with sealed_folder(run / "model", needed=weights) as folder:
        model.encoder.save_pretrained(folder)
        _tokenizer_files(source, start.name, folder)
        _sentence_transformers_files(model, longest_input(source.config), start, folder)
    if model.head is not None:
        with sealed_folder(run / "head") as folder:
            weights_of_head = {name: p.detach().cpu() for name, p in model.head.named_parameters()}
            save_tensors(weights_of_head, folder / "head.safetensors")
            write_json(folder / "labels.json", list(model.classes))
    return run / "model"


def _tokenizer_files(source: ModelFiles, label: str, folder: Path) -> None:
    """The start model's own files, unchanged; written anew where it has no piece to pad with (GPT-2).

    Any piece will do, since padding is masked; but without a name for one no library can read two texts at once.
    """
    from transformers import AutoTokenizer

    with staged(source, label) as safe:
        tokenizer = AutoTokenizer.from_pretrained(safe, local_files_only=True, trust_remote_code=False)
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
            tokenizer.save_pretrained(folder)
            return
        for name in TOKENIZER_FILES:
            if name in source.names:
                shutil.copyfile(safe / name, folder / name)


def _sentence_transformers_files(model: Trainable, longest: int, start: Path, folder: Path) -> None:
    """The three-module layout every version of sentence-transformers reads; Normalize only where it was before."""
    old = _config(start, "modules.json", default=[])
    normalised = any(isinstance(m, dict) and str(m.get("type", "")).endswith(".Normalize") for m in old)
    names = [("", "Transformer"), ("1_Pooling", "Pooling"), *([("2_Normalize", "Normalize")] if normalised else [])]
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(names)
    ]
    stated = _config(start, "sentence_bert_config.json").get("max_seq_length")
    limit = stated if isinstance(stated, int) else longest
    write_json(folder / "modules.json", modules)
    write_json(
        folder / "sentence_bert_config.json",
        {"max_seq_length": limit, "do_lower_case": False},
    )
    width = int(model.encoder.config.hidden_size)
    chosen = POOLING_MODES[model.pooling]
    modes = {f"pooling_mode_{mode}": mode == chosen for mode in ALL_MODES}
    write_json(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": width, **modes})


def _config(folder: Path, name: str, default: Any = None) -> Any:
    try:
        return json.loads((folder / name).read_bytes())
    except (OSError, ValueError):
        return {} if default is None else default
