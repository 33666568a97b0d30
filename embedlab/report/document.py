"""The report: one HTML file that opens anywhere and asks nothing of the network.

Scripts run only by their sha256 in the content security policy: plotly.js and our own few lines. Everything a person
wrote passes jinja's autoescape, or stands in a JSON block in which < > & are written as \\u003c \\u003e \\u0026.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from embedlab.comparing.method import METHODS
from embedlab.comparing.readings import READINGS
from embedlab.figures import alt_text, change_histogram, change_ranking, layer_strip, linked_maps, rank_moves
from embedlab.figures.style import repaint
from embedlab.report import view
from embedlab.types import Comparison, LinkedMap
from embedlab.wording import count, number

TOP = 15  # words in the ranking
TARGETS, OTHERS = 4, 4  # words whose neighbours are shown: the most changed target words, then the most changed others
OPEN = 3  # parts of a section that stand open; the others open at a click, and in print
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


def html(
    comparison: Comparison,
    maps: Iterable[LinkedMap] = (),
    *,
    texts: Sequence[str] | None = None,
    words: Sequence[str] | None = None,
    layer: int | None = None,
) -> bytes:
    """The report as UTF-8 bytes; the same comparison gives the same bytes.

    `maps`: of each word the one nearest to `layer` is shown (`layer`: the last unless given). `texts`: the corpus, for
    a real use of every neighbour. `words`: whose neighbours to show; words that were not counted are left out.
    """
    at = len(comparison.layers) - 1 if layer is None else layer
    shown = _words(comparison, at, words)
    page = _Page()
    parts = {
        "ranking": page.add(change_ranking(comparison, at, TOP)),
        "histogram": page.add(change_histogram(comparison, at)),
        "strip": page.add(layer_strip(comparison, STRIP, at)),
        "words": _word_parts(page, comparison, shown, at, texts or ()),
        "maps": [_map_part(page, comparison, linked) for linked in _maps(maps, at)],
    }
    measured = _measured(comparison)
    scripts = [_script(get_plotlyjs()), _script(_file("report.js"))]
    text = _template().render(
        comparison=comparison,
        layer=comparison.layers[at],
        layer_number=at,
        policy=_policy(scripts),
        style=Markup(_file("report.css")),  # noqa: S704 - our own file
        plotly=scripts[0],
        script=scripts[1],
        data=page.data(),
        scores=[view.row(score) for score in comparison.verdict.scores],
        won=view.answers(comparison.verdict.won),
        lost=view.answers(comparison.verdict.lost),
        regions=view.regions(comparison.verdict),
        above=view.above_noise(comparison, at),
        changed=view.changed_rows(comparison, at, TOP),
        layers=[(i, row.name, view.reading_groups(row.readings.values())) for i, row in enumerate(comparison.layers)],
        methods=METHODS,
        glossary=[info for name, info in READINGS.items() if name in measured],
        open_parts=OPEN,
        words_count=count(len(comparison.words.words), "word"),
        **parts,
    )
    return text.encode()


class _Page:
    """The figures of the page, each under an id, as JSON that no HTML parser can be led out of."""

    def __init__(self) -> None:
        self.blocks: list[tuple[str, Markup]] = []

    def add(self, figure: go.Figure, **more: Any) -> dict[str, Any]:
        """Take a figure in; returns what the template needs to place it."""
        name = f"figure-{len(self.blocks) + 1}"
        height = int(figure.layout.height)
        self.blocks.append((name, _json_block({"figure": json.loads(figure.to_json()), **more})))
        return {"id": name, "alt": alt_text(figure), "height": height}

    def data(self) -> list[tuple[str, Markup]]:
        return [*self.blocks, ("dark", _json_block(repaint("dark")))]


def _json_block(value: Any) -> Markup:
    """JSON for a data block: no <, > or & is left, so nothing in it can end the block or begin a tag or an entity."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    safe = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Markup(safe)  # noqa: S704 - nothing is left in it that HTML reads


def _script(source: str) -> Markup:
    """Script text for an inline element. It must not hold what would end it: its hash could then never match."""
    if "</script" in source.lower() or "<!--" in source or "\r" in source:
        source = source.replace("\r\n", "\n").replace("<!--", "<\\!--").replace("</script", "<\\/script")
    return Markup(source)  # noqa: S704 - plotly.js or our own file


def _policy(scripts: Iterable[Markup]) -> str:
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def _file(name: str) -> str:
    return resources.files("embedlab").joinpath("templates", name).read_text(encoding="utf-8").replace("\r\n", "\n")


@cache
def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("embedlab", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")


def _measured(comparison: Comparison) -> set[str]:
    """The names of every reading of this comparison, of the space and of the senses."""
    rows = [*comparison.layers, *(row for layers in comparison.sense_readings.values() for row in layers)]
    return {name for row in rows for name in row.readings}


def _words(comparison: Comparison, layer: int, asked: Sequence[str] | None) -> list[str]:
    """The words whose neighbours are shown: those asked for, else the most changed target words and then the others."""
    table = comparison.words
    ranked = [table.words[i] for i in view.most_changed(comparison, layer)]
    about = {use.word for use in comparison.uses.occurrences}
    if asked is None:
        asked = [
            *[word for word in ranked if word in about][:TARGETS],
            *[word for word in ranked if word not in about][:OTHERS],
        ]
    return [word for word in dict.fromkeys(asked) if table.row(word) is not None]


def _word_parts(
    page: _Page, comparison: Comparison, words: Sequence[str], layer: int, texts: Sequence[str]
) -> list[dict[str, Any]]:
    contexts = view.first_contexts(texts, view.neighbours_wanted(comparison, words, layer))
    table, parts = comparison.words, []
    for word in words:
        row = table.row(word)
        rows = view.most_changed_uses(comparison, comparison.uses.of(word).tolist(), layer)
        within = table.noise is not None and row is not None and not table.changed(layer)[row]
        parts.append(
            {
                "word": word,
                "line": f"change {number(float(table.change[layer, row]), places=2)}"
                f"{', within noise' if within else ''} · {count(int(table.counts[row]), 'use')}",
                "figure": page.add(rank_moves(comparison, word, layer, top=comparison.words.k)),
                "neighbours": view.neighbour_rows(comparison, word, layer, contexts),
                "uses": view.use_rows(comparison, rows[:4], layer, ()),
                "of": len(rows),
            }
        )
    return parts


def _maps(maps: Iterable[LinkedMap], layer: int) -> list[LinkedMap]:
    """Of each word the map nearest to the layer that the report is about."""
    best: dict[str, LinkedMap] = {}
    for linked in maps:
        held = best.get(linked.word)
        if held is None or abs(linked.layer - layer) < abs(held.layer - layer):
            best[linked.word] = linked
    return list(best.values())


def _map_part(page: _Page, comparison: Comparison, linked: LinkedMap) -> dict[str, Any]:
    senses, name = view.senses_of(linked, comparison.uses), comparison.layers[linked.layer].name
    rows = view.most_changed_uses(comparison, linked.rows.tolist(), linked.layer)
    readings = comparison.sense_readings.get(linked.word)
    return {
        "word": linked.word,
        "line": f"{count(len(linked.rows), 'use')} in {count(len(senses), 'sense')}",
        "layer": name,
        "figure": page.add(linked_maps(linked, comparison.uses, layer_name=name), **view.map_data(comparison, linked)),
        "facts": view.map_facts(linked),
        "readings": [] if readings is None else view.reading_groups(readings[linked.layer].readings.values()),
        "moved": view.moved(comparison, linked.word, linked.layer),
        "uses": view.use_rows(comparison, rows[: view.CONTEXTS], linked.layer, senses),
        "of": len(rows),
    }
