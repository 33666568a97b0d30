"""Model folders other people made: what is refused, in one sentence, before memory is taken."""

import json
import shutil
import struct
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from embedlab import encoders
from embedlab.encoders.files import check_folder
from embedlab.errors import ModelError
from embedlab.types import EncoderSpec, Occurrence
from tests.encoders.gathered import vectors


@pytest.fixture
def model(folder: Callable[[str], Path], tmp_path: Path) -> Path:
    """A copy of a tiny BERT to spoil."""
    return Path(shutil.copytree(folder("bert"), tmp_path / "given"))


def edit(folder: Path, name: str = "config.json", **values: Any) -> None:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def header(folder: Path, value: bytes, length: int | None = None, data: bytes = b"") -> None:
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(value) if length is None else length) + value + data)


def refusal(folder: Path) -> str:
    """The sentence, which names no path of the machine; asked of the list and of the loader alike."""
    with pytest.raises(ModelError) as error:
        encoders.describe(EncoderSpec(str(folder)))
    with pytest.raises(ModelError) as again:
        encoders.load(EncoderSpec(str(folder)), device="cpu")
    assert str(error.value) == str(again.value)
    assert str(folder.parent) not in str(error.value)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_good_folder_is_described_without_loading_it(model: Path) -> None:
    info = encoders.describe(EncoderSpec(str(model)))
    assert (info.family, info.architecture, info.layers, info.dim, info.max_length) == ("BERT", "BertModel", 3, 32, 40)
    held = load_file(model / "model.safetensors")
    assert info.parameters == sum(array.size for array in held.values() if array.dtype == np.float32)
    assert info.size_bytes == (model / "model.safetensors").stat().st_size
    assert info.name == "given"


def test_only_pickles(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    assert "has only pickle weights (pytorch_model.bin)" in refusal(model)
    assert "convert to safetensors" in refusal(model)


def test_pickles_code_and_adapters_beside_good_weights_are_never_opened(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [Occurrence("the bank", 4, 8)]
    before = vectors(encoders.load(EncoderSpec(str(model)), device="cpu"), asked)
    trap = model.parent / "ran"
    code = f"open({str(trap)!r}, 'w')\n"
    (model / "modeling_own.py").write_text(code)
    (model / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch " + str(trap).encode() + b"'\ntR.")
    (model / "adapter_config.json").write_text('{"base_model_name_or_path": "nowhere", "peft_type": "LORA"}')
    edit(model, auto_map={"AutoModel": "modeling_own.Own", "AutoConfig": "modeling_own.Own"})
    edit(model, "tokenizer_config.json", auto_map={"AutoTokenizer": ["modeling_own.Own", None]})
    edit(model, quantization_config={"quant_method": "bitsandbytes"}, _attn_implementation="someone/kernel")
    edit(model, num_labels=10**7)
    after = vectors(encoders.load(EncoderSpec(str(model)), device="cpu"), asked)
    np.testing.assert_array_equal(before, after)
    assert not trap.exists()


def test_code_of_its_own_for_a_kind_not_known(model: Path) -> None:
    edit(model, model_type="own", auto_map={"AutoModel": "modeling_own.Own"})
    assert "auto_map" in refusal(model)
    edit(model, model_type="own2")
    (model / "config.json").write_text('{"model_type": "whisper"}')
    assert "'whisper'" in refusal(model)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"num_hidden_layers": 100_000}, "num_hidden_layers = 100000"),
        ({"num_hidden_layers": 10**12}, "num_hidden_layers = 1000000000000"),
        ({"num_hidden_layers": "3"}, "num_hidden_layers = 3: it must be a whole number"),
        ({"num_hidden_layers": 0}, "num_hidden_layers = 0"),
        ({"num_hidden_layers": True}, "num_hidden_layers"),
        ({"hidden_size": 16_000_000}, "16,000,000"),
        ({"vocab_size": 16_000_000}, "tables of 16,000,040 x 32"),
        ({"max_position_embeddings": 16_000_000}, "tables of 16,000,"),
        ({"max_position_embeddings": 4}, "4 pieces at once"),
        ({"vocab_size": -1}, "vocab_size = -1"),
        ({"layer_norm_eps": [10**30]}, "layer_norm_eps"),
    ],
)
def test_numbers_no_model_has(model: Path, values: dict[str, Any], said: str) -> None:
    edit(model, **values)
    started = time.monotonic()
    assert said in refusal(model)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("values", [{"intermediate_size": 4_000_000}, {"type_vocab_size": 15_000_000}])
def test_a_model_far_larger_than_its_weights_is_not_built(model: Path, values: dict[str, Any]) -> None:
    edit(model, **values)
    with pytest.raises(ModelError, match=r"describes a model of [\d,]+ numbers, but its weights hold"):
        encoders.load(EncoderSpec(str(model)), device="cpu")


@pytest.mark.parametrize("values", [{"hidden_act": "no-such"}, {"num_attention_heads": 5}, {"intermediate_size": 96}])
def test_config_and_weights_that_do_not_fit(model: Path, values: dict[str, Any]) -> None:
    edit(model, **values)
    with pytest.raises(ModelError, match="do not fit together"):
        encoders.load(EncoderSpec(str(model)), device="cpu")


def test_missing_weights_are_not_made_up(model: Path) -> None:
    held = load_file(model / "model.safetensors")
    name = "encoder.layer.1.attention.self.query.weight"
    save_file({key: value for key, value in held.items() if key != name}, model / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=rf"lacks 1 of its weights \(the first is {name}\)"):
        encoders.load(EncoderSpec(str(model)), device="cpu")


def test_a_missing_pooler_is_no_matter(model: Path) -> None:
    held = load_file(model / "model.safetensors")
    kept = {key: value for key, value in held.items() if not key.startswith("pooler")}
    save_file(kept, model / "model.safetensors", {"format": "pt"})
    encoder = encoders.load(EncoderSpec(str(model)), device="cpu")
    assert encoder.parameters == sum(value.size for value in kept.values())


def test_a_header_of_31_megabytes_costs_no_memory(model: Path) -> None:
    header(model, b'{"a":"' + b"x" * 31_000_000 + b'"}')
    tracemalloc.start()
    assert "has a header of 31 MB" in refusal(model)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2**40, 2**20], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [2], "data_offsets": [4, 8]},
        {"dtype": "F32", "shape": [-1, -2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2.0], "data_offsets": [0, 8]},
        {"dtype": "F99", "shape": [2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 8, 9]},
        {"dtype": "F32", "shape": [2]},
        "F32",
    ],
)
def test_headers_that_point_outside_the_file(model: Path, entry: Any) -> None:
    header(model, json.dumps({"a": entry}).encode(), data=b"12345678")
    assert "damaged safetensors header" in refusal(model)


@given(st.binary(max_size=64))
def test_any_bytes_for_weights_are_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, folder: Callable[[str], Path], raw: bytes
) -> None:
    model = tmp_path_factory.mktemp("any")
    for name in ("config.json", "tokenizer.json"):
        shutil.copy(folder("bert") / name, model)
    (model / "model.safetensors").write_bytes(raw)
    with pytest.raises(ModelError):
        check_folder(model)
    header(model, raw)
    with pytest.raises(ModelError):
        check_folder(model)


@pytest.mark.parametrize("raw", [b"", b"\x89PNG", b"[" * 100_000, b"[1]", b'{"model_type": NaN}', b"{}", b"null"])
def test_configs_that_are_not_configs(model: Path, raw: bytes) -> None:
    (model / "config.json").write_bytes(raw)
    assert "given" in refusal(model)


def test_files_larger_than_any_real_one(model: Path) -> None:
    with (model / "config.json").open("ab") as file:
        file.truncate(2**21)
    assert "over 1 MB" in refusal(model)


def test_things_that_are_not_there(model: Path, tmp_path: Path) -> None:
    assert "no model folder 'nowhere'" in refusal(tmp_path / "nowhere")
    (tmp_path / "file.xyz").write_bytes(b"x")
    assert "no model folder 'file.xyz'" in refusal(tmp_path / "file.xyz")
    (tmp_path / "file.bin").write_bytes(b"x")
    assert "not a word2vec binary" in refusal(tmp_path / "file.bin")
    (tmp_path / "empty").mkdir()
    assert "no model.safetensors" in refusal(tmp_path / "empty")
    (model / "tokenizer.json").unlink()
    assert "no tokenizer" in refusal(model)


def test_a_damaged_tokenizer_is_one_sentence(model: Path) -> None:
    text = (model / "tokenizer.json").read_text()
    (model / "tokenizer.json").write_text(text[: len(text) // 2])
    with pytest.raises(ModelError, match="tokenizer of given"):
        encoders.load(EncoderSpec(str(model)), device="cpu")


def test_weights_in_several_files(model: Path) -> None:
    asked = [Occurrence("the bank", 4, 8)]
    before = vectors(encoders.load(EncoderSpec(str(model)), device="cpu"), asked)
    held = sorted(load_file(model / "model.safetensors").items())
    (model / "model.safetensors").unlink()
    places = {}
    for number, part in enumerate((held[::2], held[1::2]), start=1):
        name = f"model-{number:05}-of-00002.safetensors"
        save_file(dict(part), model / name, {"format": "pt"})
        places |= {key: name for key, _ in part}
    index = model / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    np.testing.assert_array_equal(before, vectors(encoders.load(EncoderSpec(str(model)), device="cpu"), asked))
    index.write_text(json.dumps({"weight_map": {"a": "../../elsewhere.safetensors"}}))
    assert "names weight files that are not in the folder" in refusal(model)


def test_the_fingerprint_follows_the_files_that_decide_the_numbers(model: Path) -> None:
    first = check_folder(model).fingerprint()
    (model / "README.md").write_text("changed")
    assert check_folder(model).fingerprint() == first
    held = load_file(model / "model.safetensors")
    held["embeddings.LayerNorm.bias"] = held["embeddings.LayerNorm.bias"] + np.float32(1e-7)
    save_file(held, model / "model.safetensors", {"format": "pt"})
    second = check_folder(model).fingerprint()
    edit(model, layer_norm_eps=1e-5)
    assert len({first, second, check_folder(model).fingerprint()}) == 3


def test_an_older_sentence_transformers_folder_keeps_its_model_one_level_down(model: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    model.rename(outer / "0_Transformer")
    (outer / "modules.json").write_text('[{"path": "0_Transformer"}]')
    (outer / "1_Pooling").mkdir()
    (outer / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    info = encoders.describe(EncoderSpec(str(outer)))
    assert (info.layers, info.pooling) == (3, "cls")
    assert len(encoders.load(EncoderSpec(str(outer)), device="cpu").layers) == 4


def test_a_language_model_is_read_for_its_encoder(tmp_path: Path, folder: Callable[[str], Path]) -> None:
    """GPT-2 is usually saved with its output head: the names of its weights then begin otherwise."""
    transformers = pytest.importorskip("transformers")
    whole = transformers.AutoModelForCausalLM.from_pretrained(folder("gpt2"), local_files_only=True)
    place = Path(shutil.copytree(folder("gpt2"), tmp_path / "lm"))
    whole.save_pretrained(place)
    asked = [Occurrence("the bank closed", 4, 8)]
    ours, base = (encoders.load(EncoderSpec(str(p)), device="cpu") for p in (place, folder("gpt2")))
    np.testing.assert_array_equal(vectors(ours, asked), vectors(base, asked))
