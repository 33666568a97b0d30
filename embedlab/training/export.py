"""A model state as a folder that transformers and sentence-transformers load alike.

    config.json, model.safetensors, the tokenizer's files        AutoModel and AutoTokenizer
    modules.json, sentence_bert_config.json, 1_Pooling/          SentenceTransformer, with the same pooling
    README.md                                                    the model card, see card.py
LoRA is merged into the weights. A head is no part of it: head.safetensors and labels.json lie in the run's head/.
"""

import shutil
from pathlib import Path

from embedlab.encoders.families import longest_input
from embedlab.encoders.files import TOKENIZER_FILES, ModelFiles
from embedlab.encoders.loading import staged
from embedlab.lineage.base import LineageModel
from embedlab.store import atomic_write, sealed_folder, write_json
from embedlab.training import layout
from embedlab.training.checkpoint import save_tensors
from embedlab.training.trainable import Trainable

CARD = "README.md"


def export(model: Trainable, source: ModelFiles, start: Path, run: Path, readme: str | None = None) -> Path:
    """Write run/model (sealed), and run/head where there is one. Arguments as of `model_folder`."""
    model_folder(model, source, start, run / "model", readme)
    if model.head is not None:
        with sealed_folder(run / "head") as folder:
            weights_of_head = {name: p.detach().cpu().contiguous() for name, p in model.head.named_parameters()}
            save_tensors(weights_of_head, folder / "head.safetensors")
            write_json(folder / "labels.json", list(model.classes))
    return run / "model"


def model_folder(
    model: Trainable, source: ModelFiles, start: Path, destination: Path, readme: str | None = None
) -> None:
    """Write the model as it is now, sealed. `readme`: its card.

    `start` is the folder the run began from, `source` the part of it that passed the checks.
    Raises StoreError when the disk is full; what was at `destination` stays.
    """
    plain = model.merged_encoder()
    weights = sum(p.numel() * p.element_size() for p in plain.parameters())
    with sealed_folder(destination, needed=weights) as folder:
        plain.save_pretrained(folder)
        tokenizer_files(source, start.name, folder)
        if not isinstance(plain, LineageModel):  # no other library reads those
            layout.write(folder, start, model.pooling, int(plain.config.hidden_size), longest_input(source.config))
        if readme is not None:
            atomic_write(folder / CARD, readme.encode())


def tokenizer_files(source: ModelFiles, label: str, folder: Path) -> None:
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
