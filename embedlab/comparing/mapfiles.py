"""Maps of words on disk: the places of every state as raw float32, and what is known of the layout as JSON."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from embedlab.comparing.wordview import WordMap
from embedlab.store import atomic_write, open_verified, read_json, write_json
from embedlab.types import LinkedMap, freeze

ARRAYS = ("rows", "before", "after", "placebo_before", "placebo_after")  # of the scores, kept beside the JSON


def save_map(made: WordMap, folder: Path) -> None:
    """Fill a folder that is about to be sealed: the frames in order, then the placebo, all finite."""
    about = asdict(replace(made.scores, **dict.fromkeys(ARRAYS, ())))  # type: ignore[arg-type]
    about |= {"steps": list(made.steps), "rows": made.scores.rows.tolist(), "drawn": made.drawn.tolist()}
    write_json(folder / "map.json", about)
    atomic_write(folder / "places.f32", np.stack([*made.frames, *made.placebo]).astype("<f4").tobytes())


def open_map(folder: Path) -> WordMap:
    """A map from its sealed folder. Raises StoreError."""
    about = read_json(folder, "map.json")
    steps, drawn = tuple(about.pop("steps")), np.array(about.pop("drawn"), dtype=np.int64)
    flat = np.frombuffer(open_verified(folder, "places.f32").read_bytes(), dtype="<f4")
    *frames, once, again = flat.reshape(-1, len(drawn), 2)
    spread = about.pop("trust_range")
    about |= dict(zip(ARRAYS, (freeze(np.array(about["rows"])), frames[0], frames[-1], once, again), strict=True))
    scores = LinkedMap(**about, trust_range=None if spread is None else (spread[0], spread[1]))
    return WordMap(scores, drawn, tuple(frames), steps)
