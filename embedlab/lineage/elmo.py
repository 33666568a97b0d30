"""ELMo: words from their letters, under a language model that reads both ways.

Every text starts from a zero state: what a text gives does not depend on what was read before it. (The published
programs carry the state of one batch into the next; `layers` given several texts end to end do the same.)
Source: Peters et al. 2018, "Deep contextualized word representations"; cells with clipping as in Sak et al. 2014.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from embedlab.errors import ModelError
from embedlab.lineage import characters
from embedlab.lineage.base import LineageConfig, LineageModel, require_share, require_whole
from embedlab.lineage.bilm import ACTIVATIONS, BothWays, Mix, WordReader
from embedlab.lineage.kinds import KINDS

MOST_LAYERS = 64
MOST_FILTERS = 2**16
WIDEST_IDENTITY = 2**13  # 256 MB; beyond it options.json alone could ask for any amount of memory


class Config(LineageConfig):
    """`embedding_size`: of one letter; `filter_counts` filters of each of `filter_widths` letters; `cell_size` of each
    direction, projected to `projection_size`. `residual`: each layer above the first adds what it read. The clips
    [absolute value] hold cells and projections within bounds; None for none.

    `vocab_size` is the number of signs and `hidden_size` twice `projection_size`: ValueError where another one is.
    """

    model_type = KINDS["elmo"].model_type
    vocab_size: int = characters.SIGNS
    embedding_size: int = 16
    hidden_size: int = 0
    num_hidden_layers: int = 2
    filter_widths: tuple[int, ...] | list[int] = (1, 2, 3, 4, 5, 6)
    filter_counts: tuple[int, ...] | list[int] = (16, 16, 32, 64, 128, 128)
    highway_layers: int = 1
    activation: str = "relu"
    cell_size: int = 256
    projection_size: int = 64
    cell_clip: float | None = 3.0
    projection_clip: float | None = 3.0
    residual: bool = True
    dropout: float = 0.1

    def __post_init__(self, **settings: object) -> None:
        for name in ("num_hidden_layers", "cell_size", "projection_size"):
            require_whole(name, getattr(self, name))
        require_whole("highway_layers", self.highway_layers, low=0)
        require_share("dropout", self.dropout)
        if max(self.num_hidden_layers, self.highway_layers) > MOST_LAYERS:
            raise ValueError(f"an ELMo has at most {MOST_LAYERS} layers and highways")
        if self.vocab_size != characters.SIGNS:
            raise ValueError(f"vocab_size of an ELMo is the number of signs in a word, {characters.SIGNS}")
        _require_filters(self.filter_widths, self.filter_counts)
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation is one of {', '.join(ACTIVATIONS)}, not {str(self.activation)[:40]!r}")
        if not isinstance(self.residual, bool):
            raise ValueError("residual is true or false")
        for name in ("cell_clip", "projection_clip"):
            clip = getattr(self, name)
            if clip is not None and (type(clip) not in (int, float) or not 0 < clip < math.inf):
                raise ValueError(f"{name} is a number above 0, or null for none, not {str(clip)[:40]!r}")
        if self.hidden_size not in (0, 2 * self.projection_size):
            raise ValueError(f"hidden_size of an ELMo is twice projection_size, {2 * self.projection_size}")
        self.hidden_size = 2 * self.projection_size
        super().__post_init__(**settings)


def _require_filters(widths: object, counts: object) -> None:
    for name, numbers in (("filter_widths", widths), ("filter_counts", counts)):
        if not isinstance(numbers, list | tuple) or not 1 <= len(numbers) <= characters.PLACES:
            raise ValueError(f"{name} are whole numbers, one for each kind of filter")
        for number in numbers:
            require_whole(f"a number of {name}", number)
    assert isinstance(widths, list | tuple)
    assert isinstance(counts, list | tuple)
    if len(widths) != len(counts) or max(widths) > characters.PLACES or max(counts) > MOST_FILTERS:
        raise ValueError(
            f"filter_counts holds one number, at most {MOST_FILTERS}, for each of filter_widths, at most "
            f"{characters.PLACES}"
        )


class Model(LineageModel):
    """States: 0, the words by their letters, twice side by side; then each layer, [left to right; right to left];
    last, the mix of all of these. All are `hidden_size` wide.
    """

    config_class = Config
    embeddings: WordReader

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        c, half = config, config.projection_size
        self.embeddings = WordReader(
            c.embedding_size, c.filter_widths, c.filter_counts, c.highway_layers, c.activation, half
        )
        self.layers = nn.ModuleList(
            BothWays(half, c.cell_size, c.cell_clip, c.projection_clip) for _ in range(c.num_hidden_layers)
        )
        self.mix = Mix(config.num_hidden_layers + 1)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """The table of letters: there is none of words."""
        return self.embeddings.letters

    def states(
        self, input_ids: Int64[Tensor, "text piece"], lengths: Int64[Tensor, "text"]
    ) -> list[Float[Tensor, "text piece d"]]:
        """See `LineageModel.states`. The marks of a text's ends are read with it and left out of what is given."""
        words = self.embeddings(_with_ends(input_ids, lengths))
        found = [torch.cat([words, words], dim=-1)]
        back = _backwards(lengths + 2, words.shape[1])
        both = torch.stack([words, _taken(words, back)])
        for i, layer in enumerate(self.layers):
            read = layer(functional.dropout(both, self.config.dropout, self.training))
            both = read + both if i and self.config.residual else read
            found.append(torch.cat([both[0], _taken(both[1], back)], dim=-1))
        inside = [state[:, 1:-1] for state in found]
        return [*inside, self.mix(inside)]

    def next_words(
        self, states: Sequence[Float[Tensor, "text piece d"]]
    ) -> tuple[Float[Tensor, "text piece half"], Float[Tensor, "text piece half"]]:
        """What names the word after each piece (read from the left up to it), and the word before it (from the right).

        From all of `states`: the halves of the top layer, with dropout while training.
        """
        top = functional.dropout(states[self.config.num_hidden_layers], self.config.dropout, self.training)
        forward, backward = top.chunk(2, dim=-1)
        return forward, backward


def _with_ends(ids: Int64[Tensor, "text piece"], lengths: Int64[Tensor, "text"]) -> Int64[Tensor, "text piece+2"]:
    """<S> before, </S> right after the last piece of each text; nothing behind that."""
    places = torch.arange(ids.shape[1], device=ids.device)
    inside = ids.masked_fill(places >= lengths[:, None], characters.NOTHING)
    framed = functional.pad(inside, (1, 1), value=characters.NOTHING)
    framed[:, 0] = characters.BEGIN
    return framed.scatter(1, lengths[:, None] + 1, characters.END)


def _backwards(lengths: Int64[Tensor, "text"], longest: int) -> Int64[Tensor, "text piece"]:
    """For each place the one it changes with when a text is turned round; its own inverse. Padding stays behind."""
    places = torch.arange(longest, device=lengths.device)[None]
    return torch.where(places < lengths[:, None], lengths[:, None] - 1 - places, places)


def _taken(x: Float[Tensor, "text piece d"], places: Int64[Tensor, "text piece"]) -> Float[Tensor, "text piece d"]:
    return x.gather(1, places[..., None].expand_as(x))


# ---- the published layout --------------------------------------------------------------------------------------------


def from_options(options: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Model:
    """A model from the published files: options.json, and the arrays of weights.hdf5 by their full names.

    Raises ModelError, naming what is wrong, where the two do not fit together.
    """
    config = _published(options)
    with torch.device("meta"):
        model = Model(config)
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    state = {**_words(config, tensors), **_both_ways(config, tensors)}
    state |= {"mix.weights": np.zeros(config.num_hidden_layers + 1), "mix.gamma": np.ones(())}
    for name, shape in wanted.items():
        if state[name].shape != shape:
            raise ModelError(
                f"The weights do not fit options.json: {name} has the shape {state[name].shape}, not {shape}. Give the "
                "options.json that came with these weights."
            )
        if not np.isfinite(state[name]).all():
            raise ModelError("The weights hold a number that is not finite: the file is damaged, get it again.")
    float32 = {name: torch.from_numpy(np.array(array, np.float32)) for name, array in state.items()}
    model.load_state_dict(float32, assign=True)
    return model.eval()


def _published(options: Mapping[str, Any]) -> Config:
    """options.json as a config. A file made for training says 261 signs: one is added for padding."""
    try:
        lstm, letters = options["lstm"], options["char_cnn"]
        signs, places = letters.get("n_characters", characters.SIGNS), letters["max_characters_per_token"]
        config = Config(
            embedding_size=int(letters["embedding"]["dim"]),
            filter_widths=tuple(int(width) for width, _ in letters["filters"]),
            filter_counts=tuple(int(count) for _, count in letters["filters"]),
            highway_layers=int(letters.get("n_highway") or 0),
            activation=str(letters["activation"]),
            projection_size=int(lstm["projection_dim"]),
            num_hidden_layers=int(lstm["n_layers"]),
            cell_size=int(lstm["dim"]),
            cell_clip=lstm.get("cell_clip") or None,
            projection_clip=lstm.get("proj_clip") or None,
            residual=bool(lstm.get("use_skip_connections", False)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            "options.json does not describe an ELMo that reads letters (lstm and char_cnn with their sizes): give the "
            "one that came with the weights."
        ) from error
    if signs not in (characters.SIGNS - 1, characters.SIGNS) or places != characters.PLACES:
        raise ModelError(
            f"options.json reads {str(places)[:20]} letters of {str(signs)[:20]} kinds, but every published ELMo reads "
            f"{characters.PLACES} of {characters.SIGNS}: not loaded."
        )
    return config


def _words(config: Config, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors of `embeddings`: filters lie as [1, width, letter, count], maps as [in, out]."""
    table = _tensor(tensors, "char_embed", 2)
    found = {"letters.weight": np.concatenate([np.zeros_like(table[:1]), table])}
    for i in range(len(config.filter_widths)):
        found[f"filters.{i}.weight"] = _tensor(tensors, f"CNN/W_cnn_{i}", 4)[0].transpose(2, 1, 0)
        found[f"filters.{i}.bias"] = _tensor(tensors, f"CNN/b_cnn_{i}", 1)
    for i in range(config.highway_layers):
        for name in ("transform", "carry"):
            found[f"highways.{i}.{name}.weight"] = _tensor(tensors, f"CNN_high_{i}/W_{name}", 2).T
            found[f"highways.{i}.{name}.bias"] = _tensor(tensors, f"CNN_high_{i}/b_{name}", 1)
    width = sum(config.filter_counts)
    if width == config.projection_size <= WIDEST_IDENTITY and "CNN_proj/W_proj" not in tensors:
        # as wide as wanted: bilm has no map
        found |= {"projection.weight": np.eye(width, dtype=np.float32), "projection.bias": np.zeros(width)}
    else:
        found["projection.weight"] = _tensor(tensors, "CNN_proj/W_proj", 2).T
        found["projection.bias"] = _tensor(tensors, "CNN_proj/b_proj", 1)
    return {f"embeddings.{name}": array for name, array in found.items()}


def _both_ways(config: Config, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors of `layers`. Columns: in, new, forget, out; rows: first the input, then the last output."""
    found: dict[str, np.ndarray] = {}
    half, cell = config.projection_size, config.cell_size
    for i in range(config.num_hidden_layers):
        places = [f"RNN_{way}/RNN/MultiRNNCell/Cell{i}/LSTMCell" for way in (0, 1)]
        maps = [_tensor(tensors, f"{place}/W_0", 2) for place in places]
        bias = [_tensor(tensors, f"{place}/B", 1).copy() for place in places]
        for one in bias:
            one[2 * cell : 3 * cell] += 1  # TensorFlow adds it where the cell forgets
        parts = {
            "read": [one[:half] for one in maps],
            "recur": [one[half:] for one in maps],
            "bias": [one[None] for one in bias],
            "project": [_tensor(tensors, f"{place}/W_P_0", 2) for place in places],
        }
        for name, (forward, backward) in parts.items():
            if forward.shape != backward.shape:
                raise ModelError(f"The weights of the two directions differ in shape in layer {i + 1}: not loaded.")
            found[f"layers.{i}.{name}"] = np.stack([forward, backward])
    return found


def _tensor(tensors: Mapping[str, np.ndarray], name: str, axes: int) -> np.ndarray:
    """Raises ModelError where it is not there, holds no numbers or has other axes."""
    array = tensors.get(name)
    if array is None:
        raise ModelError(
            f"The weights lack {name}, which options.json asks for: give the options.json that came with these weights."
        )
    if array.ndim != axes or array.dtype.kind != "f":
        raise ModelError(f"The weights hold {name} as {array.dtype} with {array.ndim} axes: this is no ELMo.")
    return array
