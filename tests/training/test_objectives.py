"""What each objective asks of a corpus, how it divides it, and the batches it makes."""

import subprocess
import sys
from dataclasses import fields
from itertools import combinations

import numpy as np
import pytest

from embedlab.corpus import Columns, held_out, selection
from embedlab.errors import TrainingError
from embedlab.store import Store
from embedlab.training.division import FEWEST_SELECTION, divide, trained_rows
from embedlab.training.objectives import OBJECTIVES, Examples, objective, simcse
from embedlab.types import Corpus, Stage
from tests.training import tiny

TABLES = {"triplets": tiny.triplets, "scored": tiny.scored}


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_each_objective_takes_what_it_needs(store: Store, name: str) -> None:
    corpus = tiny.add_corpus(store, TABLES.get(name, tiny.rows)())
    held, one = held_out(corpus), OBJECTIVES[name]
    assert one.applies(corpus) is None
    division = one.split(corpus, held)
    train, test = division.train, division.held_out
    assert not texts_of(train) & texts_of(test), f"{name} trains on held-out texts"
    assert len(train) + len(test) == len(corpus)
    assert len(division.selection) == 0, "none was set aside"
    for column in ("partners", "negatives", "scores"):
        wanted = {"partners": "pair", "negatives": "negative", "scores": "score"}[column] in one.needs
        assert len(getattr(train, column)) == (len(train) if wanted else 0)


def texts_of(examples: Examples) -> set[str]:
    return {use.text for use in (*examples.uses, *examples.partners, *examples.negatives) if use is not None}


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_selection_rows_are_neither_trained_on_nor_held_out(store: Store, name: str) -> None:
    large_corpus = tiny.add_corpus(store, TABLES.get(name, tiny.rows)(each=40))
    part = divide(large_corpus, [name])[name]
    assert len(part.selection) >= FEWEST_SELECTION
    for one, other in combinations((part.train, part.selection, part.held_out), 2):
        assert not texts_of(one) & texts_of(other)
        assert not {use.row for use in one.uses} & {use.row for use in other.uses}
    held, chosen = held_out(large_corpus), selection(large_corpus)
    assert {use.row for use in part.selection.uses} == set(np.flatnonzero(chosen).tolist())
    assert {use.row for use in part.held_out.uses} == set(np.flatnonzero(held).tolist())
    config = tiny.config(large_corpus, Stage(2, {"*": 1e-3}, "linear", name))
    assert np.array_equal(trained_rows(large_corpus, config), ~held & ~chosen)


def test_what_one_stage_chooses_by_another_does_not_train_on(large_corpus: Corpus) -> None:
    parts = divide(large_corpus, ["labels", "senses"])
    chosen = {use.row for use in parts["senses"].selection.uses}
    assert chosen
    assert not chosen & {use.row for use in parts["labels"].train.uses}


def test_a_text_given_to_choose_by_that_is_also_held_out_does_neither_train_nor_choose() -> None:
    texts = ("shared", "shared", "a", "b", "c", "d", "e", "f")
    made = Corpus("0", "made", texts, labels=("x", "x", "x", "y", "x", "y", "x", "y"))
    held, wanted = np.isin(np.arange(8), [0, 4, 5]), np.isin(np.arange(8), [1, 2])
    division = objective("labels").split(made, held, wanted)
    assert texts_of(division.selection) == {"a"}
    assert texts_of(division.train) == {"b", "e", "f"}


def test_too_few_rows_to_choose_by_are_trained_on_instead(corpus: Corpus) -> None:
    assert 0 < selection(corpus).sum() < FEWEST_SELECTION
    part = divide(corpus, ["senses"])["senses"]
    assert len(part.selection) == 0
    assert len(part.train) + len(part.held_out) == len(corpus)


def test_rows_of_a_word_with_one_sense_cannot_choose(store: Store) -> None:
    """Two words have a choice and too few rows; a third has rows enough and one sense."""
    columns = ("text", "target", "sense")
    table = [{name: row[name] for name in columns} for row in tiny.rows(each=12)]
    table += [{"text": f"a lamp and {i} more", "target": "lamp", "sense": "light"} for i in range(240)]
    corpus = tiny.add_corpus(store, table)
    assert selection(corpus).sum() >= FEWEST_SELECTION
    assert len(divide(corpus, ["senses"])["senses"].selection) == 0


def test_a_row_that_shares_its_partner_with_a_held_out_row_is_not_trained_on(store: Store) -> None:
    table = [{"text": f"question number {i}", "pair": "the same answer" if i % 2 else f"answer {i}"} for i in range(40)]
    corpus = tiny.add_corpus(store, table)
    held = held_out(corpus)
    part = objective("pairs").split(corpus, held)
    assert "the same answer" in {use.text for use in part.held_out.partners}
    assert "the same answer" not in {use.text for use in part.train.partners}


def texts(n: int) -> list[dict[str, str]]:
    return [{"text": f"text {i}", "pair": f"pair {i}", "negative": f"other {i}"} for i in range(n)]


@pytest.mark.parametrize(("name", "first"), [("pairs", [1]), ("triplets", [])])
def test_a_row_that_shows_a_held_out_text_is_not_trained_on(name: str, first: list[int]) -> None:
    """Row 0 is held out; rows 1 to 3 show its text, partner and negative in other columns.

    Row 1 shows it as its negative: a triplet goes, a pair stays and loses the negative.
    """
    table = texts(12)
    table[1]["negative"], table[2]["text"], table[3]["pair"] = "text 0", "pair 0", "other 0"
    made = corpus_of(table)
    part = objective(name).split(made, np.isin(np.arange(12), [0, 11]))
    assert [use.row for use in part.train.uses] == [*first, 4, 5, 6, 7, 8, 9, 10]
    shown = [None if use is None else use.text for use in part.train.negatives]
    assert shown == [None] * len(first) + [f"other {i}" for i in range(4, 11)]


def test_no_other_objective_trains_on_the_partner_of_a_held_out_row() -> None:
    """A stage of mlm before one of pairs would read it."""
    table = texts(40)
    table[3]["text"], table[4]["text"], table[5]["pair"] = "pair 0", "other 0", "text 0"
    part = objective("mlm").split(corpus_of(table), np.isin(np.arange(40), [0, 11]))
    assert sorted(set(range(40)) - {use.row for use in part.train.uses if use.row is not None}) == [0, 3, 4, 11]


def corpus_of(table: list[dict[str, str]], scores: list[float | None] | None = None) -> Corpus:
    def column(name: str) -> tuple[str | None, ...]:
        return tuple(row.get(name) for row in table)

    named = {"pairs": column("pair"), "negatives": column("negative")}
    return Corpus("0", "made", tuple(row["text"] for row in table), **named, scores=scores and tuple(scores))


def test_pairs_take_hard_negatives_where_there_are_such() -> None:
    table = texts(12)
    del table[3]["negative"]
    found = objective("pairs").examples(corpus_of(table), range(12))
    assert [use and use.text for use in found.negatives] == [row.get("negative") for row in table]
    assert objective("pairs").examples(corpus_of([{"text": "a", "pair": "b"}]), [0]).negatives == (None,)
    assert objective("pairs").examples(Corpus("0", "", ("a",), pairs=("b",)), [0]).negatives == ()
    kept = objective("triplets").examples(corpus_of(table), range(12))
    assert 3 not in [use.row for use in kept.uses]
    assert kept.take([2, 0]).negatives == (kept.negatives[2], kept.negatives[0])


def test_pairs_whose_scores_differ_are_not_all_related() -> None:
    table = texts(12)
    alike: list[float | None] = [1.0] * 11 + [None]
    assert objective("pairs").applies(corpus_of(table, alike)) is None
    assert "all its scores are equal" in str(objective("scored").applies(corpus_of(table, alike)))
    unlike = [0.0, *alike[1:]]
    assert "choose scored" in str(objective("pairs").applies(corpus_of(table, unlike)))
    assert objective("scored").applies(corpus_of(table, unlike)) is None
    assert objective("scored").examples(corpus_of(table, unlike), range(12)).scores == (0.0, *[1.0] * 10)


@pytest.mark.parametrize(
    ("text", "halves"),
    [
        ("one two", ("one", "two")),
        ("a bank of the river", ("a bank of", "the river")),
        ("  spread   wide  ", ("spread", "wide")),
        ("extraordinarily so", ("extraordinarily", "so")),
        ("word", None),
        ("水边有一家很老的银行", ("水边有一家", "很老的银行")),
    ],
)
def test_a_text_is_cut_into_halves_for_the_score(text: str, halves: tuple[str, str] | None) -> None:
    assert simcse.halves(text) == halves


def test_halves_put_together_are_the_text() -> None:
    for row in tiny.rows():
        first, second = simcse.halves(row["text"]) or ("", "")
        assert f"{first} {second}" == row["text"]
        assert abs(len(first) - len(second)) <= max(map(len, row["text"].split())) + 1


@pytest.mark.parametrize(
    ("name", "table", "reason"),
    [
        ("labels", [{"text": f"text {i}"} for i in range(9)], "no label column"),
        ("labels", [{"text": f"text {i}", "label": "one"} for i in range(9)], "at least two labels"),
        ("pairs", [{"text": f"text {i}"} for i in range(9)], "no column of related texts"),
        ("pairs", [{"text": f"text {i}", "pair": "other text"} for i in range(7)], "at least eight"),
        ("triplets", [{"text": f"text {i}"} for i in range(9)], "no column of related texts"),
        ("triplets", [{"text": f"text {i}", "pair": f"other {i}"} for i in range(9)], "no column of negatives"),
        ("triplets", texts(7), "at least eight"),
        ("scored", [{"text": f"text {i}"} for i in range(9)], "no column of related texts"),
        ("scored", texts(9), "no column of scores"),
        ("scored", [{"text": f"t {i}", "pair": f"p {i}", "score": str(i)} for i in range(7)], "at least eight"),
        ("scored", [{"text": f"t {i}", "pair": f"p {i}", "score": "2"} for i in range(9)], "all its scores are equal"),
        ("pairs", [{"text": f"t {i}", "pair": f"p {i}", "score": str(i)} for i in range(9)], "choose scored"),
        ("simcse", [{"text": f"text {i % 15}"} for i in range(90)], "at least sixteen"),
        ("simcse", [{"text": f"word{i}"} for i in range(90)], "two words or more"),
        ("mlm", [{"text": f"text {i % 15}"} for i in range(90)], "at least sixteen"),
        ("senses", [{"text": f"text {i}"} for i in range(9)], "no target words with senses"),
        (
            "senses",
            [{"text": f"a bank {i}", "target": "bank", "sense": "money"} for i in range(9)],
            "needs two senses",
        ),
    ],
)
def test_what_does_not_apply_says_why(store: Store, name: str, table: list[dict[str, str]], reason: str) -> None:
    corpus = tiny.add_corpus(store, table)
    assert reason in str(objective(name).applies(corpus))
    with pytest.raises(TrainingError, match="cannot be used"):
        objective(name).split(corpus, held_out(corpus))


def test_too_little_on_one_side_is_refused(corpus: Corpus) -> None:
    with pytest.raises(TrainingError, match="0 held-out rows"):
        objective("labels").split(corpus, np.zeros(len(corpus), dtype=bool))


def test_every_objective_says_what_it_does_in_one_sentence_and_what_it_needs() -> None:
    roles = {field.name for field in fields(Columns)}
    for name, one in OBJECTIVES.items():
        assert one.name == name
        assert one.line.endswith(".")
        assert one.line.count(". ") == 0
        assert set(one.needs) <= roles
        assert "text" in one.needs


def test_an_unknown_objective_names_those_there_are() -> None:
    with pytest.raises(TrainingError, match="labels, pairs, triplets, scored, simcse, mlm, lm, translation, senses"):
        objective("magic")


def test_what_the_screen_asks_needs_no_torch() -> None:
    code = (
        "import sys, embedlab.jobs, embedlab.training.division, embedlab.training.canary; "
        "print([m for m in ('torch', 'transformers', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
