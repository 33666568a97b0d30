"""From characters to pieces: how a text is cut, and which pieces a span of it touches.

Fast tokenizers only, since only they say where a piece lies. Pieces are counted from 0 at the first piece of the text;
the special pieces before it have negative places, those after it follow the last (see `batching`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64

from embedlab.encoders.protocol import Span
from embedlab.errors import ModelError

PROBES = ("a", "1", "the", ".", "一")


@dataclass(frozen=True)
class Pieces:
    """One text as a model reads it, special pieces left out. starts, ends: characters [start, end) of each piece."""

    ids: Int64[np.ndarray, "piece"]
    starts: Int64[np.ndarray, "piece"]
    ends: Int64[np.ndarray, "piece"]

    def __len__(self) -> int:
        return len(self.ids)

    def touched(
        self, starts: Int64[np.ndarray, "span"], ends: Int64[np.ndarray, "span"]
    ) -> tuple[Int64[np.ndarray, "span"], Int64[np.ndarray, "span"]]:
        """First and last (exclusive) piece that overlap each span; first >= last where there is none.

        Pieces come in the order of their characters; where a normaliser swapped two, the range covers both.
        """
        reached = np.maximum.accumulate(self.ends)
        ahead = np.minimum.accumulate(self.starts[::-1])[::-1]
        return reached.searchsorted(starts, "right"), ahead.searchsorted(ends, "left")


class PieceReader:
    """A tokenizer as the encoders use it: no truncation, no padding, and a typed "[MASK]" is text like any other."""

    def __init__(self, backend: Any, label: str) -> None:
        self._label = label
        self._backend = _untypable(_as_text(backend))
        self.prefix, self.suffix = self._special_pieces()
        spans = self._encode(["a b"])[0].offsets
        self._spaces = any("a b"[start:end] != "a b"[start:end].strip() for start, end in spans)

    def read(self, texts: Sequence[str]) -> list[Pieces]:
        """Cut texts into pieces, all of each. Raises ModelError when the tokenizer fails on one."""
        return [self._pieces(text, encoding) for text, encoding in zip(texts, self._encode(texts), strict=True)]

    def _pieces(self, text: str, encoding: Any) -> Pieces:
        spans = encoding.offsets
        if self._spaces:
            spans = [_without_spaces(text, start, end) for start, end in spans]
        places = np.array(spans, dtype=np.int64).reshape(-1, 2)
        return Pieces(np.array(encoding.ids, dtype=np.int64), places[:, 0], places[:, 1])

    def _encode(self, texts: Sequence[str], special: bool = False) -> list[Any]:
        try:
            return self._backend.encode_batch(list(texts), add_special_tokens=special)
        except BaseException as error:
            # a panic of the Rust code is not an Exception, and has no name one could import
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":
                raise ModelError(
                    f"The tokenizer of {self._label} cannot read one of the texts: either it is damaged, "
                    "or the text is not Unicode. Remove such rows or use another model."
                ) from error
            raise

    def _special_pieces(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What this model puts before and after every text, e.g. ([CLS], [SEP]); nothing for GPT-2."""
        for encoding in self._encode(PROBES, special=True):
            body = [i for i, special in enumerate(encoding.special_tokens_mask) if not special]
            if body:
                return tuple(encoding.ids[: body[0]]), tuple(encoding.ids[body[-1] + 1 :])
        raise ModelError(f"The tokenizer of {self._label} knows no letter, digit or sign: it is damaged.")


def _as_text(backend: Any) -> Any:
    """Special pieces are found by no one who types them; no text is cut or filled up."""
    backend.encode_special_tokens = True
    backend.no_truncation()
    backend.no_padding()
    return backend


def _untypable(backend: Any) -> Any:
    """A tokenizer in whose vocabulary no typed text meets a special piece.

    Unigram models (XLM-RoBERTa, CamemBERT) hold "</s>" and "<mask>" among their ordinary pieces, with the best score:
    typed, they come out as special ones even where those are not looked for. There the entries get names that
    nobody can type. Their ids stay, and so does what is put around a text, which goes by ids.
    """
    special = {token.content: place for place, token in backend.get_added_tokens_decoder().items() if token.special}
    if not any(place in backend.encode(f"a {name} b", add_special_tokens=False).ids for name, place in special.items()):
        return backend
    whole = json.loads(backend.to_str())
    model = whole["model"]
    hidden = set(special) - {model.get("unk_token")}
    if isinstance(model["vocab"], list):
        model["vocab"] = [[_hide(name) if name in hidden else name, score] for name, score in model["vocab"]]
    else:
        model["vocab"] = {_hide(name) if name in hidden else name: place for name, place in model["vocab"].items()}
    for token in whole["added_tokens"]:
        token["content"] = _hide(token["content"]) if token["content"] in hidden else token["content"]
    return _as_text(type(backend).from_str(json.dumps(whole)))


def _hide(name: str) -> str:
    """U+FDD0 to U+FDEF are set aside by Unicode for use inside programs."""
    return f"\ufdd0\ufddf\ufdef{name}\ufdef\ufddf\ufdd0"


def _without_spaces(text: str, start: int, end: int) -> Span:
    """Byte-level tokenizers count the space before a word to its first piece: the word begins after it.

    A piece that is nothing but space keeps its place.
    """
    piece = text[start:end]
    bare = piece.strip()
    if not bare or len(bare) == len(piece):
        return start, end
    start += len(piece) - len(piece.lstrip())
    return start, start + len(bare)
