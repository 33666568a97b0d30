"""Compare in a real browser: a dragged range filters the page and is in the link, a click shows a neighbour's uses."""

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlparse

import pytest

from tests.browser.conftest import SECOND, settled

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.mark.timeout(240)
def test_a_range_is_dragged_linked_and_taken_out_and_a_neighbour_is_clicked(demo_url: str, page: "Page") -> None:
    from playwright.sync_api import expect

    page.goto(demo_url)
    chart = page.locator(".stPlotlyChart").filter(has_text="noise floor").first
    chart.wait_for(timeout=90 * SECOND)
    expect(page.get_by_text("All 1,175 words")).to_be_visible(timeout=60 * SECOND)
    settled(page)

    # a range dragged over the histogram filters the page, and stands in the address bar
    chart.scroll_into_view_if_needed()
    box = chart.locator(".nsewdrag").first.bounding_box()
    assert box is not None
    at = lambda change: box["x"] + box["width"] * (change + 0.05) / 1.1  # noqa: E731  # the axis runs -.05 to 1.05
    middle = box["y"] + box["height"] / 2
    page.mouse.move(at(0.6), middle)
    page.mouse.down()
    page.mouse.move(at(0.75), middle + 4, steps=5)
    page.mouse.move(at(0.93), middle + 8, steps=5)
    page.mouse.up()
    line = page.get_by_text(re.compile(r"Selection: \d+ words, change"))
    expect(line).to_be_visible(timeout=30 * SECOND)
    settled(page)
    said = line.inner_text()
    low, high = (float(end) for end in parse_qs(urlparse(page.url).query)["change"])
    assert abs(low - 0.6) < 0.03
    assert abs(high - 0.93) < 0.03

    # the selected words as CSV: as many as the page says, all of them within the range
    with page.expect_download(timeout=30 * SECOND) as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    rows = download.value.path().read_text().splitlines()
    count = int(re.findall(r"\d+", said)[0])
    assert len(rows) == count + 1
    place = rows[0].split(",").index('"change"')
    assert all(low - 1e-6 <= float(row.split(",")[place]) <= high + 1e-6 for row in rows[1:])

    # a click on the seventh neighbour before, salt, shows its uses
    moves = page.locator(".stPlotlyChart").filter(has_text="Nearest words of").first
    point = moves.locator(".points path.point").nth(6)
    point.scroll_into_view_if_needed()
    spot = point.bounding_box()
    assert spot is not None
    page.mouse.click(spot["x"] + spot["width"] / 2, spot["y"] + spot["height"] / 2)
    chosen = page.get_by_label("A neighbour in its contexts: click one above, or choose it")
    expect(chosen).to_have_value(re.compile(r"^salt: kept"), timeout=60 * SECOND)
    settled(page)
    expect(page.locator(".el-kwic").nth(1)).to_contain_text("salt")
    expect(page).to_have_url(re.compile("near=salt"))

    # the link restores it all in another tab, and the range can be set by keyboard there
    again = page.context.new_page()
    again.set_viewport_size({"width": 1024, "height": 768})
    again.goto(page.url)
    expect(again.get_by_text(said)).to_be_visible(timeout=90 * SECOND)
    expect(again.get_by_label("A neighbour in its contexts: click one above, or choose it")).to_have_value(
        re.compile("^salt:"), timeout=60 * SECOND
    )
    again.get_by_role("slider").first.focus()
    again.keyboard.press("ArrowRight")
    expect(again.get_by_text(re.compile(rf"change \.{round(100 * low) + 1} to"))).to_be_visible(timeout=30 * SECOND)
    again.close()

    # a click on a layer of the strip is that layer on every page
    named = "//*[contains(@class, 'el-panel') and not(contains(@class, 'el-low'))]"
    chart = page.locator(f"xpath=({named})[1]/following::*[contains(@class, 'stPlotlyChart')][1]")
    point = chart.locator(".points path.point").nth(3)
    point.scroll_into_view_if_needed()
    spot = point.bounding_box()
    assert spot is not None
    below = """() => document.querySelector('.stPlotlyChart').getBoundingClientRect().top
      - document.querySelector('h1').getBoundingClientRect().top"""
    stood = page.evaluate(below)
    page.mouse.click(spot["x"] + spot["width"] / 2, spot["y"] + spot["height"] / 2)
    expect(page.get_by_text("What changed most, layer 3")).to_be_visible(timeout=60 * SECOND)
    expect(page).to_have_url(re.compile("layer=3"))
    settled(page)
    assert page.evaluate(below) == pytest.approx(stood, abs=1), "what stands above the first chart did not move"
    page.get_by_role("link", name="Senses").click()
    heading = page.get_by_role("heading", name="Does the model tell the senses of a word apart?")
    expect(heading).to_be_visible(timeout=60 * SECOND)
    settled(page)
    expect(page.get_by_role("radio", name="3", exact=True)).to_be_checked(timeout=60 * SECOND)
    expect(page).to_have_url(re.compile("layer=3"))
