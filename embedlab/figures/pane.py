"""What the browser's pane draws: points in one frame of coordinates before and after, and the bytes that carry them.

The bytes: u32 length of the header | the header as JSON in UTF-8 | zeros to a multiple of 4 | the arrays, each at a
multiple of 4, little-endian. The header names every array with its type, offset (from the first array) and length.
"""

import base64
import json
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

NAMED = 200_000  # points up to which each may carry a name
PAIRED = 2_000  # points up to which the true cosines of all pairs may be carried: 2 n² bytes
ALIGNED = 4  # bytes; what a Float32Array of the browser needs
U32 = 2**32


@dataclass(frozen=True, slots=True)
class Colouring:
    """One way to colour the points: by category (`codes` into `categories`) or by value; the person switches.

    Categories take the Okabe-Ito colours and a shape each. Values go along one hue from `low` to `high`, both in the
    unit of the values; NaN is drawn grey.
    """

    name: str
    codes: UInt8[np.ndarray, "n"] | None = None
    categories: tuple[str, ...] = ()
    values: Float32[np.ndarray, "n"] | None = None
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Pane:
    """Points for two linked panes: the first frame on the left, any state between the frames on the right.

    `ids` are what a selection speaks of, strictly increasing. `weights` put the labels in order (without them nothing
    is labelled). `opacity` is a share from 0 to 1. `cosines` are true cosines before and after, as `cosine_bytes` makes
    them. `muted` points are within the noise. `placebo` is the map of one state against itself.
    """

    frames: tuple[Float32[np.ndarray, "n 2"], ...]
    frame_names: tuple[str, ...]
    colourings: tuple[Colouring, ...]
    ids: Int64[np.ndarray, "n"]
    names: tuple[str, ...] | None = None
    weights: Float32[np.ndarray, "n"] | None = None
    opacity: Float32[np.ndarray, "n"] | None = None
    cosines: tuple[UInt8[np.ndarray, "n n"], UInt8[np.ndarray, "n n"]] | None = None
    muted: Bool[np.ndarray, "n"] | None = None
    placebo: tuple[Float32[np.ndarray, "n 2"], Float32[np.ndarray, "n 2"]] | None = None

    def __post_init__(self) -> None:
        """Raises ValueError where the parts do not fit each other."""
        n = len(self.ids)
        if not self.frames or len(self.frames) != len(self.frame_names):
            raise ValueError(f"{len(self.frames)} frames and {len(self.frame_names)} frame names")
        for frame in (*self.frames, *(self.placebo or ())):
            if frame.shape != (n, 2) or not np.isfinite(frame).all():
                raise ValueError(f"a frame of shape {frame.shape} for {n} ids, or with a coordinate that is no number")
        if not (np.diff(self.ids) > 0).all():
            raise ValueError("ids are not strictly increasing")
        if self.names is not None and (len(self.names) != n or n > NAMED):
            raise ValueError(f"{len(self.names)} names for {n} ids; above {NAMED:,} points there are none")
        for column in (self.weights, self.opacity, self.muted):
            if column is not None and column.shape != (n,):
                raise ValueError(f"a column of shape {column.shape} for {n} ids")
        if self.cosines is not None and (n > PAIRED or any(one.shape != (n, n) for one in self.cosines)):
            raise ValueError(f"cosines are two matrices of {n} x {n}, for at most {PAIRED:,} points")
        for colouring in self.colourings:
            _check(colouring, n)

    def __len__(self) -> int:
        return len(self.ids)


def _check(colouring: Colouring, n: int) -> None:
    """Raises ValueError unless it colours n points in exactly one way."""
    if (colouring.codes is None) == (colouring.values is None):
        raise ValueError(f"colouring {colouring.name!r} has to have either codes or values")
    column = colouring.codes if colouring.codes is not None else colouring.values
    assert column is not None
    if column.shape != (n,):
        raise ValueError(f"colouring {colouring.name!r} has shape {column.shape} for {n} ids")
    if colouring.codes is not None and n and int(colouring.codes.max()) >= len(colouring.categories):
        raise ValueError(f"colouring {colouring.name!r} has a code without a category")


def cosine_bytes(cosines: Float32[np.ndarray, "n n"]) -> UInt8[np.ndarray, "n n"]:
    """Cosines from -1 to 1 as bytes, 0 = -1 and 255 = 1, rounded: off by at most 1/255."""
    return np.asarray(np.rint((np.clip(cosines, -1.0, 1.0) + 1.0) * 127.5), dtype=np.uint8)


@dataclass(slots=True)
class _Arrays:
    """Arrays laid out one after the other, each at a multiple of ALIGNED."""

    parts: list[bytes] = field(default_factory=list)
    length: int = 0

    def add(self, array: np.ndarray[Any, np.dtype[Any]]) -> dict[str, object]:
        """Where the array lies, for the header."""
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        place: dict[str, object] = {"type": array.dtype.name, "offset": self.length, "length": int(little.size)}
        raw = little.tobytes()
        self.parts.append(raw + b"\0" * (-len(raw) % ALIGNED))
        self.length += len(self.parts[-1])
        return place


def payload(pane: Pane) -> bytes:
    """The pane as bytes, the same bytes for the same pane. Ids in one unbroken row are named by their first alone."""
    arrays = _Arrays()
    n = len(pane)
    header: dict[str, object] = {
        "n": n,
        "frameNames": pane.frame_names,
        "frames": [arrays.add(frame.astype(np.float32)) for frame in pane.frames],
        "placebo": None if pane.placebo is None else [arrays.add(one.astype(np.float32)) for one in pane.placebo],
        "colourings": [_colouring(one, arrays) for one in pane.colourings],
        "first": int(pane.ids[0]) if n and int(pane.ids[-1] - pane.ids[0]) == n - 1 else None,
        "names": pane.names,
        "weights": None if pane.weights is None else arrays.add(pane.weights.astype(np.float32)),
        "opacity": None if pane.opacity is None else arrays.add(_share(pane.opacity)),
        "muted": None if pane.muted is None else arrays.add(pane.muted.astype(np.uint8)),
        "cosines": None if pane.cosines is None else [arrays.add(one) for one in pane.cosines],
    }
    header["ids"] = None if header["first"] is not None else arrays.add(_numbers(pane.ids))
    head = json.dumps(header, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    head += b" " * (-(len(head)) % ALIGNED)
    return b"".join((struct.pack("<I", len(head)), head, *arrays.parts))


def _colouring(colouring: Colouring, arrays: _Arrays) -> dict[str, object]:
    said: dict[str, object] = {"name": colouring.name}
    if colouring.codes is not None:
        return said | {"categories": colouring.categories, "codes": arrays.add(colouring.codes)}
    assert colouring.values is not None
    column = colouring.values.astype(np.float32)
    return said | {"low": float(colouring.low), "high": float(colouring.high), "values": arrays.add(column)}


def _share(opacity: Float32[np.ndarray, "n"]) -> UInt8[np.ndarray, "n"]:
    """0..1 as 0..255; a share that is no number is drawn in full."""
    return np.asarray(np.rint(np.clip(np.nan_to_num(opacity, nan=1.0), 0.0, 1.0) * 255), dtype=np.uint8)


def _numbers(ids: Int64[np.ndarray, "n"]) -> np.ndarray[Any, np.dtype[Any]]:
    """Ids as the browser can read them exactly: 32 bits where they fit, else doubles (exact up to 2^53)."""
    fits = not len(ids) or (int(ids[0]) >= 0 and int(ids[-1]) < U32)
    return ids.astype(np.uint32 if fits else np.float64)


# -- a selection on its way between the browser and here --------------------------------------------------------------


def pack(positions: Int64[np.ndarray, "m"]) -> bytes:
    """Increasing positions as variable-length differences, seven bits a byte, the low ones first: about m bytes."""
    steps = np.diff(positions, prepend=0).astype(np.uint64)
    if not len(steps):
        return b""
    if int(steps.max()) < 128:
        return steps.astype(np.uint8).tobytes()
    sevens = np.stack([(steps >> np.uint64(7 * i)) & np.uint64(127) for i in range(5)], axis=1).astype(np.uint8)
    length = np.ones(len(steps), dtype=np.int64)
    for i in range(1, 5):
        length[steps >= np.uint64(1 << (7 * i))] = i + 1
    place = np.arange(5)
    sevens[place[None, :] < length[:, None] - 1] |= 128
    return sevens[place[None, :] < length[:, None]].tobytes()


def unpack(raw: bytes, n: int) -> Int64[np.ndarray, "m"]:
    """Positions out of what `pack` or the browser made. Raises ValueError unless they increase and lie below n."""
    data = np.frombuffer(raw, dtype=np.uint8)
    if not len(data):
        return np.empty(0, dtype=np.int64)
    ends = np.flatnonzero(data < 128)
    if not len(ends) or ends[-1] != len(data) - 1:
        raise ValueError("a selection ends within a number")
    starts = np.concatenate(([0], ends[:-1] + 1))
    if int((ends - starts).max()) > 4:
        raise ValueError("a selection holds a number that is too long")
    place = np.arange(len(data)) - np.repeat(starts, ends - starts + 1)
    steps = np.add.reduceat((data & 127).astype(np.int64) << (7 * place), starts)
    positions = np.cumsum(steps)
    if (steps[1:] <= 0).any() or int(positions[-1]) >= n:
        raise ValueError("a selection names points that are not there")
    return positions


BITS = "~"  # before a selection that is told bit by bit: where more than every eighth point is in it, that is shorter


def pack_text(positions: Int64[np.ndarray, "m"], n: int) -> str:
    """Increasing positions among n points as text: a bit for each point, or `pack`, whichever is shorter."""
    if 8 * len(positions) <= n:
        return base64.b64encode(pack(positions)).decode()
    chosen = np.zeros(n, dtype=bool)
    chosen[positions] = True
    return BITS + base64.b64encode(np.packbits(chosen, bitorder="little").tobytes()).decode()


def unpack_text(text: str, n: int) -> Int64[np.ndarray, "m"]:
    """Positions out of what `pack_text` or the browser made. Raises ValueError for what neither can have made."""
    try:
        raw = base64.b64decode(text.removeprefix(BITS), validate=True)
    except ValueError as error:
        raise ValueError("a selection is not in base64") from error
    if not text.startswith(BITS):
        return unpack(raw, n)
    if len(raw) != (n + 7) // 8:
        raise ValueError("a selection has not one bit a point")
    return np.flatnonzero(np.unpackbits(np.frombuffer(raw, dtype=np.uint8), count=n, bitorder="little"))
