"""Linked maps of the uses of a word: pictures that go with a comparison, made from the same surveys."""

from collections.abc import Callable, Sequence

import numpy as np

from embedlab.comparing.sides import Pair, pair_named
from embedlab.errors import MeasureError, UserError
from embedlab.measure import projection
from embedlab.survey import Survey
from embedlab.types import Comparison, LinkedMap, freeze

LEAST_USES = 8
MOST_USES = 2000  # drawn of a word; a map of more is neither readable nor quick
MOST_POINTS = 6000  # uses x layers up to which every layer gets a map; above it only the last
TRUST_K = 12
SEEDS = 5  # layouts that tell how much of a map is chance (A17)
SEEDED_USES = 400  # of the words opened first: every further layout costs as long as the map itself

Progress = Callable[[float, str], None]


def make_map(
    before: Survey,
    after: Survey,
    comparison: Comparison,
    word: str,
    layer: int,
    seed: int = 0,
    seeds: int | None = None,
) -> LinkedMap:
    """One linked layout of the uses of `word` at one layer of the comparison, with how true it is and its placebo.

    `rows` index comparison.uses. Above MOST_USES uses a seeded sample is drawn. `seeds` layouts, five or more, give
    the range of the trustworthiness, the one shown being the first; one layout gives none. By default SEEDS at the
    last layer. Raises UserError for a word with fewer than LEAST_USES uses.
    """
    rows = comparison.uses.of(word)
    if len(rows) < LEAST_USES:
        raise UserError(f"A map of {word!r} needs {LEAST_USES} uses and there are {len(rows)}: choose another word.")
    if len(rows) > MOST_USES:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_USES, replace=False))
    if seeds is None:
        seeds = SEEDS if layer == len(comparison.layers) - 1 else 1
    pair = _vectors(before, after, comparison, layer, rows)
    states = [pair.before, pair.after]
    layouts = [projection.linked_layout(states, seed=seed + i) for i in range(seeds)]
    maps, placebo = layouts[0], projection.placebo_layout(pair.before, seed=seed)
    return LinkedMap(
        word=word,
        layer=layer,
        rows=freeze(rows),
        before=freeze(maps[0]),
        after=freeze(maps[1].copy()),
        placebo_before=freeze(placebo[0]),
        placebo_after=freeze(placebo[1]),
        trust_before=_score(projection.trustworthiness, pair.before, maps[0]),
        trust_after=_score(projection.trustworthiness, pair.after, maps[1]),
        continuity_before=_score(projection.continuity, pair.before, maps[0]),
        continuity_after=_score(projection.continuity, pair.after, maps[1]),
        placebo_move=float(projection.moves(*placebo).mean()),
        real_move=float(projection.moves(maps[0], maps[1]).mean()),
        seed=seed,
        seeds=seeds,
        trust_range=_range(states, layouts) if seeds > 1 else None,
    )


def make_maps(
    before: Survey,
    after: Survey,
    comparison: Comparison,
    *,
    words: Sequence[str] | None = None,
    layers: Sequence[int] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[LinkedMap]:
    """The maps of all target words with enough uses, at every layer, or at `layers`.

    Where that would be more than MOST_POINTS points only the last layer is drawn. Words whose uses cannot be laid out
    (all vectors alike) are left out. At the last layer the first words, up to SEEDED_USES uses together, are laid out
    SEEDS times for the range of their trustworthiness; the `seeds` of a map say how often.
    """
    report = progress or (lambda _share, _what: None)
    names = list(dict.fromkeys(use.word for use in comparison.uses.occurrences if use.word is not None))
    names = [name for name in names if len(comparison.uses.of(name)) >= LEAST_USES and (words is None or name in words)]
    if layers is None:
        count = len(comparison.layers)
        points = count * sum(min(MOST_USES, len(comparison.uses.of(name))) for name in names)
        layers = range(count) if points <= MOST_POINTS else (count - 1,)
    asked = [(name, layer) for name in names for layer in layers]
    often = set(names[: int((np.cumsum([len(comparison.uses.of(name)) for name in names]) <= SEEDED_USES).sum())])
    maps = []
    for done, (name, layer) in enumerate(asked):
        report(done / len(asked), f"drawing {name}, {comparison.layers[layer].name}")
        try:
            seeds = None if name in often else 1
            maps.append(make_map(before, after, comparison, name, layer, seed, seeds))
        except MeasureError:
            continue
    report(1.0, "maps drawn")
    return maps


def _vectors(before: Survey, after: Survey, comparison: Comparison, layer: int, rows: np.ndarray) -> Pair:
    """The use vectors of some rows of comparison.uses, found again among the uses of the surveys."""
    if not 0 <= layer < len(comparison.layers):
        raise UserError(f"There is no layer {layer}: the comparison has layers 0 to {len(comparison.layers) - 1}.")
    pair = pair_named(before, after, comparison.layers[layer].name)
    place = {use: i for i, use in enumerate(before.use_items)}
    wanted = np.array([place[comparison.uses.occurrences[row]] for row in rows])
    return Pair(np.asarray(before.uses[pair.before][wanted]), np.asarray(after.uses[pair.after][wanted]))


def _range(states: Sequence[np.ndarray], layouts: Sequence[Sequence[np.ndarray]]) -> tuple[float, float] | None:
    """Least and most trustworthiness of both sides over the layouts."""
    try:
        return projection.trustworthiness_over_seeds(states, layouts, k=_k(len(states[0]))).trustworthiness
    except MeasureError:
        return None


def _score(measure: Callable[..., float], vectors: np.ndarray, points: np.ndarray) -> float | None:
    try:
        return float(measure(vectors, points, k=_k(len(points))))
    except MeasureError:
        return None


def _k(points: int) -> int:
    return min(TRUST_K, (points - 1) // 2)
