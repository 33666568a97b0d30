"""The report opened from disk in a real browser: it draws, it asks nothing of the network, and no payload runs."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedlab import report
from tests.made import made, with_text
from tests.report.shelves import made_shelf, shelf_of, texts_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: apt-get install chromium"),
]


class Opened:
    """A report in a browser, and what it did that one must know of."""

    def __init__(self, browser: Any, path: Path, theme: str = "light", width: int = 1440) -> None:
        self.requests: list[str] = []
        self.errors: list[str] = []
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
        self.page = context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("dialog", lambda dialog: self.errors.append(dialog.message))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-drawn]", timeout=60_000)

    def until(self, expression: str, seconds: float = 30.0) -> None:
        """Wait for an expression to hold. Playwright's own waiting evaluates strings, which the policy forbids."""
        end = time.monotonic() + seconds
        while not self.page.evaluate(expression):
            assert time.monotonic() < end, f"never came true: {expression}"
            self.page.wait_for_timeout(100)

    @property
    def elsewhere(self) -> list[str]:
        return [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shelf = made_shelf(overview=True)
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_bytes(report.html(shelf, texts=texts_of(shelf.comparison)))
    return path


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 1024), ("light", 400)])
def test_it_draws_alone_in_both_themes_and_at_every_width(browser: Any, plain: Path, theme: str, width: int) -> None:
    opened = Opened(browser, plain, theme, width)
    open_plots = opened.page.locator("xpath=//div[@data-figure][not(ancestor::details[not(@open)])]").count()
    assert opened.page.evaluate("document.getElementById('pane').dataset.open") == "yes"
    assert opened.page.locator(".plot .main-svg").count() >= 2 * open_plots  # plotly lays two sheets a figure
    assert open_plots >= 6
    assert opened.errors == []
    assert opened.elsewhere == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_part_that_was_closed_draws_when_it_is_opened(browser: Any, plain: Path) -> None:
    opened = Opened(browser, plain)
    closed = opened.page.locator("details.part:not([open])").first
    figure = closed.locator(".plot").first.get_attribute("id")
    assert opened.page.locator(f"#{figure} .main-svg").count() == 0
    closed.locator("summary").click()
    opened.page.wait_for_selector(f"#{figure} .main-svg", timeout=20_000)
    assert opened.errors == []


def test_the_reader_s_theme_is_followed_at_once(browser: Any, plain: Path) -> None:
    opened = Opened(browser, plain, "light")
    ink = "getComputedStyle(document.querySelector('.plot .gtitle')).fill"
    light = opened.page.evaluate(ink)
    opened.page.emulate_media(color_scheme="dark")
    opened.until(f"{ink} !== '{light}'")
    assert opened.page.evaluate(ink) == "rgb(227, 231, 236)"
    assert light == "rgb(31, 38, 48)"


def test_a_selection_is_seen_on_both_sides_and_answered_in_the_true_space(browser: Any, plain: Path) -> None:
    opened = Opened(browser, plain)
    page = opened.page
    plot = page.locator(".plot[data-linked]").first
    plot.scroll_into_view_if_needed()
    box = plot.locator(".nsewdrag").first.bounding_box()
    assert box is not None
    left, top, right, bottom = box["x"] + 2, box["y"] + 2, box["x"] + box["width"] * 0.55, box["y"] + box["height"] - 2
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top)):
        page.mouse.move(x, y, steps=6)
    page.mouse.up()
    name = plot.get_attribute("id")
    opened.until(f"document.getElementById('{name}-line').textContent.includes('selected')")
    picked = page.evaluate(
        f"""document.getElementById('{name}').data.map(t =>
            [t.xaxis || 'x', t.selectedpoints.map(i => t.customdata[i][0]).sort()])"""
    )
    sides = {side: sorted(row for s, rows in picked if s == side for row in rows) for side in ("x", "x2")}
    assert sides["x"] == sides["x2"]
    assert 0 < len(sides["x"]) < 40
    assert "change in the true space" in page.locator(f"#{name}-line").inner_text()
    page.locator(f"#{name}-line button").click()
    assert page.evaluate(f"document.getElementById('{name}').data.every(t => t.selectedpoints == null)")


def test_a_lasso_on_the_map_of_all_words_lists_them_and_their_change(browser: Any, plain: Path) -> None:
    opened = Opened(browser, plain)
    page = opened.page
    page.locator("#pane").scroll_into_view_if_needed()
    opened.until("document.getElementById('pane').dataset.open === 'yes'")
    page.locator("#pane button", has_text="Lasso").first.click()
    stage = page.locator("#pane .elp-stage").first.bounding_box()
    assert stage is not None
    left, top, right, bottom = (
        stage["x"] + 4,
        stage["y"] + 4,
        stage["x"] + stage["width"] - 4,
        stage["y"] + stage["height"] - 4,
    )
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top)):
        page.mouse.move(x, y, steps=6)
    page.mouse.up()
    opened.until("document.getElementById('pane-line').textContent.includes('words selected')")
    said = page.locator("#pane-line").inner_text()
    assert said.startswith("40 of 40 words selected")
    assert "water .75" in said
    assert opened.errors == []


@pytest.mark.parametrize("format", ["svg", "png"])
def test_a_figure_is_saved_as_a_file(browser: Any, plain: Path, format: str) -> None:
    opened = Opened(browser, plain)
    with opened.page.expect_download() as started:
        opened.page.locator(f"[data-save={format}]").first.click()
    content = Path(started.value.path()).read_bytes()
    assert started.value.suggested_filename.endswith(f"-histogram-1.{format}")
    assert content.startswith(b"<svg" if format == "svg" else b"\x89PNG")
    assert opened.errors == []
    assert opened.elsewhere == []


def test_it_prints(browser: Any, plain: Path) -> None:
    opened = Opened(browser, plain, "dark")
    assert len(opened.page.pdf(format="A4")) > 50_000
    assert opened.errors == []


PAYLOAD = (
    "</script><script>window.hit=1</script><img src=x onerror=window.hit=1>"
    '<a href="javascript:window.hit=1">x</a>"><svg onload=window.hit=1>'
)


def test_a_payload_in_texts_words_senses_and_names_does_nothing(browser: Any, tmp_path: Path) -> None:
    comparison, maps = made(copies=1)
    hostile = with_text(comparison, PAYLOAD)
    path = tmp_path / "report.html"
    path.write_bytes(report.html(shelf_of(hostile, maps, overview=True), texts=texts_of(hostile)))
    opened = Opened(browser, path)
    page = opened.page
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    opened.until("[...document.querySelectorAll('.plot')].every(p => p.querySelector('.main-svg'))")
    for plot in page.locator(".plot").all():  # hover draws labels from what people wrote
        plot.scroll_into_view_if_needed()
        point = plot.locator(".scatterlayer .point").first
        if point.count():
            point.hover(force=True)
    for link in page.locator(".plot a").all():
        assert not (link.get_attribute("href") or "").startswith("javascript:")
    assert page.evaluate("window.hit") is None
    assert page.locator("main img:not(.paper-only), .plot foreignObject").count() == 0
    assert opened.errors == []
    assert opened.elsewhere == []
