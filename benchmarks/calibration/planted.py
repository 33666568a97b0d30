"""Changes of stated size, planted on the after side of a comparison of two seeds."""

from dataclasses import replace

import numpy as np

from benchmarks.calibration.world import World, compared, drawn
from embedlab.survey import Survey

PLANTED_WORDS = 20
SIZES = {
    "words moved": (0.5, 0.75, 1.0),
    "senses merged": (0.25, 0.5, 1.0),
    "senses split": (0.5, 1.0, 2.0),
    "space collapsed": (0.5, 0.75, 1.0),
    "topic forgotten": (0.25, 0.5, 0.75),
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
    """The share of what was planted that is found. Every seed of the recipe gets it: it is what the recipe does."""
    rng = np.random.default_rng([2, number])
    before, after, others = drawn(world, rng)
    layer = world.last
    moved = rng.choice(np.flatnonzero(after.counts >= 3), 2 * PLANTED_WORDS, replace=False)
    common = rng.standard_normal(after.background[layer].shape[1])

    def plant(survey: Survey) -> Survey:
        if kind == "words moved":
            return _words_moved(survey, layer, moved[:PLANTED_WORDS], moved[PLANTED_WORDS:], size)
        if kind == "senses merged":
            return _last(survey, layer, uses=_senses_apart(survey, layer, -size))
        if kind == "senses split":
            return _last(survey, layer, uses=_senses_apart(survey, layer, size))
        if kind == "space collapsed":
            return _collapsed(survey, layer, common, size)
        return _forgotten(survey, layer, 1 + number % 10, size)

    made = compared(world, before, plant(after), [plant(other) for other in others], number)
    if kind == "words moved":
        row = {word: i for i, word in enumerate(made.words.words)}
        places = [row[after.words[i]] for i in moved[:PLANTED_WORDS] if after.words[i] in row]
        return float(made.words.changed(-1)[places].mean())
    if kind.startswith("senses"):
        return float(made.verdict.task == ("HARMED" if kind == "senses merged" else "HELPED"))
    return float(("COLLAPSE" if kind == "space collapsed" else "FORGETTING") in made.verdict.findings)


def _words_moved(survey: Survey, layer: int, words: np.ndarray, towards: np.ndarray, size: float) -> Survey:
    means = np.array(survey.word_means[layer])
    means[words] += size * (means[towards] - means[words])
    return _last(survey, layer, word_means=means)


def _collapsed(survey: Survey, layer: int, direction: np.ndarray, size: float) -> Survey:
    length = float(np.linalg.norm(survey.background[layer], axis=1).mean())
    common = size * length * direction / np.linalg.norm(direction)
    fields = ("word_means", "background", "uses", "texts")
    return _last(survey, layer, **{name: np.asarray(getattr(survey, name)[layer]) + common for name in fields})


def _forgotten(survey: Survey, layer: int, turn: int, size: float) -> Survey:
    texts, off = np.array(survey.texts[layer]), np.asarray(survey.off_domain)
    texts[off] += size * (texts[np.roll(off, turn)] - texts[off])
    return _last(survey, layer, texts=texts)


def _senses_apart(survey: Survey, layer: int, size: float) -> np.ndarray:
    """The uses, each moved by `size` times the way from its word's mean to its sense's mean."""
    rows = np.array(survey.uses[layer])
    words = np.array([use.word for use in survey.use_items])
    senses = np.array([f"{use.word}\0{use.sense}" for use in survey.use_items])
    middle = {word: rows[words == word].mean(axis=0) for word in np.unique(words)}
    centre = {sense: rows[senses == sense].mean(axis=0) for sense in np.unique(senses)}
    way = np.stack([centre[sense] - middle[word] for word, sense in zip(words, senses, strict=True)])
    return rows + size * way
