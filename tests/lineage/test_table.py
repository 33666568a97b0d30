"""A table of words: its vectors are its rows, and a text is their mean."""

from pathlib import Path

import numpy as np
import pytest
import torch

from embedlab import encoders
from embedlab.encoders.transformer import TransformerEncoder
from embedlab.lineage import making, vocabulary
from embedlab.lineage.table import Config, Model
from embedlab.types import EncoderSpec, Occurrence
from tests.encoders.gathered import vectors
from tests.lineage.running import TABLE, weights

TEXTS = ["the bank of the river", "a bank and a loan", "xyzzy"]


def test_one_layer_and_every_vector_is_a_row(tmp_path: Path) -> None:
    making.make("table", tmp_path, TEXTS[:2], embedding_size=8, min_count=1)
    encoder = encoders.load(EncoderSpec(str(tmp_path)), device="cpu")
    assert isinstance(encoder, TransformerEncoder)
    assert [(layer.name, layer.dim, layer.kind) for layer in encoder.layers] == [("embeddings", 8, "static")]
    rows = weights(tmp_path)[TABLE]
    words = vocabulary.words_of(vocabulary.tokenizer(TEXTS[:2], min_count=1))
    row_of = {word: row for row, word in enumerate(words)}
    asked = [Occurrence(text, 0, len(text)) for text in TEXTS] + [Occurrence(TEXTS[0], 4, 8)]
    found = vectors(encoder, asked)[0]
    for i, text in enumerate(TEXTS):
        mean = np.mean([rows[row_of.get(word, 1)] for word in text.split()], axis=0)
        np.testing.assert_allclose(found[i], mean, atol=1e-6)
    np.testing.assert_array_equal(found[3], rows[row_of["bank"]])
    np.testing.assert_array_equal(found[2], rows[1])  # a word nobody knows is the row of unknown words


def test_fresh_rows_are_standard_normal_and_padding_is_nothing() -> None:
    torch.manual_seed(0)
    table = Model(Config(vocab_size=4_000, embedding_size=32)).get_input_embeddings().weight.detach()
    assert torch.equal(table[0], torch.zeros(32))
    assert abs(float(table[1:].mean())) < 0.01
    assert abs(float(table[1:].std()) - 1) < 0.01


def test_its_width_is_the_tables() -> None:
    assert Config(embedding_size=7).hidden_size == 7
    with pytest.raises(ValueError, match="hidden_size of a table"):
        Config(embedding_size=7, hidden_size=8)
