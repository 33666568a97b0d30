"""Maps of words on disk: the places of every state as raw float32, and what is known of the layout as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from embedlab.comparing.wordview import WordMap
from embedlab.store import atomic_write, open_verified, read_json, write_json
from embedlab.types import LinkedMap, freeze

Places = Float32[np.ndarray, "point 2"]


def save_map(made: WordMap, folder: Path) -> None:
    """Fill a folder that is about to be sealed."""
    about = asdict(replace(made.scores, rows=(), before=(), after=()))  # type: ignore[arg-type]
    about |= {"steps": list(made.steps), "rows": made.scores.rows.tolist(), "drawn": made.drawn.tolist()}
    write_json(folder / "map.json", about)
    save_places((*made.frames, *(made.placebo or ())), folder)


def open_map(folder: Path) -> WordMap:
    """A map from its sealed folder. Raises StoreError."""
    about = read_json(folder, "map.json")
    places = open_places(folder)
    steps, drawn = tuple(about.pop("steps")), np.array(about.pop("drawn"), dtype=np.int64)
    frames, placebo = places[: len(steps) + 2], places[len(steps) + 2 :]
    spread = about.pop("trust_range")
    about |= {"rows": freeze(np.array(about["rows"], dtype=np.int64)), "before": frames[0], "after": frames[-1]}
    scores = LinkedMap(**about, trust_range=None if spread is None else (spread[0], spread[1]))
    return WordMap(scores, drawn, frames, steps, (placebo[0], placebo[1]) if placebo else None)


def save_places(places: Sequence[Places], folder: Path) -> None:
    """The places of the same points in several states, all finite, into a folder that is about to be sealed."""
    write_json(folder / "places.json", {"states": len(places), "points": len(places[0])})
    atomic_write(folder / "places.f32", np.stack(places).astype("<f4").tobytes())


def open_places(folder: Path) -> tuple[Places, ...]:
    """One array a state, read-only. Raises StoreError."""
    said = read_json(folder, "places.json")
    flat = np.frombuffer(open_verified(folder, "places.f32").read_bytes(), dtype="<f4")
    return tuple(flat.reshape(said["states"], said["points"], 2))
