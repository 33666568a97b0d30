"""Report in a real browser: the preview follows the choices, a link restores them, and the files come down whole."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_the_preview_follows_the_choices_and_the_files_come_down(demo_url: str, page: "Page") -> None:
    page.goto(
        f"{demo_url}/report?with_layers=false&with_senses=false&with_map=false&with_measured=false&words=bank&layer=4"
    )
    document = page.frame_locator("iframe")
    document.locator("#neighbours").wait_for(timeout=120_000)
    assert document.locator("#senses").count() == 0
    assert "at layer 4, among" in document.locator("#changed .lead").inner_text()
    assert document.locator("#neighbours summary h3").all_inner_texts() == ["bank"]
    assert document.locator("img.still").count() == 3  # histogram, ranking, the moves of bank
    for label, start in (("Report (HTML)", b"<!doctype html>"), ("Paper (PDF)", b"%PDF-")):
        with page.expect_download(timeout=120_000) as coming:
            page.get_by_role("button", name=label).click()
        content = Path(coming.value.path()).read_bytes()
        assert content.startswith(start)
        assert len(content) < 12_000_000
