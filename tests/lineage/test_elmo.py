"""ELMo against the original program's vectors, against plain numpy, and against itself read in other ways."""

import json
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from embedlab.encoders.spelling import CharacterReader
from embedlab.encoders.transformer import TransformerEncoder
from embedlab.errors import ModelError
from embedlab.lineage import characters, converting, making
from embedlab.lineage.bilm import distinct
from embedlab.lineage.elmo import Config, Model, from_options
from embedlab.types import EncoderSpec, Occurrence
from tests.kit import KIT, needs_kit

SIZES: dict[str, Any] = {
    "embedding_size": 3, "filter_widths": (1, 2, 4), "filter_counts": (4, 5, 6), "projection_size": 5, "cell_size": 7,
}  # fmt: skip
TEXTS = ("a crane lifts the load", "cranes", "naïve Ærøskøbing 一 antidisestablishmentarianism " + "x" * 70)


def model(seed: int = 0, scale: float = 2.0, **sizes: Any) -> Model:
    """Random, with weights so large that the context matters and the clips are met."""
    torch.manual_seed(seed)
    made = Model(Config(**SIZES | sizes)).eval()
    with torch.no_grad():
        for layer in made.layers:
            for parameter in layer.parameters():
                parameter *= scale
    return made


def reader(by_space: bool = True) -> CharacterReader:
    backend = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit() if by_space else pre_tokenizers.Whitespace()
    return CharacterReader(backend, "elmo")


def ids(text: str) -> torch.Tensor:
    return torch.tensor([[characters.number_of(word) for word in text.split()]])


def read(made: Model, text: str) -> list[torch.Tensor]:
    """Each state of one text alone: [piece, d]."""
    with torch.inference_mode():
        return [state[0] for state in made(ids(text)).hidden_states]


# ---- letters ---------------------------------------------------------------------------------------------------------


def test_a_word_by_its_letters() -> None:
    assert characters.code("").tolist() == [259, 260] + [261] * 48
    assert characters.code("né").tolist() == [259, 111, 196, 170, 260] + [261] * 45
    long = characters.code("x" * 70).tolist()
    assert long == [259] + [ord("x") + 1] * 48 + [260]
    assert characters.code("a\ud800b").tolist() == characters.code("ab").tolist()


def test_numbers_stand_for_words_and_lead_back() -> None:
    words = [f"word-{i}" for i in range(3000)]  # the table has to grow
    numbers = np.array([characters.number_of(word) for word in words])
    assert len(set(numbers.tolist())) == 3000
    assert [characters.number_of(word) for word in words] == numbers.tolist()
    assert characters.words(numbers) == words
    assert np.array_equal(characters.ids(numbers), np.stack([characters.code(word) for word in words]))
    ends = characters.ids(np.array([0, 1, 2]))
    assert not ends[0].any()
    assert ends[1:, :4].tolist() == [[259, 257, 260, 261], [259, 258, 260, 261]]
    for number in (-1, 10**9):
        with pytest.raises(IndexError):
            characters.ids(np.array([number]))


def test_threads_agree_on_the_numbers() -> None:
    words = [f"thread-{i}" for i in range(2000)]
    found: list[list[int]] = [[] for _ in range(4)]

    def ask(mine: list[int], seed: int) -> None:
        order = np.random.default_rng(seed).permutation(len(words))
        numbers = {words[i]: characters.number_of(words[i]) for i in order}
        assert np.array_equal(characters.ids(np.array([numbers["thread-7"]]))[0], characters.code("thread-7"))
        mine.extend(numbers[word] for word in words)

    threads = [Thread(target=ask, args=(mine, seed)) for seed, mine in enumerate(found)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(mine == found[0] and len(set(mine)) == len(words) for mine in found)


def test_the_reader_keeps_words_as_written() -> None:
    text = "  The Crane's  nest, 一 ."
    whole, parts = reader(True).read([text])[0], reader(False).read([text])[0]
    assert characters.words(whole.ids) == text.split()
    assert characters.words(parts.ids) == ["The", "Crane", "'", "s", "nest", ",", "一", "."]
    for pieces in (whole, parts):
        spans = zip(pieces.starts, pieces.ends, strict=True)
        assert [text[start:end] for start, end in spans] == characters.words(pieces.ids)
    assert [place.tolist() for place in parts.touched(np.array([6]), np.array([13]))] == [[1], [4]]
    assert len(reader().read([" "])[0]) == 0
    assert (reader().prefix, reader().suffix) == ((), ())


def test_the_reader_refuses_what_it_cannot_cut() -> None:
    with pytest.raises(ModelError, match="not Unicode"):
        reader().read(["a\ud800b"])
    with pytest.raises(ModelError, match="where words end"):
        CharacterReader(Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")), "elmo")


# ---- the original program --------------------------------------------------------------------------------------------


@cache
def arrays_of_the_original() -> dict[str, np.ndarray]:
    return converting.hdf5(KIT / "elmo" / "lm_weights.hdf5")


def published() -> Model:
    options = json.loads((KIT / "elmo" / "options.json").read_text())
    return from_options(options, arrays_of_the_original())


def original() -> list[tuple[list[str], list[np.ndarray]]]:
    """Three readers' sentences, and the top layer [piece, 32] of each: left to right and right to left."""
    import h5py

    sentences = json.loads((KIT / "elmo" / "lm_embeddings_sentences.json").read_text())
    found = []
    for i, texts in enumerate(sentences):
        with h5py.File(KIT / "elmo" / f"lm_embeddings_{i}.hdf5") as file:
            found.append((texts, [np.concatenate(list(file[str(k)][...]), axis=-1) for k in range(len(texts))]))
    return found


def end_to_end(made: Model, texts: list[str]) -> list[np.ndarray]:
    """The top layer when the state of a text is carried into the next, as the original program does.

    Which is reading all texts as one: in their order from the left, and in the opposite order from the right.
    """
    framed = [[1, *ids(text)[0].tolist(), 2] for text in texts]
    cuts = np.cumsum([len(one) for one in framed])[:-1]
    halves = []
    with torch.inference_mode():
        for way in (0, 1):
            turned = [one[:: -1 if way else 1] for one in framed]
            x = made.embeddings(torch.tensor([[number for one in turned for number in one]]))
            both = torch.stack([x, x])
            for i, layer in enumerate(made.layers):
                both = layer(both) + (both if i and made.config.residual else 0)
            halves.append([one[:: -1 if way else 1][1:-1] for one in np.split(both[way, 0].numpy(), cuts)])
    return [np.concatenate(pair, axis=-1) for pair in zip(*halves, strict=True)]


@needs_kit
def test_equal_to_the_original_on_all_sentences(tmp_path: Path) -> None:
    made = published()
    made.save_pretrained(tmp_path)
    again = Model.from_pretrained(tmp_path)
    assert all(torch.equal(one, other) for one, other in zip(made.parameters(), again.parameters(), strict=True))
    for one in (made, again):
        worst = []
        for texts, truth in original():
            for mine, theirs in zip(end_to_end(one, texts), truth, strict=True):
                assert mine.shape == theirs.shape
                worst.append(np.abs(mine - theirs).max())
            first = read(one, texts[0])[2].numpy()  # nothing was read before it, so here the public way gives the same
            assert np.abs(first - truth[0]).max() < 2e-6
        assert len(worst) == 30
        assert max(worst) < 2e-6


@needs_kit
def test_the_original_needs_the_clips() -> None:
    made = published()
    for layer in made.layers:
        layer.cell_clip = layer.projection_clip = None
    worst = max(
        np.abs(mine - theirs).max()
        for texts, truth in original()
        for mine, theirs in zip(end_to_end(made, texts), truth, strict=True)
    )
    assert worst > 1e-4


# ---- the same by another route ---------------------------------------------------------------------------------------


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def by_hand(made: Model, text: str) -> list[np.ndarray]:
    """All states in float64, a word, a window, a gate at a time."""
    w = {name: tensor.numpy().astype(np.float64) for name, tensor in made.state_dict().items()}
    c = made.config
    squash = np.tanh if c.activation == "tanh" else (lambda x: np.maximum(x, 0))
    vectors = []
    for number in [1, *ids(text)[0].tolist(), 2]:
        letters = w["embeddings.letters.weight"][characters.ids(np.array([number]))[0]]
        parts = []
        for k, width in enumerate(c.filter_widths):
            kernel, bias = w[f"embeddings.filters.{k}.weight"], w[f"embeddings.filters.{k}.bias"]
            windows = [letters[at : at + width].T for at in range(50 - width + 1)]
            parts.append(squash(np.max([(kernel * window).sum((1, 2)) for window in windows], axis=0) + bias))
        x = np.concatenate(parts)
        for k in range(c.highway_layers):
            maps = {name: f"embeddings.highways.{k}.{name}" for name in ("transform", "carry")}
            new, gate = (w[f"{maps[name]}.weight"] @ x + w[f"{maps[name]}.bias"] for name in ("transform", "carry"))
            x = sigmoid(gate) * np.maximum(new, 0) + (1 - sigmoid(gate)) * x
        vectors.append(w["embeddings.projection.weight"] @ x + w["embeddings.projection.bias"])
    states, both = [np.concatenate([vectors, vectors], axis=1)], [vectors, vectors[::-1]]
    for i in range(c.num_hidden_layers):
        outputs = []
        for way in (0, 1):
            out, cell, found = np.zeros(c.hidden_size // 2), np.zeros(c.cell_size), []
            read, recur, bias, project = (w[f"layers.{i}.{name}"][way] for name in ("read", "recur", "bias", "project"))
            for x in both[way]:
                into, new, forget, leave = np.split(x @ read + out @ recur + bias[0], 4)
                cell = sigmoid(forget) * cell + sigmoid(into) * np.tanh(new)
                cell = np.clip(cell, -c.cell_clip, c.cell_clip)
                out = (sigmoid(leave) * np.tanh(cell)) @ project
                out = np.clip(out, -c.projection_clip, c.projection_clip)
                found.append(out + x if i and c.residual else out)
            outputs.append(found)
        both = outputs
        states.append(np.concatenate([both[0], both[1][::-1]], axis=1))
    inside = [state[1:-1] for state in states]
    shares = np.exp(w["mix.weights"]) / np.exp(w["mix.weights"]).sum()
    return [*inside, w["mix.gamma"] * np.einsum("s,spd->pd", shares, inside)]


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_equal_to_a_loop_by_hand(activation: str, residual: bool) -> None:
    sizes = {"highway_layers": 2, "num_hidden_layers": 3, "cell_clip": 0.5, "projection_clip": 0.4}
    made = model(activation=activation, residual=residual, **sizes)
    with torch.no_grad():
        made.mix.weights[:] = torch.tensor([0.3, -1.0, 2.0, 0.0])
        made.mix.gamma.fill_(1.7)
    for text in TEXTS:
        mine, truth = read(made, text), by_hand(made, text)
        assert len(mine) == len(truth) == 5
        for one, other in zip(mine, truth, strict=True):
            assert one.shape == other.shape == (len(text.split()), made.config.hidden_size)
            assert np.allclose(one, other, atol=2e-6)
    free = model(activation=activation, residual=residual, **sizes | {"cell_clip": None, "projection_clip": None})
    assert np.abs(read(free, TEXTS[0])[1] - read(made, TEXTS[0])[1]).max() > 0.01  # the clips were met


def test_texts_of_unlike_lengths_do_not_touch_each_other() -> None:
    made = model()
    lengths = torch.tensor([len(text.split()) for text in TEXTS])
    together = torch.zeros(len(TEXTS), int(lengths.max()) + 2, dtype=torch.int64)
    for i, text in enumerate(TEXTS):
        together[i, : lengths[i]] = ids(text)[0]
    filled = together.clone()
    filled[torch.arange(filled.shape[1]) >= lengths[:, None]] = characters.number_of("rubbish")
    mask = (torch.arange(together.shape[1]) < lengths[:, None]).long()
    with torch.inference_mode():
        for batch in (together, filled):
            states = made(batch, mask).hidden_states
            for i, text in enumerate(TEXTS):
                for state, alone in zip(states, read(made, text), strict=True):
                    assert torch.allclose(state[i, : lengths[i]], alone, atol=1e-6)
    again = read(made, TEXTS[0])  # what was read in between is forgotten
    assert all(torch.equal(one, other) for one, other in zip(read(made, TEXTS[0]), again, strict=True))


def test_a_text_without_words_has_no_vectors() -> None:
    with torch.inference_mode():
        found = model()(torch.zeros(2, 0, dtype=torch.int64)).hidden_states
    assert [state.shape for state in found] == [(2, 0, 10)] * 4


def test_words_are_read_in_the_order_of_the_text() -> None:
    """Not in that of their numbers, which differ between processes: the order of rows may show in the last bit."""
    words, places = distinct(np.array([[9, 4, 9], [4, 0, 7]]))
    assert words.tolist() == [9, 4, 0, 7]
    assert places.tolist() == [[0, 1, 0], [1, 2, 3]]


# ---- what it can do --------------------------------------------------------------------------------------------------


def test_unknown_words_have_their_own_vectors() -> None:
    made = model()
    seen = read(made, "crane cranes zyxwvut CRANE crane")
    word = seen[0]
    assert torch.equal(word[0], word[4])  # below the layers, a word is the same everywhere
    assert all((word[i] - word[0]).abs().max() > 1e-3 for i in (1, 2, 3))
    assert (seen[1][0] - seen[1][4]).abs().max() > 1e-3  # above, it is not
    tails = read(made, "y" * 48 + "a " + "y" * 48 + "b " + "y" * 47 + "b")[0]
    assert torch.equal(tails[0], tails[1])  # 48 bytes are read of a word
    assert not torch.equal(tails[0], tails[2])


def test_neither_direction_sees_what_it_must_name() -> None:
    made = model()
    words = "a b c d e".split()
    for change in range(5):
        other = [*words[:change], "elephant", *words[change + 1 :]]
        one, two = (made.next_words(read(made, " ".join(some))) for some in (words, other))
        for half, unmoved in zip((0, 1), (range(change), range(change + 1, 5)), strict=True):
            moved = (one[half] - two[half]).abs().amax(-1) > 1e-6
            assert moved.tolist() == [place not in unmoved for place in range(5)]


def test_the_mix_is_the_mean_of_the_layers_at_first() -> None:
    states = read(model(), TEXTS[0])
    assert torch.allclose(states[3], torch.stack(states[:3]).mean(0), atol=1e-6)


def test_it_learns_to_name_the_next_word_and_the_one_before() -> None:
    texts = ["the cat sat on the mat", "a dog ran to the door", "the bird sang in a tree"] * 2
    names = {word: i for i, word in enumerate(sorted({word for text in texts for word in text.split()}))}
    made = model(scale=1.0, dropout=0.0).train()
    softmax = torch.nn.Linear(5, len(names))
    optimiser = torch.optim.Adam([*made.parameters(), *softmax.parameters()], lr=0.02)
    numbers = torch.cat([ids(text) for text in texts])
    targets = torch.tensor([[names[word] for word in text.split()] for text in texts])

    def loss() -> torch.Tensor:
        forward, backward = made.next_words(made(numbers).hidden_states)
        ahead = torch.nn.functional.cross_entropy(softmax(forward[:, :-1]).flatten(0, 1), targets[:, 1:].flatten())
        behind = torch.nn.functional.cross_entropy(softmax(backward[:, 1:]).flatten(0, 1), targets[:, :-1].flatten())
        return (ahead + behind) / 2

    first = loss().item()
    assert abs(first - np.log(len(names))) < 0.5
    for _ in range(60):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
    assert loss().item() < 0.5 * first
    assert not made.embeddings.letters.weight[0].any()  # padding has no letters, ever


def test_every_parameter_is_reached_from_a_head() -> None:
    made = model().train()
    made(ids(TEXTS[0])).last_hidden_state.square().sum().backward()
    without = [name for name, parameter in made.named_parameters() if parameter.grad is None]
    assert without == []
    assert made.mix.gamma.grad is not None
    assert made.mix.gamma.grad.item() > 0


def test_gradients_against_finite_differences() -> None:
    made = model(scale=1.0, activation="tanh", cell_clip=0.6, projection_clip=0.5).double()

    def value() -> torch.Tensor:
        return made(ids(TEXTS[0])).last_hidden_state.square().sum()

    value().backward()
    for parameter in made.parameters():
        assert parameter.grad is not None
        place = int(parameter.grad.abs().argmax())
        flat, was = parameter.data.view(-1), parameter.data.view(-1)[place].item()
        found = []
        for step in (1e-6, -1e-6):
            flat[place] = was + step
            found.append(value().item())
        flat[place] = was
        slope = (found[0] - found[1]) / 2e-6
        assert slope == pytest.approx(parameter.grad.view(-1)[place].item(), rel=1e-4, abs=1e-7)


def test_dropout_while_training_alone_and_by_seed() -> None:
    made = model(dropout=0.5)
    assert all(torch.equal(one, two) for one, two in zip(read(made, TEXTS[0]), read(made, TEXTS[0]), strict=True))
    made.train()
    torch.manual_seed(3)
    one, two = read(made, TEXTS[0])[-1], read(made, TEXTS[0])[-1]
    torch.manual_seed(3)
    assert torch.equal(one, read(made, TEXTS[0])[-1])
    assert not torch.equal(one, two)


def test_a_saved_model_is_the_same_bits(tmp_path: Path) -> None:
    made = model(residual=False, cell_clip=None)
    made.save_pretrained(tmp_path)
    again = Model.from_pretrained(tmp_path)
    assert (again.config.residual, again.config.cell_clip) == (False, None)
    for one, other in zip(read(made, TEXTS[2]), read(again.eval(), TEXTS[2]), strict=True):
        assert torch.equal(one, other)
    assert all(torch.equal(one, two) for one, two in zip(model().parameters(), model().parameters(), strict=True))


# ---- what is refused -------------------------------------------------------------------------------------------------

OPTIONS: dict[str, Any] = {
    "lstm": {
        "use_skip_connections": True, "projection_dim": 4, "dim": 3, "n_layers": 2, "cell_clip": 3, "proj_clip": 3,
    },
    "char_cnn": {
        "activation": "relu", "embedding": {"dim": 2}, "filters": [[1, 2], [2, 2]], "n_highway": 1,
        "n_characters": 261, "max_characters_per_token": 50,
    },
}  # fmt: skip


def layout() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {"char_embed": (261, 2), "CNN_proj/W_proj": (4, 4), "CNN_proj/b_proj": (4,)}
    for i, (width, count) in enumerate(OPTIONS["char_cnn"]["filters"]):
        shapes |= {f"CNN/W_cnn_{i}": (1, width, 2, count), f"CNN/b_cnn_{i}": (count,)}
    for name in ("transform", "carry"):
        shapes |= {f"CNN_high_0/W_{name}": (4, 4), f"CNN_high_0/b_{name}": (4,)}
    for way in (0, 1):
        for i in (0, 1):
            place = f"RNN_{way}/RNN/MultiRNNCell/Cell{i}/LSTMCell"
            shapes |= {f"{place}/W_0": (8, 12), f"{place}/B": (12,), f"{place}/W_P_0": (3, 4)}
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def changed(**parts: dict[str, Any]) -> dict[str, Any]:
    return {name: {**OPTIONS[name], **parts.get(name, {})} for name in OPTIONS}


def test_the_published_layout_as_wide_as_its_filters() -> None:
    """bilm leaves the projection out where it would change no width: then it is the identity."""
    arrays = layout()
    given = from_options(OPTIONS, arrays)
    assert given.config.cell_clip == 3
    without = {name: array for name, array in arrays.items() if "CNN_proj" not in name}
    arrays |= {"CNN_proj/W_proj": np.eye(4, dtype=np.float32), "CNN_proj/b_proj": np.zeros(4, np.float32)}
    one, other = from_options(OPTIONS, without), from_options(OPTIONS, arrays)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert np.abs(read(given, "a b")[0] - read(one, "a b")[0]).max() > 1e-3
    state = torch.random.get_rng_state()
    from_options(OPTIONS, arrays)
    assert torch.equal(state, torch.random.get_rng_state())  # nothing is drawn


@pytest.mark.parametrize("name", ["char_embed", "CNN/b_cnn_1", "RNN_1/RNN/MultiRNNCell/Cell1/LSTMCell/W_P_0"])
def test_weights_that_do_not_fit(name: str) -> None:
    arrays = layout()
    for wrong, said in (
        (None, "lack"),
        (arrays[name][..., :1], "shape"),
        (arrays[name][None], "axes"),
        (arrays[name].astype(np.int64), "int64"),
        (np.full_like(arrays[name], np.nan), "not finite"),
    ):
        mended = {key: array for key, array in arrays.items() if key != name}
        if wrong is not None:
            mended[name] = wrong
        with pytest.raises(ModelError, match=said):
            from_options(OPTIONS, mended)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lstm": [], "char_cnn": {}},
        changed(lstm={"projection_dim": "wide"}),
        changed(char_cnn={"filters": [[1]]}),
        changed(char_cnn={"filters": [[51, 3]]}),
        changed(char_cnn={"filters": [[1, 2**20]]}),
        changed(char_cnn={"filters": []}),
        changed(char_cnn={"activation": "gelu"}),
        changed(char_cnn={"max_characters_per_token": 10**6}),
        changed(char_cnn={"n_characters": 10**9}),
        changed(char_cnn={"n_highway": 10**6}),
        changed(lstm={"dim": 0}),
        changed(lstm={"n_layers": 10**6}),
        changed(lstm={"n_layers": 3}),
        changed(lstm={"cell_clip": -1}),
        changed(lstm={"projection_dim": 2**17}, char_cnn={"filters": [[1, 2**16], [2, 2**16]]}),
        changed(lstm={"proj_clip": float("nan")}),
    ],
)
def test_options_that_no_elmo_has(options: dict[str, Any]) -> None:
    with pytest.raises(ModelError) as error:
        from_options(options, {name: array for name, array in layout().items() if "CNN_proj" not in name})
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize(
    "sizes",
    [
        {"filter_widths": (1,) * 10**6, "filter_counts": (1,) * 10**6},
        {"filter_widths": (1, 2, 60)},
        {"filter_widths": "123"},
        {"filter_counts": (4, 5)},
        {"filter_counts": (4, 5, 2**20)},
        {"filter_counts": (4, 5, 0)},
        {"hidden_size": 11},
        {"highway_layers": 2**24},
        {"num_hidden_layers": 0},
        {"vocab_size": 400},
        {"activation": "exec"},
        {"residual": "yes"},
        {"cell_clip": "3"},
        {"dropout": 1.0},
    ],
)
def test_sizes_that_no_elmo_has(sizes: dict[str, Any]) -> None:
    """Refused before a loop would run on them."""
    with pytest.raises(ValueError, match=r"(filter|hidden|highway|layers|vocab|activation|residual|clip|dropout)"):
        Config(**SIZES | sizes)


# ---- as a model folder -----------------------------------------------------------------------------------------------


def test_a_folder_is_read_like_any_other(tmp_path: Path) -> None:
    """Words the corpus never had, in a text of its own spelling; the last layer is the mix."""
    text = "Cranes nest near Ærøskøbing's banks, un-cranelike."
    making.make("elmo", tmp_path, ["a crane near the bank", "the crane lifts a load"], seed=1, **SIZES)
    encoder = TransformerEncoder(EncoderSpec(str(tmp_path)), tmp_path, "cpu")
    assert [(layer.dim, layer.kind) for layer in encoder.layers] == [(10, "static"), *[(10, "contextual")] * 3]
    spans = encoder.units([text])[0]
    assert [text[start:end] for start, end in spans][:5] == ["Cranes", "nest", "near", "Ærøskøbing", "'"]
    uses = [Occurrence(text, start, end) for start, end in spans]
    made = Model.from_pretrained(tmp_path).eval()
    truth = read(made, " ".join(text[start:end] for start, end in spans))
    seen = 0
    for rows, arrays in encoder.encode(uses):
        seen += len(rows)
        for array, state in zip(arrays, truth, strict=True):
            assert np.allclose(array, state[rows], atol=1e-6)
    assert seen == len(spans)
    with pytest.raises(ModelError):
        making.make("elmo", tmp_path / "two", ["a crane"], **SIZES | {"filter_counts": (1,)})
