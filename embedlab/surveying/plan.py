"""What a survey will look at: the same texts, words, random pieces and uses for both model states.

A plan depends on the corpus, the options and the BEFORE encoder (whose pieces the random background is drawn from),
never on the after encoder, so both sides see the same characters.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from embedlab import occurrences
from embedlab.encoders.protocol import Encoder
from embedlab.errors import UserError
from embedlab.types import Corpus, Occurrence, freeze

VERSION = 2  # of what a survey holds; raise it when the same plan would give other numbers


@dataclass(frozen=True)
class SurveyPlan:
    """What both model states are asked.

    texts: the distinct texts; the first `surveyed` are the corpus texts, in order of first appearance, the others
    are related texts of pairs, then off-domain texts, of which only the whole-text vector is wanted.
    words, counts: the vocabulary, most frequent first; a count is of uses in distinct texts.
    background[t] = characters [start, end) of one random piece of text t, or -1, -1 where it has no piece.
    uses: the uses of the target words, each (text, span, sense) once.
    off_domain: the rows of `texts` that are far from the corpus (the canary's); those the corpus holds are left out.
    """

    id: str
    corpus_id: str
    texts: tuple[str, ...]
    surveyed: int
    words: tuple[str, ...]
    counts: Int64[np.ndarray, "word"]
    background: Int64[np.ndarray, "text 2"]
    uses: tuple[Occurrence, ...]
    off_domain: Int64[np.ndarray, "off"]
    min_count: int
    seed: int
    words_below_min_count: int
    tokens: int


def plan_survey(
    corpus: Corpus,
    encoder: Encoder,
    words: Sequence[str] | None = None,
    min_count: int = 2,
    seed: int = 0,
    off_domain: Sequence[str] = (),
) -> SurveyPlan:
    """The plan for a corpus; `encoder` is the BEFORE side. `words` are looked up besides the corpus's own targets.

    `off_domain`: texts far from the corpus, whose whole-text vectors tell what training did elsewhere.

    Raises CorpusError (with near spellings) for a word that never occurs, UserError for a min_count below 1.
    """
    if min_count < 1:
        raise UserError(f"--min-count is {min_count}: give 1 or more.")
    own, count = distinct_texts(corpus)
    held = set(own)
    texts = (*own, *(text for text in dict.fromkeys(off_domain) if text not in held))
    surveyed = texts[:count]
    counted = Counter(word for text in surveyed for word, _, _ in words_of(text))
    kept = sorted((word for word, n in counted.items() if n >= min_count), key=lambda word: (-counted[word], word))
    uses = _uses(corpus, words or ())
    background = _background(surveyed, encoder, seed)
    asked = sorted({word.lower() for word in words or ()})
    options = {"version": VERSION, "corpus": corpus.id, "min_count": min_count, "seed": seed, "words": asked}
    options["off_domain"] = texts[len(own) :]
    return SurveyPlan(
        id=hashlib.sha256(json.dumps(options, sort_keys=True).encode() + background.tobytes()).hexdigest(),
        corpus_id=corpus.id,
        texts=texts,
        surveyed=count,
        words=tuple(kept),
        counts=freeze(np.array([counted[word] for word in kept], dtype=np.int64)),
        background=freeze(background),
        uses=uses,
        off_domain=freeze(np.arange(len(own), len(texts))),
        min_count=min_count,
        seed=seed,
        words_below_min_count=len(counted) - len(kept),
        tokens=sum(counted.values()),
    )


def distinct_texts(corpus: Corpus) -> tuple[tuple[str, ...], int]:
    """(every distinct text, how many of them are texts of rows): related texts of pairs that are no row come last."""
    surveyed = dict.fromkeys(corpus.texts)
    partners = dict.fromkeys(partner for partner in corpus.pairs or () if partner is not None)
    return (*surveyed, *(partner for partner in partners if partner not in surveyed)), len(surveyed)


def words_of(text: str) -> list[tuple[str, int, int]]:
    """(lower-cased word, start, end) of every word of a text."""
    return [(text[start:end].lower(), start, end) for start, end in occurrences.word_spans(text)]


def _uses(corpus: Corpus, words: Sequence[str]) -> tuple[Occurrence, ...]:
    """The targets of the corpus, then every other use of the words asked; a repeated row counts once."""
    found: dict[tuple[str, int, int, str | None], Occurrence] = {}
    for use in occurrences.targets(corpus):
        found.setdefault((use.text, use.start, use.end, use.sense), use)
    spans = {key[:3] for key in found}
    for word in words:
        for use in occurrences.uses_of(corpus, word):
            if (use.text, use.start, use.end) not in spans:
                spans.add((use.text, use.start, use.end))
                found[use.text, use.start, use.end, use.sense] = use
    return tuple(found.values())


def _background(texts: Sequence[str], encoder: Encoder, seed: int) -> Int64[np.ndarray, "text 2"]:
    """One random piece a text (A1), or -1, -1."""
    place = {text: i for i, text in enumerate(texts)}
    spans = np.full((len(texts), 2), -1, dtype=np.int64)
    for piece in occurrences.background(texts, encoder.units(texts), seed):
        spans[place[piece.text]] = piece.start, piece.end
    return spans
