"""How long a person waits for the screen: first page of a fresh server, another page, another word on Senses.

    python -m benchmarks.screens [--workspace DIR] [--repeats 5]

A real server and a real headless Chromium on this machine, on the demo (or on a workspace of one's own, where vectors
are at hand). Times are from the action to the answer with nothing running any more, beside what was asked.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from embedlab.ui.main import PAGES
from scripts.screenshots import BROWSER, FLAGS

ROOT = Path(__file__).resolve().parents[1]
FIRST_S, SWITCH_S, WORD_S = 3.0, 1.0, 1.5  # what was asked
PATIENCE_MS = 120_000
QUIET = '[data-testid="stApp"][data-test-script-state="notRunning"]'
TITLES = {file: name for pages in PAGES.values() for file, name in pages}


@contextmanager
def server(workspace: Path) -> Iterator[tuple[str, int]]:
    """(address, process id) of a fresh server that answers its health check and has drawn nothing yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.headless", "true"],
        cwd=ROOT,
        env={**os.environ, "EMBEDLAB_WORKSPACE": str(workspace)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2)
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.25)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(20)


def has_torch(pid: int) -> bool:
    """Whether a process has loaded torch (Linux)."""
    return "libtorch" in Path(f"/proc/{pid}/maps").read_text()


def quiet(page: Page) -> None:
    """Nothing is running, nothing waits to be drawn."""
    page.wait_for_selector(QUIET, timeout=PATIENCE_MS)
    page.wait_for_function("() => !document.querySelector('[data-testid=\"stSkeleton\"]')", timeout=PATIENCE_MS)


def first_screen(page: Page, url: str) -> tuple[float, float]:
    """Seconds until the question of the page is there, and until its answer is."""
    began = time.perf_counter()
    page.goto(url)
    page.wait_for_selector("h1", timeout=PATIENCE_MS)
    question = time.perf_counter() - began
    page.wait_for_selector(".el-badge", timeout=PATIENCE_MS)
    return question, time.perf_counter() - began


def switch(page: Page, to: str) -> float:
    """Seconds from a click in the sidebar until the other page stands still."""
    before = page.locator("h1").first.inner_text()
    began = time.perf_counter()
    page.get_by_role("link", name=TITLES[to], exact=True).click()
    page.wait_for_function(
        "old => { const h = document.querySelector('h1'); return h && h.innerText !== old; }", arg=before,
        timeout=PATIENCE_MS,
    )  # fmt: skip
    quiet(page)
    return time.perf_counter() - began


def words(page: Page, repeats: int) -> list[float]:
    """Seconds from choosing another word on Senses until its maps stand still, each word for the first time."""
    box = page.get_by_label("Word (or type any other)").first
    box.click()
    offered = [option.inner_text() for option in page.get_by_role("option").all()][: repeats + 1]
    page.keyboard.press("Escape")
    taken = []
    for word in offered[1:]:
        box.click()
        option = page.get_by_role("option", name=word, exact=True).first
        option.wait_for()
        began = time.perf_counter()
        option.click()
        page.wait_for_selector(
            '[data-testid="stApp"][data-test-script-state="running"]', timeout=2_000, state="attached"
        )
        quiet(page)
        taken.append(time.perf_counter() - began)
    return taken


def line(what: str, taken: list[float], asked: float | None) -> str:
    beside = "" if asked is None else f"  asked < {asked:.1f}  {'yes' if max(taken) < asked else 'NO'}"
    return f"{what:<58} median {statistics.median(taken):6.2f} s  worst {max(taken):6.2f} s{beside}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, help="default: a fresh one, with the demo that comes with EmbedLab")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as empty, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=list(FLAGS))
        questions, answers = [], []
        for _ in range(3):
            with server(options.workspace or Path(empty)) as (url, pid):
                context = browser.new_context(viewport={"width": 1440, "height": 900})
                question, answer = first_screen(context.new_page(), url)
                questions.append(question)
                answers.append(answer)
                loaded = has_torch(pid)
                context.close()
        print(line("first screen of a fresh server: the question", questions, None))
        print(line("first screen of a fresh server: the verdict", answers, FIRST_S))
        print(f"torch loaded when the verdict stands: {'YES' if loaded else 'no'}")
        with server(options.workspace or Path(empty)) as (url, _):
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            first_screen(page, url)
            quiet(page)
            around = [name for name in TITLES if name != "compare"] + ["compare"]
            for what in ("first visit", "again"):
                taken = [switch(page, name) for name in around]
                slowest = around[taken.index(max(taken))]
                print(line(f"another page, {what} (slowest: {slowest})", taken, SWITCH_S))
            switch(page, "senses")
            print(line("another word on Senses, each for the first time", words(page, options.repeats), WORD_S))
        browser.close()


if __name__ == "__main__":
    main()
