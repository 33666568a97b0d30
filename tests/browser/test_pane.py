"""The pane in a real browser: linked hover, lasso, slider, keys, true distances, downloads, and the way to Python.

Where a point stands on the screen is worked out here once more, from the frame and the size of the map.
"""

import base64
import io
import math
import re
from importlib import resources
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
import pytest
from jaxtyping import Float32

from benchmarks import screens_pane
from embedlab.figures.pane import Colouring, Pane, cosine_bytes, payload

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ATTACK = "<img src=x onerror=\"document.title='run'\">"
MARGIN = 36  # px left free around all points


def points(n: int = 60) -> Pane:
    """Points on a lattice, turned by a quarter after; ids are three apart; the first is named by an attack."""
    side = math.ceil(math.sqrt(n))
    before = np.array([(i % side, i // side) for i in range(n)], dtype=np.float32)
    after = np.stack([-before[:, 1], before[:, 0]], axis=1) + 1
    codes = (np.arange(n) % 3).astype(np.uint8)
    angle = np.linspace(0, math.pi, n if n <= 1000 else 0)
    wide = np.cos(angle[:, None] - angle[None, :]).astype(np.float32)
    return Pane(
        frames=(before, (before + after) / 2, after),
        frame_names=("before", "step 5", "after"),
        colourings=(
            Colouring("sense", codes=codes, categories=("shore", ATTACK, "lean")),
            Colouring("change", values=np.linspace(0, 2, n, dtype=np.float32), low=0, high=2),
        ),
        ids=np.arange(n) * 3 + 1,
        names=(ATTACK, *(f"use {i}" for i in range(1, n))) if n <= 1000 else None,
        weights=np.arange(n, dtype=np.float32) if n <= 1000 else None,
        cosines=(cosine_bytes(wide), cosine_bytes(-wide)) if n <= 1000 else None,
        placebo=(before, before + 0.25),
    )


def file(name: str) -> str:
    return resources.files("embedlab").joinpath("templates", name).read_text(encoding="utf-8")


def drawn(browser: "Browser", pane: Pane, *, before: str = "", **context: Any) -> "Page":
    """A page with nothing but the pane; `before`: a script that runs before it."""
    options = {"label": "Uses of bank", "height": 460, "theme": "light"} | context.pop("options", {})
    page = browser.new_page(viewport={"width": 1000, "height": 520}, **context)
    page.set_content(f"<style>{file('pane.css')}</style><div id=root></div><script>{before}{file('pane.js')}</script>")
    page.evaluate(
        """([bytes, options]) => { window.got = []; window.pane = embedlabPane(document.getElementById("root"),
        Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0)), {...options, onSelect: (ids) => got.push(ids)}); }""",
        [base64.b64encode(payload(pane)).decode(), options],
    )
    page.wait_for_selector(".elp[data-visible]")
    return page


def place(page: "Page", side: int, frames: list[Any], xy: Float32[np.ndarray, "2"]) -> tuple[float, float]:
    """Where (x, y) of the map stands on the page, while all points are shown."""
    area = page.locator(".elp-stage").nth(side).bounding_box()
    assert area is not None
    every = np.concatenate(frames)
    low, high = every.min(axis=0), every.max(axis=0)
    width, height = area["width"] - 2, area["height"] - 2  # without the line around it
    scale = float(min((width - MARGIN) / (high[0] - low[0]), (height - MARGIN) / (high[1] - low[1])))
    middle = (low + high) / 2
    return (
        area["x"] + area["width"] / 2 + float(xy[0] - middle[0]) * scale,
        area["y"] + area["height"] / 2 - float(xy[1] - middle[1]) * scale,
    )


def state(page: "Page", name: str) -> str | None:
    return page.locator(".elp").get_attribute(f"data-{name}")


def colour(page: "Page", x: float, y: float) -> tuple[int, ...]:
    """The colour of the screen at a point."""
    from PIL import Image

    pixel = Image.open(io.BytesIO(page.screenshot())).convert("RGB").getpixel((round(x), round(y)))
    assert isinstance(pixel, tuple)
    return tuple(int(one) for one in pixel)


def loop(page: "Page", corners: list[tuple[float, float]], *, key: str | None = None) -> None:
    page.mouse.move(*corners[0])
    if key:
        page.keyboard.down(key)
    page.mouse.down()
    for x, y in [*corners[1:], corners[0]]:
        page.mouse.move(x, y, steps=4)
    page.mouse.up()
    if key:
        page.keyboard.up(key)


def test_a_point_under_the_pointer_lights_up_in_both_maps_and_its_name_stays_text(browser: "Browser") -> None:
    pane = points()
    page = drawn(browser, pane)
    page.get_by_role("button", name="True distances").click()  # off
    twin = place(page, 1, list(pane.frames), pane.frames[2][0])
    was = colour(page, twin[0] + 8, twin[1])
    page.mouse.move(*place(page, 0, list(pane.frames), pane.frames[0][0]))
    page.wait_for_function("() => document.querySelector('.elp').dataset.hover === '1'")
    assert page.locator(".elp-tip b").inner_text() == ATTACK
    assert "sense: shore" in page.locator(".elp-tip").inner_text()
    assert colour(page, twin[0] + 8, twin[1]) != was  # the ring, eight pixels from the point
    assert page.title() == ""
    page.mouse.move(5, 5)
    page.wait_for_function("() => document.querySelector('.elp').dataset.hover === ''")
    page.close()


def test_a_loop_takes_what_is_in_it_from_either_map(browser: "Browser") -> None:
    pane = points()
    page = drawn(browser, pane)
    frames = list(pane.frames)
    for side, frame in ((0, pane.frames[0]), (1, pane.frames[2])):
        low, high = frame.min(axis=0), frame.min(axis=0) + 3.5
        inside = ((frame > low - 0.5) & (frame < high)).all(axis=1)
        corners = [(low[0] - 0.5, low[1] - 0.5), (high[0], low[1] - 0.5), (high[0], high[1]), (low[0] - 0.5, high[1])]
        loop(page, [place(page, side, frames, np.array(one)) for one in corners], key="Shift")
        assert page.evaluate("got.at(-1)") == pane.ids[inside].tolist()
        assert state(page, "selected") == str(inside.sum())
    assert f"{inside.sum()} of 60 points selected" in page.locator(".elp-said").inner_text()
    page.get_by_role("button", name="Lasso").click()  # now without a key; Control adds one more point
    first = set(page.evaluate("got.at(-1)"))
    outside = next(i for i in range(60) if not inside[i])
    page.keyboard.down("Control")
    page.mouse.click(*place(page, 1, frames, pane.frames[2][outside]))
    page.keyboard.up("Control")
    assert set(page.evaluate("got.at(-1)")) == first | {int(pane.ids[outside])}
    page.locator(".elp-stage").first.focus()
    page.keyboard.press("Escape")
    assert page.evaluate("got.at(-1)") == []
    page.evaluate("pane.select([4, 7])")
    assert (state(page, "selected"), page.evaluate("got.at(-1)")) == ("2", [])  # told from outside: not told back
    page.close()


def test_a_loop_over_itself_and_through_many_cells_takes_the_same_as_counting(browser: "Browser") -> None:
    rng = np.random.default_rng(2)
    frame = rng.normal(size=(30_000, 2)).astype(np.float32)
    page = drawn(browser, Pane((frame,), ("all",), (), np.arange(30_000)))
    assert page.locator(".elp-stage").count() == 1  # one state, one map
    radius, turns = 1.3, np.linspace(0, 2 * math.pi, 9)[:-1]
    corners = radius * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    page.get_by_role("button", name="Lasso").click()
    loop(page, [place(page, 0, [frame], one) for one in corners])
    # an octagon: within every one of its eight sides
    normals = np.stack([np.cos(turns + math.pi / 8), np.sin(turns + math.pi / 8)], axis=1)
    expected = int(((frame @ normals.T) < radius * math.cos(math.pi / 8)).all(axis=1).sum())
    assert abs(int(state(page, "selected") or 0) - expected) < 0.02 * expected  # the pointer moves in whole pixels
    page.close()


def test_the_slider_moves_the_points_and_keys_move_the_slider(browser: "Browser") -> None:
    pane = points()
    page = drawn(browser, pane)
    slider = page.get_by_role("slider")
    assert slider.get_attribute("aria-valuetext") == "after"
    slider.focus()
    for _ in range(25):  # half a frame back
        page.keyboard.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext") == "step 5 → after, 50 %"
    between = (pane.frames[1][7] + pane.frames[2][7]) / 2
    page.mouse.move(*place(page, 1, list(pane.frames), between))
    page.wait_for_function("() => document.querySelector('.elp').dataset.hover === '22'")
    slider.focus()
    page.keyboard.press("Home")
    assert slider.get_attribute("aria-valuetext") == "before"
    page.close()


def test_who_wants_no_motion_gets_whole_steps(browser: "Browser") -> None:
    page = drawn(browser, points(), reduced_motion="reduce")
    slider = page.get_by_role("slider")
    page.get_by_role("button", name="Play").click()
    assert slider.get_attribute("aria-valuetext") == "before"  # at once, with nothing between
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "step 5"
    page.close()


def test_the_maps_can_be_walked_with_keys_alone(browser: "Browser") -> None:
    pane = points()
    page = drawn(browser, pane)
    page.locator(".elp-stage").first.focus()
    page.keyboard.press("ArrowUp")
    here = int(state(page, "at") or 0)
    i = (here - 1) // 3
    for key, step in (("ArrowRight", (1, 0)), ("ArrowUp", (0, 1)), ("ArrowLeft", (-1, 0))):
        page.keyboard.press(key)
        j = (int(state(page, "at") or 0) - 1) // 3
        assert tuple(pane.frames[0][j] - pane.frames[0][i]) == step
        i = j
    assert page.locator(".elp-said").inner_text().startswith(f"use {i}, sense: ")
    page.keyboard.press("Enter")
    assert page.evaluate("got.at(-1)") == [3 * i + 1]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+Enter")
    assert page.evaluate("got.at(-1)") == [3 * i + 1, 3 * (i + 1) + 1]
    page.keyboard.press("Escape")
    assert page.evaluate("got.at(-1)") == []
    page.close()


def test_points_take_the_colour_of_their_true_cosine_in_each_state(browser: "Browser") -> None:
    pane = points()
    page = drawn(browser, pane)
    frames = list(pane.frames)
    page.mouse.move(*place(page, 0, frames, pane.frames[0][1]))
    page.wait_for_selector("text=cosine to the point")
    page.wait_for_timeout(300)
    left = colour(page, *place(page, 0, frames, pane.frames[0][3]))
    right = colour(page, *place(page, 1, frames, pane.frames[2][3]))
    assert sum(left) < sum(right) - 200  # near before (dark), far after (pale)
    ends = page.locator(".elp-ramp").inner_text()
    assert "−1" in ends
    assert "1" in ends
    page.mouse.move(5, 5)
    page.wait_for_selector(".elp-legend button")
    page.close()


def test_the_placebo_is_one_click_away(browser: "Browser") -> None:
    pane = points()
    page = drawn(browser, pane)
    page.get_by_role("button", name="Placebo").click()
    assert page.locator(".elp-name").all_inner_texts() == ["placebo: once", "placebo: once more"]
    assert pane.placebo
    page.mouse.move(*place(page, 1, list(pane.placebo), pane.placebo[1][5]))
    page.wait_for_function("() => document.querySelector('.elp').dataset.hover === '16'")
    page.close()


def test_colours_can_be_switched_and_come_with_shapes_and_names(browser: "Browser") -> None:
    page = drawn(browser, points())
    entries = page.locator(".elp-legend button")
    assert entries.all_inner_texts() == ["shore\n20", f"{ATTACK[:39]}…\n20", "lean\n20"]
    shapes = page.eval_on_selector_all(".elp-legend path", "all => all.map((one) => one.getAttribute('d'))")
    assert len(set(shapes)) == 3
    entries.nth(2).click()
    assert entries.nth(2).get_attribute("aria-pressed") == "true"
    page.get_by_label("Colour by").select_option("change")
    assert page.locator(".elp-legend").inner_text().split() == ["change", "0", "2.0"]
    page.close()


def test_what_is_drawn_can_be_taken_away(browser: "Browser") -> None:
    from PIL import Image

    page = drawn(browser, points())
    page.get_by_text("More").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download PNG").click()
    assert waiting.value.suggested_filename == "uses-of-bank.png"
    picture = Image.open(waiting.value.path()).convert("RGB")
    assert picture.width > 900
    colours = {colour for _, colour in picture.getcolors(1 << 20) or ()}
    assert {(230, 159, 0), (86, 180, 233), (0, 158, 115)} <= colours  # the legend in the colours of the senses
    page.get_by_text("More").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download SVG").click()
    text = waiting.value.path().read_text(encoding="utf-8")
    tree = ElementTree.fromstring(text)
    assert len([one for one in tree.iter() if one.tag.endswith("}path")]) == 2 * 60 + 3
    assert not [one for one in tree.iter() if one.tag.endswith("}img")]
    assert "&lt;img" in text
    page.close()


def test_names_stand_where_there_is_room_the_heaviest_first(browser: "Browser") -> None:
    """On a lattice narrower than its names most have no room; the drawing that is taken away says which had."""
    page = drawn(browser, points(400))

    def menu(name: str) -> None:
        if not page.locator("details[open]").count():
            page.get_by_text("More").click()
        page.get_by_role("button", name=name).click()

    def names() -> list[tuple[str, float, float]]:
        with page.expect_download() as waiting:
            menu("Download SVG")
        tree = ElementTree.parse(waiting.value.path())
        texts = [one for one in tree.iter() if one.tag.endswith("}text") and (one.text or "").startswith("use ")]
        return [(str(one.text), float(one.get("x") or 0), float(one.get("y") or 0)) for one in texts]

    found = names()
    assert [name for name, _, _ in found].count("use 399") == 2  # the heaviest, in both maps
    assert 20 < len(found) < 2 * 400
    for one, (_, x, y) in enumerate(found):
        assert all(abs(x - a) > 30 or abs(y - b) >= 16 for _, a, b in found[one + 1 :]), "two names in one place"
    menu("Labels")
    assert names() == []
    page.close()


def test_a_drawing_that_would_be_too_large_is_refused_in_words(browser: "Browser") -> None:
    page = drawn(browser, points(20_001))
    page.get_by_text("More").click()
    page.get_by_role("button", name="Download SVG").click()
    assert "up to 20,000 points; here are 20,001" in page.locator(".elp-notice").inner_text()
    page.close()


def test_without_webgl_a_sample_is_drawn_and_said_and_a_loop_still_takes_all(browser: "Browser") -> None:
    deaf = """const get = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
      return kind.startsWith("webgl") ? null : get.call(this, kind, ...rest); };"""
    pane = points(50_000)
    page = drawn(browser, pane, before=deaf)
    assert state(page, "drawn-by") == "flat"
    said = page.locator(".elp-notice").inner_text()
    drawn_points = int(re.sub(r"\D", "", said.split(":")[1].split("of")[0]))
    assert drawn_points == 16_667  # every third
    assert "50,000 points are drawn" in said
    page.get_by_role("button", name="Lasso").click()
    area = page.locator(".elp-stage").first.bounding_box()
    assert area is not None
    x, y, w, h = area["x"] + 2, area["y"] + 2, area["width"] - 4, area["height"] - 4
    loop(page, [(x, y), (x + w, y), (x + w, y + h), (x, y + h)])
    assert state(page, "selected") == "50000"
    page.close()


@pytest.mark.parametrize("graphics", ["card", "software", "none"])
def test_however_it_is_drawn_a_point_has_its_colour_in_its_place(browser: "Browser", graphics: str) -> None:
    n = 25_000
    frame = np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32) * 0.01
    frame[0] = (-1, -1)
    frame[1] = (1, 1)
    codes = np.zeros(n, dtype=np.uint8)
    codes[1] = 2
    pane = Pane((frame, frame), ("a", "b"), (Colouring("c", codes=codes, categories=("x", "y", "z")),), np.arange(n))
    page = drawn(browser, pane, options={"graphics": graphics})
    assert state(page, "drawn-by") == {"card": "webgl", "software": "pixels", "none": "flat"}[graphics]
    first, second = (place(page, 1, [frame], frame[i]) for i in (0, 1))
    orange, empty = colour(page, *first), colour(page, first[0] + 40, first[1])
    assert empty == (255, 255, 255)
    assert orange[0] > orange[2] + 80
    if graphics != "none":  # every point; the sample has every second
        green = colour(page, *second)
        assert green[1] > green[0] + 60
    page.evaluate("pane.select([2])")  # of many points the others turn grey, where a faint colour would add up
    page.locator('.elp[data-selected="1"]').wait_for()
    page.wait_for_timeout(200)
    grey = colour(page, *first)
    assert max(grey) - min(grey) < 8, grey
    assert max(grey) < 254, grey
    page.close()


@pytest.mark.parametrize("width", [506, 762, 1178])  # of the page: Senses and Map at 1024, Map at 1440
def test_the_buttons_stand_in_one_row(browser: "Browser", width: int) -> None:
    page = drawn(browser, points())
    page.set_viewport_size({"width": width, "height": 520})
    page.wait_for_timeout(200)
    bar = page.locator(".elp-bar")
    box = bar.bounding_box()
    assert box is not None
    assert box["height"] < 34
    for one in bar.locator("button:visible, select, summary").all():
        at = one.bounding_box()
        assert at is not None
        assert box["x"] <= at["x"]
        assert at["x"] + at["width"] <= box["x"] + box["width"] + 0.5, one.inner_text()
    page.close()


def test_a_selection_reaches_python_once_and_the_points_travel_once(browser: "Browser") -> None:
    script = "import streamlit as st\nif st.checkbox('Hide'):\n    st.stop()\n" + screens_pane.PAGE + (
        "\nst.session_state.runs = st.session_state.get('runs', 0) + 1\n"
        "st.text(f'runs {st.session_state.runs}')\n"
        "if st.button('Forget'):\n    st.session_state['map-selected'] = ()\n    st.rerun()\n"
    )  # fmt: skip
    with screens_pane.served(script) as address:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        frames: list[int] = []
        page.on("websocket", lambda socket: socket.on("framereceived", lambda data: frames.append(len(data))))
        screens_pane.opened(page, address, "pane", 20_000)
        assert max(frames) > 16 * 20_000
        page.locator("text=runs 1").wait_for()
        frames.clear()
        _, chosen = screens_pane.looped(page, "pane")
        page.locator("text=runs 2").wait_for()
        page.wait_for_timeout(500)
        assert page.locator("text=runs 2").count() == 1  # one run of the page for one loop
        assert state(page, "selected") == str(chosen)
        assert max(frames) < 100_000  # the selection went, the points did not
        page.get_by_role("button", name="Forget").click()
        page.locator("text=selected 0").wait_for()
        page.locator('.elp[data-selected="0"]').wait_for()
        assert max(frames) < 100_000
        page.get_by_text("Hide").click()
        page.locator(".elp").wait_for(state="detached")
        page.evaluate("window.embedlabPanes.clear()")  # a browser that has lost them says so, and gets them again
        page.get_by_text("Hide").click()
        page.locator(".elp[data-visible]").wait_for(timeout=30_000)
        assert max(frames) > 16 * 20_000
        page.close()
