"""axe on every page and on the saved report, in both themes: no violation that is ours.

What Streamlit draws itself we cannot mend: those places are listed in THEIRS, each with its rule and the reason.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from embedlab import report
from embedlab.ui.main import PAGES
from scripts.screenshots import settle
from tests.browser.conftest import PATIENCE
from tests.report.shelves import made_shelf, texts_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = [file for pages in PAGES.values() for file, _ in pages]
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
THEIRS = {  # rule -> the place of Streamlit's own in which it is broken, and how
    "list": '[data-testid="stSidebarNav"]',  # the headings of sections are children of the list
    "listitem": '[data-testid="stSidebarNav"]',  # an item of the navigation lies in a div of the list
}
COLOURS = ["color-contrast", "link-in-text-block"]  # what another theme can break in the same document
AXE = """async ([theirs, only]) => {
  // the points of a chart: thousands of paths without a word; the chart around them has its name and its table
  const found = await axe.run({exclude: [[".scatterlayer"]]}, only ? {runOnly: only} : {});
  const left = [];
  for (const rule of found.violations) for (const node of rule.nodes) {
    const place = document.querySelector(node.target[0]);
    if (rule.id in theirs && place && place.closest(theirs[rule.id])) continue;
    left.push(`${rule.id} at ${node.target.join(' ')}: ${node.html.slice(0, 160)}`);
  }
  return {left, passed: found.passes.length};
}"""


@cache
def axe() -> str:
    import axe_playwright_python

    script = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js"))
    return script.read_text(encoding="utf-8")


def look(page: "Page", only: list[str] | None = None) -> list[str]:
    """Every violation that is not Streamlit's own, of all rules or `only` some. Fails where axe saw an empty page."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(axe())
    found: dict[str, Any] = page.evaluate(AXE, [THEIRS, only])
    assert found["passed"] > (0 if only else 20)
    return [str(one) for one in found["left"]]


def ground(page: "Page", of: str) -> str:
    """The colour that the page is drawn on."""
    return str(page.locator(of).evaluate("e => getComputedStyle(e).backgroundColor"))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_axe_finds_nothing_of_ours_on_any_page(demo_url: str, page: "Page") -> None:
    wrong: list[str] = []
    for name in NAMES:
        grounds = set()
        for theme in THEMES:  # the page turns over where it stands, as when evening comes
            page.emulate_media(color_scheme=theme)
            if theme == THEMES[0]:
                page.goto(f"{demo_url}/{'' if name == 'compare' else name}?teaching=1")
            page.locator(f'html[data-drawn="{theme}"]').wait_for(state="attached", timeout=PATIENCE)
            settle(page, PATIENCE)
            assert page.locator("h1").count() == 1, name
            assert page.locator(".el-error").count() == 0, f"{name}: {page.locator('.el-error').first.inner_text()}"
            grounds.add(ground(page, ".stApp"))
            wrong += [f"{name}, {theme}: {one}" for one in look(page)]
        assert len(grounds) == len(THEMES), f"{name} did not change its theme: {grounds}"
    page.evaluate("() => document.body.insertAdjacentHTML('beforeend', '<img src=x>')")
    assert any("image-alt" in one for one in look(page)), "axe would not see a violation"
    assert not wrong, "\n".join(wrong)


def test_axe_finds_nothing_in_the_saved_report(browser: "Browser", tmp_path: Path) -> None:
    shelf = made_shelf(copies=1, overview=True)
    path = tmp_path / "report.html"
    path.write_bytes(report.html(shelf, texts=texts_of(shelf.comparison)))
    # the policy of the report lets no script in, axe neither
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light", bypass_csp=True)
    page = context.new_page()
    page.goto(path.as_uri())
    page.locator("html[data-drawn]").wait_for(timeout=PATIENCE)
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    page.wait_for_function("() => [...document.querySelectorAll('.plot')].every(p => p.querySelector('.main-svg'))")
    wrong = [f"light: {one}" for one in look(page)]
    ink = page.locator(".plot .gtitle").first.evaluate("e => getComputedStyle(e).fill")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("was => getComputedStyle(document.querySelector('.plot .gtitle')).fill !== was", arg=ink)
    wrong += [f"dark: {one}" for one in look(page, COLOURS)]
    context.close()
    assert not wrong, "\n".join(wrong)
