"""`report`, `figure`, `report-diff`: a comparison as files, one figure, and what two comparisons differ by."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from embedlab.cli.printing import Printer
from embedlab.errors import UserError
from embedlab.lab import Lab
from embedlab.lab.reports import REPORT_FORMATS
from embedlab.report import FIGURES, SECTIONS, Plan
from embedlab.report.plan import HOME
from embedlab.store import atomic_write

LISTED = 15  # readings and words printed; --out and --json hold all


def add_report(command: argparse.ArgumentParser) -> None:
    """The words of `report`."""
    command.add_argument("comparison")
    command.add_argument("--format", choices=REPORT_FORMATS, default="html")
    command.add_argument(
        "--sections", help=f"only these, separated by commas: {', '.join(SECTIONS)}; or none (the answer alone)"
    )
    command.add_argument("--word", action="append", help="whose neighbours and senses are shown (may be repeated)")
    command.add_argument("--layers", help="whose readings are tabled, such as 0,6 (default: all)")
    command.add_argument("--layer", type=int, help="what ranking, words and maps are about (default: the last)")
    command.add_argument("--home", default=HOME, help=f"where its links find EmbedLab (default {HOME})")
    command.add_argument("--draw-map", action="store_true", help="draw the map of all words if that was not done yet")
    command.add_argument("--out", type=Path, required=True)


def add_figure(command: argparse.ArgumentParser) -> None:
    """The words of `figure`."""
    command.add_argument("comparison")
    command.add_argument("figure", choices=FIGURES)
    command.add_argument("--word", help="for moves and senses")
    command.add_argument("--layer", type=int, help="default: the last")
    command.add_argument("--theme", choices=("light", "dark"), default="light")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.svg|FILE.png")


def add_diff(command: argparse.ArgumentParser) -> None:
    """The words of `report-diff`."""
    command.add_argument("first", help="a comparison, its comparison.json, or a folder that holds one")
    command.add_argument("second")
    command.add_argument("--layer", type=int, help="of the words (default: the last that both have)")
    command.add_argument("--out", type=Path, metavar="FILE.html|FILE.json|FILE.csv")


def plan_of(options: argparse.Namespace) -> Plan:
    """The plan that was asked for. Raises UserError."""
    sections: tuple[Any, ...] = SECTIONS
    if options.sections is not None:
        sections = tuple(name.strip() for name in options.sections.split(",") if name.strip() not in ("", "none"))
    try:
        layers = None if options.layers is None else tuple(int(layer) for layer in options.layers.split(","))
    except ValueError as error:
        raise UserError("--layers takes numbers separated by commas, such as 0,6.") from error
    words = None if options.word is None else tuple(options.word)
    return Plan(sections, words, layers, options.layer, options.home)


def report(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    written = lab.write_report(
        options.comparison,
        options.format,
        options.out,
        plan_of(options),
        draw_map=options.draw_map,
        progress=show.progress,
    )
    said = {"out": str(options.out), "format": options.format, "files": [str(path) for path in written]}
    beside = f", its data in {written[0].parent}" if len(written) > 1 else ""
    show.done(said, f"{options.format} report in {options.out}{beside}")


def figure(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    suffix = options.out.suffix.lower()
    if suffix not in (".svg", ".png"):
        raise UserError("A figure is written as .svg or .png: end --out with one of them.")
    made = lab.figure(
        options.comparison, options.figure, word=options.word, layer=options.layer, theme=options.theme,
        format="svg" if suffix == ".svg" else "png",
    )  # fmt: skip
    atomic_write(options.out, made)
    show.done({"out": str(options.out), "bytes": len(made)}, f"{options.figure} in {options.out}")


def report_diff(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    from embedlab.report import sidebyside

    found = lab.report_diff(options.first, options.second, options.layer)
    if options.out is not None:
        suffix = options.out.suffix.lower()
        if suffix not in sidebyside.WRITERS:
            raise UserError("A difference is written as .html, .json or .csv: end --out with one of them.")
        atomic_write(options.out, sidebyside.WRITERS[suffix](found))
    show.done(json.loads(json.dumps(asdict(found))), *sidebyside.lines(found, LISTED))
