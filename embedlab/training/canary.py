"""The canary of a run: everyday texts, far from the task, looked at before the first step and at every evaluation.

Training loss and task score can both look well while the space around the task falls together. These texts belong to
no task: what becomes of them is what becomes of the space. Torch-free; the vectors come from outside.

The rules compare the model with itself before the first step, so they hold whatever space it began with:

    alike       the distance left between unrelated texts, 1 - mean cosine, fell below ALIKE of the start's
    directions  the effective rank fell below DIRECTIONS of the start's
    neighbours  of the k nearest each text had at the start, less than NEIGHBOURS are among its k nearest now
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float32, Int32

from embedlab.errors import MeasureError
from embedlab.measure.geometry import effective_rank, mean_cosine
from embedlab.measure.neighbours import knn_jaccard, nearest
from embedlab.training.pieces import Pieces
from embedlab.wording import number, percent

ALIKE = 2 / 3
DIRECTIONS = 1 / 2
NEIGHBOURS = 1 / 2
RULES = (
    f"the distance between unrelated sentences (1 − mean cosine) falls below {percent(ALIKE)} of the start's, the "
    f"effective rank below {percent(DIRECTIONS)} of the start's, or fewer than {percent(NEIGHBOURS)} of the start's "
    "nearest neighbours are kept"
)

FEWEST = 10  # texts below which the numbers would be chance
MOST = 200  # texts looked at, so that an evaluation stays cheap
LONGEST = 128  # pieces of a text that are read
K = 10  # neighbours, or as many as half of the other texts


@dataclass(frozen=True)
class Look:
    """One look at the canary: what an event of type "canary" says. `alarms`: sentences, none when all is well.

    mean_cosine (A1) and effective_rank (A7) of the texts' vectors, None where undefined (all vectors alike);
    neighbours_kept: mean Jaccard of the k nearest now and at the start (A14); overlap: mean share of the start's k.
    """

    texts: int
    k: int
    mean_cosine: float | None
    effective_rank: float | None
    neighbours_kept: float
    overlap: float
    alarms: tuple[str, ...] = ()

    def event(self) -> dict[str, Any]:
        return {**asdict(self), "alarms": list(self.alarms)}


@dataclass(frozen=True)
class Canary:
    """The texts cut into pieces, and what the start model made of them: its numbers, and each text's k nearest."""

    pieces: Pieces
    start: Look
    neighbours: Int32[np.ndarray, "n k"]

    @classmethod
    def of(cls, pieces: Pieces, vectors: Float32[np.ndarray, "n d"]) -> "Canary":
        """From the vectors of the start model. Raises MeasureError where they are not finite."""
        k = min(K, (len(vectors) - 1) // 2)
        start = Look(len(vectors), k, *_shape(vectors), neighbours_kept=1.0, overlap=1.0)
        return cls(pieces, start, nearest(vectors, k)[0])

    def look(self, vectors: Float32[np.ndarray, "n d"]) -> Look:
        """The same texts now. Raises MeasureError where the vectors are not finite."""
        cosine, rank = _shape(vectors)
        k = self.start.k
        jaccard = knn_jaccard(self.neighbours, nearest(vectors, k)[0])
        shared = 2 * k * jaccard / (1 + jaccard)  # two lists of k: |A u B| = 2k - |A & B|
        look = Look(len(vectors), k, cosine, rank, float(jaccard.mean()), float(shared.mean() / k))
        return replace(look, alarms=alarms(self.start, look))


def texts_to_watch(texts: Sequence[str], known: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """(the texts a canary is made of, notes about what was left out); no texts where there are too few.

    Left out: what is empty, said twice, or a text of the corpus (it would be trained on), and what is over MOST.
    """
    if not texts:
        return (), ["There is no canary: nothing watches the space outside the task."]
    wanted = list(dict.fromkeys(text for text in texts if text.strip()))
    in_corpus = set(known)
    far = [text for text in wanted if text not in in_corpus]
    notes = []
    if len(far) < len(wanted):
        notes.append(f"{len(wanted) - len(far):,} canary texts are texts of the corpus and were left out.")
    if len(far) > MOST:
        notes.append(f"The canary is {MOST} of its {len(far):,} texts, so that an evaluation stays cheap.")
        far = [far[i] for i in sorted(np.random.default_rng(0).permutation(len(far))[:MOST].tolist())]
    if len(far) < FEWEST:
        return (), [*notes, f"There is no canary: it needs {FEWEST} texts outside the corpus, and {len(far)} are left."]
    return tuple(far), notes


def alarms(start: Look, now: Look) -> tuple[str, ...]:
    """What became worse than the rules allow, in words."""
    said = []
    if start.mean_cosine is not None and now.mean_cosine is not None:
        before, after = start.mean_cosine, now.mean_cosine
        if 1 - after < ALIKE * (1 - before):
            said.append(f"Unrelated sentences are becoming alike: their mean cosine rose from {_two(before, after)}.")
    if start.effective_rank is not None:
        before, after = start.effective_rank, now.effective_rank or 1.0  # all vectors alike: one point
        if after < DIRECTIONS * before:
            places = 0 if after >= 10 else 1
            said.append(
                "The space is losing directions: effective rank "
                f"{number(before, places=places)} → {number(after, places=places)}."
            )
    if now.overlap < NEIGHBOURS:
        said.append(f"Everyday sentences have new neighbours: {percent(now.overlap)} of the start's are kept.")
    return tuple(said)


def _shape(vectors: Float32[np.ndarray, "n d"]) -> tuple[float | None, float | None]:
    """(mean cosine, effective rank), each None where it is not defined for finite vectors."""
    if not np.isfinite(vectors).all():
        raise MeasureError("The vectors of the canary are no longer numbers.")
    values: list[float | None] = []
    for measure in (mean_cosine, effective_rank):
        try:
            values.append(float(measure(vectors)))
        except MeasureError:
            values.append(None)
    return values[0], values[1]


def _two(before: float, after: float) -> str:
    """`.05 to .41`, with as many decimals as tell the two apart, and the second from 1."""
    for places in (2, 3, 4, 5):
        pair = number(before, places=places), number(after, places=places)
        if pair[0] != pair[1] and (after == 1 or not pair[1].startswith("1")):
            break
    return f"{pair[0]} to {pair[1]}"
