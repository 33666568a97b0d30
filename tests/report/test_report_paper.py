"""The report on paper: a tagged PDF with the whole text in it, vector figures with words, and no text as markup."""

import io
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from pypdf import PdfReader

from embedlab import report
from embedlab.comparing.readings import READINGS
from embedlab.report import Plan
from tests.made import made, with_text
from tests.report.shelves import made_shelf, shelf_of, texts_of


def tags(reader: PdfReader) -> list[tuple[str, Any]]:
    """Every element of the structure tree, as (its type, itself)."""
    out: list[tuple[str, Any]] = []

    def walk(node: Any) -> None:
        node = node.get_object() if hasattr(node, "get_object") else node
        if isinstance(node, list):
            for child in node:
                walk(child)
        elif isinstance(node, dict):
            if "/S" in node:
                out.append((str(node["/S"]), node))
            if "/K" in node:
                walk(node["/K"])

    walk(reader.trailer["/Root"]["/StructTreeRoot"]["/K"])
    return out


@pytest.fixture(scope="module")
def paper() -> PdfReader:
    shelf = made_shelf(overview=True)
    return PdfReader(io.BytesIO(report.pdf(shelf, texts=texts_of(shelf.comparison))))


def test_it_is_tagged_titled_and_says_its_language(paper: PdfReader) -> None:
    root = paper.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en-GB"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert paper.metadata is not None
    assert (paper.metadata.title or "").startswith("HELPED: builtin")
    assert b"pdfuaid:part" in root["/Metadata"].get_data()  # PDF/UA-1, as the writer itself checked


def test_headings_tables_lists_and_figures_are_what_they_are(paper: PdfReader) -> None:
    found = tags(paper)
    names = Counter(name for name, _ in found)
    assert names["/H1"] == 1
    assert names["/H2"] >= 8
    assert names["/H3"] >= 8
    assert names["/Table"] >= 10
    assert names["/TH"] > names["/Table"]
    assert names["/TD"] > names["/TR"]
    assert names["/L"] >= 1
    drawn = [node for name, node in found if name == "/Figure"]
    assert len(drawn) == 3 + 6 + 2 + 1  # overview, words, senses, map
    assert all(len(str(node["/Alt"])) > 30 for node in drawn)
    assert names["/Link"] >= len(drawn)


def test_figures_are_drawn_and_not_pictures(paper: PdfReader) -> None:
    assert sum(len(page.images) for page in paper.pages) == 0
    links = [a.get_object()["/A"]["/URI"] for page in paper.pages for a in page.get("/Annots", ())]
    comparison, _ = made()
    assert any(f"c={comparison.id}&layer=3&word=bank" in link for link in links)


def test_the_whole_text_is_in_it(paper: PdfReader) -> None:
    comparison, _ = made()
    text = " ".join(" ".join(page.extract_text() for page in paper.pages).split())
    for line in (comparison.verdict.task, comparison.verdict.task_line, "The map of all words", "By which rules"):
        assert line in text
    for one in comparison.expectations:
        assert one.statement in text
    assert "python -m embedlab figure" in text
    assert "Every reading at layer 3" in text
    assert "Every reading at layer 2" not in text  # one layer on paper, unless more are named


def test_the_plan_is_kept_and_the_same_report_has_the_same_bytes() -> None:
    shelf, plan = made_shelf(copies=1), Plan(("layers",), layers=(1, 2))
    one, two = (report.pdf(shelf, plan) for _ in range(2))
    assert one == two
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(one)).pages)
    assert "Every reading at layer 1" in text
    assert "nearest words of a word" not in text


@pytest.mark.parametrize("payload", ["#panic()", '= H *b* $x$ #import "/etc/passwd"', "a\x00\x0cb", '`"]; \\u{0}'])
def test_what_people_wrote_is_text_and_never_markup(payload: str) -> None:
    comparison, maps = made(copies=1)
    hostile = with_text(comparison, payload)
    made_of = report.pdf(shelf_of(hostile, maps), Plan(("changed", "neighbours", "senses")), texts_of(hostile))
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(made_of)).pages)
    wanted = "".join(c for c in payload if c.isprintable() and not c.isspace())
    assert wanted in "".join(text.split())


def test_the_meanings_of_readings_are_said_once_and_counts_are_written_with_commas() -> None:
    shelf = made_shelf(copies=1)
    comparison = replace(
        shelf.comparison,
        provenance=replace(shelf.comparison.provenance, coverage={"word_uses": 126627, "precision": "fp32"}),
    )
    pages = PdfReader(io.BytesIO(report.pdf(replace(shelf, comparison=comparison), Plan(("senses",))))).pages
    said = "".join("".join(page.extract_text() for page in pages).split())
    assert "126,627" in said
    (first, *others) = [shelf.comparison.sense_readings[word] for word in shelf.mapped]
    name = next(name for name in first[-1].readings if name in others[0][-1].readings)
    assert said.count("".join(READINGS[name].meaning.split())) == 1
    assert said.count("whateachreadingmeansstandsabove") == len(shelf.mapped) - 1
