"""What a report says, gathered once from a comparison and a plan: the HTML page and the PDF only lay it out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import plotly.graph_objects as go

from embedlab.comparing.method import METHODS, Method
from embedlab.comparing.readings import READINGS, ReadingInfo
from embedlab.figures import alt_text, senses_of
from embedlab.figures.overview import how_drawn
from embedlab.report import view
from embedlab.report.gallery import TOP, Shelf, figure
from embedlab.report.plan import FigureName, Plan, checked, figure_command, link, report_command
from embedlab.types import Comparison
from embedlab.wording import count, number

TARGETS, OTHERS = 4, 4  # words whose neighbours are shown: the most changed target words, then the most changed others

Groups = list[tuple[str, list[view.Row]]]


@dataclass(frozen=True)
class Drawn:
    """A figure with its words, the link that shows it in EmbedLab and the command that makes it again.

    `more`: what the page needs to answer a selection on it.
    """

    id: str
    make: Callable[[], go.Figure]
    link: str
    command: str
    file: str
    more: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def figure(self) -> go.Figure:
        """Made when it is first asked for: a preview shows some of the figures only."""
        return self.make()

    @property
    def alt(self) -> str:
        return alt_text(self.figure)

    @property
    def share(self) -> float:
        """Of the width of a page, as much as the figure deserves: at three quarters a word fits on one page."""
        return 0.76 if "-moves-" in self.file or "-senses-" in self.file else 1.0

    @property
    def height(self) -> int:
        return int(self.figure.layout.height)


@dataclass(frozen=True)
class WordPart:
    """The neighbours of one word."""

    word: str
    line: str
    figure: Drawn
    neighbours: list[view.Neighbour]
    uses: list[view.Use]
    of: int


@dataclass(frozen=True)
class MapPart:
    """The senses of one word on its linked map."""

    word: str
    line: str
    layer: str
    figure: Drawn
    facts: list[tuple[str, str]]
    readings: Groups
    moved: str
    uses: list[view.Use]
    of: int


@dataclass(frozen=True)
class Whole:
    """The map of all words: how it was drawn, its figure on paper, its facts."""

    line: str
    layer: str
    figure: Drawn
    facts: list[tuple[str, str]]


@dataclass(frozen=True)
class Content:
    """The report. A part that was not asked for, or that this comparison has not, is None or empty."""

    comparison: Comparison
    plan: Plan
    number: int
    layer: str
    shelf: Shelf
    task_line: str
    scores: list[view.Row]
    won: list[view.Asked]
    lost: list[view.Asked]
    regions: list[view.Region]
    above: str
    changed: list[view.Changed]
    words_count: str
    ranking: Drawn | None
    histogram: Drawn | None
    strip: Drawn | None
    layers: list[tuple[int, str, Groups]]
    words: list[WordPart]
    maps: list[MapPart]
    whole: Whole | None
    glossary: list[ReadingInfo]
    methods: tuple[Method, ...]
    command: str


def gather(shelf: Shelf, plan: Plan, texts: Sequence[str] = (), format: str = "html") -> Content:
    """Everything the report says. Raises UserError for a plan that does not fit the comparison."""
    comparison = shelf.comparison
    plan = checked(plan, comparison)
    assert plan.layer is not None  # filled in by `checked`, as the layers are
    assert plan.layers is not None
    at, make = plan.layer, _Figures(shelf, plan)
    measured = {name for row in _reading_rows(comparison) for name in row.readings}
    changed, layers = plan.has("changed"), plan.has("layers")
    return Content(
        comparison=comparison,
        plan=plan,
        number=at,
        layer=comparison.layers[at].name,
        shelf=shelf,
        task_line=view.sentence(comparison.verdict.task_line),
        scores=[view.row(score) for score in comparison.verdict.scores],
        won=view.answers(comparison.verdict.won),
        lost=view.answers(comparison.verdict.lost),
        regions=view.regions(comparison.verdict),
        above=view.above_noise(comparison, at),
        changed=view.changed_rows(comparison, at, TOP) if changed else [],
        words_count=count(len(comparison.words.words), "word"),
        histogram=make("histogram") if changed else None,
        ranking=make("ranking") if changed else None,
        strip=make("strip") if layers else None,
        layers=[_layer(comparison, i) for i in _first(at, plan.layers)] if layers else [],
        words=_word_parts(make, plan, texts) if plan.has("neighbours") else [],
        maps=[_map_part(make, word) for word in _mapped(shelf, plan)] if plan.has("senses") else [],
        whole=_whole(make) if plan.has("map") and shelf.overview is not None else None,
        glossary=[info for name, info in READINGS.items() if name in measured] if plan.has("measured") else [],
        methods=tuple(METHODS) if plan.has("measured") else (),
        command=report_command(comparison, plan, format, f"report.{format}"),
    )


class _Figures:
    """Makes figures one after the other, each with its link and its command."""

    def __init__(self, shelf: Shelf, plan: Plan) -> None:
        self.shelf, self.plan, self.made = shelf, plan, 0

    def __call__(
        self, name: FigureName, word: str | None = None, layer: int | None = None, more: dict[str, Any] | None = None
    ) -> Drawn:
        comparison, at = self.shelf.comparison, self.layer if layer is None else layer
        self.made += 1
        return Drawn(
            id=f"figure-{self.made}",
            make=partial(figure, self.shelf, name, at, word),
            link=link(self.plan, comparison, name, at, word),
            command=figure_command(comparison, name, at, word),
            file=f"embedlab-{comparison.id[:8]}-{name}-{self.made}",
            more=more or {},
        )

    @property
    def layer(self) -> int:
        assert self.plan.layer is not None  # filled in by `checked`
        return self.plan.layer


def _first(at: int, layers: Sequence[int]) -> list[int]:
    """The layer the report is about first, where it is among those tabled."""
    return sorted(layers, key=lambda layer: (layer != at, layer))


def _layer(comparison: Comparison, layer: int) -> tuple[int, str, Groups]:
    row = comparison.layers[layer]
    return layer, row.name, view.reading_groups(row.readings.values())


def _reading_rows(comparison: Comparison) -> list[Any]:
    return [*comparison.layers, *(row for layers in comparison.sense_readings.values() for row in layers)]


def _words(comparison: Comparison, plan: Plan) -> list[str]:
    """The words whose neighbours are shown: those asked for, else the most changed target words and then the others."""
    table = comparison.words
    if plan.words is not None:
        return [word for word in plan.words if table.row(word) is not None]
    assert plan.layer is not None  # filled in by `checked`
    ranked = [table.words[i] for i in view.most_changed(comparison, plan.layer)]
    about = {use.word for use in comparison.uses.occurrences}
    return [
        *[word for word in ranked if word in about][:TARGETS],
        *[word for word in ranked if word not in about][:OTHERS],
    ]


def _mapped(shelf: Shelf, plan: Plan) -> list[str]:
    return [word for word in shelf.mapped if plan.words is None or word in plan.words]


def _word_parts(make: _Figures, plan: Plan, texts: Sequence[str]) -> list[WordPart]:
    comparison, layer = make.shelf.comparison, make.layer
    words = _words(comparison, plan)
    contexts = view.first_contexts(texts, view.neighbours_wanted(comparison, words, layer))
    table, parts = comparison.words, []
    for word in words:
        row = table.row(word)
        assert row is not None  # only counted words are listed
        rows = view.most_changed_uses(comparison, comparison.uses.of(word).tolist(), layer)
        within = table.noise is not None and not table.changed(layer)[row]
        line = f"change {number(float(table.change[layer, row]), places=2)}{', within noise' if within else ''}"
        parts.append(
            WordPart(
                word=word,
                line=f"{line} · {count(int(table.counts[row]), 'use')}",
                figure=make("moves", word),
                neighbours=view.neighbour_rows(comparison, word, layer, contexts),
                uses=view.use_rows(comparison, rows[:4], layer, ()),
                of=len(rows),
            )
        )
    return parts


def _map_part(make: _Figures, word: str) -> MapPart:
    comparison = make.shelf.comparison
    linked = make.shelf.map_of(word, make.layer)
    assert linked is not None  # only words with a map are asked for
    senses = senses_of(linked, comparison.uses)
    rows = view.most_changed_uses(comparison, linked.rows.tolist(), linked.layer)
    readings = comparison.sense_readings.get(word)
    return MapPart(
        word=word,
        line=f"{count(len(linked.rows), 'use')} in {count(len(senses), 'sense')}",
        layer=comparison.layers[linked.layer].name,
        figure=make("senses", word, linked.layer, view.map_data(comparison, linked)),
        facts=view.map_facts(linked),
        readings=[] if readings is None else view.reading_groups(readings[linked.layer].readings.values()),
        moved=view.moved(comparison, word, linked.layer),
        uses=view.use_rows(comparison, rows[: view.CONTEXTS], linked.layer, senses),
        of=len(rows),
    )


def _whole(make: _Figures) -> Whole:
    overview = make.shelf.overview
    assert overview is not None  # asked for only where it was drawn
    drawn = make("map", None, overview.layer)
    return Whole(how_drawn(overview), overview.layer_name, drawn, view.overview_facts(overview))
