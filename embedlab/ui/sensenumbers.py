"""The numbers beside the maps of a word: its senses apart or not, its uses moved or not, the picture true or not."""

import numpy as np

from embedlab import wording
from embedlab.comparing.wordview import WordMap, WordView, trust_k
from embedlab.types import FALSE_SHARE, LinkedMap
from embedlab.ui import readings, safe

SEPARATION = (
    "wsd_centroid_macro_f1",
    "wsd_centroid_accuracy",
    "silhouette_cosine_macro",
    "clustering_ari",
    "self_similarity",
    "mev_uncentred",
)
TERMS = (
    ("Linked map", "one UMAP of all states shown, each use tied to itself, so moves mean change."),
    ("Trustworthiness, continuity", "share of map neighbours that are true, and the reverse; 1 is best."),
    ("Trust of a point", "share of its nearest on the map that are its nearest in the space, mean of both maps."),
    ("Placebo move", "how far points move when a state is laid out against itself: moves of that size mean nothing."),
    ("Cluster", "spherical k-means of the vectors, as many as there are senses; else by the best silhouette."),
    ("Real cosine", "while a point is under the pointer: the cosine of each use with it in the full space."),
)  # fmt: skip


def separation(view: WordView, named: bool) -> None:
    """The readings of the senses, before and after, each with its interval."""
    rows = readings.of(view.readings, SEPARATION)
    safe.html(
        '<div class="el-eyebrow">Separation of {whose}, held-out uses</div>',
        whose="the senses you named" if named else "the senses",
    )
    if rows and any(readings.is_defined(row) for row in rows):
        readings.small_table(rows, meanings=True)
        if named:
            safe.html(
                '<div class="el-quiet">Senses drawn on the map of these models fit them by construction: judge another '
                "model by them, not these.</div>"
            )
        return
    safe.html(
        '<div class="el-quiet">The uses of this word carry no sense here, so there is nothing to be right about. Draw '
        "around points and name them.</div>"
    )


def moved(view: WordView) -> None:
    """Whether the uses of this word moved at all, as a test over them; and how many by more than noise."""
    within = int(view.within.sum())
    known = bool(np.isfinite(view.noise).any())
    count = wording.count(len(view.uses), "use")
    safe.html(
        '<div class="el-eyebrow el-gap">Did its own uses move?</div><div class="el-quiet el-wide">'
        "<b>{test}</b>{rule} {noise}</div>",
        test=f"p {readings.equals(view.p)} over {count}" if view.p is not None else f"Not tested over {count}",
        rule=": too few, or the layers differ in width."
        if view.p is None
        else f"{', corrected over the words' if view.marked else ''}: "
        f"{'more' if view.p <= FALSE_SHARE else 'no more'} than by swapping before and after, use by use.",
        noise=f"{len(view.uses) - within:,} changed neighbours by more than noise, {within:,} within it."
        if known
        else "Their noise floor is unknown.",
    )


def selection(view: WordView, selected: frozenset[int]) -> None:
    """Two numbers for every selection: how much its neighbours changed, how many senses are found."""
    at = [i for i, id in enumerate(view.ids.tolist()) if id in selected]
    if not at:
        safe.html(
            '<div class="el-eyebrow">Nothing is selected</div><div class="el-quiet">Draw around points (Lasso, or hold '
            "Shift), click one, or press + beside a use below. What is selected has its numbers here, stands first in "
            "the list, and can be named or taken away.</div>"
        )
        return
    found = "–"
    if view.predicted_before and view.predicted_after:
        before, after = (
            sum(side[i] == view.uses[i].sense for i in at) for side in (view.predicted_before, view.predicted_after)
        )
        found = f"{before} → {after} of {len(at)}"
    safe.html(
        '<div class="el-eyebrow">Selection: {n}</div><div class="el-facts"><div><b>{change}</b><span>neighbours '
        "changed (all uses: {whole})</span></div><div><b>{found}</b><span>sense found by the nearest "
        "centroid</span></div></div>",
        n=wording.count(len(at), "use"),
        change=wording.number(_mean(view.change[at]), places=2),
        whole=wording.number(_mean(view.change), places=2),
        found=found,
    )


def _mean(values: np.ndarray) -> float | None:
    return float(np.nanmean(values)) if np.isfinite(values).any() else None


def trust(view: WordView, map_: WordMap) -> None:
    """How true the picture is, and whether its moves mean anything."""
    scores = map_.scores
    ratio = scores.real_move / scores.placebo_move if scores.placebo_move > 0 else None
    points = safe.fragment("")
    if map_.agreement is not None:
        k, n = trust_k(len(map_.drawn)), len(map_.drawn)
        points = safe.fragment(
            '<tr><td>Trust of its points, mean<small>of {k} nearest; by chance {chance}</small></td><td class="r">{b}'
            '</td><td class="r">{a}</td></tr>',
            k=k,
            chance=wording.number(k / (n - 1), places=2),
            b=wording.number(float(map_.agreement[0].mean()), places=2),
            a=wording.number(float(map_.agreement[1].mean()), places=2),
        )
    safe.html(
        '<div class="el-eyebrow">How far to trust the picture</div>'
        '<table class="el-table"><tr><td></td><th class="r">before</th><th class="r">after</th></tr>'
        '<tr><td>Trustworthiness<small>{spread}</small></td><td class="r">{tb}</td><td class="r">{ta}</td></tr>'
        '<tr><td>Continuity</td><td class="r">{cb}</td><td class="r">{ca}</td></tr>{points}'
        "<tr><td>Move, mean share of the frame<small>placebo (a state against itself): {placebo}</small></td>"
        '<td class="r" colspan="2">{move}{ratio}</td></tr></table>'
        '<div class="el-quiet">A picture, not a measurement: the axes mean nothing, every number comes from the full '
        "space.</div>",
        spread=_spread(scores),
        points=points,
        tb=wording.number(scores.trust_before),
        ta=wording.number(scores.trust_after),
        cb=wording.number(scores.continuity_before),
        ca=wording.number(scores.continuity_after),
        placebo=wording.number(scores.placebo_move),
        move=wording.number(scores.real_move),
        ratio="" if ratio is None else f" = {wording.number(ratio, places=0 if ratio >= 10 else 1)} × placebo",
    )


def _spread(scores: LinkedMap) -> str:
    if scores.trust_range is None or scores.seeds < 2:
        return ""
    low, high = (wording.number(end) for end in scores.trust_range)
    return f"{low} to {high} over {scores.seeds} layouts"
