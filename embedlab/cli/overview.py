"""The map of everything on the command line: `map COMPARISON`."""

import argparse
from pathlib import Path
from typing import Any

from embedlab.cli.printing import Printer
from embedlab.comparing.overview import WHATS, Overview, placebo_of
from embedlab.errors import UserError
from embedlab.lab import Lab
from embedlab.measure.overview import Sampled
from embedlab.wording import bracket, count, number


def add_options(made: argparse.ArgumentParser) -> None:
    """What `map` takes."""
    made.add_argument("comparison")
    made.add_argument(
        "--what", choices=WHATS, default="words",
        help="rows: of two files of vectors all that they share, compared one by one or not",
    )  # fmt: skip
    made.add_argument("--layers", metavar="N,N", help="draw these layers, or all (default: the last)")
    gone = "of two files, where their vectors were deleted: that file"
    made.add_argument("--before", type=Path, metavar="FILE", help=gone)
    made.add_argument("--after", type=Path, metavar="FILE", help="and the other one")
    made.add_argument(
        "--out", type=Path, metavar="FILE", help="every item as CSV, or as parquet where it ends in .parquet"
    )


def draw(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    """Draw the map at the layers asked; --out writes the last of them."""
    if (options.before is None) != (options.after is None):
        raise UserError("--before and --after go together: give both files of vectors, or neither.")
    files = None if options.before is None else (options.before, options.after)
    layers = _layers(options.layers, len(lab.comparison(options.comparison).layers))
    found = lab.draw_overviews(options.comparison, options.what, layers, files=files, progress=show.progress)
    if options.out is not None:
        lab.write_overview(found[-1], options.out)
    show.done(
        {"what": options.what, "out": str(options.out) if options.out else None, "maps": [_told(one) for one in found]},
        *(line for one in found for line in lines(one)),
        *([f"items in {options.out}"] if options.out else []),
    )


def lines(drawn: Overview) -> list[str]:
    """A map in words."""
    how = (
        "every one laid out"
        if drawn.landmarks is None
        else f"{drawn.landmarks:,} landmarks laid out, the others placed"
    )
    times = placebo_of(drawn)
    return [
        f"{count(len(drawn))} {drawn.what}, {drawn.layer_name}: {how}",
        f"  trustworthiness {_said(drawn.trust_before)} before, {_said(drawn.trust_after)} after",
        f"  continuity      {_said(drawn.continuity_before)} before, {_said(drawn.continuity_after)} after",
        f"  mean move       {number(drawn.real_move)}, placebo {number(drawn.placebo_move)}"
        + ("" if times is None else f" ({number(times, places=1)} times)"),
    ]


def _said(sampled: Sampled) -> str:
    if sampled.rows == sampled.of:
        return number(sampled.value)
    return f"{number(sampled.value, sampled.interval)} {bracket(sampled.interval)}"


def _told(drawn: Overview) -> dict[str, Any]:
    scores = ("trust_before", "trust_after", "continuity_before", "continuity_after")
    plain = ("layer", "layer_name", "k", "seed", "landmarks", "left_out", "real_move", "placebo_move")
    return (
        {"items": len(drawn)}
        | {name: getattr(drawn, name) for name in plain}
        | {name: getattr(drawn, name)._asdict() for name in scores}
    )


def _layers(text: str | None, count: int) -> list[int]:
    if text is None:
        return [count - 1]
    if text == "all":
        return list(range(count))
    try:
        return sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise UserError(f"--layers takes numbers with commas between, such as 0,3,6, or all, not {text!r}.") from None
