"""Every figure of a report by its name: one place that makes it, for the page, the paper and the command."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool

from embedlab import figures
from embedlab.comparing.overview import Overview
from embedlab.comparing.overview_columns import columns, names_of
from embedlab.errors import UserError
from embedlab.figures.overview import overview_maps
from embedlab.figures.style import Theme
from embedlab.report.plan import FigureName
from embedlab.types import Comparison, Corpus, LinkedMap

TOP = 15  # words in the ranking
# What the strip shows of what was measured; the tables show every reading
STRIP = (
    "mean_cosine",
    "isoscore",
    "self_similarity",
    "intra_sentence_similarity",
    "cka_debiased",
    "knn_jaccard",
    "drift_cosine",
    "wsd_centroid_macro_f1",
    "silhouette_cosine_macro",
)


@dataclass(frozen=True)
class Shelf:
    """What the figures are made from. `maps`: of marked words; `overview`: of all words, where it was drawn."""

    comparison: Comparison
    maps: Sequence[LinkedMap] = ()
    overview: Overview | None = None
    corpus: Corpus | None = None

    def map_of(self, word: str, layer: int) -> LinkedMap | None:
        """Of the maps of a word the one nearest to the layer."""
        held = [one for one in self.maps if one.word == word]
        return min(held, key=lambda one: (abs(one.layer - layer), one.layer), default=None)

    @property
    def mapped(self) -> tuple[str, ...]:
        """The words that have a map."""
        return tuple(dict.fromkeys(one.word for one in self.maps))


def figure(shelf: Shelf, name: FigureName, layer: int, word: str | None = None, theme: Theme = "light") -> go.Figure:
    """One figure. Raises UserError for a word that has none, and for a map that was not drawn."""
    comparison = shelf.comparison
    if name == "histogram":
        return figures.change_histogram(comparison, layer, theme)
    if name == "ranking":
        return figures.change_ranking(comparison, layer, TOP, theme)
    if name == "strip":
        return figures.layer_strip(comparison, STRIP, layer, theme)
    if name == "map":
        return _map(shelf, theme)
    if word is None:
        raise UserError(f"The figure {name} is of one word: name it with --word.")
    if name == "moves":
        if comparison.words.row(word) is None:
            raise UserError(f"The word {word} was not counted in this comparison: choose one of its words.")
        return figures.rank_moves(comparison, word, layer, theme, top=comparison.words.k)
    linked = shelf.map_of(word, layer)
    if linked is None:
        raise UserError(f"There is no map of {word}: only words that were marked in the corpus have one.")
    return figures.linked_maps(linked, comparison.uses, layer_name=comparison.layers[linked.layer].name, theme=theme)


def _map(shelf: Shelf, theme: Theme) -> go.Figure:
    overview = shelf.overview
    if overview is None:
        raise UserError("The map of all words was not drawn yet: `python -m embedlab map` draws it.")
    names = names_of(overview, shelf.comparison, shelf.corpus)
    first, *_ = columns(overview, shelf.comparison, shelf.corpus)
    within = within_noise(shelf.comparison, overview)
    return overview_maps(
        overview, first, names, muted=within, weight=np.where(within, -1.0, overview.change), theme=theme
    )


def within_noise(comparison: Comparison, overview: Overview) -> Bool[np.ndarray, "n"]:
    """Which words of the map changed by no more than noise; none where the floor is unknown."""
    noise = comparison.words.noise
    if noise is None:
        return np.zeros(len(overview), dtype=bool)
    known = np.isfinite(noise[overview.layer, overview.rows])
    return np.asarray(known & ~comparison.words.changed(overview.layer)[overview.rows])
