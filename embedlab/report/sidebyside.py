"""What two comparisons differ by, written: as lines, as a page, as a table, as JSON."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from embedlab.figures.readings import meaning_of, title_of
from embedlab.report.difference import Difference, Interval, ReadingPair, WordPair
from embedlab.report.tables import csv_bytes
from embedlab.wording import MISSING, count, difference, number, signed

TOLD = 40  # readings and words on the page, each with how many there are
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def lines(found: Difference, most: int) -> list[str]:
    """For a person at a terminal: verdicts, what turned, the readings apart, the words that turned."""
    out = [f"first:  {found.first}", f"second: {found.second}", *(f"note: {one}" for one in found.cautions)]
    first, second = found.tasks
    out.append(f"task: {first} → {second}" if first != second else f"task: {first} in both")
    out += [f"  first:  {found.task_lines[0]}", f"  second: {found.task_lines[1]}"]
    out += [f"space: {name} is gone" for name in found.findings_gone]
    out += [f"space: {name} is new" for name in found.findings_new]
    turned = [one for one in found.promises if one.first != one.second]
    out += [f"expected: {one.statement}: {_held(one.first)} → {_held(one.second)}" for one in turned]
    apart = [pair for pair in found.readings if pair.apart == "intervals apart"]
    out.append(f"{count(len(apart), 'reading')} of {count(len(found.readings))} with intervals apart:")
    out += [
        f"  {pair.layer_name}: {title_of(pair.name)} {said(pair, 'first')} | {said(pair, 'second')}"
        for pair in apart[:most]
    ]
    out += [f"  and {len(apart) - most} more: --out holds all"] if len(apart) > most else []
    if found.words is None:
        return [*out, "words: not known, one side came without its items.parquet"]
    out.append(f"{words_line(found)}:")
    out += [f"  {pair.word}: {moved(pair)}, changed {pair.changed}" for pair in found.turned[:most]]
    return out + ([f"  and {len(found.turned) - most} more: --out holds all"] if len(found.turned) > most else [])


def words_line(found: Difference) -> str:
    """How many of the shared words changed in one comparison alone."""
    shared = count(len(found.words or ()), "shared word")
    line = f"{len(found.turned):,} of {shared} changed by more than noise in one alone"
    alone = [
        f"{n:,} only in the {side}" for n, side in ((found.only_first, "first"), (found.only_second, "second")) if n
    ]
    return line + (f" ({', '.join(alone)})" if alone else "")


def said(pair: ReadingPair, side: str) -> str:
    """The change of a reading in one comparison, with its interval."""
    value: float | None = getattr(pair, side)
    span: Interval | None = getattr(pair, f"{side}_interval")
    return MISSING if value is None else difference(value, span)


def moved(pair: WordPair) -> str:
    """`.20 → .67 (+.47)`."""
    return f"{number(pair.first, places=2)} → {number(pair.second, places=2)} ({signed(pair.difference, places=2)})"


def _held(holds: bool) -> str:
    return "held" if holds else "failed"


def as_html(found: Difference) -> bytes:
    """One offline page without scripts."""
    environment = Environment(
        loader=PackageLoader("embedlab", "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    style = resources.files("embedlab").joinpath("templates", "report.css").read_text(encoding="utf-8")
    words = found.turned or (found.words or ())
    return (
        environment.get_template("difference.html.j2")
        .render(
            found=found,
            policy=POLICY,
            style=Markup(style),  # noqa: S704 - our own file
            readings=[
                (pair, title_of(pair.name), meaning_of(pair.name), said(pair, "first"), said(pair, "second"))
                for pair in found.readings[:TOLD]
            ],
            words=[
                (pair, moved(pair), number(pair.noise_first, places=2), number(pair.noise_second, places=2))
                for pair in words[:TOLD]
            ],
            words_of=len(words),
            words_line=words_line(found),
        )
        .encode()
    )


def as_json(found: Difference) -> bytes:
    """Every reading and every word of both, UTF-8, no NaN."""
    return (json.dumps(asdict(found), ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def as_csv(found: Difference) -> bytes:
    """Readings and words as rows of one table; `kind` says which."""
    import pandas as pd

    rows = [
        ("reading", pair.layer_name, pair.name, pair.first, *(pair.first_interval or (None, None)), pair.second,
         *(pair.second_interval or (None, None)), pair.difference, pair.apart)
        for pair in found.readings
    ] + [
        ("word", found.layer, pair.word, pair.first, None, None, pair.second, None, None, pair.difference, pair.changed)
        for pair in found.words or ()
    ]  # fmt: skip
    names = [
        "kind",
        "layer",
        "name",
        "first",
        "first_low",
        "first_high",
        "second",
        "second_low",
        "second_high",
        "difference",
        "standing",
    ]
    frame = pd.DataFrame(rows, columns=names)
    return csv_bytes(frame.astype(dict.fromkeys(names[3:10], "float64")))


WRITERS: Mapping[str, Callable[[Difference], bytes]] = {".html": as_html, ".json": as_json, ".csv": as_csv}
