"""CoarseWSD-20 through the user's path: a file, a corpus, a survey of the bundled model, the readings of a comparison.

The kit says what an independent program found on the same ten words (minilm_coarsewsd20.json).
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embedlab import encoders, survey
from embedlab.comparing.senses import SenseSurvey
from embedlab.comparing.sides import Sides, side_by_side
from embedlab.comparing.spaces import space_readings
from embedlab.corpus import Columns, held_out, read
from embedlab.encoders.protocol import Encoder
from embedlab.measure.words import self_similarity
from embedlab.survey import Survey, SurveyPlan
from embedlab.types import Corpus, EncoderSpec
from tests.kit import KIT, needs_kit

WORDS = ("bank", "apple", "java", "spring", "crane", "seal", "square", "club", "mole", "pitcher")
SHORT = ("crane", "mole", "club")
COLUMNS = Columns(text="text", target="word", token_index="index", sense="sense", split="split")
PER_LAYER = {
    "mean_cosine": "mean_cosine_random_tokens",
    "mean_cosine_centred": "mean_cosine_after_centering",
    "isoscore": "isoscore",
}


def lines_of(word: str, split: str) -> list[dict[str, str]]:
    folder = KIT / "coarsewsd20" / word
    senses = json.loads((folder / "classes_map.txt").read_text())
    data = (folder / f"{split}.data.txt").read_text().split("\n")
    gold = (folder / f"{split}.gold.txt").read_text().split("\n")
    rows = []
    for line, number in zip(data, gold, strict=True):
        if line:
            index, text = line.split("\t")
            rows.append({"index": index, "text": text, "word": word, "sense": senses[number], "split": split})
    return rows


def with_the_kits_tokens(
    plan: SurveyPlan, corpus: Corpus, encoder: Encoder, positions: dict[str, list[int]]
) -> SurveyPlan:
    """The plan with the random piece that the kit drew of every test sentence (counted with [CLS] as 0)."""
    background = plan.background.copy()
    place = {text: i for i, text in enumerate(plan.texts)}
    assert corpus.targets is not None
    assert corpus.splits is not None
    rows = [i for i, split in enumerate(corpus.splits) if split == "test"]
    units = encoder.units([corpus.texts[row] for row in rows])
    left = {word: iter(numbers) for word, numbers in positions.items()}
    for row, spans in zip(rows, units, strict=True):
        target = corpus.targets[row]
        assert target is not None
        background[place[corpus.texts[row]]] = spans[next(left[target.word]) - 1]
    assert not [word for word, numbers in left.items() if list(numbers)]
    return replace(plan, background=background)


@needs_kit
@pytest.mark.slow
@pytest.mark.timeout(5400)
@pytest.mark.parametrize(
    "words", [pytest.param(SHORT, id="three"), pytest.param(WORDS, id="ten", marks=pytest.mark.long)]
)
def test_words_read_as_the_kit_measured_them(tmp_path: Path, words: tuple[str, ...]) -> None:
    """The senses of three small words; of all ten with `make kit`, and then also the figures of the space."""
    measured = json.loads((KIT / "measured" / "minilm_coarsewsd20.json").read_text())
    rows = [row for word in words for split in ("train", "test") for row in lines_of(word, split)]
    source = tmp_path / "words.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    imported = read(source, source.name, COLUMNS)
    assert imported.refused == ()
    corpus = imported.corpus
    encoder = encoders.load(EncoderSpec("builtin"))
    positions = {word: measured["token_positions"][word]["random_token_position"] for word in words}
    plan = with_the_kits_tokens(survey.plan_survey(corpus, encoder), corpus, encoder, positions)
    taken = survey.take_survey(encoder, plan, tmp_path / "survey")
    is_test = held_out(corpus)
    if words == WORDS:  # they are of all ten words together
        _space_agrees(taken, corpus, is_test, measured["per_layer"])
    _senses_agree(taken, is_test, measured["wsd"])


def _space_agrees(taken: Survey, corpus: Corpus, is_test: np.ndarray, per_layer: list[dict]) -> None:
    texts = list(dict.fromkeys(corpus.texts))
    tested = {text for text, test in zip(corpus.texts, is_test, strict=True) if test}
    rows = np.array([i for i, text in enumerate(texts) if text in tested])
    assert len(rows) == per_layer[0]["n_sentences"]
    both = side_by_side(taken, taken)
    sides = Sides(taken, taken, both.layers, rows, both.words, both.uses, both.whole)
    held = np.array([bool(is_test[use.row or 0]) for use in taken.use_items])
    about = np.array([use.word for use in taken.use_items])
    for layer, expected in zip(sides.layers, per_layer, strict=True):
        readings = space_readings(sides, layer, seed=0, k=10, intervals=False)
        for ours, theirs in PER_LAYER.items():
            assert readings[ours].before == pytest.approx(expected[theirs], abs=1e-3), (layer.name, ours)
        ratio = readings["participation_ratio"].before
        assert ratio == pytest.approx(expected["participation_ratio"], rel=1e-3), layer.name
        intra = float(np.nanmean(taken.intra[layer.before, rows]))
        assert intra == pytest.approx(expected["intra_sentence_mean"], abs=1e-3), layer.name
        for word, value in expected["self_similarity_by_word"].items():
            uses = np.asarray(taken.uses[layer.before])[held & (about == word)]
            assert self_similarity(uses) == pytest.approx(value, abs=1e-3), (layer.name, word)


def _senses_agree(taken: Survey, is_test: np.ndarray, wsd: dict) -> None:
    found = SenseSurvey(side_by_side(taken, taken), is_test, seed=0, intervals=False)
    for number in range(len(taken.layers)):
        found.layer(number, k=10)
    for word, layers in found.readings.items():
        tests = sum(1 for use in taken.use_items if use.word == word and is_test[use.row or 0])
        for number, layer in enumerate(layers):
            accuracy, f1 = wsd[word][f"centroid_layer{number}"]
            ours = layer.readings["wsd_centroid_accuracy"].before
            assert ours is not None
            assert abs(ours - accuracy) * tests <= 2.5, (word, number)
            if abs(ours - accuracy) * tests < 0.5:
                assert layer.readings["wsd_centroid_macro_f1"].before == pytest.approx(f1, abs=0.02), (word, number)
        knn = layers[-1].readings["wsd_knn_accuracy"].before
        assert knn is not None
        assert abs(knn - wsd[word]["knn5_layer6"][0]) * tests <= 2.5, word
