"""The bundled model against sentence-transformers, against float64, and against the kit's golden vectors."""

import json
from functools import cache

import numpy as np
import pytest
import torch

from embedlab.encoders.places import resolve_builtin
from embedlab.encoders.transformer import TransformerEncoder
from embedlab.types import Occurrence
from tests.encoders import tiny
from tests.encoders.gathered import vectors
from tests.encoders.plain import Plain
from tests.kit import KIT, needs_kit

WORDS = ("apple", "bank", "club", "crane", "java", "mole", "pitcher", "seal", "spring", "square")
GOLDEN = 8  # sentences a word


def test_whole_texts_equal_sentence_transformers(builtin: TransformerEncoder) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    theirs = sentence_transformers.SentenceTransformer(str(resolve_builtin()), device="cpu", local_files_only=True)
    texts = [*tiny.LINES, " ".join(tiny.LINES), "bank"]
    ours = vectors(builtin, [Occurrence(text, 0, len(text)) for text in texts], layers=[6])[0]
    ours /= np.linalg.norm(ours, axis=1, keepdims=True)  # the bundled model ends in a normalisation
    np.testing.assert_allclose(ours, theirs.encode(texts), atol=1e-5, rtol=0)


def test_relative_error_against_float64_is_below_a_millionth(builtin: TransformerEncoder) -> None:
    plain = Plain(resolve_builtin(), longest=512, dtype=torch.float64)
    asked = [Occurrence(text, 0, len(text)) for text in tiny.LINES]
    for text, spans in zip(tiny.LINES, builtin.units(tiny.LINES), strict=True):
        asked += [Occurrence(text, *span) for span in spans]
    ours, truth = vectors(builtin, asked), plain.vectors(asked)
    error = np.linalg.norm((ours - truth).reshape(7, -1), axis=1) / np.linalg.norm(truth.reshape(7, -1), axis=1)
    assert error.max() < 1e-6, error


def test_bf16_is_another_choice_and_close(builtin: TransformerEncoder) -> None:
    asked = [Occurrence(text, 0, len(text)) for text in tiny.LINES[:4]]
    fine, coarse = vectors(builtin, asked), vectors(builtin, asked, precision="bf16")
    error = np.linalg.norm(coarse - fine) / np.linalg.norm(fine)
    assert 1e-5 < error < 1e-2
    np.testing.assert_array_equal(vectors(builtin, asked), fine)  # the other choice left fp32 as it was


@cache
def sentences(word: str) -> list[tuple[str, tuple[int, int]]]:
    """The first test sentences of a word, each with the characters of its target."""
    lines = (KIT / "coarsewsd20" / word / "test.data.txt").read_text().split("\n")[:GOLDEN]
    found = []
    for line in lines:
        index, text = line.split("\t", 1)
        tokens = text.split()
        text = " ".join(tokens)
        start = len(" ".join(tokens[: int(index)])) + (int(index) > 0)
        found.append((text, (start, start + len(tokens[int(index)]))))
    return found


@needs_kit
@pytest.mark.parametrize("word", WORDS)
def test_golden_vectors(builtin: TransformerEncoder, word: str) -> None:
    """Target, random piece and intra-sentence similarity at layers 0..6 within 1e-4."""
    measured = json.loads((KIT / "measured" / "minilm_coarsewsd20.json").read_text())
    positions = measured["token_positions"][word]["random_token_position"][:GOLDEN]
    with np.load(KIT / "measured" / "minilm_first8_test_sentences.npz") as file:
        golden = {name: file[f"{word}_{name}"] for name in ("target", "random", "intra")}
    given = sentences(word)
    spans = builtin.units([text for text, _ in given])

    targets = vectors(builtin, [Occurrence(text, *span) for text, span in given])
    np.testing.assert_allclose(targets.transpose(1, 0, 2), golden["target"], atol=1e-4, rtol=0)

    # positions count pieces with 0 = [CLS]
    drawn = [Occurrence(text, *own[place - 1]) for (text, _), own, place in zip(given, spans, positions, strict=True)]
    np.testing.assert_allclose(vectors(builtin, drawn).transpose(1, 0, 2), golden["random"], atol=1e-4, rtol=0)

    for i, ((text, _), own) in enumerate(zip(given, spans, strict=True)):
        states = vectors(builtin, [Occurrence(text, *span) for span in own]).astype(np.float64)
        mean = states.mean(axis=1, keepdims=True)
        cosine = (states * mean).sum(2) / np.linalg.norm(states, axis=2) / np.linalg.norm(mean, axis=2)
        np.testing.assert_allclose(cosine.mean(axis=1), golden["intra"][i], atol=1e-4, rtol=0)
