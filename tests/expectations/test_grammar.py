"""The forms of a statement, and the sentence for what is none of them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedlab.comparing.readings import READINGS
from embedlab.errors import UserError
from embedlab.expectations import parse, read, words_wanted
from embedlab.expectations.grammar import Bound, Item, Nearer, Neighbours, Space, Task

FILE = """\ufeff# what we promised
bank+river nearer shore than loan    # in the last layer

BANK:River Nearer "interest rate" than crane:machine AT LAYER 3
bank keeps loan,  credit ,loan
bank never near keyboard
wsd_centroid_macro_f1 at least 0.8
Mean_Cosine at most .4 at layer 0
wsd_knn_accuracy of crane at least 1e-1
change of mrr at least −0.02
task not harmed
task no evidence
space without collapse, Forgetting
"""


def test_every_form(tmp_path: Path) -> None:
    path = tmp_path / "expect.txt"
    path.write_text(FILE, encoding="utf-8")
    statements = read(path)
    assert [statement.line for statement in statements] == [2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    assert statements[0].text == "bank+river nearer shore than loan"
    assert [statement.asks for statement in statements] == [
        Nearer(Item("bank", context="river"), Item("shore"), Item("loan"), None),
        Nearer(Item("bank", sense="River"), Item("interest rate"), Item("crane", sense="machine"), 3),
        Neighbours("bank", ("loan", "credit"), True, None),
        Neighbours("bank", ("keyboard",), False, None),
        Bound("wsd_centroid_macro_f1", "least", 0.8, False, None, None),
        Bound("mean_cosine", "most", 0.4, False, None, 0),
        Bound("wsd_knn_accuracy", "least", 0.1, False, "crane", None),
        Bound("mrr", "least", -0.02, True, None, None),
        Task("HARMED", False),
        Task("NO EVIDENCE", True),
        Space(("COLLAPSE", "FORGETTING")),
    ]
    assert words_wanted(statements) == ("bank", "interest rate", "crane")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("bank near loan", "“bank near loan” is none of the forms"),
        ("bank keeps", "is none of the forms"),
        ("bank nearer loan", "is none of the forms"),
        ("bank+river+shore nearer a than b", "is none of the forms"),
        ("bank nearer shore than loan at layer two", "is none of the forms"),
        ("bank keeps loan, bank", "“bank” is no neighbour of its own"),
        ("mean_cosin at most 0.4", "no reading “mean_cosin”; did you mean mean_cosine"),
        ("loss at most 0.4", "no reading “loss”"),
        ("mean_cosine at most a lot", "is none of the forms"),
        ("change of knn_jaccard at least 0", "no change of it"),
        ("task not BETTER", "“BETTER” is no verdict (HELPED, HARMED"),
        ("task not HARMED at layer 3", "is no verdict"),
        ("space without ROT", "“ROT” is no finding (COLLAPSE, FORGETTING, COLLATERAL)"),
        ("x" * 2000, "longer than 1,000 characters"),
    ],
)
def test_what_is_no_statement_names_its_line_and_the_forms(line: str, what: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(f"# one\n\n{line}\n", "expect.txt")
    said = str(caught.value)
    assert said.startswith("expect.txt, line 3")
    assert what in said
    assert "\n" not in said
    assert "The forms are: bank+river nearer shore than loan; " in said or "longer" in said


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no file nowhere\.txt"):
        read(tmp_path / "nowhere.txt")
    path = tmp_path / "expect.txt"
    path.write_text("# nothing yet\n")
    with pytest.raises(UserError, match="holds no statement"):
        read(path)
    path.write_bytes(b"\xff\xfebank")
    with pytest.raises(UserError, match="not text in UTF-8"):
        read(path)
    path.write_text("task HELPED\n" * 1001)
    with pytest.raises(UserError, match="1,001 statements"):
        read(path)


WORD = st.text("abcdefghijklmnopqrstuvwxyzéü'-", min_size=1, max_size=8)
REST = st.builds(str.__add__, st.sampled_from("+:"), WORD)
ITEM = st.builds(str.__add__, WORD, st.one_of(st.just(""), REST))


@given(ITEM, ITEM, ITEM, st.one_of(st.none(), st.integers(0, 99)))
def test_a_statement_says_what_was_put_in_it(item: str, near: str, far: str, layer: int | None) -> None:
    line = f"{item} nearer {near} than {far}" + ("" if layer is None else f" at layer {layer}")
    asks = parse(line)[0].asks
    assert isinstance(asks, Nearer)
    assert [str(asks.item), str(asks.near), str(asks.far)] == [item, near, far]
    assert asks.layer == layer


@given(st.sampled_from(sorted(READINGS)), st.floats(-10, 10).map(lambda x: round(x, 4)), st.booleans())
def test_a_bound_is_the_number_written(name: str, number: float, least: bool) -> None:
    asks = parse(f"{name} at {'least' if least else 'most'} {number:.4f}")[0].asks
    assert isinstance(asks, Bound)
    assert (asks.name, asks.number, asks.way == "least") == (name, number, least)


@given(st.text(max_size=60))
def test_any_line_is_a_statement_or_one_sentence(line: str) -> None:
    said = ""
    try:
        found = parse(line)
    except UserError as error:
        found, said = (), str(error)
    assert bool(found) != bool(said)
    assert "\n" not in said
