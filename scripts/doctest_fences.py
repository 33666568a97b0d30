"""For the documentation site: examples in docstrings (>>> ...) become code; Markdown would take them for quotations."""

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"(?m)(?:^>>> .*(?:\n(?!\s*$).*)*)")


def fenced(docstring: str) -> str:
    """Every example, to the next empty line, as a block of Python at a console."""
    return EXAMPLE.sub(lambda found: f"\n```pycon\n{found.group()}\n```\n", docstring)


class DoctestFences(griffe.Extension):
    """Named in mkdocs.yml."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)
