"""What training of word vectors has in common: the table it gives, the vocabulary, and its state on disk.

A state is a sealed folder, so a kill leaves the one before or the new one, and damage is found. It holds all that the
next step depends on; a training that goes on from it gives the same bits as one that was never stopped.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64
from safetensors import SafetensorError
from safetensors.numpy import load, save

from embedlab.errors import TrainingError
from embedlab.store import atomic_write, is_sealed, open_verified, read_json, recover, sealed_folder, write_json
from embedlab.vectorfiles.checks import BLOCK, VectorError, Vectors

ARRAYS, MEMO = "state.safetensors", "state.json"
STATE_SECONDS = 20.0  # between two states on disk

Sentences = Sequence[Sequence[str]]
Stop = Callable[[], bool]


def never() -> bool:
    """Where nobody can stop a training."""
    return False


class Stopped(TrainingError):
    """A training was asked to stop and did, its state kept where there is a checkpoint."""


@dataclass(frozen=True)
class Table:
    """Words with a vector each. `counts`: how often each stood in what was read; 0 where that is unknown.

    `contexts`: the other side of what was trained (word2vec's output vectors), so that training can go on; None where
    it is not known, as in files. Raises VectorError for a table that is none: words that are empty, there twice or not
    writable as UTF-8, numbers that are not finite, lengths that differ.
    """

    words: tuple[str, ...]
    vectors: Float32[np.ndarray, "word d"]
    counts: Int64[np.ndarray, "word"]
    contexts: Float32[np.ndarray, "word d"] | None = None

    def __post_init__(self) -> None:
        rows = len(self.words)
        matrices = [self.vectors] if self.contexts is None else [self.vectors, self.contexts]
        if any(m.ndim != 2 or m.dtype != np.float32 or m.shape != self.vectors.shape for m in matrices):
            raise VectorError("A table of words needs its vectors as one matrix of float32.")
        if rows == 0 or self.vectors.shape[1] == 0 or len(self.vectors) != rows or self.counts.shape != (rows,):
            raise VectorError(
                f"A table of words needs one vector and one count for each: there are {rows:,} words, "
                f"{len(self.vectors):,} vectors and {len(self.counts):,} counts."
            )
        if self.counts.dtype != np.int64 or int(self.counts.min()) < 0:
            raise VectorError("The counts of a table of words are whole numbers from 0 up.")
        if len(set(self.words)) < rows or not all(self.words):
            raise VectorError("Every word of a table stands there once, and none is empty: leave the others out.")
        try:
            "\n".join(self.words).encode()
        except UnicodeEncodeError as error:
            raise VectorError("A word of the table holds half a character: leave it out.") from error
        for matrix in matrices:
            for start in range(0, rows, BLOCK):
                if not np.isfinite(matrix[start : start + BLOCK]).all():
                    raise VectorError("A table of words holds a value that is not a finite number: leave the word out.")

    @classmethod
    def of_file(cls, read: Vectors) -> "Table":
        """What `vectorfiles.read_vectors` read. Raises VectorError where the rows have no names."""
        if read.names is None:
            raise VectorError(f"{read.file} does not say which word each row is: give a table of words.")
        with np.errstate(over="ignore"):  # what is too large for float32 is found as not finite
            rows = np.asarray(read.rows, dtype=np.float32)
        return cls(read.names, rows, np.zeros(len(rows), np.int64))

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])

    def __len__(self) -> int:
        return len(self.words)


def vocabulary(sentences: Sentences, min_count: int, start: Table | None) -> tuple[tuple[str, ...], Counter[str]]:
    """(words to train, how often every word stands in the sentences).

    First the words of `start` in its order, then those that stand there `min_count` times, by falling count and then
    by spelling, so that every machine agrees. Raises TrainingError where no word of the sentences is among them.
    """
    counts: Counter[str] = Counter()
    for sentence in sentences:
        counts.update(sentence)
    counts.pop("", None)
    known = start.words if start is not None else ()
    old = set(known)
    new = [word for word, count in counts.items() if count >= min_count and word not in old]
    words = (*known, *sorted(new, key=lambda word: (-counts[word], word)))
    if not any(word in counts for word in words):
        raise TrainingError(f"No word stands in these texts {min_count:,} times: bring more text, or lower min_count.")
    return words, counts


def require_positive(settings: Mapping[str, float]) -> None:
    """Raises TrainingError for a number that must be above zero and is not."""
    for name, value in settings.items():
        if not 0 < value < float("inf"):
            raise TrainingError(f"{name} is {value}: it must be above zero.")


def require_fit(start: Table | None, dim: int) -> None:
    """Raises TrainingError where a table to go on from has another width."""
    if start is not None and start.dim != dim:
        raise TrainingError(
            f"The table to start from has {start.dim:,} dimensions, not {dim:,}: set dim to {start.dim}."
        )


def identity(settings: Mapping[str, Any], sentences: Sentences, start: Table | None) -> str:
    """sha256 of all that a training depends on. hex"""
    digest = hashlib.sha256(repr(sorted(settings.items())).encode())
    for sentence in sentences:
        digest.update("\x1f".join(sentence).encode("utf-8", "surrogatepass") + b"\x1e")
    if start is not None:
        digest.update("\x1f".join(start.words).encode())
        for array in (start.vectors, start.counts, *([start.contexts] if start.contexts is not None else [])):
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


class Checkpoint:
    """The state of one training in one folder; without a folder nothing is kept."""

    def __init__(self, folder: Path | None, identity: str) -> None:
        self.folder, self.identity = folder, identity
        self._last = time.monotonic()

    @property
    def kept(self) -> str:
        """What to say to a person who stopped the training."""
        return "start it again to go on." if self.folder is not None else "nothing was kept."

    def due(self) -> bool:
        """Whether the last state is old enough to write another."""
        return self.folder is not None and time.monotonic() - self._last > STATE_SECONDS

    def write(self, memo: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Keep a state: plain values and arrays. Raises StoreError when the disk is full; the one before stays."""
        if self.folder is None:
            return
        needed = sum(array.nbytes for array in arrays.values())
        with sealed_folder(self.folder, needed=needed) as folder:
            atomic_write(folder / ARRAYS, save({name: np.ascontiguousarray(a) for name, a in arrays.items()}))
            write_json(folder / MEMO, {"identity": self.identity, **memo})
        self._last = time.monotonic()

    def read(self, expected: Iterable[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        """The state there is, or None. Raises TrainingError for that of another training, StoreError for damage."""
        if self.folder is None:
            return None
        recover(self.folder.parent)
        if not is_sealed(self.folder):
            return None
        memo = read_json(self.folder, MEMO)
        if memo.get("identity") != self.identity:
            raise TrainingError(
                f"The checkpoint {self.folder.name} belongs to a training with other texts or settings: give them "
                "again, or start afresh with another checkpoint."
            )
        try:
            arrays = load(open_verified(self.folder, ARRAYS).read_bytes())
        except SafetensorError as error:
            raise TrainingError(f"The checkpoint {self.folder.name} cannot be read: start afresh.") from error
        if set(arrays) != set(expected):
            raise TrainingError(f"The checkpoint {self.folder.name} is of another version: start afresh.")
        return memo, arrays
