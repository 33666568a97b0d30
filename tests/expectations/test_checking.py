"""Statements against models whose geometry is known: planted moves, senses, and what is not there."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embedlab import compare, survey
from embedlab.errors import UserError
from embedlab.expectations import check, parse, require_words, words_wanted
from embedlab.survey import Survey
from embedlab.types import Collateral, Comparison, Corpus, Expectation, Occurrence, Reading, Verdict
from tests.fakes import FakeEncoder, sense_corpus

BEFORE = FakeEncoder(1.0)
AFTER = FakeEncoder(1.0, moved={"wing": "loan"})  # the planted move: wing stands where loan does


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return sense_corpus(12)


@pytest.fixture(scope="module")
def made(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, Survey, Survey]:
    folder = Path(tmp_path_factory.mktemp("surveys"))
    plan = survey.plan_survey(corpus, BEFORE, words=["water"])
    one, two = (survey.take_survey(e, plan, folder / n) for e, n in ((BEFORE, "one"), (AFTER, "two")))
    return compare.compare(one, two, corpus, k=5), one, two


def checked(line: str, made: tuple[Comparison, Survey, Survey], corpus: Corpus, **changes: object) -> Expectation:
    comparison, one, two = made
    [found] = check(parse(line), replace(comparison, **changes), one, two, corpus)  # type: ignore[arg-type]
    assert found.statement == line
    return found


def mean(encoder: FakeEncoder, corpus: Corpus, word: str, beside: str = "", sense: str = "") -> np.ndarray:
    """The mean of the uses meant, one by one from the encoder."""
    uses = []
    for text, target in zip(corpus.texts, corpus.targets or (), strict=True):
        words = text.rstrip(".").split()
        if beside and beside not in words:
            continue
        if sense and (target is None or target.sense != sense):
            continue
        starts = [sum(len(w) + 1 for w in words[:i]) for i, w in enumerate(words) if w == word]
        uses += [Occurrence(text, start, start + len(word)) for start in starts]
    out = np.zeros((len(uses), 16))
    for rows, arrays in encoder.encode(uses, layers=[2]):
        out[rows] = arrays[0]
    return out.mean(axis=0)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize(
    ("line", "items"),
    [
        ("bank+boat nearer water than loan", [("bank", "boat", ""), ("water", "", ""), ("loan", "", "")]),
        ("bank:money nearer loan than boat", [("bank", "", "money"), ("loan", "", ""), ("boat", "", "")]),
        ("wing nearer loan than nest", [("wing", "", ""), ("loan", "", ""), ("nest", "", "")]),
        ("water+fish nearer crane:bird than bank", [("water", "fish", ""), ("crane", "", "bird"), ("bank", "", "")]),
    ],
)
def test_nearer_is_the_cosine_of_the_means_of_the_uses(
    line: str, items: list[tuple[str, str, str]], made: tuple[Comparison, Survey, Survey], corpus: Corpus
) -> None:
    wanted = []
    for encoder in (BEFORE, AFTER):
        item, near, far = (mean(encoder, corpus, *of) for of in items)
        wanted.append((cosine(item, near), cosine(item, far)))
    found = checked(line, made, corpus)
    assert (found.before, found.after) == tuple(near > far for near, far in wanted)
    numbers = [f"{abs(x):.3f}".lstrip("0") for both in wanted for x in both]
    assert all(number in found.detail for number in numbers), found.detail


def test_a_planted_move_is_told(made: tuple[Comparison, Survey, Survey], corpus: Corpus) -> None:
    moved = checked("wing nearer loan than nest at layer 0", made, corpus)
    assert (moved.before, moved.after) == (False, True)
    assert moved.detail.startswith("layer 0: before ")
    near = checked("wing never near loan at layer 0", made, corpus)
    assert (near.before, near.after) == (True, False)
    assert "→ rank 1" in near.detail
    assert near.detail.endswith("k = 5")
    kept = checked("loan keeps wing at layer 0", made, corpus)
    assert (kept.before, kept.after) == (False, True)


def test_neighbours_are_those_of_the_word_table(made: tuple[Comparison, Survey, Survey], corpus: Corpus) -> None:
    table = made[0].words
    row = table.row("bank")
    nearest = [table.words[i] for i in table.neighbours_after[-1, row]]
    both = [w for w in nearest if w in {table.words[i] for i in table.neighbours_before[-1, row]}]
    found = checked(f"bank keeps {', '.join(both)}", made, corpus)
    assert (found.before, found.after) == (True, True)
    far = next(word for word in table.words if word not in nearest and word != "bank")
    assert not checked(f"bank keeps {both[0]}, {far}", made, corpus).after
    assert checked(f"bank never near {far}", made, corpus).after


def test_readings_floors_and_changes(made: tuple[Comparison, Survey, Survey], corpus: Corpus) -> None:
    last = made[0].layers[-1].readings
    cosine_ = last["mean_cosine"]
    assert cosine_.before is not None and cosine_.after is not None  # noqa: PT018
    just = checked(f"mean_cosine at most {cosine_.after!r}", made, corpus)
    assert just.after
    assert just.before == (cosine_.before <= cosine_.after)
    assert not checked(f"mean_cosine at most {cosine_.after - 1e-9:.12f}", made, corpus).after
    change = cosine_.after - cosine_.before
    assert checked(f"change of mean_cosine at least {change - 1e-9:.12f}", made, corpus).after
    assert not checked(f"change of mean_cosine at least {change + 1e-9:.12f}", made, corpus).after
    kept = checked("knn_jaccard at least 0.01", made, corpus)
    assert kept.before is None
    assert kept.after
    first = made[0].layers[0].readings["knn_jaccard"].value
    assert first is not None
    assert checked(f"knn_jaccard at most {first!r} at layer 0", made, corpus).after
    word = made[0].sense_readings["bank"][-1].readings["wsd_centroid_macro_f1"].after
    assert word is not None
    assert checked(f"wsd_centroid_macro_f1 of bank at least {word!r}", made, corpus).after
    assert not checked(f"wsd_centroid_macro_f1 of bank at least {word + 0.01:.6f}", made, corpus).after


def test_task_scores_and_verdicts(made: tuple[Comparison, Survey, Survey], corpus: Corpus) -> None:
    mrr = Reading("mrr", 0.6, 0.4, interval=(-0.3, -0.1), noise=0.05)
    off = Collateral("off domain", 9, Reading("drift_cosine", value=0.1), Reading("knn_jaccard", value=0.5))
    verdict = Verdict("HARMED", "MRR fell", "a line", (), scores=(mrr,), findings=("COLLAPSE",), collateral=(off,))
    judged = {"verdict": verdict}
    floor = checked("mrr at least 0.5", made, corpus, **judged)
    assert (floor.before, floor.after) == (True, False)
    change = checked("change of mrr at least -0.02", made, corpus, **judged)
    assert not change.after
    assert "seed noise .0500" in change.detail
    assert not checked("task not HARMED", made, corpus, **judged).after
    assert checked("task HARMED", made, corpus, **judged).after
    assert checked("task not HELPED", made, corpus, **judged).after
    assert not checked("space without COLLAPSE", made, corpus, **judged).after
    assert checked("space without FORGETTING", made, corpus, **judged).after
    assert not checked("space without COLLAPSE, FORGETTING", made, corpus, **judged).after


def test_what_cannot_be_known_is_not_met(made: tuple[Comparison, Survey, Survey], corpus: Corpus) -> None:
    for line in ("task not HARMED", "mrr at least 0", "change of mrr at most 1", "space without FORGETTING"):
        found = checked(line, made, corpus)
        assert not found.after
        assert "not known, so not met" in found.detail
    undefined = {"layers": (replace(made[0].layers[-1], readings={}),)}
    assert not checked("isoscore at most 1", made, corpus, **undefined).after


def test_a_word_that_a_model_does_not_know_has_no_vector(corpus: Corpus, tmp_path: Path) -> None:
    blind = FakeEncoder(1.0, blind=["loan"])
    plan = survey.plan_survey(corpus, BEFORE)
    one, two = (survey.take_survey(e, plan, tmp_path / n) for e, n in ((BEFORE, "one"), (blind, "two")))
    made = (compare.compare(one, two, corpus, k=5), one, two)
    found = checked("bank nearer loan than boat", made, corpus)
    assert found.before is not None
    assert not found.after
    assert "after the model has no vector for loan" in found.detail
    assert not checked("bank never near loan", made, corpus).after


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("bank nearer laon than boat", r"“laon” never occurs; near it are “loan”"),
        ("bank keeps boatt", r"“boatt” never occurs; near it are “boat”"),
        ("bank+loam nearer loan than boat", "no text with “bank” holds “loam”; near it are “loan”"),
        ("bank:river nearer loan than boat at layer 7", "no layer 7 in this comparison, whose layers are 0, 1, 2"),
        (
            "bank:sofa nearer loan than boat",
            "“bank” has no sense “sofa” in this .*; its senses are “money”, “river”",
        ),
        ("water:sofa nearer loan than boat", "its uses have no senses"),
        ("boat+water nearer loan than bank", "the uses of “boat” were not read: ask for them with --word"),
        ("wsd_knn_accuracy of bnak at least 0", "“bnak” never occurs; near it are .*“bank”"),
    ],
)
def test_what_is_not_in_the_survey_is_named_with_what_is_near(
    line: str, what: str, made: tuple[Comparison, Survey, Survey], corpus: Corpus
) -> None:
    with pytest.raises(UserError, match=what) as caught:
        checked(line, made, corpus)
    assert str(caught.value).startswith("Line 1, “")
    assert "\n" not in str(caught.value)


def test_words_are_asked_for_before_any_model_is_read(corpus: Corpus) -> None:
    statements = parse("bank+boat nearer water than loan\nbank keeps credit, lone\n")
    assert words_wanted(statements) == ("bank",)
    with pytest.raises(UserError, match=r"Line 2.*“lone” never occurs; near it are .*“loan”"):
        require_words(statements, corpus)
    require_words(statements[:1], corpus)
    with pytest.raises(UserError, match="has 1 use, and words are counted from 2"):
        require_words(parse("once nearer bank than loan"), Corpus("c", "c", ("once a bank", "a bank loan", "loan")))
