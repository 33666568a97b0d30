"""Changes of stated size, planted on the after side of a comparison of two seeds."""

from dataclasses import replace

import numpy as np

from benchmarks.calibration.world import World, compared, drawn
from embedlab.survey import Survey

PLANTED_WORDS = 20
SIZES = {
    "words moved": (0.25, 0.5, 0.75, 1.0),
    "senses merged": (0.25, 0.5, 0.75, 1.0),
    "senses split": (0.25, 0.5, 1.0, 2.0),
    "space collapsed": (0.25, 0.5, 1.0, 2.0),
    "topic forgotten": (0.25, 0.5, 0.75, 1.0),
}
MEANING = {
    "words moved": "20 words go this share of the way to another word's place; found: the word is called changed",
    "senses merged": "every use loses this share of what sets its sense apart; found: HARMED",
    "senses split": "every use gains this multiple of what sets its sense apart; found: HELPED",
    "space collapsed": "a common vector of this multiple of the mean length is added to all; found: COLLAPSE",
    "topic forgotten": "off-domain texts go this share of the way to each other's places; found: FORGETTING",
}


def _last(survey: Survey, layer: int, **rows: np.ndarray) -> Survey:
    """The survey with other rows at one layer."""
    fields = {}
    for name, array in rows.items():
        whole = list(getattr(survey, name))
        whole[layer] = array.astype(np.float32)
        fields[name] = tuple(whole)
    return replace(survey, **fields)


def planted(world: World, kind: str, size: float, number: int) -> float:
    """The share of what was planted that is found."""
    rng = np.random.default_rng([2, number])
    before, after, others = drawn(world, rng)
    layer = world.last
    if kind == "words moved":
        means = np.array(after.word_means[layer])
        frequent = np.flatnonzero(after.counts >= 3)
        some = rng.choice(frequent, 2 * PLANTED_WORDS, replace=False)
        moved, towards = some[:PLANTED_WORDS], some[PLANTED_WORDS:]
        means[moved] += size * (means[towards] - means[moved])
        made = compared(world, before, _last(after, layer, word_means=means), others, number)
        row = {word: i for i, word in enumerate(made.words.words)}
        places = [row[after.words[i]] for i in moved if after.words[i] in row]
        return float(made.words.changed(-1)[places].mean())
    if kind in ("senses merged", "senses split"):
        sign = -1.0 if kind == "senses merged" else 1.0
        after = _last(after, layer, uses=_senses_apart(after, layer, sign * size))
        wanted = "HARMED" if sign < 0 else "HELPED"
        return float(compared(world, before, after, others, number).verdict.task == wanted)
    if kind == "space collapsed":
        common = rng.standard_normal(after.background[layer].shape[1])
        common *= size * float(np.linalg.norm(after.background[layer], axis=1).mean()) / np.linalg.norm(common)
        rows = {
            name: np.asarray(getattr(after, name)[layer]) + common
            for name in ("word_means", "background", "uses", "texts")
        }
        made = compared(world, before, _last(after, layer, **rows), others, number)
        return float("COLLAPSE" in made.verdict.findings)
    texts = np.array(after.texts[layer])
    off = np.asarray(after.off_domain)
    texts[off] += size * (texts[np.roll(off, 1 + number % (len(off) - 1))] - texts[off])
    made = compared(world, before, _last(after, layer, texts=texts), others, number)
    return float("FORGETTING" in made.verdict.findings)


def _senses_apart(survey: Survey, layer: int, size: float) -> np.ndarray:
    """The uses, each moved by `size` times the way from its word's mean to its sense's mean."""
    rows = np.array(survey.uses[layer])
    words = np.array([use.word for use in survey.use_items])
    senses = np.array([f"{use.word}\0{use.sense}" for use in survey.use_items])
    middle = {word: rows[words == word].mean(axis=0) for word in np.unique(words)}
    centre = {sense: rows[senses == sense].mean(axis=0) for sense in np.unique(senses)}
    way = np.stack([centre[sense] - middle[word] for word, sense in zip(words, senses, strict=True)])
    return rows + size * way
