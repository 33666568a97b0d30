"""Vectors and labels made elsewhere: npy, npz, csv, parquet, word2vec and its kin -> a checked matrix with names."""

from pathlib import Path

from embedlab.vectorfiles.arrays import read_npy, read_npz
from embedlab.vectorfiles.checks import Progress, VectorError, Vectors, no_progress, present
from embedlab.vectorfiles.tables import read_delimited, read_labels, read_parquet
from embedlab.vectorfiles.words import ENDINGS, Shape, is_word_file, look_at, read_words

__all__ = [
    "KINDS",
    "Progress",
    "Shape",
    "VectorError",
    "Vectors",
    "is_word_file",
    "look_at",
    "read_labels",
    "read_vectors",
]

READERS = {
    ".npy": read_npy, ".npz": read_npz, ".csv": read_delimited, ".tsv": read_delimited, ".parquet": read_parquet,
}  # fmt: skip
KINDS = tuple(dict.fromkeys((*READERS, *ENDINGS)))


def read_vectors(path: Path, progress: Progress = no_progress) -> Vectors:
    """The matrix in a file, rows = points: float32 as it is (memory-mapped where it can be), all else as float64; and
    the names of its rows where the file has them. `progress` hears the share read, of files of word vectors.

    Raises VectorError for a file that is missing, of another kind, damaged or too large, and for anything but a
    2-dimensional matrix of finite numbers; the first bad row is named, counting from 1.
    """
    name = present(path)
    if is_word_file(path):
        return read_words(path, name, progress)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise VectorError(f"{name} is not of a kind read here: give one of {', '.join(KINDS)}.")
    return reader(path, name)
