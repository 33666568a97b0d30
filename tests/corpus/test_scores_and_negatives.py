"""Related texts with a score or a hard negative: guessed, checked, kept, and no other corpus changed by it."""

import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedlab import demo
from embedlab.corpus import Columns, preview, read
from embedlab.corpus.limits import Refused
from embedlab.corpus.rows import Rows
from tests.corpus.files import sentence, take
from tests.corpus.test_columns import table

SAMPLES = Path(__file__).parent / "samples"
LIKENESS = Columns(text="sentence1", pair="sentence2", score="score")
LIKENESS_ROW = ("sentence1", "sentence2", "score")


@pytest.mark.parametrize(
    ("name", "columns", "rows"),
    [
        ("likeness.csv", LIKENESS, 16),
        ("triplets.jsonl", Columns(text="anchor", pair="positive", negative="negative"), 12),
        ("hard_negatives.tsv", Columns(text="query", pair="passage", negative="hard_negative"), 14),
    ],
)
def test_samples_are_read_as_they_are_meant(name: str, columns: Columns, rows: int) -> None:
    imported = read(SAMPLES / name, name)
    assert imported.columns == preview(SAMPLES / name, name).guess == columns
    assert (imported.rows_in, len(imported.corpus), imported.refused) == (rows, rows, ())


def test_values_of_the_samples() -> None:
    scored = read(SAMPLES / "likeness.csv", "likeness.csv").corpus
    assert scored.negatives is None
    assert scored.scores is not None
    assert scored.scores[:3] == (4.8, 4.2, 4.6)
    assert scored.scores[9] == scored.scores[10] == 0.0
    hard = read(SAMPLES / "hard_negatives.tsv", "hard_negatives.tsv").corpus
    assert hard.scores is None
    assert hard.negatives is not None
    assert [i for i, negative in enumerate(hard.negatives) if negative is None] == [3, 10]
    assert hard.negatives[0] == "Our suite by the lake costs four hundred pounds a night."


S1, S2, S3 = ("A man eats.", "It rains.", "She reads."), ("One eats.", "Sun shines.", "A book."), ("Dogs bark.",) * 3


@pytest.mark.parametrize(
    ("names", "further", "guess"),
    [
        (("text1", "text2", "text3"), [S3], Columns(text="text1", pair="text2", negative="text3")),
        (("sent0", "sent1", "hard_neg"), [S3], Columns(text="sent0", pair="sent1", negative="hard_neg")),
        (("query", "pos", "neg"), [S3], Columns(text="query", pair="pos", negative="neg")),
        (("sentence_A", "sentence_B", "relatedness_score"), [("4.5", "1", "2.75")],
         Columns(text="sentence_A", pair="sentence_B", score="relatedness_score")),
        # the label of a table of two texts: grades are a score, the numbers of classes are not
        (("sentence1", "sentence2", "label"), [("5.0", "3.8", "0.2")],
         Columns(text="sentence1", pair="sentence2", score="label")),
        (("sentence1", "sentence2", "label"), [("1.0", "0.0", "2.0")],
         Columns(text="sentence1", pair="sentence2", label="label")),
        (("sentence1", "sentence2", "label", "score"), [("0.5", "0.25", "1"), ("3", "1", "2")],
         Columns(text="sentence1", pair="sentence2", label="label", score="score")),
        (("sentence1", "sentence2", "score"), [("high", "low", "low")], Columns(text="sentence1", pair="sentence2")),
        # of one text alone a score says something else
        (("text", "about", "score"), [("4", "1", "2")], Columns(text="text")),
    ],
)  # fmt: skip
def test_guess(tmp_path: Path, names: tuple[str, ...], further: list[tuple[str, ...]], guess: Columns) -> None:
    (tmp_path / "u").write_text(table(names, *zip(S1, S2, *further, strict=True)))
    assert preview(tmp_path / "u", "a.csv").guess == guess


def test_a_table_of_feelings_without_a_header_loses_no_row(tmp_path: Path) -> None:
    rows = [("I would not go again, ever.", "negative"), ("What a lovely evening it was.", "positive")] * 3
    assert len(take(tmp_path, "a.csv", table(*rows)).corpus) == 6


@pytest.mark.parametrize(
    ("written", "score"),
    [("3", 3.0), ("-.5", -0.5), ("+1.", 1.0), (" 4.25 ", 4.25), ("2e-1", 0.2), ("", None), ("  ", None), ("-0", 0.0)],
)
def test_how_a_score_may_be_written(tmp_path: Path, written: str, score: float | None) -> None:
    corpus = take(tmp_path, "a.csv", table(LIKENESS_ROW, ("A dog.", "One dog.", written)), LIKENESS).corpus
    (kept,) = corpus.scores or ()
    assert kept == score
    assert kept is None or str(kept) != "-0.0"


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("3,5", "the score “3,5” has a comma: write decimals with a point, thousands without"),
        ("1,250.5", "the score “1,250.5” has a comma: write decimals with a point, thousands without"),
        ("nan", "the score is not a finite number"),
        ("-Infinity", "the score is not a finite number"),
        ("1e999", "the score is too large: no scale of likeness goes beyond a million"),
        ("4/5", "the score “4/5” is not a number"),
        ("85%", "the score “85%” is not a number"),
        ("1_000", "the score “1_000” is not a number"),
        ("٣", "the score “٣” is not a number"),
        ("very much alike indeed", "the score “very much alike inde…” is not a number"),
    ],
)
def test_what_is_no_score(tmp_path: Path, written: str, reason: str) -> None:
    rows = (LIKENESS_ROW, ("A dog.", "One dog.", "1"), ("A cat.", "One cat.", written))
    imported = take(tmp_path, "a.csv", table(*rows), LIKENESS)
    assert [(refusal.row, refusal.reason) for refusal in imported.refused] == [(2, reason)]


@given(st.floats(-1e6, 1e6))
def test_every_number_comes_back(number: float) -> None:
    rows = Rows(Columns(text="a", pair="b", score="c"))
    rows.add(["a text", "another", repr(number)])
    assert rows.corpus("made").scores == (number,)


@given(st.text(max_size=12))
def test_a_score_is_a_finite_number_or_refused(written: str) -> None:
    rows = Rows(Columns(text="a", pair="b", score="c"))
    try:
        rows.add(["a text", "another", written])
    except Refused:
        assert not rows.texts
        return
    (score,) = rows.corpus("made").scores or ()
    assert score is None if not written.strip() else score == float(written)


def test_rows_that_contradict_themselves(tmp_path: Path) -> None:
    rows = [
        ("text", "pair", "negative", "score"),
        ("a b", "c d", "e f", 1), ("a b", "", "e f", 2), ("a b", "c d", "c d", 3),
        ("a b", "c d", "a b", 4), ("a b", "", "g h", ""), ("a b", "c d", "", 5),
    ]  # fmt: skip
    columns = Columns(text="text", pair="pair", negative="negative", score="score")
    imported = take(tmp_path, "a.csv", table(*rows), columns)
    assert imported.corpus.pairs == ("c d", None, "c d")
    assert imported.corpus.negatives == ("e f", "g h", None)
    assert imported.corpus.scores == (1.0, None, 5.0)
    assert [(refusal.row, refusal.reason) for refusal in imported.refused] == [
        (2, "it has a score but no related text"),
        (3, "the negative is the related text itself"),
        (4, "the negative is the text itself"),
    ]


def test_columns_that_cannot_be(tmp_path: Path) -> None:
    data = table(("text", "negative", "score"), ("a b", "e f", 1))
    score_alone = Columns(text="text", score="score")
    assert "the column of the related text too" in sentence(tmp_path, "a.csv", data, score_alone)
    alone = take(tmp_path, "a.csv", data, Columns(text="text", negative="negative")).corpus
    assert (alone.pairs, alone.negatives) == (None, ("e f",))


def test_kinds_of_file_agree(tmp_path: Path) -> None:
    rows = [("a b", "c d", "e f", 4.5), ("g h", "i j", None, 3.0), ("k l", "m n", "o p", None)]
    names = ("text", "pair", "negative", "score")
    columns = Columns(text="text", pair="pair", negative="negative", score="score")
    buffer = io.BytesIO()
    pq.write_table(pa.table({name: [row[i] for row in rows] for i, name in enumerate(names)}), buffer)
    objects = "\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows)
    as_csv = table(names, *(["" if value is None else value for value in row] for row in rows))
    files = {"a.parquet": buffer.getvalue(), "a.jsonl": objects, "a.csv": as_csv}
    files["a.csv.gz"] = gzip.compress(as_csv.encode())
    found = {name: take(tmp_path, name, data, columns).corpus for name, data in files.items()}
    assert {corpus.scores for corpus in found.values()} == {(4.5, 3.0, None)}
    assert len({corpus.id for corpus in found.values()}) == 1


def test_a_corpus_without_them_has_the_id_it_always_had() -> None:
    """Frozen before these columns existed: results on disk name their corpus by these ids."""
    ids = [read(path, path.name, columns).corpus.id for path, columns in demo.CORPORA]
    assert ids == [
        "bcf9766295967723a9c88abd2374434843996f5f8f0205f31ca6c90173c47868",
        "da17e3a3bf90e41c912350d8ef3ede22fd219eec68500bedeb0aca3afecca294",
    ]


def test_ids_tell_scores_and_negatives_apart(tmp_path: Path) -> None:
    def of(*rows: tuple[object, ...], **roles: str) -> str:
        data = table(("text", "pair", "negative", "score"), *rows)
        return take(tmp_path, "a.csv", data, Columns(text="text", pair="pair", **roles)).corpus.id

    row = ("a b", "c d", "e f", "1")
    both = {"negative": "negative", "score": "score"}
    ids = [
        of(row), of(row, negative="negative"), of(row, score="score"), of(row, **both), of((*row[:3], "1.5"), **both),
        of(("a b", "c d", "x y", "1"), **both),
    ]  # fmt: skip
    assert len(set(ids)) == len(ids)
    assert of((*row[:3], "1.00"), **both) == of(row, **both)
