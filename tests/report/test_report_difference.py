"""What two comparisons differ by: by hand, at the extremes, from files and from the workspace alike."""

import json
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from embedlab.errors import UserError
from embedlab.report import as_json, parquet_bytes, sidebyside, tables
from embedlab.report.difference import difference, of_comparison, of_files
from embedlab.types import Comparison, Reading
from tests.made import made, with_text


@pytest.fixture(scope="module")
def first() -> Comparison:
    return made(copies=1)[0]


def with_reading(comparison: Comparison, reading: Reading, layer: int = 3) -> Comparison:
    """The comparison with one reading exchanged at one layer."""
    row = comparison.layers[layer]
    layers = list(comparison.layers)
    layers[layer] = replace(row, readings={**row.readings, reading.name: reading})
    return replace(comparison, layers=tuple(layers))


def test_a_comparison_differs_from_itself_by_nothing(first: Comparison) -> None:
    found = difference(of_comparison(first), of_comparison(first))
    assert {pair.apart for pair in found.readings} == {"the same"}
    assert all(pair.difference == 0 for pair in found.words or ())
    assert not found.turned
    assert found.tasks[0] == found.tasks[1]
    assert found.cautions == found.findings_gone == found.findings_new == ()
    assert (found.only_first, found.only_second) == (0, 0)
    assert len(found.words or ()) == len(first.words.words)


@pytest.mark.parametrize(
    ("interval", "apart"),
    [
        ((0.31, 0.4), "intervals apart"),
        ((0.2, 0.4), "intervals meet"),
        ((0.3, 0.4), "intervals meet"),
        (None, "no interval"),
    ],
)
def test_intervals_are_apart_only_where_nothing_is_common(
    first: Comparison, interval: tuple[float, float] | None, apart: str
) -> None:
    one = with_reading(first, Reading("mean_cosine", before=0.1, after=0.3, interval=(0.1, 0.3)))
    two = with_reading(first, Reading("mean_cosine", before=0.1, after=0.45, interval=interval))
    found = difference(of_comparison(one), of_comparison(two))
    (pair,) = [pair for pair in found.readings if pair.name == "mean_cosine" and pair.layer == 3]
    assert pair.apart == apart
    assert (pair.first, pair.second) == pytest.approx((0.2, 0.35))
    assert pair.difference == pytest.approx(0.15)
    if apart == "intervals apart":
        assert found.readings[0] == pair


def test_what_one_alone_has_says_so(first: Comparison) -> None:
    row = first.layers[3]
    less = {name: reading for name, reading in row.readings.items() if name != "mean_cosine"}
    fewer = replace(first, layers=(*first.layers[:3], replace(row, readings=less)))
    pairs = difference(of_comparison(first), of_comparison(fewer)).readings
    assert [pair.apart for pair in pairs if pair.name == "mean_cosine" and pair.layer == 3] == ["only in the first"]
    assert {pair.apart for pair in pairs if pair.name != "mean_cosine"} == {"the same"}


def test_words_that_changed_in_one_alone_are_told(first: Comparison) -> None:
    change = first.words.change.copy()
    row = first.words.row("bank")
    assert row is not None
    assert first.words.changed(3)[row]
    change[3, row] = 0
    found = difference(of_comparison(first), of_comparison(replace(first, words=replace(first.words, change=change))))
    (pair,) = found.turned
    assert (pair.word, pair.changed, pair.second) == ("bank", "only in the first", 0)
    assert (found.words or ())[0] == pair


def test_verdicts_findings_and_promises_are_set_side_by_side(first: Comparison) -> None:
    turned = replace(
        first,
        verdict=replace(first.verdict, task="HARMED", findings=("COLLAPSE",)),
        expectations=tuple(replace(one, after=not one.after) for one in first.expectations),
    )
    found = difference(of_comparison(first), of_comparison(turned))
    assert found.tasks == ("HELPED", "HARMED")
    assert "COLLAPSE" in found.findings_new
    assert set(found.findings_gone) == set(first.verdict.findings) - {"COLLAPSE"}
    assert all(one.first != one.second for one in found.promises)
    said = "\n".join(sidebyside.lines(found, 5))
    assert "task: HELPED → HARMED" in said
    assert "space: COLLAPSE is new" in said


def test_unlike_comparisons_are_cautioned_about(first: Comparison) -> None:
    other = replace(
        first,
        before=replace(first.before, source="another"),
        provenance=replace(first.provenance, corpus_id="f" * 64, min_count=5),
    )
    cautions = difference(of_comparison(first), of_comparison(other)).cautions
    assert len(cautions) == 3
    assert any("corpora differ" in line for line in cautions)


def test_files_tell_the_same_as_the_comparison(first: Comparison, tmp_path: Path) -> None:
    (tmp_path / "comparison.json").write_bytes(as_json(first))
    alone = of_files(tmp_path / "comparison.json")
    assert difference(of_comparison(first), alone).words is None
    (tmp_path / "items.parquet").write_bytes(parquet_bytes(tables(first)["items"]))
    whole = difference(of_comparison(first), of_files(tmp_path))
    assert whole == difference(of_comparison(first), of_comparison(first))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"before": 3}', '{"layers": [{"readings": {"x": {}}}]}', "\x00"])
def test_what_is_no_comparison_is_one_sentence(content: str, tmp_path: Path) -> None:
    (tmp_path / "comparison.json").write_text(content)
    with pytest.raises(UserError, match="cannot be read as a comparison"):
        of_files(tmp_path)


def test_a_layer_that_both_do_not_have_is_refused(first: Comparison) -> None:
    with pytest.raises(UserError, match="layers 0 to 3"):
        difference(of_comparison(first), of_comparison(first), 4)


def test_every_writing_holds_it_and_runs_nothing(first: Comparison) -> None:
    change = np.clip(first.words.change + 0.3, 0, 1)
    other = replace(first, words=replace(first.words, change=change), before=replace(first.before, source="=1+1"))
    found = difference(of_comparison(with_text(first, "<img src=x onerror=hit()>")), of_comparison(other))
    seen: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: seen.append(tag)  # type: ignore[method-assign]
    parser.feed(sidebyside.as_html(found).decode())
    assert not {"img", "script", "link"} & set(seen)
    assert "default-src 'none'" in unescape(sidebyside.as_html(found).decode())
    told = json.loads(sidebyside.as_json(found))
    assert len(told["readings"]) == len(found.readings)
    csv = sidebyside.as_csv(found).decode()
    assert csv.count("\n") == 1 + len(found.readings) + len(found.words or ())
