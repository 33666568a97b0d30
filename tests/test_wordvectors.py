"""Two tables of vectors without a corpus: on the names they share, whatever their widths, and nothing made up."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from embedlab.compare import open_comparison, save
from embedlab.errors import UserError
from embedlab.expectations import Statement, parse
from embedlab.store import seal
from embedlab.types import Comparison
from embedlab.vectors.both import open_both, read_both, save_both
from embedlab.wordvectors import compare_both, tables

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(90, 12)).astype(np.float32)
WORDS = [f"Word{i}" for i in range(90)]


def compare_files(before: Path, after: Path, *, k: int = 10, expect: Sequence[Statement] = ()) -> Comparison:
    return compare_both(read_both(before, after), k=k, expect=expect)


def write(path: Path, words: list[str], rows: np.ndarray) -> Path:
    lines = [f"{word} {' '.join(repr(float(x)) for x in row)}" for word, row in zip(words, rows, strict=True)]
    path.write_text("\n".join([f"{len(words)} {rows.shape[1]}", *lines, ""]))
    return path


def test_files_of_different_vocabularies_and_widths(tmp_path: Path) -> None:
    """A rotation into more dimensions, in another order, with other words among them: nothing moved."""
    turn = np.linalg.qr(RNG.normal(size=(20, 20)))[0][:12]
    kept = list(range(80, 4, -1))
    strangers = RNG.normal(size=(9, 20))
    words = [WORDS[i] for i in kept] + [f"new{i}" for i in range(9)]
    before = write(tmp_path / "a.vec", WORDS, ROWS)
    after = write(tmp_path / "b.vec", words, np.concatenate([ROWS[kept] @ turn, strangers]))
    made = compare_files(before, after, k=5)
    coverage = made.provenance.coverage
    assert (coverage["rows before"], coverage["rows after"], coverage["rows shared"]) == (90, 85, 76)
    assert coverage["order"] == "that of before"
    assert made.words.words == tuple(WORDS[i] for i in sorted(kept))
    assert not made.words.change.any()
    [layer] = made.layers
    assert layer.readings["knn_jaccard"].value == 1.0
    assert layer.readings["cka_linear"].value == pytest.approx(1, abs=1e-6)
    assert layer.readings["drift_cosine"].value is None
    assert "12 and 20 dimensions" in str(layer.readings["drift_cosine"].note)
    assert layer.readings["isoscore"].before is not None
    assert layer.readings["self_similarity"].before is None
    assert made.verdict.task == "NOT MEASURED"
    assert "no held-out data" in made.verdict.task_line
    assert made.before.source == str(before)


def test_the_word_that_was_moved_is_the_one_that_changed(tmp_path: Path) -> None:
    moved = ROWS + RNG.normal(size=ROWS.shape).astype(np.float32) * 0.001
    moved[7] = -ROWS[7]
    before, after = write(tmp_path / "a.vec", WORDS, ROWS), write(tmp_path / "b.vec", WORDS, moved)
    lines = "word7 nearer word8 than word9\nmean_cosine at most 0.5\nspace without COLLAPSE\ntask not HARMED\n"
    made = compare_files(before, after, k=5, expect=parse(lines))
    assert int(np.argmax(made.words.drift[0])) == 7
    assert made.words.drift[0, 7] == pytest.approx(2, abs=1e-3)
    near, floor, space, task = made.expectations
    unit = ROWS / np.linalg.norm(ROWS, axis=1, keepdims=True)
    assert near.before == bool(unit[7] @ unit[8] > unit[7] @ unit[9])
    assert near.after != near.before  # the word was turned round
    assert floor.after
    assert space.after
    assert not task.after


def test_a_space_that_collapsed_is_told_and_no_word_is_called_changed(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ROWS)
    np.save(tmp_path / "b.npy", ROWS * np.float32(0.05) + 1)
    made = compare_files(tmp_path / "a.npy", tmp_path / "b.npy", k=5, expect=parse("space without collapse"))
    assert made.verdict.findings == ("COLLAPSE",)
    assert not made.expectations[0].after
    assert made.words.change.any()
    assert not made.words.changed(0).any()  # nothing is known of the noise
    assert "no word is called changed" in made.noise.line


def test_a_file_with_itself_has_not_changed_and_is_kept_as_any_comparison(tmp_path: Path) -> None:
    path = write(tmp_path / "a.vec", WORDS, ROWS)
    made = compare_files(path, path, k=5)
    assert not made.words.change.any()
    assert not made.words.drift.any()
    for reading in made.layers[0].readings.values():
        assert reading.before == reading.after
    folder = tmp_path / "kept"
    folder.mkdir()
    save(made, folder)
    seal(folder)
    opened = open_comparison(folder)
    assert opened.provenance.coverage == made.provenance.coverage
    assert opened.layers == made.layers


def test_rows_without_names_are_known_by_their_number(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ROWS)
    np.save(tmp_path / "b.npy", ROWS[:, :5])
    made = compare_files(tmp_path / "a.npy", tmp_path / "b.npy", k=3)
    assert made.words.words[:3] == ("1", "2", "3")
    np.save(tmp_path / "short.npy", ROWS[:50])
    with pytest.raises(UserError, match="90 and 50 vectors"):
        compare_files(tmp_path / "a.npy", tmp_path / "short.npy")
    named = write(tmp_path / "a.vec", WORDS, ROWS)
    with pytest.raises(UserError, match=r"a\.vec names its rows and b\.npy does not"):
        compare_files(named, tmp_path / "b.npy")


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    before = write(tmp_path / "a.vec", [*WORDS[:-1], WORDS[0]], ROWS)
    after = write(tmp_path / "b.vec", WORDS, ROWS)
    found = tables(read_both(before, after), most=40)
    assert found.before.words == tuple(WORDS[:40])
    assert np.array_equal(found.before.word_means[0], ROWS[:40])
    assert found.coverage["rows compared"] == 40
    assert str(found.coverage["rows left out"]).startswith("49 ")
    assert "1 rows left out" in str(found.coverage["note 1 on before"])


def test_of_many_rows_without_names_a_sample_is_compared_and_not_the_first(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ROWS)
    np.save(tmp_path / "b.npy", -ROWS)
    both = read_both(tmp_path / "a.npy", tmp_path / "b.npy")
    found = tables(both, most=40, seed=1)
    places = [int(word) - 1 for word in found.before.words]
    assert places == sorted(set(places))
    assert len(places) == 40
    assert max(places) > 60
    assert np.array_equal(found.before.word_means[0], ROWS[places])
    assert np.array_equal(found.after.word_means[0], -ROWS[places])
    assert found.coverage["rows left out"] == "50: 40 were drawn by seed 1, which the time allows"
    assert tables(both, most=40, seed=1).before.words == found.before.words
    assert tables(both, most=40, seed=2).before.words != found.before.words


@pytest.mark.parametrize("named", [True, False])
def test_two_files_are_kept_and_come_back_as_float32_with_their_names(tmp_path: Path, named: bool) -> None:
    if named:
        before, after = write(tmp_path / "a.vec", WORDS, ROWS), write(tmp_path / "b.vec", WORDS[10:], ROWS[10:])
    else:
        before, after = tmp_path / "a.npy", tmp_path / "b.npy"
        np.save(before, ROWS.astype(np.float64))
        np.save(after, ROWS)
    both = read_both(before, after)
    folder = tmp_path / "kept"
    folder.mkdir()
    save_both(both, folder)
    assert sum(path.stat().st_size for path in folder.glob("*.npy")) >= both.bytes_needed
    seal(folder)
    opened = open_both(folder)
    assert opened.before.dtype == np.float32
    assert np.array_equal(opened.before, ROWS[10:] if named else ROWS)
    assert np.array_equal(opened.after, opened.before)
    assert (opened.names, opened.sources, opened.rows, opened.notes) == (
        both.names, both.sources, both.rows, both.notes,
    )  # fmt: skip
    assert opened.name(3) == (WORDS[13] if named else "4")


def test_files_that_share_nothing_or_less_than_k(tmp_path: Path) -> None:
    before = write(tmp_path / "a.vec", WORDS, ROWS)
    other = write(tmp_path / "b.vec", [word.lower() for word in WORDS], ROWS)
    with pytest.raises(UserError, match="share 0 of 90 and 90 names"):
        compare_files(before, other)
    few = write(tmp_path / "c.vec", WORDS[:6], ROWS[:6])
    with pytest.raises(UserError, match="--k is 10, and 6 rows are compared: choose a k between 1 and 5"):
        compare_files(before, few)
    huge = tmp_path / "huge.npy"
    np.save(huge, ROWS.astype(np.float64) * 1e300)
    with pytest.raises(UserError, match="too large for float32"):
        compare_files(huge, huge)
