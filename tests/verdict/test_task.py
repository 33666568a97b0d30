"""HELPED, HARMED, NO EVIDENCE for labels and pairs, on vectors made for it; what stands beside the word."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.preprocessing import StandardScaler

from embedlab.measure.noise import seed_noise
from embedlab.types import Corpus, Verdict
from embedlab.verdict import RULES, verdict
from embedlab.verdict.labels import label_score, labelled, training_rows
from embedlab.verdict.pairs import questions
from embedlab.verdict.rules import Rules
from embedlab.verdict.states import States
from tests.verdict.made import State, bare, label_corpus, pair_corpus

NAMES = ["art", "law", "sea"]


def topics(strength: float, seed: int, n: int = 160, d: int = 8) -> State:
    """Texts about NAMES in turn: the name's direction times `strength`, and the noise of this seed."""
    names = np.arange(n) % len(NAMES)
    return State(strength * np.eye(d)[names] + np.random.default_rng(seed).normal(size=(n, d)))


def label_task(n: int = 160) -> Corpus:
    return label_corpus([NAMES[i % 3] for i in range(n)], [i % 4 == 3 for i in range(n)])


def say(corpus: Corpus, before: State, after: State, *replicates: State, rules: Rules = RULES) -> Verdict:
    return verdict(bare(), before, after, corpus, replicates=replicates, rules=rules)  # type: ignore[arg-type]


def test_labels_easier_to_read_helped_and_harder_harmed() -> None:
    dim, clear = topics(0.7, 0), topics(4, 1)
    helped, harmed = say(label_task(), dim, clear), say(label_task(), clear, dim)
    assert (helped.task, harmed.task) == ("HELPED", "HARMED")
    assert helped.won == tuple(replace(a, before=a.after, after=a.before) for a in harmed.lost)
    assert len(helped.won) > 10
    assert not helped.lost
    first = helped.won[0]
    assert first.truth == first.after != first.before
    assert [r.name for r in helped.scores] == ["probe_macro_f1", "probe_accuracy"]
    assert helped.task_line.startswith("probe macro-F1 (3 labels)")
    assert "on 40 held-out texts; whether another seed" in helped.task_line
    assert any("C = 10 / width = 1.25" in reason and "on 120 texts" in reason for reason in helped.why)
    assert any(reason.startswith("HELPED: the interval") and "lies above zero" in reason for reason in helped.why)


def test_label_scores_by_another_route() -> None:
    corpus, states = label_task(), (topics(0.7, 0), topics(1.5, 1), topics(1.5, 2))
    found = say(corpus, states[0], states[1], states[2])
    labels, held = np.array(corpus.labels), np.array([split == "test" for split in corpus.splits or ()])
    macro, plain = [], []
    for state in states:
        rows = state.texts[0].astype(np.float64)
        scaler = StandardScaler().fit(rows[~held])
        model = LogisticRegression(C=10 / 8, max_iter=1000).fit(scaler.transform(rows[~held]), labels[~held])
        said = model.predict(scaler.transform(rows[held]))
        macro.append(f1_score(labels[held], said, average="macro"))
        plain.append(accuracy_score(labels[held], said))
    assert (found.scores[0].before, found.scores[0].after) == pytest.approx(macro[:2])
    assert (found.scores[1].before, found.scores[1].after) == pytest.approx(plain[:2])
    assert found.scores[0].noise == pytest.approx(seed_noise(macro[1:]))
    assert found.scores[1].noise == pytest.approx(seed_noise(plain[1:]))
    assert f"({2} seeds)" in found.task_line


def test_help_within_seed_noise_is_no_evidence() -> None:
    dim, clear = topics(0.7, 0), topics(4, 1)
    apart = say(label_task(), dim, clear, topics(0.5, 2), topics(4, 3))
    agreed = say(label_task(), dim, clear, topics(4, 2), topics(4, 3))
    assert (apart.task, agreed.task) == ("NO EVIDENCE", "HELPED")
    assert any("does not exceed the seed noise" in reason for reason in apart.why)
    assert any("exceeds the seed noise" in reason for reason in agreed.why)
    assert "unknown" not in agreed.task_line


def test_the_same_model_never_helps_or_harms_and_says_so() -> None:
    one = topics(1, 0)
    for replicates in ((), (topics(1, 1), topics(1, 2))):
        same = say(label_task(), one, State(one.vectors.copy()), *replicates)
        assert (same.task, same.won, same.lost) == ("NO EVIDENCE", (), ())
        assert same.space_line.startswith("Nothing moved")
        assert same.scores[0].before == same.scores[0].after
        assert (same.scores[0].interval, same.scores[0].p) == ((0.0, 0.0), 1.0)


def test_a_text_counts_once_and_one_that_is_trained_on_is_no_test() -> None:
    corpus = Corpus(
        "c" * 64, "c", ("a", "a", "b", "b", "c"), labels=("x", "x", "y", None, None),
        splits=("test", "test", "test", "train", "test"),
    )  # fmt: skip
    state = State(np.eye(3))
    items = labelled(States(bare(), state, state, corpus))  # type: ignore[arg-type]
    assert items is not None
    assert (items.texts, items.labels.tolist(), items.held_out.tolist()) == (("a", "b"), ["x", "y"], [True, False])


def test_a_large_corpus_is_learnt_from_a_stated_part_of_it() -> None:
    corpus, one, two = label_task(), topics(1, 0), topics(1, 1)
    states = States(bare(), one, two, corpus)  # type: ignore[arg-type]
    items = labelled(states)
    assert items is not None
    some = training_rows(items, 30)
    assert (np.unique(items.labels[some], return_counts=True)[1] == 10).all()
    assert not items.held_out[some].any()
    assert training_rows(items, 30).tolist() == some.tolist()
    score = label_score(states, Rules(most_training=30))
    assert score is not None
    assert "30 of the 120 texts that are not held out, of every label the same share" in score.how[0]


def test_too_little_to_ask_is_not_measured() -> None:
    few = label_corpus(["a", "b"] * 10, [i < 9 for i in range(20)])
    single = label_corpus(["a"] * 30, [i < 15 for i in range(30)])
    for corpus in (few, single, replace(few, labels=None)):
        state = topics(1, 0, len(corpus))
        assert say(corpus, state, topics(2, 1, len(corpus))).task == "NOT MEASURED"


# -- pairs -----------------------------------------------------------------------------------------------------------


def paired(distance: float, seed: int, pairs: int = 60, d: int = 16) -> State:
    """Every text and its partner: a random direction of their own, and noise of this seed times `distance`."""
    base = np.random.default_rng(99).normal(size=(pairs, d))
    noise = distance * np.random.default_rng(seed).normal(size=(2 * pairs, d))
    return State(np.vstack([base, base]) + noise)


def plain_ranks(state: State, pairs: int, held: int) -> tuple[np.ndarray, np.ndarray]:
    """(rank of the own partner, first of all) by sorting everything."""
    unit = state.vectors.astype(np.float32).astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    cosine = unit[:held] @ unit[pairs : pairs + held].T
    order = (-cosine).argsort(axis=1)
    return np.array([1 + order[i].tolist().index(i) for i in range(held)]), order[:, 0]


def test_partners_nearer_helped_and_further_harmed() -> None:
    corpus, far, near = pair_corpus(60, 40), paired(1.2, 0), paired(0.3, 1)
    helped, harmed = say(corpus, far, near), say(corpus, near, far)
    assert (helped.task, harmed.task) == ("HELPED", "HARMED")
    assert helped.won == tuple(replace(a, before=a.after, after=a.before) for a in harmed.lost)
    assert helped.task_line.startswith("retrieval MRR (among 40 texts)")
    assert "on 40 held-out pairs" in helped.task_line


def test_pair_scores_and_answers_by_another_route() -> None:
    corpus, far, near = pair_corpus(60, 40), paired(1.2, 0), paired(0.6, 1)
    found = say(corpus, far, near)
    before, first_before = plain_ranks(far, 60, 40)
    after, first_after = plain_ranks(near, 60, 40)
    of = {r.name: (r.before, r.after) for r in found.scores}
    assert list(of) == ["mrr", "ndcg_10", "recall_1", "recall_10"]
    for i, rank in enumerate((before, after)):
        assert of["mrr"][i] == pytest.approx((1 / rank).mean())
        assert of["ndcg_10"][i] == pytest.approx(np.where(rank <= 10, 1 / np.log2(1 + rank), 0).mean())
        assert of["recall_1"][i] == pytest.approx((rank == 1).mean())
        assert of["recall_10"][i] == pytest.approx((rank <= 10).mean())
    won = [i for i in range(40) if after[i] == 1 < before[i]]
    assert [a.text for a in found.won] == [f"text {i}" for i in won]
    assert [a.before for a in found.won] == [f"partner {first_before[i]}" for i in won]
    lost = [i for i in range(40) if before[i] == 1 < after[i]]
    assert [a.after for a in found.lost] == [f"partner {first_after[i]}" for i in lost]
    assert all(a.truth == f"partner {a.text.split()[1]}" for a in (*found.won, *found.lost))


def test_other_partners_are_no_rivals_and_nobody_asks_for_itself() -> None:
    texts = ("q", "q", "q", "s", "t")
    corpus = Corpus("d" * 64, "d", texts, pairs=("p1", "p2", "p2", "s", None), splits=("test",) * 5)
    state = State(np.eye(5))
    asked = questions(States(bare(), state, state, corpus))  # type: ignore[arg-type]
    assert asked is not None
    named = [(asked.texts[q], asked.texts[p]) for q, p in zip(asked.query, asked.partner, strict=True)]
    assert named == [("q", "p1"), ("q", "p2")]
    assert len(asked.queries) == 1


def test_a_query_with_many_partners_counts_once() -> None:
    """Ten texts find their partner; an eleventh with five partners, as near as can be, finds them all or none."""
    corpus = Corpus(
        "e" * 64, "e", (*(f"t{i}" for i in range(10)), *["many"] * 5),
        pairs=(*(f"p{i}" for i in range(10)), *(f"m{i}" for i in range(5))), splits=("test",) * 15,
    )  # fmt: skip
    directions = np.eye(11)
    rows = np.vstack([directions, directions[:10], np.repeat(directions[10:], 5, axis=0)])
    found = say(corpus, State(rows), State(np.vstack([rows[:10], -rows[10:11], rows[11:]])))
    assert (found.scores[2].before, found.scores[2].after) == (1.0, pytest.approx(10 / 11))
    assert len(found.lost) == 5


def test_a_large_retrieval_asks_a_stated_part() -> None:
    corpus = pair_corpus(60, 40)
    found = say(corpus, paired(1, 0), paired(1, 1), rules=Rules(most_cosines=800))
    assert found.scores[0].before is not None
    assert any("20 of the 40 held-out texts, chosen by their sha256, ask" in reason for reason in found.why)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_turning_both_spaces_changes_no_pair_score(seed: int) -> None:
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(16, 16)))[0]
    corpus, one, two = pair_corpus(40, 20), paired(0.8, seed, 40), paired(0.6, seed + 1, 40)
    plain, turned = say(corpus, one, two), say(corpus, State(one.vectors @ turn), State(two.vectors @ turn))
    for a, b in zip(plain.scores, turned.scores, strict=True):
        assert (a.before, a.after) == pytest.approx((b.before, b.after))
    assert plain.task == turned.task
