"""Fakes with a meaning: an encoder whose geometry is known in advance, and small corpora to look at with it.

A word has a fixed random vector; context is mixed in layer by layer, so a word used in two kinds of sentences has two
clouds. What a "fine-tuning" does is planted: `moved` words take the vector of another word, `sense_strength` says how
strongly the neighbours in the sentence tell the senses apart.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Literal

import numpy as np

from embedlab.errors import ModelError
from embedlab.types import Corpus, EncoderSpec, LayerInfo, Occurrence, Target

UNIT = re.compile(r"\w+|[^\w\s]")
SENSE_WORDS = {
    "bank": {
        "river": ["water", "fish", "mud", "reed", "boat", "stream", "flood", "otter"],
        "money": ["loan", "cash", "interest", "account", "teller", "credit", "deposit", "vault"],
    },
    "crane": {
        "bird": ["wing", "nest", "feather", "marsh", "flock", "beak", "egg", "migration"],
        "machine": ["steel", "tower", "hook", "cable", "site", "load", "engine", "driver"],
    },
}
FILLER = [
    "the",
    "a",
    "of",
    "and",
    "near",
    "with",
    "old",
    "new",
    "some",
    "big",
    "small",
    "this",
    "that",
    "one",
    "very",
    "again",
]


@cache
def vector(key: str, dim: int) -> np.ndarray:
    """The fixed standard normal vector of a key."""
    return _random(key).standard_normal(dim)


def _random(key: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little"))


class FakeEncoder:
    """A deterministic encoder over words: units are words and punctuation marks.

    Layer 0 is static; layer l mixes `sense_strength * l / last` of the mean of the other words of the sentence into
    each word. `moved` maps a word to the word whose vector it takes. `jitter` keeps two uses from being equal.
    Units given in `blind` are dropped, as tokenizers drop characters they do not know.
    """

    def __init__(
        self,
        sense_strength: float = 1.0,
        *,
        moved: Mapping[str, str] | None = None,
        dims: Sequence[int] = (12, 16, 16),
        jitter: float = 0.05,
        cone: float = 0.0,
        blind: Sequence[str] = (),
        block: int = 3,
    ) -> None:
        self.spec = EncoderSpec(f"fake-{sense_strength}", "fake")
        self.strength, self.moved, self.jitter, self.cone = sense_strength, dict(moved or {}), jitter, cone
        self.blind, self.block = set(blind), block
        self.layers = tuple(
            LayerInfo(f"layer {i}", dim, "static" if i == 0 else "contextual") for i, dim in enumerate(dims)
        )
        recipe = repr((sense_strength, sorted(self.moved.items()), tuple(dims), jitter, cone, sorted(self.blind)))
        self.fingerprint = hashlib.sha256(recipe.encode()).hexdigest()
        self.parameters = 0
        self.texts_encoded = 0

    def units(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        return [[m.span() for m in UNIT.finditer(text) if m.group().lower() not in self.blind] for text in texts]

    def encode(
        self,
        occurrences: Sequence[Occurrence],
        *,
        layers: Sequence[int] | None = None,
        precision: Literal["fp32", "bf16"] = "fp32",
        progress: Callable[[float, str], None] | None = None,
    ) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        rows_of: dict[str, list[int]] = {}
        for row, occurrence in enumerate(occurrences):
            rows_of.setdefault(occurrence.text, []).append(row)
        texts = sorted(rows_of, key=len)
        chosen = range(len(self.layers)) if layers is None else layers
        for begin in range(0, len(texts), self.block):
            some = texts[begin : begin + self.block]
            rows = [row for text in some for row in rows_of[text]]
            out = [np.empty((len(rows), self.layers[layer].dim), dtype=np.float32) for layer in chosen]
            at = 0
            for text in some:
                self.texts_encoded += 1
                spans = self.units([text])[0]
                for array, layer in zip(out, chosen, strict=True):
                    states = self._states(text, spans, layer)
                    for offset, row in enumerate(rows_of[text]):
                        array[at + offset] = self._pool(states, spans, occurrences[row], row)
                at += len(rows_of[text])
            yield np.array(rows, dtype=np.int64), out

    def _states(self, text: str, spans: Sequence[tuple[int, int]], layer: int) -> np.ndarray:
        dim = self.layers[layer].dim
        words = [text[s:e].lower() for s, e in spans]
        base = np.array([vector(f"{layer}/{self.moved.get(word, word)}", dim) for word in words]).reshape(-1, dim)
        noise = _random(f"{layer}/{text}").standard_normal((len(words), dim))
        mix = self.strength * layer / max(1, len(self.layers) - 1)
        content = np.array([word not in FILLER for word in words], dtype=float)
        total = (base * content[:, None]).sum(axis=0)
        others = (total - base * content[:, None]) / np.maximum(content.sum() - content, 1)[:, None]
        return base + mix * others + self.jitter * noise + self.cone * vector(f"{layer}/cone", dim)

    def _pool(self, states: np.ndarray, spans: Sequence[tuple[int, int]], use: Occurrence, row: int) -> np.ndarray:
        inside = [i for i, (start, end) in enumerate(spans) if start < use.end and end > use.start]
        if not inside:
            raise ModelError(f"Row {row}: the span touches no piece of the model.")
        return states[inside].mean(axis=0)


def sense_corpus(per_sense: int = 24, *, seed: int = 0, words: Sequence[str] = ("bank", "crane")) -> Corpus:
    """A corpus of ambiguous words: each sentence holds one of them, among words that tell its sense; no splits."""
    rng = np.random.default_rng(seed)
    texts, targets, labels = [], [], []
    for word in words:
        for sense, clues in SENSE_WORDS[word].items():
            for _ in range(per_sense):
                chosen = [*rng.choice(clues, 4, replace=False), *rng.choice(FILLER, 5)]
                chosen.insert(int(rng.integers(0, 9)), word)
                text = " ".join(chosen) + "."
                start = len(" ".join(chosen[: chosen.index(word)])) + (1 if chosen.index(word) else 0)
                texts.append(text)
                targets.append(Target(start, start + len(word), word, sense))
                labels.append(sense)
    identity = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    return Corpus(identity, "senses", tuple(texts), labels=tuple(labels), targets=tuple(targets))
