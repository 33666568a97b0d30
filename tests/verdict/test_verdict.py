"""The verdict on surveys and comparisons as they are made: senses, the order of the rules, seeds, the space."""

from dataclasses import replace

import pytest

from embedlab import compare as comparing
from embedlab.measure.noise import seed_noise
from embedlab.types import Comparison, Corpus, Verdict
from embedlab.verdict import judged
from embedlab.verdict.senses import _graded, _scored_words
from embedlab.verdict.states import States
from tests.fakes import SENSE_WORDS, FakeEncoder, sense_corpus
from tests.verdict.conftest import Surveys

SENSES = sense_corpus(24)
FAR = [
    f"{a} {b} of {c}"
    for a in ("cubic", "velvet", "empty", "seven")
    for b in ("tides", "theorems", "violins", "winters")
    for c in ("algebra", "parliament", "copper")
]


def compared(surveys: Surveys, corpus: Corpus, *encoders: FakeEncoder, **options: object) -> tuple[Comparison, States]:
    """(judged, its states): before, after, replicates that only the verdict is given."""
    before, after, *others = surveys(corpus, *encoders, **options)
    made = judged(comparing.compare(before, after, corpus, k=5), before, after, corpus, replicates=others)
    return made, States(made, before, after, corpus, tuple(others))


def say(surveys: Surveys, corpus: Corpus, *encoders: FakeEncoder, **options: object) -> Verdict:
    return compared(surveys, corpus, *encoders, **options)[0].verdict


def test_senses_told_apart_helped_and_merged_harmed(surveys: Surveys) -> None:
    helped = say(surveys, SENSES, FakeEncoder(0.0), FakeEncoder(1.0))
    harmed = say(surveys, SENSES, FakeEncoder(1.0), FakeEncoder(0.0))
    assert (helped.task, harmed.task) == ("HELPED", "HARMED")
    assert helped.won == tuple(replace(a, before=a.after, after=a.before) for a in harmed.lost)
    assert len(helped.won) > 5
    assert not helped.lost
    assert [r.name for r in helped.scores] == [
        "wsd_centroid_macro_f1", "wsd_centroid_accuracy", "wsd_knn_macro_f1", "wsd_knn_accuracy"
    ]  # fmt: skip
    assert helped.task_line.startswith("sense macro-F1 (mean over 2 words)")
    assert "on 24 held-out uses; whether another seed" in helped.task_line


def test_an_answer_names_its_use(surveys: Surveys) -> None:
    won = say(surveys, SENSES, FakeEncoder(0.0), FakeEncoder(1.0)).won
    for answer in won:
        word = answer.text[answer.start : answer.end]
        assert word in SENSE_WORDS
        assert answer.truth == answer.after != answer.before
        assert {answer.truth, answer.before} == set(SENSE_WORDS[word])


def test_the_deciding_score_is_that_of_the_comparison(surveys: Surveys) -> None:
    made, states = compared(surveys, SENSES, FakeEncoder(0.0), FakeEncoder(0.5))
    graded = _graded(states, _scored_words(states))
    reading, score = made.layers[-1].readings["wsd_centroid_macro_f1"], made.verdict.scores[0]
    assert (score.before, score.after, score.interval) == (reading.before, reading.after, reading.interval)
    assert graded.score(graded.before) == pytest.approx(reading.before)
    assert graded.score(graded.after) == pytest.approx(reading.after)
    assert score.p == graded.swap_p(0)


def test_the_seeds_of_the_senses_by_another_route(surveys: Surveys) -> None:
    encoders = [FakeEncoder(0.0), *(FakeEncoder(strength, jitter=0.4) for strength in (0.3, 0.2, 0.1))]
    before, *seeds = surveys(SENSES, *encoders)
    alone = [
        comparing.compare(before, seed, SENSES, k=5).layers[-1].readings["wsd_centroid_macro_f1"] for seed in seeds
    ]
    noise = judged(
        comparing.compare(before, seeds[0], SENSES, k=5), before, seeds[0], SENSES, replicates=seeds[1:]
    ).verdict.scores[0].noise  # fmt: skip
    after = [reading.after for reading in alone if reading.after is not None]
    assert noise == pytest.approx(seed_noise(after))
    assert len(set(after)) > 1


def test_the_same_model_is_no_evidence_and_says_that_nothing_moved(surveys: Surveys) -> None:
    same = say(surveys, SENSES, FakeEncoder(), FakeEncoder(), off_domain=FAR)
    assert same.task == "NO EVIDENCE"
    assert (same.won, same.lost, same.findings) == ((), (), ())
    assert same.space_line == "Nothing moved: every reading is equal, at every layer"


def test_an_unsure_change_is_no_evidence(surveys: Surveys) -> None:
    unsure = say(surveys, SENSES, FakeEncoder(0.0), FakeEncoder(0.0, jitter=0.06))
    assert unsure.task == "NO EVIDENCE"
    assert "across or at zero" in unsure.why[1]


def test_the_order_of_the_rules(surveys: Surveys) -> None:
    pairs = tuple(f"some {text}" for text in SENSES.texts)
    everything = replace(SENSES, pairs=pairs)
    for corpus, begins in (
        (everything, "sense macro-F1"),
        (replace(everything, targets=None), "probe macro-F1 (4 labels)"),
        (replace(everything, targets=None, labels=None), "retrieval MRR (among 24 texts)"),
    ):
        assert say(surveys, corpus, FakeEncoder(0.0), FakeEncoder(0.5)).task_line.startswith(begins)


def test_a_corpus_of_plain_texts_measures_no_task(surveys: Surveys) -> None:
    corpus = replace(SENSES, targets=None, labels=None)
    nothing = say(surveys, corpus, FakeEncoder(), FakeEncoder(0.5))
    assert (nothing.task, nothing.scores) == ("NOT MEASURED", ())
    assert "needs a sense, label or related-text column" in nothing.why[0]


def test_a_collapsed_space_is_found_and_a_fine_one_is_not(surveys: Surveys) -> None:
    collapsed = say(surveys, SENSES, FakeEncoder(), FakeEncoder(cone=4.0), off_domain=FAR)
    assert collapsed.findings[0] == "COLLAPSE"
    assert collapsed.space_line.startswith("COLLAPSE")
    fine = say(surveys, SENSES, FakeEncoder(), FakeEncoder(0.8), off_domain=FAR)
    assert fine.findings == ()
    assert fine.space_line.startswith("No collapse, no forgetting")
    assert [(c.region, c.texts) for c in fine.collateral] == [("in domain", 96), ("off domain", len(FAR))]


def test_off_domain_texts_whose_words_were_moved_are_forgotten(surveys: Surveys) -> None:
    words = sorted({word for text in FAR for word in text.split()})
    scattered = dict(zip(words, [f"x{i}" for i in range(len(words))], strict=True))
    found = say(surveys, SENSES, FakeEncoder(), FakeEncoder(moved=scattered, jitter=2.0), off_domain=FAR)
    assert "FORGETTING" in found.findings


def test_another_layer_than_the_last_is_judged_at_that_layer(surveys: Surveys) -> None:
    before, after = surveys(replace(SENSES, targets=None), FakeEncoder(0.0), FakeEncoder(1.0))
    corpus = replace(SENSES, targets=None)
    first = judged(comparing.compare(before, after, corpus, k=5, layers=[0]), before, after, corpus).verdict
    assert first.task == "NO EVIDENCE"  # layer 0 of the fake sees no context: nothing changed there
    assert first.won == first.lost == ()
