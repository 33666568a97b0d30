"""The published ULMFiT (fastai's wt103): weights as .pth and vocabulary as txt or json, made into a model folder.

The tokenizer cuts as fastai's does as far as a tokenizer of one pass can: lower case, clitics apart (do n't, it 's),
every text begun by xxbos. It does not write the signs that fastai puts before words in capitals (xxmaj, xxup) and for
repeated ones (xxrep, xxwrep): the model reads lower-cased text without them, and names words a little worse for it.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers.utils import logging

from embedlab.errors import ModelError
from embedlab.lineage import awd_lstm, converting
from embedlab.lineage.vocabulary import LARGEST_FILE, LONGEST
from embedlab.store import atomic_write, write_json

BEGIN = "xxbos"
# clitics, the word before n't, numbers with their points, words, single signs
WORDS = r"n't\b|'(?:s|re|ve|ll|d|m)\b|\w+?(?=n't\b)|\d+(?:[.,]\d+)*|\w+|[^\w\s]"


def make(weights: Path, words: Path, folder: Path) -> None:
    """Write config.json, model.safetensors and the tokenizer's files into `folder`, which the caller seals.

    `weights`: a .pth, opened in a process of its own (see `converting`). Raises ModelError for files that are not
    there, damaged, or do not belong together.
    """
    known = read_words(words)
    model = awd_lstm.from_fastai(converting.pth(weights), known, weights.name)
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write(folder / "tokenizer.json", tokenizer([known[row] for row in awd_lstm.order(known)]).to_str().encode())
    signs = {"pad_token": awd_lstm.PADDING, "unk_token": awd_lstm.UNKNOWN_WORD}
    said = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": LONGEST, **signs}
    write_json(folder / "tokenizer_config.json", said)
    logging.disable_progress_bar()
    model.save_pretrained(folder)


def read_words(path: Path) -> list[str]:
    """The words by row: a json list of texts, or a text file with one word a line. Raises ModelError."""
    if not path.is_file():
        raise ModelError(f"There is no file {path.name}: give the vocabulary of the weights, as txt or json.")
    if path.stat().st_size > LARGEST_FILE:
        raise ModelError(f"{path.name} is over {LARGEST_FILE // 2**20} MB, larger than any vocabulary.")
    raw = path.read_bytes()
    if raw[:1] == b"\x80":
        raise ModelError(
            f"{path.name} is a pickle, which can run any program when opened: save its list of words as json or txt."
        )
    try:
        text = raw.decode("utf-8-sig")
        found = json.loads(text) if text.lstrip()[:1] == "[" else text.splitlines()
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path.name} is not a vocabulary in UTF-8, a json list or a word a line.") from error
    if not all(isinstance(word, str) for word in found):
        raise ModelError(f"{path.name} is a json list, but not of words alone.")
    return _once(found, path.name)


def _once(words: Sequence[str], name: str) -> list[str]:
    """fastai fills its list up with xxfake, so that its length is a multiple of eight: each gets a name of its own."""
    kept = [f"{word}{row}" if word == "xxfake" else word for row, word in enumerate(words)]
    seen: set[str] = set()
    for row, word in enumerate(kept):
        if word in seen:
            raise ModelError(f"{name} holds the word of line {row + 1} twice: which row is meant cannot be told.")
        seen.add(word)
    return kept


def tokenizer(words: Sequence[str]) -> Tokenizer:
    """A tokenizer of these words by row; xxbos stands before every text where they hold it."""
    ids = {word: row for row, word in enumerate(words)}
    made = Tokenizer(models.WordLevel(ids, unk_token=awd_lstm.UNKNOWN_WORD))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True)
    if BEGIN in ids:
        made.add_special_tokens([BEGIN])
        made.post_processor = processors.TemplateProcessing(f"{BEGIN} $A", special_tokens=[(BEGIN, ids[BEGIN])])
    return made
