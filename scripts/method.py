"""docs/method.md, made from METHODS and READINGS: how every number is measured.

python -m scripts.method            writes it; a test keeps it true
"""

import re
from pathlib import Path

from embedlab.comparing.method import METHODS, NOTATION, Method, bounds
from embedlab.comparing.readings import READINGS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "method.md"
INTRODUCTION = """\
# How it is measured

<!-- made by python -m scripts.method from embedlab/comparing/method: change the texts there -->

Every number that EmbedLab shows is defined here: what it answers, on what it is measured, its formula, what chance
alone would give, its interval and test, what it cannot tell, what it was checked against, and where it comes from. The
same texts stand in the app under *How it is measured*. Each function of `embedlab/measure` says its formula, range and
source once more, beside the code.

How often these rules call nothing a change, and how large a change must be to be found, was measured:
[docs/calibration.md](calibration.md).
"""


def safe(text: str) -> str:
    """Plain text as Markdown that shows it unchanged."""
    return re.sub(r"([\\*_`<>\[\]|])", r"\\\1", text)


def the_page() -> str:
    """The whole document."""
    parts = [INTRODUCTION, contents(), notation(), table(), *(entry(method) for method in METHODS)]
    return "\n".join(part.strip() + "\n" for part in parts)


def contents() -> str:
    """The table of contents."""
    lines = ["## Contents", "", "- [Notation](#notation)", "- [All readings](#all-readings)"]
    return "\n".join([*lines, *(f"- [{safe(method.heading)}](#{method.key.lower()})" for method in METHODS)])


def notation() -> str:
    rows = (f"| {safe(sign)} | {safe(meaning)} |" for sign, meaning in NOTATION)
    return "\n".join(["## Notation", "", "| | |", "|---|---|", *rows])


def table() -> str:
    """Every reading: name in JSON, title, range, better end, meaning, entry."""
    rows = (
        f"| `{name}` | {safe(info.title)} | {safe(bounds(info))} | {info.better} | {safe(info.meaning)} | "
        f"[{info.source}](#{info.source.lower()}) |"
        for name, info in READINGS.items()
    )
    head = (
        "## All readings",
        "",
        "Names are those of `comparison.json` and `measure --json`. Better: which end is better for the model; neither "
        "means that the number describes and does not judge.",
        "",
        "| name | title | range | better | meaning | entry |",
        "|---|---|---|---|---|---|",
    )
    return "\n".join([*head, *rows])


def entry(method: Method) -> str:
    """One entry."""
    lines = [f'<a id="{method.key.lower()}"></a>', "", f"## {safe(method.heading)}", ""]
    if method.readings:
        lines += ["Readings: " + ", ".join(f"`{name}`" for name in method.readings), ""]
    lines += [safe(method.question), "", "```text", *method.formula, "```", ""]
    for name, said in (
        ("Measured on", method.rows),
        ("What chance gives", method.null),
        ("Interval and test", method.interval),
        ("Checked against", method.checked),
    ):
        lines += [f"**{name}.** {safe(said)}", ""]
    lines += ["**Limits and traps**", "", *(f"- {safe(limit)}" for limit in method.limits), ""]
    lines += ["**Sources**", "", *(f"- {safe(paper)}" for paper in method.source)]
    return "\n".join(lines)


def main() -> None:
    """Write docs/method.md."""
    PAGE.write_text(the_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
