"""fastText models (.bin), read by our own parser: header, dictionary, input matrix. Nothing in them is run.

Layout (fastText 0.9, little-endian): magic and version; twelve int32 and a double of settings; the dictionary (sizes,
then each word with a zero byte, its count and its type); a byte that says whether the input matrix is quantised; its
rows and dimensions, and float32 numbers. Rows: one a word, then `bucket` rows that character n-grams share by hashing.
What follows, the output matrix, is not read. The vector of a word is the mean of its own row and those of its n-grams
(Bojanowski et al. 2017), as fastText's own print-word-vectors gives it.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64

from embedlab.vectorfiles.checks import Progress, VectorError
from embedlab.vectorfiles.headers import NAME_BYTES, check_shape, too_much

MAGIC, VERSIONS = 793712314, (11, 12)
HEADER = struct.Struct("<2i12id")
SIZES = struct.Struct("<3i2q")  # entries, words, labels, tokens, pruned n-grams (-1: the model was never pruned)
MATRIX = struct.Struct("<?2q")  # quantised, rows, columns
ENTRY_TAIL = 9  # bytes after a word and its zero byte: int64 count, int8 type
SUPERVISED = 3
END_OF_LINE = b"</s>"  # has no n-grams
LONGEST = 64  # characters of an n-gram; fastText's own default is 6
MOST_WORK = 200  # additions for each number of the file; fastText's defaults need about 40
HASHED, GATHERED = 2**20, 2**22  # n-grams found at once, numbers gathered at once
FNV_START, FNV_PRIME = np.uint32(2166136261), np.uint32(16777619)


@dataclass(frozen=True)
class _Model:
    """What stands before the numbers. `longest` 0: no n-grams. `begin`: the byte at which the matrix begins."""

    names: list[bytes]
    dim: int
    bucket: int
    shortest: int
    longest: int
    rows: int
    begin: int


def is_fasttext(path: Path) -> bool:
    """Whether a file begins as fastText models do."""
    with path.open("rb") as file:
        return file.read(4) == MAGIC.to_bytes(4, "little")


def shape(path: Path, name: str) -> tuple[int, int]:
    """(words, dimensions) by the header. Raises VectorError."""
    with path.open("rb") as file:
        head = file.read(HEADER.size + SIZES.size)
    dim, words, _ = _sizes(head, path.stat().st_size, name)
    return words, dim


def read(path: Path, name: str, progress: Progress) -> tuple[Float32[np.ndarray, "n d"], list[bytes], list[str]]:
    """(a row for each word, the words, what to say of it). Raises VectorError.

    The matrix is mapped, not copied: memory goes to the rows of the words alone.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        model = _parsed(data, path.stat().st_size, name)
        rows = _means(data, model, name, progress)
    said = "Each word is the mean of its own vector and those of its character n-grams, as fastText gives it."
    return rows, model.names, [said] if model.longest else []


# ---------------------------------------------------------------- header and dictionary


def _sizes(head: bytes, size: int, name: str) -> tuple[int, int, int]:
    """(dimensions, words, entries of the dictionary), compared with the size of the file."""
    if len(head) < HEADER.size + SIZES.size:
        raise _broken(name)
    _, version, dim = struct.unpack_from("<3i", head)
    if version not in VERSIONS:
        raise VectorError(f"{name} is a fastText model of version {version}, not 11 or 12: give its .vec file.")
    entries, words, labels, tokens, pruned = SIZES.unpack_from(head, HEADER.size)
    check_shape(words, dim, name)
    if pruned != -1:
        raise VectorError(f"{name} is a pruned fastText model: give the full .bin, or its .vec file.")
    if labels < 0 or entries != words + labels or tokens < 0:
        raise _broken(name)
    # an entry is at least a letter and its zero byte; of a number, a quantised matrix holds at least a bit
    if entries * (ENTRY_TAIL + 2) + words * dim // 32 > size - len(head):
        raise too_much(words, dim, name)
    return dim, words, entries


def _parsed(data: mmap.mmap, size: int, name: str) -> _Model:
    head = data[: HEADER.size + SIZES.size]
    dim, words, entries = _sizes(head, size, name)
    _, version, *_, kind, bucket, shortest, longest, _, _ = HEADER.unpack_from(head)
    if version == 11 and kind == SUPERVISED:
        longest = 0  # older classifiers used no n-grams of characters, whatever they say
    if bucket < 0 or not 0 <= longest <= LONGEST or shortest < 0 or (longest and not bucket):
        raise _broken(name)
    names, at = _dictionary(data, entries, words, size, name)
    if at + MATRIX.size > size:
        raise _broken(name)
    if data[at]:
        raise VectorError(f"{name} is a quantised fastText model: give the full .bin, or its .vec file.")
    _, rows, columns = MATRIX.unpack_from(data, at)
    at += MATRIX.size
    if columns != dim or rows < words + (bucket if longest else 0):
        raise _broken(name)
    if rows > (size - at) // (4 * dim):
        raise too_much(rows, dim, name)
    return _Model(names, dim, bucket, shortest, longest, rows, at)


def _dictionary(data: mmap.mmap, entries: int, words: int, size: int, name: str) -> tuple[list[bytes], int]:
    """(the words, where the dictionary ends). Labels, which classifiers have, come after the words and are left."""
    names: list[bytes] = []
    at = HEADER.size + SIZES.size
    for entry in range(entries):
        end = data.find(b"\0", at, at + NAME_BYTES)
        if end < 0 or end + 1 + ENTRY_TAIL > size or data[end + ENTRY_TAIL] != (0 if entry < words else 1):
            raise _broken(name)
        if entry < words:
            names.append(data[at:end])
        at = end + 1 + ENTRY_TAIL
    return names, at


def _broken(name: str) -> VectorError:
    return VectorError(
        f"{name} breaks off, or is no fastText model that can be read here: get it again, or give its .vec file."
    )


# ---------------------------------------------------------------- words from their n-grams


def _means(data: mmap.mmap, model: _Model, name: str, progress: Progress) -> Float32[np.ndarray, "n d"]:
    """For every word the mean of its row and those of its n-grams. Raises VectorError where that is an endless task."""
    lengths = max(0, model.longest - max(model.shortest, 1) + 1)
    if lengths * sum(len(word) + 2 for word in model.names) * model.dim > MOST_WORK * (len(data) // 4):
        raise VectorError(f"{name} has words or n-grams longer than any language has: give its .vec file.")
    rows = np.zeros((len(model.names), model.dim), np.float32)
    matrix = np.frombuffer(data, "<f4", model.rows * model.dim, model.begin).reshape(model.rows, model.dim)
    try:
        for start, end in _blocks(model):
            progress(start / len(rows), f"Reading {name}")
            data.madvise(mmap.MADV_DONTNEED)
            if not model.longest:
                rows[start:end] = matrix[start:end]
                continue
            owner, wanted = _rows_of(model, start, end)
            held = max(1, GATHERED // model.dim)
            for first in range(0, len(wanted), held):
                whose = owner[first : first + held]
                begins = np.flatnonzero(np.diff(whose, prepend=-1))
                rows[whose[begins]] += np.add.reduceat(matrix[wanted[first : first + held]], begins, axis=0)
            rows[start:end] /= np.bincount(owner - start, minlength=end - start)[:, None].astype(np.float32)
    finally:
        del matrix  # else the map cannot be closed
    progress(1.0, f"Reading {name}")
    return rows


def _blocks(model: _Model) -> Iterator[tuple[int, int]]:
    """(first word, last word + 1) of as many words as may be hashed, and their rows held, at once."""
    start, letters = 0, 0
    most_letters, most_words = HASHED // max(1, model.longest), GATHERED // model.dim
    for at, word in enumerate(model.names):
        letters += len(word) + 2
        if letters > most_letters or at - start >= most_words:
            yield start, at + 1
            start, letters = at + 1, 0
    if start < len(model.names):
        yield start, len(model.names)


def _rows_of(model: _Model, start: int, end: int) -> tuple[Int64[np.ndarray, "r"], Int64[np.ndarray, "r"]]:
    """(word, row of the matrix) for some words: of each its own row, then its n-grams by length and place."""
    own = np.arange(start, end, dtype=np.int64)
    owner, buckets = hashed(model.names[start:end], model.shortest, model.longest, model.bucket)
    both = np.concatenate([own, owner + start])
    order = np.argsort(both, kind="stable")
    return both[order], np.concatenate([own, buckets + len(model.names)])[order]


def hashed(
    names: list[bytes], shortest: int, longest: int, bucket: int
) -> tuple[Int64[np.ndarray, "g"], Int64[np.ndarray, "g"]]:
    """(which name, hash modulo bucket) of all character n-grams of "<name>", lengths `shortest` to `longest`.

    The hash is 32-bit FNV-1a over the bytes taken as signed, as fastText computes it; an n-gram of one character that
    is only the "<" or ">" does not count. All n-grams of all names grow together, a character a round.
    """
    framed = [b"" if name == END_OF_LINE else b"<" + name + b">" for name in names]
    lengths = np.array([len(name) for name in framed], dtype=np.int64)
    text = np.frombuffer(b"".join(framed), np.uint8)
    ends = np.cumsum(lengths)
    starts_character = np.append((text & 0xC0) != 0x80, True)
    owner_of_byte = np.repeat(np.arange(len(names), dtype=np.int64), lengths)
    at = np.flatnonzero(starts_character[:-1])
    owner, begin = owner_of_byte[at], at.copy()
    state = np.full(len(at), FNV_START, np.uint32)
    found_owner: list[np.ndarray] = []
    found_hash: list[np.ndarray] = []
    for n in range(1, longest + 1):
        inside = at < ends[owner]
        at, owner, begin, state = at[inside], owner[inside], begin[inside], state[inside]
        if not len(at):
            break
        state = _absorb(state, text[at])
        at = at + 1
        while len(more := np.flatnonzero((at < ends[owner]) & ~starts_character[at])):
            state[more] = _absorb(state[more], text[at[more]])
            at[more] += 1
        if n >= shortest:
            lone = (n == 1) & ((begin == ends[owner] - lengths[owner]) | (at == ends[owner]))
            found_owner.append(owner[~lone])
            found_hash.append(state[~lone].astype(np.int64) % bucket)
    if not found_owner:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate(found_owner), np.concatenate(found_hash)


def _absorb(state: np.ndarray, byte: np.ndarray) -> np.ndarray:
    signed = byte.astype(np.int8).astype(np.int32).astype(np.uint32)
    return (state ^ signed) * FNV_PRIME
