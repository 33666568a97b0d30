"""The parts of ELMo: words from their letters, two LSTMs with clipping, the mix of the layers.

Source: Peters et al. 2018, "Deep contextualized word representations"; filters over letters and highways as in Kim et
al. 2016, LSTMs with projection as in Sak et al. 2014.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from embedlab.lineage import characters

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh}


class WordReader(nn.Module):
    """Filters over the letters of a word, the strongest answer of each, highways, a projection: one vector a word."""

    def __init__(
        self, letter: int, widths: Sequence[int], counts: Sequence[int], highways: int, activation: str, size: int
    ) -> None:
        super().__init__()
        self.letters = nn.Embedding(characters.SIGNS, letter, padding_idx=0)
        self.filters = nn.ModuleList(nn.Conv1d(letter, n, w) for w, n in zip(widths, counts, strict=True))
        self.highways = nn.ModuleList(Highway(sum(counts)) for _ in range(highways))
        self.projection = nn.Linear(sum(counts), size)
        self._widest = max(widths)
        self.activation = ACTIVATIONS[activation]
        nn.init.uniform_(self.letters.weight, -1, 1)
        with torch.no_grad():
            self.letters.weight[0] = 0
        for name, parameter in self.filters.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            else:
                nn.init.normal_(parameter, std=math.sqrt(1 / parameter[0].numel()))

    def forward(self, numbers: Int64[Tensor, "text piece"]) -> Float[Tensor, "text piece half"]:
        """By the numbers of `characters`. A word that comes twice is read once."""
        words, places = distinct(numbers.cpu().numpy())
        codes = characters.ids(words)
        # beyond the longest word all filters see the same filling, of which one window is enough
        longest = int(((codes != characters.FILL) & (codes != 0)).sum(1).max())
        codes = codes[:, : longest + self._widest]
        letters = self.letters(torch.from_numpy(codes).to(numbers.device)).transpose(1, 2)
        x = torch.cat([self.activation(layer(letters).amax(-1)) for layer in self.filters], dim=-1)
        for highway in self.highways:
            x = highway(x)
        return self.projection(x)[torch.from_numpy(places).to(numbers.device)]


class Highway(nn.Module):
    """x -> g * relu(W x + b) + (1 - g) * x with g = sigmoid(V x + c). Source: Srivastava et al. 2015."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.transform = nn.Linear(width, width)
        self.carry = nn.Linear(width, width)
        for layer, bias in ((self.transform, 0.0), (self.carry, -2.0)):
            nn.init.normal_(layer.weight, std=math.sqrt(1 / width))
            nn.init.constant_(layer.bias, bias)

    def forward(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        gate = torch.sigmoid(self.carry(x))
        return gate * torch.relu(self.transform(x)) + (1 - gate) * x


class BothWays(nn.Module):
    """One layer of two LSTMs with projection, left to right and right to left, a step of both at once.

    With x the input, p the projected output, c the cell, all of one direction:
    i, g, f, o = W x + R p' + b;  c = clip(s(f) c' + s(i) tanh(g));  p = clip(P (s(o) tanh(c))).
    """

    def __init__(self, half: int, cell: int, cell_clip: float | None, projection_clip: float | None) -> None:
        super().__init__()
        self.cell_clip, self.projection_clip = cell_clip, projection_clip
        self.read = nn.Parameter(torch.empty(2, half, 4 * cell))
        self.recur = nn.Parameter(torch.empty(2, half, 4 * cell))
        self.bias = nn.Parameter(torch.zeros(2, 1, 4 * cell))
        self.project = nn.Parameter(torch.empty(2, cell, half))
        bound = math.sqrt(6 / (2 * half + 4 * cell))  # Glorot and Bengio 2010, of [W R]
        nn.init.uniform_(self.read, -bound, bound)
        nn.init.uniform_(self.recur, -bound, bound)
        bound = math.sqrt(6 / (cell + half))
        nn.init.uniform_(self.project, -bound, bound)
        with torch.no_grad():
            self.bias[..., 2 * cell : 3 * cell] = 1  # forgets little at first (Jozefowicz et al. 2015)

    def forward(self, x: Float[Tensor, "2 text piece half"]) -> Float[Tensor, "2 text piece half"]:
        """x[0] as it is read, x[1] turned round; so is what comes out."""
        texts, pieces = x.shape[1:3]
        # piece by piece in memory, as the loop takes them
        wide = torch.baddbmm(self.bias, x.transpose(1, 2).flatten(1, 2), self.read).unflatten(1, (pieces, texts))
        out = x.new_zeros(2, texts, self.project.shape[-1])
        cell = x.new_zeros(2, texts, self.project.shape[1])
        found = []
        for gates in wide.unbind(1):
            into, new, forget, leave = torch.baddbmm(gates, out, self.recur).chunk(4, dim=-1)
            cell = torch.sigmoid(forget) * cell + torch.sigmoid(into) * torch.tanh(new)
            cell = _clipped(cell, self.cell_clip)
            out = _clipped(torch.bmm(torch.sigmoid(leave) * torch.tanh(cell), self.project), self.projection_clip)
            found.append(out)
        return torch.stack(found, dim=2)


class Mix(nn.Module):
    """gamma * sum of s_j state_j, with s = softmax(weights): the mean of the layers before anything is learned."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(layers))
        self.gamma = nn.Parameter(torch.ones(()))

    def forward(self, states: Sequence[Float[Tensor, "text piece d"]]) -> Float[Tensor, "text piece d"]:
        shares = self.weights.softmax(0)
        return self.gamma * sum(share * state for share, state in zip(shares, states, strict=True))


def distinct(
    numbers: Int64[np.ndarray, "text piece"],
) -> tuple[Int64[np.ndarray, "word"], Int64[np.ndarray, "text piece"]]:
    """The numbers in it, and where each went: in the order of the text, since numbers differ between processes and the
    order of the rows may show in the last bit of a product.
    """
    found, first, inverse = np.unique(numbers.ravel(), return_index=True, return_inverse=True)
    order = np.argsort(first)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return found[order], back[inverse.ravel()].reshape(numbers.shape)


def _clipped(x: Tensor, bound: float | None) -> Tensor:
    return x if bound is None else x.clamp(-bound, bound)
