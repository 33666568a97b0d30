"""From texts to words by their letters: the reader of models that have no vocabulary (ELMo)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from embedlab.encoders.alignment import PieceReader, Pieces
from embedlab.errors import ModelError
from embedlab.lineage import characters


class CharacterReader(PieceReader):
    """Cuts where the tokenizer of the folder cuts a text into words, and keeps every word as it is written.

    No word is unknown, none is lower-cased; the ids are numbers of `lineage.characters`. The model itself adds what
    marks the ends of a text, so there are no special pieces.
    """

    def __init__(self, backend: Any, label: str) -> None:
        if backend.pre_tokenizer is None:
            raise ModelError(
                f"The tokenizer.json of {label} does not say where words end (pre_tokenizer), which a model that reads "
                "letters needs: take the one that was saved with the model."
            )
        self._label = label
        self._cut = backend.pre_tokenizer.pre_tokenize_str
        self.prefix, self.suffix = (), ()

    def read(self, texts: Sequence[str]) -> list[Pieces]:
        """Cut texts into words, all of each. Raises ModelError when the tokenizer fails on one."""
        return [self._words(text) for text in texts]

    def _words(self, text: str) -> Pieces:
        try:
            spans = [span for _, span in self._cut(text)]
        except BaseException as error:
            # a panic of the Rust code is not an Exception, and has no name one could import
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":
                raise ModelError(
                    f"The tokenizer of {self._label} cannot read one of the texts: it is not Unicode. Remove such rows."
                ) from error
            raise
        places = np.array(spans, dtype=np.int64).reshape(-1, 2)
        numbers = [characters.number_of(text[start:end]) for start, end in spans]
        return Pieces(np.array(numbers, dtype=np.int64), places[:, 0], places[:, 1])
