"""The words of a corpus as static vectors, one row a word: the mean over its uses. And the files that hold them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from embedlab.store import atomic_write, sealed_folder
from embedlab.takeaway.places import require_free
from embedlab.types import Snapshot
from embedlab.vectorfiles import VectorError
from embedlab.vectorfiles.writing import check_table, write_words

BLOCK = 4096  # rows of a snapshot summed at once
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class Table(NamedTuple):
    """Words, most used first and then by spelling; their uses; a vector each."""

    words: tuple[str, ...]
    counts: Int64[np.ndarray, "word"]
    vectors: Float32[np.ndarray, "word d"]


def corpus_table(snapshot: Snapshot, layer: int) -> Table:
    """The mean vector of every word over its uses, summed in float64; `layer`: a place in snapshot.layers.

    The same means as a comparison's word table. Raises VectorError where an occurrence is of no word.
    """
    spoken = [use.word for use in snapshot.occurrences]
    words = [word for word in spoken if word is not None]
    if len(words) < len(spoken) or not words:
        raise VectorError("These vectors are not of words: embed all words of the corpus (--words all-words).")
    names, code, counts = np.unique(np.array(words, dtype=object), return_inverse=True, return_counts=True)
    rows = snapshot.layers[layer]
    total = np.zeros((len(names), rows.shape[1]))
    for begin in range(0, len(rows), BLOCK):
        block = slice(begin, begin + BLOCK)
        np.add.at(total, code[block], rows[block].astype(np.float64))
    order = np.lexsort((np.arange(len(names)), -counts))  # np.unique has them by spelling
    means = (total / counts[:, None]).astype(np.float32)[order]
    return Table(tuple(str(name) for name in names[order]), counts[order].astype(np.int64), means)


def word2vec(words: Sequence[str], vectors: Float32[np.ndarray, "word d"], out: Path, *, binary: bool) -> None:
    """One file in the format of word2vec (see vectorfiles/writing.py). Raises VectorError, StoreError."""
    write_words(words, vectors, out, binary=binary)


def projector(
    words: Sequence[str],
    vectors: Float32[np.ndarray, "word d"],
    out: Path,
    columns: Mapping[str, Sequence[Any]] | None = None,
) -> None:
    """vectors.tsv and metadata.tsv in a folder, as TensorBoard's embedding projector loads them: row i is row i.

    `columns`: what is known of each word besides (count, sense, label). metadata.tsv has a first line of names when it
    has columns besides the words, and none otherwise: so the projector wants it. A cell's tab, line break and backslash
    are written \\t, \\n, \\r and \\\\. Raises VectorError for a word of nothing but white space, which the projector
    would pass over and so shift all that follow.
    """
    require_free(out)
    check_table(words, vectors, out.name)
    blank = sum(not word.strip() for word in words)
    if blank:
        raise VectorError(f"{blank:,} words are nothing but white space, which the projector skips: leave them out.")
    header = [["word", *(columns or {})]] if columns else []
    cells = [*header, *zip(words, *(columns or {}).values(), strict=True)]
    row = "\t".join(["%.9g"] * vectors.shape[1])
    with sealed_folder(out, needed=16 * vectors.size) as folder:
        atomic_write(folder / "vectors.tsv", "".join(row % tuple(v.tolist()) + "\n" for v in vectors).encode())
        lines = ("\t".join(_cell(value) for value in line) + "\n" for line in cells)
        atomic_write(folder / "metadata.tsv", "".join(lines).encode("utf-8", "backslashreplace"))


def _cell(value: object) -> str:
    return "" if value is None else str(value).translate(ESCAPES)
