"""Words as the lineage cuts them: at white space and punctuation, each punctuation mark a word of its own.

A tokenizer of the `tokenizers` library, so that every piece knows its characters. Row 0 of every table is "[PAD]",
row 1 "[UNK]"; nobody can type them, since brackets are cut off.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from embedlab.errors import ModelError
from embedlab.lineage.kinds import SPECIAL
from embedlab.store import atomic_write, write_json

LONGEST = 4096  # words of a text that are read at once
LARGEST_FILE = 64 * 2**20  # bytes; the reader of model folders refuses a tokenizer.json beyond it

_LOWERCASE = normalizers.Lowercase()


def tokenizer(texts: Iterable[str], *, min_count: int = 2, most: int = 50_000, lower: bool = True) -> Tokenizer:
    """A tokenizer that knows the commonest words of texts: at most `most`, each met at least `min_count` times.

    The rest is "[UNK]". Words stand by falling count, equal counts by the alphabet.
    """
    return of_words(frequent(counts(texts, lower=lower), min_count, most), lower=lower)


def counts(texts: Iterable[str], *, lower: bool = True) -> Counter[str]:
    """How often each word occurs, cut as the tokenizer cuts."""
    cut = cutter(lower=lower)
    found: Counter[str] = Counter()
    for text in texts:
        found.update(cut(text))
    return found


def cutter(*, lower: bool = True) -> Callable[[str], list[str]]:
    """text -> its words, cut as the tokenizer cuts."""
    bare = of_words((), lower=lower)
    return lambda text: [word for word, _ in bare.pre_tokenizer.pre_tokenize_str(lowered(text) if lower else text)]


def lowered(text: str) -> str:
    """In lower case as the tokenizer makes it: letter by letter, whatever stands beside it (a final Σ becomes σ)."""
    return str(_LOWERCASE.normalize_str(text))


def frequent(counted: Mapping[str, int], min_count: int, most: int) -> list[str]:
    """Words met at least `min_count` times, at most `most` of them, by falling count, then alphabet.

    >>> frequent({"b": 2, "a": 2, "c": 5, "d": 1}, 2, 50)
    ['c', 'a', 'b']
    """
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return [word for word, count in ordered if count >= min_count][:most]


def of_words(words: Sequence[str], *, lower: bool = True) -> Tokenizer:
    """A tokenizer of exactly these words, numbered from 2 in their order."""
    ids = {word: row for row, word in enumerate((*SPECIAL, *words))}
    made = Tokenizer(models.WordLevel(ids, unk_token=SPECIAL[1]))
    if lower:
        made.normalizer = _LOWERCASE
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    return made


def write(tokenizer: Tokenizer, folder: Path) -> None:
    """tokenizer.json and tokenizer_config.json, as transformers reads them. Raises ModelError for too many words."""
    body = tokenizer.to_str().encode()
    if len(body) > LARGEST_FILE:
        raise ModelError(
            f"A vocabulary of {tokenizer.get_vocab_size():,} words takes {len(body) / 2**20:.0f} MB, and the reader of "
            f"model folders takes {LARGEST_FILE // 2**20}: bring a table of fewer words."
        )
    atomic_write(folder / "tokenizer.json", body)
    pad, unknown = SPECIAL
    said = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": pad, "unk_token": unknown}
    write_json(folder / "tokenizer_config.json", {**said, "model_max_length": LONGEST})


def words_of(tokenizer: Tokenizer) -> list[str]:
    """The words by row, "[PAD]" and "[UNK]" included."""
    ids = json.loads(tokenizer.to_str())["model"]["vocab"]
    return sorted(ids, key=ids.__getitem__)
