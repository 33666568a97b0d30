"""word2vec (Mikolov et al. 2013), skip-gram and CBOW with negative sampling, trained by gensim's inner loops.

gensim keeps vocabulary, sampling tables and weights, and its compiled functions take each job of up to 10,000 words.
The loop over jobs is ours, in this thread: the same jobs and rates as gensim's own single worker, to the bit, but a
training can be watched, stopped between two jobs and taken up again. What the next job depends on is kept: both weight
matrices, the state of the random generator, and the place in the texts, from which the rate follows.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from gensim.models import Word2Vec
from gensim.models.word2vec import train_batch_cbow, train_batch_sg

from embedlab.lineage.wordtables import (
    Checkpoint,
    Sentences,
    Stop,
    Stopped,
    Table,
    identity,
    never,
    require_fit,
    require_positive,
    vocabulary,
)
from embedlab.vectorfiles.checks import Progress, no_progress

JOB_WORDS = 10_000  # what gensim's functions take at once; a longer sentence is cut into several, not cut short
RATE, LAST_RATE = 0.025, 0.0001


def train_word2vec(
    sentences: Sentences,
    *,
    sg: bool,
    dim: int = 100,
    window: int = 5,
    negative: int = 5,
    epochs: int = 20,
    min_count: int = 2,
    seed: int = 0,
    start: Table | None = None,
    progress: Progress = no_progress,
    stop: Stop = never,
    checkpoint: Path | None = None,
) -> Table:
    """Vectors of all words that stand in `sentences` at least `min_count` times. `sg`: skip-gram, else CBOW.

    `start`: go on from this table, all of whose words stay; words that the sentences bring are added. Vectors of words
    that the sentences lack stay as they are, to the bit. Where its counts are unknown (0), negative samples are drawn
    by the counts of the sentences alone. The rate falls in a straight line from 0.025 to 0.0001.

    `stop` is asked between jobs of 10,000 words; `checkpoint` is the folder in which the state is kept, every 20 s and
    when stopped: called again with the same arguments, the training goes on and ends with the same bits.
    Raises Stopped when stopped, TrainingError for texts or settings that cannot be trained, StoreError for the disk.
    """
    settings = {"dim": dim, "window": window, "negative": negative, "epochs": epochs, "min_count": min_count}
    require_positive(settings)
    require_fit(start, dim)
    words, counts = vocabulary(sentences, min_count, start)
    state = Checkpoint(checkpoint, identity({"kind": "word2vec", "sg": sg, "seed": seed, **settings}, sentences, start))
    model = _model(words, counts, start, sg=sg, seed=seed, **settings)
    texts = [part for sentence in sentences for part in _parts(sentence)]
    jobs = list(_jobs(texts))
    total = epochs * len(jobs)
    work = np.zeros((2, dim), np.float32)
    for at in range(_resume(model, state), total):
        epoch, job = divmod(at, len(jobs))
        if stop():
            _keep(model, state, at)
            raise Stopped(f"Stopped in epoch {epoch + 1} of {epochs}: {state.kept}")
        first, last = jobs[job]
        share = (epoch + first / len(texts)) / epochs
        rate = max(LAST_RATE, RATE - (RATE - LAST_RATE) * share)
        if sg:
            train_batch_sg(model, texts[first:last], rate, work[0], False)
        else:
            train_batch_cbow(model, texts[first:last], rate, work[0], work[1], False)
        if state.due():
            _keep(model, state, at + 1)
        progress((at + 1) / total, f"word2vec, epoch {epoch + 1} of {epochs}")
    _keep(model, state, total)
    return Table(words, model.wv.vectors, np.asarray(model.wv.expandos["count"], np.int64), model.syn1neg)


def _parts(sentence: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, max(1, len(sentence)), JOB_WORDS):
        yield sentence[start : start + JOB_WORDS]


def _jobs(texts: Sequence[Sequence[str]]) -> Iterator[tuple[int, int]]:
    """(first, last + 1) of the texts of each job: as many as make no more than 10,000 words."""
    first = words = 0
    for at, text in enumerate(texts):
        if words + len(text) > JOB_WORDS:
            yield first, at
            first, words = at, 0
        words += len(text)
    yield first, len(texts)


def _model(
    words: tuple[str, ...], counts: Mapping[str, int], start: Table | None, *, sg: bool, seed: int, **sizes: int
) -> Word2Vec:
    """gensim's model with its tables ready and nothing trained: `words` in this order, those of `start` in place."""
    model = Word2Vec(
        vector_size=sizes["dim"], window=sizes["window"], negative=sizes["negative"], min_count=1, sg=int(sg),
        seed=seed, workers=1, sorted_vocab=0,
    )  # fmt: skip
    model.running_training_loss = 0.0
    here = {word: counts[word] for word in words if counts[word]}
    if start is None:
        model.build_vocab_from_freq(here)
        return model
    model.build_vocab_from_freq({word: max(1, int(n)) for word, n in zip(start.words, start.counts, strict=True)})
    model.build_vocab_from_freq(here, update=True)  # frequent words are left out by how frequent they are here
    seen = model.wv.expandos["count"]
    seen[:] = [counts[word] for word in words]
    seen[: len(start)] += start.counts
    model.make_cum_table()
    model.wv.vectors[: len(start)] = start.vectors
    if start.contexts is not None:
        model.syn1neg[: len(start)] = start.contexts
    return model


def _keep(model: Word2Vec, state: Checkpoint, done: int) -> None:
    _, keys, place, *_ = model.random.get_state()
    arrays = {"vectors": model.wv.vectors, "contexts": model.syn1neg, "random": keys}
    state.write({"done": done, "place": int(place)}, arrays)


def _resume(model: Word2Vec, state: Checkpoint) -> int:
    """How many jobs are behind, the model as it was then."""
    found = state.read(("vectors", "contexts", "random"))
    if found is None:
        return 0
    memo, arrays = found
    model.wv.vectors[:] = arrays["vectors"]
    model.syn1neg[:] = arrays["contexts"]
    model.random.set_state(("MT19937", arrays["random"], memo["place"]))
    return int(memo["done"])
