"""From checked files to a model in memory. Only what passed `files.check_folder` is within reach while it loads."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from embedlab.encoders.alignment import PieceReader
from embedlab.encoders.families import FAMILIES
from embedlab.encoders.files import UNSAFE_KEYS, ModelFiles, read_json_object
from embedlab.encoders.spelling import CharacterReader
from embedlab.errors import ModelError
from embedlab.lineage import opening
from embedlab.lineage.kinds import KINDS, kind_of

SLACK = 4_000_000  # parameters a model may have besides those in the file: a pooler, an unused head


def open_model(files: ModelFiles, label: str, device: str) -> nn.Module:
    """The encoder in fp32, for reading only. Raises ModelError when config and weights do not fit together."""
    from transformers import AutoConfig, AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    attention = FAMILIES[files.config["model_type"]].attention
    opening.register(kind_of(files.config))
    with staged(files, label) as folder:
        try:
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            config.use_cache = False  # no second pass will continue a text
            _require_size(AutoModel, config, attention, files, label)
            model, report = AutoModel.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                attn_implementation=attention,
                output_loading_info=True,
            )
        except ModelError:
            raise
        except Exception as error:  # transformers raises whatever its parts raise; the person needs one sentence
            raise ModelError(f"{label} cannot be loaded: its config and its weights do not fit together.") from error
    missing = sorted(name for name in report["missing_keys"] if not name.startswith("pooler."))
    if missing:
        raise ModelError(
            f"{label} lacks {len(missing)} of its weights (the first is {missing[0]}): it would answer at random."
        )
    model.eval().requires_grad_(False)
    return model.to(device)


def open_tokenizer(files: ModelFiles, label: str) -> PieceReader:
    """The tokenizer, which must be a fast one. Raises ModelError."""
    from transformers import AutoTokenizer

    kind = kind_of(files.config)
    opening.register(kind)
    with staged(files, label) as folder:
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except BaseException as error:  # a panic of the Rust code is not an Exception
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":
                raise ModelError(f"The tokenizer of {label} cannot be loaded: its files are damaged.") from error
            raise
    if not tokenizer.is_fast:
        raise ModelError(f"The tokenizer of {label} cannot say where its pieces lie: it needs a tokenizer.json.")
    if kind == KINDS["elmo"]:
        return CharacterReader(tokenizer.backend_tokenizer, label)
    return PieceReader(tokenizer.backend_tokenizer, label)


@contextmanager
def staged(files: ModelFiles, label: str) -> Iterator[Path]:
    """A folder with links to the allowed files and the cleaned settings: adapters and code stay out of reach."""
    with tempfile.TemporaryDirectory(prefix="embedlab-") as name:
        folder = Path(name)
        for entry in files.names:
            if entry not in ("config.json", "tokenizer_config.json"):
                (folder / entry).symlink_to((files.folder / entry).resolve())
        (folder / "config.json").write_text(json.dumps(dict(files.config)))
        if "tokenizer_config.json" in files.names:
            said = read_json_object(files.folder / "tokenizer_config.json", label)
            kept = {key: value for key, value in said.items() if key not in UNSAFE_KEYS}
            (folder / "tokenizer_config.json").write_text(json.dumps(kept))
        yield folder


def _require_size(auto: Any, config: Any, attention: str, files: ModelFiles, label: str) -> None:
    """Build the model without memory and count: what the file does not hold is not allocated."""
    with torch.device("meta"):
        model = auto.from_config(config, attn_implementation=attention)
    wanted = sum(x.numel() for x in (*model.parameters(), *model.buffers()))
    held = sum(tensor.size for tensor in files.tensors.values())
    if wanted > held + SLACK:
        raise ModelError(
            f"{label}/config.json describes a model of {wanted:,} numbers, but its weights hold {held:,}: not loaded."
        )
