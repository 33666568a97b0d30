"""Models taken away: folders load elsewhere with the same vectors, and peft makes the same model of an adapter."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from embedlab import takeaway
from embedlab.encoders.files import check_folder
from embedlab.encoders.loading import open_model
from embedlab.errors import ModelError, StoreError, TrainingError
from embedlab.jobfolder import JobFolder
from embedlab.store import Store, manifest
from embedlab.training import checkpoint, export, runfolder
from embedlab.training.trainable import Trainable
from embedlab.types import EncoderSpec, Lora, RunConfig, Stage
from tests.training import tiny
from tests.training.test_export import three_ways, trained

README = (
    "---\nlibrary_name: sentence-transformers\npipeline_tag: sentence-similarity\ntags:\n- sentence-transformers\n"
    "- transformers\n---\n\n# A model\n\n## With sentence-transformers\n```python\n# code\n```\n\n"
    "## With transformers\nMore.\n"
)


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}
    root = tmp_path_factory.mktemp("starts")
    return lambda kind: made[kind] if kind in made else made.setdefault(kind, tiny.model(root / kind, kind))


@pytest.fixture
def ours(start: Callable[[str], Path], tmp_path: Path) -> Path:
    """A model folder as a run leaves it."""
    folder = start("bert")
    export.model_folder(trained(folder), check_folder(folder), folder, tmp_path / "model", README)
    return tmp_path / "model"


def test_a_folder_for_sentence_transformers(ours: Path, tmp_path: Path) -> None:
    takeaway.sentence_transformers(ours, tmp_path / "out")
    for name in ("ours", "transformers", "sentence-transformers"):
        np.testing.assert_array_equal(three_ways(ours)[name], three_ways(tmp_path / "out")[name])
    assert (tmp_path / "out" / "README.md").read_text() == README
    assert check_folder(tmp_path / "out").fingerprint() == check_folder(ours).fingerprint()


def test_a_plain_folder_for_transformers(ours: Path, tmp_path: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    takeaway.transformers(ours, tmp_path / "out")
    names = set(manifest(tmp_path / "out")["files"])
    assert not {"modules.json", "sentence_bert_config.json", "1_Pooling/config.json"} & names
    one, two = (AutoModel.from_pretrained(folder, local_files_only=True) for folder in (ours, tmp_path / "out"))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert AutoTokenizer.from_pretrained(tmp_path / "out", local_files_only=True)("bank")["input_ids"]
    said = (tmp_path / "out" / "README.md").read_text()
    front = yaml.safe_load(said.split("---")[1])
    assert front == {"library_name": "transformers", "pipeline_tag": "feature-extraction", "tags": ["transformers"]}
    assert "sentence-transformers" not in said
    assert "## With transformers\nMore." in said


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_a_model_of_somebody_else_is_taken_away_too(kind: str, start: Callable[[str], Path], tmp_path: Path) -> None:
    import shutil

    theirs = tmp_path / "theirs"
    shutil.copytree(start(kind), theirs)
    settings = json.loads((theirs / "config.json").read_text())
    (theirs / "config.json").write_text(json.dumps({**settings, "auto_map": {"AutoModel": "evil.Model"}}))
    (theirs / "evil.py").write_text("raise SystemExit")
    takeaway.sentence_transformers(theirs, tmp_path / "out")
    found = three_ways(tmp_path / "out")
    for name, x in found.items():
        np.testing.assert_allclose(x, found["ours"], atol=1e-6, err_msg=name)
    assert "auto_map" not in (tmp_path / "out" / "config.json").read_text()
    assert not (tmp_path / "out" / "evil.py").exists()


def test_nothing_is_written_over(ours: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    takeaway.transformers(ours, out)  # an empty folder was made for it
    before = manifest(out)
    for write in (takeaway.transformers, takeaway.sentence_transformers):
        with pytest.raises(StoreError, match="something called out already"):
            write(ours, out)
    assert manifest(out) == before


def test_a_damaged_model_is_not_handed_on(ours: Path, tmp_path: Path) -> None:
    data = bytearray((ours / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (ours / "model.safetensors").write_bytes(bytes(data))
    with pytest.raises(StoreError, match="damaged"):
        takeaway.transformers(ours, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ModelError):
        takeaway.transformers(tmp_path / "nothing", tmp_path / "out")


# ---------------------------------------------------------------- LoRA

GROUPS = {"lora.*": 1e-3}


@pytest.fixture
def finished(start: Callable[[str], Path], tmp_path: Path) -> Callable[..., tuple[Path, Trainable]]:
    """(kind, lora, what is trained) -> the folder of a run that ended with step 6 kept, and its model."""

    def make(kind: str, lora: Lora | None, train: dict[str, float] | None = None) -> tuple[Path, Trainable]:
        plan = Stage(8, train or GROUPS, "linear", "senses")
        config = RunConfig("c" * 64, EncoderSpec(str(start(kind))), (plan,), lora=lora)
        store = Store(tmp_path / "workspace")
        run = store.put("runs", "abc", "a run", {}, lambda folder: runfolder.write(folder, config, start(kind)))
        torch.manual_seed(3)
        model = Trainable(open_model(check_folder(start(kind)), "tiny", "cpu"), "mean", lora=lora)
        moving = checkpoint.Moving.of(model, config)
        with torch.no_grad():
            for parameter in moving.parameters(model).values():
                parameter.add_(0.05 * torch.randn_like(parameter))
        adam = torch.optim.AdamW(list(moving.parameters(model).values()))
        checkpoint.save(run / "checkpoints", model, moving, adam, checkpoint.Progress(step=6, best_step=6))
        JobFolder(run).finish("done", "", {"best_step": 6})
        return run, model

    return make


@pytest.mark.parametrize(
    ("kind", "lora"),
    [("bert", Lora(rank=2, alpha=6)), ("gpt2", Lora(rank=3)), ("modernbert", Lora(rank=2, targets=("attention",)))],
)
def test_peft_makes_the_same_model_of_the_adapter(
    kind: str, lora: Lora, start: Callable[[str], Path], finished: Callable[..., tuple[Path, Trainable]], tmp_path: Path
) -> None:
    from peft import PeftModel
    from safetensors.numpy import load_file
    from transformers import AutoModel

    run, model = finished(kind, lora)
    takeaway.lora_adapter(run, tmp_path / "adapter")
    plain = AutoModel.from_pretrained(start(kind), local_files_only=True).eval()
    ids = torch.arange(5, 25).reshape(2, 10)
    with torch.inference_mode():
        untouched = plain(input_ids=ids).last_hidden_state
        adapted = PeftModel.from_pretrained(plain, tmp_path / "adapter").eval()
        found = adapted(input_ids=ids).last_hidden_state
        wanted = model.merged_encoder()(input_ids=ids).last_hidden_state
    torch.testing.assert_close(found, wanted, atol=2e-5, rtol=0)
    assert (untouched - wanted).abs().max() > 1e-2
    settings = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert settings["base_model_name_or_path"] == start(kind).name  # a name, not a place on this machine
    assert (settings["r"], settings["lora_alpha"]) == (lora.rank, lora.alpha)
    assert str(tmp_path) not in "".join(path.read_text() for path in (tmp_path / "adapter").glob("*.[jm][sd]*"))
    weights = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    adapters = [name for name, _ in model.named_parameters() if ".lora_" in name]
    assert len(weights) == len(adapters) > 0
    said = (tmp_path / "adapter" / "README.md").read_text()
    assert yaml.safe_load(said.split("---")[1])["library_name"] == "peft"


def test_layers_that_were_not_trained_are_not_in_the_adapter(
    start: Callable[[str], Path], finished: Callable[..., tuple[Path, Trainable]], tmp_path: Path
) -> None:
    from peft import PeftModel
    from transformers import AutoModel

    run, model = finished("bert", Lora(rank=2), {"lora.1": 1e-3})
    takeaway.lora_adapter(run, tmp_path / "adapter")
    settings = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert all(".layer.1." in name for name in settings["target_modules"])
    plain = AutoModel.from_pretrained(start("bert"), local_files_only=True).eval()
    ids = torch.arange(5, 25).reshape(2, 10)
    with torch.inference_mode():
        found = PeftModel.from_pretrained(plain, tmp_path / "adapter").eval()(input_ids=ids).last_hidden_state
        wanted = model.merged_encoder()(input_ids=ids).last_hidden_state
    torch.testing.assert_close(found, wanted, atol=2e-5, rtol=0)


def test_what_has_no_adapter_says_so(finished: Callable[..., tuple[Path, Trainable]], tmp_path: Path) -> None:
    run, _ = finished("bert", None, {"*": 1e-3})
    with pytest.raises(TrainingError, match=r"Run abc was trained without LoRA and has no adapter"):
        takeaway.lora_adapter(run, tmp_path / "adapter")
    assert not (tmp_path / "adapter").exists()


def test_an_adapter_that_is_not_the_whole_model_is_refused(
    finished: Callable[..., tuple[Path, Trainable]], tmp_path: Path
) -> None:
    run, _ = finished("bert", Lora(rank=2), {"lora.*": 1e-3, "embeddings": 1e-4})
    with pytest.raises(TrainingError, match=r"trained \d+ weights of the model beside its adapters"):
        takeaway.lora_adapter(run, tmp_path / "adapter")


def test_a_run_without_a_kept_step_or_with_a_damaged_one(
    finished: Callable[..., tuple[Path, Trainable]], tmp_path: Path
) -> None:
    run, _ = finished("bert", Lora(rank=2))
    path = run / "checkpoints" / "step_000006" / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(StoreError, match=r"step_000006/weights.safetensors is damaged.*merged model"):
        takeaway.lora_adapter(run, tmp_path / "adapter")
    (run / "end.json").unlink()
    with pytest.raises(TrainingError, match="has kept no step yet"):
        takeaway.lora_adapter(run, tmp_path / "adapter")


# ---------------------------------------------------------------- the words of a corpus


def test_the_corpus_table_holds_the_means_of_a_comparison(start: Callable[[str], Path], tmp_path: Path) -> None:
    from embedlab import encoders, occurrences, survey

    corpus = tiny.add_corpus(Store(tmp_path / "workspace"))
    encoder = encoders.load(EncoderSpec("tiny"), start("bert"), device="cpu")
    taken = survey.take_survey(encoder, survey.plan_survey(corpus, encoder, min_count=1), tmp_path / "survey")
    words = encoders.take_snapshot(encoder, occurrences.all_words(corpus), tmp_path / "words", layers=[2])
    made = takeaway.corpus_table(words, 0)
    row = {word: i for i, word in enumerate(made.words)}
    at = [row[word] for word in taken.words]
    np.testing.assert_array_equal(made.counts[at], taken.counts)
    np.testing.assert_allclose(made.vectors[at], taken.word_means[2], atol=1e-6)
