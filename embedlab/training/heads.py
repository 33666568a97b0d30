"""The heads that objectives on single words need beside a model: which there are, which are new, how those begin."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from embedlab.encoders import files
from embedlab.encoders.alignment import PieceReader
from embedlab.training import lm, mlm, translation
from embedlab.training.objectives import Examples, Material
from embedlab.training.trainable import Trainable
from embedlab.training.translation import Target

FITS: Mapping[str, Callable[[Trainable, Material], None]] = {  # a fresh head starts from how often pieces occur
    "mlm": mlm.fit,
    "lm": lm.fit,
    "translation": translation.fit,
}
SMALL = "so the score before the first step says little of the model."
NOTES: Mapping[str, str] = {
    "mlm": "The start model brings no head for hidden pieces: a new one starts from how often each piece occurs, "
    + SMALL,
    "lm": f"What names the words is new: it starts from how often each word occurs, {SMALL}",
    "translation": f"The decoder of the translations is new in every run, {SMALL}",
}


@dataclass(frozen=True)
class Heads:
    """`mlm`, `lm`, `decoder`: as Trainable takes them. `fresh`: the objectives whose head has learnt nothing yet."""

    mlm: mlm.MlmHead | None
    lm: nn.Module | None
    decoder: nn.Module | None
    fresh: tuple[str, ...]

    def fit(self, model: Trainable, train: Mapping[str, Material]) -> None:
        """Start the new ones from the training texts of their objectives."""
        for name in self.fresh:
            FITS[name](model, train[name])

    @property
    def notes(self) -> list[str]:
        """What a person should know of the new ones."""
        return [NOTES[name] for name in self.fresh]


def open_heads(
    encoder: Any,
    source: files.ModelFiles,
    label: str,
    reader: PieceReader,
    train: Mapping[str, Examples],
    target: Target | None,
) -> Heads:
    """The heads for the objectives of `train`, by their training rows; `target` where one is translation.

    New ones draw from torch's generator. Raises TrainingError for a model that an objective has no head for.
    """
    fresh = []
    hides = reads = speaks = None
    if "mlm" in train:
        hides, found = mlm.open_head(source, encoder)
        fresh += [] if found else ["mlm"]
    if "lm" in train:
        reads = lm.open_head(encoder, reader, train["lm"], label)
        fresh += ["lm"] if lm.is_fresh(reads) else []
    if target is not None:
        speaks = translation.decoder(encoder, target, label)
        fresh.append("translation")
    return Heads(hides, reads, speaks, tuple(fresh))
