"""Uses of words in a corpus: targets, every whole-word use, whole texts, a background sample.

A word is a run of letters, digits and combining marks that holds a letter. What follows an apostrophe in a contraction
(bank's, we'll) is no word of its own; n't stays with its verb (don't).
"""

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from embedlab.errors import CorpusError
from embedlab.types import Corpus, Occurrence

CLITICS = frozenset(("s", "d", "m", "ll", "re", "ve"))
APOSTROPHES = "'’"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a concordance: a use of a word between its neighbours, at most `width` characters a side."""

    row: int
    left: str
    surface: str
    right: str
    sense: str | None
    label: str | None


@lru_cache(maxsize=1)
def _letter() -> str:
    """The class of letters, digits, marks and _. `\\w` has no marks: it would cut हिन्दी and a decomposed é."""
    runs: list[list[int]] = []
    for code in (*range(0x300, 0x20000), *range(0xE0100, 0xE01F0)):
        if unicodedata.category(chr(code)).startswith("M"):
            if runs and runs[-1][1] == code - 1:
                runs[-1][1] = code
            else:
                runs.append([code, code])
    return rf"[\w{''.join(f'{chr(first)}-{chr(last)}' for first, last in runs)}]"


@lru_cache(maxsize=1)
def _word() -> re.Pattern[str]:
    return re.compile(f"{_letter()}+(?:[{APOSTROPHES}]{_letter()}+)*")


def word_spans(text: str) -> list[tuple[int, int]]:
    """[start, end) of every word of a text, from left to right."""
    spans: list[tuple[int, int]] = []
    # an underscore joins identifiers, not words
    for match in _word().finditer(text.replace("_", " ")):
        run = match[0]
        if run.isalpha():
            spans.append(match.span())
        else:
            spans.extend((match.start() + start, match.start() + end) for start, end in _parts(run))
    return spans


def _parts(run: str) -> list[tuple[int, int]]:
    """The words of a run that is not all letters: cut at apostrophes, without what a contraction leaves behind."""
    parts: list[tuple[int, int]] = []
    start = 0
    for part in re.split(f"[{APOSTROPHES}]", run):
        end = start + len(part)
        lowered = part.lower()
        if start and lowered == "t" and run[start - 2] in "nN":
            parts[-1:] = [(parts[-1][0] if parts else 0, end)]
        elif any(map(str.isalpha, part)) and not (start and lowered in CLITICS):
            parts.append((start, end))
        start = end + 1
    return parts


def uses_of(corpus: Corpus, word: str) -> list[Occurrence]:
    """Every whole-word use of a word or phrase, whatever its case, in row order; and the targets it is the headword of.

    `word` of each is the word asked, lower-cased; the sense is that of the row's target where it is this very use.
    Raises CorpusError with near spellings when there is none.
    """
    wanted = " ".join(word.replace("_", " ").split()).lower()
    if not wanted:
        raise CorpusError("No word was given: type the word to look for.")
    found: list[Occurrence] = []
    for row, text in enumerate(corpus.texts):
        target = corpus.targets[row] if corpus.targets is not None else None
        spans = dict.fromkeys(_spans_of(text, wanted))
        if target is not None and target.word.lower() == wanted:
            spans[target.start, target.end] = None
        for start, end in sorted(spans):
            is_target = target is not None and (target.start, target.end) == (start, end)
            sense = target.sense if target is not None and is_target else None
            found.append(Occurrence(text, start, end, sense, wanted, row))
    if not found:
        raise CorpusError(f"“{wanted[:60]}” never occurs in this corpus{_near(corpus, wanted)}.")
    return found


def _spans_of(text: str, wanted: str) -> list[tuple[int, int]]:
    first = re.split(f"[ {APOSTROPHES}]", wanted, maxsplit=1)[0]
    if first not in text.lower():  # spares the search in nearly every text
        return []
    spans = [match.span() for match in _phrase(wanted).finditer(text.replace("_", " "))]
    if any(text[start - 1 : start] in APOSTROPHES or text[end : end + 1] in APOSTROPHES for start, end in spans):
        # beside an apostrophe it may be a part of a contraction: "don" is no word of "don't"
        words = word_spans(text)
        starts, ends = {start for start, _ in words}, {end for _, end in words}
        spans = [(start, end) for start, end in spans if start in starts and end in ends]
    return spans


@lru_cache(maxsize=256)
def _phrase(wanted: str) -> re.Pattern[str]:
    """A word or phrase, its words apart by any white space and neither end inside a word."""
    letter = _letter()
    body = r"\s+".join(re.sub(f"[{APOSTROPHES}]", f"[{APOSTROPHES}]", re.escape(part)) for part in wanted.split())
    before = f"(?<!{letter})" if _is_letter(wanted[0]) else ""
    after = f"(?!{letter})" if _is_letter(wanted[-1]) else ""
    return re.compile(before + body + after, re.IGNORECASE)


def _is_letter(character: str) -> bool:
    return re.fullmatch(_letter(), character) is not None


def _near(corpus: Corpus, wanted: str) -> str:
    """How the sentence goes on: `; near it are a, b or c`, from the words of the corpus."""
    known = vocabulary(corpus, min_count=1)
    # difflib is quadratic in the word: only words of nearly its length can be near
    candidates = [word for word in known if abs(len(word) - len(wanted)) <= 2][:20_000]
    near = difflib.get_close_matches(wanted, candidates, n=3, cutoff=0.7)
    if not near:
        return ": choose a word of its texts"
    quoted = [f"“{word}”" for word in near]
    listed = quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
    return f"; near it are {listed}"


def targets(corpus: Corpus) -> list[Occurrence]:
    """The target spans of a corpus, in row order; rows without one are left out."""
    return [
        Occurrence(text, target.start, target.end, target.sense, target.word, row)
        for row, (text, target) in enumerate(zip(corpus.texts, corpus.targets or (), strict=False))
        if target is not None
    ]


def whole_texts(corpus: Corpus) -> list[Occurrence]:
    """Every text as one span, in row order."""
    return [Occurrence(text, 0, len(text), row=row) for row, text in enumerate(corpus.texts)]


def all_words(corpus: Corpus) -> list[Occurrence]:
    """Every use of every word, in row order, its word lower-cased; the target of a row carries its sense."""
    found = []
    for row, text in enumerate(corpus.texts):
        target = corpus.targets[row] if corpus.targets is not None else None
        for start, end in word_spans(text):
            is_target = target is not None and (target.start, target.end) == (start, end)
            sense = target.sense if target is not None and is_target else None
            found.append(Occurrence(text, start, end, sense, text[start:end].lower(), row))
    return found


def vocabulary(corpus: Corpus, min_count: int = 2) -> dict[str, int]:
    """Lower-cased word -> uses, for words used at least `min_count` times; most used first, then by spelling."""
    counts = Counter(word for text in corpus.texts for word in _words(text))
    kept = [(word, n) for word, n in counts.items() if n >= min_count]
    return dict(sorted(kept, key=lambda item: (-item[1], item[0])))


def _words(text: str) -> Iterator[str]:
    return (text[start:end].lower() for start, end in word_spans(text))


def concordance(corpus: Corpus, word: str, width: int = 40) -> list[Line]:
    """Keyword in context: every use of a word with up to `width` characters a side, in row order.

    Line breaks and control characters in the context are shown as spaces. Raises CorpusError as `uses_of` does.
    """
    lines = []
    for use in uses_of(corpus, word):
        row = use.row if use.row is not None else 0
        left = _flat(use.text[max(0, use.start - width) : use.start])
        right = _flat(use.text[use.end : use.end + width])
        label = corpus.labels[row] if corpus.labels is not None else None
        lines.append(Line(row, left, use.surface, right, use.sense, label))
    return lines


def _flat(text: str) -> str:
    return "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)


def background(texts: Sequence[str], units: Sequence[Sequence[tuple[int, int]]], seed: int) -> list[Occurrence]:
    """One random unit of each distinct text: what an ordinary piece of this corpus looks like.

    units[i]: character spans of the pieces of texts[i] (Encoder.units). The same seed gives the same sample; a text
    without units, or with empty ones only, gives none. `row` is where the text first stands in `texts`.
    """
    random = np.random.default_rng(seed)
    seen: set[str] = set()
    sample = []
    for row, (text, spans) in enumerate(zip(texts, units, strict=True)):
        real = [(start, end) for start, end in spans if start < end]
        if text in seen or not real:
            continue
        seen.add(text)
        start, end = real[int(random.integers(len(real)))]
        sample.append(Occurrence(text, start, end, row=row))
    return sample
