"""Why a word may have changed: what the training showed of it, and when along the training it moved. No model here."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Float64

from embedlab.measure.rows import is_zero, unit
from embedlab.occurrences import word_spans
from embedlab.types import Corpus

HALF = 0.5  # of its final drift: a word has moved from there on, where no comparison says more


@dataclass(frozen=True, slots=True)
class Shown:
    """A row that the model was trained on. [start, end): the word in `text`, empty where it is not there.

    `column`: text, pair or negative, whichever of the row this is. `cosine`: of the row's text with the word, in the
    model before; None where its vectors are not here.
    """

    row: int
    text: str
    start: int = 0
    end: int = 0
    column: str = "text"
    label: str | None = None
    sense: str | None = None
    cosine: float | None = None


@dataclass(frozen=True, slots=True)
class LabelCount:
    """Of the training rows of one label (or sense): how many hold the word."""

    label: str
    rows: int
    of: int


@dataclass(frozen=True)
class Frequency:
    """How often the training showed the word: `uses` in `rows` of `of` rows; `labels`: the same label by label."""

    uses: int
    rows: int
    of: int
    labels: tuple[LabelCount, ...] = ()

    @property
    def share(self) -> float:
        """Of the training rows, in [0, 1]."""
        return self.rows / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True)
class StepMove:
    """The word at one kept step of the run: its change and whether that is more than noise (None where this step was
    not compared), and its drift, 1 - cosine of its mean vector before and there (None where unknown)."""

    step: int
    change: float | None = None
    above: bool | None = None
    drift: float | None = None


@dataclass(frozen=True)
class Why:
    """What may have changed a word at a layer.

    `trained`: whether these are the rows the model was trained on; else they are those of the compared corpus, and
    `notes` says why. `containing`: the rows that hold the word, nearest first where cosines are known, else in row
    order; at most as many as asked, of `frequency.rows`. `nearest`: rows that do not hold it, nearest first; None where
    the vectors of the model before are not here yet. `steps`: along the run, where states were kept.
    """

    comparison_id: str
    word: str
    layer: int
    corpus_id: str
    corpus_name: str
    trained: bool
    frequency: Frequency
    containing: tuple[Shown, ...]
    nearest: tuple[Shown, ...] | None
    steps: tuple[StepMove, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def first_changed(self) -> int | None:
        """The first compared step at which the word had changed by more than noise."""
        return next((one.step for one in self.steps if one.above), None)

    @property
    def half_way(self) -> int | None:
        """The first kept step at which its drift had reached half of that of the last one."""
        drifts = [(one.step, one.drift) for one in self.steps if one.drift is not None]
        if len(drifts) < 2 or drifts[-1][1] <= 0:
            return None
        return next(step for step, drift in drifts if drift >= HALF * drifts[-1][1])


def shown_uses(corpus: Corpus, rows: Bool[np.ndarray, "row"], word: str) -> list[Shown]:
    """Every use of a word in the texts, pairs and negatives of the rows, in row order; the target of a row is a use of
    its headword."""
    wanted = word.lower()
    columns = (("text", corpus.texts), ("pair", corpus.pairs), ("negative", corpus.negatives))
    found = []
    for row in np.flatnonzero(rows):
        target = corpus.targets[row] if corpus.targets is not None else None
        for column, texts in columns:
            text = None if texts is None else texts[row]
            if text is None:
                continue
            spans = dict.fromkeys(span for span in _spans(text, wanted))
            if column == "text" and target is not None and target.word.lower() == wanted:
                spans[target.start, target.end] = None
            found += [replace(shown_row(corpus, int(row), column), start=a, end=b) for a, b in sorted(spans)]
    return found


def _spans(text: str, wanted: str) -> list[tuple[int, int]]:
    if wanted not in text.lower():  # spares the cutting into words in nearly every text
        return []
    return [(start, end) for start, end in word_spans(text) if text[start:end].lower() == wanted]


def shown_row(corpus: Corpus, row: int, column: str = "text") -> Shown:
    """A row as it was shown, without a use."""
    texts = {"text": corpus.texts, "pair": corpus.pairs, "negative": corpus.negatives}[column]
    target = corpus.targets[row] if corpus.targets is not None else None
    return Shown(
        row,
        (texts[row] if texts is not None else None) or "",
        column=column,
        label=corpus.labels[row] if corpus.labels is not None else None,
        sense=target.sense if target is not None else None,
    )


def frequency(corpus: Corpus, rows: Bool[np.ndarray, "row"], uses: Sequence[Shown]) -> Frequency:
    """How often the rows show a word, in all and for each label, else for each sense; most rows with the word first."""
    holding = {use.row for use in uses}
    senses = tuple(None if target is None else target.sense for target in corpus.targets or ())
    labels = corpus.labels or senses
    kept = [(int(row), labels[row]) for row in np.flatnonzero(rows)] if labels else []
    every = Counter(label for _, label in kept if label is not None)
    own = Counter(label for row, label in kept if label is not None and row in holding)
    counts = sorted(own, key=lambda label: (-own[label], label))
    return Frequency(
        len(uses),
        len(holding),
        int(rows.sum()),
        tuple(LabelCount(label, own[label], every[label]) for label in counts),
    )


def cosines(word: Float[np.ndarray, "d"], texts: Float[np.ndarray, "text d"]) -> Float64[np.ndarray, "text"]:
    """Cosine of one vector with every row, in [-1, 1]; NaN for a row without a direction (it was not read)."""
    near = unit(texts) @ unit(word[None, :])[0]
    return np.where(is_zero(texts), np.nan, near.clip(-1.0, 1.0))


def ranked(found: Sequence[Shown], near: Float64[np.ndarray, "row"] | None, most: int) -> tuple[Shown, ...]:
    """The first `most`, by falling cosine of their rows where there are any (equal ones by row), else as they come."""
    if near is None:
        return tuple(found[:most])
    with_cosine = [
        one if np.isnan(near[one.row]) else replace(one, cosine=float(near[one.row]))
        for one in found
    ]  # fmt: skip
    key = lambda one: -np.inf if one.cosine is None else one.cosine  # noqa: E731
    return tuple(sorted(with_cosine, key=lambda one: (-key(one), one.row, one.start))[:most])
