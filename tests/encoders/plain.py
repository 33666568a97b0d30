"""What an encoder should give, said again the slow way: one text at a time, one window at a time, no batching.

It shares nothing with embedlab but the wording of the rules: transformers' own classes, masks and loops over pieces.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import transformers

from embedlab.types import Occurrence


class Plain:
    def __init__(self, folder: Path, longest: int, dtype: torch.dtype = torch.float32) -> None:
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.model = transformers.AutoModel.from_pretrained(folder, local_files_only=True, dtype=dtype).eval()
        self.longest = longest
        framed = self.tokenizer("a", return_special_tokens_mask=True)
        body = framed["special_tokens_mask"].index(0)
        bare = self.tokenizer("a", add_special_tokens=False)["input_ids"]
        self.prefix, self.suffix = framed["input_ids"][:body], framed["input_ids"][body + len(bare) :]
        self.room = longest - len(self.prefix) - len(self.suffix)

    def pieces(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids and characters, spaces around a piece not counted to it."""
        read = self.tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, split_special_tokens=True, verbose=False
        )
        spans = []
        for start, end in read["offset_mapping"]:
            if text[start:end].strip():
                while text[start].isspace():
                    start += 1
                while text[end - 1].isspace():
                    end -= 1
            spans.append((start, end))
        return read["input_ids"], spans

    def states(self, text: str) -> np.ndarray:
        """[layer, prefix + piece + suffix, dim], each piece from the window whose middle is nearest."""
        ids, _ = self.pieces(text)
        if len(ids) <= self.room:
            return self._forward([*self.prefix, *ids, *self.suffix])
        begins = [*range(0, len(ids) - self.room, self.room // 2), len(ids) - self.room]
        read = [self._forward([*self.prefix, *ids[b : b + self.room], *self.suffix]) for b in begins]
        before = len(self.prefix)
        rows = [read[0][:, i] for i in range(before)]
        for piece in range(len(ids)):
            distance = [abs(piece + 0.5 - (begin + self.room / 2)) for begin in begins]
            nearest = int(np.argmin(distance))  # the earlier one of two equally near
            rows.append(read[nearest][:, before + piece - begins[nearest]])
        rows += [read[-1][:, before + self.room + i] for i in range(len(self.suffix))]
        return np.stack(rows, axis=1)

    def _forward(self, ids: list[int]) -> np.ndarray:
        with torch.no_grad():
            given = torch.tensor([ids])
            out = self.model(input_ids=given, attention_mask=torch.ones_like(given), output_hidden_states=True)
        return np.stack([state[0].numpy() for state in out.hidden_states])

    def vectors(self, occurrences: Sequence[Occurrence], pooling: str = "mean") -> np.ndarray:
        """[layer, occurrence, dim]"""
        rows = []
        for use in occurrences:
            states, (_, spans) = self.states(use.text), self.pieces(use.text)
            if use.is_whole_text:
                one = {"mean": states.mean(axis=1), "cls": states[:, 0], "last": states[:, -1]}[pooling]
            else:
                inside = [i for i, (start, end) in enumerate(spans) if start < use.end and end > use.start]
                one = np.mean([states[:, len(self.prefix) + i] for i in inside], axis=0)
            rows.append(one)
        return np.stack(rows, axis=1)
