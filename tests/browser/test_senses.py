"""Senses in a real browser: hover and lasso tie both maps to the contexts, a name stays, a link brings it all back."""

import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.browser.conftest import PATIENCE, SECOND, settled
from tests.searching import fill

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture(scope="module")
def compared(workspace: Path) -> str:
    """The id of a comparison with its vectors, in the workspace that the server then opens."""
    workspace.mkdir()
    return fill(workspace)[1]


def opened(page: "Page", address: str) -> "Page":
    page.set_viewport_size({"width": 1440, "height": 1500})
    page.goto(address)
    page.locator(".elp[data-visible]").wait_for(timeout=PATIENCE)
    settled(page)
    return page


def lasso(page: "Page", side: int) -> None:
    """Around the left half of a map."""
    box = page.locator(".elp-stage").nth(side).bounding_box()
    assert box is not None
    left, top, right, bottom = box["x"] + 2, box["y"] + 2, box["x"] + box["width"] / 2, box["y"] + box["height"] - 2
    page.keyboard.down("Shift")
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top)):
        page.mouse.move(x, y, steps=6)
    page.mouse.up()
    page.keyboard.up("Shift")


def test_lasso_table_names_and_link_are_one_selection(compared: str, url: str, page: "Page") -> None:
    from playwright.sync_api import expect

    opened(page, f"{url}/senses?c={compared}")
    expect(page.get_by_text("Nothing is selected")).to_be_visible()

    # a lasso in the right map selects, in both, and in the table
    lasso(page, 1)
    expect(page.get_by_text(re.compile(r"^Selection: \d+ uses$"))).to_be_visible(timeout=PATIENCE)
    settled(page)
    chosen = page.locator("tr[data-use].on").count()
    assert chosen > 0
    ids = [int(row.get_attribute("data-use") or -1) for row in page.locator("tr[data-use].on").all()]
    assert sorted(ids) == [int(one) for one in re.findall(r"sel=([\d.]+)", page.url)[0].split(".")]
    assert page.locator("tr[data-use]").first.get_attribute("data-use") == str(ids[0]), "selection first"

    # a button of the table, by keyboard, lets one go
    button = page.locator("tr[data-use].on button.el-pick").first
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("tr[data-use].on")).to_have_count(chosen - 1, timeout=PATIENCE)

    # the selection gets a name, which stays
    field = page.get_by_label("Name the selection as a sense")
    field.fill("left <i>side</i>")
    field.press("Enter")
    settled(page)
    page.get_by_role("button", name=re.compile(r"^Name \d+ use")).click()
    expect(page.get_by_text("Senses you named (1)")).to_be_visible(timeout=PATIENCE)
    page.get_by_text("Senses you named (1)").click()
    expect(page.get_by_text("left <i>side</i>")).to_be_visible()
    with page.expect_download(timeout=PATIENCE) as download:
        page.get_by_role("button", name="Named uses as CSV").click()
    assert len(Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()) == chosen
    page.keyboard.press("Escape")

    # the address restores word, layer and selection in a new visit
    again = opened(page.context.new_page(), page.url)
    expect(again.locator("tr[data-use].on")).to_have_count(chosen - 1, timeout=PATIENCE)
    expect(again.get_by_text("Senses you named (1)")).to_be_visible()
    again.get_by_role("button", name="Clear", exact=True).click()
    expect(again.get_by_text("Nothing is selected")).to_be_visible(timeout=PATIENCE)


def test_a_point_lights_its_row_and_a_layer_keeps_the_selection(compared: str, url: str, page: "Page") -> None:
    from playwright.sync_api import expect

    opened(page, f"{url}/senses?c={compared}")
    stage = page.locator(".elp-stage").first
    stage.focus()
    page.keyboard.press("ArrowRight")
    box = stage.bounding_box()
    assert box is not None
    # across the map, no wider apart than a pointer reaches, until a point lies under it
    across, down = (np.arange(9, box[side], 18) for side in ("width", "height"))
    for x, y in itertools.product(across, down):
        page.mouse.move(box["x"] + float(x), box["y"] + float(y))
        page.wait_for_timeout(30)
        if page.locator(".elp").get_attribute("data-hover"):
            break
    at = page.locator(".elp").get_attribute("data-hover")
    assert at, "no point was met"
    expect(page.locator(f'tr[data-use="{at}"]')).to_have_class(re.compile(r"\bat\b"), timeout=5 * SECOND)
    page.mouse.move(5, 5)

    lasso(page, 0)
    expect(page.get_by_text(re.compile(r"^Selection: \d+ uses$"))).to_be_visible(timeout=PATIENCE)
    settled(page)
    chosen = page.locator("tr[data-use].on").count()
    assert chosen > 0
    page.get_by_role("radio", name="1", exact=True).or_(page.get_by_role("button", name="1", exact=True)).first.click()
    expect(page).to_have_url(re.compile("layer=1"), timeout=PATIENCE)
    settled(page)
    expect(page.locator("tr[data-use].on")).to_have_count(chosen, timeout=PATIENCE)
