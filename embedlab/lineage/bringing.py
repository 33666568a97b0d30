"""Weights that people own, as they were published, made into a model folder: ELMo, ULMFiT, CoVe.

Foreign files are opened in the limited process of `converting` alone; what comes out is a folder like any other.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from transformers.utils import logging

from embedlab.errors import ModelError
from embedlab.lineage import converting, cove, elmo, fastai, making, vocabulary
from embedlab.lineage.wordtables import Table

LARGEST_OPTIONS = 2**20  # bytes
NEEDS = {  # kind -> the files besides the weights, and what they are
    "elmo": ("options", "options.json beside weights.hdf5"),
    "awd-lstm": ("words", "the vocabulary (itos) as txt or json beside the .pth"),
    "cove": ("table", "the word vectors it reads (GloVe 840B.300d) beside the .pth, and a corpus for its words"),
}


def bring(
    kind: str,
    folder: Path,
    weights: Path,
    *,
    options: Path | None = None,
    words: Path | None = None,
    table: Table | None = None,
    texts: Sequence[str] = (),
) -> None:
    """Write a model folder from published weights into `folder`, which the caller seals.

    elmo: `weights` .hdf5 with `options` .json. awd-lstm: fastai's .pth with `words`. cove: wmtlstm's .pth with the
    `table` of words it reads, joined with the words of `texts`. Raises ModelError for a missing companion, and for
    files that are damaged or do not belong together.
    """
    given = {"options": options, "words": words, "table": table}
    name, said = NEEDS.get(kind, ("", ""))
    if not name:
        raise ModelError(f"No published weights are read for the kind {kind[:40]!r}: choose one of {', '.join(NEEDS)}.")
    if given[name] is None:
        raise ModelError(f"The weights of {kind} need their companion: give {said}.")
    logging.disable_progress_bar()
    if kind == "elmo":
        assert options is not None
        model = elmo.from_options(_read_options(options), converting.hdf5(weights))
        folder.mkdir(parents=True, exist_ok=True)
        vocabulary.write(vocabulary.of_words((), lower=False), folder)
        model.save_pretrained(folder)
    elif kind == "awd-lstm":
        assert words is not None
        fastai.make(weights, words, folder)
    else:
        assert table is not None
        tensors = converting.pth(weights)
        making.make("cove", folder, texts, table=(table.words, table.vectors), lstm_size=_lstm_size(tensors))
        translator = cove.Model.from_pretrained(folder)
        cove.load_lstm(translator, tensors, weights.name)
        translator.save_pretrained(folder)


def _lstm_size(tensors: Mapping[str, np.ndarray]) -> int:
    """Of one direction, by the shape of its recurrent weights; what is wrong with the others is said on loading."""
    sizes = [array.shape[1] for name, array in tensors.items() if "weight_hh_l" in name and array.ndim == 2]
    return int(sizes[0]) if sizes else 1


def _read_options(path: Path) -> dict[str, object]:
    if not path.is_file():
        raise ModelError(f"There is no file {path.name}: give the options.json that was published with the weights.")
    if path.stat().st_size > LARGEST_OPTIONS:
        raise ModelError(f"{path.name} is over {LARGEST_OPTIONS // 2**20} MB, larger than any real one.")
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path.name} is not readable JSON: get it again.") from error
    if not isinstance(found, dict):
        raise ModelError(f"{path.name} is not a JSON object: get it again.")
    return found
