"""The results that come with EmbedLab: they open, they are of the corpus that comes with it, and they say how made."""

from pathlib import Path

import pytest

from embedlab import compare as comparing
from embedlab import demo
from embedlab.corpus import read
from embedlab.errors import NotShippedError
from embedlab.lab import Lab
from embedlab.lab.athand import Held
from embedlab.lab.searching import Desk

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
    view = lab.word_view(id, "bank")
    drawn = lab.word_map(id, view)
    assert drawn is not None
    assert drawn.scores.real_move > drawn.scores.placebo_move
    assert drawn.agreement is not None
    assert (view.layer, view.readings) == (last, lab.comparison(id).sense_readings["bank"][last].readings)
    assert lab.held(id) == Held((last,), last + 1, half=True)
    assert lab.ensure_demo() == id
    assert len(lab.comparisons()) == 1


def test_all_that_a_first_visit_asks_is_there(tmp_path: Path) -> None:
    """Maps of everything and groups of every layer, nearest rows and searches at the last; no model is loaded."""
    lab = Lab(tmp_path)
    id = lab.ensure_demo()
    assert id is not None
    for layer in range(lab.held(id).of):
        assert lab.has_groups(id, layer)
        assert lab.kept_overview(id, "words", layer) is not None
        assert lab.kept_overview(id, "texts", layer) is not None
    assert any(group.called for group in lab.groups(id).groups)
    assert lab.why(id, "bank").nearest is not None
    assert lab.search(id, like="0", k=5).half
    assert lab.search(id, what="uses", word="bank", like="0", k=5).half
    with pytest.raises(NotShippedError, match="tuned model did not come with the demo"):
        lab.search(id, "he sat on the bank of the river")


def test_words_found_in_half_precision_are_those_that_the_comparison_lists(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    id = lab.ensure_demo()
    assert id is not None
    table = lab.comparison(id).words
    assert table.ranked_similarity_before is not None
    assert table.ranked_before is not None
    desk = Desk()
    for row in range(0, len(table.words), 97):
        found = lab.search(id, table.words[row], what="words", k=10, desk=desk)
        kept = dict(zip(table.ranked_before[-1, row].tolist(), table.ranked_similarity_before[-1, row], strict=True))
        near = {table.row(match.key): match.cosine_before for match in found.before}
        worst = min(kept[i] for i in table.ranked_before[-1, row, :10].tolist())
        for word, cosine in near.items():  # a word may only take the place of one as near to the third digit
            assert cosine == pytest.approx(kept.get(word, worst), abs=5e-4)


def test_they_are_small() -> None:
    folder = demo.RESULTS.parent
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 11_000_000
