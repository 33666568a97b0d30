"""The Map page in a real browser: a lasso in one map chooses the items, the link keeps them, the pane takes over."""

import re
from typing import TYPE_CHECKING

from scripts.screenshots import settle
from tests.browser.conftest import PATIENCE, settled

if TYPE_CHECKING:
    from playwright.sync_api import Page

LINE = re.compile(r"[\d,]+ words? selected of 1,175")


def lasso(page: "Page") -> None:
    """Around the middle of the left map."""
    box = page.locator(".stPlotlyChart .nsewdrag").first.bounding_box()
    assert box is not None
    x, y, r = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["height"] / 6
    page.mouse.move(x - r, y - r)
    page.mouse.down()
    for dx, dy in ((r, -r), (r, r), (-r, r), (-r, -r)):
        page.mouse.move(x + dx, y + dy, steps=6)
    page.mouse.up()


def test_a_lasso_chooses_items_and_a_link_brings_them_back(demo_url: str, page: "Page") -> None:
    from playwright.sync_api import expect

    page.goto(f"{demo_url}/map")
    page.locator(".stPlotlyChart .nsewdrag").first.wait_for(timeout=PATIENCE, state="attached")
    settle(page, PATIENCE)
    lasso(page)
    line = page.get_by_text(LINE)
    expect(line).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("button", name="Selection as CSV")).to_be_enabled()
    page.get_by_role("button", name="Clear selection").click()
    expect(page.get_by_text("Nothing is selected")).to_be_visible(timeout=PATIENCE)

    page.get_by_label("Find and select").fill("shallow")
    page.get_by_label("Find and select").press("Enter")
    expect(line).to_be_visible(timeout=PATIENCE)
    expect(page).to_have_url(re.compile("sel="), timeout=PATIENCE)
    settled(page)
    said, linked = line.inner_text(), page.url
    with page.expect_download() as download:
        page.get_by_role("button", name="Selection as CSV").click()
    assert "shallows" in download.value.path().read_text(encoding="utf-8")

    again = page.context.new_page()
    again.goto(linked)
    expect(again.get_by_text(said)).to_be_visible(timeout=PATIENCE)
    again.get_by_role("button", name="Picture").click()
    again.get_by_text("Pane: zoom").click()
    expect(again.locator(".elp-root canvas").first).to_be_visible(timeout=PATIENCE)
    expect(again.get_by_text(said)).to_be_visible()
