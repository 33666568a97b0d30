"""Search: both lists against a plain computation of all cosines, what is loaded when, and every way to be refused."""

import csv
import io
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embedlab import occurrences
from embedlab.cli import parser
from embedlab.cli.printing import Printer
from embedlab.cli.search import as_plain, lines
from embedlab.comparing.finding import Filters, Found
from embedlab.errors import CorpusError, UserError
from embedlab.lab.search import matches_csv, search_command
from embedlab.lab.searching import Desk
from embedlab.types import Occurrence
from tests.searching import STATES, FakeLab, fill


def vectors(source: str, asked: list[Occurrence], layer: int) -> np.ndarray:
    """Unit vectors straight from the model, in the order asked."""
    out = np.zeros((len(asked), STATES[source].layers[layer].dim))
    for rows, arrays in STATES[source].encode(asked, layers=[layer]):
        out[rows] = arrays[0]
    return out / np.linalg.norm(out, axis=1, keepdims=True)


def by_hand(query: Occurrence, among: list[Occurrence], layer: int) -> list[list[tuple[int, float]]]:
    """(place in `among`, cosine), nearest first, for before and after."""
    sides = []
    for source in STATES:
        cosines = vectors(source, among, layer) @ vectors(source, [query], layer)[0]
        order = np.argsort(-cosines.round(9), kind="stable")
        sides.append([(int(i), float(cosines[i])) for i in order])
    return sides


def agree(found: Found, keys: list[str], sides: list[list[tuple[int, float]]]) -> None:
    """Every rank, cosine and status of `found` is what the full computation says."""
    ranks = [{keys[i]: (rank, cosine) for rank, (i, cosine) in enumerate(side, 1)} for side in sides]
    near = [{key for key, (rank, _) in side.items() if rank <= found.k} for side in ranks]
    assert {match.key for match in found.matches} == near[0] | near[1]
    for match in found.matches:
        assert (match.rank_before, match.rank_after) == (ranks[0][match.key][0], ranks[1][match.key][0])
        assert match.cosine_before == pytest.approx(ranks[0][match.key][1], abs=1e-5)
        assert match.cosine_after == pytest.approx(ranks[1][match.key][1], abs=1e-5)
        in_before, in_after = match.key in near[0], match.key in near[1]
        assert match.status == ("kept" if in_before and in_after else "lost" if in_before else "gained")


@pytest.mark.parametrize("layer", [0, 2])
def test_a_sentence_among_the_texts_is_ranked_as_all_cosines_say(lab: FakeLab, id: str, layer: int) -> None:
    corpus = lab.corpus(lab.corpora()[0].id)
    texts = list(dict.fromkeys(text for text in corpus.texts if text != "zzz"))
    asked = "the otter swam near the muddy bank."
    found = lab.search(id, asked, layer=layer, k=7)
    keys = [str(corpus.texts.index(text)) for text in texts]
    agree(found, keys, by_hand(Occurrence(asked, 0, len(asked)), [Occurrence(t, 0, len(t)) for t in texts], layer))
    assert (found.candidates, found.of, found.unseen) == (32, 32, 1)
    assert [match.rank_before for match in found.before] == list(range(1, 8))
    assert [match.rank_after for match in found.after] == list(range(1, 8))


def test_a_word_in_brackets_is_that_word_as_it_stands_there(lab: FakeLab, id: str) -> None:
    corpus = lab.corpus(lab.corpora()[0].id)
    uses = [one for one in occurrences.targets(corpus) if one.word == "bank"]
    uses = list({(use.text, use.start): use for use in reversed(uses)}.values())[::-1]
    text = "the old bank of the stream"
    sides = by_hand(Occurrence(text, 8, 12), uses, 2)
    keys = [f"{use.row}:{use.start}" for use in uses]
    agree(lab.search(id, "the old [bank] of the stream", what="uses", word="bank", k=5), keys, sides)
    # without brackets it is the word whose uses are searched
    agree(lab.search(id, text, what="uses", word="Bank", k=5), keys, sides)


def test_what_is_typed_and_stands_in_the_corpus_comes_first_with_cosine_one(lab: FakeLab, id: str) -> None:
    corpus = lab.corpus(lab.corpora()[0].id)
    first = lab.search(id, corpus.texts[9], k=3).before[0]
    assert (first.key, first.status) == ("9", "kept")
    assert first.cosine_before == pytest.approx(1)
    assert first.cosine_after == pytest.approx(1)


def test_an_item_is_asked_without_loading_any_model_and_never_finds_itself(lab: FakeLab, id: str) -> None:
    corpus = lab.corpus(lab.corpora()[0].id)
    for what, word, like in (("texts", None, "9"), ("uses", "crane", "17"), ("words", None, "bank")):
        found = lab.search(id, what=what, word=word, like=like, k=1000)  # type: ignore[arg-type]
        assert found.k == found.candidates == len(found.matches)
        assert found.asked.key not in {match.key for match in found.matches}
        assert all(match.status == "kept" for match in found.matches)
    assert lab.loaded == []
    typed = {match.key: match.cosine_before for match in lab.search(id, corpus.texts[9], k=1000).matches}
    for match in lab.search(id, like="9", k=1000).matches:
        assert match.cosine_before == pytest.approx(typed[match.key], abs=1e-6)


def test_words_are_ranked_as_the_comparison_lists_them(lab: FakeLab, id: str) -> None:
    """The kept lists of every word and the search through the vectors are two ways to one answer."""
    comparison = lab.comparison(id)
    table, row = comparison.words, comparison.words.row("otter")
    found = lab.search(id, "otter", what="words", k=10)
    assert lab.loaded == []
    assert table.ranked_before is not None
    assert table.ranked_after is not None
    assert [m.key for m in found.before] == [table.words[i] for i in table.ranked_before[-1, row, :10]]
    assert [m.key for m in found.after] == [table.words[i] for i in table.ranked_after[-1, row, :10]]
    assert found.after[0].key == "vault"  # whose vector it took
    ranks = {table.words[i]: rank for rank, i in enumerate(table.ranked_after[-1, row], 1)}
    assert all(ranks.get(m.key, m.rank_after) == m.rank_after for m in found.matches)


def test_filters_leave_the_order_and_take_any_row_of_a_repeated_text(lab: FakeLab, id: str) -> None:
    everything = lab.search(id, like="9", k=1000)
    for filters, passes in (
        (Filters(label="river"), lambda m: "river" in m.label),
        (Filters(sense="money", split="test"), lambda m: m.sense == "money" and m.split == "test"),
        (Filters(contains="STREAM"), lambda m: "stream" in m.text),
    ):
        found = lab.search(id, like="9", k=1000, filters=filters)
        assert [m.key for m in found.before] == [m.key for m in everything.before if passes(m)]
        assert [m.key for m in found.after] == [m.key for m in everything.after if passes(m)]
        assert [m.rank_before for m in found.before] == list(range(1, found.candidates + 1))
        assert found.candidates < found.of == everything.candidates
    (again,) = lab.search(id, like="9", filters=Filters(label="again")).matches
    assert (again.key, again.rows, again.label) == ("0", (0, 32), "river, again")


def test_the_first_question_says_what_it_loads_and_how_long_that_takes(
    lab: FakeLab, id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, told = Desk(), []

    def ask(text: str) -> str:
        told.clear()
        lab.search(id, text, desk=desk, progress=lambda _share, what: told.append(what))
        (said,) = [what for what in told if "question" in what]
        return str(said)

    lab.search_index(id, "texts", layer=2, desk=desk)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert "loading both models (900 MB) for the first question, about 8 s" in ask("the old bank")  # 5 + 900 / 300
    assert ask("the new bank") == "reading the question with both states"


def test_a_desk_loads_each_state_once_and_each_index_once(lab: FakeLab, id: str) -> None:
    desk = Desk()
    first = lab.search_index(id, "texts", layer=2, desk=desk)
    for text in ("the old bank", "a crane", "the old bank"):
        lab.search(id, text, desk=desk, layer=2)
    assert lab.loaded == list(STATES)
    assert lab.search_index(id, "texts", layer=2, desk=desk) is first


def test_uses_that_the_comparison_did_not_read_are_embedded_once_and_kept(lab: FakeLab, id: str) -> None:
    read = STATES["fake-before"].texts_encoded
    one = lab.search(id, "the water", what="uses", word="water", k=3)
    first = STATES["fake-before"].texts_encoded - read
    two = lab.search(id, "the water", what="uses", word="water", k=3)
    assert one.matches == two.matches
    assert STATES["fake-before"].texts_encoded - read - first == 1  # the question alone
    assert {match.text[match.start : match.end] for match in one.matches} == {"water"}


def test_without_the_vectors_words_are_looked_up_and_texts_are_read_again(tmp_path: Path) -> None:
    lab, id = fill(tmp_path)
    kept = lab.search(id, "otter", what="words", k=5), lab.search(id, like="9", k=5)
    for survey_id in lab.store.find("comparisons", id).summary["surveys"]:
        lab.store.remove("snapshots", survey_id)
    assert not lab.has_vectors(id)
    listed = lab.search(id, "otter", what="words", k=5)
    assert [m.key for m in listed.before] == [m.key for m in kept[0].before]
    assert [m.key for m in listed.after] == [m.key for m in kept[0].after]
    with pytest.raises(UserError, match="type a single word"):
        lab.search(id, "the old [bank]", what="words")
    with pytest.raises(UserError, match="take the filters back"):
        lab.search(id, "otter", what="words", filters=Filters(contains="a"))
    lab.gone = {"fake-after"}
    lab.loaded.clear()
    with pytest.raises(UserError, match="fake-after of this comparison is not here"):
        lab.search(id, like="9")
    assert lab.loaded == []  # nothing was read in vain


@pytest.mark.parametrize(
    ("query", "options", "said"),
    [
        ("", {}, "Type a sentence"),
        ("[a] [b]", {}, "More than one word"),
        ("x" * 20_001, {}, "20,001 characters"),
        ("", {"like": "77"}, "no row '77'"),
        ("", {"like": "33"}, "no row '33'"),  # no model reads it
        ("", {"like": "quux", "what": "words"}, "no word 'quux'"),
        ("the river", {"what": "uses", "word": "bank"}, "does not hold “bank”"),
        ("the bank", {"what": "uses"}, "Name the word"),
        ("the bank", {"layer": 3}, "layers 0 to 2"),
        ("the bank", {"k": 0}, "at least one"),
        ("the bank", {"filters": Filters(label="nobody")}, "Nothing passes"),
        ("bank", {"what": "words", "filters": Filters(label="river")}, "Words have no label"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_what_to_do(
    lab: FakeLab, id: str, query: str, options: dict[str, object], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        lab.search(id, query, **options)  # type: ignore[arg-type]


def test_a_word_that_never_occurs_is_refused_with_what_is_near(lab: FakeLab, id: str) -> None:
    with pytest.raises(CorpusError, match="near it are “stream”"):
        lab.search(id, "the streem", what="uses", word="streem")


def test_a_model_that_changed_since_is_not_asked(lab: FakeLab, id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(STATES["fake-after"], "fingerprint", "0" * 64)
    with pytest.raises(UserError, match="weights changed since"):
        lab.search(id, "the old bank")


def test_the_file_holds_every_match_and_runs_nothing(lab: FakeLab, id: str) -> None:
    found = lab.search(id, like="9", k=4)
    lines = list(csv.DictReader(io.StringIO(matches_csv(found).decode("utf-8-sig"))))
    assert [line["key"] for line in lines] == [match.key for match in found.matches]
    assert [line["rank_before"] for line in lines] == [str(match.rank_before) for match in found.matches]
    hostile = replace(found, matches=(replace(found.matches[0], text="=1+1", label="@SUM(A1)"),))
    (line,) = csv.DictReader(io.StringIO(matches_csv(hostile).decode("utf-8-sig")))
    assert (line["text"], line["label"]) == ("'=1+1", "'@SUM(A1)")


def test_the_command_line_finds_the_same(lab: FakeLab, id: str) -> None:
    found = lab.search(id, "the old [bank]", what="uses", word="bank", layer=1, k=3, filters=Filters(sense="river"))
    words = search_command(found, "the old [bank]", "bank").split("embedlab ", 1)[1]
    options = parser().parse_args(shlex.split(words))
    show = Printer(as_json=False)
    options.run(lab, options, show)
    assert show.result == as_plain(found)
    said = lines(found)
    assert len(said) == 1 + 2 * (1 + 3)
    assert all(match.key in line for match, line in zip(found.before, said[2:5], strict=True))
