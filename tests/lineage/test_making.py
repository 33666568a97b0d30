"""Fresh models: words, the rows of a table given, coverage; then what the plans do to the table, by the worker."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch.nn import functional as F

from embedlab.encoders import files, loading
from embedlab.errors import ModelError
from embedlab.lineage import making, vocabulary
from embedlab.store import Store
from embedlab.training.pieces import read_pieces
from embedlab.training.trainable import Trainable
from embedlab.types import Corpus, Occurrence, Stage
from tests.lineage.running import TABLE, made, run, weights
from tests.training import tiny

TEXTS = ["the bank of the river", "a bank and a Loan", "the cat"]
WORDS = ["bank", "Loan", "loan", "Paris", "paris", "Oslo", "new_york", "[UNK]", "bank"]


def a_table(dim: int = 5, seed: int = 0) -> tuple[list[str], np.ndarray]:
    return WORDS, np.random.default_rng(seed).normal(0.3, 0.1, (len(WORDS), dim)).astype(np.float32)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "workspace")


@pytest.fixture
def corpus(store: Store) -> Corpus:
    return tiny.add_corpus(store)


# ---- the words -------------------------------------------------------------------------------------------------------


def test_words_of_a_table_are_joined_and_its_rows_copied(tmp_path: Path) -> None:
    words, vectors = a_table()
    making.make("table", tmp_path, TEXTS, table=(words, vectors), min_count=1)
    rows = weights(tmp_path)[TABLE]
    known = vocabulary.words_of(Tokenizer.from_file(str(tmp_path / "tokenizer.json")))
    assert known[:5] == ["[PAD]", "[UNK]", "the", "a", "bank"]
    assert known[5:] == ["and", "cat", "loan", "of", "river", "paris", "oslo", "new_york"]
    at = {word: rows[i] for i, word in enumerate(known)}
    for word, source in (("bank", 0), ("loan", 2), ("paris", 4), ("oslo", 5), ("new_york", 6), ("[UNK]", 7)):
        np.testing.assert_array_equal(at[word], vectors[source])
    assert not rows[0].any()


def test_coverage_is_the_share_of_the_texts_words_that_have_a_vector(tmp_path: Path) -> None:
    making.make("table", tmp_path, TEXTS, table=a_table())
    # 12 words: bank twice and Loan once are in the table, though Loan is met too rarely to be learned without it
    assert json.loads((tmp_path / "config.json").read_text())["coverage"] == pytest.approx(3 / 12)
    plain = tmp_path / "plain"
    making.make("table", plain, TEXTS)
    assert json.loads((plain / "config.json").read_text())["coverage"] is None


def test_other_rows_have_the_spread_of_the_table(tmp_path: Path) -> None:
    texts = [" ".join(f"word{i}" for i in range(3000))]
    words, vectors = a_table(8)
    making.make("cnn", tmp_path, texts, table=(words, vectors), min_count=1)
    rows = weights(tmp_path)[TABLE][2:3002]
    assert abs(rows.mean()) < 0.01
    assert rows.std() == pytest.approx(vectors.std(), rel=0.03)


def test_with_case_kept_a_word_is_looked_up_as_it_stands(tmp_path: Path) -> None:
    joined = making.join(TEXTS, a_table(), min_count=1, most=50, lower=False)
    source = {joined.words[row]: at for row, at in zip(joined.rows, joined.sources, strict=True)}
    assert source == {"[UNK]": 7, "bank": 0, "Loan": 1, "loan": 2, "Paris": 3, "paris": 4, "Oslo": 5, "new_york": 6}


# ---- the draw --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["table", "lstm", "cnn"])
def test_one_seed_one_model_and_nobody_elses_draws_are_touched(kind: str, tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        making.make(kind, tmp_path / name, TEXTS, seed=seed)
    assert torch.equal(before, torch.random.get_rng_state())
    a, b, c = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert a == b != c


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        ("gru", {}, "There is no kind of model 'gru': choose one of table, lstm"),
        ("lstm", {"width": 3}, "LSTM has no size 'width': there are"),
        ("lstm", {"hidden_size": 3}, "has no size 'hidden_size'"),
        ("lstm", {"lstm_size": 0}, "lstm_size is a whole number from 1"),
        ("lstm", {"embedding_size": "many"}, "embedding_size is a whole number from 1"),
        ("cnn", {"head_pooling": "sum"}, "head_pooling is one of mean, max, concat"),
        ("table", {"min_count": 0}, "min_count is a whole number from 1"),
        ("table", {"lower": "yes"}, "lower is true or false"),
        ("table", {"table": a_table(), "embedding_size": 6}, "vectors of 5 numbers, so embedding_size cannot be 6"),
        ("table", {"table": (WORDS, np.zeros((3, 2), np.float32))}, "has one vector a word"),
        ("table", {"table": (["a"], np.full((1, 2), np.nan, np.float32))}, "not finite"),
        ("elmo", {"table": a_table()}, "takes no table of words"),
    ],
)
def test_one_sentence_for_what_cannot_be_made(kind: str, settings: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=said):
        making.make(kind, tmp_path / "model", TEXTS, **settings)
    assert not (tmp_path / "model").exists()


def test_texts_without_a_word(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="hold no word"):
        making.make("table", tmp_path, ["  ", ""])


def test_the_sizes_offered_are_those_taken(tmp_path: Path) -> None:
    for kind in ("table", "lstm", "cnn"):
        sizes = making.sizes_of(kind)
        making.make(kind, tmp_path / kind, TEXTS, **sizes)
        said = json.loads((tmp_path / kind / "config.json").read_text())
        assert all(said[name] == json.loads(json.dumps(value)) for name, value in sizes.items() if name in said)


# ---- bag-of-words by hand --------------------------------------------------------------------------------------------


def test_the_gradient_of_bag_of_words_by_hand(tmp_path: Path) -> None:
    """Row w learns the sum over texts of (count of w / words of the text) W^T (p - y) / texts."""
    making.make("table", tmp_path, TEXTS, embedding_size=4, min_count=1)
    source = files.check_folder(tmp_path)
    reader = loading.open_tokenizer(source, "mine")
    model = Trainable(loading.open_model(source, "mine", "cpu"), "mean", ("x", "y", "z")).requires_grad_(True)
    assert model.head is not None
    with torch.no_grad():
        model.head.weight.copy_(torch.randn(3, 4, generator=torch.Generator().manual_seed(1)))
    pieces = read_pieces(reader, [Occurrence(text, 0, len(text)) for text in TEXTS], "mean", 512)
    F.cross_entropy(model.head(model.vectors(pieces)), torch.tensor([0, 1, 2])).backward()

    rows, head = model.table.detach().numpy(), model.head.weight.detach().numpy()
    wanted = np.zeros_like(rows)
    for label, ids in enumerate(pieces.ids):
        logits = head @ rows[ids].mean(0)
        p = np.exp(logits - logits.max())
        p /= p.sum()
        p[label] -= 1
        for row in ids:
            wanted[row] += head.T @ p / len(ids) / len(TEXTS)
    np.testing.assert_allclose(model.table.grad, wanted, atol=1e-7)


# ---- the plans, by the real worker -----------------------------------------------------------------------------------

HEAD = {"head": 1e-2}
STATIC = (Stage(40, HEAD, "constant"),)
NON_STATIC = (Stage(40, {**HEAD, "*": 1e-2}, "constant"),)


def plan(kind: str, steps: int = 40) -> tuple[Stage, ...]:
    return STATIC if kind == "table" else (Stage(steps, {**HEAD, "layer.*": 1e-2}, "constant"),)


@pytest.mark.parametrize("kind", ["table", "lstm", "cnn"])
def test_a_frozen_table_moves_by_exactly_nothing_and_a_tuned_one_moves(
    kind: str, store: Store, corpus: Corpus, tmp_path: Path
) -> None:
    start = made(kind, tmp_path / "start", corpus)
    before = weights(start)
    static = weights(run(store, start, corpus, *plan(kind)) / "model")
    np.testing.assert_array_equal(static[TABLE], before[TABLE])
    assert all(not np.array_equal(static[name], before[name]) for name in before if name != TABLE)
    tuned = weights(run(store, start, corpus, *NON_STATIC) / "model")
    assert np.abs(tuned[TABLE] - before[TABLE])[2:].max() > 1e-2
    assert not tuned[TABLE][0].any()  # padding stays nothing


def test_frozen_then_thawed_moves_only_after_the_thaw(store: Store, corpus: Corpus, tmp_path: Path) -> None:
    start = made("lstm", tmp_path / "start", corpus)
    early = {**HEAD, "layer.*": 1e-2}
    frozen = run(store, start, corpus, Stage(20, early, "constant"))
    both = run(store, start, corpus, Stage(20, early, "constant"), Stage(40, {**HEAD, "*": 1e-2}, "constant"))
    before = weights(start)[TABLE]
    np.testing.assert_array_equal(weights(frozen / "model")[TABLE], before)
    assert np.abs(weights(both / "model")[TABLE] - before)[2:].max() > 1e-2


def test_words_whose_outputs_are_alike_become_alike(store: Store, corpus: Corpus, tmp_path: Path) -> None:
    """Words met under one label alone: the classifier draws them together, and those of two labels apart."""
    start = made("table", tmp_path / "start", corpus)
    after = run(store, start, corpus, Stage(150, {**HEAD, "*": 3e-2}, "constant"), batch_tokens=512, batch_items=48)
    words = vocabulary.words_of(vocabulary.tokenizer(corpus.texts, min_count=1))
    groups = [[words.index(word) for word in context.split()] for context in tiny.WORDS.values()]
    sense = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    same = (sense[:, None] == sense[None]) & ~np.eye(len(sense), dtype=bool)

    def margin(folder: Path) -> float:
        """Mean cosine of words of one label, less that of words of two."""
        rows = weights(folder)[TABLE][np.concatenate(groups)]
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        cosines = rows @ rows.T
        return float(cosines[same].mean() - cosines[sense[:, None] != sense[None]].mean())

    assert abs(margin(start)) < 0.1
    assert margin(after / "model") > 0.5
