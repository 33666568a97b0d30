"""A model state as a folder of its own: for sentence-transformers, for transformers, or its LoRA adapter alone."""

import shutil
from pathlib import Path
from typing import Any

from embedlab.encoders.families import longest_input, width_of
from embedlab.encoders.files import ModelFiles, check_folder
from embedlab.encoders.info import label_of, pooling_of
from embedlab.errors import StoreError, TrainingError
from embedlab.jobfolder import JobFolder
from embedlab.lineage.kinds import kind_of
from embedlab.store import atomic_write, is_sealed, open_verified, sealed_folder, write_json
from embedlab.takeaway.places import require_free
from embedlab.training import card, layout, runfolder
from embedlab.training.anatomy import anatomy
from embedlab.types import Lora
from embedlab.wording import one_line

CARD = "README.md"
LARGEST_CARD = 2**20  # bytes
TENSORS, SETTINGS = "adapter_model.safetensors", "adapter_config.json"


def sentence_transformers(model_folder: Path, out: Path) -> None:
    """A folder that SentenceTransformer and AutoModel load alike, with its card. Raises UserError."""
    source = check_folder(model_folder)
    _require_transformer(source)
    require_free(out)
    with sealed_folder(out, needed=2 * source.size_bytes) as folder:
        _plain(source, folder)
        longest = longest_input(source.config)
        layout.write(folder, model_folder, pooling_of(model_folder), width_of(source.config), longest)
        _card(model_folder, folder)


def transformers(model_folder: Path, out: Path) -> None:
    """Weights (LoRA merged), settings and tokenizer alone, with the card: what AutoModel loads. Raises UserError."""
    source = check_folder(model_folder)
    _require_transformer(source)
    require_free(out)
    with sealed_folder(out, needed=2 * source.size_bytes) as folder:
        _plain(source, folder)
        _card(model_folder, folder)
        if is_sealed(model_folder) and (folder / CARD).is_file():  # a card of ours
            atomic_write(folder / CARD, card.for_transformers((folder / CARD).read_text("utf-8")).encode())


def _require_transformer(source: ModelFiles) -> None:
    kind = kind_of(source.config)
    if kind is not None:
        raise TrainingError(
            f"This is a model of a kind that no other library reads ({kind.title}): take its word vectors away "
            "instead (word2vec), or keep its folder for EmbedLab."
        )


def _plain(source: ModelFiles, folder: Path) -> None:
    """What of a model folder passed the checks: of our own every byte verified, of others the settings cleaned."""
    from embedlab.training.export import tokenizer_files

    tokenizer_files(source, source.folder.name, folder)
    ours = is_sealed(source.folder)
    for name in ("config.json", *source.weights):
        if name == "config.json" and not ours:
            write_json(folder / name, dict(source.config))
        else:
            shutil.copyfile(open_verified(source.folder, name) if ours else source.folder / name, folder / name)


def _card(model_folder: Path, folder: Path) -> None:
    path = model_folder / CARD
    if path.is_file() and path.stat().st_size <= LARGEST_CARD:
        shutil.copyfile(path, folder / CARD)


# ---- LoRA ------------------------------------------------------------------------------------------------------------


def lora_adapter(run_folder: Path, out: Path) -> None:
    """The adapter of a run's kept step as peft has it: PeftModel.from_pretrained(start model, out).

    Raises TrainingError where the run had no LoRA, has kept no step yet, or trained weights of the model besides (the
    adapter alone would not be the model); StoreError where its checkpoint is damaged or gone.
    """
    config, start = runfolder.read(run_folder)
    run = run_folder.name
    if config.lora is None:
        raise TrainingError(f"Run {run} was trained without LoRA and has no adapter: take the whole model instead.")
    end = JobFolder(run_folder).end()
    step = (end or {}).get("result", {}).get("best_step")
    if not step:
        raise TrainingError(f"Run {run} has kept no step yet: wait until it is done, then take its adapter.")
    require_free(out)

    from safetensors.torch import load_file

    from embedlab.training import checkpoint

    kept = checkpoint.place(run_folder / "checkpoints", int(step))
    problem = checkpoint.verify(kept)
    if problem is not None:
        raise StoreError(f"{problem} Without it run {run} has no adapter to give; its merged model may still be there.")
    weights = load_file(open_verified(kept, "weights.safetensors"))
    adapters = {peft_name(name): tensor for name, tensor in weights.items() if ".lora_" in name}
    besides = [name for name in weights if name.startswith("encoder.") and ".lora_" not in name]
    if besides or not adapters:
        what = f"{len(besides)} weights of the model beside its adapters" if besides else "no adapter"
        raise TrainingError(f"Run {run} trained {what}: an adapter alone would not be its model, take the whole model.")
    base = card.BUILTIN if config.encoder.source == "builtin" else label_of(config.encoder, start)
    kind = str(check_folder(start, base).config["model_type"])
    with sealed_folder(out, needed=sum(tensor.nbytes for tensor in adapters.values())) as folder:
        checkpoint.save_tensors(adapters, folder / TENSORS)
        write_json(folder / SETTINGS, _peft_settings(config.lora, base, kind, list(adapters)))
        atomic_write(folder / CARD, _adapter_card(base, run, int(step)).encode())


def peft_name(name: str) -> str:
    """A parameter of our checkpoints by the name that peft gives it in a file.

    >>> peft_name("encoder.layer.0.query.lora_A.default.weight")
    'base_model.model.layer.0.query.lora_A.weight'
    """
    before, mark, after = name.removeprefix("encoder.").rpartition(".default.")
    return f"base_model.model.{before}.{after}" if mark else f"base_model.model.{after}"


def _peft_settings(lora: Lora, base: str, kind: str, names: list[str]) -> dict[str, Any]:
    """adapter_config.json; the adapted maps by their full names, so that no other map of the model is meant."""
    maps = [name.removeprefix("base_model.model.").partition(".lora_")[0] for name in names]
    return {
        "peft_type": "LORA",
        "task_type": "FEATURE_EXTRACTION",
        "base_model_name_or_path": base,
        "revision": None,
        "inference_mode": True,
        "r": lora.rank,
        "lora_alpha": lora.alpha,
        "lora_dropout": lora.dropout,
        "target_modules": sorted(set(maps)),
        "fan_in_fan_out": anatomy(kind).transposed,
        "bias": "none",
        "modules_to_save": None,
    }


def _adapter_card(base: str, run: str, step: int) -> str:
    import yaml

    said = {"library_name": "peft", "base_model": one_line(base), "license": "unknown", "tags": ["lora", "embedlab"]}
    front = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=1000)
    code = (
        "from peft import PeftModel\nfrom transformers import AutoModel\n\n"
        'start = AutoModel.from_pretrained("path/to/the/start/model")\n'
        'model = PeftModel.from_pretrained(start, "path/to/this/folder").eval()'
    )
    return (
        f"---\n{front}---\n\n# LoRA adapter of {card.escaped(base)}\n\n"
        f"Step {step} of run {run}, trained with EmbedLab. It works on {card.escaped(base)} and no other model.\n\n"
        f"{card.fenced(code, 'python')}\n"
    )
