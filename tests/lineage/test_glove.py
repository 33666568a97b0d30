"""GloVe: the objective and a step by hand, counts against a plain loop, words of one use together, stop and go on."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from embedlab.errors import TrainingError
from embedlab.lineage import glove
from embedlab.lineage.glove import Cells, Side, cooccurrences, objective, step, train_glove, weight
from embedlab.lineage.wordtables import Stopped, Table

TEXTS = [["a", "b", "a", "c"], ["b", "rare", "c"], ["a"], []]
VOCABULARY = ("a", "b", "c")


def test_counts_by_hand() -> None:
    cells = cooccurrences(TEXTS, VOCABULARY, 2)
    found = {(VOCABULARY[i], VOCABULARY[j]): x for i, j, x in zip(cells.i, cells.j, cells.x, strict=True)}
    # a b a c: ab 1, aa 1/2 (both ways), ba 1, bc 1/2, ac 1; then b c, for "rare" takes no place: 1
    half = {("a", "b"): 2.0, ("a", "c"): 1.0, ("b", "c"): 1.5}
    assert found == half | {(j, i): x for (i, j), x in half.items()} | {("a", "a"): 1.0}


def test_counts_of_blocks_are_those_of_a_plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    words = tuple(f"w{i}" for i in range(30))
    texts = [[words[i] for i in rng.integers(0, 30, rng.integers(0, 12))] for _ in range(200)]
    known = words[:25]
    expected = np.zeros((25, 25))
    for text in texts:
        ids = [known.index(word) for word in text if word in known]
        for t in range(len(ids)):
            for u in range(len(ids)):
                if 0 < abs(t - u) <= 4:
                    expected[ids[t], ids[u]] += 1 / abs(t - u)
    monkeypatch.setattr(glove, "COUNTED", 100)  # many blocks
    cells = cooccurrences(texts, known, 4)
    found = np.zeros((25, 25))
    found[cells.i, cells.j] = cells.x
    assert np.allclose(found, expected, rtol=1e-12)
    assert len(cells) == np.count_nonzero(expected)
    assert np.all(np.diff(cells.i * 25 + cells.j) > 0)


def tiny() -> tuple[Side, Side, Cells]:
    """Two words, one number each: w = 1, 2; v = 3, -1; biases 0.5, 0 and 0, 0.25; X_01 = e, X_10 = 16 (x_max 16)."""
    words = Side.begun(np.array([[1.0], [2.0]], np.float32))
    contexts = Side.begun(np.array([[3.0], [-1.0]], np.float32))
    words.biases[:] = [0.5, 0]
    contexts.biases[:] = [0, 0.25]
    return words, contexts, Cells(np.array([0, 1]), np.array([1, 0]), np.array([math.e, 16.0]))


def test_the_objective_by_hand() -> None:
    words, contexts, cells = tiny()
    first = 1 * -1 + 0.5 + 0.25 - 1  # -1.25
    second = 2 * 3 + 0 + 0 - math.log(16)
    assert objective(words, contexts, cells, 16) == pytest.approx(
        (math.e / 16) ** 0.75 * first**2 + second**2, rel=1e-6
    )
    assert weight(np.array([16.0, 1000.0, 1.0]), 16).tolist() == [1.0, 1.0, 0.125]


def test_one_step_by_hand() -> None:
    words, contexts, cells = tiny()
    step(words, contexts, cells, 16)
    s1 = (math.e / 16) ** 0.75 * -1.25  # f times the error, of each cell
    s2 = 6 - math.log(16)

    def moved(value: float, gradient: float) -> float:
        return value - 0.05 * gradient / math.sqrt(1 + gradient**2)

    assert words.vectors.ravel() == pytest.approx([moved(1, s1 * -1), moved(2, s2 * 3)], rel=1e-6)
    assert contexts.vectors.ravel() == pytest.approx([moved(3, s2 * 2), moved(-1, s1 * 1)], rel=1e-6)
    assert words.biases == pytest.approx([moved(0.5, s1), moved(0, s2)], rel=1e-6)
    assert contexts.biases == pytest.approx([moved(0, s2), moved(0.25, s1)], rel=1e-6)
    assert words.vector_squares.ravel() == pytest.approx([1 + s1**2, 1 + (3 * s2) ** 2], rel=1e-6)


def test_a_step_is_adagrad_on_half_the_objective_as_torch_takes_it() -> None:
    rng = np.random.default_rng(0)
    v, d = 9, 5
    sides = [Side.begun(rng.normal(size=(v, d)).astype(np.float32)) for _ in range(2)]
    keys = np.sort(rng.choice(v * v, 40, replace=False))
    cells = Cells(keys // v, keys % v, rng.uniform(0.2, 30, 40))
    given = [a.copy() for side in sides for a in (side.vectors, side.biases)]
    parameters = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in given]
    optimiser = torch.optim.Adagrad(parameters, lr=0.05, initial_accumulator_value=1.0, eps=0.0)
    i, j, x = (torch.tensor(a) for a in (cells.i, cells.j, cells.x))
    for _ in range(5):
        w, b, c, e = parameters
        loss = ((x / 10).clamp(max=1) ** 0.75 * ((w[i] * c[j]).sum(1) + b[i] + e[j] - x.log()) ** 2).sum()
        assert objective(*sides, cells, 10) == pytest.approx(loss.item(), rel=1e-5)
        optimiser.zero_grad()
        (loss / 2).backward()
        optimiser.step()
        step(*sides, cells, 10)
    now = [a for side in sides for a in (side.vectors, side.biases)]
    for ours, theirs in zip(now, parameters, strict=True):
        assert np.abs(ours - theirs.detach().numpy()).max() < 1e-5


def texts_of_two_kinds(seed: int = 0) -> list[list[str]]:
    """Animals are met among one set of words, tools among another; "horse" and "goat" never meet."""
    rng = np.random.default_rng(seed)
    kinds = [(["horse", "goat", "hen"], ["eats", "grass", "farm"]), (["saw", "drill", "axe"], ["cuts", "wood", "shed"])]
    texts = []
    for _ in range(300):
        nouns, others = kinds[rng.integers(2)]
        texts.append([*rng.permutation(others)[:2], nouns[rng.integers(3)], others[rng.integers(3)]])
    return [[str(word) for word in text] for text in texts]


def cosine(table: Table, one: str, other: str) -> float:
    a, b = (table.vectors[table.words.index(word)].astype(np.float64) for word in (one, other))
    return float(a @ b / np.sqrt(a @ a * (b @ b)))


SIZES = {"dim": 8, "window": 4, "epochs": 40, "x_max": 10.0, "seed": 3}


def test_words_of_one_use_come_together() -> None:
    table = train_glove(texts_of_two_kinds(), **SIZES)
    inside = [cosine(table, *pair) for pair in (("horse", "goat"), ("hen", "goat"), ("saw", "drill"), ("axe", "saw"))]
    across = [cosine(table, *pair) for pair in (("horse", "saw"), ("hen", "drill"), ("goat", "axe"))]
    assert min(inside) > max(across) + 0.3
    counts = {word: sum(text.count(word) for text in texts_of_two_kinds()) for word in table.words}
    assert table.counts.tolist() == [counts[word] for word in table.words]
    assert list(table.words) == sorted(table.words, key=lambda word: (-counts[word], word))


def test_the_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    one, two = (train_glove(texts_of_two_kinds(), **SIZES) for _ in range(2))
    assert one.vectors.tobytes() == two.vectors.tobytes()
    assert train_glove(texts_of_two_kinds(), **SIZES | {"seed": 4}).vectors.tobytes() != one.vectors.tobytes()


@pytest.mark.parametrize("after", [0, 1, 7, 20])
def test_a_training_that_was_stopped_ends_with_the_same_bits(
    after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glove, "BATCH", 10)  # several steps an epoch
    sizes = SIZES | {"epochs": 5}
    whole = train_glove(texts_of_two_kinds(), **sizes)
    asked = iter(range(10**6))
    with pytest.raises(Stopped, match="start it again to go on"):
        train_glove(texts_of_two_kinds(), **sizes, stop=lambda: next(asked) == after, checkpoint=tmp_path / "state")
    heard: list[float] = []
    rest = train_glove(
        texts_of_two_kinds(), **sizes, checkpoint=tmp_path / "state", progress=lambda share, _: heard.append(share)
    )
    assert rest.vectors.tobytes() == whole.vectors.tobytes()
    assert heard[-1] == 1.0
    assert after == 0 or heard[0] > 1 / (len(heard) + 1)  # it did go on, not begin again


def test_a_table_grows_and_words_that_are_not_met_stay_to_the_bit() -> None:
    old = train_glove(texts_of_two_kinds(), **SIZES)
    more = [["goat", "gives", "milk"], ["hen", "gives", "eggs"]] * 40
    grown = train_glove(more, **SIZES, start=old)
    assert grown.words[: len(old)] == old.words
    assert set(grown.words[len(old) :]) == {"gives", "milk", "eggs"}
    for row, word in enumerate(old.words):
        same = np.array_equal(grown.vectors[row], old.vectors[row])
        assert same == (word not in ("goat", "hen")), word
    assert grown.counts[grown.words.index("goat")] == old.counts[old.words.index("goat")] + 40


@pytest.mark.parametrize(
    ("texts", "settings", "said"),
    [
        ([["a", "b"]], {}, "No word stands in these texts 2 times"),
        ([], {}, "No word stands"),
        ([["a"], ["a"], ["b"], ["b"]], {}, "No two known words stand near each other"),
        (TEXTS, {"dim": 0}, "dim is 0"),
        (TEXTS, {"x_max": float("nan")}, "x_max is nan"),
        (
            TEXTS,
            {"start": Table(("a",), np.ones((1, 3), np.float32), np.ones(1, np.int64))},
            "has 3 dimensions, not 100",
        ),
    ],
)
def test_what_cannot_be_trained_is_said(texts: list, settings: dict, said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        train_glove(texts, **settings)
