"""The map of all files at the end of the README, made from what each file says of itself in its first sentence.

    python -m scripts.file_map            writes it; a test keeps it true

Files that cannot speak (data, styles, lists) are described here.
"""

import ast
import re
import subprocess
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
START, END = "<!-- the map begins -->", "<!-- the map ends -->"
WHOLE_FOLDERS = {  # folders of made things: one line for all that is in them
    "embedlab/demo/results/": "the comparison that comes with EmbedLab, made by `make demo-results`",
    "embedlab/demo/snapshots/": "what goes with it: maps of everything, groups, the vectors of its last layer",
    "docs/screenshots/": "the pictures of this README, made by `make screenshots`",
}
SILENT = {
    ".ci/run": "what continuous integration runs: `make test`, with nothing left over from the machine",
    ".gitignore": "what is made here and not kept",
    ".streamlit/config.toml": "a server for this machine only that tells nobody anything; the colours of both themes",
    "CHANGELOG.md": "what changed, version by version",
    "CONTRIBUTING.md": "how to work on EmbedLab: the rules of the house and how they are checked",
    "LICENSE": "Apache License 2.0",
    "Makefile": "everything that can be made; `make help` lists it",
    "NOTICE": "what comes from others",
    "README.md": "this page",
    "pyproject.toml": "the package, and the settings of ruff, mypy, pytest and import-linter",
    "requirements.txt": "what EmbedLab runs with",
    "requirements-gpu.txt": "the same for a machine with an NVIDIA GPU",
    "requirements-test.txt": "what the tests need on top",
    "requirements-extras.txt": "what is optional: logs for TensorBoard",
    "tests/corpus/samples/likeness.csv": "pairs of sentences with a score, written for the tests",
    "tests/corpus/samples/triplets.jsonl": "questions with an answer and a negative, written for the tests",
    "tests/corpus/samples/hard_negatives.tsv": "searches, hits, hard negatives, written for the tests",
    "docs/method.md": "how every number is measured: formula, null, interval, limits, source",
    "docs/calibration.md": "how often a change is called where there is none, and found where there is one",
    "docs/calibration.svg": "the same as curves",
    "embedlab/demo/DATASHEET.md": "how the bundled corpus was made, what is in it and what it is not good for",
    "embedlab/demo/senses.csv": "the bundled corpus: ambiguous words in context, with span, sense and topic",
    "embedlab/demo/pairs.csv": "the bundled pairs: what somebody asks and what answers it",
    "embedlab/demo/canary.txt": "everyday sentences far from the training data",
    "embedlab/templates/report.css": "how the report looks, in light and dark and on paper",
    "embedlab/templates/report.html.j2": "the report: one page, everything in it",
    "embedlab/templates/difference.html.j2": "two reports beside each other: what differs, as one page",
    "embedlab/templates/uses.css": "how the table of uses beside the maps looks",
    "embedlab/templates/report.js": "draws the report's figures and links the two sides of a map",
    "embedlab/ui/mark.svg": "the mark beside the name",
    "embedlab/ui/style.css": "what the theme cannot say: spacing, cards, the words of a change",
}


def files() -> list[str]:
    """Every file of the project, in order: what git keeps or would keep. Raises CalledProcessError without git."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    return sorted(name for name in set(listed) if name and not name.endswith(".keep") and (ROOT / name).is_file())


def sentence(name: str) -> str:
    """What a file is, in one sentence. Raises KeyError where it says nothing and nobody says it here."""
    if name in SILENT:
        return SILENT[name]
    text = (ROOT / name).read_text(encoding="utf-8")
    if name.endswith(".py"):
        if not text.strip():
            return "makes the folder a package"
        said = ast.get_docstring(ast.parse(text)) or tested(name)
    elif name.endswith(".yaml"):
        said = re.search(r"^(?:# |line: )(.+)$", text, re.MULTILINE)
        said = said and said[1]
    elif name.endswith((".md", ".yml", ".typ", ".js", ".css")):  # a heading, or a comment at the top
        opened = re.match(r"(?:---\n.*?---\n)?\s*(?:#|//|/\*) (.+)", text, re.DOTALL)
        said = opened and opened[1].split("\n")[0].removesuffix("*/")
    else:
        said = None
    if not said:
        raise KeyError(f"{name} does not say what it is: give it a docstring, or a line in scripts/file_map.py")
    first = " ".join(said.split("\n\n")[0].split()).split(". ")[0]
    return first.rstrip(".").replace("|", "\\|")


def tested(name: str) -> str | None:
    """What tests without a word of their own are about, by their place: tests mirror the tree."""
    path = Path(name)
    if path.name == "conftest.py":
        return "what the tests of this folder share"
    near = Path("embedlab", *path.parts[1:-1], path.name.removeprefix("test_"))
    places = [near, *(p.relative_to(ROOT) for p in sorted((ROOT / "embedlab").rglob(near.name)))]
    found = next((place for place in places if path.name.startswith("test_") and (ROOT / place).is_file()), None)
    return f"tests of `{found}`" if found else None


def the_map() -> str:
    """One table a folder, one line a file."""
    lines: list[str] = []
    named: set[str] = set()
    names = sorted(files(), key=lambda name: (str(Path(name).parent), name))
    for folder, members in groupby(names, key=lambda name: str(Path(name).parent)):
        whole = next((start for start in WHOLE_FOLDERS if f"{folder}/".startswith(start)), None)
        if whole is not None:
            if whole not in named:
                lines += [f"\n**{whole}**: {WHOLE_FOLDERS[whole]}\n"]
                named.add(whole)
            continue
        lines += [f"\n**{'the root' if folder == '.' else folder + '/'}**\n", "| file | what it is |", "|---|---|"]
        lines += [f"| `{Path(name).name}` | {sentence(name)} |" for name in members]
    return "\n".join(lines).strip() + "\n"


def main() -> None:
    """Write the map between its two marks."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(START)
    README.write_text(f"{before}{START}\n{the_map()}{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
