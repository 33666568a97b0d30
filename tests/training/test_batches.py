import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedlab.training import batches

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=120).map(lambda v: np.array(v, dtype=np.int64))


@given(LENGTHS, st.integers(16, 400), st.integers(1, 40), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_every_row_comes_once_and_within_the_budget(lengths: np.ndarray, tokens: int, items: int, seed: int) -> None:
    epoch = batches.by_length(lengths, tokens, items, batches.generator(seed, 0, 0))
    assert sorted(np.concatenate(epoch).tolist()) == list(range(len(lengths)))
    for batch in epoch:
        assert len(batch) <= items
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= tokens


def test_sorting_by_length_leaves_little_padding() -> None:
    lengths = np.random.default_rng(0).integers(5, 90, 5000)
    shares = []
    for maker in (batches.by_length, batches.at_random):
        epoch = maker(lengths, 10**6, 32, batches.generator(0, 0, 0))
        shares.append(sum(len(b) * lengths[b].max() for b in epoch) / lengths.sum())
    assert shares[0] < 1.05 < 1.5 < shares[1]


def test_the_same_seed_gives_the_same_batches_and_another_epoch_others() -> None:
    lengths = np.arange(1, 101)
    first, again, other, later = (
        batches.by_length(lengths, 400, 8, batches.generator(*key))
        for key in [(1, 0, 0), (1, 0, 0), (2, 0, 0), (1, 0, 1)]
    )
    assert [b.tolist() for b in first] == [b.tolist() for b in again]
    assert [b.tolist() for b in first] != [b.tolist() for b in other]
    assert [b.tolist() for b in first] != [b.tolist() for b in later]


def test_random_batches_leave_no_row_to_itself() -> None:
    epoch = batches.at_random(np.full(33, 10), 10**6, 8, batches.generator(0, 0, 0))
    assert [len(b) for b in epoch] == [8, 8, 8, 8]
    assert [len(b) for b in batches.at_random(np.array([10]), 100, 8, batches.generator(0, 0, 0))] == [1]


def test_a_row_too_long_for_the_budget_still_finds_company() -> None:
    lengths = np.array([90, 10, 10, 80, 10, 10, 70, 10])
    for seed in range(20):
        epoch = batches.at_random(lengths, 40, 8, batches.generator(seed, 0, 0))
        assert all(len(batch) >= 2 for batch in epoch)
        assert sum(len(batch) for batch in epoch) >= len(lengths) - 1
        assert all(lengths[batch].sum() <= 40 for batch in epoch if len(batch) > 2)


@given(st.integers(0, 10), st.sampled_from([8, 16, 32]), st.lists(st.integers(1, 30), min_size=2, max_size=5))
@settings(max_examples=40, deadline=None)
def test_a_sense_batch_always_has_something_to_tell_apart(seed: int, items: int, sizes: list[int]) -> None:
    words = [f"w{i % 3}" for i, n in enumerate(sizes) for _ in range(n)]
    senses = [f"s{i}" for i, n in enumerate(sizes) for _ in range(n)]
    epoch = batches.by_sense(words, senses, np.full(len(words), 12), 10**6, items, batches.generator(seed, 0, 0))
    for batch in epoch:
        assert len(batch) <= items + 2  # a hand of one joins the hand before it
        assert len(set(batch.tolist())) == len(batch)
        shown: dict[str, dict[str, int]] = {}
        for row in batch:
            counts = shown.setdefault(words[row], {})
            counts[senses[row]] = counts.get(senses[row], 0) + 1
        for counts in shown.values():
            assert len(counts) >= 2
            assert min(counts.values()) >= 2


def test_every_use_of_a_sense_is_seen_in_an_epoch_and_rare_senses_again() -> None:
    words, senses = ["bank"] * 24, ["money"] * 20 + ["river"] * 4
    epoch = batches.by_sense(words, senses, np.full(24, 12), 10**6, 16, batches.generator(0, 0, 0))
    rows = np.concatenate(epoch)
    assert set(rows.tolist()) == set(range(24))
    assert (rows >= 20).sum() == 20, "four river uses, dealt five times beside the twenty of money"


def test_words_with_one_sense_give_no_batch() -> None:
    rng = batches.generator(0, 0, 0)
    assert batches.by_sense(["a"] * 4, ["x"] * 4, np.full(4, 5), 100, 8, rng) == []
    assert batches.by_sense(["a"] * 4, ["x", "x", "x", "y"], np.full(4, 5), 100, 8, rng) == []


def test_walking_over_epochs_of_unlike_length() -> None:
    epochs = [[np.array([i, j]) for j in range(n)] for i, n in enumerate((3, 1, 4, 2, 5))]
    at = batches.walk(lambda epoch: epochs[epoch])
    flat = [batch.tolist() for epoch in epochs for batch in epoch]
    assert [at(step).tolist() for step in range(15)] == flat
    fresh = batches.walk(lambda epoch: epochs[epoch])
    assert fresh(9).tolist() == flat[9], "a resumed run begins in the middle"


@pytest.mark.parametrize("tokens", [1, 5])
def test_a_row_longer_than_the_budget_is_a_batch_by_itself(tokens: int) -> None:
    assert [b.tolist() for b in batches.cut([0, 1], np.array([9, 9]), tokens, 8)] == [[0], [1]]
