"""`search`: both lists of what lies nearest, side by side; with --out as a CSV file."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from embedlab.cli.printing import Printer
from embedlab.comparing.finding import Filters, Found, Match, What
from embedlab.errors import UserError
from embedlab.lab import Lab
from embedlab.lab.search import matches_csv
from embedlab.store import atomic_write
from embedlab.wording import MISSING, count, in_context, number


def add_options(command: argparse.ArgumentParser) -> None:
    """The words of the command."""
    command.add_argument("comparison")
    command.add_argument("query", nargs="?", default="", help="a sentence; one word of it may stand in [brackets]")
    command.add_argument("--like", metavar="ITEM", help="an item instead: a row of texts, row:start of a use, a word")
    command.add_argument("--in", dest="what", choices=get_args(What), default="texts", help="what is searched")
    command.add_argument("--word", help="whose uses are searched, with --in uses")
    command.add_argument("--layer", type=int, help="default: the last")
    command.add_argument("--k", type=int, default=10, help="how many are listed a side (default 10)")
    command.add_argument("--label", help="only texts of this label")
    command.add_argument("--sense", help="only uses of this sense")
    command.add_argument("--split", choices=("train", "test"), help="only trained on, or only held out")
    command.add_argument("--contains", default="", metavar="TEXT", help="only what holds this, in any case")
    command.add_argument("--out", type=Path, metavar="FILE.csv")


def search(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    if options.query and options.like is not None:
        raise UserError("A sentence and --like were given: ask for one of them.")
    found = lab.search(
        options.comparison, options.query, what=options.what, word=options.word, like=options.like,
        layer=options.layer, k=options.k, progress=show.progress,
        filters=Filters(options.label, options.sense, options.split, options.contains),
    )  # fmt: skip
    if options.out is not None:
        atomic_write(options.out, matches_csv(found))
    show.done(as_plain(found), *lines(found))


def as_plain(found: Found) -> dict[str, Any]:
    """The value of --json."""
    return asdict(found) | {"kept": found.count("kept"), "lost": found.count("lost"), "gained": found.count("gained")}


def lines(found: Found) -> list[str]:
    """Both lists for a person: what was lost or gained is marked, and its other rank said."""
    head = f"nearest to {found.asked.said}, {found.layer_name}: {found.count('kept')} kept, {found.count('lost')} lost"
    head += f", {found.count('gained')} gained; {count(found.candidates)} of {count(found.of)} {found.what} searched"
    out = [f"{head}, in half precision" if found.half else head]
    for side, other, listed in (("before", "after", found.before), ("after", "before", found.after)):
        out.append(f"{side}:")
        for match in listed:
            rank, beyond = getattr(match, f"rank_{other}"), f"beyond {found.depth:,}"
            mark = {"kept": " ", "lost": "-", "gained": "+"}[match.status]
            cosine = number(getattr(match, f"cosine_{side}"), places=3)
            where = f"{other} {count(rank) if rank else beyond}"
            out.append(
                f"{mark}{getattr(match, f'rank_{side}'):>4}  {cosine:>6}  {where:<16} {_shown(match, found.what)}"
            )
    return out


def _shown(match: Match, what: What) -> str:
    if what == "words":
        return match.key
    left, word, right = in_context(match.text, match.start, match.end, 40 if what == "uses" else 0)
    text = f"{left}[{word}]{right}" if what == "uses" else in_context(match.text, 0, 0, 90)[2]
    return f"{match.key:>8}  {match.sense or match.label or MISSING:<16}  {text}"
