"""axe on every page, in both themes: no violation that is ours.

What Streamlit draws itself we cannot mend: those places are listed in THEIRS, each with its rule and the reason.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from embedlab.ui.main import PAGES
from scripts.screenshots import settle
from tests.browser.conftest import BROWSER, FLAGS

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAMES = [file for pages in PAGES.values() for file, _ in pages]
THEIRS = {  # rule -> the place of Streamlit's own in which it is broken, and how
    "list": '[data-testid="stSidebarNav"]',  # the headings of sections are children of the list
    "listitem": '[data-testid="stSidebarNav"]',  # an item of the navigation lies in a div of the list
}
AXE = """async theirs => {
  const found = await axe.run(document);
  const left = [];
  for (const rule of found.violations) for (const node of rule.nodes) {
    const place = document.querySelector(node.target[0]);
    if (rule.id in theirs && place && place.closest(theirs[rule.id])) continue;
    left.push(`${rule.id} at ${node.target.join(' ')}: ${node.html.slice(0, 160)}`);
  }
  return {left, passed: found.passes.length};
}"""


def look(page: "Page") -> dict[str, Any]:
    """{left: every violation that is not Streamlit's own, passed: how many rules found something and held}."""
    import axe_playwright_python

    script = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js"))
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(script.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate(AXE, THEIRS)
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_of_ours_on_any_page(url: str, theme: Any) -> None:
    from playwright.sync_api import sync_playwright

    wrong: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme=theme)
        for name in NAMES:
            page.goto(f"{url}/{'' if name == 'compare' else name}?teaching=1")
            settle(page, 120_000)
            assert page.locator("h1").count() == 1, name
            assert page.locator(".el-error").count() == 0, f"{name}: {page.locator('.el-error').first.inner_text()}"
            found = look(page)
            assert found["passed"] > 20, name  # axe saw a page, not an empty one
            wrong += [f"{name}: {one}" for one in found["left"]]
        page.evaluate("() => document.body.insertAdjacentHTML('beforeend', '<img src=x>')")
        assert any("image-alt" in one for one in look(page)["left"]), "axe would not see a violation"
        browser.close()
    assert not wrong, "\n".join(wrong)
