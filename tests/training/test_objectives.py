import subprocess
import sys

import numpy as np
import pytest

from embedlab.corpus import held_out
from embedlab.errors import TrainingError
from embedlab.store import Store
from embedlab.training.objectives import OBJECTIVES, objective
from embedlab.types import Corpus
from tests.training import tiny


def test_each_objective_takes_what_it_needs(corpus: Corpus) -> None:
    held = held_out(corpus)
    for name, one in OBJECTIVES.items():
        assert one.applies(corpus) is None
        train, test = one.split(corpus, held)
        texts = {use.text for use in train.uses} | {use.text for use in train.partners}
        unseen = {use.text for use in test.uses} | {use.text for use in test.partners}
        assert not texts & unseen, f"{name} trains on held-out texts"
        assert len(train) + len(test) == len(corpus)


def test_a_row_that_shares_its_partner_with_a_held_out_row_is_not_trained_on(store: Store) -> None:
    table = [{"text": f"question number {i}", "pair": "the same answer" if i % 2 else f"answer {i}"} for i in range(40)]
    corpus = tiny.add_corpus(store, table)
    held = held_out(corpus)
    train, test = objective("pairs").split(corpus, held)
    assert "the same answer" in {use.text for use in test.partners}
    assert "the same answer" not in {use.text for use in train.partners}


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
        "import sys, embedlab.jobs, embedlab.training.objectives, embedlab.training.plans; "
        "print([m for m in ('torch', 'transformers', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
