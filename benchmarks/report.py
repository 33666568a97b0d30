"""How large the report of N sentences is, how long it takes to write, and how soon a reader sees it.

    python -m benchmarks.report [--sentences 5000] [--without-map]
    python -m benchmarks.report --workspace DIR --comparison ID

Without an id the demo's comparison is tiled: its words, uses, maps and the map of all words as often as makes N
sentences, each copy under names and texts of its own. What it says then means nothing; how much there is to say is
that of a corpus of N sentences. The page is opened from disk in headless Chromium, without a network, beside what was
asked: under 12 MB, open in under 3 s.
"""

import argparse
import dataclasses
import io
import math
import os
import resource
import statistics
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from embedlab import report
from embedlab.comparing.overview import Overview
from embedlab.lab import Lab
from embedlab.report import notebook
from embedlab.report.gallery import Shelf
from embedlab.report.plan import EVERYTHING, Plan
from embedlab.types import LinkedMap, Occurrence, Uses, WordTable
from scripts.screenshots import BROWSER, FLAGS

LARGEST_MB, OPEN_S = 12.0, 3.0  # what was asked
PATIENCE_MS = 180_000
OPENINGS = 3


def tiled(shelf: Shelf, texts: tuple[str, ...], sentences: int) -> tuple[Shelf, tuple[str, ...]]:
    """A shelf with as many copies of all that grows with a corpus as make `sentences`."""
    times = math.ceil(sentences / len(texts))
    comparison = dataclasses.replace(
        shelf.comparison,
        words=_words(shelf.comparison.words, times),
        uses=_uses(shelf.comparison.uses, times),
        verdict=dataclasses.replace(
            shelf.comparison.verdict,
            won=shelf.comparison.verdict.won * times,
            lost=shelf.comparison.verdict.lost * times,
        ),
    )
    uses = len(shelf.comparison.uses.occurrences)
    maps = tuple(_map(one, times, uses) for one in shelf.maps)
    overview = None if shelf.overview is None else _overview(shelf.overview, times, len(shelf.comparison.words.words))
    copies = tuple(_named(text, copy) for copy in range(times) for text in texts)
    return Shelf(comparison, maps, overview, None), copies[:sentences]


def _named(text: str, copy: int) -> str:
    return text if copy == 0 else f"{text} ({copy + 1})"


def _words(table: WordTable, times: int) -> WordTable:
    """Neighbours are those of the same copy."""
    n = len(table.words)
    grown: dict[str, Any] = {
        "words": tuple(f"{word}{copy + 1}" if copy else word for copy in range(times) for word in table.words),
        "counts": np.tile(table.counts, times),
    }
    for field in dataclasses.fields(table):
        array = getattr(table, field.name)
        if not isinstance(array, np.ndarray) or array.ndim < 2:
            continue
        parts = [array] * times
        if np.issubdtype(array.dtype, np.integer):  # rows of the table itself; -1 is no neighbour
            parts = [np.where(array < 0, array, array + n * copy).astype(array.dtype) for copy in range(times)]
        grown[field.name] = np.concatenate(parts, axis=1)
    return dataclasses.replace(table, **grown)


def _uses(uses: Uses, times: int) -> Uses:
    def again(use: Occurrence, copy: int) -> Occurrence:
        return dataclasses.replace(use, text=_named(use.text, copy))

    return dataclasses.replace(
        uses,
        occurrences=tuple(again(use, copy) for copy in range(times) for use in uses.occurrences),
        held_out=np.tile(uses.held_out, times),
        change=np.tile(uses.change, (1, times)),
        drift=np.tile(uses.drift, (1, times)),
        noise=None if uses.noise is None else np.tile(uses.noise, (1, times)),
        predicted_before=tuple(row * times for row in uses.predicted_before),
        predicted_after=tuple(row * times for row in uses.predicted_after),
    )


def _map(linked: LinkedMap, times: int, uses: int) -> LinkedMap:
    return dataclasses.replace(
        linked,
        rows=np.concatenate([linked.rows + uses * copy for copy in range(times)]),
        before=_spread(linked.before, times),
        after=_spread(linked.after, times),
        placebo_before=_spread(linked.placebo_before, times),
        placebo_after=_spread(linked.placebo_after, times),
    )


def _overview(overview: Overview, times: int, words: int) -> Overview:
    places: dict[str, Any] = {
        name: _spread(getattr(overview, name), times) for name in ("before", "after", "placebo_before", "placebo_after")
    }
    return dataclasses.replace(
        overview,
        rows=np.concatenate([overview.rows + words * copy for copy in range(times)]),
        change=np.tile(overview.change, times),
        drift=np.tile(overview.drift, times),
        labels=np.tile(overview.labels, times),
        **places,
    )


def _spread(places: np.ndarray, times: int) -> np.ndarray:
    """Copies of a map, each shifted a little, so that no two points are equal."""
    shift = np.random.default_rng(0).normal(scale=0.02 * places.std(), size=(times, *places.shape))
    return (places + shift).reshape(-1, 2).astype(np.float32)


def shelf_and_texts(options: argparse.Namespace, folder: Path) -> tuple[Shelf, tuple[str, ...]]:
    """What the report is made from: an existing comparison with its texts, or the demo's, tiled."""
    lab = Lab(options.workspace or folder)
    if options.comparison is None:
        lab.ensure_demo()
    id = options.comparison or lab.comparisons()[0].id
    comparison = lab.comparison(id)
    shelf = lab.shelf(comparison, EVERYTHING, draw_map=not options.without_map)
    texts = lab.texts_of(comparison)
    return (shelf, texts) if options.comparison else tiled(shelf, texts, options.sentences)


# ---- measuring -------------------------------------------------------------------------------------------------------


def opened(browser: Browser, path: Path, theme: str) -> tuple[float, float, float, float]:
    """Seconds from asking for the file until the first words stand, until all that the reader sees is drawn, until all
    open parts are; and of the second the processor time of the browser, which a busy machine does not stretch.
    """
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=theme, offline=True)  # type: ignore[arg-type]
    page, session = context.new_page(), browser.new_browser_cdp_session()

    def processors() -> float:
        return sum(one["cpuTime"] for one in session.send("SystemInfo.getProcessInfo")["processInfo"])

    elsewhere: list[str] = []
    page.on(
        "request", lambda one: None if one.url.startswith(("file:", "data:", "blob:")) else elsewhere.append(one.url)
    )
    used, began = processors(), time.perf_counter()
    page.goto(path.as_uri(), wait_until="commit")
    page.wait_for_selector("html[data-opened]", timeout=PATIENCE_MS, state="attached")
    seen, used = time.perf_counter() - began, processors() - used
    page.wait_for_selector("html[data-drawn]", timeout=PATIENCE_MS, state="attached")
    drawn = time.perf_counter() - began
    words = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
    if elsewhere:
        raise SystemExit(f"The report asked the network for {elsewhere[0]}.")
    context.close()
    return words, seen, drawn, used


def printed(page: Page, path: Path) -> tuple[float, int]:
    """(seconds, bytes) of printing the page to A4."""
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-drawn]", timeout=PATIENCE_MS, state="attached")
    began = time.perf_counter()
    made = page.pdf(format="A4")
    return time.perf_counter() - began, len(made)


def timed(what: str, make: Callable[[], bytes]) -> bytes:
    began = time.perf_counter()
    made = make()
    print(f"{what:<44} {time.perf_counter() - began:7.2f} s  {len(made) / 1e6:8.2f} MB")
    return made


def beside(asked: float, value: float, unit: str) -> str:
    return f"  asked < {asked:g} {unit}  {'yes' if value < asked else 'NO'}"


def measure(shelf: Shelf, texts: tuple[str, ...], folder: Path) -> None:
    """Write every format, open the page, and print what it took."""
    comparison, plan = shelf.comparison, Plan()
    page = timed("HTML, written", lambda: report.html(shelf, plan, texts))
    print(f"{'HTML, bytes':<44} {'':9}  {len(page) / 1e6:8.2f} MB{beside(LARGEST_MB, len(page) / 1e6, 'MB')}")
    print(f"{'  of it plotly.js':<44} {'':9}  {_plotly_mb():8.2f} MB")
    timed("PDF, written", lambda: report.pdf(shelf, plan, texts))
    timed("JSON, written", lambda: report.as_json(comparison))
    timed("CSV, written", lambda: report.csv_bytes(report.tables(comparison)["items"]))
    packed = timed("notebook with its data, written", lambda: notebook.bundle(comparison, plan))
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        largest = max(archive.infolist(), key=lambda one: one.file_size)
    print(f"{'  largest in it: ' + largest.filename:<44} {'':9}  {largest.file_size / 1e6:8.2f} MB")
    print(f"peak memory of writing them {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    path = folder / "report.html"
    path.write_bytes(page)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=list(FLAGS))
        for theme in ("light", "dark"):
            taken = [opened(browser, path, theme) for _ in range(OPENINGS)]
            words, seen, drawn, used = (statistics.median(one) for one in zip(*taken, strict=True))
            print(f"opened, {theme}: first words {words:.2f} s, what is seen {seen:.2f} s{beside(OPEN_S, seen, 's')}")
            print(f"  of it {used:.2f} s of processors; everything {drawn:.2f} s")
        seconds, size = printed(browser.new_page(viewport={"width": 1440, "height": 900}), path)
        print(f"printed to A4: {seconds:.2f} s, {size / 1e6:.2f} MB")
        browser.close()


def _plotly_mb() -> float:
    from plotly.offline import get_plotlyjs

    return len(get_plotlyjs().encode()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=5000)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--comparison", help="the id of one in --workspace, in place of the tiled demo")
    parser.add_argument(
        "--without-map", action="store_true", help="leave the map of all words out where it is not drawn"
    )
    options = parser.parse_args()
    if (options.comparison is None) != (options.workspace is None):
        sys.exit("--workspace and --comparison come together.")
    print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        shelf, texts = shelf_and_texts(options, Path(folder))
        points = sum(len(one.rows) for one in shelf.maps)
        print(
            f"{len(texts):,} sentences, {len(shelf.comparison.words.words):,} words, "
            f"{len(shelf.comparison.uses.occurrences):,} uses, {len(shelf.mapped)} words with maps, {points:,} points "
            f"on them, {0 if shelf.overview is None else len(shelf.overview):,} words on the map of all"
        )
        measure(shelf, texts, Path(folder))


if __name__ == "__main__":
    main()
