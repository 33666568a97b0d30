"""A model of the lineage is a folder like any other: checked before it is built, read, trained, written, refused."""

import json
import shutil
import struct
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from embedlab import encoders
from embedlab.encoders import files, loading
from embedlab.encoders.transformer import TransformerEncoder
from embedlab.errors import ModelError
from embedlab.lineage import awd_lstm, making
from embedlab.lineage.kinds import KINDS, kind_of
from embedlab.store import Store
from embedlab.training import evaluate, flat
from embedlab.training.anatomy import groups_of_layers
from embedlab.training.pieces import Pieces
from embedlab.training.trainable import Trainable
from embedlab.types import EncoderSpec, Lora, Occurrence, Stage
from tests.lineage.running import made, run
from tests.training import tiny

SMALL: dict[str, dict[str, Any]] = {
    "table": {},
    "lstm": {"lstm_size": 5, "num_hidden_layers": 2, "head_pooling": "concat"},
    "cnn": {"filters": 4},
}
TEXTS = [row["text"] for row in tiny.rows()]
Folders = Callable[[str], Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """kind -> the folder of a small model, made once."""
    root = tmp_path_factory.mktemp("lineage")

    @cache
    def make(kind: str) -> Path:
        making.make(kind, root / kind, TEXTS, embedding_size=8, **SMALL[kind])
        return root / kind

    return make


def opened(place: Path, **settings: Any) -> Trainable:
    return Trainable(loading.open_model(files.check_folder(place), place.name, "cpu"), "mean", **settings)


# ---- looked at before anything is built ------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "layers", "dim"), [("table", 0, 8), ("lstm", 2, 10), ("cnn", 1, 12)])
def test_it_is_described_without_loading_it(kind: str, layers: int, dim: int, folder: Folders) -> None:
    info = encoders.describe(EncoderSpec(str(folder(kind))))
    assert (info.family, info.architecture) == (KINDS[kind].title, f"embedlab-{kind}")
    assert (info.layers, info.dim, info.max_length) == (layers, dim, 4096)
    model = loading.open_model(files.check_folder(folder(kind)), kind, "cpu")
    assert info.parameters == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("kind", "wrong", "said"),
    [
        ("table", {"vocab_size": 2**23}, "describes tables of 8,388,608 x 8"),
        ("table", {"embedding_size": 2**23}, "but the weights hold"),
        ("table", {"embedding_size": 2**40}, "beyond any real model"),
        ("table", {"embedding_size": -3}, "must be a whole number from 1"),
        ("table", {"num_hidden_layers": -1}, "must be a whole number from 0"),
        ("table", {"head_pooling": ["mean"]}, "head_pooling = .* is one of mean, max, concat"),
        ("lstm", {"num_hidden_layers": 100_000}, "the weights of this LSTM hold 17 tensors"),
        ("lstm", {"num_hidden_layers": 0}, "must be a whole number from 1"),
        ("lstm", {"lstm_size": 2**20, "hidden_size": 2**21}, "not loaded"),
        ("lstm", {"lstm_size": 4}, "do not fit together"),
        ("lstm", {"max_position_embeddings": 3}, "read 3 pieces at once: too few"),
        ("cnn", {"windows": [1] * 100_000}, "the weights of this CNN .* hold 7 tensors"),
        ("cnn", {"windows": [[[2**40]], 3]}, "not loaded|do not fit"),
        ("cnn", {"windows": [3, 4, 2**30]}, "beyond any real model"),
        ("cnn", {"filters": 2**22, "hidden_size": 3 * 2**22}, "not loaded"),
        ("cnn", {"model_type": "embedlab-gru"}, "not known here"),
    ],
)
def test_sizes_that_do_not_fit_the_weights_are_refused_at_once(
    kind: str, wrong: dict[str, Any], said: str, folder: Folders, tmp_path: Path
) -> None:
    spoilt = Path(shutil.copytree(folder(kind), tmp_path / "given"))
    path = spoilt / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | wrong))
    began = time.monotonic()
    with pytest.raises(ModelError, match=said) as error:
        encoders.load(EncoderSpec(str(spoilt)), device="cpu")
    assert time.monotonic() - began < 5
    assert str(spoilt.parent) not in str(error.value)
    assert "\n" not in str(error.value)


def test_weights_that_are_no_weights(folder: Folders, tmp_path: Path) -> None:
    spoilt = Path(shutil.copytree(folder("lstm"), tmp_path / "given"))
    path = spoilt / "model.safetensors"
    whole = path.read_bytes()
    for bytes_, said in (
        (whole[:-4], "damaged safetensors header"),
        (struct.pack("<Q", 2**40) + whole[8:], "cut short"),
        (b"\x80\x04cos\nsystem\n.", "cut short"),
    ):
        path.write_bytes(bytes_)
        with pytest.raises(ModelError, match=said):
            encoders.load(EncoderSpec(str(spoilt)), device="cpu")


def test_a_folder_that_lacks_a_weight_is_refused(folder: Folders, tmp_path: Path) -> None:
    spoilt = Path(shutil.copytree(folder("cnn"), tmp_path / "given"))
    path = spoilt / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"windows": [3, 4, 5, 6], "hidden_size": 16}))
    with pytest.raises(ModelError, match="lacks 2 of its weights"):
        encoders.load(EncoderSpec(str(spoilt)), device="cpu")


# ---- read ------------------------------------------------------------------------------------------------------------


def vectors(encoder: TransformerEncoder, asked: list[Occurrence]) -> list[np.ndarray]:
    """[n, d] of every layer; widths differ."""
    found = [np.empty((len(asked), layer.dim), np.float32) for layer in encoder.layers]
    for rows, arrays in encoder.encode(asked):
        for whole, part in zip(found, arrays, strict=True):
            whole[rows] = part
    return found


def uses(encoder: TransformerEncoder, texts: list[str]) -> list[Occurrence]:
    found = [Occurrence(text, 0, len(text)) for text in texts]
    for text, spans in zip(texts, encoder.units(texts), strict=True):
        found += [Occurrence(text, *spans[i]) for i in range(0, len(spans), 2)]
    return found


@pytest.mark.parametrize("kind", SMALL)
def test_a_vector_follows_from_its_text_alone(kind: str, folder: Folders) -> None:
    """Not from the order, the threads or what else is asked; and it is that of the model on the text alone."""
    encoder = encoders.load(EncoderSpec(str(folder(kind))), device="cpu")
    assert isinstance(encoder, TransformerEncoder)
    asked = uses(encoder, [*TEXTS[:10], "unknown words here", " ".join(TEXTS)])
    every = vectors(encoder, asked)
    for turned, layer in zip(vectors(encoder, asked[::-1]), every, strict=True):
        np.testing.assert_array_equal(turned[::-1], layer)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1 if threads > 1 else 2)
        for again, layer in zip(vectors(encoder, asked), every, strict=True):
            np.testing.assert_array_equal(again, layer)
    finally:
        torch.set_num_threads(threads)
    model = loading.open_model(files.check_folder(folder(kind)), kind, "cpu")
    reader = loading.open_tokenizer(files.check_folder(folder(kind)), kind)
    for row in (0, 9, 11):
        (pieces,) = reader.read([asked[row].text])
        with torch.no_grad():
            alone = model(input_ids=torch.from_numpy(pieces.ids)[None]).hidden_states
        for layer, states in zip(every, alone, strict=True):
            np.testing.assert_allclose(layer[row], states[0].mean(0), atol=1e-6)


def test_in_bf16_the_lineage_is_read_in_fp32(folder: Folders) -> None:
    encoder = encoders.load(EncoderSpec(str(folder("lstm"))), device="cpu")
    asked = [Occurrence(TEXTS[0], 0, len(TEXTS[0]))]
    (exact,), (asked_for,) = (list(encoder.encode(asked, precision=name)) for name in ("fp32", "bf16"))
    for one, other in zip(exact[1], asked_for[1], strict=True):
        np.testing.assert_array_equal(one, other)


# ---- trained ---------------------------------------------------------------------------------------------------------


def some_pieces(rows: int = 24) -> Pieces:
    rng = np.random.default_rng(0)
    ids = tuple(rng.integers(2, 30, rng.integers(1, 25)).astype(np.int32) for _ in range(rows))
    first = np.array([rng.integers(0, len(row)) for row in ids])
    last = np.array([rng.integers(low + 1, len(row) + 1) for low, row in zip(first, ids, strict=True)])
    return Pieces(ids, first, last, 0)


@pytest.mark.parametrize("pooling", ["mean", "max", "concat"])
@pytest.mark.parametrize("kind", SMALL)
def test_a_head_reads_the_last_layer_pooled_as_the_config_says(kind: str, pooling: str, folder: Folders) -> None:
    model, pieces = opened(folder(kind), classes=("x", "y")), some_pieces()
    model.head_pooling = pooling
    wanted = []
    with torch.no_grad():
        for ids, first, last in zip(pieces.ids, pieces.first, pieces.last, strict=True):
            state = model.encoder(input_ids=torch.from_numpy(ids.astype(np.int64))[None]).last_hidden_state[0]
            part = state[first:last].numpy()
            each = {"mean": [part.mean(0)], "max": [part.max(0)], "concat": [part[-1], part.max(0), part.mean(0)]}
            wanted.append(np.concatenate(each[pooling]))
        np.testing.assert_allclose(model.vectors(pieces), wanted, atol=1e-6)
    assert evaluate.vectors(model, pieces).shape == (len(pieces), model.width)
    assert not flat.able(model.encoder)


def test_the_head_is_as_wide_as_what_it_reads(folder: Folders) -> None:
    model = opened(folder("lstm"), classes=("x", "y"))
    assert (model.head_pooling, model.width) == ("concat", 30)
    assert model.head is not None
    assert model.head(model.vectors(some_pieces())).shape == (24, 2)
    assert opened(folder("cnn")).width == 12


@pytest.mark.parametrize(("kind", "layers"), [("table", []), ("lstm", ["layer.0", "layer.1"]), ("cnn", ["layer.0"])])
def test_groups_hold_every_weight_once(kind: str, layers: list[str], folder: Folders) -> None:
    model = opened(folder(kind), classes=("x", "y"))
    groups = model.named_groups()
    assert list(groups) == ["embeddings", *layers, "head"]
    held = [name for group in groups.values() for name in group]
    assert sorted(held) == sorted(name for name, _ in model.named_parameters())
    assert model.depth == len(layers) == groups_of_layers(files.check_folder(folder(kind)).config)


def test_a_head_that_the_encoder_brings_is_a_group_all_the_same() -> None:
    """AWD-LSTM's decoder is part of its folder; a language-model stage must still find and train its bias."""
    encoder = awd_lstm.Model(awd_lstm.Config(vocab_size=20, embedding_size=6, lstm_size=5))
    model = Trainable(encoder, "mean", ("x", "y"), lm=encoder.decoder)
    groups = model.named_groups()
    assert list(groups) == ["embeddings", "layer.0", "layer.1", "layer.2", "lm_head", "head"]
    assert list(groups["lm_head"]) == ["encoder.decoder.bias"]
    held = [name for group in groups.values() for name in group]
    assert sorted(held) == sorted(name for name, _ in model.named_parameters())


def test_elmos_mix_is_a_layer_of_its_own() -> None:
    config = {"model_type": "embedlab-elmo", "num_hidden_layers": 2}
    assert kind_of(config) == KINDS["elmo"]
    assert groups_of_layers(config) == 3


@pytest.mark.parametrize("kind", SMALL)
def test_lora_is_refused_in_a_sentence(kind: str, folder: Folders) -> None:
    with pytest.raises(ModelError, match=r"LoRA .* choose another plan"):
        opened(folder(kind), lora=Lora())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", SMALL)
def test_what_a_run_hands_over_is_what_it_trained(kind: str, precision: str, tmp_path: Path) -> None:
    """The folder written opens as any other, and a frame of it too; the model learned what it was shown."""
    store = Store(tmp_path / "workspace")
    corpus = tiny.add_corpus(store, tiny.rows(each=40))
    start = made(kind, tmp_path / "start", corpus, **SMALL[kind])
    stage = Stage(60, {"head": 1e-2, "*": 2e-2}, "linear")
    folder = run(store, start, corpus, stage, eval_every=30, precision=precision, frames=8)
    before, after = (encoders.load(EncoderSpec(str(place)), device="cpu") for place in (start, folder / "model"))
    assert before.layers == after.layers
    assert {path.name for path in start.iterdir()} <= {path.name for path in (folder / "model").iterdir()}
    end = json.loads((folder / "end.json").read_text())["result"]
    assert end["score"] > end["score_before"] + 0.1
