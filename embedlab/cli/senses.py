"""`senses`: the uses of one word, before and after; the separation of its senses; names given to uses."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from embedlab.cli.printing import Printer
from embedlab.cli.summaries import reading_lines
from embedlab.comparing.wordview import WordView
from embedlab.errors import UserError
from embedlab.lab import Lab
from embedlab.report import csv_bytes, parquet_bytes
from embedlab.report.uses import uses_table
from embedlab.store import atomic_write
from embedlab.types import Occurrence, Reading
from embedlab.wording import count, number


def add_options(command: argparse.ArgumentParser) -> None:
    """The words of the command."""
    command.add_argument("comparison")
    command.add_argument("word", help="marked in the corpus or not: then its uses are looked for and read now")
    command.add_argument("--layer", type=int, help="default: the last")
    command.add_argument("--map", action="store_true", help="lay the uses out too: places, trust and clusters in --out")
    command.add_argument(
        "--steps", nargs="?", const="", metavar="N,N",
        help="the states of the run between before and after too, all that are kept or these: the separation at each, "
        "and with --map where the uses lie at each",
    )  # fmt: skip
    command.add_argument("--named", action="store_true", help="take the senses that were named with --name")
    command.add_argument("--name", metavar="SENSE", help="give the uses of --rows this name; names are kept")
    command.add_argument("--rows", metavar="N,N", help="the uses to name, by the row of the corpus")
    command.add_argument("--forget", metavar="SENSE", help="take a name back")
    command.add_argument("--out", type=Path, metavar="FILE", help="every use as .csv or .parquet")


def senses(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    view = lab.word_view(
        options.comparison, options.word, options.layer, named=options.named, progress=show.progress
    )  # fmt: skip
    corpus = lab.comparison(options.comparison).provenance.corpus_id
    if options.name is not None:
        lab.name_sense(corpus, view.word, options.name, _of_rows(view, options.rows))
    if options.forget is not None:
        lab.forget_sense(corpus, view.word, options.forget)
    steps = _steps(lab, options)
    read = lab.word_steps(options.comparison, view, steps, progress=show.progress) if steps else ()
    map_ = lab.word_map(options.comparison, view, steps=steps, progress=show.progress) if options.map else None
    if options.map and map_ is None:
        raise UserError(f"There is no map of {view.word}: it has too few uses, or its vectors are not here.")
    table = uses_table(view, map_)
    if options.out is not None:
        kind = options.out.suffix.lower()
        if kind not in (".csv", ".parquet"):
            raise UserError(f"--out {options.out.name} is of no kind that uses are written in: give .csv or .parquet.")
        atomic_write(options.out, csv_bytes(table) if kind == ".csv" else parquet_bytes(table))
    named = {one.name: len(one.uses) for one in lab.named_senses(corpus, view.word)}
    readings = _plain(view.readings)
    value: dict[str, Any] = {
        "word": view.word, "layer": view.layer_name, "uses": len(view.uses), "of": view.of, "p": view.p,
        "readings": readings, "named": named,
        "steps": [{"step": step, "readings": _plain(found)} for step, found in read],
    }  # fmt: skip
    within = int(view.within.sum())
    half = view.before is not None and lab.held(options.comparison).half
    show.done(
        value,
        f"{view.word}, {view.layer_name}: {count(len(view.uses), 'use')} of {count(view.of)}, {within} within noise",
        *(["trust of the uses from vectors in half precision; the readings from full precision"] if half else []),
        *reading_lines(readings),
        *_step_lines(view.readings, read),
        *(f"named {name}: {count(uses, 'use')}" for name, uses in named.items()),
    )


def _plain(readings: Mapping[str, Reading]) -> dict[str, Any]:
    return {name: asdict(reading) for name, reading in readings.items()}


def _steps(lab: Lab, options: argparse.Namespace) -> tuple[int, ...]:
    """The steps that were asked for; () where none were. Raises UserError: none is kept, or these are no numbers."""
    if options.steps is None:
        return ()
    kept = lab.steps_between(options.comparison)
    if not kept:
        raise UserError(
            "No state of a run between before and after is here: compare a run that was trained on this machine with "
            "the model it began from."
        )
    try:
        return tuple(sorted({int(part) for part in options.steps.split(",")})) if options.steps else kept
    except ValueError:
        raise UserError(f"Say which steps as numbers, --steps {kept[0]}; these are kept: {_listed(kept)}.") from None


def _listed(steps: Sequence[int]) -> str:
    return ", ".join(map(str, steps))


def _step_lines(ends: Mapping[str, Reading], read: Sequence[tuple[int, Mapping[str, Reading]]]) -> list[str]:
    """One line a reading: before, at every step, after."""
    if not read:
        return []
    lines = [f"along the training, steps {_listed([step for step, _ in read])}:"]
    for name, reading in ends.items():
        values = [reading.before, *(found[name].after for _, found in read if name in found), reading.after]
        if any(value is not None for value in values):
            lines.append(f"  {name:<32} {' → '.join(number(value) for value in values)}")
    return lines


def _of_rows(view: WordView, rows: str | None) -> list[Occurrence]:
    """The uses in some rows of the corpus. Raises UserError."""
    try:
        wanted = {int(part) for part in (rows or "").split(",")}
    except ValueError:
        raise UserError("Say which uses get the name: --rows 3,17, as numbers of rows of the corpus.") from None
    found = [use for use in view.uses if use.row in wanted]
    missing = sorted(wanted - {use.row for use in found})
    if missing:
        raise UserError(f"Row {missing[0]} of the corpus holds no use of {view.word}: see the rows in --out.")
    return found
