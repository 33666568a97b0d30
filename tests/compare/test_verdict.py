"""HELPED, HARMED, NO EVIDENCE: by planted effects, each task in its turn."""

from dataclasses import replace

import numpy as np

from embedlab import compare as comparing
from embedlab.types import Corpus, Verdict
from embedlab.verdict import _ranks, decide, judged, shown_change
from tests.compare.conftest import Surveys
from tests.fakes import SENSE_WORDS, FakeEncoder, sense_corpus

SENSES = sense_corpus(24)


def verdict(surveys: Surveys, corpus: Corpus, before: FakeEncoder, after: FakeEncoder) -> Verdict:
    one, two = surveys(corpus, before, after)
    return judged(comparing.compare(one, two, corpus, k=5), one, two, corpus).verdict


def test_senses_told_apart_helped_and_merged_harmed(surveys: Surveys) -> None:
    helped = verdict(surveys, SENSES, FakeEncoder(0.0), FakeEncoder(1.0))
    harmed = verdict(surveys, SENSES, FakeEncoder(1.0), FakeEncoder(0.0))
    assert (helped.task, harmed.task) == ("HELPED", "HARMED")
    assert helped.wins == harmed.losses
    assert helped.wins is not None
    assert helped.wins > 5
    assert harmed.wins == helped.losses == 0
    assert "sense macro-F1 (mean over 2 words)" in helped.task_line
    assert "on 24 held-out items" in helped.task_line
    assert "lies above zero" in helped.why[0]
    assert "McNemar" in helped.why[1]


def test_the_same_model_is_no_evidence_and_says_that_nothing_moved(surveys: Surveys) -> None:
    same = verdict(surveys, SENSES, FakeEncoder(), FakeEncoder())
    assert same.task == "NO EVIDENCE"
    assert (same.wins, same.losses) == (0, 0)
    assert same.space_line == "Nothing moved: every reading is equal, at every layer"


def test_an_unsure_change_is_no_evidence(surveys: Surveys) -> None:
    unsure = verdict(surveys, SENSES, FakeEncoder(0.0), FakeEncoder(0.0, jitter=0.06))
    assert unsure.task == "NO EVIDENCE"
    assert "includes zero" in unsure.why[0]


def test_labels_decide_where_there_are_no_senses(surveys: Surveys) -> None:
    corpus = replace(SENSES, targets=None)
    clues = [word for senses in SENSE_WORDS.values() for words in senses.values() for word in words]
    blind = FakeEncoder(0.0, moved=dict.fromkeys([*clues, *SENSE_WORDS], "the"))
    scored = verdict(surveys, corpus, blind, FakeEncoder(0.0))
    assert scored.task == "HELPED"
    assert scored.task_line.startswith("label macro-F1 (4 labels)")
    assert scored.wins is not None
    assert scored.wins > 5


def test_pairs_decide_where_there_is_nothing_else(surveys: Surveys) -> None:
    rng = np.random.default_rng(0)
    names = [f"w{i}" for i in range(60)]
    texts = tuple(f"the {name} and {rng.choice(names)} very small" for name in names)
    pairs = tuple(f"some {name} again" for name in names)
    corpus = Corpus("a" * 64, "pairs", texts, pairs=pairs)
    lost = FakeEncoder(0.0, moved=dict.fromkeys(names, "the"))
    harmed = verdict(surveys, corpus, FakeEncoder(0.0), lost)
    assert harmed.task == "HARMED"
    assert harmed.task_line.startswith("retrieval MRR (among 15 texts)")


def test_a_corpus_of_plain_texts_measures_no_task(surveys: Surveys) -> None:
    corpus = replace(SENSES, targets=None, labels=None)
    nothing = verdict(surveys, corpus, FakeEncoder(), FakeEncoder(0.5))
    assert nothing.task == "NOT MEASURED"
    assert nothing.wins is None
    assert "needs a sense, label or related-text column" in nothing.why[0]


def test_the_space_line_gives_facts_and_owns_that_the_noise_is_unknown(surveys: Surveys) -> None:
    collapsed = verdict(surveys, SENSES, FakeEncoder(), FakeEncoder(cone=4.0))
    assert collapsed.space_line.startswith("COLLAPSE · mean cosine")
    assert "noise floor unknown (one seed)" in collapsed.space_line
    assert any("only one seed was trained" in reason for reason in collapsed.why)
    fine = verdict(surveys, SENSES, FakeEncoder(), FakeEncoder(0.8))
    assert fine.space_line.startswith("No collapse · mean cosine")
    assert "effective rank" in fine.space_line
    assert "neighbours kept" in fine.space_line


def test_an_end_of_the_interval_that_decides_is_never_shown_as_zero() -> None:
    assert shown_change(-0.2, (-0.31, -0.004)) == "−.200 [−.310, −.004]"
    assert shown_change(0.09, (0.06, 0.12)) == "+.09 [.06, .12]"
    assert shown_change(0.0, (0.0, 0.0)) == "0"


def test_decide_follows_the_interval() -> None:
    assert decide((0.01, 0.2)) == "HELPED"
    assert decide((-0.2, -0.01)) == "HARMED"
    assert decide((0.0, 0.2)) == decide((-0.1, 0.1)) == decide((0.0, 0.0)) == "NO EVIDENCE"


def test_ranks_count_ties_against_the_partner() -> None:
    vectors = np.array([[1, 0], [1, 0.1], [1, 0.1], [0, 1], [1, 0]], dtype=np.float32)
    assert _ranks(vectors, [(0, 1), (3, 2)]).tolist() == [2.0, 2.0]
    assert _ranks(vectors, [(0, 4), (3, 1)]).tolist() == [1.0, 1.0]
    assert _ranks(vectors, [(0, 3), (4, 0)]).tolist() == [1.0, 1.0]  # a text is no candidate for itself
