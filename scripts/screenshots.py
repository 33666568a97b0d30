"""Screenshots of every page, both themes, two window sizes, from a running EmbedLab: look at them.

python -m scripts.screenshots --url http://127.0.0.1:8501 --out docs/screenshots [--pages compare,senses]

Every page of the navigation is photographed. A page that shows an error ends the script: no picture of it is kept.
"""

import argparse
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, sync_playwright

from embedlab.ui import main as screen

PAGES = tuple(file for pages in screen.PAGES.values() for file, _ in pages)
SIZES = ((1440, 900), (1024, 768))
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
BROWSER = "/usr/bin/chromium"


def settle(page: Page, patience_ms: int = 30_000) -> None:
    """Until the page stands still: the title is there, nothing is running, charts have been drawn."""
    page.wait_for_selector("h1, .el-empty, .el-error", timeout=patience_ms)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=patience_ms)
    page.wait_for_function("() => !document.querySelector('[data-testid=\"stStatusWidget\"]')", timeout=patience_ms)
    page.wait_for_function("() => !document.querySelector('[data-testid=\"stSkeleton\"]')", timeout=patience_ms)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.stPlotlyChart')].every(chart => chart.querySelector('.main-svg'))",
        timeout=patience_ms,
    )
    page.wait_for_timeout(100)
    page.wait_for_function(  # the last fade-in of the theme; what turns for ever is no fade
        "() => document.getAnimations().every(one => one.playState !== 'running' "
        "|| one.effect.getComputedTiming().iterations === Infinity)",
        timeout=patience_ms,
    )


def shoot(url: str, out: Path, names: list[str], whole: bool) -> None:
    """Write NAME-THEME-WIDTH.png for every page; `whole`: the full height of the page as well."""
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=list(FLAGS))
        for theme in THEMES:
            for width, height in SIZES:
                context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
                page = context.new_page()
                for name in names:
                    page.goto(f"{url}/{'' if name == 'compare' else name}")
                    settle(page)
                    if page.locator(".el-error").count():
                        raise SystemExit(f"{name} shows an error: {page.locator('.el-error').first.inner_text()}")
                    page.screenshot(path=out / f"{name}-{theme}-{width}.png")
                    if whole:
                        content = page.evaluate("() => document.querySelector('.stMain').scrollHeight")
                        page.set_viewport_size({"width": width, "height": max(height, int(content))})
                        settle(page)
                        page.screenshot(path=out / f"{name}-{theme}-{width}-whole.png")
                        page.set_viewport_size({"width": width, "height": height})
                context.close()
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8501")
    parser.add_argument("--out", type=Path, default=Path("docs/screenshots"))
    parser.add_argument("--pages", default=",".join(PAGES))
    parser.add_argument("--whole", action="store_true", help="also the full height of each page")
    options = parser.parse_args()
    shoot(options.url.rstrip("/"), options.out, options.pages.split(","), options.whole)


if __name__ == "__main__":
    main()
