"""Rule 1: are the senses of the target words told apart? Scores and answers are those of the comparison (A16)."""

from dataclasses import replace

import numpy as np
from jaxtyping import Int64

from embedlab.comparing.senses import targets_of
from embedlab.comparing.wordsenses import Target
from embedlab.measure.noise import seed_noise
from embedlab.measure.senses import centroid_predict
from embedlab.survey import Survey
from embedlab.types import Answer, Reading
from embedlab.verdict.rules import RULES, Rules
from embedlab.verdict.states import States
from embedlab.verdict.swap import Graded
from embedlab.verdict.task import TaskScore
from embedlab.wording import count

LEADING = "wsd_centroid_macro_f1"
BESIDE = ("wsd_centroid_accuracy", "wsd_knn_macro_f1", "wsd_knn_accuracy")


def sense_score(states: States, rules: Rules = RULES) -> TaskScore | None:
    """Macro-F1 of the nearest sense centroid, mean over the words; None where the corpus does not allow it."""
    readings = states.comparison.layers[-1].readings
    leading = readings.get(LEADING)
    if leading is None or leading.before is None or leading.after is None or leading.interval is None:
        return None
    words = _scored_words(states)
    rows = np.array(sorted(row for word in words for row in word.rows[word.test]), dtype=np.int64)
    if len(rows) < rules.least_items:
        return None
    graded = _graded(states, words)
    noise = leading.noise if leading.noise is not None else _noise(states, words, leading)
    scores = (replace(leading, p=graded.swap_p(states.seed), noise=noise), *_beside(states))
    won, lost = _answers(states, rows)
    return TaskScore(
        what=f"sense macro-F1 (mean over {count(len(words), 'word')})",
        items=len(rows),
        item="use",
        scores=scores,
        won=won,
        lost=lost,
        test="the two models' answers swapped by sentence",
        how=(
            "A use gets the sense of the nearest centroid of the uses that are not held out, at the last layer; "
            "every sense of a word counts equally, and every word.",
        ),
        seeds=len(states.trained),
    )


def _scored_words(states: States) -> list[Target]:
    """The words whose senses the comparison could score."""
    of_word = states.comparison.sense_readings
    uses = states.comparison.uses
    found = targets_of(uses.occurrences, uses.held_out)
    return [t for t in found if t.word in of_word and of_word[t.word][-1].readings[LEADING].before is not None]


def _graded(states: States, words: list[Target]) -> Graded:
    """The held-out answers of all words: a class is a sense of a word."""
    uses = states.comparison.uses
    before, after = (np.array(said[-1], dtype=object) for said in (uses.predicted_before, uses.predicted_after))
    return _numbered(words, [(w.senses[w.test], before[w.rows[w.test]], after[w.rows[w.test]]) for w in words])


def _numbered(words: list[Target], answers: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Graded:
    """Senses as numbers, all senses of a word counted whether met or not; each word weighs the same."""
    number: dict[tuple[str, str], int] = {}
    weight: list[float] = []
    for word in words:
        known = sorted(set(word.senses) - {""})
        for sense in known:
            number[word.word, sense] = len(weight)
            weight.append(1 / (len(known) * len(words)))
    truth, before, after = (
        np.array([number[word.word, sense] for word, of in zip(words, answers, strict=True) for sense in of[side]])
        for side in range(3)
    )
    return Graded(truth, before, after, np.array(weight))


def _noise(states: States, words: list[Target], leading: Reading) -> float | None:
    """Seed noise of the deciding score, where the comparison itself was made without the other seeds."""
    if not states.replicates or leading.after is None:
        return None
    return seed_noise([leading.after, *(_score_of(states, seed, words) for seed in states.replicates)])


def _score_of(states: States, seed: Survey, words: list[Target]) -> float:
    """The deciding score of another seed on the same uses."""
    place = {use: row for row, use in enumerate(seed.use_items)}
    rows = np.array([place[use] for use in states.comparison.uses.occurrences], dtype=np.int64)
    answers = []
    for word in words:
        vectors = np.asarray(seed.uses[states.layers[1]][rows[word.rows]])
        said = centroid_predict(vectors[word.train], word.senses[word.train], vectors[word.test])
        answers.append((word.senses[word.test], said, said))
    graded = _numbered(words, answers)
    return graded.score(graded.after)


def _beside(states: States) -> list[Reading]:
    readings = states.comparison.layers[-1].readings
    return [readings[name] for name in BESIDE if name in readings and readings[name].before is not None]


def _answers(states: States, rows: Int64[np.ndarray, "item"]) -> tuple[tuple[Answer, ...], tuple[Answer, ...]]:
    """(won, lost) among the held-out uses, in the order of the corpus."""
    uses = states.comparison.uses
    won: list[Answer] = []
    lost: list[Answer] = []
    for row in rows:
        use = uses.occurrences[row]
        before, after = uses.predicted_before[-1][row], uses.predicted_after[-1][row]
        if use.sense is None or (before == use.sense) == (after == use.sense):
            continue
        (won if after == use.sense else lost).append(Answer(use.text, use.sense, before, after, use.start, use.end))
    return tuple(won), tuple(lost)
