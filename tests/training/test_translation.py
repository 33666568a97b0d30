"""Translation: the decoder against a loop over words in numpy, its gradient, its score by hand, and that it learns."""

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from embedlab.encoders import files, loading
from embedlab.errors import TrainingError
from embedlab.jobfolder import JobFolder
from embedlab.lineage import cove, making
from embedlab.store import Store, sha256
from embedlab.training import translation
from embedlab.training.objectives import Examples, Material
from embedlab.training.objectives.base import whole
from embedlab.training.objectives.translation import TRANSLATION, asked
from embedlab.training.pieces import Pieces
from embedlab.training.trainable import Trainable
from embedlab.training.translation import BORDER, Decoder, Target
from embedlab.types import Corpus, Occurrence, Stage
from tests.training import tiny

UNKNOWN = 1
WORDS = 12  # of the target language, the border and "unknown" among them


def pieces(*texts: Sequence[int]) -> Pieces:
    lengths = np.array([len(ids) for ids in texts], dtype=np.int64)
    return Pieces(tuple(np.array(ids, dtype=np.int32) for ids in texts), np.zeros(len(texts), np.int64), lengths, 0)


def material(texts: Sequence[Sequence[int]], partners: Sequence[Sequence[int]]) -> Material:
    uses = tuple(whole(f"text {i}", i) for i in range(len(texts)))
    sides = (pieces(*texts), pieces(*([*words, BORDER] for words in partners)))
    return Material(Examples(uses, partners=uses), sides, np.zeros((len(texts), 0), dtype=np.int64))


def some(seed: int = 0, rows: int = 7) -> Material:
    rng = np.random.default_rng(seed)
    texts = [rng.integers(2, 15, rng.integers(1, 7)).tolist() for _ in range(rows)]
    partners = [rng.integers(2, WORDS, rng.integers(1, 7)).tolist() for _ in range(rows)]
    return material(texts, partners)


def model(seed: int = 0, dropout: float = 0.2, words: int = WORDS, d: int = 6, h: int = 4) -> Trainable:
    torch.manual_seed(seed)
    encoder = cove.Model(cove.Config(vocab_size=15, embedding_size=d, lstm_size=h, dropout=dropout))
    head = Decoder(words, d, 2 * h, dropout)
    return Trainable(encoder, "mean", decoder=head).eval()


def every(made: Material) -> np.ndarray:
    return np.arange(len(made), dtype=np.int64)


def value(of: Trainable, made: Material, rows: Sequence[int]) -> float:
    return loss(of, made, rows).item()


def loss(of: Trainable, made: Material, rows: Sequence[int]) -> torch.Tensor:
    config = tiny.config(Corpus("0", "made", ("a",)))
    masked = TRANSLATION.hide(made, np.array(rows, dtype=np.int64), config, np.random.default_rng(0))
    return TRANSLATION.token_loss(of, masked)


# ---- what is asked -------------------------------------------------------------------------------------------------


def test_every_word_of_the_translation_is_asked_for_and_the_border_that_ends_it() -> None:
    made = material([[5, 6], [7], [8, 9, 10]], [[2, 3, 4], [5], [6, 7]])
    found = asked(made, np.array([2, 0]))
    assert [ids.tolist() for ids in found.pieces.ids] == [[8, 9, 10], [5, 6]]
    assert found.row.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert found.place.tolist() == [0, 1, 2, 0, 1, 2, 3]
    assert found.target.tolist() == [6, 7, BORDER, 2, 3, 4, BORDER]
    again = found.take(np.array([1]))
    assert (again.row.tolist(), again.target.tolist()) == ([0, 0, 0, 0], [2, 3, 4, BORDER])
    assert len(asked(made, np.array([], dtype=np.int64))) == 0


def uses(*texts: str) -> tuple[Occurrence, ...]:
    return tuple(whole(text, i) for i, text in enumerate(texts))


def test_the_words_it_can_say_are_those_of_the_training_translations_that_come_twice() -> None:
    target = Target.of(Examples(uses("a", "b"), partners=uses("das Haus, das Haus und", "das alte Tor und")))
    found = target.read(uses("das Haus und das Tor"), 64)
    das, haus, und, again, tor, border = found.ids[0].tolist()
    assert das == again
    assert len({das, haus, und, UNKNOWN, BORDER}) == 5
    assert (tor, border) == (UNKNOWN, BORDER)
    assert target.size == max(das, haus, und) + 1 == 5
    assert target.read(uses("das Haus und das Tor"), 3).ids[0].tolist() == [das, haus, BORDER], "cut, and ended"
    assert target.read(uses("das Haus und das Tor"), 3).cut == 1


def test_a_row_without_a_word_is_refused_by_its_number() -> None:
    target = Target.of(Examples(uses("a", "b"), partners=uses("das Haus", "das Haus")))
    fine = translation.learned(Examples(uses("a", "b"), partners=uses("das", "das")), pieces([2], [3]), target, 9)
    assert fine.lengths.tolist() == [3, 3]
    with pytest.raises(TrainingError, match=r"Row 2 has a text without"):
        translation.learned(Examples(uses("a", "b"), partners=uses("das", "das")), pieces([2], []), target, 9)
    with pytest.raises(TrainingError, match=r"Row 1 has a translation without"):
        translation.learned(Examples(uses("a"), partners=uses(" ")), pieces([2]), target, 9)


def test_what_a_corpus_needs() -> None:
    texts = tuple(f"text {i}" for i in range(20))
    assert "no column" in str(TRANSLATION.applies(Corpus("0", "made", texts)))
    few = Corpus("0", "made", texts, pairs=(*["x"] * 15, *[None] * 5))
    assert "sixteen" in str(TRANSLATION.applies(few))
    enough = Corpus("0", "made", texts, pairs=(*["x"] * 17, None, "y", ""))
    assert TRANSLATION.applies(enough) is None
    assert [use.row for use in TRANSLATION.examples(enough, [3, 17, 18, 19]).uses] == [3, 18]
    unlike = replace(enough, scores=(*[1.0] * 10, *[0.0] * 10))
    assert "unlike scores" in str(TRANSLATION.applies(unlike))


def test_other_models_are_refused_in_a_sentence() -> None:
    import transformers

    bert = transformers.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, vocab_size=9)
    target = Target.of(Examples(uses("a"), partners=uses("das Haus das Haus")))
    with pytest.raises(TrainingError, match="no CoVe model"):
        translation.decoder(transformers.BertModel(bert), target, "mine")
    made = translation.decoder(model().encoder, target, "mine")
    assert (made.out.in_features, made.out.out_features, made.table.embedding_dim) == (8, target.size, 6)


# ---- the decoder ---------------------------------------------------------------------------------------------------


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def by_hand(of: Trainable, text: Sequence[int], words: Sequence[int]) -> np.ndarray:
    """ln p of every word, one text at a time in double precision: the equations of McCann et al., a word at a time."""
    encoder, head = of.encoder, of.decoder
    assert isinstance(head, Decoder)
    w = {name: p.detach().numpy().astype(np.float64) for name, p in head.named_parameters()}
    with torch.no_grad():
        states = encoder.states(torch.tensor([text]), torch.tensor([len(text)]))[2][0].numpy().astype(np.float64)
    half = states.shape[1] // 2
    start = np.concatenate([states[-1, :half], states[0, half:]])
    h, c = [start, start], [0 * start, 0 * start]
    fed, before, found = 0 * start, BORDER, []
    for word in [*words, BORDER]:
        x = np.concatenate([w["table.weight"][before], fed])
        for k in (0, 1):
            gates = w[f"cells.{k}.weight_ih"] @ x + w[f"cells.{k}.bias_ih"]
            gates += w[f"cells.{k}.weight_hh"] @ h[k] + w[f"cells.{k}.bias_hh"]
            i, f, g, o = np.split(gates, 4)
            c[k] = sigmoid(f) * c[k] + sigmoid(i) * np.tanh(g)
            h[k] = x = sigmoid(o) * np.tanh(c[k])
        fit = np.exp(states @ (w["attention.weight"] @ x + w["attention.bias"]))
        seen = (fit / fit.sum()) @ states
        fed = np.tanh(w["combine.weight"] @ np.concatenate([seen, x]) + w["combine.bias"])
        say = w["out.weight"] @ fed + w["out.bias"]
        found.append(say[word] - np.log(np.exp(say).sum()))
        before = word
    return np.array(found)


def test_the_loss_is_that_of_the_equations_word_by_word() -> None:
    made, of = some(), model()
    texts, partners = ([ids.tolist() for ids in side.ids] for side in made.sides)
    wanted = [by_hand(of, text, words[:-1]) for text, words in zip(texts, partners, strict=True)]
    found, target = translation.logits(of, asked(made, every(made)))
    assert len(found) == sum(map(len, partners))
    assert sorted(target.tolist()) == sorted(word for words in partners for word in words)
    assert value(of, made, range(7)) == pytest.approx(-sum(one.sum() for one in wanted), rel=1e-5)
    for i, one in enumerate(wanted):
        assert value(of, made, [i]) == pytest.approx(-one.sum(), rel=1e-5), "each by itself"


def test_rows_are_apart_so_padding_and_company_change_nothing() -> None:
    """Values and gradients of a batch of unlike lengths are the sums of those of its rows."""
    made, of = some(1), model()
    of.requires_grad_(True)
    loss(of, made, range(7)).backward()
    together = {name: p.grad.clone() for name, p in of.named_parameters() if p.grad is not None}
    of.zero_grad()
    for i in range(7):
        loss(of, made, [i]).backward()
    assert together
    for name, parameter in of.named_parameters():
        torch.testing.assert_close(parameter.grad, together[name], atol=2e-6, rtol=1e-4, msg=name)


def test_every_part_of_encoder_and_decoder_learns() -> None:
    made, of = some(), model()
    of.requires_grad_(True)
    loss(of, made, range(7)).backward()
    still = [name for name, p in of.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


def test_the_gradient_is_that_of_finite_differences() -> None:
    """Of the decoder, in double precision: by every weight and by the states of the texts."""
    torch.manual_seed(0)
    head = Decoder(5, 2, 2, 0.0).double()
    source = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    lengths, before, counts = torch.tensor([2, 3]), torch.tensor([[0, 3, 2], [0, 4, 0]]), np.array([3, 2])
    target = torch.tensor([3, 4, 2, 0, 0])

    def total() -> torch.Tensor:
        said = head.out(head(source, lengths, before, counts))
        return torch.nn.functional.cross_entropy(said, target, reduction="sum")

    total().backward()
    assert source.grad is not None
    assert source.grad[0, 2].abs().sum() == 0, "padding is not attended to"
    step = 1e-6
    for name, tensor in [("source", source), *head.named_parameters()]:
        flat, slopes = tensor.data.view(-1), tensor.grad.view(-1)
        for i in range(len(flat)):
            with torch.no_grad():
                flat[i] += step
                up = total()
                flat[i] -= 2 * step
                down = total()
                flat[i] += step
            assert float(up - down) / (2 * step) == pytest.approx(float(slopes[i]), abs=1e-7), (name, i)


def test_dropout_follows_torchs_generator() -> None:
    made, of = some(), model()
    quiet = value(of, made, range(7))
    of.train()
    torch.manual_seed(3)
    one, other = value(of, made, range(7)), value(of, made, range(7))
    torch.manual_seed(3)
    assert value(of, made, range(7)) == one
    assert len({quiet, one, other}) == 3


# ---- the score -----------------------------------------------------------------------------------------------------


def says(of: Trainable, word: int) -> Trainable:
    """A model that always says one word, with the share 1 / (1 + 11 / e^5)."""
    with torch.no_grad():
        of.decoder.out.weight.zero_()  # type: ignore[union-attr]
        of.decoder.out.bias.zero_()  # type: ignore[union-attr]
        of.decoder.out.bias[word] = 5.0  # type: ignore[union-attr]
    return of


def test_the_score_counts_words_by_hand() -> None:
    known = material([[2], [3]], [[4, 4, 5], [UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]])
    side = material([[2, 3], [4]], [[4, 5, UNKNOWN], [4, 6, 4, 7]])
    found = translation.score(says(model(), 4), known, side)
    assert found.value == pytest.approx(3 / 7)
    assert found.parts["always the commonest word"] == pytest.approx(3 / 7)
    assert found.parts["with the texts exchanged"] == pytest.approx(3 / 7), "it does not listen"
    assert found.parts["words outside the vocabulary"] == pytest.approx(1 / 7)
    assert found.parts["words of the translations"] == 7
    rest = 11 + math.e**5
    nats = -(3 * math.log(math.e**5 / rest) + 6 * math.log(1 / rest)) / 9  # seven words and two borders
    assert found.parts["perplexity"] == pytest.approx(math.exp(nats), rel=1e-5)


def test_neither_unknown_nor_the_border_is_an_answer() -> None:
    side = material([[2, 3], [4]], [[4, 5, UNKNOWN], [UNKNOWN, 6]])
    assert translation.score(says(model(), UNKNOWN), side, side).value == 0.0
    assert translation.score(says(model(), BORDER), side, side).value == 0.0
    assert translation.score(model(), side, side.__class__(
        side.examples.take([0]), tuple(one[np.array([0])] for one in side.sides), side.codes[:1]
    )).parts.keys().isdisjoint({"with the texts exchanged"}), "one text has nobody to exchange with"  # fmt: skip


def test_a_fitted_decoder_starts_from_how_often_words_are_said() -> None:
    made, of = some(), model()
    translation.fit(of, made)
    assert isinstance(of.decoder, Decoder)
    counts = np.bincount(np.concatenate(made.sides[1].ids), minlength=WORDS) + 0.1
    np.testing.assert_allclose(of.decoder.out.bias.detach().exp().numpy(), counts / counts.sum(), rtol=1e-5)


# ---- learning ------------------------------------------------------------------------------------------------------


def reversed_texts(rows: int, seed: int) -> Material:
    """A language whose words are ours, one for one, said backwards."""
    rng = np.random.default_rng(seed)
    texts = [rng.integers(2, 10, rng.integers(2, 6)).tolist() for _ in range(rows)]
    return material(texts, [[2 + (word * 3) % 8 for word in reversed(text)] for text in texts])


def test_the_loss_falls_and_what_is_learned_comes_from_the_texts() -> None:
    train, held_out = reversed_texts(400, 0), reversed_texts(60, 1)
    of = model(dropout=0.0, words=10, d=16, h=16)
    translation.fit(of, train)
    before = translation.score(of, train, held_out)
    adam = torch.optim.AdamW(of.requires_grad_(True).parameters(), lr=1e-2)
    rng, first, last = np.random.default_rng(0), 0.0, 0.0
    for step in range(70):
        rows = rng.choice(400, 32, replace=False)
        words = int(train.sides[1].lengths[rows].sum())
        mean = loss(of, train, rows.tolist()) / words
        of.zero_grad()
        mean.backward()
        torch.nn.utils.clip_grad_norm_(of.parameters(), 1.0)
        adam.step()
        first, last = (mean.item(), last) if step == 0 else (first, mean.item())
    after = translation.score(of, train, held_out)
    assert first == pytest.approx(math.log(9), abs=0.35), "the start knows how often words are said"
    assert last < 0.5 * first
    assert before.value < 0.3
    assert after.value > before.value + 0.4
    assert after.parts["with the texts exchanged"] < after.value - 0.4, "exchanged, the texts are of no use"


def parallel(rows: int, seed: int = 0) -> list[dict[str, str]]:
    """Sentences of eight words, and the same backwards in another language, word for word."""
    ours, theirs = "dog cat sees bites the a old new".split(), "hund katz siit biist de en alt nei".split()
    rng = np.random.default_rng(seed)
    numbers = [rng.integers(0, 8, rng.integers(3, 7)) for _ in range(rows)]
    return [{"text": " ".join(ours[n] for n in one), "pair": " ".join(theirs[n] for n in one[::-1])} for one in numbers]


STAGES = (
    Stage(2, {"decoder": 1e-2}, "constant", "translation"),
    Stage(6, {"decoder": 1e-2, "layer.*": 1e-2}, "constant", "translation"),
)


def test_a_run_translates_keeps_a_frozen_table_and_goes_on_where_it_stopped(
    store: Store, tmp_path: Path, new_run: Callable[..., Path]
) -> None:
    """Through the real worker: the same bits whether it ran through or was begun again from its fourth step."""
    table = parallel(120)
    start = tmp_path / "cove"
    making.make("cove", start, [row["text"] for row in table], embedding_size=16, lstm_size=16)
    corpus = tiny.add_corpus(store, table)
    config = tiny.config(corpus, *STAGES, eval_every=2, frames=0)
    straight = new_run("straight", config, start=start)
    run = tiny.train(straight, store)
    assert (run.state, run.message) == ("done", "")
    assert run.score_name == "share of words of the translation named first"

    before, after = (
        loading.open_model(files.check_folder(folder), "mine", "cpu") for folder in (start, straight / "model")
    )
    assert torch.equal(before.get_input_embeddings().weight, after.get_input_embeddings().weight), "frozen, to the bit"
    moved = {name for name, p in after.named_parameters() if not torch.equal(p, dict(before.named_parameters())[name])}
    assert moved == {name for name, _ in after.named_parameters() if name.startswith("layers.")}
    losses = [event["loss"] for event in JobFolder(straight).events() if event["type"] == "step"]
    assert losses[-1] < losses[0]
    evaluations = [event for event in JobFolder(straight).events() if event["type"] == "eval"]
    assert evaluations[-1]["parts"]["perplexity"] < evaluations[0]["parts"]["perplexity"]
    assert "with the texts exchanged" in evaluations[-1]["parts"]

    again = new_run("again", config, start=start)
    shutil.copytree(straight / "checkpoints" / "step_000004", again / "checkpoints" / "step_000004")
    assert tiny.train(again, store).state == "done"
    for name in ("model/model.safetensors", "checkpoints/step_000006/weights.safetensors"):
        assert sha256(again / name) == sha256(straight / name)


def test_a_model_that_cannot_learn_so_fails_in_a_sentence(store: Store, new_run: Callable[..., Path]) -> None:
    corpus = tiny.add_corpus(store, parallel(120))
    run = tiny.train(new_run("bert", tiny.config(corpus, Stage(2, {"decoder": 1e-3}, "linear", "translation"))), store)
    assert run.state == "failed"
    assert "no CoVe model" in run.message
