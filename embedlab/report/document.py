"""The report: one HTML file that opens anywhere and asks nothing of the network.

Scripts run only by their sha256 in the content security policy: plotly.js, the pane where there is one, and our own few
lines. Everything a person wrote passes jinja's autoescape, or stands in a JSON block in which < > & are written as
\\u003c \\u003e \\u0026.
"""

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from embedlab.comparing.overview_columns import columns, names_of
from embedlab.figures.overview_pane import overview_pane
from embedlab.figures.pane import payload
from embedlab.figures.style import Theme, repaint
from embedlab.report.content import Content, Drawn
from embedlab.report.drawing import draw
from embedlab.report.gallery import Shelf, within_noise

STILL_WIDTH = 760  # px of the drawings of a still page
DARK_RULES = "@media screen and (prefers-color-scheme: dark)"  # as report.css begins them
HEX = re.compile(r"#[0-9A-F]{6}")
OPEN = 3  # parts of a section that stand open; the others open at a click, and in print


def html(content: Content, still: Theme | None = None) -> bytes:
    """The report as UTF-8 bytes; the same content gives the same bytes.

    `still`: without any script, its figures as drawings, in this theme whatever the reader's is: light enough to be
    shown beside the choices that make it.
    """
    pane = None if content.whole is None or still is not None else _pane(content.shelf)
    sources = [get_plotlyjs(), *([] if pane is None else [_file("pane.js")]), _file("report.js")]
    scripts = [_script(source) for source in sources] if still is None else []
    style = _file("report.css") + (_file("pane.css") if pane else "")
    if still is not None:
        style = style.replace(DARK_RULES, "@media all" if still == "dark" else "@media not all")
    text = _template().render(
        **{name: getattr(content, name) for name in content.__dataclass_fields__},
        policy=_policy(scripts),
        style=Markup(style),  # noqa: S704 - our own files
        scripts=scripts,
        data=[] if still is not None else _blocks(content),
        pane=pane,
        still=still is not None,
        picture=lambda drawn: _picture(drawn, still or "light"),
        open_parts=OPEN,
    )
    return text.encode()


def _pane(shelf: Shelf) -> str:
    """The map of all words as the pane reads it, gzipped, in base64."""
    overview = shelf.overview
    assert overview is not None  # asked for only where it was drawn
    names = names_of(overview, shelf.comparison, shelf.corpus)
    muted = within_noise(shelf.comparison, overview)
    made = overview_pane(
        overview,
        columns(overview, shelf.comparison, shelf.corpus),
        names,
        muted=muted,
        weight=np.where(muted, -1.0, overview.change).astype(np.float32),
    )
    return base64.b64encode(gzip.compress(payload(made), 9, mtime=0)).decode()


def _items(shelf: Shelf) -> dict[str, Any]:
    """What a selection on the map is told in: of every word its row, name, change, and whether that is within noise."""
    overview = shelf.overview
    assert overview is not None  # asked for only where it was drawn
    names = names_of(overview, shelf.comparison, shelf.corpus)
    muted = within_noise(shelf.comparison, overview)
    change = [round(float(value), 4) for value in overview.change]
    return {
        "rows": overview.rows.tolist(),
        "items": [[name, *rest] for name, *rest in zip(names, change, muted.tolist(), strict=True)],
    }


def _picture(drawn: Drawn, theme: Theme) -> str:
    """A figure as our own drawing, in the colours of a theme, as an address that holds it."""
    colours = repaint("dark") if theme == "dark" else {}
    drawing = HEX.sub(lambda found: colours.get(found[0], found[0]), draw(drawn.figure, STILL_WIDTH))
    return f"data:image/svg+xml;base64,{base64.b64encode(drawing.encode()).decode()}"


def _blocks(content: Content) -> list[tuple[str, Markup]]:
    """What the scripts read, each under an id, as JSON that no HTML parser can be led out of."""
    drawn = [content.histogram, content.ranking, content.strip, *(part.figure for part in content.words)]
    drawn += [part.figure for part in content.maps]
    blocks = [(f"{one.id}-data", _json_block(_plain(one))) for one in drawn if one is not None]
    if content.whole is not None:
        blocks.append(("pane-items", _json_block(_items(content.shelf))))
    return [*blocks, ("dark", _json_block(repaint("dark")))]


def _plain(drawn: Drawn) -> dict[str, Any]:
    """A figure as the scripts read it. What the points of a linked map say is told once for both of its sides."""
    figure = json.loads(drawn.figure.to_json())
    block = {"figure": figure, "file": drawn.file, **drawn.more}
    if "uses" in drawn.more:
        block["texts"] = {
            datum[0]: text
            for trace in figure["data"]
            for datum, text in zip(trace["customdata"], trace.pop("text"), strict=True)
        }
    return block


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


def _policy(scripts: Sequence[Markup]) -> str:
    hashes = (
        "'none'"
        if not scripts
        else " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    )
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
