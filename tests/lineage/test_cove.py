"""CoVe's encoder: against the plain nn.LSTM whose weights it loads, against a loop over words in numpy, by batches."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from embedlab.errors import ModelError
from embedlab.lineage import converting, making
from embedlab.lineage.cove import Config, Model, from_lstm, load_lstm

D, H, V = 6, 4, 20
IDS = torch.tensor([[3, 4, 5, 6, 7], [8, 9, 2, 0, 0], [10, 0, 0, 0, 0]])
LENGTHS = torch.tensor([5, 3, 1])


def published(d: int = D, h: int = H, seed: int = 0) -> nn.LSTM:
    torch.manual_seed(seed)
    return nn.LSTM(d, h, 2, bidirectional=True, batch_first=True)


def arrays(lstm: nn.Module, prefix: str = "") -> dict[str, np.ndarray]:
    return {prefix + name: tensor.numpy() for name, tensor in lstm.state_dict().items()}


def table(words: int = V, d: int = D) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((words, d)).astype(np.float32)


def model(seed: int = 0) -> Model:
    return from_lstm(arrays(published(seed=seed)), table())


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def read_by_hand(w: dict[str, np.ndarray], x: np.ndarray, layer: int, way: str) -> np.ndarray:
    """One direction of one layer over [piece d], a word at a time; gates in the order i, f, g, o."""
    h = c = np.zeros(w[f"weight_hh_l{layer}{way}"].shape[1])
    found = []
    for row in x[::-1] if way else x:
        gates = w[f"weight_ih_l{layer}{way}"] @ row + w[f"bias_ih_l{layer}{way}"]
        i, f, g, o = np.split(gates + w[f"weight_hh_l{layer}{way}"] @ h + w[f"bias_hh_l{layer}{way}"], 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        found.append(h)
    return np.stack(found[::-1] if way else found)


def test_the_published_size_is_that_of_the_paper() -> None:
    config = Config()
    assert (config.embedding_size, config.lstm_size, config.num_hidden_layers, config.hidden_size) == (300, 300, 2, 900)
    with torch.device("meta"):
        ours, theirs = Model(config), nn.LSTM(300, 300, 2, bidirectional=True)
    count = sum(p.numel() for p in ours.layers.parameters())
    assert count == sum(p.numel() for p in theirs.parameters()) == 3_609_600


def test_a_width_that_is_not_that_of_the_parts_is_refused() -> None:
    assert Config(embedding_size=10, lstm_size=4).hidden_size == 18
    with pytest.raises(ValueError, match="18"):
        Config(embedding_size=10, lstm_size=4, hidden_size=30)


def test_every_layer_is_that_of_the_plain_lstm_whose_weights_it_loaded() -> None:
    lstm, made = published(), model()
    with torch.no_grad():
        words, _, top, last = made.states(IDS, LENGTHS)
        for i, length in enumerate(LENGTHS.tolist()):
            alone = torch.from_numpy(table())[IDS[i, :length]][None]
            wanted = lstm(alone)[0][0]
            torch.testing.assert_close(words[i, :length], alone[0], atol=0, rtol=0)
            torch.testing.assert_close(top[i, :length], wanted, atol=1e-6, rtol=1e-6)
            torch.testing.assert_close(last[i, :length], torch.cat([alone[0], wanted], -1), atol=1e-6, rtol=1e-6)


def test_every_layer_is_that_of_a_loop_over_words() -> None:
    weights = {name: array.astype(np.float64) for name, array in arrays(published()).items()}
    with torch.no_grad():
        states = model().states(IDS, LENGTHS)
    assert [state.shape[-1] for state in states] == [D, 2 * H, 2 * H, D + 2 * H]
    for i, length in enumerate(LENGTHS.tolist()):
        x = table()[IDS[i, :length].numpy()].astype(np.float64)
        for layer in (0, 1):
            x = np.concatenate([read_by_hand(weights, x, layer, way) for way in ("", "_reverse")], axis=-1)
            np.testing.assert_allclose(states[layer + 1][i, :length].numpy(), x, atol=1e-6)


def test_what_stands_behind_a_text_changes_nothing() -> None:
    made = model()
    with torch.no_grad():
        states = made.states(IDS, LENGTHS)
        other = torch.cat([IDS, torch.zeros(3, 4, dtype=torch.long)], dim=1)
        for i, length in enumerate(LENGTHS.tolist()):
            other[i, length:] = 11
        for one, again in zip(states, made.states(other, LENGTHS), strict=True):
            for i, length in enumerate(LENGTHS.tolist()):
                assert torch.equal(one[i, :length], again[i, :length])


def test_a_text_without_a_piece_spoils_no_other() -> None:
    made = model()
    with torch.no_grad():
        wanted = made.states(IDS[:1], LENGTHS[:1])[-1][0]
        found = made.states(IDS[:2], torch.tensor([5, 0]))[-1]
    torch.testing.assert_close(found[0], wanted, atol=1e-6, rtol=1e-6)
    assert torch.isfinite(found).all()


def test_from_outside_it_is_a_model_of_transformers() -> None:
    """The last layer, the mask instead of lengths, and all layers from its one call."""
    made = model()
    mask = (torch.arange(5)[None] < LENGTHS[:, None]).long()
    with torch.no_grad():
        out = made(input_ids=IDS, attention_mask=mask)
        wanted = made.states(IDS, LENGTHS)
    assert len(out.hidden_states) == 4
    assert torch.equal(out.last_hidden_state, wanted[-1])
    assert out.last_hidden_state.shape[-1] == made.config.hidden_size


def test_saved_and_opened_again_it_gives_the_same(tmp_path: Path) -> None:
    made = model()
    made.save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    again = Model.from_pretrained(tmp_path).eval()
    assert again.config.model_type == "embedlab-cove"
    with torch.no_grad():
        for one, other in zip(made.states(IDS, LENGTHS), again.states(IDS, LENGTHS), strict=True):
            assert torch.equal(one, other)


def test_dropout_is_for_training_alone_and_follows_its_seed() -> None:
    made = model()
    with torch.no_grad():
        quiet = made.states(IDS, LENGTHS)[-1]
        assert torch.equal(quiet, made.states(IDS, LENGTHS)[-1])
        made.train()
        torch.manual_seed(1)
        one = made.states(IDS, LENGTHS)[-1]
        two = made.states(IDS, LENGTHS)[-1]
        torch.manual_seed(1)
        again = made.states(IDS, LENGTHS)[-1]
    assert torch.equal(one, again)
    assert not torch.equal(one, two)
    assert torch.equal(one[..., :D], quiet[..., :D]), "the table is read as it is"


def test_the_gradient_is_that_of_finite_differences() -> None:
    """With padding, in double precision, of the table and of every weight."""
    torch.manual_seed(0)
    made = Model(Config(vocab_size=5, embedding_size=2, lstm_size=2)).double().eval()
    ids, lengths = torch.tensor([[2, 3, 4], [3, 1, 0]]), torch.tensor([3, 2])
    direction = torch.randn(2, 3, 6, dtype=torch.float64)
    direction[1, 2] = 0  # padding is not read

    def value() -> torch.Tensor:
        return (made.states(ids, lengths)[-1] * direction).sum()

    value().backward()
    step = 1e-6
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None, name
        flat, slopes = parameter.data.view(-1), parameter.grad.view(-1)
        for i in range(len(flat)):
            with torch.no_grad():
                flat[i] += step
                up = value()
                flat[i] -= 2 * step
                down = value()
                flat[i] += step
            assert float(up - down) / (2 * step) == pytest.approx(float(slopes[i]), abs=1e-8), (name, i)
    assert made.get_input_embeddings().weight.grad[0].abs().sum() == 0, "nothing is learned from padding"


def test_a_file_as_published_is_read_by_the_converter(tmp_path: Path) -> None:
    """A pickle of the state dict of one LSTM of two layers, under the names of nn.LSTM itself (wmtlstm)."""
    file = tmp_path / "wmtlstm.pth"
    torch.save(published().state_dict(), file)
    found = from_lstm(converting.pth(file), table(), file.name)
    for one, other in zip(found.parameters(), model().parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("prefix", ["", "rnn.", "rnn1.", "module.rnn1."])
def test_the_names_of_the_weights_may_have_a_prefix(prefix: str) -> None:
    found = from_lstm({**arrays(published(), prefix), "vectors.weight": table()}, table())
    for one, other in zip(found.parameters(), model().parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("first", [0, 1])
def test_two_modules_of_one_layer_each_are_the_same_encoder(first: int) -> None:
    parts = {}
    for name, array in arrays(published()).items():
        layer = "1" if "_l1" in name else "0"
        parts[f"rnn{int(layer) + first}.{name.replace('_l1', '_l0')}"] = array
    found = from_lstm(parts, table())
    for one, other in zip(found.parameters(), model().parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda w: w.pop("bias_hh_l1_reverse"), "lacks bias_hh_l1_reverse"),
        (lambda w: [w.pop(name) for name in list(w) if "_l1" in name], "two layers"),
        (lambda w: w.clear(), "two layers"),
        (lambda w: w.update(weight_hh_l1=w["weight_hh_l1"][:, :-1]), "weight_hh of shape"),
        (lambda w: w.update(weight_ih_l0=w["weight_ih_l0"].ravel()), "no matrices"),
        (lambda w: w.update(bias_ih_l0=np.full_like(w["bias_ih_l0"], np.nan)), "not a number"),
        (lambda w: w.update(bias_ih_l0=w["bias_ih_l0"].astype(np.int64)), "not a number"),
        (lambda w: w.update({name + "x": w[name] for name in list(w)}), None),
    ],
)
def test_weights_that_are_no_such_encoder_are_refused_in_a_sentence(damage: object, said: str | None) -> None:
    weights = arrays(published())
    damage(weights)  # type: ignore[operator]
    if said is None:
        assert torch.equal(next(from_lstm(weights, table()).parameters()), torch.from_numpy(table()))
        return
    with pytest.raises(ModelError, match=said) as error:
        from_lstm(weights, table(), "wmtlstm.pth")
    assert "wmtlstm.pth" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_table_of_another_width_is_refused() -> None:
    with pytest.raises(ModelError, match=r"vectors of 6 numbers.*has 5"):
        from_lstm(arrays(published()), table(d=5))


def test_published_weights_go_into_a_model_made_beforehand(tmp_path: Path) -> None:
    """As a person brings them: a folder made from texts and a table, then the file with the two LSTMs."""
    words, rows = ["river", "bank", "money"], table(3)
    making.make("cove", tmp_path, ["river bank money", "money river"], table=(words, rows), lstm_size=H)
    made = Model.from_pretrained(tmp_path)
    known = {name: p.clone() for name, p in made.named_parameters()}
    load_lstm(made, arrays(published()))
    assert torch.equal(made.get_input_embeddings().weight, known["embeddings.words.weight"]), "the table stays"
    for one, other in zip(made.layers.parameters(), model().layers.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(ModelError, match="make it with lstm_size 5"):
        load_lstm(made, arrays(published(h=5)))
