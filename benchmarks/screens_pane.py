"""The pane beside Streamlit's own plotly chart (scattergl), in one run, in headless Chromium without a graphics card.

    python -m benchmarks.screens_pane [--points 50000] [--many 1000000] [--app 50000 ...] [--rounds 3] [--json]

Each is the only element of a page of its own in a real Streamlit server. To visible: from asking for the page, which a
warmed server and browser have shown once with other points, until the points stand in the picture. Lasso: from letting
go of the pointer until the page says how many are selected, the whole way to Python and back; a loop round the middle
with about two fifths of the points. The pane draws every point twice, before and after; plotly draws one map. Asked
for: a lasso at 50,000 points under 1 s, 1,000,000 points to visible under 10 s. Plotly is measured at --points alone.

"page" is the Map page of the real app, with all that stands on it: two files of so many vectors are compared and drawn
first (minutes, beside the clock; at 1,000,000 a quarter of an hour), in --workspace, where they stay for the next time.
"""

import argparse
import json
import math
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
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Kind = Literal["pane", "plotly", "page"]

ROOT = Path(__file__).resolve().parents[1]
BROWSER = "/usr/bin/chromium"
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync")  # fmt: skip
WARM = 500  # points on the page that is shown first, so that servers and browsers start outside the clock
PATIENCE = 120_000  # ms
ASKED = {("lasso", 50_000): 1.0, ("visible", 1_000_000): 10.0}  # seconds

PAGE = """
import numpy as np
import plotly.graph_objects as go
import streamlit as st

from embedlab.figures.pane import Colouring, Pane
from embedlab.ui import pane

st.set_page_config(layout="wide")
n, kind = int(st.query_params["n"]), st.query_params["kind"]


@st.cache_resource
def made(n):
    rng = np.random.default_rng(n)
    codes = rng.integers(0, 6, n).astype(np.uint8)
    before = rng.normal(size=(n, 2)).astype(np.float32)
    after = (before * 0.5 + rng.normal(size=(6, 2))[codes]).astype(np.float32)
    return before, after, codes


before, after, codes = made(n)
chosen = 0
if kind == "pane":
    colouring = Colouring("group", codes=codes, categories=tuple("abcdef"))
    points = Pane((before, after), ("before", "after"), (colouring,), ids=np.arange(n, dtype=np.int64))
    chosen = len(st.session_state.get("map-selected", ()))
    pane.show(points, key="map", selected=st.session_state.get("map-selected", ()), label="Map")
else:
    trace = go.Scattergl(x=before[:, 0], y=before[:, 1], mode="markers", marker={"color": codes, "size": 4})
    figure = go.Figure(trace).update_layout(height=520, dragmode="lasso")
    event = st.plotly_chart(figure, key="chart", on_select="rerun", selection_mode="lasso")
    chosen = len(event.selection.point_indices)
st.text(f"selected {chosen}")
"""


WIDTH, CLUSTERS = 32, 80  # of the vectors that are brought to the real app


class Timed(NamedTuple):
    kind: Kind
    points: int
    visible: float  # seconds
    lasso: float  # seconds
    chosen: int  # points in the loop


@contextmanager
def served(script: str = PAGE) -> Iterator[str]:
    """The address of a Streamlit server with one page."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.py"
        page.write_text(script)
        with running(page, {"PYTHONPATH": str(ROOT)}) as address:
            yield address


@contextmanager
def running(script: Path, environment: dict[str, str]) -> Iterator[str]:
    """The address of a Streamlit server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port),
         "--server.headless", "true", "--server.address", "127.0.0.1", "--server.fileWatcherType", "none",
         "--browser.gatherUsageStats", "false"],
        cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=2)
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(10)


def brought(points: int, root: Path) -> str:
    """The Map page of two files of so many vectors, compared and drawn in a workspace, as a path of the app."""
    import numpy as np

    from embedlab.comparing.overview import What
    from embedlab.lab import Lab

    rng = np.random.default_rng(points)
    centres, stretch = rng.normal(size=(CLUSTERS, WIDTH)), rng.normal(size=(CLUSTERS, 5, WIDTH))
    kind = rng.integers(0, CLUSTERS, points)
    turned = np.where(np.arange(CLUSTERS)[:, None, None] < CLUSTERS // 3, rng.permuted(stretch, axis=2), stretch)
    root.mkdir(parents=True, exist_ok=True)
    files = []
    along = rng.normal(size=(points, 5)).astype(np.float32)
    for side, shape in (("before", stretch), ("after", turned)):
        files.append(root / f"{side}.npy")
        rows = np.lib.format.open_memmap(files[-1], "w+", np.float32, (points, WIDTH))
        for start in range(0, points, 50_000):
            part = slice(start, start + 50_000)
            rows[part] = centres[kind[part]] + 0.55 * np.einsum("ij,ijd->id", along[part], shape[kind[part]])
            rows[part] += 0.35 * rng.normal(size=rows[part].shape)
        rows.flush()
    lab = Lab(root / "workspace")
    made = lab.compare_files(files[0], files[1])
    what: What = "words" if len(made.words.words) == points else "rows"
    lab.overview(made.id, what)
    return f"map?what={what}&c={made.id}"


def opened(page: "Page", address: str, kind: Kind, points: int) -> float:
    """Seconds until the page of so many points shows them."""
    begin = time.perf_counter()
    page.goto(address if kind == "page" else f"{address}/?kind={kind}&n={points}")
    if kind != "plotly":
        page.wait_for_selector(".elp[data-visible]", timeout=PATIENCE)
    else:
        page.wait_for_function(  # plotly has drawn once its WebGL canvas holds a pixel that is not empty
            """() => { const c = document.querySelector('.stPlotlyChart .gl-canvas-context');
            if (!c || !c.width) return false;
            const d = document.createElement('canvas'); d.width = c.width; d.height = c.height;
            const x = d.getContext('2d'); x.drawImage(c, 0, 0);
            return x.getImageData(0, 0, d.width, d.height).data.some((v) => v > 0); }""",
            polling=50,
            timeout=PATIENCE,
        )
    return time.perf_counter() - begin


def looped(page: "Page", kind: Kind) -> tuple[float, int]:
    """(seconds from letting go to the number on the page, the number)."""
    if kind != "plotly":
        page.get_by_role("button", name="Lasso").click()
        area = page.locator(".elp-stage").first.bounding_box()
    else:
        area = page.locator(".stPlotlyChart .nsewdrag").first.bounding_box()
    assert area is not None
    x, y = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
    r = area["height"] * (0.25 if kind == "plotly" else 0.12)  # two fifths of the points in both: plotly stretches x
    page.mouse.move(x + r, y)
    page.mouse.down()
    for i in range(1, 37):
        page.mouse.move(x + r * math.cos(i * math.pi / 18), y + r * math.sin(i * math.pi / 18))
    begin = time.perf_counter()
    page.mouse.up()
    text = page.locator("text=/^selected [1-9]|^[1-9][0-9,]* (words|rows) selected of/")
    text.wait_for(timeout=PATIENCE)
    taken = time.perf_counter() - begin
    return taken, next(int(word.replace(",", "")) for word in text.inner_text().split() if word[0].isdigit())


def once(browser: "Browser", address: str, kind: Kind, points: int) -> Timed:
    """One visit, in a browser context of its own: nothing of an earlier one is cached."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    opened(page, address, kind, WARM)
    visible = opened(page, address, kind, points)
    page.wait_for_timeout(500)
    lasso, chosen = looped(page, kind)
    page.close()
    return Timed(kind, points, visible, lasso, chosen)


def on_the_page(browser: "Browser", address: str, path: str, points: int) -> Timed:
    """A visit to the Map page of the real app, whose server and browser have shown another page."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{address}/models")
    page.wait_for_selector("h1", timeout=PATIENCE)
    visible = opened(page, f"{address}/{path}", "page", points)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=PATIENCE)
    page.wait_for_timeout(500)
    lasso, chosen = looped(page, "page")
    page.close()
    return Timed("page", points, visible, lasso, chosen)


def measured(points: int, many: int, rounds: int, app: list[int], workspace: Path) -> list[Timed]:
    """The medians over rounds in which all take turns; those of the app among themselves, each in its own server."""
    from playwright.sync_api import sync_playwright

    tasks: list[tuple[Kind, int]] = [("plotly", points), ("pane", points), ("pane", many)]
    found: dict[tuple[Kind, int], list[Timed]] = {task: [] for task in tasks}
    with served() as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=list(FLAGS))
        for _ in range(rounds):
            for task in tasks:
                found[task].append(once(browser, address, *task))
        browser.close()
    for size in app:
        path = brought(size, workspace / str(size))
        environment = {"EMBEDLAB_WORKSPACE": str(workspace / str(size) / "workspace")}
        with running(ROOT / "app.py", environment) as address, sync_playwright() as play:
            browser = play.chromium.launch(executable_path=BROWSER, args=list(FLAGS))
            found["page", size] = [on_the_page(browser, address, path, size) for _ in range(rounds)]
            browser.close()
    return [
        Timed(*task, *(statistics.median(column) for column in list(zip(*runs, strict=True))[2:4]), runs[0].chosen)
        for task, runs in found.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--app", type=int, nargs="*", default=[50_000], metavar="POINTS", help="sizes in the real app")
    parser.add_argument("--workspace", type=Path, help="where the vectors of --app stay; default: nowhere")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not Path(BROWSER).exists():
        print(f"{BROWSER} is not installed: nothing is measured")
        return
    with tempfile.TemporaryDirectory() as folder:
        where = options.workspace or Path(folder)
        results = measured(options.points, options.many, options.rounds, options.app, where)
    if options.json:
        print(json.dumps([result._asdict() for result in results], indent=1))
        return
    print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print("drawn by        points  to visible s   asked   lasso s   asked  in the loop")
    for one in results:
        limits = [ASKED.get((what, one.points)) for what in ("visible", "lasso")]
        asked = [("" if limit is None else f"< {limit:g}").rjust(8) for limit in limits]
        times = f"{one.visible:14.2f}{asked[0]}{one.lasso:10.2f}{asked[1]}"
        print(f"{one.kind:10}{one.points:12,}{times}{one.chosen:13,}")


if __name__ == "__main__":
    main()
