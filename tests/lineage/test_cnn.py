"""Kim's CNN: against loops over words in numpy, texts shorter than a window, and padding that is not there."""

import numpy as np
import pytest
import torch

from embedlab.lineage.cnn import Config, Model


def small(**settings: object) -> Model:
    torch.manual_seed(0)
    return Model(Config(vocab_size=30, embedding_size=6, filters=4, **settings)).eval()


def by_hand(model: Model, ids: list[int]) -> np.ndarray:
    """[piece, 12]: at each word the filters of 3, 4 and 5 words around it, negative answers as 0."""
    rows = model.get_input_embeddings().weight.detach().numpy()[ids]
    (filters,) = model.layers
    found = np.zeros((len(ids), 12))
    for w, (window, convolution) in enumerate(zip((3, 4, 5), filters.convolutions, strict=True)):
        weight, bias = convolution.weight.detach().numpy(), convolution.bias.detach().numpy()
        for place in range(len(ids)):
            for f in range(4):
                total = float(bias[f])
                for step in range(window):
                    at = place - (window - 1) // 2 + step
                    if 0 <= at < len(ids):
                        total += float(weight[f, :, step] @ rows[at])
                found[place, 4 * w + f] = max(0.0, total)
    return found


@pytest.mark.parametrize("length", [1, 2, 4, 9])
def test_every_place_is_its_filters_by_hand(length: int) -> None:
    model = small()
    ids = [3 + (7 * i) % 20 for i in range(length)]
    with torch.no_grad():
        found = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
    np.testing.assert_allclose(found, by_hand(model, ids), atol=1e-6)


def test_words_behind_the_end_change_nothing() -> None:
    model = small()
    ids = torch.randint(2, 30, (5, 9), generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([9, 1, 2, 5, 8])
    with torch.no_grad():
        found = model.states(ids, lengths)[-1]
    for row, length in enumerate(lengths.tolist()):
        np.testing.assert_allclose(found[row, :length], by_hand(model, ids[row, :length].tolist()), atol=1e-6)


def test_dropout_before_the_maximum_is_dropout_after_it() -> None:
    """Kim drops features of the pooled vector; here they are dropped at all places alike, which is the same."""
    model, ids = small(), torch.randint(2, 30, (3, 9), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        plain = model(input_ids=ids).last_hidden_state.amax(1)
        dropped = model.train()(input_ids=ids).last_hidden_state.amax(1)
    kept = dropped != 0
    torch.testing.assert_close(dropped, torch.where(kept, 2 * plain, 0.0))
    assert 0 < int(kept.sum()) < int((plain != 0).sum())


def test_sizes_follow_and_those_that_cannot_be_are_refused() -> None:
    assert Config(windows=[2, 3], filters=7).hidden_size == 14
    for wrong in ({"windows": []}, {"windows": 3}, {"windows": [0]}, {"windows": [65]}, {"windows": ["3"]}):
        with pytest.raises(ValueError, match="window"):
            Config(**wrong)
    with pytest.raises(ValueError, match="num_hidden_layers"):
        Config(num_hidden_layers=2)
    with pytest.raises(ValueError, match="filters times windows"):
        Config(hidden_size=5)
