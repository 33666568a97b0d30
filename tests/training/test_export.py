"""The finished folder says the same to sentence-transformers, to transformers and to our own encoder."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from embedlab.encoders import load, resolve_builtin
from embedlab.errors import ModelError
from embedlab.store import Store
from embedlab.training import runfolder, worker
from embedlab.types import Corpus, EncoderSpec, Occurrence, RunConfig, Stage
from tests.training import tiny

TEXTS = ["the old boat near the bank", "a crane lifts steel and cable again", "bank"]


def vectors(folder: Path, normalise: bool) -> dict[str, np.ndarray]:
    """Whole texts, mean-pooled over the attention mask, three ways."""
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    encoded = tokenizer(TEXTS, padding=True, return_tensors="pt")
    encoded.pop("token_type_ids", None)
    with torch.inference_mode():
        hidden = model(**encoded).last_hidden_state
    mask = encoded["attention_mask"][..., None].float()
    mean = ((hidden * mask).sum(1) / mask.sum(1)).numpy()
    spec = EncoderSpec(str(folder))
    ours = np.empty_like(mean)
    encoder = load(spec, folder, device="cpu")
    for rows, layers in encoder.encode([Occurrence(t, 0, len(t)) for t in TEXTS], layers=[len(encoder.layers) - 1]):
        ours[rows] = layers[0]
    st = SentenceTransformer(str(folder), device="cpu", local_files_only=True).encode(TEXTS)
    found = {"transformers": mean, "ours": ours}
    if normalise:
        found = {name: x / np.linalg.norm(x, axis=1, keepdims=True) for name, x in found.items()}
    return {**found, "sentence-transformers": st}


@pytest.mark.parametrize("kind", ["bert", "roberta", "mpnet", "gpt2"])
def test_three_ways_to_load_give_one_vector(
    kind: str, new_run: Callable[..., Path], corpus: Corpus, store: Store
) -> None:
    run = new_run(f"export-{kind}", tiny.config(corpus, Stage(2, {"*": 1e-3}, "linear", "senses"), eval_every=2), kind)
    assert worker.main([str(run)]) == 0
    found = vectors(run / "model", normalise=False)
    for name, x in found.items():
        np.testing.assert_allclose(x, found["transformers"], atol=2e-6, err_msg=name)
    names = {path.name for path in (run / "model").rglob("*") if path.is_file()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "modules.json", "sentence_bert_config.json"} <= names


def test_the_bundled_model_keeps_its_normalisation(store: Store, corpus: Corpus) -> None:
    try:
        start = resolve_builtin()
    except ModelError as error:
        pytest.skip(str(error))
    stage = Stage(1, {"layer.5": 1e-5}, "linear", "senses")
    config = RunConfig(corpus.id, EncoderSpec("builtin"), (stage,), batch_items=8)
    run = store.put("runs", "builtin", "x", {}, lambda folder: runfolder.write(folder, config, start))
    assert worker.main([str(run)]) == 0
    found = vectors(run / "model", normalise=True)
    for name, x in found.items():
        np.testing.assert_allclose(x, found["transformers"], atol=2e-6, err_msg=name)
    assert "2_Normalize" in (run / "model" / "modules.json").read_text()


def test_nothing_of_the_machine_is_written_into_the_model(
    new_run: Callable[..., Path], corpus: Corpus, tmp_path: Path
) -> None:
    run = new_run("paths", tiny.config(corpus, Stage(1, {"*": 1e-3}, "linear", "senses")), "gpt2")
    assert worker.main([str(run)]) == 0
    for path in (run / "model").rglob("*.json"):
        text = path.read_text()
        assert "/tmp" not in text, path.name
        assert str(tmp_path) not in text, path.name
