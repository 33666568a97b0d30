"""A workspace with one corpus and one comparison of made vectors, and the app on it."""

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from streamlit.testing.v1 import AppTest

from embedlab import compare, demo
from embedlab.corpus import Columns
from embedlab.lab import Lab, comparison_summary
from embedlab.types import Comparison
from embedlab.ui import state
from tests.made import SENTENCES, made, with_text
from tests.searching import FakeLab

if TYPE_CHECKING:
    from tests.pages.bench import Bench

ROOT = Path(__file__).resolve().parents[2]
PAYLOAD = "<img src=x onerror=alert(1)> **bold** [link](http://example.org) =1+1"


def senses_csv(copies: int = 4, payload: str = "") -> bytes:
    """The sentences of tests.made as a person's table, in the same order as its uses."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["sentence", "word", "meaning"])
    for (word, sense), sentences in SENTENCES.items():
        for copy in range(copies):
            for text in sentences:
                writer.writerow([(text if copy == 0 else f"{text} ({copy + 1})") + payload, word, sense + payload])
    return buffer.getvalue().encode()


def fill(root: Path, payload: str = "", change: Callable[[Comparison], Comparison] | None = None) -> str:
    """One corpus and one comparison on it, `change` of the made one; returns the comparison's id."""
    lab = Lab(root)
    source = root / "senses.csv"
    source.write_bytes(senses_csv(payload=f" {payload}" if payload else ""))
    name = f"Senses {payload}".strip() + ".csv"
    added = lab.add_corpus(source, Columns(text="sentence", target="word", sense="meaning"), name)
    made_up, maps = made()
    if payload:
        made_up = with_text(made_up, payload)
    made_up = made_up if change is None else change(made_up)
    comparison = replace(made_up, provenance=replace(made_up.provenance, corpus_id=added.id, corpus_name=added.name))
    summary = comparison_summary(comparison)
    lab.store.put(
        "comparisons",
        comparison.id,
        summary["name"],
        summary,
        lambda folder: compare.save(comparison, folder, list(maps.values())),
    )
    return comparison.id


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    fill(root)
    return root


@pytest.fixture
def nothing_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no results came with EmbedLab, so that a test sees only what it made."""
    monkeypatch.setattr(demo, "results_folder", lambda: None)
    monkeypatch.setattr(demo, "CORPORA", ())


@pytest.fixture
def open_page(workspace: Path, nothing_shipped: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """open_page("senses", word="mouse"): the app at a page, with a query string, on the made workspace or another."""

    def at(name: str = "compare", root: Path = workspace, **query: str) -> AppTest:
        return opened(monkeypatch, name, root, query)

    return at


@pytest.fixture
def open_fake(nothing_shipped: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """open_fake("map", root, what="texts"): the same on a workspace of tests.searching, whose models are fakes."""
    monkeypatch.setattr(state, "Lab", FakeLab)
    return lambda name, root, **query: opened(monkeypatch, name, root, query)


def opened(monkeypatch: pytest.MonkeyPatch, name: str, root: Path, query: dict[str, str]) -> AppTest:
    monkeypatch.setenv("EMBEDLAB_WORKSPACE", str(root))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=90)
    for key, value in query.items():
        app.query_params[key] = value
    if name != "compare":  # as a link to it does: no other page is drawn first
        app.switch_page(str(ROOT / "pages" / f"{name}.py"))
    app.run()
    return app


def html(app: AppTest) -> str:
    """All that the page says in HTML of our own, without the style sheet."""
    bodies = (element.proto.body for element in app.get("html"))
    return "\n".join(body for body in bodies if not body.startswith("<style>"))


def plain(app: AppTest) -> str:
    """The same as a person reads it: quotes and signs in their own shape."""
    return unescape(html(app))


@pytest.fixture
def bench(tmp_path: Path) -> "Iterator[Bench]":
    """Runs that no worker trains, in a workspace of their own."""
    from tests.pages.bench import Bench

    with ExitStack() as locks:
        yield Bench(tmp_path, locks)
