"""Language models: the loss by hand, both directions, the score by counting, and ULMFiT's stages through a worker."""

import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from embedlab.encoders import files, loading
from embedlab.encoders.spelling import CharacterReader
from embedlab.errors import TrainingError
from embedlab.jobfolder import JobFolder
from embedlab.lineage import awd_lstm, characters, elmo, making, vocabulary
from embedlab.store import Store, sha256
from embedlab.training import lm, recipes
from embedlab.training.objectives import Examples, Material
from embedlab.training.objectives.base import whole
from embedlab.training.objectives.lm import LM, asked
from embedlab.training.pieces import Pieces
from embedlab.training.trainable import Trainable
from embedlab.types import Corpus, EncoderSpec, Stage
from tests.training import tiny

WORDS = "red blue tall wet old new sad big dog cat sky sea man sun ice tea".split()


def material(*texts: Sequence[int]) -> Material:
    lengths = np.array([len(ids) for ids in texts], dtype=np.int64)
    pieces = Pieces(tuple(np.array(ids, dtype=np.int32) for ids in texts), np.zeros(len(texts), np.int64), lengths, 0)
    uses = tuple(whole(f"text {i}", i) for i in range(len(texts)))
    return Material(Examples(uses), (pieces,), np.zeros((len(texts), 1), dtype=np.int64))


def every(made: Material) -> np.ndarray:
    return np.arange(len(made), dtype=np.int64)


def awd(seed: int = 0) -> Trainable:
    torch.manual_seed(seed)
    encoder = awd_lstm.Model(awd_lstm.Config(vocab_size=9, embedding_size=4, lstm_size=5))
    torch.nn.init.normal_(encoder.decoder.bias)
    return Trainable(encoder, "mean", lm=encoder.decoder).eval()


def reads_letters(texts: Sequence[str], seed: int = 0) -> tuple[Trainable, Material]:
    """A small ELMo with its softmax, and the texts as it reads them."""
    torch.manual_seed(seed)
    sizes = {"filter_widths": (1, 2), "filter_counts": (3, 3), "projection_size": 4, "cell_size": 5}
    encoder = elmo.Model(elmo.Config(embedding_size=3, **sizes))
    reader = CharacterReader(vocabulary.tokenizer(texts), "mine")
    examples = Examples(tuple(whole(text, i) for i, text in enumerate(texts)))
    head = lm.open_head(encoder, reader, examples, "mine")
    return Trainable(encoder, "mean", lm=head).eval(), material(*(read.ids.tolist() for read in reader.read(texts)))


def loss(of: Trainable, made: Material, rows: Sequence[int]) -> torch.Tensor:
    config = tiny.config(Corpus("0", "made", ("a",)))
    masked = LM.hide(made, np.array(rows, dtype=np.int64), config, np.random.default_rng(0))
    return LM.token_loss(of, masked)


# ---- what is asked ---------------------------------------------------------------------------------------------------


def test_every_word_but_the_last_is_asked_for_the_next() -> None:
    found = asked(material([5, 6, 7], [8], [], [2, 3]), np.array([3, 1, 2, 0]))
    assert [ids.tolist() for ids in found.pieces.ids] == [[2, 3], [8], [], [5, 6, 7]]
    assert found.row.tolist() == [0, 3, 3]
    assert found.place.tolist() == [0, 0, 1]
    assert found.target.tolist() == [3, 6, 7]
    assert found.take(np.array([3])).target.tolist() == [6, 7]
    assert len(asked(material([5]), np.array([0]))) == 0


def test_what_a_corpus_needs() -> None:
    texts = (*(f"text {i}" for i in range(15)), "one", " two ")
    assert "sixteen" in str(LM.applies(Corpus("0", "made", texts)))
    assert LM.applies(Corpus("0", "made", (*texts, "and more"))) is None
    assert [use.row for use in LM.examples(Corpus("0", "made", texts), [3, 15, 16]).uses] == [3]


def test_other_models_are_refused_in_a_sentence() -> None:
    bert = transformers.BertModel(
        transformers.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, vocab_size=9)
    )
    reader = CharacterReader(vocabulary.tokenizer(["a b"]), "mine")
    with pytest.raises(TrainingError, match="choose an AWD-LSTM or an ELMo, for other models mlm"):
        lm.open_head(bert, reader, Examples((whole("a b", 0),)), "mine")


# ---- the loss --------------------------------------------------------------------------------------------------------


def test_the_loss_is_the_sum_over_words_of_each_text_by_itself() -> None:
    of, texts = awd(), [[2, 3, 4, 5], [6], [7, 8], [2, 2, 2]]
    made, wanted = material(*texts), []
    for text in texts:
        with torch.no_grad():
            logits = of.encoder.logits(of.encoder.states(torch.tensor([text]), torch.tensor([len(text)])))[0]
        shares = logits.double().log_softmax(-1)
        wanted.append(-sum(float(shares[i, text[i + 1]]) for i in range(len(text) - 1)))
    assert loss(of, made, range(4)).item() == pytest.approx(sum(wanted), rel=1e-5)
    for i in (0, 2, 3):
        assert loss(of, made, [i]).item() == pytest.approx(wanted[i], rel=1e-5), "padding and company change nothing"
    alone = loss(of.requires_grad_(True), made, [1])
    alone.backward()
    assert float(alone) == 0, "a text of one word asks nothing"


def test_a_model_that_reads_both_ways_is_asked_for_both_neighbours() -> None:
    texts = ["the cat sat", "a dog the cat", "sat the dog a cat", "the cat sat"]
    of, made = reads_letters(texts)
    head = of.lm
    assert isinstance(head, lm.Softmax)
    classes = dict(zip("the cat sat a dog odd".split(), [2, 1, 3, 4, 5, 0], strict=True))  # by count, then alphabet
    for word, number in classes.items():
        assert head.classes(np.array([characters.number_of(word)])).tolist() == [number]
    total = 0.0
    for text, ids in zip(texts, made.sides[0].ids, strict=True):
        words = text.split()
        with torch.no_grad():
            states = of.encoder.states(torch.from_numpy(ids.astype(np.int64))[None], torch.tensor([len(ids)]))
            forward, backward = (head(x)[0].double().log_softmax(-1) for x in of.encoder.next_words(states))
        for i in range(len(words) - 1):
            total -= float(forward[i, classes[words[i + 1]]] + backward[i + 1, classes[words[i]]]) / 2
    assert float(loss(of, made, every(made).tolist())) == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("kind", ["awd-lstm", "elmo"])
def test_every_part_learns_and_its_gradient_is_that_of_finite_differences(kind: str) -> None:
    of, made = (awd(), material([2, 3, 4], [5, 6])) if kind == "awd-lstm" else reads_letters(["the cat sat", "the cat"])
    of.double().requires_grad_(True)
    rows = every(made).tolist()
    loss(of, made, rows).backward()
    groups = of.named_groups()
    taught = {name: p for group, named in groups.items() if kind == "awd-lstm" or group != "layer.2"
              for name, p in named.items()}  # fmt: skip
    assert groups["lm_head"]
    for name, parameter in taught.items():
        assert parameter.grad is not None, name
        flat, slopes = parameter.data.view(-1), parameter.grad.reshape(-1)
        place = int(slopes.abs().argmax())
        with torch.no_grad():
            flat[place] += 1e-6
            up = float(loss(of, made, rows))
            flat[place] -= 2e-6
            down = float(loss(of, made, rows))
            flat[place] += 1e-6
        assert (up - down) / 2e-6 == pytest.approx(float(slopes[place]), rel=1e-4, abs=1e-7), name


def test_a_fresh_head_starts_from_how_often_words_are_asked_for() -> None:
    of, made = awd(), material([2, 3, 3], [4, 3])
    assert not lm.is_fresh(of.encoder.decoder), "it has an opinion"
    torch.nn.init.zeros_(of.encoder.decoder.bias)
    assert lm.is_fresh(of.encoder.decoder)
    lm.fit(of, made)
    counts = np.array([0, 0, 0, 3, 0, 0, 0, 0, 0]) + 0.1
    np.testing.assert_allclose(of.encoder.decoder.bias.detach().exp().numpy(), counts / counts.sum(), rtol=1e-5)
    other, texts = reads_letters(["the cat the", "the cat"])
    assert isinstance(other.lm, lm.Softmax)
    assert lm.is_fresh(other.lm)
    lm.fit(other, texts)
    counts = np.array([0, 1, 2]) + 0.1  # unknown, the, cat: asked for by the word before
    np.testing.assert_allclose(other.lm.out.bias.detach().exp().numpy(), counts / counts.sum(), rtol=1e-5)


# ---- the score -------------------------------------------------------------------------------------------------------


def test_the_score_counts_words_by_hand() -> None:
    """A model that always says word 4; "unknown" (1) is no answer, whoever says it."""
    of = awd()
    with torch.no_grad():
        of.encoder.get_input_embeddings().weight.zero_()
        of.encoder.decoder.bias.copy_(torch.tensor([0, 9, 0, 0, 5, 0, 0, 0, 0.0]))
    known, side = material([2, 4, 1, 1, 1], [3, 4]), material([2, 4, 5, 4], [3, 1], [6], [7, 4])
    found = lm.score(of, known, side)
    assert found.value == pytest.approx(3 / 5)
    assert found.parts["always the commonest word"] == pytest.approx(3 / 5)
    assert found.parts["words outside the vocabulary"] == pytest.approx(1 / 5)
    assert found.parts["words asked for"] == 5
    rest = 7 + math.e**9 + math.e**5
    nats = -(3 * (5 - math.log(rest)) + (0 - math.log(rest)) + (9 - math.log(rest))) / 5
    assert found.parts["perplexity"] == pytest.approx(math.exp(nats), rel=1e-5)
    with pytest.raises(TrainingError, match="two words"):
        lm.score(of, known, material([2], [3]))


# ---- runs ------------------------------------------------------------------------------------------------------------


def sentences(rows: int, seed: int = 0) -> list[dict[str, str]]:
    """A language in which two words may follow each; the label says which of two halves of it a text begins in."""
    rng = np.random.default_rng(seed)
    table = []
    for _ in range(rows):
        word, said = int(rng.integers(16)), []
        label = "low" if word < 8 else "high"
        for _ in range(int(rng.integers(4, 9))):
            said.append(WORDS[word])
            word = (5 * word + int(rng.integers(2))) % 16
        table.append({"text": " ".join(said), "label": label})
    return table


STAGES = (
    Stage(60, {"lm_head": 2e-2, "*": 2e-2}, "stlr", "lm"),
    Stage(62, {"head": 1e-2}, "stlr", "labels"),
    Stage(66, {"head": 1e-2, "layer.2": 5e-3, "layer.1": 2e-3}, "stlr", "labels"),
)


def test_ulmfits_stages_in_one_run_and_again_from_a_checkpoint(
    store: Store, tmp_path: Path, new_run: Callable[..., Path]
) -> None:
    """The loss falls, a frozen table and the decoder stay to the bit while labels are learned, and no state is missed
    on going on.
    """
    table = sentences(200)
    making.make("awd-lstm", tmp_path / "start", [row["text"] for row in table], embedding_size=16, lstm_size=24)
    corpus = tiny.add_corpus(store, table)
    config = tiny.config(corpus, *STAGES, eval_every=30, frames=0)
    straight = new_run("straight", config, start=tmp_path / "start")
    run = tiny.train(straight, store)
    assert (run.state, run.message) == ("done", "")
    events = JobFolder(straight).events()
    losses = [event["loss"] for event in events if event["type"] == "step"]
    assert np.mean(losses[50:60]) < 0.85 * np.mean(losses[:5])
    stages = [event for event in events if event["type"] == "stage"]
    assert [set(stage["frozen"]) & {"lm_head", "head"} for stage in stages] == [{"head"}, {"lm_head"}, {"lm_head"}]

    again = new_run("again", config, start=tmp_path / "start")
    shutil.copytree(straight / "checkpoints" / "step_000060", again / "checkpoints" / "step_000060")
    assert tiny.train(again, store).state == "done"
    assert sha256(again / "model" / "model.safetensors") == sha256(straight / "model" / "model.safetensors")
    before = loading.open_model(files.check_folder(tmp_path / "start"), "mine", "cpu")
    after = loading.open_model(files.check_folder(straight / "model"), "mine", "cpu")
    assert lm.is_fresh(before.decoder)
    assert not lm.is_fresh(after.decoder), "the language model that was learned is in the folder"


def test_elmo_learns_both_ways_through_the_worker(store: Store, tmp_path: Path, new_run: Callable[..., Path]) -> None:
    table = sentences(200)
    sizes = {"filter_widths": (1, 2, 3), "filter_counts": (8, 8, 8), "projection_size": 16, "cell_size": 24}
    making.make("elmo", tmp_path / "start", [row["text"] for row in table], **sizes)
    config = tiny.config(tiny.add_corpus(store, table), Stage(40, {"*": 1e-2}, "stlr", "lm"), eval_every=20, frames=0)
    run = tiny.train(new_run("elmo", config, start=tmp_path / "start"), store)
    assert (run.state, run.message) == ("done", "")
    assert run.score_name == "share of words named first"
    looks = [event for event in JobFolder(store.folder("runs", "elmo")).events() if event["type"] == "eval"]
    assert looks[-1]["parts"]["perplexity"] < 0.8 * looks[0]["parts"]["perplexity"]
    assert looks[-1]["score"] > looks[0]["score"]


def test_ulmfit_is_a_recipe_of_its_three_parts() -> None:
    made = recipes.config("c", EncoderSpec("mine"), depth=3, recipe="ulmfit")
    assert [stage.objective for stage in made.stages] == ["lm", *["labels"] * 5]
    first, *thaws = made.stages
    assert list(first.train) == ["lm_head", "layer.2", "layer.1", "layer.0", "embeddings"]
    assert first.train["layer.2"] / first.train["layer.1"] == pytest.approx(2.6)
    assert [len(stage.train) for stage in thaws] == [1, 2, 3, 4, 5], "from the head down, a group more at a time"
    assert {stage.schedule for stage in made.stages} == {"stlr"}
