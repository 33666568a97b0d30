"""The blocks of an encoder put back in the order of what was asked, and what a block must keep to."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from embedlab.encoders.protocol import Encoder
from embedlab.types import Occurrence


def vectors(encoder: Encoder, occurrences: Sequence[Occurrence], **options: Any) -> np.ndarray:
    """[layer, occurrence, dim]. Fails when a row comes twice or never, or a text is spread over two blocks."""
    found: dict[int, list[np.ndarray]] = {}
    block_of: dict[str, int] = {}
    for number, (rows, arrays) in enumerate(encoder.encode(occurrences, **options)):
        assert rows.dtype == np.int64
        assert all(array.dtype == np.float32 and len(array) == len(rows) for array in arrays)
        for at, row in enumerate(rows.tolist()):
            assert row not in found, "a row came twice"
            assert block_of.setdefault(occurrences[row].text, number) == number, "a text came in two blocks"
            found[row] = [array[at] for array in arrays]
    assert len(found) == len(occurrences), "a row never came"
    return np.stack([np.stack(found[row]) for row in range(len(occurrences))], axis=1)
