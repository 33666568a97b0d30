"""What other programs get: frames, CSV, parquet, JSON."""

import io
import json
from dataclasses import replace

import pandas as pd
import pytest

from embedlab import report
from embedlab.types import Comparison
from tests.made import made, with_text


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return made()[0]


def test_the_tables_hold_every_reading_word_neighbour_and_use(comparison: Comparison) -> None:
    tables = report.tables(comparison)
    layers, words, k = comparison.words.neighbours_before.shape
    assert len(tables["items"]) == layers * words
    assert len(tables["neighbours"]) == 2 * layers * words * k
    assert len(tables["uses"]) == layers * len(comparison.uses.occurrences)
    of_space = tables["readings"][tables["readings"]["word"].isna()]
    assert len(of_space) == sum(len(row.readings) for row in comparison.layers)


def test_a_row_of_the_tables_says_what_the_comparison_says(comparison: Comparison) -> None:
    tables, layer, row = report.tables(comparison), 3, comparison.words.row("bank")
    assert row is not None
    item = tables["items"].query("layer == 3 and word == 'bank'").iloc[0]
    assert item["change"] == comparison.words.change[layer, row]
    assert comparison.words.noise is not None
    assert item["noise"] == comparison.words.noise[layer, row]
    assert item["changed"] == comparison.words.changed(layer)[row]
    assert tables["items"].query("layer == 3")["changed"].sum() == comparison.words.changed(3).sum()
    assert item["kept"] + item["lost"] == comparison.words.k
    assert item["change"] == pytest.approx(1 - item["kept"] / (2 * comparison.words.k - item["kept"]))
    first = tables["neighbours"].query("layer == 3 and word == 'bank' and side == 'after' and rank == 1").iloc[0]
    assert first["neighbour"] == comparison.words.words[comparison.words.neighbours_after[layer, row, 0]]
    reading = comparison.layers[layer].readings["mean_cosine"]
    listed = tables["readings"].query("layer == 3 and reading == 'mean_cosine'").iloc[0]
    assert (listed["before"], listed["after"]) == (reading.before, reading.after)
    assert (listed["low"], listed["high"]) == reading.interval
    assert (listed["noise"], listed["p"]) == (reading.noise, reading.p)


def test_what_is_unknown_is_nan_and_nothing_changed(comparison: Comparison) -> None:
    bare = replace(
        comparison,
        words=replace(comparison.words, noise=None, q=None),
        uses=replace(comparison.uses, noise=None),
    )
    tables = report.tables(bare)
    assert tables["items"][["noise", "q"]].isna().all(axis=None)
    assert not tables["items"]["changed"].any()
    assert tables["uses"]["noise"].isna().all()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_the_csv_is_a_formula(start: str) -> None:
    frame = pd.DataFrame({"text": [f"{start}1+1", "plain"], "number": [-1.5, 2.0], "mixed": [f"{start}x", None]})
    back = pd.read_csv(io.BytesIO(report.csv_bytes(frame)), dtype=str, keep_default_na=False)
    assert back["text"][0] == f"'{start}1+1"
    assert back["mixed"][0] == f"'{start}x"
    assert back["number"].tolist() == ["-1.5", "2.0"]
    assert back["text"][1] == "plain"


def test_no_cell_of_a_hostile_comparison_is_a_formula() -> None:
    hostile = with_text(made(copies=1)[0], "x")
    uses = report.tables(hostile)["uses"].assign(text="=HYPERLINK(1)")
    written = report.csv_bytes(uses)
    assert written.count(b"'=HYPERLINK") == len(uses)
    assert written.count(b"=HYPERLINK") == len(uses)


def test_parquet_is_the_frame(comparison: Comparison) -> None:
    for name, frame in report.tables(comparison).items():
        back = pd.read_parquet(io.BytesIO(report.parquet_bytes(frame)))
        assert list(back.columns) == list(frame.columns), name
        assert len(back) == len(frame), name


def test_json_keeps_the_contract(comparison: Comparison) -> None:
    value = json.loads(report.as_json(comparison))
    reading = value["layers"][3]["readings"]["mean_cosine"]
    assert reading["before"] == comparison.layers[3].readings["mean_cosine"].before
    assert set(value["verdict"]) >= {"task", "space", "why"}
    assert value["provenance"]["corpus_id"] == comparison.provenance.corpus_id
    assert value["layers"][3]["readings"]["effective_rank"]["note"]
