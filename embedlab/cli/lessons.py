"""embedlab lessons: the null, the broken and the good example of teaching mode."""

import argparse
from dataclasses import asdict

from embedlab.cli.printing import Printer
from embedlab.lab import Lab

MEANING = {
    "null": "the bundled model against itself: every number reads no change",
    "broken": "the same model after twelve steps at a far too high rate: it collapsed",
    "good": "the demo: senses told further apart, and no collapse",
}


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--make", action="store_true", help="make those that are missing (a minute or more)")


def lessons(lab: Lab, options: argparse.Namespace, show: Printer) -> None:
    """List the three examples; --make makes what is missing."""
    lab.ensure_demo()
    found = lab.make_lessons(show.progress) if options.make else lab.lessons()
    lines = [f"{one.kind:7} {(one.comparison or 'not made: add --make')[:20]:22} {MEANING[one.kind]}" for one in found]
    show.done({"lessons": [asdict(one) for one in found]}, *lines)
