"""The finished folder says the same to sentence-transformers, to transformers and to our own encoder."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from embedlab.encoders import load, resolve_builtin
from embedlab.encoders.files import check_folder
from embedlab.encoders.info import pooling_of
from embedlab.encoders.loading import open_model
from embedlab.errors import ModelError
from embedlab.store import manifest
from embedlab.training import export, layout
from embedlab.training.trainable import Trainable
from embedlab.types import EncoderSpec, Lora, Occurrence, Pooling

TEXTS = ["the old boat near the bank", "a crane lifts steel and cable again", "bank"]


def trained(
    start: Path, pooling: Pooling = "mean", lora: Lora | None = None, classes: tuple[str, ...] = ()
) -> Trainable:
    """The start model with every parameter moved a little, as training would."""
    torch.manual_seed(7)
    model = Trainable(open_model(check_folder(start), "tiny", "cpu"), pooling, classes, lora=lora)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model.eval()


def three_ways(folder: Path) -> dict[str, np.ndarray]:
    """Vectors of whole texts by sentence-transformers, by transformers as the card says it, and by our encoder."""
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, padding_side="right")
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    encoded = tokenizer(TEXTS, padding=True, return_tensors="pt")
    encoded.pop("token_type_ids", None)
    with torch.inference_mode():
        hidden = model(**encoded).last_hidden_state
    mask, pooling = encoded["attention_mask"], pooling_of(folder)
    if pooling == "mean":
        pooled = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    else:
        pooled = hidden[torch.arange(len(TEXTS)), mask.sum(1) - 1 if pooling == "last" else 0]
    encoder = load(EncoderSpec(str(folder), pooling=pooling), folder, device="cpu")
    ours = np.empty(pooled.shape, np.float32)
    for rows, layers in encoder.encode([Occurrence(t, 0, len(t)) for t in TEXTS], layers=[len(encoder.layers) - 1]):
        ours[rows] = layers[0]
    st = SentenceTransformer(str(folder), device="cpu", local_files_only=True).encode(TEXTS)
    found = {"transformers": pooled.numpy(), "ours": ours, "sentence-transformers": st}
    if (folder / "modules.json").read_text().count("Normalize"):
        found = {name: x / np.linalg.norm(x, axis=1, keepdims=True) for name, x in found.items()}
    return found


@pytest.mark.parametrize(
    ("kind", "pooling", "lora"),
    [
        ("bert", "mean", None),
        ("bert", "cls", None),
        ("bert", "mean", Lora(rank=2)),
        ("roberta", "mean", None),
        ("mpnet", "mean", Lora(rank=2)),
        ("gpt2", "mean", None),
        ("gpt2", "last", Lora(rank=2)),
    ],
)
def test_three_ways_to_load_give_one_vector(
    kind: str, pooling: Pooling, lora: Lora | None, tiny_models: Callable[[str], Path], tmp_path: Path
) -> None:
    start, folder = tiny_models(kind), tmp_path / "model"
    model = trained(start, pooling, lora)
    before = {name: p.clone() for name, p in model.named_parameters()}
    export.model_folder(model, check_folder(start), start, folder, "---\nlibrary_name: x\n---\nA card.\n")
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
    found = three_ways(folder)
    for name, x in found.items():
        np.testing.assert_allclose(x, found["transformers"], atol=1e-6, err_msg=name)
    # the model in training says so too; merging adapters rounds once more
    np.testing.assert_allclose(found["ours"], in_training(model, start), atol=1e-6 if lora is None else 1e-5)
    untrained = tmp_path / "untrained"
    still = Trainable(open_model(check_folder(start), "tiny", "cpu"), pooling)
    export.model_folder(still, check_folder(start), start, untrained)
    assert np.abs(three_ways(untrained)["ours"] - found["ours"]).max() > 1e-3
    assert not (untrained / "README.md").exists()
    assert (folder / "README.md").read_text() == "---\nlibrary_name: x\n---\nA card.\n"
    assert {"README.md", "config.json", "model.safetensors", "1_Pooling/config.json"} <= set(manifest(folder)["files"])
    assert check_folder(folder).names == check_folder(untrained).names  # a card changes nothing for who loads it


def in_training(model: Trainable, start: Path) -> np.ndarray:
    from embedlab.encoders.loading import open_tokenizer
    from embedlab.training.pieces import read_pieces

    reader = open_tokenizer(check_folder(start), "tiny")
    pieces = read_pieces(reader, [Occurrence(t, 0, len(t)) for t in TEXTS], model.pooling, 64)
    with torch.inference_mode():
        return model.vectors(pieces).numpy()


def test_a_card_does_not_change_what_a_model_is(tiny_models: Callable[[str], Path], tmp_path: Path) -> None:
    start = tiny_models("bert")
    for name, card in (("with", "# A card"), ("without", None)):
        export.model_folder(trained(start), check_folder(start), start, tmp_path / name, card)
    assert check_folder(tmp_path / "with").fingerprint() == check_folder(tmp_path / "without").fingerprint()


def test_the_head_lies_beside_the_model(tiny_models: Callable[[str], Path], tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    start = tiny_models("bert")
    model = trained(start, classes=("no", "yes"))
    export.export(model, check_folder(start), start, tmp_path, "# A card")
    head = load_file(tmp_path / "head" / "head.safetensors")
    assert model.head is not None
    np.testing.assert_array_equal(head["weight"], model.head.weight.detach().numpy())
    assert yaml.safe_load((tmp_path / "head" / "labels.json").read_text()) == ["no", "yes"]
    assert not any("head" in name for name in load_file(tmp_path / "model" / "model.safetensors"))


def test_the_bundled_model_keeps_its_normalisation(tmp_path: Path) -> None:
    try:
        start = resolve_builtin()
    except ModelError as error:
        pytest.skip(str(error))
    export.model_folder(trained(start), check_folder(start), start, tmp_path / "model")
    found = three_ways(tmp_path / "model")
    for name, x in found.items():
        np.testing.assert_allclose(x, found["transformers"], atol=1e-6, err_msg=name)
    assert "2_Normalize" in (tmp_path / "model" / "modules.json").read_text()
    assert '"max_seq_length": 256' in (tmp_path / "model" / "sentence_bert_config.json").read_text()


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_nothing_of_the_machine_is_written_into_the_model(
    kind: str, tiny_models: Callable[[str], Path], tmp_path: Path
) -> None:
    start = tiny_models(kind)
    export.model_folder(trained(start), check_folder(start), start, tmp_path / "model")
    for path in (tmp_path / "model").rglob("*.json"):
        text = path.read_text()
        assert "/tmp" not in text, path.name
        assert str(tmp_path) not in text, path.name


@pytest.mark.parametrize(
    "settings", ["[[[[" * 100_000, "[1, 2]", '{"max_seq_length": -3}', '{"max_seq_length": true}', "\0"]
)
def test_odd_settings_of_the_start_model_are_passed_over(settings: str, tmp_path: Path) -> None:
    for name in ("modules.json", "sentence_bert_config.json"):
        (tmp_path / name).write_text(settings)
    assert layout.unit(tmp_path) is False
    assert layout.most_pieces(tmp_path, 80) == 80
