"""A run of word vectors: the same bits as the trainer itself, stopped and gone on, refused where it cannot be."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from embedlab import jobs
from embedlab.encoders import load
from embedlab.errors import TrainingError
from embedlab.jobfolder import JobFolder
from embedlab.lineage import making, vocabulary
from embedlab.lineage.word2vec import train_word2vec
from embedlab.store import Store, sealed_folder
from embedlab.training import recipes
from embedlab.training.division import divide
from embedlab.types import Corpus, EncoderSpec, Occurrence, RunConfig, Stage
from tests.training.tiny import train

NewRun = Callable[..., Path]


@pytest.fixture
def start(tmp_path: Path, large_corpus: Corpus) -> Path:
    """A random table with the words of the corpus."""
    with sealed_folder(tmp_path / "start") as folder:
        making.make("table", folder, large_corpus.texts, embedding_size=12)
    return tmp_path / "start"


def config(corpus: Corpus, objective: str = "skipgram", epochs: int = 3, rate: float = 0.025) -> RunConfig:
    stage = Stage(epochs, {"*": rate}, "linear", objective)
    return RunConfig(corpus.id, EncoderSpec("model:start"), (stage,), seed=5, canary="")


def rows_of(folder: Path) -> dict[str, np.ndarray]:
    words = vocabulary.words_of(Tokenizer.from_file(str(folder / "tokenizer.json")))
    return dict(zip(words, load_file(folder / "model.safetensors")["embeddings.words.weight"], strict=True))


def test_a_run_gives_the_bits_of_the_trainer_itself(
    new_run: NewRun, store: Store, large_corpus: Corpus, start: Path
) -> None:
    run = train(new_run("words", config(large_corpus), start=start), store)
    assert (run.state, run.step, run.best_step, run.score) == ("done", 3, 3, None)
    cut = vocabulary.cutter()
    texts = [use.text for use in divide(large_corpus, ["skipgram"])["skipgram"].train.uses]
    table = train_word2vec([cut(text) for text in texts], sg=True, dim=12, epochs=3, seed=5)
    found = rows_of(jobs.model_folder(store, run.id))
    assert set(table.words) <= set(found)
    for word, vector in zip(table.words, table.vectors, strict=True):
        np.testing.assert_array_equal(found[word], vector)
    assert [frame.step for frame in jobs.frames(store, run.id)] == [0, 3]


def test_the_model_it_leaves_reads_texts_and_has_its_card(
    new_run: NewRun, store: Store, large_corpus: Corpus, start: Path
) -> None:
    run = train(new_run("glove", config(large_corpus, "glove", rate=0.05), start=start), store)
    folder = jobs.model_folder(store, run.id)
    encoder = load(EncoderSpec("run:glove"), folder)
    (_, (vectors,)), *_ = list(encoder.encode([Occurrence("the bank of mud", 4, 8)]))
    np.testing.assert_array_equal(vectors[0], rows_of(folder)["bank"])
    assert "library_name: embedlab" in (folder / "README.md").read_text()
    assert not (folder / "modules.json").exists()


def test_paused_and_gone_on_it_ends_with_the_same_bits(
    new_run: NewRun, store: Store, large_corpus: Corpus, start: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = train(new_run("straight", config(large_corpus, epochs=4), start=start), store)
    folder = new_run("broken", config(large_corpus, epochs=4), start=start)
    asked = iter([False, False, True])
    with monkeypatch.context() as patch:
        patch.setattr(JobFolder, "pause_asked", lambda _: next(asked))
        run = train(folder, store)
    assert (run.state, run.step) == ("paused", 2)
    assert train(folder, store).state == "done"
    first, second = (rows_of(jobs.model_folder(store, id)) for id in (straight.id, "broken"))
    assert list(first) == list(second)
    assert all((first[word] == second[word]).all() for word in first)


def test_a_table_that_was_trained_is_gone_on_from(
    new_run: NewRun, store: Store, large_corpus: Corpus, start: Path
) -> None:
    train(new_run("first", config(large_corpus), start=start), store)
    trained = jobs.model_folder(store, "first")
    run = train(new_run("second", config(large_corpus, epochs=1), start=trained), store)
    before, after = rows_of(trained), rows_of(jobs.model_folder(store, run.id))
    assert list(before)[2:] == [word for word in after if word in before][2:]
    moved = np.mean([np.linalg.norm(after[w] - before[w]) / np.linalg.norm(before[w]) for w in list(before)[2:]])
    assert 0 < moved < 0.5  # one pass more, not a new beginning


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda corpus: config(corpus, rate=1e-3), "leave the rate out"),
        (lambda corpus: config(corpus), "trains a table of words: make one with"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    made: Callable[[Corpus], RunConfig], said: str, new_run: NewRun, store: Store, large_corpus: Corpus, start: Path
) -> None:
    asked = made(large_corpus)
    folder = new_run("no", asked, start=start if "rate" in said else None)
    run = train(folder, store)
    assert run.state == "failed"
    assert said in run.message


def test_word_vectors_stand_alone_in_a_plan(large_corpus: Corpus) -> None:
    one = config(large_corpus)
    both = replace(one, stages=(*one.stages, Stage(9, {"*": 1e-3}, "linear", "labels")))
    with pytest.raises(TrainingError, match="a run of their own"):
        recipes.checked(both)
