"""docs/glossary.md and docs/cli.md, made from the glossary of the app, READINGS and the parser of the command line.

python -m scripts.glossary            writes them; a test keeps them true
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from embedlab.cli import parser
from embedlab.comparing.readings import READINGS
from embedlab.ui.glossary import TERMS
from scripts.method import safe

DOCS = Path(__file__).resolve().parents[1] / "docs"
GLOSSARY, COMMANDS = DOCS / "glossary.md", DOCS / "cli.md"
INTRODUCTION = """\
# Glossary

<!-- made by python -m scripts.glossary from embedlab/ui/glossary.py: change the texts there -->

The words of the screen, in a sentence each. The same list opens in the app with the button *Glossary* in the sidebar.
"""
OF_COMMANDS = """\
# The command line

<!-- made by python -m scripts.glossary from the parser: change the texts there -->

The pages show the command that does the same. Everywhere: `--workspace DIR` (default `./workspace`) and `--json` for
machines; `--help` says the rest. Standard output carries the result, standard error the progress.

| exit code | means |
|---|---|
| 0 | it did what was asked |
| 1 | an expectation did not hold |
| 2 | bad input, with one sentence |
| 130 | interrupted; what was finished is kept |

A model (`SPEC`) is `builtin`, a folder, a hub id, `model:ID`, `run:ID`, or `run:ID@STEP` for a state of a run on the
way. An id may be cut short; a corpus is also known by its name.

## All commands
"""
EVERYWHERE = ("--help", "--workspace", "--json", "--job")


def the_glossary() -> str:
    """Terms, then readings by title."""
    terms = (f"**{safe(name)}**\n:   {safe(said)}\n" for name, said in TERMS.items())
    readings = (
        f"**{safe(info.title)}** (`{info.name}`)\n:   {safe(info.meaning)} "
        f"[{info.source}](method.md#{info.source.lower()})\n"
        for info in sorted(READINGS.values(), key=lambda info: info.title.lower())
    )
    return "\n".join([INTRODUCTION, *terms, "## Readings\n", *readings])


def the_commands() -> str:
    """Every command with what it does and its options."""
    return "\n".join([OF_COMMANDS, *(_command(*one) for one in _commands(parser(), ""))])


def _commands(top: argparse.ArgumentParser, before: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """(name, parser) of every command, those of a family after its name."""
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, made in action.choices.items():
                yield from _commands(made, f"{before}{name} ")
            return
    yield before.strip(), top


def _command(name: str, made: argparse.ArgumentParser) -> str:
    said = [f"### {name}\n", f"{safe((made.description or made.format_usage()).strip())}.\n"]
    options = [action for action in made._actions if not set(action.option_strings) & set(EVERYWHERE)]
    if options:
        said += ["| option | |", "|---|---|", *(_option(action) for action in options), ""]
    return "\n".join(said)


def _option(action: argparse.Action) -> str:
    """One row: `--seeds N` and what it is."""
    if action.nargs == 0:
        value = ""
    elif action.metavar:
        value = str(action.metavar)
    else:
        value = ", ".join(map(str, action.choices or ())) or action.dest.upper()
    name = f"{action.option_strings[0]} {value}".strip() if action.option_strings else value
    needed = "needed" if action.required and action.option_strings else ""
    help = safe((action.help or "").replace("%%", "%"))
    return f"| `{name.replace('|', ', ')}` | {'; '.join(part for part in (help, needed) if part)} |"


def main() -> None:
    """Write both pages."""
    GLOSSARY.write_text(the_glossary(), encoding="utf-8")
    COMMANDS.write_text(the_commands(), encoding="utf-8")


if __name__ == "__main__":
    main()
