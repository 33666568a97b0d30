"""The commands that explain a change, and the one that makes a corpus of a selection."""

import argparse
from dataclasses import asdict

from embedlab.cli.printing import Printer
from embedlab.comparing.causes import Shown, StepMove, Why
from embedlab.comparing.groups import Group
from embedlab.errors import UserError
from embedlab.lab import Lab
from embedlab.wording import count, number

SHOWN_WORDS = 12  # of a group, in a line


def add_why(command: argparse.ArgumentParser) -> None:
    command.add_argument("comparison")
    command.add_argument("word")
    command.add_argument("--layer", type=int, help="default: the last")
    command.add_argument("--most", type=int, default=10, metavar="N", help="rows listed of each kind (default 10)")
    command.add_argument(
        "--read", action="store_true", help="read with the models what is not in the workspace: takes a while"
    )


def add_groups(command: argparse.ArgumentParser) -> None:
    command.add_argument("comparison")
    command.add_argument("--layer", type=int, help="default: the last")


def add_select(command: argparse.ArgumentParser) -> None:
    command.add_argument("id")
    command.add_argument("--rows", metavar="N,N", help="numbers of rows, from 0, with commas between")
    command.add_argument("--word", action="append", default=[], help="the rows that use this word (may be repeated)")
    command.add_argument("--name", required=True)


def why(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    found = lab.why(
        options.comparison, options.word.lower(), options.layer, most=options.most, read=options.read,
        progress=show.progress,
    )  # fmt: skip
    derived = {"share": found.frequency.share, "first_changed": found.first_changed, "half_way": found.half_way}
    show.done(asdict(found) | derived, *_why_lines(found))


def _why_lines(found: Why) -> list[str]:
    seen = found.frequency
    rows = "training rows" if found.trained else "rows"
    lines = [
        *found.notes,
        f"“{found.word}” is in {seen.rows:,} of {seen.of:,} {rows} ({number(100 * seen.share, places=1)} %), "
        f"{count(seen.uses, 'use')}",
        *(f"  {one.rows:>5} of {one.of:<5} {one.label}" for one in seen.labels),
    ]
    if found.steps:
        lines += ["along the run:", *(f"  step {one.step:>5}  {_at_step(one)}" for one in found.steps)]
    if found.containing:
        lines += [f"{rows} that hold it:", *(_row_line(one) for one in found.containing)]
    if found.nearest is None:
        lines.append("--read finds the rows nearest to it in the model before.")
    else:
        lines += [f"the nearest {rows} without it, in the model before:", *(_row_line(one) for one in found.nearest)]
    return lines


def _at_step(one: StepMove) -> str:
    above = {True: ", more than noise", False: ", within noise", None: ""}[one.above]
    change = "" if one.change is None else f"change {number(one.change, places=2)}{above}  "
    return change + ("" if one.drift is None else f"drift {number(one.drift, places=3)}")


def _row_line(one: Shown) -> str:
    cosine = "" if one.cosine is None else f"{number(one.cosine, places=3)}  "
    return f"  row {one.row:>5}  {cosine}{' '.join(one.text.split())}"


def groups(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    found = lab.groups(options.comparison, options.layer, progress=show.progress)
    called = sum(group.called for group in found.groups)
    show.done(
        asdict(found) | {"called": [group.called for group in found.groups]},
        found.chosen,
        *([f"{called} of {count(len(found.groups), 'group')} moved together by more than chance:"] if called else []),
        *([] if called else ["No group moved together by more than chance."]),
        *(_group_line(group) for group in found.groups),
    )


def _group_line(group: Group) -> str:
    more = ", …" if len(group.words) > SHOWN_WORDS else ""
    again = "" if group.repeated is None else f", {number(group.repeated, places=2)} in other seeds"
    chance = "" if group.called else " (chance)"
    return (
        f"  {len(group.words):>4} words  cohesion {number(group.cohesion, places=2)}{again}  "
        f"q {number(group.q, places=4)}{chance}  {', '.join(group.words[:SHOWN_WORDS])}{more}"
    )


def corpus_select(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    try:
        rows = [int(number) for number in (options.rows or "").split(",") if number.strip()]
    except ValueError:
        raise UserError(f"--rows takes numbers with commas between, such as 0,3,6, not {options.rows!r}.") from None
    found = {*rows, *(lab.rows_with(options.id, options.word) if options.word else ())}
    entry = lab.corpus_from(options.id, sorted(found), options.name)
    show.done(
        {"id": entry.id, "name": entry.name, "rows": entry.summary["rows"], "from": entry.summary["from"]},
        f"{entry.id[:12]}  {count(int(entry.summary['rows']), 'row')}  {entry.name}",
    )
