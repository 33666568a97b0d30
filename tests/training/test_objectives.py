import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest

from embedlab.corpus import held_out, selection
from embedlab.errors import TrainingError
from embedlab.store import Store
from embedlab.training.division import FEWEST_SELECTION, divide, trained_rows
from embedlab.training.objectives import OBJECTIVES, Examples, objective
from embedlab.types import Corpus, Stage
from tests.training import tiny


def test_each_objective_takes_what_it_needs(corpus: Corpus) -> None:
    held = held_out(corpus)
    for name, one in OBJECTIVES.items():
        assert one.applies(corpus) is None
        division = one.split(corpus, held)
        train, test = division.train, division.held_out
        assert not texts_of(train) & texts_of(test), f"{name} trains on held-out texts"
        assert len(train) + len(test) == len(corpus)
        assert len(division.selection) == 0, "none was set aside"


def texts_of(examples: Examples) -> set[str]:
    return {use.text for use in (*examples.uses, *examples.partners)}


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_selection_rows_are_neither_trained_on_nor_held_out(large_corpus: Corpus, name: str) -> None:
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


@pytest.mark.parametrize(
    ("name", "table", "reason"),
    [
        ("labels", [{"text": f"text {i}"} for i in range(9)], "no label column"),
        ("labels", [{"text": f"text {i}", "label": "one"} for i in range(9)], "at least two labels"),
        ("pairs", [{"text": f"text {i}"} for i in range(9)], "no column of related texts"),
        ("pairs", [{"text": f"text {i}", "pair": "other text"} for i in range(7)], "at least eight"),
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


def test_an_unknown_objective_names_those_there_are() -> None:
    with pytest.raises(TrainingError, match="labels, pairs, senses"):
        objective("magic")


def test_what_the_screen_asks_needs_no_torch() -> None:
    code = (
        "import sys, embedlab.jobs, embedlab.training.division, embedlab.training.canary; "
        "print([m for m in ('torch', 'transformers', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
