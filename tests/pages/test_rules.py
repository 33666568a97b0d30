"""What keeps the screen safe: escaping, the door, the shipped configuration, and calls that no page may make."""

import ast
import logging
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from streamlit import config
from streamlit.testing.v1 import AppTest

from embedlab.errors import UserError
from embedlab.ui import errors, safe
from embedlab.ui.main import is_loopback
from tests.pages.conftest import PAYLOAD, ROOT, html

SCREEN = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")), *sorted((ROOT / "embedlab" / "ui").glob("*.py"))]
ALTERING = {
    "markdown",
    "write",
    "error",
    "warning",
    "info",
    "success",
    "caption",
    "title",
    "header",
    "subheader",
    "metric",
}
HEAVY = {
    "torch", "transformers", "sentence_transformers", "umap", "numba", "faiss", "sklearn", "scipy", "polars",
}  # fmt: skip
OUR_OWN_QUESTIONS = {("frame.py", "title")}  # a LiteralString, checked by mypy


@pytest.mark.parametrize("path", SCREEN, ids=lambda path: path.name)
def test_text_that_is_not_ours_reaches_no_call_that_alters_it(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            continue
        where = f"{path.name}:{node.lineno}"
        assert not any(keyword.arg in ("unsafe_allow_html", "unsafe_allow_javascript") for keyword in node.keywords), (
            where
        )
        if (
            node.func.value.id == "st"
            and node.func.attr in ALTERING
            and (path.name, node.func.attr) not in OUR_OWN_QUESTIONS
        ):
            assert all(isinstance(argument, ast.Constant) for argument in node.args), where
        if node.func.value.id == "st" and node.func.attr == "html":
            assert path.name in ("safe.py", "main.py"), where
        if node.func.value.id == "safe" and node.func.attr in ("html", "fragment"):
            template = node.args[0]
            literals = [template.body, template.orelse] if isinstance(template, ast.IfExp) else [template]
            assert all(isinstance(literal, ast.Constant) for literal in literals), where


def test_values_are_escaped_and_pieces_are_not_escaped_twice() -> None:
    piece = safe.fragment("<b>{x}</b>", x=PAYLOAD)
    assert "<img" not in piece
    assert safe.fragment("<p>{inner}</p>", inner=piece) == f"<p>{piece}</p>"


def test_no_cell_of_a_table_file_runs_as_a_formula() -> None:
    text = safe.csv_bytes(("a", "b"), [("=1+1", -1.5), ("\tx", None), ("plain", "@SUM")]).decode("utf-8-sig")
    assert text.splitlines() == ["a,b", "'=1+1,-1.5", "'\tx,", "plain,'@SUM"]


def test_the_shipped_configuration_keeps_the_door_shut() -> None:
    shipped = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert shipped["server"]["address"] == "127.0.0.1"
    assert "*" not in "".join(shipped["server"]["allowedHosts"])
    assert shipped["server"]["enableCORS"]
    assert shipped["server"]["enableXsrfProtection"]
    assert shipped["browser"]["gatherUsageStats"] is False
    assert shipped["client"]["showErrorDetails"] == "none"
    assert shipped["client"]["showErrorLinks"] is False


@pytest.mark.parametrize(
    ("address", "safe_"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        (None, False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("box", False),
    ],
)
def test_what_counts_as_this_machine_only(address: str | None, safe_: bool) -> None:
    assert is_loopback(address) is safe_


@pytest.fixture
def on_the_network() -> object:
    before = config.get_option("server.address")
    config.set_option("server.address", "0.0.0.0")
    yield
    config.set_option("server.address", before)


def app(monkeypatch: pytest.MonkeyPatch, workspace: Path) -> AppTest:
    monkeypatch.setenv("EMBEDLAB_WORKSPACE", str(workspace))
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)


def test_on_a_network_without_a_password_nothing_is_served(
    on_the_network: None, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EMBEDLAB_PASSWORD", raising=False)
    shown = app(monkeypatch, workspace).run()
    assert not shown.title
    assert "EMBEDLAB_PASSWORD" in html(shown)


def test_on_a_network_the_password_opens(
    on_the_network: None, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDLAB_PASSWORD", "open sesame ü")
    shown = app(monkeypatch, workspace).run()
    shown.text_input[0].set_value("wrong")
    shown.button[0].click().run()
    assert not shown.title
    shown.text_input[0].set_value("open sesame ü")
    shown.button[0].click().run()
    assert shown.title


def test_our_own_mistakes_are_logged_and_not_shown(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(errors, "show", lambda sentence, title="": said.append(sentence))
    with caplog.at_level(logging.ERROR, "embedlab.ui"), errors.guard():
        raise RuntimeError("/secret/path")
    with errors.guard():
        raise UserError("Row 3 has no text.")
    assert "nothing was lost" in said[0]
    assert "/secret/path" not in said[0]
    assert said[1] == "Row 3 has no text."
    assert "/secret/path" in caplog.text


def test_opening_a_page_loads_nothing_heavy(workspace: Path) -> None:
    """The screen process pays for torch, transformers and umap never, not even where it draws their results."""
    script = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file('app.py', default_timeout=120)\n"
        "for page in ('compare', 'senses', 'corpus', 'finetune', 'runs', 'models'):\n"
        "    app.switch_page(f'{sys.argv[1]}/pages/{page}.py')\n"
        "    assert not app.run().exception, page\n"
        f"print(sorted({HEAVY} & set(sys.modules)))\n"
    )
    assert printed(script, workspace) == "[]"


def test_before_its_first_visitor_a_server_loads_the_screen_and_nothing_heavy(workspace: Path) -> None:
    """The head of the screen alone: not even pandas. All of it: no more than pandas."""
    script = (
        "import gc, sys\n"
        "import embedlab.ui.main\n"
        f"print(sorted(({HEAVY} | {{'pandas'}}) & set(sys.modules)))\n"
        "from embedlab.ui import ready\n"
        "ready.wait()\n"  # nothing is being loaded: at once
        "ready.load()\n"
        "assert 'embedlab.ui.why' in sys.modules\n"
        "assert gc.get_freeze_count() > 100_000\n"
        "before = set(sys.modules)\n"
        "from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file('app.py', default_timeout=120)\n"
        "assert not app.run().exception and app.title[0].value.startswith('What did')\n"
        "assert not [name for name in set(sys.modules) - before if name.startswith('embedlab')]\n"
        f"print(sorted({HEAVY} & set(sys.modules)))\n"
    )
    assert printed(script, workspace, 2) == "[]\n[]"


def printed(script: str, workspace: Path, lines: int = 1) -> str:
    """What a fresh process prints last, with the checkout as its folder and first argument."""
    done = subprocess.run(
        [sys.executable, "-c", script, str(ROOT)],
        cwd=ROOT,
        env={**os.environ, "EMBEDLAB_WORKSPACE": str(workspace)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return "\n".join(done.stdout.strip().splitlines()[-lines:])
