"""AWD-LSTM: fastai's own numbers, an LSTM by hand in numpy, what each dropout drops, and the published layout."""

import json
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from embedlab.encoders import files, loading
from embedlab.errors import ModelError
from embedlab.lineage import awd_lstm, converting, fastai
from tests.kit import KIT, needs_kit

WEIGHTS = KIT / "awd_lstm" / "weights.pth"
STILL = dict.fromkeys(awd_lstm.DROPOUTS, 0.0)


def model(seed: int = 0, **settings: Any) -> awd_lstm.Model:
    torch.manual_seed(seed)
    made = awd_lstm.Model(awd_lstm.Config(vocab_size=20, embedding_size=6, lstm_size=5, **settings))
    torch.nn.init.normal_(made.decoder.bias)
    return made.eval()


def states(of: awd_lstm.Model, ids: np.ndarray) -> list[torch.Tensor]:
    return of.states(torch.from_numpy(ids), torch.full((len(ids),), ids.shape[1]))


# ---- parity ----------------------------------------------------------------------------------------------------------


def words_of_kit() -> list[str]:
    """The kit's words have no names but their numbers; the first two are fastai's signs."""
    return ["xxunk", "xxpad", *(f"w{i}" for i in range(2, 300))]


@needs_kit
@pytest.mark.parametrize("again", [False, True])
def test_it_gives_what_fastai_gives(again: bool, tmp_path: Path) -> None:
    """Logits and top layer of every kit sentence within 1e-5, also from a folder of ours."""
    expected = np.load(KIT / "awd_lstm" / "expected.npz", allow_pickle=False)
    if again:
        (tmp_path / "itos.json").write_text(json.dumps(words_of_kit()))
        fastai.make(WEIGHTS, tmp_path / "itos.json", tmp_path / "model")
        of = loading.open_model(files.check_folder(tmp_path / "model"), "mine", "cpu")
    else:
        of = awd_lstm.from_fastai(converting.pth(WEIGHTS), words_of_kit())
    assert isinstance(of, awd_lstm.Model)
    order = awd_lstm.order(words_of_kit())
    ours = np.argsort(order)  # row of fastai -> row of the model
    with torch.inference_mode():
        found = states(of, ours[expected["ids"]])
        logits = of.logits(found).numpy()[..., ours]
    assert [state.shape[-1] for state in found] == [24, 40, 40, 24]
    assert np.abs(logits - expected["logits"]).max() < 1e-5
    assert np.abs(found[-1].numpy() - expected["top_hidden"]).max() < 1e-5


def by_hand(of: awd_lstm.Model, ids: Sequence[int]) -> list[np.ndarray]:
    """One text in double precision, a gate at a time; the last entry is the logits."""
    w = {name: p.detach().numpy().astype(np.float64) for name, p in of.named_parameters()}
    table = w["embeddings.words.weight"]
    found = [table[list(ids)]]

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    for i in range(of.config.num_hidden_layers):
        p = f"layers.{i}."
        h = c = np.zeros(w[p + "weight_hh_l0"].shape[1])
        out = []
        for x in found[-1]:
            gates = w[p + "weight_ih_l0"] @ x + w[p + "bias_ih_l0"] + w[p + "weight_hh_l0"] @ h + w[p + "bias_hh_l0"]
            enter, keep, new, leave = np.split(gates, 4)
            c = sigmoid(keep) * c + sigmoid(enter) * np.tanh(new)
            h = sigmoid(leave) * np.tanh(c)
            out.append(h)
        found.append(np.array(out))
    return [*found, found[-1] @ table.T + w["decoder.bias"]]


def test_each_text_starts_from_zero_and_padding_changes_nothing() -> None:
    of, texts = model(), [[3, 4, 5, 6], [7], [8, 9], []]
    ids = np.array([text + [0] * (4 - len(text)) for text in texts])
    with torch.inference_mode():
        found = of.states(torch.from_numpy(ids), torch.tensor([4, 1, 2, 0]))
        found.append(of.logits(found))
    for row, text in enumerate(texts[:3]):
        for ours, wanted in zip(found, by_hand(of, text), strict=True):
            np.testing.assert_allclose(ours[row, : len(text)].numpy(), wanted, atol=1e-6)
    with torch.inference_mode():
        last = of(torch.from_numpy(ids), torch.from_numpy((ids > 0).astype(np.int64)))
    assert len(last.hidden_states) == 4
    assert torch.equal(last.last_hidden_state, found[3])


# ---- dropout ---------------------------------------------------------------------------------------------------------


def training(**settings: float) -> awd_lstm.Model:
    return model(**{**STILL, **settings}).train()


def test_reading_drops_nothing_and_training_follows_torchs_generator() -> None:
    ids = np.arange(2, 18).reshape(2, 8)
    of = model()
    assert torch.equal(states(of, ids)[-1], states(of, ids)[-1])
    of.train()
    torch.manual_seed(5)
    one, other = states(of, ids)[-1], states(of, ids)[-1]
    torch.manual_seed(5)
    assert torch.equal(states(of, ids)[-1], one)
    assert not torch.equal(one, other)
    torch.testing.assert_close(states(training(), ids), states(model(), ids))


def test_a_dropped_word_is_dropped_wherever_it_stands_and_the_others_grow() -> None:
    of = training(embedding_dropout=0.5)
    ids = np.tile(np.arange(2, 20), (3, 2))
    torch.manual_seed(0)
    table = states(of, ids)[0]
    whole = of.get_input_embeddings().weight[torch.from_numpy(ids)]
    share = (table / whole).detach().numpy()
    assert set(np.unique(share.round(5)).tolist()) == {0.0, 2.0}
    assert np.array_equal(share[0, :18], share[0, 18:]), "the same in one text"
    assert np.array_equal(share[0], share[2]), "and in all of them"
    assert (share == share[..., :1]).all(), "the whole word"


@pytest.mark.parametrize("name", ["input_dropout", "hidden_dropout", "output_dropout"])
def test_masks_between_layers_are_one_a_text_the_same_at_all_its_pieces(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A layer that gives back what it reads, so that each mask is seen by itself."""
    monkeypatch.setattr(awd_lstm.Model, "_layer", lambda self, lstm, below: below)
    of = training(**{name: 0.5})
    torch.nn.init.ones_(of.get_input_embeddings().weight)
    found = states(of, np.full((200, 3), 4))
    (said,) = of.next_words(found)
    assert torch.equal(found[0], torch.ones(200, 3, 6)), "the table itself is given whole"
    times = {"input_dropout": (1, 1, 1), "hidden_dropout": (0, 1, 2), "output_dropout": (0, 0, 0)}[name]
    for state, count in zip(found[1:], times, strict=True):
        assert set(state.unique().tolist()) == ({0.0, 2.0**count} if count else {1.0})
        assert bool((state == state[:, :1]).all()), "one mask for all pieces"
        kept = (state[:, 0] > 0).double().mean().item()
        assert kept == pytest.approx(0.5**count, abs=0.06)
    assert bool((said == said[:, :1]).all())
    assert (said == 0).any() == any((*times, name == "output_dropout"))


def test_weight_drop_holds_back_state_to_state_weights_alone() -> None:
    """All of them gone, a layer is one whose weights from a state to the next are zero."""
    ids = np.arange(2, 18).reshape(2, 8)
    of = training(weight_dropout=0.999999)
    torch.manual_seed(0)
    found = states(of, ids)[1]
    alone = torch.cat([states(model(**STILL), ids[:, [i]])[1] for i in range(8)], dim=1)
    # the cell still adds up what it was told, so only its first word is that of a text of one word
    torch.testing.assert_close(found[:, 0], alone[:, 0])
    w = {name: p.detach() for name, p in of.layers[0].named_parameters()}
    by_cell = torch.nn.LSTM(6, 5, batch_first=True)
    with torch.no_grad():
        for name, p in by_cell.named_parameters():
            p.copy_(torch.zeros_like(p) if name == "weight_hh_l0" else w[name])
    torch.testing.assert_close(found, by_cell(states(of, ids)[0])[0])
    torch.manual_seed(1)
    loss = states(training(weight_dropout=0.5), ids)[-1].sum()
    loss.backward()


def test_the_masked_weights_learn_where_they_were_kept() -> None:
    of = training(weight_dropout=0.5)
    of.requires_grad_(True)
    torch.manual_seed(0)
    states(of, np.arange(2, 18).reshape(2, 8))[-1].pow(2).sum().backward()
    slopes = of.layers[0].weight_hh_l0.grad
    assert 0.3 < float((slopes == 0).double().mean()) < 0.7
    assert all(p.grad is not None for name, p in of.named_parameters() if name != "decoder.bias")


# ---- settings --------------------------------------------------------------------------------------------------------


def test_settings_that_cannot_be() -> None:
    for wrong in ({"lstm_size": 0}, {"num_hidden_layers": 0}, {"weight_dropout": 1.0}, {"hidden_size": 7}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            awd_lstm.Config(embedding_size=6, **wrong)
    assert awd_lstm.Config(embedding_size=6).hidden_size == 6
    assert awd_lstm.Config().head_pooling == "concat"


# ---- the published layout --------------------------------------------------------------------------------------------


def published(of: awd_lstm.Model, order: np.ndarray) -> dict[str, np.ndarray]:
    """fastai's state dict of a model whose rows stand in another order."""
    back = np.argsort(order)
    table = of.get_input_embeddings().weight.detach().numpy()[back]
    found = {"0.encoder.weight": table, "0.encoder_dp.emb.weight": table, "1.decoder.weight": table}
    found["1.decoder.bias"] = of.decoder.bias.detach().numpy()[back]
    for i, lstm in enumerate(of.layers):
        for name, p in lstm.named_parameters():
            key = f"0.rnns.{i}.weight_hh_l0_raw" if name == "weight_hh_l0" else f"0.rnns.{i}.module.{name}"
            found[key] = p.detach().numpy()
    return found


WORDS = ["xxunk", "xxpad", "xxbos", *(f"w{i}" for i in range(17))]


def test_rows_are_put_in_our_order() -> None:
    assert awd_lstm.order(["a", "xxunk", "b", "xxpad"]).tolist() == [3, 1, 0, 2]
    of = model()
    again = awd_lstm.from_fastai(published(of, awd_lstm.order(WORDS)), WORDS)
    assert all(torch.equal(p, dict(of.named_parameters())[name]) for name, p in again.named_parameters())
    assert again.config.to_dict().items() >= {"vocab_size": 20, "embedding_size": 6, "lstm_size": 5}.items()
    bare = {key: array for key, array in published(of, awd_lstm.order(WORDS)).items() if not key.startswith("1.")}
    encoder = awd_lstm.from_fastai(bare, WORDS)
    assert not encoder.decoder.bias.any(), "an encoder alone has no opinion yet of how often words occur"


BREAKS: list[tuple[Callable[[dict[str, np.ndarray]], Any], str]] = [
    (lambda t: t.pop("0.encoder.weight"), "lacks 0.encoder.weight"),
    (lambda t: t.pop("0.rnns.1.module.bias_hh_l0"), "lacks 0.rnns.1"),
    (lambda t: [t.pop(f"0.rnns.{i}.weight_hh_l0_raw") for i in range(3)], "no LSTM under"),
    (lambda t: t.update({"1.decoder.weight": t["1.decoder.weight"] + 1}), "only tied"),
    (lambda t: t.update({"1.decoder.bias": np.zeros(9, np.float32)}), "decoder of 9 words"),
    (lambda t: t.update({"0.rnns.1.module.bias_ih_l0": np.zeros(9, np.float32)}), "of shape"),
    (lambda t: t.update({"0.rnns.2.weight_hh_l0_raw": np.zeros((2, 2), np.float32)}), "of shape"),
    (lambda t: t.update({"0.rnns.0.weight_hh_l0_raw": np.zeros((0, 0), np.float32)}), "cannot be"),
    (lambda t: t.update({"0.encoder.weight": t["0.encoder.weight"] * np.nan}), "not finite"),
    (lambda t: t.update({"0.encoder.weight": t["0.encoder.weight"][:9], "1.decoder.weight": t["0.encoder.weight"][:9]}),
     "table of 9 words"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "said"), BREAKS)
def test_files_that_are_no_awd_lstm(damage: Callable[[dict[str, np.ndarray]], Any], said: str) -> None:
    tensors = published(model(), awd_lstm.order(WORDS))
    damage(tensors)
    with pytest.raises(ModelError, match=said) as error:
        awd_lstm.from_fastai(tensors, WORDS, "fwd.pth")
    assert str(error.value).startswith("fwd.pth")


def test_a_vocabulary_as_text_or_json(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("\n".join([*WORDS, "xxfake", "xxfake", "né"]) + "\n")
    (tmp_path / "v.json").write_text(json.dumps([*WORDS, "xxfake", "xxfake", "né"]))
    found = fastai.read_words(tmp_path / "v.txt")
    assert found == fastai.read_words(tmp_path / "v.json")
    assert found[:20] == WORDS
    assert found[20:] == ["xxfake20", "xxfake21", "né"], "what fills the list up is no word twice"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (pickle.dumps(WORDS), "is a pickle"),
        (b"xxunk\nxxpad\n\xff\xfe\n", "UTF-8"),
        (b"[1, 2]", "words alone"),
        (b"[" * 100_000, "UTF-8, a json list"),
        (b"xxunk\nxxpad\nthe\nthe\n", "line 4 twice"),
    ],
)
def test_hostile_vocabularies(raw: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_bytes(raw)
    with pytest.raises(ModelError, match=said):
        fastai.read_words(tmp_path / "v.txt")


def test_a_vocabulary_without_fastais_signs_is_refused() -> None:
    with pytest.raises(ModelError, match="no xxpad"):
        awd_lstm.order(["xxunk", "the"])
    with pytest.raises(ModelError, match="no xxunk"):
        awd_lstm.order(["xxunk", "xxpad", "xxunk"])


def test_the_folder_reads_as_fastai_writes(tmp_path: Path) -> None:
    """Lower case, clitics apart, xxbos before every text, and rows that are the model's."""
    known = ["xxunk", "xxpad", "xxbos", "do", "n't", "it", "'s", "well", "known", "-", "1,000", ".", *"abcdefgh"]
    of = model()
    torch.save(
        {key: torch.from_numpy(array.copy()) for key, array in published(of, awd_lstm.order(known)).items()},
        tmp_path / "fwd.pth",
    )
    (tmp_path / "itos.txt").write_text("\n".join(known))
    fastai.make(tmp_path / "fwd.pth", tmp_path / "itos.txt", tmp_path / "model")
    checked = files.check_folder(tmp_path / "model")
    reader = loading.open_tokenizer(checked, "mine")
    rows = [known[row] for row in awd_lstm.order(known)]
    assert [rows[i] for i in reader.prefix] == ["xxbos"]
    assert reader.suffix == ()
    text = "Don't! It's 1,000 well-known xxbos."
    (read,) = reader.read([text])
    cut = [(text[start:end], rows[i]) for i, start, end in zip(read.ids, read.starts, read.ends, strict=True)]
    assert cut == [
        ("Do", "do"), ("n't", "n't"), ("!", "xxunk"), ("It", "it"), ("'s", "'s"), ("1,000", "1,000"), ("well", "well"),
        ("-", "-"), ("known", "known"), ("xxbos", "xxunk"), (".", "."),
    ]  # fmt: skip
    again = loading.open_model(checked, "mine", "cpu")
    assert torch.equal(again.decoder.bias, of.decoder.bias)
