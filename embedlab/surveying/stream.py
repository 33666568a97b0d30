"""One pass of an encoder over the texts of a plan, reduced on the fly.

What grows with the corpus lives in memory-mapped files; what is in memory at once is one chunk of occurrences and one
block of vectors. The reductions are the closed forms of A2 and A3, checked against embedlab.measure in the tests.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64

from embedlab.encoders.protocol import Encoder
from embedlab.errors import ModelError
from embedlab.measure.words import MIN_USES
from embedlab.surveying.block import Block
from embedlab.surveying.items import ChunkBuilder
from embedlab.surveying.plan import SurveyPlan
from embedlab.surveying.reduce import intra, intra_null, self_similarity, word_means

CHUNK_TEXTS = 2048
CHUNK_CHARACTERS = 400_000


@dataclass
class _LayerStore:
    """The files of one layer: float64 sums while streaming, float32 rows for what is kept as it is."""

    word_sum: Float64[np.ndarray, "word d"]
    half_sum: Float64[np.ndarray, "word d"]
    unit_sum: Float64[np.ndarray, "frequent d"]
    background: Float32[np.ndarray, "text d"]
    uses: Float32[np.ndarray, "use d"]
    texts: Float32[np.ndarray, "whole d"]


class Streamer:
    """Fills a folder with what one model state gives for a plan."""

    def __init__(self, encoder: Encoder, plan: SurveyPlan, folder: Path) -> None:
        self.encoder, self.plan, self.folder = encoder, plan, folder
        self.builder = ChunkBuilder(plan)
        self.frequent = int((plan.counts >= MIN_USES).sum())  # words come most frequent first
        self.layers = [self._store(layer, info.dim) for layer, info in enumerate(encoder.layers)]
        levels, texts, words = len(self.layers), plan.surveyed, len(plan.words)
        self.seen_words = np.zeros(words, dtype=np.int64)
        self.half_uses = np.zeros(words, dtype=np.int64)
        self.nonzero = np.zeros((levels, words), dtype=np.int64)
        self.intra = np.full((levels, texts), np.nan)
        self.pieces = np.zeros(texts, dtype=np.int64)
        self.seen_background = np.zeros(texts, dtype=bool)
        self.seen_uses = np.zeros(len(plan.uses), dtype=bool)
        self.seen_texts = np.zeros(len(plan.texts), dtype=bool)

    def _map(self, name: str, shape: tuple[int, ...], kind: type) -> np.ndarray:
        if 0 in shape:
            array: np.ndarray = np.zeros(shape, dtype=kind)  # an empty file cannot be mapped
            np.save(self.folder / name, array)
            return array
        return np.lib.format.open_memmap(self.folder / name, mode="w+", dtype=kind, shape=shape)

    def _store(self, layer: int, dim: int) -> _LayerStore:
        plan = self.plan
        return _LayerStore(
            self._map(f"sum_{layer:02}.npy", (len(plan.words), dim), np.float64),
            self._map(f"half_{layer:02}.npy", (len(plan.words), dim), np.float64),
            self._map(f"unit_{layer:02}.npy", (self.frequent, dim), np.float64),
            self._map(f"background_{layer:02}.npy", (plan.surveyed, dim), np.float32),
            self._map(f"uses_{layer:02}.npy", (len(plan.uses), dim), np.float32),
            self._map(f"texts_{layer:02}.npy", (len(plan.texts), dim), np.float32),
        )

    def run(self, precision: Literal["fp32", "bf16"], progress: Callable[[float], None]) -> None:
        """Encode every text once. Raises ModelError when a vector is not finite."""
        total = sum(len(text) for text in self.plan.texts) or 1
        done = first = 0
        while first < len(self.plan.texts):
            last, size = first, 0
            while last < len(self.plan.texts) and last - first < CHUNK_TEXTS and size < CHUNK_CHARACTERS:
                size += len(self.plan.texts[last])
                last += 1
            self._chunk(first, last, precision, _part(progress, done / total, size / total))
            done, first = done + size, last

    def finish(self) -> None:
        """Turn the sums into what is kept, and take the sums away."""
        plan, levels = self.plan, len(self.layers)
        similar = np.full((levels, len(plan.words)), np.nan)
        null = np.full((levels, plan.surveyed), np.nan)
        for layer, store in enumerate(self.layers):
            means = self._map(f"words_{layer:02}.npy", store.word_sum.shape, np.float32)
            means[:] = word_means(store.word_sum, self.seen_words)
            halves = self._map(f"halves_{layer:02}.npy", store.half_sum.shape, np.float32)
            halves[:] = word_means(store.half_sum, self.half_uses)
            similar[layer] = self_similarity(store.unit_sum, self.nonzero[layer])
            null[layer] = intra_null(store.background, self.seen_background, self.pieces, plan.seed)
            for array in (means, halves, store.background, store.uses, store.texts):
                if isinstance(array, np.memmap):
                    array.flush()
            for name in ("sum", "half", "unit"):
                (self.folder / f"{name}_{layer:02}.npy").unlink()
        kept = {
            "self_similarity": similar,
            "intra": self.intra,
            "intra_null": null,
            "pieces": self.pieces,
            "half_uses": self.half_uses,
            "off_domain": plan.off_domain,
            "seen_words": self.seen_words,
            "seen_background": self.seen_background,
            "seen_uses": self.seen_uses,
            "seen_texts": self.seen_texts,
        }
        for name, array in kept.items():
            np.save(self.folder / f"{name}.npy", array)

    def _chunk(
        self, first: int, last: int, precision: Literal["fp32", "bf16"], progress: Callable[[float], None]
    ) -> None:
        chunk = self.builder.build(first, self.encoder.units(self.plan.texts[first:last]))
        seen = 0
        place = np.full(len(chunk.occurrences), -1, dtype=np.int64)
        for rows, arrays in self.encoder.encode(chunk.occurrences, precision=precision):
            if not all(np.isfinite(array).all() for array in arrays):
                raise ModelError(
                    f"The model {self.encoder.spec.source} gives vectors that are not finite numbers: "
                    "its weights are damaged. Use another model or an earlier checkpoint."
                )
            place[rows] = np.arange(len(rows))
            texts = [chunk.texts[i] for i in np.unique(chunk.text_of[rows])]
            self._take(Block(texts, place, len(rows)), arrays)
            place[rows] = -1
            seen += len(rows)
            progress(seen / len(chunk.occurrences))

    def _take(self, block: Block, arrays: list[Float32[np.ndarray, "n d"]]) -> None:
        """Keep and add up what the plan wants of one block."""
        self.pieces[block.surveyed] = block.pieces
        self.seen_words[block.words] += block.word_uses
        self.half_uses[block.words] += block.half_uses
        self.seen_background[block.ground] = True
        self.seen_uses[block.uses] = True
        self.seen_texts[block.texts] = True
        frequent = block.words < self.frequent
        for layer, array in enumerate(arrays):
            store = self.layers[layer]
            store.texts[block.texts] = array[block.whole]
            store.background[block.ground] = array[block.ground_rows]
            store.uses[block.uses] = array[block.use_rows]
            vectors = array.astype(np.float64)
            length = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
            directed = (length > 0).astype(np.float64)
            store.word_sum[block.words] += block.of_word.sums(vectors)
            store.half_sum[block.words] += block.of_half.sums(vectors)
            total = block.of_text.sums(vectors)
            vectors /= np.where(length > 0, length, 1)[:, None]
            self.intra[layer, block.surveyed] = intra(
                total, block.of_text.sums(vectors), block.of_text.sums(directed[:, None])[:, 0]
            )
            self.nonzero[layer, block.words] += block.of_word.sums(directed[:, None])[:, 0].astype(np.int64)
            store.unit_sum[block.words[frequent]] += block.of_word.sums(vectors)[frequent]


def _part(progress: Callable[[float], None], begin: float, size: float) -> Callable[[float], None]:
    """The progress of a part, told as progress of the whole."""
    return lambda share: progress(begin + share * size)
