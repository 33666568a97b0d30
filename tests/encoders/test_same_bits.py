"""A vector follows from its text and the weights: not from the batch, the order, the threads or the run."""

import numpy as np
import pytest
import torch

from embedlab.encoders.transformer import TransformerEncoder
from embedlab.types import Occurrence
from tests.encoders import tiny
from tests.encoders.conftest import Both
from tests.encoders.gathered import vectors


def uses(encoder: TransformerEncoder, texts: list[str]) -> list[Occurrence]:
    found = []
    for text, spans in zip(texts, encoder.units(texts), strict=True):
        found.append(Occurrence(text, 0, len(text)))
        found += [Occurrence(text, spans[i][0], spans[min(i + 2, len(spans) - 1)][1]) for i in range(0, len(spans), 3)]
    return list(dict.fromkeys(found))


def sentences(count: int) -> list[str]:
    words = " ".join(tiny.LINES).split()
    rng = np.random.default_rng(3)
    return sorted({" ".join(rng.choice(words, int(rng.integers(2, 30)))) for _ in range(count)})


@pytest.fixture(params=["bundled", "gpt2", "modernbert", "mpnet"])
def encoder(request: pytest.FixtureRequest, both: Both, builtin: TransformerEncoder) -> TransformerEncoder:
    return builtin if request.param == "bundled" else both(request.param)[0]


def test_the_same_question_twice(encoder: TransformerEncoder) -> None:
    asked = uses(encoder, sentences(12))
    np.testing.assert_array_equal(vectors(encoder, asked), vectors(encoder, asked))


def test_another_order_of_the_same_question(encoder: TransformerEncoder) -> None:
    asked = uses(encoder, sentences(12))
    order = np.random.default_rng(0).permutation(len(asked))
    np.testing.assert_array_equal(vectors(encoder, [asked[i] for i in order]), vectors(encoder, asked)[:, order])


def test_fewer_occurrences_of_the_same_texts(encoder: TransformerEncoder) -> None:
    asked = uses(encoder, sentences(12))
    every = vectors(encoder, asked)
    whole = [i for i, use in enumerate(asked) if use.is_whole_text]
    np.testing.assert_array_equal(vectors(encoder, [asked[i] for i in whole]), every[:, whole])
    spans = [i for i in range(len(asked)) if i not in whole]
    np.testing.assert_array_equal(vectors(encoder, [asked[i] for i in spans[::2]]), every[:, spans[::2]])


def test_one_thread_or_two(encoder: TransformerEncoder) -> None:
    asked = uses(encoder, [*sentences(8), " ".join(tiny.LINES * 5)])
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = vectors(encoder, asked)
        torch.set_num_threads(2)
        np.testing.assert_array_equal(vectors(encoder, asked), one)
        assert torch.get_num_threads() == 2, "the number of threads is given back"
    finally:
        torch.set_num_threads(before)


def test_other_texts_beside_it(encoder: TransformerEncoder) -> None:
    """Not promised by the protocol, since a GPU or another BLAS may not give it; to within rounding in any case."""
    texts = sentences(20)
    asked = uses(encoder, texts)
    every = vectors(encoder, asked)
    some = [i for i, use in enumerate(asked) if use.text in set(texts[::5])]
    np.testing.assert_allclose(vectors(encoder, [asked[i] for i in some]), every[:, some], atol=2e-6, rtol=2e-6)


def test_leaving_early_stops_the_work(encoder: TransformerEncoder) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        blocks = encoder.encode(uses(encoder, sentences(12)))
        next(iter(blocks))
        blocks.close()  # type: ignore[attr-defined]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
