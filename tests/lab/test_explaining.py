"""Why a word changed, and which words moved together, on surveys of encoders whose changes are planted."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embedlab import compare, demo, survey
from embedlab.cli import main
from embedlab.corpus import Columns
from embedlab.errors import CorpusError, UserError
from embedlab.lab import Lab, comparison_summary
from embedlab.types import Comparison
from tests.fakes import FakeEncoder, sense_corpus

MOVED = {"water": "loan", "mud": "cash", "reed": "teller", "boat": "credit"}


def compared(root: Path, *, vectors: bool = True) -> tuple[Lab, Comparison]:
    """A lab with the fake corpus, and a comparison whose "after" moved four words, with its vectors or without."""
    lab, corpus = Lab(root / "workspace"), sense_corpus(12)
    with (root / "mine.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "target", "sense"])
        for text, target in zip(corpus.texts, corpus.targets or (), strict=True):
            writer.writerow([text, target.word if target else "", target.sense if target else ""])
    added = lab.add_corpus(root / "mine.csv", Columns(text="text", target="target", sense="sense"))
    kept = lab.corpus(added.id)
    before, after = FakeEncoder(), FakeEncoder(moved=MOVED)
    plan = survey.plan_survey(kept, before)
    ids = []
    for encoder in (before, after):
        id = survey.survey_id(encoder, plan)
        fill = lambda folder, encoder=encoder: survey.write_survey(encoder, plan, folder)  # noqa: E731
        said = {"kind": "survey", "model": encoder.spec.source, "corpus_id": added.id}
        lab.store.put("snapshots", id, encoder.spec.source, said, fill)
        ids.append(id)
    one, two = (survey.open_survey(lab.store.folder("snapshots", id)) for id in ids)
    made = compare.compare(one, two, kept, k=5)
    summary = comparison_summary(made) | {"surveys": ids if vectors else []}
    lab.store.put("comparisons", made.id, "made", summary, lambda folder: compare.save(made, folder, []))
    return lab, made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lab, Comparison]:
    return compared(tmp_path_factory.mktemp("explaining"))


def test_rows_that_hold_the_word_are_counted_and_the_nearest_of_the_others_are_nearest(
    made: tuple[Lab, Comparison],
) -> None:
    lab, comparison = made
    corpus = lab.corpus(comparison.provenance.corpus_id)
    found = lab.why(comparison.id, "water", 1, most=500)
    holding = {row for row, text in enumerate(corpus.texts) if "water" in text.lower().split()}
    assert {one.row for one in found.containing} >= holding
    assert found.frequency.rows == len({one.row for one in found.containing})
    assert found.frequency.of == len(corpus)
    assert found.nearest is not None
    assert {one.row for one in found.nearest} == set(range(len(corpus))) - {one.row for one in found.containing}
    # by another route: the mean of the uses against the whole texts, straight from the encoder
    encoder, near = FakeEncoder(), {}
    use = survey.plan_survey(corpus, encoder)
    word = survey.open_survey(lab.store.folder("snapshots", survey.survey_id(encoder, use)))
    mean = np.asarray(word.word_means[1][word.words.index("water")])
    for row, text in enumerate(corpus.texts):
        vector = word.texts[1][use.texts.index(text)]
        near[row] = float(vector @ mean / np.linalg.norm(vector) / np.linalg.norm(mean))
    for listed in (found.containing, found.nearest):
        assert [one.cosine for one in listed] == pytest.approx([near[one.row] for one in listed], abs=1e-5)
        assert [one.cosine for one in listed] == sorted((one.cosine for one in listed), reverse=True)  # type: ignore[type-var]


def test_where_the_training_is_not_known_that_is_said(made: tuple[Lab, Comparison]) -> None:
    lab, comparison = made
    found = lab.why(comparison.id, "water", most=3)
    assert not found.trained
    assert "is not known here" in found.notes[0]
    assert len(found.containing) == 3
    assert found.steps == ()


def test_without_vectors_the_rows_are_listed_and_nearness_is_left_open(tmp_path: Path) -> None:
    lab, comparison = compared(tmp_path, vectors=False)
    found = lab.why(comparison.id, "water")
    assert found.nearest is None
    assert found.containing
    assert all(one.cosine is None for one in found.containing)
    assert not lab.has_vectors(comparison.id)
    with pytest.raises(UserError, match="make the comparison again here"):
        lab.groups(comparison.id)


def test_what_is_not_there_is_said(made: tuple[Lab, Comparison], tmp_path: Path) -> None:
    lab, comparison = made
    with pytest.raises(UserError, match="'zebra' is not counted"):
        lab.why(comparison.id, "zebra")
    with pytest.raises(UserError, match="layers 0 to 2"):
        lab.why(comparison.id, "water", 3)
    other, same = compared(tmp_path)
    other.store.remove("corpora", same.provenance.corpus_id)
    with pytest.raises(CorpusError, match="add it again"):
        other.why(same.id, "water")


def test_groups_are_found_once_and_kept(made: tuple[Lab, Comparison]) -> None:
    lab, comparison = made
    assert lab.has_vectors(comparison.id, 2)
    found = lab.groups(comparison.id, 2)
    assert lab.has_groups(comparison.id, 2)
    assert lab.groups(comparison.id, 2) == found
    grouped = [word for group in found.groups for word in group.words]
    assert len(grouped) == len(set(grouped)) == found.words - found.alone
    assert set(grouped) <= set(comparison.words.words)
    for group in found.groups:
        assert 0 < group.p <= group.q <= 1
        assert not set(group.words) & {*group.towards, *group.away}


def test_a_layer_at_which_too_few_changed_has_no_groups_and_says_how_many(made: tuple[Lab, Comparison]) -> None:
    lab, comparison = made
    still = replace(comparison.words, change=np.zeros_like(comparison.words.change))
    from embedlab.comparing.groups import groups

    one = survey.open_survey(lab.store.folder("snapshots", lab.comparisons()[0].summary["surveys"][0]))
    found = groups(one, one, replace(comparison, words=still), 2)
    assert found.groups == ()
    assert found.chosen.startswith("0 of ")


def test_the_commands_say_the_same(made: tuple[Lab, Comparison], capsys: pytest.CaptureFixture[str]) -> None:
    lab, comparison = made
    place = ["--workspace", str(lab.root), "--json"]
    assert main(["why", comparison.id, "water", "--layer", "1", "--most", "2", *place]) == 0
    said = json.loads(capsys.readouterr().out)
    found = lab.why(comparison.id, "water", 1, most=2)
    assert said["frequency"]["rows"] == found.frequency.rows
    assert [one["row"] for one in said["nearest"]] == [one.row for one in found.nearest or ()]
    assert main(["groups", comparison.id, *place]) == 0
    assert len(json.loads(capsys.readouterr().out)["groups"]) == len(lab.groups(comparison.id).groups)
    assert main(["why", comparison.id, "water", *place[:2]]) == 0
    assert "rows that hold it" in capsys.readouterr().out
    select = ["corpus", "select", comparison.provenance.corpus_id, "--rows", "0,3", "--word", "water", "--name", "wet"]
    assert main([*select, *place]) == 0
    rows = lab.rows_with(comparison.provenance.corpus_id, ["water"])
    assert json.loads(capsys.readouterr().out)["rows"] == len({0, 3, *rows})
    assert main([*select[:4], "0,x", *select[5:], *place]) == 2


def test_of_the_results_that_came_with_embedlab_the_training_is_known(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    id = lab.ensure_demo()
    if id is None:
        pytest.skip("the results that come with EmbedLab were left out")
    found = lab.why(id, "bank", most=2)
    assert found.trained
    assert found.notes == ("Nearness is that of vectors in half precision, which came with EmbedLab.",)
    corpus = lab.corpus(found.corpus_id)
    config = lab.run_config("builtin", corpus.id, "senses", **demo.RUN)
    from embedlab.training.division import trained_rows

    assert found.frequency.of == int(trained_rows(corpus, config).sum())
    assert found.nearest is not None
    assert lab.why(id, "bank", 0, most=2).nearest is None, "only the vectors of the last layer came along"
