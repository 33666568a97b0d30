"""Compare in a real browser: a dragged range filters the page and is in the link, a click shows a neighbour's uses."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest

from tests.browser.conftest import BROWSER, FLAGS

SECOND = 1000  # ms


@pytest.mark.timeout(240)
def test_a_range_is_dragged_linked_and_taken_out_and_a_neighbour_is_clicked(url: str, tmp_path: Path) -> None:
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1440, "height": 1000}, accept_downloads=True)
        page.goto(url)
        chart = page.locator(".stPlotlyChart").filter(has_text="noise floor").first
        chart.wait_for(timeout=90 * SECOND)
        expect(page.get_by_text("All 1,175 words")).to_be_visible(timeout=60 * SECOND)
        settled = page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]')
        settled.wait_for(timeout=60 * SECOND)

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
        settled.wait_for(timeout=60 * SECOND)
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
        settled.wait_for(timeout=60 * SECOND)
        expect(page.locator(".el-kwic").nth(1)).to_contain_text("salt")
        expect(page).to_have_url(re.compile("near=salt"))

        # the link restores it all in another tab, and the range can be set by keyboard there
        again = browser.new_page(viewport={"width": 1024, "height": 768})
        again.goto(page.url)
        expect(again.get_by_text(said)).to_be_visible(timeout=90 * SECOND)
        expect(again.get_by_label("A neighbour in its contexts: click one above, or choose it")).to_have_value(
            re.compile("^salt:"), timeout=60 * SECOND
        )
        again.get_by_role("slider").first.focus()
        again.keyboard.press("ArrowRight")
        expect(again.get_by_text(re.compile(rf"change \.{round(100 * low) + 1} to"))).to_be_visible(timeout=30 * SECOND)
        browser.close()
