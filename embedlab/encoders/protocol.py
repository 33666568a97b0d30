"""What every model state can do for the rest of the house: spans of text in, one array a layer out."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, Protocol

import numpy as np
from jaxtyping import Float32, Int64

from embedlab.types import EncoderSpec, LayerInfo, Occurrence

Precision = Literal["fp32", "bf16"]
Progress = Callable[[float, str], None]  # share done 0..1, what is being done
Span = tuple[int, int]  # characters [start, end)
Block = tuple[Int64[np.ndarray, "rows"], list[Float32[np.ndarray, "rows dim"]]]


class Encoder(Protocol):
    """One model state. `layers[0]`: the embedding layer; `fingerprint`: sha256 over all that decides its numbers."""

    spec: EncoderSpec
    fingerprint: str
    layers: tuple[LayerInfo, ...]
    parameters: int

    def units(self, texts: Sequence[str]) -> list[list[Span]]:
        """Character spans of the pieces of each text, special pieces left out; all of the text, however long."""
        ...

    def encode(
        self,
        occurrences: Sequence[Occurrence],
        *,
        layers: Sequence[int] | None = None,
        precision: Precision = "fp32",
        progress: Progress | None = None,
    ) -> Iterator[Block]:
        """Vectors of the occurrences, in blocks as they are computed.

        A block is (rows, arrays): rows are indices into `occurrences`, arrays one float32 matrix for each asked layer
        (all by default). Each distinct text is read once and all its occurrences come in the same block.
        A span is the mean of the pieces that overlap it; a whole text is pooled as `spec.pooling` says, its special
        pieces included. The vector of an occurrence does not depend on which others are asked of the same texts.
        Raises ModelError, naming the row, for a span that touches no piece.
        """
        ...
