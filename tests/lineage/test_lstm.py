"""The LSTM read both ways: against torch's own bidirectional one, and padding is not there."""

import pytest
import torch
from torch import nn

from embedlab.lineage.lstm import BothWays, Config, Model


def small(layers: int = 1, **settings: object) -> Model:
    torch.manual_seed(0)
    return Model(Config(vocab_size=30, embedding_size=6, lstm_size=5, num_hidden_layers=layers, **settings)).eval()


def bidirectional(layer: BothWays) -> nn.LSTM:
    """torch's own, with the same weights."""
    twin = nn.LSTM(layer.forwards.input_size, layer.forwards.hidden_size, bidirectional=True, batch_first=True)
    ahead = dict(layer.forwards.named_parameters())
    back = {f"{name}_reverse": weight for name, weight in layer.backwards.named_parameters()}
    twin.load_state_dict(ahead | back)
    return twin


def ragged(texts: int = 7, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Texts of 1 to 9 words behind which other words stand instead of padding."""
    draws = torch.Generator().manual_seed(seed)
    lengths = torch.tensor([9, 1, *torch.randint(2, 9, (texts - 2,), generator=draws).tolist()])
    return torch.randint(2, 30, (texts, 9), generator=draws), lengths


@pytest.mark.parametrize("layers", [1, 3])
def test_every_layer_is_torchs_bidirectional_lstm_on_each_text_alone(layers: int) -> None:
    model = small(layers)
    ids, lengths = ragged()
    with torch.no_grad():
        states = model.states(ids, lengths)
        assert [state.shape[-1] for state in states] == [6] + [10] * layers
        for row, length in enumerate(lengths.tolist()):
            wanted = model.get_input_embeddings()(ids[row : row + 1, :length])
            for layer, state in zip(model.layers, states[1:], strict=True):
                wanted = bidirectional(layer)(wanted)[0]
                torch.testing.assert_close(state[row, :length], wanted[0], atol=1e-6, rtol=0)


def test_words_behind_the_end_change_nothing_and_learn_nothing() -> None:
    model, (ids, lengths) = small(), ragged()
    other = torch.where(torch.arange(9)[None] < lengths[:, None], ids, 29 - ids.clamp(max=27))
    picked = torch.arange(9)[None] < lengths[:, None]
    first, second = (model.states(x, lengths)[-1][picked] for x in (ids, other))
    assert torch.equal(first, second)
    only = torch.full((1, 4), 3)
    only[0, 2:] = 7
    model.states(only, torch.tensor([2]))[-1][0, :2].sum().backward()
    grad = model.get_input_embeddings().weight.grad
    assert torch.flatten(grad.abs().sum(1).nonzero()).tolist() == [3]


def test_a_word_sees_both_sides_of_its_text() -> None:
    model = small()
    ids = torch.tensor([[3, 4, 5, 6]])
    with torch.no_grad():
        middle = model(input_ids=ids).last_hidden_state[0, 1]
        left = model(input_ids=torch.tensor([[9, 4, 5, 6]])).last_hidden_state[0, 1]
        right = model(input_ids=torch.tensor([[3, 4, 5, 9]])).last_hidden_state[0, 1]
    assert torch.equal(middle[5:], left[5:])  # reading right to left, the first word comes later
    assert torch.equal(middle[:5], right[:5])
    assert not torch.allclose(middle[:5], left[:5])
    assert not torch.allclose(middle[5:], right[5:])


def test_dropout_is_of_whole_features_and_only_in_training() -> None:
    model, (ids, lengths) = small(dropout=0.5), ragged()
    with torch.no_grad():
        plain = model.states(ids, lengths)[-1]
        dropped = model.train().states(ids, lengths)[-1]
    gone = (dropped == 0).all(1, keepdim=True)
    torch.testing.assert_close(dropped, torch.where(gone, 0.0, 2 * plain))
    assert 0.3 < float(gone.float().mean()) < 0.7


@pytest.mark.parametrize(
    "wrong", [{"lstm_size": 0}, {"dropout": 1.0}, {"dropout": "a"}, {"num_hidden_layers": 0}, {"hidden_size": 7}]
)
def test_sizes_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Config(**wrong)
