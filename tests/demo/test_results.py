"""The results that come with EmbedLab: they open, they are of the corpus that comes with it, and they say how made."""

from pathlib import Path

import pytest

from embedlab import compare as comparing
from embedlab import demo
from embedlab.corpus import read
from embedlab.lab import Lab

pytestmark = pytest.mark.skipif(demo.results_folder() is None, reason="made by `make demo-results`")


def test_they_are_of_the_bundled_corpus_and_this_version(tmp_path: Path) -> None:
    (path, columns), *_ = demo.CORPORA
    shipped = comparing.open_comparison(demo.RESULTS)
    assert shipped.provenance.corpus_id == read(path, path.name, columns).corpus.id, "run make demo-results"
    assert "embedlab compare" in shipped.provenance.command
    assert shipped.verdict.task in ("HELPED", "HARMED", "NO EVIDENCE")
    assert "bank" in shipped.words.words


def test_the_first_visit_finds_them(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    id = lab.ensure_demo()
    assert id is not None
    assert [entry.id for entry in lab.comparisons()] == [id]
    assert {entry.name for entry in lab.corpora()} == {"senses", "pairs"}
    last = len(lab.comparison(id).layers) - 1
    drawn = lab.linked_map(id, "bank", last)
    assert drawn is not None
    assert drawn.real_move > drawn.placebo_move
    assert lab.ensure_demo() == id
    assert len(lab.comparisons()) == 1


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in demo.RESULTS.rglob("*")) < 8_000_000
