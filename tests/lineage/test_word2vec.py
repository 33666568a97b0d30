"""word2vec: bit for bit what gensim's own training gives, stop and go on, growth; tables and states that are none."""

import json
from pathlib import Path

import numpy as np
import pytest
from gensim.models import Word2Vec

from embedlab.errors import StoreError, TrainingError
from embedlab.lineage import word2vec, wordtables
from embedlab.lineage.word2vec import train_word2vec
from embedlab.lineage.wordtables import Stopped, Table, vocabulary
from embedlab.store import sealed_folder
from embedlab.vectorfiles import VectorError, read_vectors
from embedlab.vectorfiles.writing import write_words

SIZES = {"dim": 12, "window": 3, "negative": 4, "epochs": 3, "min_count": 1, "seed": 7}


def texts(seed: int = 0, count: int = 1500, words: int = 80) -> list[list[str]]:
    """Some 20,000 words, the first of the vocabulary the most frequent: several jobs."""
    rng = np.random.default_rng(seed)
    return [[f"w{int(words * u**3)}" for u in rng.random(rng.integers(0, 30))] for _ in range(count)]


def by_gensim(sentences: list[list[str]], sg: bool) -> Word2Vec:
    model = Word2Vec(
        vector_size=12, window=3, negative=4, min_count=1, sg=int(sg), seed=7, workers=1, sorted_vocab=0, epochs=3
    )
    words, counts = vocabulary(sentences, 1, None)
    model.build_vocab_from_freq({word: counts[word] for word in words}, corpus_count=len(sentences))
    model.train(sentences, total_examples=len(sentences), epochs=3)
    return model


@pytest.mark.parametrize("sg", [True, False])
def test_it_is_gensims_own_training_to_the_bit(sg: bool) -> None:
    table = train_word2vec(texts(), sg=sg, **SIZES)
    theirs = by_gensim(texts(), sg)
    assert tuple(theirs.wv.index_to_key) == table.words
    assert table.vectors.tobytes() == theirs.wv.vectors.tobytes()
    assert table.contexts is not None
    assert table.contexts.tobytes() == theirs.syn1neg.tobytes()
    begun = Word2Vec(vector_size=12, min_count=1, seed=7, sorted_vocab=0)
    begun.build_vocab_from_freq(dict.fromkeys(table.words, 1))
    assert np.abs(table.vectors - begun.wv.vectors).max() > 0.01  # something was learnt


@pytest.mark.parametrize("sg", [True, False])
def test_growth_is_gensims_own_to_the_bit(sg: bool) -> None:
    old = train_word2vec(texts(), sg=sg, **SIZES)
    more = [[f"new{len(text)}", *text] for text in texts(1, 400)]
    grown = train_word2vec(more, sg=sg, **SIZES, start=old)
    model = by_gensim(texts(), sg)
    _, counts = vocabulary(more, 1, old)
    model.build_vocab_from_freq({word: counts[word] for word in grown.words if counts[word]}, update=True)
    assert tuple(model.wv.index_to_key) == grown.words
    model.random = np.random.RandomState(7)  # gensim's goes on where it was, ours begins with the seed
    model.train(more, total_examples=len(more), epochs=3, start_alpha=0.025, end_alpha=0.0001)
    assert grown.vectors.tobytes() == model.wv.vectors.tobytes()
    assert grown.counts.tolist() == [model.wv.get_vecattr(word, "count") for word in grown.words]


def test_what_is_not_met_stays_to_the_bit_and_a_file_can_be_gone_on_from(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = ("kept", "w0", "w1", "left")
    write_words(names, rng.normal(size=(4, 12)).astype(np.float32), tmp_path / "a.bin", binary=True)
    start = Table.of_file(read_vectors(tmp_path / "a.bin"))
    grown = train_word2vec(texts(), sg=True, **SIZES | {"min_count": 500}, start=start)
    assert grown.words[:4] == names
    same = [np.array_equal(grown.vectors[row], start.vectors[row]) for row in range(4)]
    assert same == [True, False, False, True]
    counts = {word: sum(text.count(word) for text in texts()) for word in grown.words}
    assert grown.counts.tolist() == list(counts.values())
    assert len(grown) > 4
    assert min(list(counts.values())[4:]) >= 500


@pytest.mark.parametrize("sg", [True, False])
@pytest.mark.parametrize("after", [0, 1, 3, 5])
def test_a_training_that_was_stopped_ends_with_the_same_bits(sg: bool, after: int, tmp_path: Path) -> None:
    whole = train_word2vec(texts(), sg=sg, **SIZES)
    asked = iter(range(100))
    with pytest.raises(Stopped, match=f"Stopped in epoch {after // 3 + 1} of 3: start it again to go on"):
        train_word2vec(texts(), sg=sg, **SIZES, stop=lambda: next(asked) == after, checkpoint=tmp_path / "state")
    heard: list[float] = []
    rest = train_word2vec(
        texts(), sg=sg, **SIZES, checkpoint=tmp_path / "state", progress=lambda share, _: heard.append(share)
    )
    assert rest.vectors.tobytes() == whole.vectors.tobytes()
    assert heard == pytest.approx([(at + 1) / 9 for at in range(after, 9)])
    again = train_word2vec(texts(), sg=sg, **SIZES, checkpoint=tmp_path / "state")  # done: nothing more is trained
    assert again.vectors.tobytes() == whole.vectors.tobytes()


def test_a_kill_between_two_states_is_gone_on_from_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train_word2vec(texts(), sg=True, **SIZES)
    monkeypatch.setattr(wordtables, "STATE_SECONDS", 0.0)

    def killed(share: float, _what: str) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_word2vec(texts(), sg=True, **SIZES, progress=killed, checkpoint=tmp_path / "state")
    heard: list[float] = []
    rest = train_word2vec(
        texts(), sg=True, **SIZES, checkpoint=tmp_path / "state", progress=lambda share, _: heard.append(share)
    )
    assert rest.vectors.tobytes() == whole.vectors.tobytes()
    assert heard[0] > 0.5


def test_a_state_of_another_training_is_not_gone_on_from(tmp_path: Path) -> None:
    state = tmp_path / "state"
    train_word2vec(texts(count=50), sg=True, **SIZES, checkpoint=state)
    for other in ({"seed": 8}, {"epochs": 4}, {"sg": False}):
        with pytest.raises(TrainingError, match="belongs to a training with other texts or settings"):
            train_word2vec(texts(count=50), **{"sg": True, **SIZES, **other}, checkpoint=state)
    with pytest.raises(TrainingError, match="belongs to a training with other texts"):
        train_word2vec(texts(1, count=50), sg=True, **SIZES, checkpoint=state)
    (damaged := state / wordtables.ARRAYS).write_bytes(damaged.read_bytes()[:-1] + b"\x01")
    with pytest.raises(StoreError, match="damaged"):
        train_word2vec(texts(count=50), sg=True, **SIZES, checkpoint=state)
    memo = json.loads((state / wordtables.MEMO).read_text())
    with sealed_folder(state) as folder:
        (folder / wordtables.MEMO).write_text(json.dumps(memo))
        (folder / wordtables.ARRAYS).write_bytes(b"\xff" * 40)
    with pytest.raises(TrainingError, match="cannot be read"):
        train_word2vec(texts(count=50), sg=True, **SIZES, checkpoint=state)


def test_sentences_longer_than_a_job_are_cut_in_pieces_not_short() -> None:
    long = [f"w{i % 50}" for i in range(25_000)] + ["last"]
    assert [len(part) for part in word2vec._parts(long)] == [10_000, 10_000, 5_001]
    table = train_word2vec([long], sg=True, **SIZES)
    met = [long[:10_000], long[10_000:20_000], long[20_000:]]
    assert np.array_equal(table.vectors, train_word2vec(met, sg=True, **SIZES).vectors)


def test_words_of_one_use_come_together() -> None:
    rng = np.random.default_rng(0)
    kinds = [(["horse", "goat", "hen"], ["eats", "grass", "farm"]), (["saw", "drill", "axe"], ["cuts", "wood", "shed"])]
    some = []
    for _ in range(1500):
        nouns, others = kinds[rng.integers(2)]
        some.append([str(rng.choice(others)), str(rng.choice(nouns)), str(rng.choice(others))])
    table = train_word2vec(some, sg=True, dim=10, window=2, epochs=40, seed=0)
    unit = table.vectors / np.linalg.norm(table.vectors, axis=1, keepdims=True)
    at = {word: unit[row] for row, word in enumerate(table.words)}
    inside = min(at["horse"] @ at["goat"], at["hen"] @ at["goat"], at["saw"] @ at["drill"])
    across = max(at["horse"] @ at["saw"], at["hen"] @ at["drill"], at["goat"] @ at["axe"])
    assert inside > across + 0.2


TWO = np.ones((2, 3), np.float32)
ONES = np.ones(2, np.int64)


@pytest.mark.parametrize(
    ("words", "vectors", "counts", "contexts", "said"),
    [
        (("a", "a"), TWO, ONES, None, "stands there once"),
        (("a", ""), TWO, ONES, None, "none is empty"),
        (("a", "\ud800"), TWO, ONES, None, "half a character"),
        (("a",), TWO, ONES, None, "1 words, 2 vectors and 2 counts"),
        (("a", "b"), TWO, ONES[:1], None, "2 vectors and 1 counts"),
        ((), TWO[:0], ONES[:0], None, "0 words"),
        (("a", "b"), TWO[:, :0], ONES, None, "one vector"),
        (("a", "b"), TWO.astype(np.float64), ONES, None, "one matrix of float32"),
        (("a", "b"), TWO[0], ONES, None, "one matrix of float32"),
        (("a", "b"), TWO, ONES, TWO[:, :2], "one matrix of float32"),
        (("a", "b"), TWO, -ONES, None, "from 0 up"),
        (("a", "b"), TWO, ONES * 0.5, None, "whole numbers"),
        (("a", "b"), TWO * np.float32(np.nan), ONES, None, "not a finite number"),
        (("a", "b"), TWO, ONES, TWO * np.float32(np.inf), "not a finite number"),
    ],
)
def test_a_table_that_is_none_is_not_made(words, vectors, counts, contexts, said: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(VectorError, match=said):
        Table(words, vectors, counts, contexts)


def test_a_file_without_words_or_too_large_for_float32_is_no_table(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", TWO)
    with pytest.raises(VectorError, match="does not say which word"):
        Table.of_file(read_vectors(tmp_path / "a.npy"))
    (tmp_path / "a.csv").write_text("word,x\na,1\nb,1e300\n")
    with pytest.raises(VectorError, match="not a finite number"):
        Table.of_file(read_vectors(tmp_path / "a.csv"))


@pytest.mark.parametrize("settings", [{"dim": 0}, {"window": 0}, {"negative": 0}, {"epochs": -1}, {"min_count": 0}])
def test_settings_that_cannot_be_are_said(settings: dict[str, int]) -> None:
    with pytest.raises(TrainingError, match=f"{next(iter(settings))} is"):
        train_word2vec(texts(count=5), sg=True, **SIZES | settings)
    with pytest.raises(TrainingError, match="No word stands in these texts 9,999 times"):
        train_word2vec(texts(count=5), sg=True, **SIZES | {"min_count": 9999})
