"""A run of word vectors: word2vec or GloVe train a whole table, and it becomes a model folder like that of any run.

A step is an epoch. The state on disk is the trainers' own (lineage/wordtables.py), so a run that is paused or killed
goes on and ends with the same bits. A model that was made here without vectors is random: word2vec and GloVe then start
from their own small numbers instead; any other table is gone on from, and grows by the words that the texts bring.
"""

import math
import resource
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from embedlab import corpus as corpora
from embedlab.encoders.files import ModelFiles, check_folder
from embedlab.encoders.info import label_of
from embedlab.errors import TrainingError, UserError
from embedlab.jobfolder import JobFolder
from embedlab.lineage import glove, making, vocabulary, word2vec
from embedlab.lineage.kinds import kind_of
from embedlab.lineage.wordtables import Stopped, Table
from embedlab.store import atomic_write, copy_sealed, is_sealed, sealed_folder
from embedlab.training import card, runfolder
from embedlab.training.division import divide
from embedlab.training.recipes.defaults import DEFAULTS
from embedlab.types import RunConfig, RunState

End = tuple[RunState, str, dict[str, Any]]
TRAINERS: dict[str, Callable[..., Table]] = {
    "skipgram": partial(word2vec.train_word2vec, sg=True),
    "cbow": partial(word2vec.train_word2vec, sg=False),
    "glove": glove.train_glove,
}


def work(job: JobFolder) -> End:
    """Train the table from where the run stands; returns how it ended."""
    config, start = runfolder.read(job.path)
    source = check_folder(start, label_of(config.encoder, start))
    _require_fit(config, source)
    corpus = corpora.load(job.path.parent.parent / "corpora" / config.corpus_id)
    goal = config.stages[0].objective
    division = divide(corpus, [goal])[goal]
    lower, table = _given(source)
    cut = vocabulary.cutter(lower=lower)
    sentences = [cut(use.text) for use in division.train.uses]
    began, again = time.monotonic(), any(event.get("type") == "ready" for event in job.events())
    job.emit(
        type="ready", device="cpu", processes=1, threads=1, precision="fp32", groups=["embeddings"],
        parameters=source.parameters, trained=source.parameters, score_name="", train=len(division.train),
        selection=0, held_out=len(division.held_out), canary=0, cut=0,
    )  # fmt: skip
    if again:
        job.emit(type="resumed", step=0)
    place = runfolder.frame_place(job.path, 0)
    if not is_sealed(place):
        copy_sealed(start, place)
    told = _Telling(job, config.max_steps, sum(map(len, sentences)), began)
    try:
        made = TRAINERS[goal](
            sentences, dim=int(source.config["embedding_size"]), epochs=config.max_steps, seed=config.seed, start=table,
            progress=told, stop=lambda: job.cancel_asked() or job.pause_asked(),
            checkpoint=job.path / "checkpoints" / "table",
        )  # fmt: skip
    except Stopped:
        state: RunState = "cancelled" if job.cancel_asked() else "paused"
        return state, f"{state.capitalize()} after epoch {told.step}.", told.result(0)
    _hand_over(job, [use.text for use in division.train.uses], made, config, lower)
    return "done", "", told.result(config.max_steps)


class _Telling:
    """Hears how far a training is, and writes one event an epoch."""

    def __init__(self, job: JobFolder, epochs: int, words: int, began: float) -> None:
        self.job, self.epochs, self.words, self.began = job, epochs, words, began
        self.step = 0

    def __call__(self, share: float, _what: str) -> None:
        step = math.floor(share * self.epochs + 1e-9)
        if step <= self.step:
            return
        self.step = step
        elapsed = time.monotonic() - self.began
        self.job.emit(
            type="step", step=step, loss=None, rate=None, grad_norm=None, elapsed_s=round(elapsed, 2),
            tokens_per_s=round(self.words * step / max(elapsed, 1e-9), 1),
            eta_s=round(elapsed * (self.epochs - step) / step, 1),
            memory_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, 1),
        )  # fmt: skip

    def result(self, best: int) -> dict[str, Any]:
        elapsed = time.monotonic() - self.began
        return {
            "step": self.step, "best_step": best, "score_name": "", "score_before": None, "score": None,
            "selection": None, "last_score": None, "alarms": [], "loss": None, "elapsed_s": round(elapsed, 2),
            "tokens": self.words * self.step, "tokens_per_s": round(self.words * self.step / max(elapsed, 1e-9), 1),
        }  # fmt: skip


def _require_fit(config: RunConfig, source: ModelFiles) -> None:
    """Raises TrainingError for a model that is no table, and for settings that these trainers do not take."""
    stage, kind = config.stages[0], kind_of(source.config)
    if kind is None or kind.name != "table":
        raise TrainingError(
            f"{stage.objective} trains a table of words: make one with `embedlab models new table --corpus ID` and "
            "train that."
        )
    usual = DEFAULTS[stage.objective]["rate"]
    if any(rate != usual for rate in stage.train.values()):
        raise TrainingError(f"{stage.objective} learns at the rate of its program, {usual:g}: leave the rate out.")


def _given(source: ModelFiles) -> tuple[bool, Table | None]:
    """(whether words are lower-cased, the table to go on from; None where it is random)."""
    tokenizer = Tokenizer.from_file(str(source.folder / "tokenizer.json"))
    lower = tokenizer.normalizer is not None
    if source.config.get("coverage") is None:
        return lower, None
    words = vocabulary.words_of(tokenizer)[2:]
    (weight,) = (load_file(source.folder / name)["embeddings.words.weight"] for name in source.weights)
    vectors = np.ascontiguousarray(weight[2:], dtype=np.float32)
    return lower, Table(tuple(words), vectors, np.zeros(len(words), np.int64))


def _hand_over(job: JobFolder, texts: list[str], made: Table, config: RunConfig, lower: bool) -> None:
    """Write model/: the table as a model folder, with its card."""
    try:
        readme = card.card(card.facts(job.path, config.max_steps))
    except UserError as error:  # the corpus was deleted meanwhile: a model without its card is still the model
        job.emit(type="note", message=f"The model has no card: {error}")
        readme = None
    with sealed_folder(job.path / "model", needed=2 * made.vectors.nbytes) as folder:
        making.make("table", folder, texts, seed=config.seed, table=(made.words, made.vectors), lower=lower)
        if readme is not None:
            atomic_write(folder / "README.md", readme.encode())
