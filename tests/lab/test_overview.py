"""The map of everything in a workspace: what is on it, what is said of it, and what can be taken from it."""

import csv
import io
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from embedlab import demo, survey, wordvectors
from embedlab.cli import main
from embedlab.cli.printing import Cancelled, JobPrinter
from embedlab.comparing.overview import Overview, make_overview, placebo_of
from embedlab.comparing.overview_columns import columns, items_frame, places_of, ranked
from embedlab.errors import StoreError, UserError
from embedlab.jobfolder import JobFolder
from embedlab.lab import Lab, selections
from embedlab.occurrences import word_spans
from embedlab.store import copy_sealed, is_sealed
from embedlab.vectorfiles.writing import write_words
from tests.searching import FakeLab, fill


@pytest.fixture(scope="module")
def words(made: tuple[FakeLab, str]) -> Overview:
    return made[0].overview(made[1])


@pytest.fixture(scope="module")
def texts(made: tuple[FakeLab, str]) -> Overview:
    return made[0].overview(made[1], "texts")


def test_every_word_is_on_it_with_the_change_of_the_word_table(made: tuple[FakeLab, str], words: Overview) -> None:
    comparison = made[0].comparison(made[1])
    assert words.rows.tolist() == list(range(len(comparison.words.words)))
    assert np.array_equal(words.change, comparison.words.change[2])
    assert np.array_equal(words.drift, comparison.words.drift[2], equal_nan=True)
    assert (words.layer, words.layer_name, words.landmarks) == (2, "layer 2", None)
    assert words.trust_before.value > 0.5
    assert placebo_of(words) == pytest.approx(words.real_move / words.placebo_move)


def test_every_distinct_text_is_on_it_once_and_one_no_model_reads_is_counted_out(
    made: tuple[FakeLab, str], texts: Overview
) -> None:
    lab, id = made
    corpus = lab.corpus(lab.comparison(id).provenance.corpus_id)
    readable = [text for text in dict.fromkeys(corpus.texts) if text != "zzz"]
    assert [corpus.texts[row] for row in texts.rows] == readable
    assert texts.left_out == 1
    assert (np.diff(texts.rows) > 0).all()


def test_the_change_and_drift_of_a_text_by_hand(made: tuple[FakeLab, str], texts: Overview) -> None:
    lab, id = made
    entry = lab.store.find("comparisons", id)
    surveys = [survey.open_survey(lab.store.folder("snapshots", one)) for one in entry.summary["surveys"]]
    sides = [one.texts[2][one.seen_texts] for one in surveys]
    sides = [side[: len(texts)] / np.linalg.norm(side[: len(texts)], axis=1, keepdims=True) for side in sides]
    assert texts.drift == pytest.approx(1 - (sides[0] * sides[1]).sum(axis=1), abs=1e-5)
    near = []
    for side in sides:
        cosine = (side @ side.T).astype(float)
        np.fill_diagonal(cosine, -2)
        near.append([set(row) for row in np.argsort(-cosine, axis=1)[:, : texts.k]])
    shared = np.array([len(a & b) for a, b in zip(*near, strict=True)])
    assert texts.change == pytest.approx(1 - shared / (2 * texts.k - shared), abs=1e-6)


def test_it_is_drawn_once(made: tuple[FakeLab, str], words: Overview) -> None:
    lab, id = made
    told: list[str] = []
    again = lab.overview(id[:12], "words", 2, progress=lambda _share, what: told.append(what))
    assert told == ["already drawn"]
    assert again.trust_before == words.trust_before
    for name in ("rows", "before", "after", "placebo_before", "change", "drift", "labels"):
        assert np.array_equal(getattr(again, name), getattr(words, name), equal_nan=True), name
    assert lab.kept_overview(id, "words", 1) is None


def test_a_layer_that_is_the_same_in_both_does_not_move(made: tuple[FakeLab, str]) -> None:
    lab, id = made
    still = lab.overview(id, "texts", 0)
    moved = np.linalg.norm(still.before - still.after, axis=1) > 0
    corpus = lab.corpus(lab.comparison(id).provenance.corpus_id)
    assert still.drift[["otter" not in corpus.texts[row] for row in still.rows]] == pytest.approx(0, abs=1e-6)
    assert moved.any()  # the texts with "otter", which took another vector, pull their neighbours along


def test_the_label_of_a_word_is_that_of_most_of_its_texts(made: tuple[FakeLab, str], words: Overview) -> None:
    lab, id = made
    comparison = lab.comparison(id)
    corpus = lab.corpus(comparison.provenance.corpus_id)
    assert corpus.labels is not None
    for word in ("otter", "loan", "the"):
        row = comparison.words.row(word)
        assert row is not None
        tally: dict[str, int] = {}
        for text, label in zip(corpus.texts, corpus.labels, strict=True):
            if label and word in {text[start:end].lower() for start, end in word_spans(text)}:
                tally[label] = tally.get(label, 0) + 1
        found = words.label_names[words.labels[row]]
        assert tally[found] == max(tally.values())


def test_what_may_colour_it(made: tuple[FakeLab, str], words: Overview, texts: Overview) -> None:
    lab, _ = made
    assert [column.name for column in lab.overview_columns(texts)] == [
        "change", "drift", "label", "word", "sense", "split",
    ]  # fmt: skip
    named = {column.name: column for column in lab.overview_columns(words)}
    assert next(iter(named)) == "change"
    assert named["uses, log10"].values is not None
    for column in (*named.values(), *lab.overview_columns(texts)):
        if column.codes is not None:
            assert 0 <= column.codes.min() <= column.codes.max() < len(column.categories)
            assert len(set(column.categories)) == len(column.categories)
        else:
            assert column.values is not None
            assert np.nanmax(column.values) <= column.high + 1e-6


def test_a_column_of_very_many_kinds_keeps_the_frequent_ones_and_says_other(
    made: tuple[FakeLab, str], texts: Overview
) -> None:
    lab, id = made
    comparison = lab.comparison(id)
    corpus = lab.corpus(comparison.provenance.corpus_id)
    many = replace(corpus, labels=tuple("often" if row < 9 else f"label {row}" for row in range(len(corpus))))
    label = next(column for column in columns(texts, comparison, many) if column.name == "label")
    assert label.codes is not None
    assert len(label.categories) == 20
    assert (label.categories[0], label.categories[-1]) == ("often", "other")
    shown = [label.categories[code] for code in label.codes]
    assert shown.count("often") == 9
    assert shown.count("other") == len(texts) - 9 - 18


def test_the_selection_as_csv_and_parquet_runs_no_formula(made: tuple[FakeLab, str], texts: Overview) -> None:
    lab, _ = made
    chosen = texts.rows[[3, 5, 8]].tolist()
    table = list(csv.DictReader(io.StringIO(lab.overview_file(texts, chosen).decode())))
    assert {int(float(line["row"])) for line in table} == set(chosen)
    change = [float(line["change"]) for line in table]
    assert change == sorted(change, reverse=True)
    frame = pq.read_table(io.BytesIO(lab.overview_file(texts, chosen, "parquet")))
    assert frame.num_rows == 3
    assert {"text", "label", "sense", "x_before", "y_after"} <= set(frame.column_names)


def test_the_selection_as_a_new_corpus(made: tuple[FakeLab, str], words: Overview, texts: Overview) -> None:
    lab, id = made
    comparison = lab.comparison(id)
    corpus = lab.corpus(comparison.provenance.corpus_id)
    row = comparison.words.row("otter")
    assert row is not None
    rows = lab.overview_rows(words, [row])
    assert [at for at, text in enumerate(corpus.texts) if "otter" in text] == list(rows)
    first = lab.overview_rows(texts, [0])
    assert len(first) == 2  # the first sentence stands in the corpus twice
    entry = lab.corpus_from(corpus.id, rows, "with an otter")
    assert len(lab.corpus(entry.id)) == len(rows)


def test_above_its_bound_landmarks_are_laid_out_and_it_says_so(made: tuple[FakeLab, str]) -> None:
    lab, id = made
    entry = lab.store.find("comparisons", id)
    one, two = (survey.open_survey(lab.store.folder("snapshots", name)) for name in entry.summary["surveys"])
    comparison = lab.comparison(id)
    drawn = make_overview(one, two, comparison, None, "words", 2, exact=20, landmarks=20)
    assert drawn.landmarks == 20
    assert len(drawn) == len(comparison.words.words) > 20
    assert np.array_equal(drawn.change, comparison.words.change[2])


def test_vectors_that_are_gone_and_layers_that_are_not_there_are_said(tmp_path: Path) -> None:
    lab, id = fill(tmp_path)
    with pytest.raises(UserError, match="no layer 9"):
        lab.overview(id, "words", 9)
    for name in lab.store.find("comparisons", id).summary["surveys"]:
        lab.store.remove("snapshots", name)
    assert not lab.can_overview(id)
    with pytest.raises(UserError, match="not in the workspace"):
        lab.overview(id)


def test_another_corpus_under_the_same_comparison_is_refused(made: tuple[FakeLab, str]) -> None:
    lab, id = made
    entry = lab.store.find("comparisons", id)
    one, two = (survey.open_survey(lab.store.folder("snapshots", name)) for name in entry.summary["surveys"])
    comparison = lab.comparison(id)
    corpus = lab.corpus(comparison.provenance.corpus_id)
    shorter = replace(
        corpus, texts=corpus.texts[:5], labels=None, targets=None, splits=None, pairs=None, negatives=None, scores=None
    )
    with pytest.raises(StoreError, match="not the one"):
        make_overview(one, two, comparison, shorter, "texts", 2)


def test_two_files_of_vectors_are_named_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = [f"word{i}" for i in range(40)]
    files = []
    for side in ("before", "after"):
        files.append(tmp_path / f"{side}.txt")
        write_words(names, rng.normal(size=(40, 8)).astype(np.float32), files[-1], binary=False)
    lab = Lab(tmp_path / "workspace")
    id = lab.compare_files(*files).id
    assert lab.can_overview(id)
    lab.store.remove("snapshots", lab.store.find("comparisons", id).summary["both"])
    assert not lab.can_overview(id)
    with pytest.raises(UserError, match="--before and --after"):
        lab.overview(id)
    drawn = lab.overview(id, files=(files[0], files[1]))
    assert len(drawn) == 40
    assert lab.kept_overview(id) is not None
    with pytest.raises(UserError, match="without a corpus"):
        lab.overview(id, "texts", files=(files[0], files[1]))


def test_of_two_files_every_row_is_drawn_also_those_that_were_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wordvectors, "MOST_WORDS", 30)
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(80, 8)).astype(np.float32)
    moved = rows + 0.3 * rng.normal(size=(80, 8)).astype(np.float32)
    rows[7] = 0  # a row without direction has no place
    for side, table in (("before", rows), ("after", moved)):
        np.save(tmp_path / f"{side}.npy", table)
    lab = Lab(tmp_path / "workspace")
    made = lab.compare_files(tmp_path / "before.npy", tmp_path / "after.npy")
    assert len(made.words.words) == 30
    assert lab.overview_kinds(made.id) == ("words", "rows")
    assert lab.overview_size(made.id, "rows") == (80, 8)
    assert lab.overview_size(made.id, "words") == (30, 8)
    drawn = lab.overview(made.id, "rows")
    assert drawn.rows.tolist() == [row for row in range(1, 81) if row != 8]
    assert drawn.left_out == 1
    assert lab.overview_names(drawn)[7] == "row 9"
    sound = drawn.rows - 1
    near = []
    for table in (rows[sound], moved[sound]):
        unit = table.astype(float) / np.linalg.norm(table.astype(float), axis=1, keepdims=True)
        cosine = unit @ unit.T
        np.fill_diagonal(cosine, -2)
        near.append([set(row) for row in np.argsort(-cosine, axis=1)[:, : drawn.k]])
    shared = np.array([len(a & b) for a, b in zip(*near, strict=True)])
    assert drawn.change == pytest.approx(1 - shared / (2 * drawn.k - shared), abs=1e-6)
    frame = lab.overview_items(drawn, [9, 3, 8])
    assert sorted(frame["number"]) == [3, 9]
    assert "row" not in frame  # its number once more
    named = items_frame(drawn, made, None, np.array([1, 0]), [f"name {row}" for row in drawn.rows])
    assert named["row"].tolist() == ["name 2", "name 1"]
    assert [column.name for column in lab.overview_columns(drawn)] == ["change", "drift"]
    with pytest.raises(UserError, match="no corpus"):
        lab.overview_rows(drawn, [3])


def test_the_first_of_a_ranking_are_those_of_the_whole_one(words: Overview) -> None:
    whole = ranked(words)
    assert (np.diff(words.change[whole]) <= 0).all()
    assert sorted(whole.tolist()) == list(range(len(words)))
    for most in (1, 7, len(words), len(words) + 5):
        assert ranked(words, None, most).tolist() == whole[:most].tolist()
    chosen = words.rows[::3]
    some = [at for at in whole.tolist() if at % 3 == 0]
    assert ranked(words, chosen[::-1].copy(), 5).tolist() == some[:5]
    assert places_of(words, np.array([-1, 10**9, int(chosen[1])])).tolist() == [3]


def test_a_selection_too_large_for_an_address_is_kept_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    rows = np.flatnonzero(np.random.default_rng(0).random(100_000) < 0.4)
    id = lab.keep_rows(rows)
    assert len(id) == 16
    assert lab.keep_rows(rows.copy()) == id
    found = lab.kept_rows(id)
    assert found is not None
    assert np.array_equal(found, rows)
    for other in ("", "0" * 16, "../../etc/pass", id.upper(), id + "0"):
        assert lab.kept_rows(other) is None, other
    [file] = (tmp_path / "selections").iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    assert lab.kept_rows(id) is None


def test_the_oldest_selections_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selections, "MOST_KEPT", 3)
    lab = Lab(tmp_path)
    ids = []
    for i in range(5):
        ids.append(lab.keep_rows(np.arange(i + 1)))
        os.utime(tmp_path / "selections" / f"{ids[-1]}.rows", (i, i))
    assert [lab.kept_rows(id) is not None for id in ids] == [False, False, True, True, True]


def test_a_map_can_be_stopped(made: tuple[FakeLab, str]) -> None:
    lab, id = made
    job = JobFolder(lab.root / "jobs" / "abc")
    job.path.mkdir(parents=True)
    (job.path / "task.json").write_text(json.dumps({"name": "map", "arguments": [], "created": "2020-01-01T00:00:00Z"}))
    with pytest.raises(UserError, match="not running"):
        lab.cancel_task("abc")
    show = JobPrinter(job)
    with job.working():
        lab.cancel_task("abc")
        with pytest.raises(Cancelled):
            lab.overview(id, "words", 0, progress=show.progress)
    assert lab.kept_overview(id, "words", 0) is None
    shutil.rmtree(job.path)


def test_the_command_draws_and_writes(
    made: tuple[FakeLab, str], words: Overview, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lab, id = made
    out = tmp_path / "map.parquet"
    assert main(["map", id[:10], "--workspace", str(lab.root), "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["maps"][0]["items"] == len(words) == pq.read_table(out).num_rows
    assert said["maps"][0]["trust_before"]["value"] == words.trust_before.value
    assert main(["map", id[:10], "--workspace", str(lab.root)]) == 0
    assert "every one laid out" in capsys.readouterr().out
    assert main(["map", id[:10], "--workspace", str(lab.root), "--layers", "one"]) == 2
    assert "--layers takes numbers" in capsys.readouterr().err
    assert main(["map", id[:10], "--workspace", str(lab.root), "--before", "a.txt"]) == 2


def test_the_maps_that_came_with_embedlab_open_at_once(
    made: tuple[FakeLab, str], words: Overview, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, id = made
    results = tmp_path / "demo" / "results"
    name = lab._overview_id(lab.store.find("comparisons", id).id, "words", 2)
    lab_without, same = fill(tmp_path / "workspace")
    assert same == id
    copy_sealed(lab.store.folder("snapshots", name), results.parent / "snapshots" / name)
    copy_sealed(lab.store.folder("comparisons", id), results)
    monkeypatch.setattr(demo, "results_folder", lambda: results)
    assert not is_sealed(lab_without.store.folder("snapshots", name))
    found = lab_without.kept_overview(id)
    assert found is not None
    assert np.array_equal(found.after, words.after)
