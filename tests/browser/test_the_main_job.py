"""The main job as a person does it: a file, columns, a short fine-tune, the comparison, a lasso, the report offline."""

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.made import SENTENCES

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SECOND = 1000  # ms
PATIENCE = 300 * SECOND  # for what trains or compares; two cores may be shared


def write_csv(path: Path) -> int:
    """Forty sentences with their word and its meaning, in columns whose names say nothing; returns how many."""
    rows = 0
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["c1", "c2", "c3"])
        for (word, sense), sentences in SENTENCES.items():
            for ending in ("", " It was so again the next day."):
                for text in sentences:
                    writer.writerow([text + ending, word, sense])
                    rows += 1
    return rows


def pick(page: "Page", label: str, value: str, tries: int = 5) -> None:
    """Choose a value in a selectbox, as a person would: once more where the page was drawn anew under the hand."""
    from playwright.sync_api import TimeoutError as Late

    settled = page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]')
    for left in reversed(range(tries)):
        settled.wait_for(timeout=PATIENCE)
        try:
            box = page.get_by_label(label, exact=True).first
            box.click(timeout=15 * SECOND)
            box.fill(value, timeout=15 * SECOND)
            page.get_by_role("option", name=value, exact=True).first.click(timeout=15 * SECOND)
            return
        except Late:
            if not left:
                raise
            page.keyboard.press("Escape")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_from_a_file_to_a_report_that_opens_with_no_network(url: str, browser: "Browser", tmp_path: Path) -> None:
    from playwright.sync_api import expect

    source = tmp_path / "mine.csv"
    rows = write_csv(source)
    page = browser.new_page(viewport={"width": 1440, "height": 1000}, accept_downloads=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    # a file, its columns, kept
    page.goto(f"{url}/corpus")
    page.get_by_role("heading", name="What should the model read?").wait_for(timeout=60 * SECOND)
    again = page.get_by_role("button", name="Add another file")
    uploader = page.locator("input[type=file]")
    again.or_(page.get_by_text("Nothing to read yet")).first.wait_for(timeout=60 * SECOND)
    if again.is_visible():
        again.click()
    uploader.set_input_files(source)
    expect(page.get_by_text("read as")).to_be_visible(timeout=60 * SECOND)
    pick(page, "Text", "c1")
    pick(page, "Target word", "c2")
    pick(page, "Sense", "c3")
    page.get_by_role("button", name="Keep this corpus").click()
    expect(page.get_by_text("rows kept", exact=True)).to_be_visible(timeout=60 * SECOND)
    expect(page.get_by_text(f"{rows}", exact=True).first).to_be_visible()

    # a few steps of fine-tuning, watched to the end
    page.get_by_role("button", name="Fine-tune on it").click()
    page.get_by_role("heading", name="Teach the model something").wait_for(timeout=60 * SECOND)
    page.get_by_text("Every setting: plan").click()
    steps = page.get_by_label("Steps", exact=True)
    steps.fill("3")
    steps.press("Enter")
    expect(page.get_by_text("Senses, 3 steps on")).to_be_visible(timeout=60 * SECOND)
    page.get_by_role("button", name="Start", exact=True).click()
    compare = page.get_by_role("button", name="Compare before and after")
    expect(compare).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("step 3 of 3").first).to_be_visible()

    # before and after
    compare.click()  # until it is done, the comparison that came with EmbedLab stays on the page
    expect(page.get_by_label("Before → after").first).to_have_value(re.compile("mine"), timeout=PATIENCE)
    expect(page.get_by_text("Layer by layer").first).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".el-badge")).to_have_text(
        re.compile("HELPED|HARMED|NO EVIDENCE|NOT MEASURED"), timeout=PATIENCE
    )

    # another word
    pick(page, "Word", "mouse")
    expect(page.locator(".gtitle").filter(has_text="“mouse”").first).to_be_visible(timeout=60 * SECOND)

    # the maps, and a lasso around everything in the left one
    page.get_by_role("link", name="Senses").click()
    page.get_by_role("heading", name="Does the model tell the senses of a word apart?").wait_for(timeout=60 * SECOND)
    page.locator(".elp[data-visible]").wait_for(timeout=60 * SECOND)
    drag = page.locator(".elp-stage").first
    drag.scroll_into_view_if_needed()
    box = drag.bounding_box()
    assert box is not None
    left, top, right, bottom = box["x"] + 3, box["y"] + 3, box["x"] + box["width"] - 3, box["y"] + box["height"] - 3
    page.keyboard.down("Shift")
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top)):
        page.mouse.move(x, y, steps=8)
    page.mouse.up()
    page.keyboard.up("Shift")
    expect(page.get_by_text("Nothing is selected")).to_have_count(0, timeout=60 * SECOND)
    expect(page.locator("tr.on").first).to_be_visible(timeout=60 * SECOND)
    expect(page).to_have_url(re.compile("sel="), timeout=60 * SECOND)
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page.get_by_text("Nothing is selected")).to_be_visible(timeout=60 * SECOND)

    # the report
    page.get_by_role("link", name="Report").click()
    button = page.get_by_role("button", name="Report (HTML)")
    expect(button).to_be_visible(timeout=60 * SECOND)
    with page.expect_download(timeout=60 * SECOND) as download:
        button.click()
    report = tmp_path / "report.html"
    download.value.save_as(report)
    assert all(address.startswith((url, url.replace("http", "ws"), "data:", "blob:", "about:")) for address in asked), (
        asked
    )

    # opened from disk, with no network
    offline = browser.new_context(offline=True)
    alone = offline.new_page()
    outside: list[str] = []
    broken: list[str] = []
    alone.on("request", lambda request: outside.append(request.url))
    alone.on("pageerror", lambda error: broken.append(str(error)))
    alone.goto(report.as_uri())
    expect(alone.locator(".main-svg").first).to_be_visible(timeout=60 * SECOND)
    assert [address for address in outside if not address.startswith(("file:", "data:", "blob:"))] == []
    assert broken == []
