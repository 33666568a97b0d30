"""Every use of one word at one layer as both states of a comparison see it, and the linked map of these uses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from embedlab.comparing.maps import MOST_USES, TRUST_K
from embedlab.comparing.senses import targets_of, use_change
from embedlab.comparing.sides import Pair
from embedlab.comparing.words import drift_of
from embedlab.comparing.wordsenses import word_senses
from embedlab.errors import MeasureError
from embedlab.measure import agreement as true
from embedlab.measure import projection
from embedlab.measure.agreement import Clusters
from embedlab.types import Comparison, LinkedMap, Occurrence, Reading, freeze

MOST_POINTS = 12_000  # uses x states of one layout: some twenty seconds
MOST_STEPS = 8  # states of a run between before and after that are shown at once

Vectors = Float32[np.ndarray, "use d"]
Places = Float32[np.ndarray, "point 2"]


@dataclass(frozen=True)
class WordView:
    """The uses of one word at one layer. Row i of every array belongs to uses[i].

    ids: what a selection speaks of, strictly increasing: rows of comparison.uses where the comparison read them, else
    their number in row order. `marked`: the comparison read them. `of`: how many uses the corpus has, where these are
    a sample. change, drift, noise as in Uses, NaN where unknown; predicted_* empty where no sense is known. before,
    after: their vectors, or None where they are not here (any more).
    """

    word: str
    layer: int
    layer_name: str
    ids: Int64[np.ndarray, "use"]
    uses: tuple[Occurrence, ...]
    held_out: Bool[np.ndarray, "use"]
    change: Float32[np.ndarray, "use"]
    drift: Float32[np.ndarray, "use"]
    noise: Float32[np.ndarray, "use"]
    predicted_before: tuple[str, ...] = ()
    predicted_after: tuple[str, ...] = ()
    readings: Mapping[str, Reading] = field(default_factory=dict)
    p: float | None = None
    marked: bool = True
    of: int = 0
    before: Vectors | None = None
    after: Vectors | None = None

    @property
    def pair(self) -> Pair | None:
        return None if self.before is None or self.after is None else Pair(self.before, self.after)

    @property
    def within(self) -> Bool[np.ndarray, "use"]:
        """Which uses changed by no more than noise; none where the floor is unknown."""
        return np.asarray(self.change <= self.noise)

    @property
    def senses(self) -> tuple[str | None, ...]:
        return tuple(use.sense for use in self.uses)


@dataclass(frozen=True)
class WordMap:
    """A linked map of the uses of a view: where they lie, and how true that is.

    drawn: positions in the view, increasing; frames: before, the states of `steps`, after, in one frame. `scores`: the
    same layout's trust, moves and placebo (its rows are ids). agreement: the share of true neighbours among map
    neighbours, point by point, before and after. clusters: of the vectors, before and after. None where the vectors are
    not here.
    """

    scores: LinkedMap
    drawn: Int64[np.ndarray, "point"]
    frames: tuple[Places, ...]
    steps: tuple[int, ...] = ()
    agreement: tuple[Float64[np.ndarray, "point"], Float64[np.ndarray, "point"]] | None = None
    clusters: tuple[Clusters, Clusters] | None = None

    @property
    def placebo(self) -> tuple[Places, Places]:
        """The state before laid out against itself."""
        return self.scores.placebo_before, self.scores.placebo_after


# ---------------------------------------------------------------- the uses


def of_comparison(comparison: Comparison, word: str, layer: int, pair: Pair | None) -> WordView:
    """A word whose uses the comparison read one by one; `pair`: their vectors, row by row, where they are at hand."""
    table = comparison.uses
    rows = table.of(word)
    names = comparison.sense_readings.get(word)
    p = comparison.word_p.get(word)
    noise = np.full(len(rows), np.nan, dtype=np.float32) if table.noise is None else table.noise[layer, rows]

    def predicted(side: Sequence[Sequence[str]]) -> tuple[str, ...]:
        found = tuple(side[layer][row] for row in rows) if side else ()
        return found if any(found) else ()

    return WordView(
        word, layer, comparison.layers[layer].name, freeze(rows), tuple(table.occurrences[row] for row in rows),
        table.held_out[rows], table.change[layer, rows], table.drift[layer, rows], noise,
        predicted(table.predicted_before), predicted(table.predicted_after),
        names[layer].readings if names else {}, None if p is None else p[layer], of=len(rows),
        before=None if pair is None else pair.before, after=None if pair is None else pair.after,
    )  # fmt: skip


def found_now(
    comparison: Comparison,
    word: str,
    layer: int,
    uses: Sequence[Occurrence],
    held_out: Bool[np.ndarray, "use"],
    pair: Pair,
    of: int,
) -> WordView:
    """Any other word: the same numbers of its uses, but for the noise, since no other seed has read them."""
    n = len(uses)
    moved = drift_of(pair)
    made = WordView(
        word, layer, comparison.layers[layer].name, np.arange(n), tuple(uses), held_out,
        use_change(pair, comparison.provenance.k),
        np.full(n, np.nan, dtype=np.float32) if moved is None else moved.astype(np.float32),
        np.full(n, np.nan, dtype=np.float32), marked=False, of=of, before=pair.before, after=pair.after,
    )  # fmt: skip
    return with_senses(made, made.senses, comparison.provenance.seed)


def with_senses(view: WordView, names: Sequence[str | None], seed: int) -> WordView:
    """The view with these senses in place of its own, and what is read of them (A16) where the vectors are at hand.

    Centroids come from the uses that are not held out, held-out uses are tested, as in every comparison.
    """
    uses = tuple(replace(use, sense=name, word=view.word) for use, name in zip(view.uses, names, strict=True))
    pair = view.pair
    if pair is None:
        return replace(view, uses=uses, predicted_before=(), predicted_after=(), readings={}, p=view.p)
    (target,) = targets_of(uses, view.held_out)
    read = word_senses(target, pair, seed)

    def said(predicted: np.ndarray | None) -> tuple[str, ...]:
        return () if predicted is None else tuple(str(name) for name in predicted)

    return replace(
        view, uses=uses, readings=read.readings, p=view.p if view.marked else read.p,
        predicted_before=said(read.predicted_before), predicted_after=said(read.predicted_after),
    )  # fmt: skip


def along(
    view: WordView, between: Sequence[tuple[int, Vectors]], seed: int
) -> tuple[tuple[int, Mapping[str, Reading]], ...]:
    """(step, readings) of every state between before and after (step, vectors of the same uses): as with_senses reads
    them, before against that state."""
    return tuple(
        (step, with_senses(replace(view, after=vectors), view.senses, seed).readings) for step, vectors in between
    )


def sampled(uses: Sequence[Occurrence], seed: int) -> list[Occurrence]:
    """At most MOST_USES of them, by a seeded draw, in their order."""
    if len(uses) <= MOST_USES:
        return list(uses)
    chosen = np.sort(np.random.default_rng(seed).choice(len(uses), MOST_USES, replace=False))
    return [uses[i] for i in chosen]


def most_steps(points: int) -> int:
    """How many states between before and after one layout of so many uses can hold."""
    return max(0, min(MOST_STEPS, MOST_POINTS // max(points, 1) - 2))


def evenly(steps: Sequence[int], most: int) -> tuple[int, ...]:
    """At most `most` of the steps, spread evenly, the first and the last among them."""
    if len(steps) <= most:
        return tuple(steps)
    at = np.unique(np.linspace(0, len(steps) - 1, most).round().astype(int)) if most else ()
    return tuple(steps[i] for i in at)


# ---------------------------------------------------------------- the map


def from_kept(view: WordView, kept: LinkedMap) -> WordMap:
    """The map that was kept with the comparison, as a map of the view."""
    return WordMap(kept, np.searchsorted(view.ids, kept.rows), (kept.before, kept.after))


def drawn_map(
    view: WordView,
    between: Sequence[tuple[int, Vectors]] = (),
    seed: int = 0,
    tell: Callable[[float, str], None] = lambda _share, _what: None,
) -> WordMap:
    """One linked layout of before, the states `between` (step, vectors of the same uses) and after, and its placebo.

    Raises MeasureError for fewer than five uses, or vectors that are all alike.
    """
    pair = view.pair
    if pair is None:
        raise MeasureError("The vectors of these uses are not here, so no map can be laid out.")
    n = len(view.uses)
    drawn = np.arange(n)
    if n > MOST_USES:
        drawn = np.sort(np.random.default_rng(seed).choice(n, MOST_USES, replace=False))
    states = [pair.before[drawn], *(vectors[drawn] for _, vectors in between), pair.after[drawn]]
    tell(0.0, "laying the uses out (the first map of a server takes longer)")
    frames = tuple(freeze(frame) for frame in projection.linked_layout(states, seed=seed))
    tell(0.6, "laying out the placebo")
    placebo = projection.placebo_layout(states[0], seed=seed)
    k = trust_k(len(drawn))
    first, last = states[0], states[-1]
    scores = LinkedMap(
        word=view.word,
        layer=view.layer,
        rows=freeze(view.ids[drawn].copy()),
        before=frames[0],
        after=frames[-1],
        placebo_before=freeze(placebo[0]),
        placebo_after=freeze(placebo[1]),
        trust_before=_score(projection.trustworthiness, first, frames[0], k),
        trust_after=_score(projection.trustworthiness, last, frames[-1], k),
        continuity_before=_score(projection.continuity, first, frames[0], k),
        continuity_after=_score(projection.continuity, last, frames[-1], k),
        placebo_move=float(projection.moves(*placebo).mean()),
        real_move=float(projection.moves(frames[0], frames[-1]).mean()),
        seed=seed,
    )
    return WordMap(scores, drawn, frames, tuple(step for step, _ in between))


def with_truth(view: WordView, map_: WordMap, seed: int = 0) -> WordMap:
    """The map with what the vectors say of it: agreement point by point, clusters of the space."""
    pair = view.pair
    if pair is None:
        return map_
    x, y = pair.before[map_.drawn], pair.after[map_.drawn]
    k = trust_k(len(x))
    count = len({view.uses[i].sense for i in map_.drawn} - {None}) or None
    count = None if count is not None and count < 2 else count
    return replace(
        map_,
        agreement=(
            true.neighbour_agreement(x, map_.frames[0], k),
            true.neighbour_agreement(y, map_.frames[-1], k),
        ),
        clusters=(true.clusters(x, count, seed), true.clusters(y, count, seed)),
    )


def trust_k(points: int) -> int:
    """Neighbours that trust looks at: as the scores of the whole map do."""
    return max(1, min(TRUST_K, (points - 1) // 2))


def _score(measure: Callable[..., float], vectors: Vectors, points: Places, k: int) -> float | None:
    try:
        return float(measure(vectors, points, k=k))
    except MeasureError:
        return None
