"""The report as a tagged PDF, and drawings as pictures: typst, with our own vector figures and no text as markup."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from embedlab.report.content import Content, Drawn, Groups, MapPart, WordPart
from embedlab.report.drawing import PRINT_WIDTH, draw
from embedlab.report.svg import clean
from embedlab.report.view import Region, Row
from embedlab.wording import MISSING

STANDARD = "ua-1"  # PDF/UA-1: the writer itself refuses what a screen reader could not use
TEXT = (182.0, 240.0)  # mm: what report.typ leaves of a page, and the tallest drawing on it
PNG_DENSITY = 192  # dots an inch: two to a px


def pdf(content: Content) -> bytes:
    """The report as PDF/UA-1, every figure a vector drawing with its words. The same content, the same bytes."""
    import typst

    figures: dict[str, bytes] = {}
    said = json.dumps(_cleaned(_said(content, figures)), ensure_ascii=False, allow_nan=False).encode()
    source = resources.files("embedlab").joinpath("templates", "report.typ").read_bytes()
    files = {"main.typ": source, "content.json": said, **figures}
    compiled: Any = typst.compile  # takes files by name too, which its stub does not say
    return bytes(compiled(files, format="pdf", pdf_standards=STANDARD, timestamp=_made(content)))


def png(drawing: bytes) -> bytes:
    """An SVG drawing as a PNG picture of twice its size in px."""
    import typst

    page = b'#set page(width: auto, height: auto, margin: 0pt)\n#image("drawing.svg")'
    files = {"main.typ": page, "drawing.svg": drawing}
    compiled: Any = typst.compile  # as above
    return bytes(compiled(files, format="png", ppi=PNG_DENSITY))


def _made(content: Content) -> datetime:
    """When the comparison was made, so that the file does not change by being written again."""
    try:
        made = datetime.fromisoformat(content.comparison.provenance.created)
    except ValueError:
        return datetime(2000, 1, 1, tzinfo=UTC)
    return made if made.tzinfo else made.replace(tzinfo=UTC)


def _cleaned(value: Any) -> Any:
    """The same with only such characters as a document can hold."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {name: _cleaned(one) for name, one in value.items()}
    return [_cleaned(one) for one in value] if isinstance(value, (list, tuple)) else value


def _said(c: Content, figures: dict[str, bytes]) -> dict[str, Any]:
    """The content as plain values; the drawings go into `figures` under the names that stand in it."""
    comparison, verdict = c.comparison, c.comparison.verdict
    tone = {"HELPED": "gained", "HARMED": "lost"}.get(verdict.task, "")
    return {
        "title": f"{verdict.task}: {comparison.before.source} → {comparison.after.source} · EmbedLab",
        "eyebrow": f"EmbedLab · before and after on {comparison.provenance.corpus_name}",
        "before": comparison.before.source,
        "after": comparison.after.source,
        "task": verdict.task,
        "tone": tone,
        "task_line": c.task_line,
        "space_line": verdict.space_line,
        "why": list(verdict.why),
        "scores": [asdict(row) for row in c.scores],
        "answered": _answered(c),
        "regions": [_region(region) for region in c.regions],
        "expectations": [
            {
                "statement": one.statement,
                "before": "– not asked" if one.before is None else "✓ held" if one.before else "✗ failed",
                "after": "✓ held" if one.after else "✗ failed",
                "tone": "gained" if one.after else "lost",
                "detail": one.detail,
            }
            for one in sorted(comparison.expectations, key=lambda one: one.after)
        ],
        "k": str(comparison.words.k),
        "layer": c.layer,
        "words_count": c.words_count,
        "above": c.above,
        "noise_line": comparison.noise.line,
        "histogram": _drawn(c.histogram, figures),
        "ranking": _drawn(c.ranking, figures),
        "changed": [asdict(row) for row in c.changed],
        "strip": _drawn(c.strip, figures),
        "layers": [{"name": name, "groups": _groups(groups)} for _, name, groups in c.layers],
        "words": [_word(part, figures) for part in c.words],
        "maps": [_map(part, figures) for part in c.maps],
        "whole": None
        if c.whole is None
        else {"line": c.whole.line, "facts": c.whole.facts, "figure": _drawn(c.whole.figure, figures)},
        "glossary": [{"title": one.title, "source": one.source, "meaning": one.meaning} for one in c.glossary],
        "methods": _methods(c),
        "made_by": comparison.provenance.command,
        "command": c.command,
        "provenance": provenance(c),
    }


def _drawn(drawn: Drawn | None, figures: dict[str, bytes]) -> dict[str, Any] | None:
    if drawn is None:
        return None
    figures[f"{drawn.id}.svg"] = draw(drawn.figure).encode()
    return {
        "path": f"{drawn.id}.svg",
        "alt": drawn.alt,
        "link": drawn.link,
        "command": drawn.command,
        **_size(drawn),
    }


def _size(drawn: Drawn) -> dict[str, float]:
    """How large a drawing is on the page, mm. Said outright: typst would shrink it to what is left of a page."""
    wide = TEXT[0] * min(drawn.share, TEXT[1] / TEXT[0] * PRINT_WIDTH / drawn.height)
    return {"wide": wide, "high": wide * drawn.height / PRINT_WIDTH}


def _groups(groups: Groups) -> list[dict[str, Any]]:
    return [{"name": name, "rows": [asdict(row) for row in rows]} for name, rows in groups]


def _region(region: Region) -> dict[str, Any]:
    def cell(row: Row) -> dict[str, str]:
        noise = "unknown" if row.noise == MISSING else row.noise
        return {"difference": f"{row.difference}, noise {noise}" if row.defined else row.note}

    return {"name": region.name, "texts": region.texts, "drift": cell(region.drift), "kept": cell(region.kept)}


def _answered(c: Content) -> str:
    """How many answers turned; their texts are in the other formats."""
    won, lost = len(c.comparison.verdict.won), len(c.comparison.verdict.lost)
    if not won + lost:
        return ""
    return f"+ {won} newly right, − {lost} newly wrong; each with its text in the HTML report."


def _word(part: WordPart, figures: dict[str, bytes]) -> dict[str, Any]:
    return {
        "word": part.word,
        "line": part.line,
        "figure": _drawn(part.figure, figures),
        "neighbours": [asdict(one) for one in part.neighbours],
        "uses": [asdict(use) for use in part.uses],
        "of": part.of,
    }


def _map(part: MapPart, figures: dict[str, bytes]) -> dict[str, Any]:
    return {
        "word": part.word,
        "line": part.line,
        "layer": part.layer,
        "figure": _drawn(part.figure, figures),
        "facts": part.facts,
        "moved": part.moved,
        "groups": _groups(part.readings),
        "uses": [asdict(use) for use in part.uses],
        "of": part.of,
    }


def _methods(c: Content) -> list[dict[str, Any]]:
    def joined(lines: Iterable[str]) -> str:
        return " ".join(lines)

    return [
        {
            "heading": one.heading,
            "question": one.question,
            "formula": "\n".join(one.formula),
            "parts": [
                ("Measured on.", one.rows),
                ("By chance.", one.null),
                ("Interval and test.", one.interval),
                ("Limits.", joined(one.limits)),
                ("Checked against.", one.checked),
                ("Source.", joined(one.source)),
            ],
        }
        for one in c.methods
    ]


def provenance(c: Content) -> list[tuple[str, str]]:
    """Where a report came from, as (name, value) pairs."""
    p, comparison = c.comparison.provenance, c.comparison
    return [
        ("Corpus", f"{p.corpus_name} {p.corpus_id}"),
        *((name.replace("_", " ").capitalize(), _counted(value)) for name, value in p.coverage.items()),
        ("Before", f"{comparison.before.source} {p.before_fingerprint}"),
        ("After", f"{comparison.after.source} {p.after_fingerprint}"),
        ("Settings", f"k = {p.k} · words used {p.min_count} times or more · seed {p.seed}"),
        ("Versions", " · ".join(f"{name} {version}" for name, version in p.versions.items())),
        ("Made", f"{p.created} · comparison {comparison.id}"),
    ]


def _counted(value: float | str) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
