"""GloVe (Pennington et al. 2014): words are near whose co-occurrence counts are explained by one product.

    J = sum over i, j with X_ij > 0 of  f(X_ij) (w_i . v_j + b_i + c_j - log X_ij)^2,   f(x) = min((x / x_max)^0.75, 1)

X_ij: how often word j stands within `window` words of word i in the same sentence, each time counted 1 / distance.
Minimised by AdaGrad over shuffled batches of cells, rate 0.05, sums of squares from 1 on as in the original program,
whose result is also ours: w + v, the sum of a word's vectors as word and as context.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int64
from scipy.sparse import csr_matrix

from embedlab.errors import TrainingError
from embedlab.lineage.wordtables import (
    Checkpoint,
    Sentences,
    Stop,
    Stopped,
    Table,
    identity,
    never,
    require_fit,
    require_positive,
    vocabulary,
)
from embedlab.vectorfiles.checks import Progress, no_progress

RATE, POWER = 0.05, 0.75
BATCH = 2**14  # cells of X in one step
COUNTED = 2**20  # words of text counted at once
SIDES = ("words", "contexts")


@dataclass(frozen=True)
class Cells:
    """The cells of X that are above zero, by row and then by column."""

    i: Int64[np.ndarray, "cell"]
    j: Int64[np.ndarray, "cell"]
    x: Float64[np.ndarray, "cell"]

    def __len__(self) -> int:
        return len(self.x)


@dataclass
class Side:
    """Vectors and biases of all words in one role, and AdaGrad's sums of squared gradients of each."""

    vectors: Float32[np.ndarray, "word d"]
    biases: Float32[np.ndarray, "word"]
    vector_squares: Float32[np.ndarray, "word d"]
    bias_squares: Float32[np.ndarray, "word"]

    @classmethod
    def begun(cls, vectors: Float32[np.ndarray, "word d"]) -> "Side":
        """Before the first step: no bias, all squares 1."""
        rows = len(vectors)
        return cls(vectors, np.zeros(rows, np.float32), np.ones_like(vectors), np.ones(rows, np.float32))


def train_glove(
    sentences: Sentences,
    *,
    dim: int = 100,
    window: int = 10,
    x_max: float = 10.0,
    epochs: int = 25,
    min_count: int = 2,
    seed: int = 0,
    start: Table | None = None,
    progress: Progress = no_progress,
    stop: Stop = never,
    checkpoint: Path | None = None,
) -> Table:
    """Vectors of all words that stand in `sentences` at least `min_count` times; rarer ones are left out of the window.

    `x_max`: the count from which a cell weighs fully; the 100 of the paper is for billions of words. `start`, `stop`,
    `checkpoint` and the errors: as in `word2vec.train_word2vec`; a table to start from is shared out equally between
    the two roles, and a word that the sentences lack keeps its vector to the bit.
    """
    settings = {"dim": dim, "window": window, "x_max": x_max, "epochs": epochs, "min_count": min_count}
    require_positive(settings)
    require_fit(start, dim)
    words, counts = vocabulary(sentences, min_count, start)
    state = Checkpoint(checkpoint, identity({"kind": "glove", "seed": seed, **settings}, sentences, start))
    cells = cooccurrences(sentences, words, window)
    if not len(cells):
        raise TrainingError("No two known words stand near each other in these texts: bring longer sentences.")
    sides = _begun(len(words), dim, seed, start)
    batches = -(-len(cells) // BATCH)
    total = epochs * batches
    order = np.zeros(0, np.int64)
    for at in range(_resume(sides, state), total):
        epoch, batch = divmod(at, batches)
        if stop():
            _keep(sides, state, at)
            raise Stopped(f"Stopped in epoch {epoch + 1} of {epochs}: {state.kept}")
        if batch == 0 or not len(order):
            order = np.random.default_rng([seed, epoch]).permutation(len(cells))
        chosen = np.sort(order[batch * BATCH : (batch + 1) * BATCH])  # by row, as the cells lie: sums run along rows
        step(*sides, Cells(cells.i[chosen], cells.j[chosen], cells.x[chosen]), x_max)
        if state.due():
            _keep(sides, state, at + 1)
        progress((at + 1) / total, f"GloVe, epoch {epoch + 1} of {epochs}")
    _keep(sides, state, total)
    before = start.counts if start is not None else np.zeros(0, np.int64)
    seen = np.array([counts[word] for word in words], np.int64)
    seen[: len(before)] += before
    return Table(words, sides[0].vectors + sides[1].vectors, seen)


def _begun(rows: int, dim: int, seed: int, start: Table | None) -> tuple[Side, Side]:
    """Uniform in (-0.5, 0.5) / d; half of each vector of `start`, where there is one."""
    drawn = np.random.default_rng(seed).random((2, rows, dim), dtype=np.float32)
    vectors = (drawn - np.float32(0.5)) / np.float32(dim)
    if start is not None:
        vectors[:, : len(start)] = start.vectors / 2
    return Side.begun(vectors[0]), Side.begun(vectors[1])


# ---------------------------------------------------------------- the objective


def weight(x: Float64[np.ndarray, "cell"], x_max: float) -> Float64[np.ndarray, "cell"]:
    """f(x) = min((x / x_max)^0.75, 1)."""
    return np.minimum((x / x_max) ** POWER, 1.0)


def objective(words: Side, contexts: Side, cells: Cells, x_max: float) -> float:
    """J over some cells, 0 or more, lower is better."""
    return float((weight(cells.x, x_max) * _errors(words, contexts, cells).astype(np.float64) ** 2).sum())


def _errors(words: Side, contexts: Side, cells: Cells) -> Float32[np.ndarray, "cell"]:
    """w_i . v_j + b_i + c_j - log X_ij."""
    products = np.einsum("cd,cd->c", words.vectors[cells.i], contexts.vectors[cells.j])
    return products + words.biases[cells.i] + contexts.biases[cells.j] - np.log(cells.x).astype(np.float32)


def step(words: Side, contexts: Side, cells: Cells, x_max: float) -> None:
    """One step of AdaGrad on J / 2 over some cells (rising by row): the gradient of a word is summed over its cells.

    With g the gradient and s its sum of squares, s <- s + g^2, then the parameter <- itself - 0.05 g / sqrt(s). The
    half is the original's, which leaves out the factor 2 of the square's derivative.
    """
    slope = (weight(cells.x, x_max) * _errors(words, contexts, cells)).astype(np.float32)
    by_context = np.argsort(cells.j, kind="stable")
    moves = [  # both before either moves
        (words, *_gradient(cells.i, cells.j, slope, contexts.vectors)),
        (contexts, *_gradient(cells.j[by_context], cells.i[by_context], slope[by_context], words.vectors)),
    ]
    for side, rows, of_vectors, of_biases in moves:
        _descend(side.vectors, side.vector_squares, rows, of_vectors)
        _descend(side.biases, side.bias_squares, rows, of_biases)


def _gradient(
    rows: Int64[np.ndarray, "cell"],
    others: Int64[np.ndarray, "cell"],
    slope: Float32[np.ndarray, "cell"],
    vectors: Float32[np.ndarray, "word d"],
) -> tuple[Int64[np.ndarray, "row"], Float32[np.ndarray, "row d"], Float32[np.ndarray, "row"]]:
    """(rows there are, gradient of their vectors, of their biases); `rows` rise, each as often as it has cells."""
    begins = np.flatnonzero(np.diff(rows, prepend=-1))
    table = csr_matrix((slope, others, np.append(begins, len(rows))), shape=(len(begins), len(vectors)))
    return rows[begins], table @ vectors, np.add.reduceat(slope, begins)


def _descend(values: np.ndarray, squares: np.ndarray, rows: Int64[np.ndarray, "row"], gradient: np.ndarray) -> None:
    sums = squares[rows] + gradient**2
    squares[rows] = sums
    values[rows] -= np.float32(RATE) * gradient / np.sqrt(sums)


# ---------------------------------------------------------------- counting


def cooccurrences(sentences: Sentences, words: tuple[str, ...], window: int) -> Cells:
    """X of a vocabulary, symmetric, counted in blocks of text; memory goes with the cells that are above zero.

    Words outside the vocabulary take no place: the window closes over them, as in the original.
    """
    keys: np.ndarray = np.zeros(0, np.int64)
    sums: np.ndarray = np.zeros(0, np.float64)
    for ids, sentence in _blocks(sentences, {word: row for row, word in enumerate(words)}):
        parts, weights = [keys], [sums]
        for distance in range(1, min(window, len(ids) - 1) + 1):
            near = np.flatnonzero(sentence[distance:] == sentence[:-distance])
            left, right = ids[near], ids[near + distance]
            parts += [left * len(words) + right, right * len(words) + left]
            weights += [np.full(len(near), 1.0 / distance)] * 2
        keys, place = np.unique(np.concatenate(parts), return_inverse=True)
        sums = np.bincount(place, np.concatenate(weights), len(keys))
    return Cells(keys // len(words), keys % len(words), sums)


def _blocks(
    sentences: Sentences, row_of: dict[str, int]
) -> Iterator[tuple[Int64[np.ndarray, "token"], Int64[np.ndarray, "token"]]]:
    """(rows of the known words, number of their sentence), some whole sentences at a time."""
    ids: list[int] = []
    numbers: list[int] = []
    for number, sentence in enumerate(sentences):
        known = [row_of[word] for word in sentence if word in row_of]
        ids += known
        numbers += [number] * len(known)
        if len(ids) >= COUNTED:
            yield np.array(ids), np.array(numbers)
            ids, numbers = [], []
    if ids:
        yield np.array(ids), np.array(numbers)


# ---------------------------------------------------------------- the state on disk


def _arrays(sides: tuple[Side, Side]) -> dict[str, np.ndarray]:
    return {
        f"{name}.{field}": array for name, side in zip(SIDES, sides, strict=True) for field, array in vars(side).items()
    }


def _keep(sides: tuple[Side, Side], state: Checkpoint, done: int) -> None:
    state.write({"done": done}, _arrays(sides))


def _resume(sides: tuple[Side, Side], state: Checkpoint) -> int:
    """How many steps are behind, both sides as they were then."""
    now = _arrays(sides)
    found = state.read(now)
    if found is None:
        return 0
    memo, arrays = found
    for name, array in now.items():
        array[:] = arrays[name]
    return int(memo["done"])
