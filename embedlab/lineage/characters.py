"""Words by their letters, as ELMo reads them: fifty places of utf-8 bytes, and a number for every word met.

A model gets whole numbers, as all models do. Here they count the words in the order in which this process met them,
and the table that leads back from a number to the letters only ever grows: so no word is unknown, and none is cut off
by a vocabulary. The numbers mean nothing outside the process; what is written to disk is text or vectors.
Source: Peters et al. 2018, "Deep contextualized word representations"; the coding is that of their bilm.
"""

from collections.abc import Sequence
from threading import Lock

import numpy as np
from jaxtyping import Int64, UInt16

PLACES = 50  # of a word: its first 48 bytes between two marks
SIGNS = 262  # 0: no word at all; then 256 bytes and the marks below, each one up
BEGIN_TEXT, END_TEXT, BEGIN_WORD, END_WORD, FILL = 257, 258, 259, 260, 261
NOTHING, BEGIN, END = 0, 1, 2  # the first numbers: padding, <S>, </S>; words follow
_FIRST = 3


class _Words:
    """Number -> word -> letters. Rows are never changed once given out, so reading takes no lock."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._numbers: dict[str, int] = {}
        self._words: list[str] = ["", "<S>", "</S>"]
        self._codes: UInt16[np.ndarray, "number place"] = np.zeros((1024, PLACES), dtype=np.uint16)
        self._codes[BEGIN] = _framed([BEGIN_TEXT])
        self._codes[END] = _framed([END_TEXT])

    def number_of(self, word: str) -> int:
        known = self._numbers.get(word)
        if known is not None:
            return known
        with self._lock:
            number = self._numbers.get(word, len(self._words))
            if number == len(self._words):
                if number == len(self._codes):
                    self._codes = np.concatenate([self._codes, np.zeros_like(self._codes)])
                self._codes[number] = code(word)
                self._words.append(word)
                self._numbers[word] = number  # last: who finds the number finds its letters
            return number

    def ids(self, numbers: Int64[np.ndarray, "n"]) -> Int64[np.ndarray, "n place"]:
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(self._words):
            raise IndexError("a number that was never given to a word")
        return self._codes[numbers].astype(np.int64)

    def words(self, numbers: Sequence[int]) -> list[str]:
        return [self._words[number] for number in numbers]


def code(word: str) -> UInt16[np.ndarray, "place"]:
    """[50]: a mark, the utf-8 bytes of a word (48 at most), a mark, filling; everything one up.

    Lone surrogates have no bytes and are left out.

    >>> code("né").tolist()[:7]
    [259, 111, 196, 170, 260, 261, 261]
    """
    return _framed([byte + 1 for byte in word.encode("utf-8", "ignore")[: PLACES - 2]])


def _framed(inside: list[int]) -> UInt16[np.ndarray, "place"]:
    row = np.full(PLACES, FILL, dtype=np.uint16)
    row[: len(inside) + 2] = [BEGIN_WORD, *inside, END_WORD]
    return row


_WORDS = _Words()


def number_of(word: str) -> int:
    """The number of a word in this process, from 3; the same word always has the same."""
    return _WORDS.number_of(word)


def ids(numbers: Int64[np.ndarray, "n"]) -> Int64[np.ndarray, "n place"]:
    """[n, 50]: the letters of words by number; zeros for 0. Raises IndexError for a number nobody was given."""
    return _WORDS.ids(numbers)


def words(numbers: Sequence[int]) -> list[str]:
    """The words behind numbers: "" for padding, <S> and </S> for the ends of a text."""
    return _WORDS.words(numbers)
