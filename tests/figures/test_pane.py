"""The pane's bytes read back by hand, selections packed and hostile, and what its script may contain."""

import dataclasses
import json
import re
import struct
from importlib import resources
from typing import Any

import numpy as np
import pytest

from embedlab.figures import style
from embedlab.figures.pane import (
    NAMED,
    Colouring,
    Pane,
    cosine_bytes,
    pack,
    pack_text,
    payload,
    unpack,
    unpack_text,
)  # fmt: skip

SCRIPT = resources.files("embedlab").joinpath("templates", "pane.js").read_text(encoding="utf-8")
STYLE = resources.files("embedlab").joinpath("templates", "pane.css").read_text(encoding="utf-8")


def small(**changes: Any) -> Pane:
    """Three points that carry one of everything."""
    frame = np.array([[0, 0], [1, 2], [-3, 4]], dtype=np.float32)
    parts: dict[str, Any] = {
        "frames": (frame, -frame),
        "frame_names": ("before", "after"),
        "colourings": (
            Colouring("sense", codes=np.array([1, 0, 1], dtype=np.uint8), categories=("shore", "<b>")),
            Colouring("change", values=np.array([0.5, np.nan, 2], dtype=np.float32), low=0, high=2),
        ),
        "ids": np.array([3, 4, 9]),
        "names": ("a", "é", "</script>"),
        "weights": np.array([1, 2, 3], dtype=np.float32),
        "opacity": np.array([0, 0.5, np.nan], dtype=np.float32),
        "cosines": (np.full((3, 3), 255, np.uint8), np.arange(9, dtype=np.uint8).reshape(3, 3)),
        "muted": np.array([True, False, False]),
        "placebo": (frame, frame + 1),
    }
    return Pane(**(parts | changes))


def opened(raw: bytes) -> tuple[dict[str, Any], Any]:
    """(header, what reads an array of it), by the layout as it is written down and nothing of ours."""
    (length,) = struct.unpack_from("<I", raw)
    header = json.loads(raw[4 : 4 + length])
    start = (4 + length + 3) // 4 * 4

    def array(place: dict[str, Any]) -> np.ndarray[Any, Any]:
        assert place["offset"] % 4 == 0
        return np.frombuffer(raw, np.dtype(place["type"]).newbyteorder("<"), place["length"], start + place["offset"])

    return header, array


def test_every_part_comes_out_of_the_bytes_as_it_went_in() -> None:
    pane = small()
    header, array = opened(payload(pane))
    assert header["n"] == 3
    assert header["frameNames"] == ["before", "after"]
    assert header["names"] == ["a", "é", "</script>"]
    for place, frame in zip(header["frames"], pane.frames, strict=True):
        assert array(place).tolist() == frame.ravel().tolist()
    assert array(header["placebo"][1]).tolist() == [1, 1, 2, 3, -2, 5]
    sense, change = header["colourings"]
    assert (sense["name"], sense["categories"]) == ("sense", ["shore", "<b>"])
    assert array(sense["codes"]).tolist() == [1, 0, 1]
    assert (change["low"], change["high"]) == (0, 2)
    assert np.array_equal(array(change["values"]), [0.5, np.nan, 2], equal_nan=True)
    assert (header["first"], array(header["ids"]).tolist()) == (None, [3, 4, 9])
    assert array(header["weights"]).tolist() == [1, 2, 3]
    assert array(header["opacity"]).tolist() == [0, 128, 255]  # a trust that is no number hides nothing
    assert array(header["muted"]).tolist() == [1, 0, 0]
    assert array(header["cosines"][1]).tolist() == list(range(9))


def test_the_same_pane_gives_the_same_bytes_and_another_does_not() -> None:
    assert payload(small()) == payload(small())
    assert payload(small()) != payload(small(weights=np.array([1, 2, 4], dtype=np.float32)))


def test_ids_in_one_row_are_not_sent_and_large_ones_stay_exact() -> None:
    header, _ = opened(payload(small(ids=np.array([7, 8, 9]))))
    assert (header["first"], header["ids"]) == (7, None)
    large = np.array([-5, 2**40, 2**53 - 1])
    header, array = opened(payload(small(ids=large)))
    assert array(header["ids"]).astype(np.int64).tolist() == large.tolist()


def test_no_points_and_nothing_but_points_are_panes_too() -> None:
    nothing = np.empty((0, 2), dtype=np.float32)
    header, array = opened(payload(Pane((nothing,), ("all",), (), np.empty(0, dtype=np.int64))))
    assert (header["n"], header["first"], array(header["frames"][0]).size) == (0, None, 0)
    header, _ = opened(payload(Pane((nothing + 1,), ("all",), (), np.empty(0, dtype=np.int64))))
    assert [header[name] for name in ("names", "weights", "opacity", "muted", "cosines", "placebo")] == [None] * 6


@pytest.mark.parametrize(
    "wrong",
    [
        {"ids": np.array([3, 3, 9])},
        {"ids": np.array([4, 3, 9])},
        {"frame_names": ("before",)},
        {"frames": (np.zeros((2, 2), np.float32), np.zeros((3, 2), np.float32))},
        {"frames": (np.full((3, 2), np.nan, np.float32), np.zeros((3, 2), np.float32))},
        {"names": ("a", "b")},
        {"weights": np.zeros(2, np.float32)},
        {"cosines": (np.zeros((2, 2), np.uint8), np.zeros((3, 3), np.uint8))},
        {"colourings": (Colouring("neither"),)},
        {"colourings": (Colouring("code without a name", codes=np.array([0, 1, 2], np.uint8), categories=("a", "b")),)},
        {"colourings": (Colouring("short", values=np.zeros(2, np.float32)),)},
    ],
)
def test_parts_that_do_not_fit_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        small(**wrong)


def test_above_the_limit_points_carry_no_names() -> None:
    n = NAMED + 1
    frame = np.zeros((n, 2), dtype=np.float32)
    with pytest.raises(ValueError, match="names"):
        Pane((frame,), ("all",), (), np.arange(n), names=("x",) * n)


def test_cosines_as_bytes_by_hand() -> None:
    assert cosine_bytes(np.array([[-1, 0], [1, 1.0001]], dtype=np.float32)).tolist() == [[0, 128], [255, 255]]
    true = np.linspace(-1, 1, 1001, dtype=np.float32).reshape(1, -1)
    assert np.abs(cosine_bytes(true) / 127.5 - 1 - true).max() <= 1 / 255 + 1e-6


# -- selections -------------------------------------------------------------------------------------------------------


def slowly(positions: list[int]) -> bytes:
    """The packing once more, one number at a time."""
    out, last = bytearray(), 0
    for one in positions:
        step, last = one - last, one
        while step > 127:
            out.append(step & 127 | 128)
            step >>= 7
        out.append(step)
    return bytes(out)


def test_a_selection_packed_by_hand() -> None:
    assert pack(np.array([0, 1, 300])) == bytes([0, 1, 0b10101011, 0b10])  # 300 - 1 = 2 * 128 + 43
    assert unpack(b"", 5).tolist() == []
    assert pack(np.empty(0, dtype=np.int64)) == b""


@pytest.mark.parametrize("share", [0.001, 0.3, 1.0])
def test_selections_survive_the_way_and_back(share: float) -> None:
    positions = np.flatnonzero(np.random.default_rng(1).random(200_000) < share)
    assert pack(positions) == slowly(positions.tolist())
    assert np.array_equal(unpack(pack(positions), 200_000), positions)


def test_the_farthest_positions_survive_too() -> None:
    for positions in ([2**31], [0], [127, 128, 16_511, 16_512], [5, 2**28 + 5]):
        assert unpack(pack(np.array(positions)), 2**31 + 1).tolist() == positions


@pytest.mark.parametrize("raw", [b"\x80", b"\x01\x80", b"\x80" * 9 + b"\x01", b"\x05", b"\x01\x00", b"\x00\x00"])
def test_a_selection_that_cannot_be_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="selection"):
        unpack(raw, 5)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.125, 0.126, 0.4, 1.0])
def test_a_large_selection_takes_a_bit_a_point_and_a_small_one_less(share: float) -> None:
    n = 100_003  # no multiple of eight
    positions = np.arange(n)[: round(share * n)] if share in (0.0, 1.0) else np.sort(
        np.random.default_rng(2).choice(n, round(share * n), replace=False)
    )  # fmt: skip
    text = pack_text(positions, n)
    assert np.array_equal(unpack_text(text, n), positions)
    assert len(text) <= 4 * (n // 8 + 3) // 3 + 2
    assert text.startswith("~") == (8 * len(positions) > n)


def test_a_selection_bit_by_bit_by_hand() -> None:
    assert pack_text(np.array([0, 2, 8]), 10) == "~BQE="  # 0b101, then bit 8 = the lowest of the second byte
    assert unpack_text("~BQE=", 10).tolist() == [0, 2, 8]


@pytest.mark.parametrize("text", ["~", "~BQ==", "~BQEA", "~é", "a", "BQ=", "!!!!", "gA=="])
def test_a_text_that_no_browser_of_ours_sends_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="selection"):
        unpack_text(text, 10)


# -- the script -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_colours_are_those_of_the_house(theme: style.Theme) -> None:
    block = re.search(rf"{theme}: {{(.*?)}}", SCRIPT, re.DOTALL)
    assert block
    drawn = dict(re.findall(r'(\w+): "(#\w{6})"', block[1]))
    assert len(drawn) == 10
    house = dataclasses.asdict(style.palette(theme))
    assert drawn == {name: house[name] for name in drawn}
    order = re.search(r"OKABE_ITO = \[(.*?)\]", SCRIPT)
    assert order
    assert tuple(re.findall(r"#\w{6}", order[1])) == style.OKABE_ITO


def test_the_script_makes_no_markup_of_text_and_asks_nobody_anything() -> None:
    for banned in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "fetch(",
                   "XMLHttpRequest", "WebSocket", "import(", "navigator.gpu", "localStorage"):  # fmt: skip
        assert banned not in SCRIPT, banned
    assert set(re.findall(r"https?://[^\s\"']+", SCRIPT + STYLE)) == {"http://www.w3.org/2000/svg"}
    assert "@import" not in STYLE
    assert "url(" not in STYLE
    assert "</script" not in SCRIPT.lower()  # it is inlined into the report
