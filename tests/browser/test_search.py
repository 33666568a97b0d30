"""Search in a real browser: a typed word, its link, hovering, the lines from rank to rank, the file, the keys."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import SECOND, settled

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_a_word_its_link_its_lines_and_its_file(demo_url: str, page: "Page", tmp_path: Path) -> None:
    """On the comparison that comes with EmbedLab, whose last layer came along and its tuned model did not."""
    from playwright.sync_api import expect

    page.goto(f"{demo_url}/search?what=words&word=bank")
    expect(page.get_by_text("Nearest to the word “bank”")).to_be_visible(timeout=90 * SECOND)
    expect(page.locator("ol.before li")).to_have_count(10)
    expect(page.locator("ol.after li")).to_have_count(10)

    # typed, by the keyboard alone
    line = page.get_by_label("A sentence, or one word of it in [brackets]")
    line.focus()
    page.keyboard.type("Mouse")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nearest to the word “mouse”")).to_be_visible(timeout=60 * SECOND)
    expect(page).to_have_url(re.compile("q=Mouse"), timeout=60 * SECOND)
    settled(page)  # the lists come after their title

    # every line ends at the rank of the same word on the other side
    kept = page.locator("ol.before li.kept")
    assert kept.count() > 0
    for i in range(kept.count()):
        number = re.search(r"\bm\d+\b", kept.nth(i).get_attribute("class") or "")
        assert number is not None
        left, right, bar = (
            page.locator(f"{place}.{number[0]}").bounding_box() for place in ("ol.before li", "ol.after li", "i")
        )
        assert left is not None
        assert right is not None
        assert bar is not None
        ends = sorted((left["y"] + left["height"] / 2, right["y"] + right["height"] / 2))
        assert bar["y"] == pytest.approx(ends[0], abs=3)
        assert bar["y"] + bar["height"] == pytest.approx(ends[1], abs=4)

    # hovering one side lights up the other
    other = page.locator("ol.after li.kept").first
    number = re.search(r"\bm\d+\b", other.get_attribute("class") or "")
    assert number is not None
    twin = page.locator(f"ol.before li.{number[0]}")
    plain = twin.evaluate("e => getComputedStyle(e).backgroundColor")
    other.hover()
    assert twin.evaluate("e => getComputedStyle(e).backgroundColor") != plain

    # the link opens the same view elsewhere, and the file holds what is listed
    words = page.locator("ol.after li .tx").all_inner_texts()
    again = page.context.new_page()
    again.goto(page.url)
    expect(again.get_by_text("Nearest to the word “mouse”")).to_be_visible(timeout=60 * SECOND)
    expect(again.locator("ol.after li .tx")).to_have_text(words)
    with again.expect_download(timeout=60 * SECOND) as download:
        again.get_by_role("button", name="CSV", exact=True).click()
    file = tmp_path / "found.csv"
    download.value.save_as(file)
    lines = file.read_text("utf-8-sig").splitlines()
    assert lines[0].startswith("status,rank_before,rank_after,cosine_before,cosine_after,key")
    assert set(words) <= {line.split(",")[5] for line in lines[1:]}
    again.close()

    # what is typed needs the tuned model to be read as a sentence: that is said, with the button that makes it
    page.get_by_role("button", name="texts", exact=True).or_(page.get_by_role("radio", name="texts")).first.click()
    expect(page.get_by_role("alert")).to_contain_text("cannot read what you typed", timeout=60 * SECOND)
    expect(page.get_by_role("button", name=re.compile("Make the demo here"))).to_be_visible(timeout=60 * SECOND)

    # a text of the corpus needs no model
    line.fill("")
    line.press("Enter")
    expect(page.get_by_text("749 texts were searched")).to_be_visible(timeout=60 * SECOND)
