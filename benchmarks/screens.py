"""How long a person waits for the screen: first page of a fresh server, another page, another word on Senses.

    python -m benchmarks.screens [--workspace DIR] [--repeats 5]

A real server and a real headless Chromium on this machine, on the demo (or on a workspace of one's own, where vectors
are at hand), a fresh server and a fresh browser profile for every repeat. The browser itself takes the times, at the
first frame that shows a thing:

painted   the page asked for has its heading, every chart on it is drawn, and either nothing runs any more, or what
          still runs is told in words (a progress line); a line tells what was still to come
still     nothing has run for QUIET_MS, counted from the first of them, and every chart is drawn

A click is timed from itself, the first screen from the request of a server that answers, and from the launch of that
server, with the browser already open.
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
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from embedlab.ui.main import PAGES
from scripts.screenshots import BROWSER, FLAGS

ROOT = Path(__file__).resolve().parents[1]
FIRST_S, SWITCH_S, WORD_S = 3.0, 1.0, 1.5  # what was asked
PATIENCE_MS = 120_000
QUIET_MS = 300
TITLES = {file: name for pages in PAGES.values() for file, name in pages}

WATCH = """
window.seen = {};
const now = () => performance.now();
const app = () => document.querySelector('[data-testid="stApp"]');
const running = () => !app() || app().dataset.testScriptState !== 'notRunning';
const heading = () => (document.querySelector('h1') || {}).innerText || '';
const drawn = () => !document.querySelector('[data-testid="stSkeleton"]')
  && [...document.querySelectorAll('.stPlotlyChart')].every(chart => chart.querySelector('.main-svg'));
const told = () => [...document.querySelectorAll('[data-testid="stProgress"], [data-testid="stSpinner"]')]
  .map(line => line.innerText.trim()).find(text => text.length > 3) || '';
new MutationObserver(() => { seen.ran = true; })
  .observe(document, {subtree: true, attributes: true, attributeFilter: ['data-test-script-state']});
const mark = name => { if (!(name in seen)) seen[name] = now(); };
window.arm = same => { window.seen = {old: heading(), same, armed: true};
  document.addEventListener('click', () => mark('clicked'), {capture: true, once: true}); };
let quiet = null;
const look = () => {
  if (heading()) mark('question');
  if (document.querySelector('.el-badge')) mark('verdict');
  const other = seen.same ? seen.ran : heading() !== seen.old;
  const there = heading() && other && (!seen.armed || 'clicked' in seen);
  if (there && drawn() && !running()) { mark('painted'); quiet = quiet === null ? now() : quiet;
    if (now() - quiet >= QUIET_MS && !('still' in seen)) seen.still = quiet;
  } else {
    quiet = null;
    if (there && drawn() && told() && !('painted' in seen)) { mark('painted'); seen.told = told(); }
  }
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
""".replace("QUIET_MS", str(QUIET_MS))


@dataclass(frozen=True)
class Turn:
    """Seconds from a click; what was told to be still under way when the page was painted, or nothing."""

    painted: float
    still: float
    told: str = ""


@contextmanager
def server(workspace: Path) -> Iterator[tuple[str, int]]:
    """(address, process id) of a fresh server that answers its health check and has drawn nothing yet.

    As a person's Python does, its Python keeps what it compiled: only the very first start ever compiles.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.headless", "true"],
        cwd=ROOT,
        env={**own, "EMBEDLAB_WORKSPACE": str(workspace)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(1200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2)
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(20)


def has_torch(pid: int) -> bool:
    """Whether a process has loaded torch (Linux)."""
    return "libtorch" in Path(f"/proc/{pid}/maps").read_text()


def seen(page: Page, name: str = "still") -> dict[str, Any]:
    """The browser's own times (ms) once it has taken `name`."""
    page.wait_for_function("name => name in window.seen", arg=name, timeout=PATIENCE_MS)
    found: dict[str, Any] = page.evaluate("() => ({...window.seen, origin: performance.timeOrigin})")
    return found


def turn(page: Page) -> Turn:
    """The times of the click that was just made."""
    found = seen(page)
    return Turn(*((found[name] - found["clicked"]) / 1000 for name in ("painted", "still")), found.get("told", ""))


def switch(page: Page, to: str) -> Turn:
    """A click in the sidebar."""
    page.evaluate("() => arm(false)")
    page.get_by_role("link", name=TITLES[to], exact=True).click()
    return turn(page)


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
        page.evaluate("() => arm(true)")
        option.click()
        taken.append(turn(page).still)
    return taken


def line(what: str, taken: list[float], asked: float | None = None) -> str:
    beside = "" if asked is None else f"  asked < {asked:.1f}  {'yes' if max(taken) < asked else 'NO'}"
    return f"{what:<58} median {statistics.median(taken):6.2f} s  worst {max(taken):6.2f} s{beside}"


def report(which: str, turns: dict[str, list[Turn]]) -> None:
    """Every page by name, then all of them together."""
    for name, taken in turns.items():
        print(line(f"{which}, {TITLES[name]}: painted", [one.painted for one in taken], SWITCH_S))
        told = {one.told.splitlines()[0] for one in taken if one.told}
        if told:
            print(line(f"    still, after it told: {min(told)[:80]!r}\n    ", [one.still for one in taken]))
    every = [one for taken in turns.values() for one in taken]
    print(line(f"{which}, all pages: painted", [one.painted for one in every], SWITCH_S))
    print(line(f"{which}, all pages: still", [one.still for one in every]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, help="default: a fresh one, with the demo that comes with EmbedLab")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    first: dict[str, list[float]] = defaultdict(list)
    visits: dict[str, dict[str, list[Turn]]] = {"first visit": defaultdict(list), "again": defaultdict(list)}
    chosen: list[float] = []
    with tempfile.TemporaryDirectory() as empty, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=list(FLAGS))
        for number in range(options.repeats):
            launched = time.time()
            with server(options.workspace or Path(empty)) as (url, pid):
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                page.add_init_script(WATCH)
                page.goto(url, wait_until="commit")
                found = seen(page)
                for name in ("question", "verdict", "still"):
                    first[name].append(found[name] / 1000)
                first["launch"].append((found["origin"] + found["verdict"]) / 1000 - launched)
                if number == 0:
                    print(f"torch loaded when the first page stands: {'YES' if has_torch(pid) else 'no'}")
                around = [name for name in TITLES if name != "compare"] + ["compare"]
                for turns in visits.values():
                    for name in around:
                        turns[name].append(switch(page, name))
                if number == options.repeats - 1:
                    switch(page, "senses")
                    chosen = words(page, options.repeats)
                page.close()
        browser.close()
    print(line("first screen of a server that answers: the question", first["question"], FIRST_S))
    print(line("first screen of a server that answers: the verdict", first["verdict"], FIRST_S))
    print(line("first screen from the launch of the server: the verdict", first["launch"], FIRST_S))
    print(line("first screen of a server that answers: all of it, still", first["still"]))
    for which, turns in visits.items():
        report(which, turns)
    print(line("another word on Senses, each for the first time, still", chosen, WORD_S))


if __name__ == "__main__":
    main()
