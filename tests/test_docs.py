"""The docs say what is there: commands that exist, numbers of the demo, pictures, links, and a site that is whole."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from embedlab import demo, wording
from embedlab.cli import parser
from embedlab.ui.main import PAGES
from scripts import glossary, screenshots

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES_OF_DOCS = sorted(DOCS.rglob("*.md"))
HAVE_MKDOCS = subprocess.run([sys.executable, "-c", "import mkdocs, material, mkdocstrings"], capture_output=True)


def command_lines(path: Path) -> list[str]:
    blocks = re.findall(r"```(?:sh|bash)\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    return [line.strip() for line in "\n".join(blocks).replace("\\\n", " ").splitlines() if line.strip()]


@pytest.mark.parametrize("path", PAGES_OF_DOCS, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_every_command_shown_is_one_that_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in command_lines(path):
        words = shlex.split(line)
        if words[:3] == ["python", "-m", "embedlab"]:
            parser().parse_args(words[3:])  # SystemExit where a command or an option does not exist
        else:
            assert words[0] == "make", line
            assert words[1] in targets, line


def test_expectations_shown_can_be_read() -> None:
    from embedlab.expectations import parse

    shown = 0
    for name in ("howto/ci.md", "walks/gate.md"):
        for block in re.findall(r"```text\n(.*?)```", (DOCS / name).read_text(encoding="utf-8"), re.DOTALL):
            shown += len(parse(block))
    assert shown > 8


def test_python_shown_names_what_is_there() -> None:
    """Code of the docs is not run (it needs files of a person's), but all that it imports exists."""
    seen = 0
    for path in PAGES_OF_DOCS:
        for block in re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
            compile(block, str(path), "exec")
            imports = "\n".join(line for line in block.splitlines() if line.startswith(("import ", "from ")))
            subprocess.run([sys.executable, "-c", imports], cwd=ROOT, check=True)
            seen += 1
    assert seen >= 2


def test_the_tutorial_tells_the_numbers_of_the_demo() -> None:
    folder = demo.results_folder()
    assert folder is not None
    said = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    assert f"**{said['verdict']['task']}**" in text
    interval = re.search(r"\+\.\d+ \[[^]]+\]", str(said["verdict"]))
    assert interval is not None
    assert interval.group() in text
    last = said["layers"][-1]["readings"]
    before, after = (wording.number(last["mean_cosine"][side], places=2) for side in ("before", "after"))
    assert f"*mean cosine* in the layer strip: {before} before, {after} after" in text
    assert f"*Neighbours kept* is {wording.number(last['knn_jaccard']['value'], places=2)}" in text


def test_glossary_and_commands_are_those_of_the_app() -> None:
    old = "is old: python -m scripts.glossary"
    assert glossary.GLOSSARY.read_text(encoding="utf-8") == glossary.the_glossary(), f"the glossary {old}"
    assert glossary.COMMANDS.read_text(encoding="utf-8") == glossary.the_commands(), f"the list of commands {old}"


def test_every_page_of_the_app_is_photographed() -> None:
    assert set(screenshots.PAGES) == {file for pages in PAGES.values() for file, _ in pages}


def test_pictures_that_the_docs_show_are_made_by_the_script() -> None:
    made = {
        f"{name}-{theme}-{width}.png"
        for name in screenshots.PAGES
        for theme in screenshots.THEMES
        for width, _ in screenshots.SIZES
    }
    for path in PAGES_OF_DOCS:
        for target in re.findall(r"screenshots/([^)]+)\)", path.read_text(encoding="utf-8")):
            assert target in made, f"{path.name}: {target} is no picture of scripts/screenshots.py"
            assert (DOCS / "screenshots" / target).exists(), f"{path.name}: make screenshots"


def test_every_page_of_the_docs_is_in_the_contents() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    named = set(re.findall(r"[\w/-]+\.md", str(settings["nav"])))
    assert named == {path.relative_to(DOCS).as_posix() for path in PAGES_OF_DOCS}


@pytest.mark.skipif(HAVE_MKDOCS.returncode != 0, reason="mkdocs-material and mkdocstrings are not installed")
def test_the_site_is_built_and_asks_nothing_of_the_network(tmp_path: Path) -> None:
    """Strict: a link, a picture or a documented name that does not exist ends the build."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(PAGES_OF_DOCS)  # and 404.html
    loaded = re.compile(r"<(?:script|img|iframe|link(?=[^>]*stylesheet))[^>]*(?:src|href)=[\"']?(https?:)?//", re.I)
    for page in pages:
        assert not loaded.search(page.read_text(encoding="utf-8")), page.name
    measures = (tmp_path / "site" / "api" / "measure.html").read_text(encoding="utf-8")
    assert "<blockquote>" not in measures, "an example of a docstring is code, not a quotation"
    assert measures.count("&gt;&gt;&gt;") > 20
    lab = (tmp_path / "site" / "api" / "lab.html").read_text(encoding="utf-8")
    for method in ("finetune", "compare", "lineage", "make_lessons"):
        assert f'id="embedlab.lab.Lab.{method}"' in lab, method
